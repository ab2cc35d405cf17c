#include "sidecar/door.h"

#include <inttypes.h>
#include <stdlib.h>

#include "broker/keeper.h"
#include "config/config.h"
#include "sidecar/origin.h"
#include "sidecar/spool.h"
#include "sidecar/uplink.h"
#include "util/list.h"
#include "util/log.h"
#include "wire/headers.h"

enum {
    TELL_INTERVAL_MS = 60000,
    FULL_STALL_MS = 20, /* whoever publishes into a full spool is read from more slowly */
};

void door_init(struct door *door, struct broker *broker, struct uplink *uplink, struct spool *spool,
               const struct config *config)
{
    *door = (struct door){ .broker = broker, .uplink = uplink, .spool = spool, .config = config };
}

/* Live. */

static void count_dropped(struct door *door, struct slice topic, int error)
{
    uint64_t now_ms = broker_wall_ms(door->broker);
    door->dropped_count++;
    if (door->told_ms && now_ms - door->told_ms < TELL_INTERVAL_MS)
        return;
    door->told_ms = now_ms;
    log_warning("live_dropped", "topic=\"%.*s\" error=\"%s\" count=%" PRIu64, SLICE_ARGS(topic), strerror(-error),
                door->dropped_count);
}

/* Who has asked for an answer hears that nobody took it; of the others there is nobody to tell. */
static unsigned publish_live(struct door *door, struct batch *batch)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < batch->count; i++) {
        const struct message *message = &batch->messages[i];
        int error = uplink_publish(door->uplink, message_topic(message, batch->topic), message);
        if (error && !message->reply_size)
            count_dropped(door, batch->topic, error);
        taken += !error && taken == i;
    }
    return taken;
}

/* Kept. */

/* What becomes of a message. The first three in the order of the option's words. */
enum way { WAY_BUFFERED, WAY_DURABLE, WAY_UPSTREAM, WAY_UNASKED, WAY_LIVE };

static const char *const words[] = {
    [WAY_BUFFERED] = "buffered", [WAY_DURABLE] = "durable", [WAY_UPSTREAM] = "upstream",
};

/* Conditions that hold at a stream of the broker's, or do not. */
static bool is_condition(struct slice name)
{
    static const char *const starts[] = { "Nats-Expected-", "Nats-Rollup" };
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (name.size >= strlen(starts[i]) && strncasecmp(name.data, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

static enum way way_of_word(struct slice word)
{
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        if (slice_is(word, words[i]))
            return (enum way)i;
    return WAY_DURABLE;
}

/* asked: of those that ask for a reply and do not say more. */
static enum way way_of(const struct message *message, enum way asked)
{
    struct slice head = slice_make(message->body, message->head_size), name, value;
    enum way way = message->reply_size ? asked : WAY_UNASKED;
    size_t cursor = 0;
    while (head.size && headers_next(head, &cursor, &name, &value))
        if (is_condition(name))
            return WAY_LIVE;
        else if (message->reply_size && name.size == 12 && strncasecmp(name.data, "Posthorn-Ack", 12) == 0)
            way = way_of_word(value);
    return way;
}

static enum way way_of_topic(const struct door *door, struct slice topic)
{
    const struct config_spool *spool = &door->config->spool;
    for (size_t i = 0; i < spool->acknowledge.item_count; i++)
        if (pattern_matches(slice_of(spool->acknowledge.items[i]), topic))
            return (enum way)spool->acknowledge_when;
    return WAY_LIVE;
}

/* Somebody who is to hear what the broker says; his topic stands behind it. */
struct asker {
    struct outlet_waiter waiter; /* first */
    struct broker *broker;
    size_t reply_size;
    char reply[];
};

/* Within the turn, and in no delivery. */
static void pass_answer(struct outlet_waiter *waiter, struct slice answer)
{
    static const char lost[] =
        "{\"error\":{\"code\":503,\"err_code\":10077,\"description\":\"given up by the sidecar\"}}";
    struct asker *asker = (struct asker *)waiter;
    if (!answer.size)
        answer = slice_make(lost, sizeof lost - 1);
    char *text = malloc(answer.size + 2);
    if (text) {
        memcpy(memcpy(text, answer.data, answer.size) + answer.size, "\r\n", 2);
        const struct message message = { .body = text, .body_size = (uint32_t)answer.size };
        broker_send(asker->broker, slice_make(asker->reply, asker->reply_size), &message, 1);
    }
    free(text);
    free(asker);
}

/* Where memory is short he hears nothing. */
static void wait_upstream(struct door *door, struct slice reply, const struct receipt *receipt)
{
    struct asker *asker = malloc(sizeof *asker + reply.size);
    if (!asker)
        return;
    *asker = (struct asker){ .waiter.told = pass_answer, .broker = door->broker, .reply_size = reply.size };
    memcpy(asker->reply, reply.data, reply.size);
    if (spool_wait(door->spool, &asker->waiter, receipt->sequence))
        return;
    free(asker);
    keeper_answer(keepers_find(door->broker->keepers, slice_of(receipt->stream)), reply, receipt);
}

static void answer_each(struct door *door, enum way way, const struct batch *asked, const struct receipt *receipts)
{
    struct keeper *keeper = keepers_find(door->broker->keepers, slice_of(SPOOL_STREAM));
    for (unsigned i = 0; i < asked->count; i++) {
        struct slice reply = slice_make(asked->messages[i].reply, asked->messages[i].reply_size);
        if (way == WAY_UPSTREAM && receipts[i].sequence)
            wait_upstream(door, reply, &receipts[i]);
        else
            keeper_answer(keeper, reply, &receipts[i]);
    }
}

static const char *sentence_of(enum receipt_verdict verdict)
{
    return verdict == RECEIPT_TOO_MANY_BYTES ? "Spool Full" : verdict == RECEIPT_DISK_FULL ? "Spool Disk Full"
                                                                                           : "Spool Failed";
}

static void count_refused(struct door *door, const struct batch *batch, const struct receipt *receipts, bool unasked)
{
    struct broker *broker = door->broker;
    uint64_t now_ms = broker_wall_ms(broker);
    for (unsigned i = 0; i < batch->count; i++) {
        if (receipts[i].sequence || (batch->in_order && receipts[i].verdict == RECEIPT_BEHIND))
            continue; /* whoever publishes in order is told of the first */
        door->full_count++;
        if (receipts[i].verdict == RECEIPT_TOO_MANY_BYTES)
            spool_note_full(door->spool);
        broker->stall_ms = broker->stall_ms > FULL_STALL_MS ? broker->stall_ms : FULL_STALL_MS;
        if (unasked)
            broker->refusal = sentence_of(receipts[i].verdict);
        if (door->full_told_ms && now_ms - door->full_told_ms < TELL_INTERVAL_MS)
            continue;
        door->full_told_ms = now_ms;
        log_warning("spool_refuses", "topic=\"%.*s\" error=\"%s\" count=%" PRIu64, SLICE_ARGS(batch->topic),
                    sentence_of(receipts[i].verdict), door->full_count);
    }
}

/* A stretch of a batch whose messages all go one way into the spool. Whoever is answered by others than the keeper does
 * not ask the keeper. */
static void keep(struct door *door, const struct match *match, struct batch *stretch, enum way way)
{
    struct broker *broker = door->broker;
    struct batch shown = *stretch;
    bool has_receipt = stretch->receipts;
    if (!has_receipt) {
        memset(broker->receipts, 0, stretch->count * sizeof *broker->receipts);
        shown.receipts = broker->receipts;
    }
    if (way == WAY_BUFFERED || way == WAY_UPSTREAM) {
        memcpy(broker->unasked, stretch->messages, stretch->count * sizeof *broker->unasked);
        for (unsigned i = 0; i < stretch->count; i++)
            broker->unasked[i].reply_size = 0;
        shown.messages = broker->unasked;
    }
    router_keep(match, &shown);
    if (shown.messages != stretch->messages)
        answer_each(door, way, stretch, shown.receipts);
    count_refused(door, stretch, shown.receipts, way == WAY_UNASKED && !has_receipt);
}

static unsigned publish_stretch(struct door *door, const struct match *match, struct batch *stretch, enum way way)
{
    if (way != WAY_LIVE) {
        keep(door, match, stretch, way);
        return stretch->count;
    }
    if (!stretch->receipts)
        return publish_live(door, stretch);
    for (unsigned i = 0; i < stretch->count; i++) /* nobody could tell how it ends */
        stretch->receipts[i] = (struct receipt){ .verdict = RECEIPT_WRONG_STREAM };
    return 0;
}

/* Each stretch of messages that go one way together. */
static unsigned publish_kept(struct door *door, const struct match *match, const struct batch *batch)
{
    enum way asked = way_of_topic(door, batch->topic);
    unsigned taken = 0;
    for (unsigned first = 0, end; first < batch->count; first = end) {
        enum way way = way_of(&batch->messages[first], asked);
        for (end = first + 1; end < batch->count && way_of(&batch->messages[end], asked) == way;)
            end++;
        struct batch stretch = *batch;
        stretch.messages += first;
        stretch.receipts = batch->receipts ? batch->receipts + first : NULL;
        stretch.count = end - first;
        unsigned count = publish_stretch(door, match, &stretch, way);
        taken += taken == first ? count : 0;
    }
    return taken;
}

unsigned door_publish(struct door *door, const struct match *match, struct batch *batch)
{
    if (match->verdict != TOPIC_GOOD)
        return 0;
    struct batch marked = origin_mark(uplink_origin(door->uplink), batch);
    if (door->spool && match->keeper_count && spool_keeps(door->spool, batch->topic))
        return publish_kept(door, match, &marked);
    return publish_live(door, &marked);
}
