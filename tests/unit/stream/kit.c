#include "kit.h"

#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"

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
