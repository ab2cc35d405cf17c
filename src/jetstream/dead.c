/*
 * Messages that nobody could deal with: delivered as often as they may be, or terminated. Each is published once more,
 * with its headers and payload, under $DEAD.<stream>.<consumer>, which a stream of its own keeps, DEAD_<stream>; that
 * is made when it is first needed, unless another keeps the topic. Not before it is committed there is its consumer
 * done with it. Clients that listen for nats-server's advisories hear of it too.
 */
#include <stdio.h>
#include <stdlib.h>

#include "jetstream/api.h"
#include "jetstream/home.h"
#include "util/log.h"
#include "util/random.h"
#include "wire/format.h"
#include "wire/headers.h"

enum {
    RETRY_MS = 1000,
    WORDS_SIZE_MAX = 256,
    HEADERS_SIZE_MAX = 1024 + 2 * STREAM_NAME_SIZE_MAX + 2 * CONSUMER_NAME_SIZE_MAX + WORDS_SIZE_MAX,
    TOPIC_SIZE_MAX = 64 + STREAM_NAME_SIZE_MAX + CONSUMER_NAME_SIZE_MAX,
};

/* One that is on its way into its stream. */
struct corpse {
    struct keeper_waiter waiter; /* first */
    struct corpse *next;
    struct seat *seat;
    uint64_t sequence;
    bool is_buried;
};

/* Advisories. */

static const struct {
    const char *topic, *type, *reason;
} advisories[] = {
    [CONSUMER_MAX_DELIVER] = { "MAX_DELIVERIES", "io.nats.jetstream.advisory.v1.max_deliver", "max_deliver" },
    [CONSUMER_TERMINATED] = { "MSG_TERMINATED", "io.nats.jetstream.advisory.v1.terminated", "terminated" },
};

static cJSON *advisory(const struct seat *seat, uint64_t sequence, enum consumer_death death, uint64_t delivery_count,
                       struct slice words)
{
    char id[23];
    random_name(id, sizeof id - 1);
    cJSON *json = answer_begin(advisories[death].type);
    json = answer_add_text(json, "id", id);
    json = answer_add_moment(json, "timestamp", broker_wall_ms(seat->home->jetstream->broker));
    json = answer_add_text(json, "stream", seat->home->name);
    json = answer_add_text(json, "consumer", seat->name.data);
    json = answer_add_number(json, "stream_seq", (double)sequence);
    json = answer_add_number(json, "deliveries", (double)delivery_count);
    return words.size ? answer_add_slice(json, "reason", words) : json;
}

static void advise(const struct seat *seat, uint64_t sequence, enum consumer_death death, uint64_t delivery_count,
                   struct slice words)
{
    char topic[TOPIC_SIZE_MAX];
    struct jetstream *jetstream = seat->home->jetstream;
    int topic_size =
        snprintf(topic, sizeof topic, "$JS.EVENT.ADVISORY.CONSUMER.%s.%s.%s", advisories[death].topic,
                 seat->home->name, seat->name.data);
    cJSON *json = advisory(seat, sequence, death, delivery_count, words);
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    size_t size = text ? strlen(text) : 0;
    char *out = text ? jetstream_room(jetstream, size + 2) : NULL;
    if (out)
        jetstream_send(jetstream, slice_make(topic, (size_t)topic_size), memcpy(out, text, size), size);
    cJSON_free(text);
    cJSON_Delete(json);
}

/* The stream of dead letters. */

static bool is_kept(struct jetstream *jetstream, struct slice topic)
{
    const struct match *match = router_match(jetstream->broker->router, topic);
    return match->keeper_count && match->keepers[0]->keeper == SINK_KEEPS;
}

/* As long-lived as the stream that the letters are from. 0 or -ENOMEM. */
static int grave_settings(struct home *home, const char *name, struct stream_settings *grave)
{
    struct stream_settings settings;
    char topic[TOPIC_SIZE_MAX];
    int error = stream_get_settings(home->stream, &settings);
    if (error)
        return error;
    snprintf(topic, sizeof topic, "%s%s.>", DEAD_TOPIC, home->name);
    grave->storage = settings.storage;
    grave->sync = settings.sync;
    grave->sync_interval_ms = settings.sync_interval_ms;
    grave->allow_direct = true;
    settings_finish(&settings);
    error = settings_set_text(&grave->name, name);
    if (!error)
        error = settings_set_text(&grave->description, "dead letters: messages that consumers could not deal with");
    return error ? error : settings_add_topic(grave, topic);
}

/* Asks for it as any client would that manages. */
static void ask_for_grave(struct home *home, const char *name)
{
    struct jetstream *jetstream = home->jetstream;
    struct stream_settings grave;
    char topic[TOPIC_SIZE_MAX];
    settings_init(&grave);
    cJSON *json = grave_settings(home, name, &grave) == 0 ? settings_to_json(&grave) : NULL;
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    size_t size = text ? strlen(text) : 0;
    char *out = text ? jetstream_room(jetstream, size + 2) : NULL;
    int topic_size = snprintf(topic, sizeof topic, "$JS.API.STREAM.CREATE.%s", name);
    if (out)
        jetstream_ask(jetstream, slice_make(topic, (size_t)topic_size), memcpy(out, text, size), size);
    cJSON_free(text);
    cJSON_Delete(json);
    settings_finish(&grave);
}

static void open_grave(struct home *home)
{
    struct jetstream *jetstream = home->jetstream;
    char name[sizeof DEAD_STREAM + STREAM_NAME_SIZE_MAX];
    uint64_t now_ms = loop_now_ms(jetstream->loop);
    if (home->grave_retry_ms > now_ms)
        return;
    if (home->grave_retry_ms && !home->grave_failed)
        log_error("dead_letters_wait", "stream=%s error=\"%s%s cannot be made\"", home->name, DEAD_STREAM, home->name);
    home->grave_failed = home->grave_retry_ms;
    home->grave_retry_ms = now_ms + RETRY_MS;
    home->opening_grave = true;
    snprintf(name, sizeof name, "%s%s", DEAD_STREAM, home->name);
    ask_for_grave(home, name);
    jetstream_wake_by(jetstream, home->grave_retry_ms);
}

/* The letter. */

/* What would make a stream look at the message, or has been said of an earlier death. */
static bool is_dropped(struct slice name)
{
    static const char *const dropped[] = {
        "Nats-Msg-Id", "Nats-Rollup", "Nats-TTL", "Nats-Expected-", "Posthorn-Dead-",
    };
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++) {
        size_t size = strlen(dropped[i]);
        bool whole = dropped[i][size - 1] != '-';
        if (name.size >= size && (!whole || name.size == size) && strncasecmp(name.data, dropped[i], size) == 0)
            return true;
    }
    return false;
}

static char *put_number(char *out, const char *name, uint64_t number)
{
    char digits[FORMAT_NUMBER_SIZE_MAX];
    size_t size = (size_t)(format_number(digits, number) - digits);
    return headers_add(out, slice_of(name), slice_make(digits, size));
}

/* What the client said cannot break the block. */
static char *put_reason(char *out, enum consumer_death death, struct slice words)
{
    out = headers_add(out, slice_of("Posthorn-Dead-Reason"), slice_of(advisories[death].reason));
    words.size = words.size < WORDS_SIZE_MAX ? words.size : WORDS_SIZE_MAX;
    struct slice name = slice_of("Posthorn-Dead-Words");
    return words.size && headers_valid(name, words) ? headers_add(out, name, words) : out;
}

/* The same message dies once for a consumer: were it buried twice, the second would be taken for a duplicate. */
static char *put_id(char *out, const struct seat *seat, uint64_t sequence)
{
    char id[TOPIC_SIZE_MAX];
    int size = snprintf(id, sizeof id, "%s.%s.%llx.%llu", seat->home->name, seat->name.data,
                        (unsigned long long)stream_epoch(seat->home->stream), (unsigned long long)sequence);
    return headers_add(out, slice_of("Nats-Msg-Id"), slice_make(id, (size_t)size));
}

static char *put_headers(char *out, const struct seat *seat, const struct stream_message *message,
                         enum consumer_death death, uint64_t delivery_count, struct slice words)
{
    size_t cursor = 0;
    struct slice name, value;
    out = headers_begin(out);
    while (headers_next(message->head, &cursor, &name, &value))
        if (!is_dropped(name))
            out = headers_add(out, name, value);
    out = put_id(out, seat, message->sequence);
    out = put_reason(out, death, words);
    out = put_number(out, "Posthorn-Dead-Count", delivery_count);
    out = headers_add(out, slice_of("Posthorn-Dead-Stream"), slice_of(seat->home->name));
    out = put_number(out, "Posthorn-Dead-Sequence", message->sequence);
    out = headers_add(out, slice_of("Posthorn-Dead-Topic"), message->topic);
    out = headers_add(out, slice_of("Posthorn-Dead-Consumer"), seat->name);
    return headers_end(out);
}

/* Publishes it. False: nobody has kept it. */
static bool publish(const struct seat *seat, struct slice topic, const struct stream_message *message,
                    enum consumer_death death, uint64_t delivery_count, struct slice words, struct receipt *ret_receipt)
{
    struct jetstream *jetstream = seat->home->jetstream;
    /* Values were trimmed when they were read: with one blank each, a header may be a byte longer than it was. */
    size_t size = HEADERS_SIZE_MAX + 2 * message->head.size + message->topic.size + message->payload.size + 2;
    char *body = jetstream_room(jetstream, size);
    if (!body)
        return false;
    char *out = put_headers(body, seat, message, death, delivery_count, words);
    size_t head_size = (size_t)(out - body);
    if (message->payload.size)
        out = format_slice(out, message->payload);
    memcpy(out, "\r\n", 2);
    const struct message letter = {
        .body = body,
        .head_size = (uint32_t)head_size,
        .body_size = (uint32_t)(out - body),
    };
    broker_publish_one(jetstream->broker, topic, &letter, ret_receipt);
    return ret_receipt->sequence;
}

/* Corpses. */

static struct corpse **find_corpse(struct seat *seat, uint64_t sequence)
{
    struct corpse **place = &seat->corpses;
    while (*place && (*place)->sequence != sequence)
        place = &(*place)->next;
    return place;
}

static void remove_corpse(struct corpse **place)
{
    struct corpse *corpse = *place;
    *place = corpse->next;
    keeper_unwait(&corpse->waiter);
    free(corpse);
}

/* One that could not be committed is buried anew when it is asked for again. */
static void on_committed(struct keeper_waiter *waiter, bool committed)
{
    struct corpse *corpse = (struct corpse *)waiter;
    struct seat *seat = corpse->seat;
    corpse->is_buried = committed;
    if (!committed)
        remove_corpse(find_corpse(seat, corpse->sequence));
    seat_is_ready(seat);
}

/* True where there is nothing to wait for. */
static bool wait_for(struct seat *seat, uint64_t sequence, const struct receipt *receipt)
{
    struct corpse *corpse = malloc(sizeof *corpse);
    if (!corpse)
        return false; /* asked for again, it is a duplicate of this one */
    *corpse = (struct corpse){ .waiter = { .done = on_committed }, .next = seat->corpses, .seat = seat };
    corpse->sequence = sequence;
    if (!keeper_wait(seat->home->jetstream->keepers, &corpse->waiter, receipt)) {
        free(corpse);
        return true;
    }
    seat->corpses = corpse;
    return false;
}

static bool bury(struct seat *seat, const struct stream_message *message, enum consumer_death death,
                 uint64_t delivery_count, struct slice words)
{
    char text[TOPIC_SIZE_MAX];
    struct receipt receipt;
    int size = snprintf(text, sizeof text, "%s%s.%s", DEAD_TOPIC, seat->home->name, seat->name.data);
    struct slice topic = slice_make(text, (size_t)size);
    if (!is_kept(seat->home->jetstream, topic)) {
        open_grave(seat->home);
        return false;
    }
    if (!publish(seat, topic, message, death, delivery_count, words, &receipt)) {
        jetstream_wake_by(seat->home->jetstream, loop_now_ms(seat->home->jetstream->loop) + RETRY_MS);
        return false;
    }
    if (!receipt.duplicate)
        advise(seat, message->sequence, death, delivery_count, words);
    return wait_for(seat, message->sequence, &receipt);
}

static bool is_away(struct seat *seat, const struct stream_message *message, enum consumer_death death,
                    uint64_t delivery_count, struct slice words)
{
    struct corpse **place = find_corpse(seat, message->sequence);
    if (!seat->home->buries) {
        advise(seat, message->sequence, death, delivery_count, words);
        return true;
    }
    if (!*place)
        return bury(seat, message, death, delivery_count, words);
    if (!(*place)->is_buried)
        return false;
    remove_corpse(place);
    return true;
}

bool dead_bury(struct seat *seat, const struct stream_message *message, enum consumer_death death,
               uint64_t delivery_count, struct slice words)
{
    if (!is_away(seat, message, death, delivery_count, words))
        return false;
    seat->home->jetstream->broker->counters->dead_letters++;
    retention_done_with(seat, message->sequence);
    return true;
}

void dead_forget(struct seat *seat)
{
    while (seat->corpses)
        remove_corpse(&seat->corpses);
}
