#include "line/subscription.h"

#include <errno.h>
#include <stdlib.h>

#include "core/message.h"
#include "util/hash.h"
#include "wire/format.h"

enum {
    COPY_SIZE_MAX = 2 << 10, /* larger bodies are referred to, not copied */
    SLOTS_MIN = 4,
    STALL_MAX_MS = 40,
};

struct subscription {
    struct sink sink; /* first: a sink of ours is a subscription */
    struct client *client;
    uint64_t delivered;
    uint64_t max; /* ends when so many are delivered; 0: does not */
    struct subscription *next_spent;
    uint32_t hash;
    uint32_t sid_size;
    char sid[];
};

/* The table of sids. */

static bool sid_equal(const struct subscription *subscription, uint32_t hash, struct slice sid)
{
    return subscription->hash == hash && slice_equal(slice_make(subscription->sid, subscription->sid_size), sid);
}

static uint32_t sid_hash(const struct client *client, struct slice sid)
{
    return (uint32_t)hash_bytes(client->line->hash_seed, sid.data, sid.size);
}

static uint32_t sid_place(const struct sid_table *table, uint32_t hash, struct slice sid)
{
    uint32_t mask = table->slot_count - 1, at = hash & mask;
    while (table->slots[at] && !sid_equal(table->slots[at], hash, sid))
        at = (at + 1) & mask;
    return at;
}

static struct subscription *sid_find(const struct client *client, struct slice sid)
{
    const struct sid_table *table = &client->sids;
    return table->count ? table->slots[sid_place(table, sid_hash(client, sid), sid)] : NULL;
}

static int sids_resize(struct sid_table *table, uint32_t slot_count)
{
    struct sid_table larger = { calloc(slot_count, sizeof(struct subscription *)), slot_count, table->count };
    if (!larger.slots)
        return -ENOMEM;
    for (uint32_t i = 0; i < table->slot_count; i++) {
        struct subscription *subscription = table->slots[i];
        if (subscription)
            larger.slots[sid_place(&larger, subscription->hash,
                                   slice_make(subscription->sid, subscription->sid_size))] = subscription;
    }
    free(table->slots);
    *table = larger;
    return 0;
}

static int sid_put(struct sid_table *table, struct subscription *subscription)
{
    if (table->count * 4 >= table->slot_count * 3) {
        int error = sids_resize(table, table->slot_count ? table->slot_count * 2 : SLOTS_MIN);
        if (error)
            return error;
    }
    struct slice sid = slice_make(subscription->sid, subscription->sid_size);
    table->slots[sid_place(table, subscription->hash, sid)] = subscription;
    table->count++;
    return 0;
}

/* Closes the gap that a removal leaves (Knuth 6.4, algorithm R). */
static void sid_remove(struct sid_table *table, const struct subscription *subscription)
{
    uint32_t mask = table->slot_count - 1;
    uint32_t hole = sid_place(table, subscription->hash, slice_make(subscription->sid, subscription->sid_size));
    for (uint32_t at = (hole + 1) & mask; table->slots[at]; at = (at + 1) & mask)
        if (((at - table->slots[at]->hash) & mask) >= ((at - hole) & mask)) {
            table->slots[hole] = table->slots[at];
            hole = at;
        }
    table->slots[hole] = NULL;
    table->count--;
}

/* Writing messages. */

/* A message's line is "[H]MSG topic sid [reply] [head_size] size CR LF": this is its first part, up to the sid. */
static char *head_line(char *out, struct slice topic, const struct subscription *subscription, bool headers)
{
    if (headers)
        *out++ = 'H';
    out = format_bytes(out, "MSG ", 4);
    out = format_slice(out, topic);
    *out++ = ' ';
    out = format_bytes(out, subscription->sid, subscription->sid_size);
    *out++ = ' ';
    return out;
}

/* ... and this its second. */
static char *head_rest(char *out, const struct message *message, bool headers, size_t size)
{
    if (message->reply_size) {
        out = format_bytes(out, message->reply, message->reply_size);
        *out++ = ' ';
    }
    if (headers) {
        out = format_number(out, message->head_size);
        *out++ = ' ';
    }
    out = format_number(out, size);
    *out++ = '\r';
    *out++ = '\n';
    return out;
}

static size_t head_size_max(const struct subscription *subscription, const struct batch *batch,
                            const struct message *message)
{
    size_t topic_size = message->topic ? message->topic_size : batch->topic.size;
    return 16 + topic_size + subscription->sid_size + message->reply_size + 2 * FORMAT_NUMBER_SIZE_MAX;
}

static void frame_add(struct frame *frame, const char *data, size_t size)
{
    struct iovec *last = frame->part_count ? &frame->parts[frame->part_count - 1] : NULL;
    if (last && (char *)last->iov_base + last->iov_len == data)
        last->iov_len += size;
    else
        frame->parts[frame->part_count++] = (struct iovec){ (char *)data, size };
    frame->total += size;
}

/*
 * Formats messages of the batch from first on, as far as the scratch block reaches, and returns how many. Small bodies
 * are copied behind their heads, so that they leave in one piece; large ones are referred to where they lie.
 */
static unsigned frame_fill(struct line *line, const struct subscription *subscription, const struct batch *batch,
                           unsigned first, unsigned count)
{
    struct frame *frame = &line->frame;
    bool has_headers = subscription->client->headers;
    char *at = line->scratch, *end = line->scratch + sizeof line->scratch;
    struct slice prefix = { at, 0 }; /* of HMSG; that of MSG is the same without its first letter */
    at = head_line(at, batch->topic, subscription, true);
    prefix.size = (size_t)(at - prefix.data);
    frame->part_count = 0;
    frame->total = 0;

    unsigned i = first;
    for (; i < count; i++) {
        const struct message *message = &batch->messages[i];
        bool headers = has_headers && message->head_size;
        const char *body = message->body + (headers ? 0 : message->head_size);
        size_t size = message->body_size - (headers ? 0 : message->head_size);
        bool copied = size <= COPY_SIZE_MAX;
        size_t room = head_size_max(subscription, batch, message) + (copied ? size + 2 : 0);
        if (i > first && (size_t)(end - at) < room)
            break;
        char *start = at;
        if (message->topic)
            at = head_line(at, message_topic(message, batch->topic), subscription, headers);
        else
            at = format_bytes(at, prefix.data + !headers, prefix.size - !headers);
        at = head_rest(at, message, headers, size);
        if (copied)
            at = format_bytes(at, body, size + 2);
        frame_add(frame, start, (size_t)(at - start));
        if (!copied)
            frame_add(frame, body, size + 2);
    }
    return i - first;
}

/* The frame of the last subscriber is good for this one too where both gave their subscriptions the same sid. */
static bool frame_fits(const struct frame *frame, const struct subscription *subscription, const struct batch *batch)
{
    return frame->serial == batch->serial && batch->serial && frame->headers == subscription->client->headers &&
           frame->sid_size == subscription->sid_size &&
           memcmp(frame->sid, subscription->sid, frame->sid_size) == 0;
}

static void frame_write(const struct frame *frame, struct conn *conn)
{
    struct iovec parts[FRAME_PARTS_MAX];
    memcpy(parts, frame->parts, frame->part_count * sizeof parts[0]);
    conn_write_parts(conn, parts, frame->part_count, frame->total);
}

/* A single message is written where it leaves from, without a detour by the scratch block. False: it is large. */
static bool write_single(struct subscription *subscription, const struct batch *batch)
{
    const struct message *message = batch->messages;
    bool headers = subscription->client->headers && message->head_size;
    uint32_t skip = headers ? 0 : message->head_size, size = message->body_size - skip;
    if (size > COPY_SIZE_MAX)
        return false;
    char *start = conn_reserve(&subscription->client->conn, head_size_max(subscription, batch, message) + size + 2);
    if (!start)
        return true; /* it is closed now */
    char *at = head_line(start, message_topic(message, batch->topic), subscription, headers);
    at = head_rest(at, message, headers, size);
    at = format_bytes(at, message->body + skip, size + 2);
    conn_commit(&subscription->client->conn, (size_t)(at - start));
    return true;
}

static void write_batch(struct subscription *subscription, const struct batch *batch, unsigned count)
{
    struct line *line = subscription->client->line;
    struct frame *frame = &line->frame;
    struct conn *conn = &subscription->client->conn;
    if (batch->count == 1 && write_single(subscription, batch))
        return;
    if (count == batch->count && frame_fits(frame, subscription, batch)) {
        frame_write(frame, conn);
        return;
    }
    for (unsigned done = 0; done < count;) {
        unsigned filled = frame_fill(line, subscription, batch, done, count);
        bool whole = filled == batch->count && subscription->sid_size <= sizeof frame->sid;
        frame->serial = whole ? batch->serial : 0;
        if (whole) {
            frame->headers = subscription->client->headers;
            frame->sid_size = (uint8_t)subscription->sid_size;
            memcpy(frame->sid, subscription->sid, subscription->sid_size);
        }
        frame_write(frame, conn);
        done += filled;
    }
}

/* It has had its last message. It cannot leave the router in the middle of a delivery, so it waits to be reaped. */
static void spend(struct subscription *subscription)
{
    struct line *line = subscription->client->line;
    subscription->next_spent = line->spent;
    line->spent = subscription;
}

/* How much of the batch it takes: nothing while it closes, nor its own client's without echo, nor more than its max. */
static unsigned room_of(const struct subscription *subscription, const struct batch *batch)
{
    const struct client *client = subscription->client;
    if (!conn_is_open(&client->conn) || (batch->origin == &client->session && !client->echo))
        return 0;
    if (!subscription->max)
        return batch->count;
    uint64_t left = subscription->max - subscription->delivered;
    return left < batch->count ? (unsigned)left : batch->count;
}

/* Nor what it may not be shown. */
static unsigned subscription_room(const struct sink *sink, const struct batch *batch)
{
    const struct subscription *subscription = (const struct subscription *)sink;
    if (sink->is_limited && !session_may_read(&subscription->client->session, batch->topic))
        return 0;
    return room_of(subscription, batch);
}

/* When half of what may wait for a client does, its publishers are held back: the fuller, the longer, by the square. */
static void slow_publishers_down(const struct client *client)
{
    size_t half = client->line->conn_limits.pending_size_max / 2, pending = conn_pending(&client->conn);
    if (pending <= half)
        return;
    uint64_t percent = (pending - half) * 100 / (half + 1);
    unsigned stall_ms = 1 + (unsigned)(percent * percent * STALL_MAX_MS / 10000);
    if (stall_ms > client->line->broker->stall_ms)
        client->line->broker->stall_ms = stall_ms;
}

/* It does not count towards UNSUB's max. */
static void deliver_no_responders(struct subscription *subscription, const struct batch *batch)
{
    if (!subscription->client->no_responders)
        return;
    subscription->client->line->loop->counters.no_responders++;
    write_single(subscription, batch);
}

static unsigned deliver(struct subscription *subscription, const struct batch *batch, unsigned count)
{
    struct client *client = subscription->client;
    if (batch->no_responders) {
        deliver_no_responders(subscription, batch);
        return count;
    }
    subscription->delivered += count;
    client->line->loop->counters.messages_out += count;
    client->session.messages_out += count;
    write_batch(subscription, batch, count);
    slow_publishers_down(client);
    if (subscription->max && subscription->delivered == subscription->max)
        spend(subscription);
    return count;
}

/* What the client may not be shown counts as taken where something behind it is: the order stays. */
static unsigned deliver_sifted(struct subscription *subscription, const struct batch *batch, unsigned count)
{
    struct client *client = subscription->client;
    struct batch left;
    const struct batch *shown =
        session_sift(&client->session, &subscription->sink, batch, &left, client->line->readable);
    if (shown == batch)
        return deliver(subscription, batch, count);
    count = shown ? room_of(subscription, shown) : 0;
    unsigned taken = count ? deliver(subscription, shown, count) : 0;
    return shown && taken == shown->count ? batch->count : taken;
}

static unsigned subscription_deliver(struct sink *sink, const struct batch *batch)
{
    struct subscription *subscription = (struct subscription *)sink;
    unsigned count = room_of(subscription, batch);
    if (!count)
        return 0;
    if (subscription->client->session.rights)
        return deliver_sifted(subscription, batch, count);
    return deliver(subscription, batch, count);
}

static bool subscription_is_full(const struct sink *sink, struct slice topic)
{
    const struct client *client = ((const struct subscription *)sink)->client;
    (void)topic;
    return conn_pending(&client->conn) > client->line->conn_limits.pending_size_max / 2;
}

static const struct sink_ops subscription_ops = { subscription_deliver, subscription_room, subscription_is_full };

/* Life. */

static void subscription_destroy(struct subscription *subscription)
{
    session_unsubscribe(&subscription->client->session, &subscription->sink);
    sid_remove(&subscription->client->sids, subscription);
    free(subscription);
}

void subscriptions_reap(struct line *line)
{
    while (line->spent) {
        struct subscription *subscription = line->spent;
        line->spent = subscription->next_spent;
        subscription_destroy(subscription);
    }
}

int subscription_add(struct client *client, const struct wire_op *op)
{
    subscriptions_reap(client->line);
    if (sid_find(client, op->sid))
        return 0;
    struct subscription *subscription = calloc(1, sizeof *subscription + op->sid.size);
    if (!subscription)
        return -ENOMEM;
    subscription->sink.ops = &subscription_ops;
    subscription->sink.weight = 1;
    subscription->client = client;
    subscription->hash = sid_hash(client, op->sid);
    subscription->sid_size = (uint32_t)op->sid.size;
    memcpy(subscription->sid, op->sid.data, op->sid.size);
    int error = sid_put(&client->sids, subscription);
    if (!error) {
        error = session_subscribe(&client->session, &subscription->sink, op->topic, op->group);
        if (error)
            sid_remove(&client->sids, subscription);
    }
    if (error)
        free(subscription);
    return error;
}

void subscription_end(struct client *client, struct slice sid, uint64_t max)
{
    subscriptions_reap(client->line);
    struct subscription *subscription = sid_find(client, sid);
    if (!subscription)
        return;
    if (max > subscription->delivered)
        subscription->max = max;
    else
        subscription_destroy(subscription);
}

void subscriptions_clear(struct client *client)
{
    struct sid_table *table = &client->sids;
    subscriptions_reap(client->line);
    for (uint32_t i = 0; i < table->slot_count; i++)
        if (table->slots[i]) {
            session_unsubscribe(&client->session, &table->slots[i]->sink);
            free(table->slots[i]);
        }
    free(table->slots);
    *table = (struct sid_table){ 0 };
}

void subscription_refuse(struct client *client, struct slice pattern, struct slice group)
{
    if (group.size)
        client_error(client, "Permissions Violation for Subscription to \"%.*s\" using queue \"%.*s\"",
                     SLICE_ARGS(pattern), SLICE_ARGS(group));
    else
        client_error(client, "Permissions Violation for Subscription to \"%.*s\"", SLICE_ARGS(pattern));
}

/* One that goes may leave its place to another. */
void subscriptions_review(struct client *client)
{
    struct sid_table *table = &client->sids;
    char pattern[UINT16_MAX];
    subscriptions_reap(client->line);
    for (uint32_t i = 0; i < table->slot_count;) {
        struct subscription *subscription = table->slots[i];
        if (!subscription || session_may_keep(&client->session, &subscription->sink)) {
            i++;
            continue;
        }
        size_t size = router_pattern(&subscription->sink, pattern, sizeof pattern);
        subscription_refuse(client, slice_make(pattern, size), router_group(&subscription->sink));
        subscription_destroy(subscription);
    }
}

void subscriptions_list(const struct client *client, session_visit *visit, void *arg)
{
    char pattern[UINT16_MAX];
    for (uint32_t i = 0; i < client->sids.slot_count; i++)
        if (client->sids.slots[i]) {
            const struct sink *sink = &client->sids.slots[i]->sink;
            size_t size = router_pattern(sink, pattern, sizeof pattern);
            visit(arg, slice_make(pattern, size), router_group(sink));
        }
}

/* No responders. */

static struct subscription *own_subscription(struct client *client, struct slice topic)
{
    const struct match *match = router_match(client->line->broker->router, topic);
    for (unsigned i = 0; i < match->sink_count; i++) {
        struct subscription *subscription = (struct subscription *)match->sinks[i];
        if (match->sinks[i]->ops == &subscription_ops && subscription->client == client)
            return subscription;
    }
    return NULL;
}

void subscription_no_responders(struct client *client, struct slice reply)
{
    struct subscription *subscription = own_subscription(client, reply);
    if (!subscription)
        return;
    const struct batch batch = { .topic = reply, .messages = &message_no_responders, .count = 1 };
    deliver_no_responders(subscription, &batch);
}
