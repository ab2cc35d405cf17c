#include "kit.h"

#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"
#include "stream/state.h"

const struct stream_limits kit_limits = {
    .bytes_max = 64 << 20,
    .duplicate_window_ms = 1000,
    .duplicate_ids_max = 100,
};

struct stream *kit_create(struct stream_limits limits)
{
    struct stream *stream = stream_create("log", &limits);
    ck_assert_ptr_nonnull(stream);
    return stream;
}

void kit_fill(struct stream *stream, const char *topic, unsigned count, size_t size, uint64_t now_ms)
{
    char *body = calloc(1, size + 1);
    const struct message message = { .body = body, .body_size = (uint32_t)size };
    const struct batch batch = { .topic = slice_of(topic), .messages = &message, .count = 1 };
    for (unsigned i = 0; i < count; i++) {
        uint64_t sequence = stream_last(stream) + 1;
        memcpy(body, &sequence, size < sizeof sequence ? size : sizeof sequence);
        unit_assert(stream_append(stream, &batch, now_ms, NULL) == 1);
    }
    free(body);
}

void kit_fill_any(struct stream *stream, const char *topic, unsigned count, size_t size, uint64_t now_ms)
{
    char *body = calloc(1, size + 1);
    const struct message message = { .body = body, .body_size = (uint32_t)size };
    const struct batch batch = { .topic = slice_of(topic), .messages = &message, .count = 1 };
    for (unsigned i = 0; i < count; i++)
        unit_assert(stream_append(stream, &batch, now_ms, NULL) == 1);
    free(body);
}

struct receipt kit_append(struct stream *stream, const char *topic, const char *payload, const char *id,
                          uint64_t now_ms)
{
    char body[256];
    int head_size = id ? snprintf(body, sizeof body, "NATS/1.0\r\nNats-Msg-Id: %s\r\n\r\n", id) : 0;
    int body_size = head_size + snprintf(body + head_size, sizeof body - (size_t)head_size, "%s", payload);
    const struct message message = {
        .body = body,
        .head_size = (uint32_t)head_size,
        .body_size = (uint32_t)body_size,
    };
    struct receipt receipt = { .durable = true };
    const struct batch batch = {
        .topic = slice_of(topic),
        .messages = &message,
        .count = 1,
        .receipts = &receipt,
    };
    unsigned kept = stream_append(stream, &batch, now_ms, NULL);
    unit_assert(kept == (receipt.sequence && !receipt.duplicate));
    return receipt;
}

struct receipt kit_publish(struct stream *stream, const char *topic, const char *payload, const char *headers,
                           uint64_t now_ms)
{
    char body[1024];
    int head_size = headers ? snprintf(body, sizeof body, "NATS/1.0\r\n%s\r\n", headers) : 0;
    int body_size = head_size + snprintf(body + head_size, sizeof body - (size_t)head_size, "%s", payload);
    const struct message message = {
        .body = body,
        .head_size = (uint32_t)head_size,
        .body_size = (uint32_t)body_size,
    };
    struct receipt receipt = { .found = 0 };
    const struct batch batch = { .topic = slice_of(topic), .messages = &message, .count = 1, .receipts = &receipt };
    unsigned kept = stream_append(stream, &batch, now_ms, NULL);
    unit_assert(kept == (receipt.sequence && !receipt.duplicate));
    unit_assert((receipt.sequence != 0) == (receipt.verdict == RECEIPT_KEPT));
    return receipt;
}

static struct stream_settings read_settings(const char *text)
{
    struct stream_settings settings;
    char room[256] = "";
    ck_assert_msg(settings_load(&settings, slice_of(text), room) == 0, "%s: %s", text, room);
    const char *wrong = settings_check(&settings, room);
    ck_assert_msg(!wrong, "%s: %s", text, wrong);
    return settings;
}

struct stream *kit_open(struct stream_engine *engine, const char *text)
{
    struct stream_settings settings = read_settings(text);
    struct stream *stream = NULL;
    ck_assert_int_eq(stream_open(engine, &settings, &stream), 0);
    settings_finish(&settings);
    return stream;
}

void kit_change(struct stream *stream, const char *text)
{
    struct stream_settings settings = read_settings(text);
    ck_assert_int_eq(stream_set_settings(stream, &settings), 0);
    settings_finish(&settings);
}

void kit_settle(struct stream *stream)
{
    if (!stream->engine)
        return;
    stream_commit(stream, 0);
    while (stream_fetch(stream, 1) == 1) /* there is more to do at once */
        continue;
    stream_commit(stream, 0);
}

static const char *list(struct stream *stream, bool fetches)
{
    static char text[4096];
    char *out = text;
    struct stream_run run;
    struct stream_message message;
    enum stream_found found;
    uint64_t after = 0;
    *out = '\0';
    while ((found = stream_read(stream, after, 0, &run)) == STREAM_FOUND || (found == STREAM_AWAY && fetches)) {
        if (found == STREAM_AWAY) {
            stream_fetch(stream, 1);
            continue;
        }
        while (stream_run_next(&run, &message)) {
            out += sprintf(out, out == text ? "%u" : " %u", (unsigned)message.sequence);
            unit_assert(out < text + sizeof text - 32);
        }
        after = run.last_sequence;
        stream_release(&run);
    }
    if (found == STREAM_AWAY)
        strcpy(out, " ?");
    return text;
}

const char *kit_list(struct stream *stream)
{
    return list(stream, false);
}

const char *kit_list_all(struct stream *stream)
{
    return list(stream, true);
}

static void see(struct kit_seen *seen, uint64_t sequence)
{
    unit_assert(sequence > seen->last_sequence);
    if (!seen->message_count++)
        seen->first_sequence = sequence;
    seen->last_sequence = sequence;
}

struct kit_seen kit_read(struct stream *stream, uint64_t after, uint64_t now_ms)
{
    struct kit_seen seen = { .last_sequence = after };
    struct stream_run run;
    struct stream_message message;
    bool found;
    do {
        found = stream_read(stream, seen.last_sequence, now_ms, &run) == STREAM_FOUND;
        if (run.gap_first) {
            seen.gap_count++;
            seen.gap_first = run.gap_first;
            seen.gap_last = seen.last_sequence = run.gap_last;
        }
        while (found && stream_run_next(&run, &message))
            see(&seen, message.sequence);
        stream_release(&run);
    } while (found);
    return seen;
}

struct stream_state kit_state(struct stream *stream)
{
    struct stream_state state;
    stream_get_state(stream, &state);
    return state;
}

static bool take_count(void *arg, const struct stream_topic *topic)
{
    *(uint64_t *)arg = topic->message_count;
    return true;
}

uint64_t kit_topic_count(struct stream *stream, const char *topic)
{
    uint64_t count = 0;
    stream_visit_topics(stream, slice_of(topic), take_count, &count);
    return count;
}

uint64_t kit_log_count(struct stream *stream)
{
    struct log_state state;
    stream_lock(stream);
    log_get_state(stream->log, &state);
    stream_unlock(stream);
    return state.live_count;
}
