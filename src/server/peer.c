#include "server/peer.h"

#include <errno.h>
#include <stdlib.h>

#include "broker/broker.h"
#include "core/message.h"
#include "net/loop.h"
#include "server/mail.h"
#include "server/post.h"
#include "util/hash.h"

enum {
    INLINE_SIZE_MAX = 16 << 10, /* larger bodies are shared, not copied into the ring */
    COUNT_MAX = 512,            /* messages of one record */
    SLOW_AGAIN_MS = 100,        /* who is slow again within it was asked too early */
    SLOW_LEVEL_MAX = 5,
    HOPS_MAX = 3,               /* a group's message is passed on so often when its member has just left */
};

/* The sink that stands for all subscriptions of a peer to one pattern and group; weight counts them. */
struct interest {
    struct sink sink; /* first */
    struct peer *peer;
    struct interest *next, **link;
};

static size_t padded(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

/* Writing batches. */

static bool is_large(const struct message *message)
{
    return message->body_size > INLINE_SIZE_MAX;
}

static size_t message_mail_size(const struct message *message)
{
    size_t body = is_large(message) ? 0 : message->body_size + 2;
    return padded(sizeof(struct mail_message) + message->topic_size + message->reply_size + body);
}

void peer_copies_clear(struct peer_copies *copies)
{
    for (unsigned i = 0; i < copies->count; i++)
        shared_message_unref(copies->shared[i]);
    copies->count = 0;
}

/* A reference to a shared copy of the message, made now or for the peer before. NULL: out of memory. */
static struct shared_message *share(struct peer_copies *copies, const struct batch *batch,
                                    const struct message *message)
{
    if (copies->serial != batch->serial || !batch->serial || copies->count == PEER_SHARED_COUNT) {
        peer_copies_clear(copies);
        copies->serial = batch->serial;
    }
    for (unsigned i = 0; i < copies->count; i++)
        if (copies->bodies[i] == message->body)
            return shared_message_ref(copies->shared[i]);
    struct shared_message *shared = shared_message_create(message);
    if (!shared)
        return NULL;
    copies->bodies[copies->count] = message->body;
    copies->shared[copies->count++] = shared;
    return shared_message_ref(shared);
}

static char *append(char *at, const void *data, size_t size)
{
    memcpy(at, data, size);
    return at + size;
}

static char *write_message(char *at, const struct message *message, struct shared_message *shared)
{
    char *start = at;
    struct mail_message head = {
        .shared = shared,
        .head_size = message->head_size,
        .body_size = message->body_size,
        .reply_size = message->reply_size,
        .topic_size = message->topic_size,
    };
    at = append(at, &head, sizeof head);
    if (message->topic_size)
        at = append(at, message->topic, message->topic_size);
    if (message->reply_size)
        at = append(at, message->reply, message->reply_size);
    if (!shared)
        append(at, message->body, message->body_size + 2);
    return start + message_mail_size(message);
}

/* Large messages need their shared copies before the record is begun. */
static unsigned share_large(struct peer *peer, const struct batch *batch, unsigned first, unsigned count,
                            struct shared_message **shared)
{
    for (unsigned i = 0; i < count; i++) {
        const struct message *message = &batch->messages[first + i];
        shared[i] = is_large(message) ? share(peer->copies, batch, message) : NULL;
        if (is_large(message) && !shared[i])
            return i;
    }
    return count;
}

/* How many messages from first on go into one record, and its size. */
static unsigned measure(const struct batch *batch, unsigned first, size_t *size)
{
    unsigned count = 0;
    *size = padded(sizeof(struct mail_batch) + batch->topic.size + batch->group.size);
    while (first + count < batch->count && count < COUNT_MAX) {
        size_t more = message_mail_size(&batch->messages[first + count]);
        if (*size + more > MAILBOX_RECORD_MAX)
            break;
        *size += more;
        count++;
    }
    return count;
}

static bool write_record(struct peer *peer, const struct batch *batch, unsigned first, unsigned count, size_t size)
{
    struct shared_message *shared[COUNT_MAX];
    if (share_large(peer, batch, first, count, shared) < count)
        return false;
    char *record = post_begin(peer->office, peer->number, size);
    if (!record)
        return false;
    struct mail_batch head = {
        .mail.kind = MAIL_BATCH,
        .topic_size = (uint16_t)batch->topic.size,
        .group_size = (uint16_t)batch->group.size,
        .count = (uint16_t)count,
        .hops = (uint8_t)(batch->hops + 1),
        .has_taker = batch->has_taker,
        .no_responders = batch->no_responders,
    };
    char *at = append(record, &head, sizeof head);
    at = append(at, batch->topic.data, batch->topic.size);
    if (batch->group.size)
        append(at, batch->group.data, batch->group.size);
    at = record + padded(sizeof head + batch->topic.size + batch->group.size);
    for (unsigned i = 0; i < count; i++)
        at = write_message(at, &batch->messages[first + i], shared[i]);
    post_end(peer->office);
    peer->broker->counters->messages_mailed += count;
    peer->broker->parked = post_is_parked(peer->office);
    return true;
}

/* Holding publishers back. */

static struct peer_slow *slow_place(struct peer *peer, uint64_t hash)
{
    return &peer->slow[hash % PEER_SLOW_COUNT];
}

static uint64_t slow_hash(struct slice topic)
{
    return hash_bytes(0, topic.data, topic.size);
}

void peer_read_slow(struct peer *peer, const struct mail_slow *mail)
{
    uint64_t hash = slow_hash(slice_make((const char *)(mail + 1), mail->topic_size));
    uint64_t now_ms = loop_now_ms(peer->loop), until_ms = now_ms + mail->stall_ms;
    struct peer_slow *slow = slow_place(peer, hash), old = *slow;
    bool again = old.hash == hash && now_ms < old.full_until_ms + SLOW_AGAIN_MS;
    *slow = (struct peer_slow){ .hash = hash, .until_ms = until_ms };
    if (again)
        slow->level = old.level + (now_ms >= old.full_until_ms && old.level < SLOW_LEVEL_MAX);
    slow->full_until_ms = now_ms + ((uint64_t)mail->stall_ms << slow->level);
    if (slow->full_until_ms < old.full_until_ms && again)
        slow->full_until_ms = old.full_until_ms;
    if (until_ms > peer->slow_until_ms)
        peer->slow_until_ms = until_ms;
}

/* Has the peer asked to go slow with this topic? Then whoever publishes waits. */
static void heed_slow(struct peer *peer, struct slice topic)
{
    uint64_t now_ms = loop_now_ms(peer->loop), hash;
    if (peer->slow_until_ms <= now_ms)
        return;
    hash = slow_hash(topic);
    const struct peer_slow *slow = slow_place(peer, hash);
    if (slow->hash == hash && slow->until_ms > now_ms + peer->broker->stall_ms)
        peer->broker->stall_ms = (unsigned)(slow->until_ms - now_ms);
}

static bool is_slow(const struct peer *peer, struct slice topic)
{
    uint64_t hash = slow_hash(topic);
    const struct peer_slow *slow = &peer->slow[hash % PEER_SLOW_COUNT];
    return slow->hash == hash && slow->full_until_ms > loop_now_ms(peer->loop);
}

static void ask_for_slow(struct peer *peer, struct slice topic, unsigned stall_ms)
{
    struct mail_slow head = { { MAIL_SLOW }, stall_ms, (uint32_t)topic.size };
    char *record = post_begin(peer->office, peer->number, sizeof head + topic.size);
    if (!record)
        return;
    append(append(record, &head, sizeof head), topic.data, topic.size);
    post_end(peer->office);
    peer->broker->parked = post_is_parked(peer->office);
}

/* Mails the batch. Where memory runs out, the rest is not taken, and the publisher learns of it as of no responders. */
static unsigned mail_batch(struct peer *peer, const struct batch *batch)
{
    unsigned done = 0;
    heed_slow(peer, batch->topic);
    while (done < batch->count) {
        size_t size;
        unsigned count = measure(batch, done, &size);
        if (!count || !write_record(peer, batch, done, count, size))
            break;
        done += count;
    }
    return done;
}

/* What came from another worker is for our own subscriptions alone. */
static unsigned deliver_plain(struct sink *sink, const struct batch *batch)
{
    return batch->hops ? 0 : mail_batch((struct peer *)sink, batch);
}

static unsigned deliver_to_member(struct sink *sink, const struct batch *batch)
{
    struct interest *interest = (struct interest *)sink;
    return batch->hops >= HOPS_MAX ? 0 : mail_batch(interest->peer, batch);
}

static bool plain_is_full(const struct sink *sink, struct slice topic)
{
    return is_slow((const struct peer *)sink, topic);
}

static bool member_is_full(const struct sink *sink, struct slice topic)
{
    return is_slow(((const struct interest *)sink)->peer, topic);
}

static const struct sink_ops peer_ops = { deliver_plain, NULL, plain_is_full };
static const struct sink_ops interest_ops = { deliver_to_member, NULL, member_is_full };

/* Interest. */

void peer_announce(struct peer *peer, struct slice pattern, struct slice group, int delta)
{
    struct mail_interest head = {
        .mail.kind = MAIL_INTEREST,
        .delta = delta,
        .pattern_size = (uint16_t)pattern.size,
        .group_size = (uint16_t)group.size,
    };
    char *record = post_begin(peer->office, peer->number, sizeof head + pattern.size + group.size);
    if (!record)
        return;
    char *at = append(record, &head, sizeof head);
    at = append(at, pattern.data, pattern.size);
    if (group.size)
        append(at, group.data, group.size);
    post_end(peer->office);
    peer->broker->parked = post_is_parked(peer->office);
}

static bool is_interest_of(const struct sink *sink, const void *peer)
{
    return sink->ops == &interest_ops && ((const struct interest *)sink)->peer == peer;
}

static void interest_remove(struct interest *interest)
{
    router_remove(interest->peer->broker->router, &interest->sink);
    *interest->link = interest->next;
    if (interest->next)
        interest->next->link = interest->link;
    free(interest);
}

static int interest_add(struct peer *peer, struct slice pattern, struct slice group)
{
    struct interest *interest = calloc(1, sizeof *interest);
    if (!interest)
        return -ENOMEM;
    *interest = (struct interest){
        .sink = { .ops = &interest_ops, .target = &peer->sink, .weight = 1 },
        .peer = peer,
        .next = peer->interests,
        .link = &peer->interests,
    };
    int error = router_add(peer->broker->router, &interest->sink, pattern, group);
    if (error) {
        free(interest);
        return error;
    }
    if (interest->next)
        interest->next->link = &interest->next;
    peer->interests = interest;
    return 0;
}

int peer_read_interest(struct peer *peer, const struct mail_interest *mail)
{
    const char *text = (const char *)(mail + 1);
    struct slice pattern = slice_make(text, mail->pattern_size);
    struct slice group = slice_make(text + mail->pattern_size, mail->group_size);
    struct sink *sink = router_find(peer->broker->router, pattern, group, is_interest_of, peer);
    if (!sink)
        return mail->delta > 0 ? interest_add(peer, pattern, group) : 0;
    if (mail->delta < 0 && sink->weight <= (uint32_t)-mail->delta)
        interest_remove((struct interest *)sink);
    else
        sink->weight += (uint32_t)mail->delta;
    return 0;
}

/* Reading batches. */

/* Makes messages of a record's; they borrow its bytes. */
static void read_messages(const struct mail_batch *mail, struct message *messages)
{
    const char *at = (const char *)mail + padded(sizeof *mail + mail->topic_size + mail->group_size);
    for (unsigned i = 0; i < mail->count; i++) {
        const struct mail_message *head = (const struct mail_message *)(const void *)at;
        const char *topic = (const char *)(head + 1), *reply = topic + head->topic_size;
        messages[i] = (struct message){
            .body = head->shared ? shared_message_body(head->shared) : reply + head->reply_size,
            .reply = reply,
            .topic = head->topic_size ? topic : NULL,
            .head_size = head->head_size,
            .body_size = head->body_size,
            .reply_size = head->reply_size,
            .topic_size = head->topic_size,
        };
        at += message_mail_size(&messages[i]);
    }
}

static void release_messages(const struct mail_batch *mail)
{
    const char *at = (const char *)mail + padded(sizeof *mail + mail->topic_size + mail->group_size);
    for (unsigned i = 0; i < mail->count; i++) {
        const struct mail_message *head = (const struct mail_message *)(const void *)at;
        const struct message sizes = {
            .body_size = head->body_size,
            .reply_size = head->reply_size,
            .topic_size = head->topic_size,
        };
        shared_message_unref(head->shared);
        at += message_mail_size(&sizes);
    }
}

/* The group's last member has left, here and at every other worker: that is no responders, noticed late. */
static void answer_for_nobody(struct peer *peer, const struct message *messages, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (messages[i].reply_size)
            broker_send_no_responders(peer->broker, slice_make(messages[i].reply, messages[i].reply_size));
}

static void deliver_to_group(struct peer *peer, const struct match *match, struct slice group, struct batch *batch)
{
    unsigned taken = router_deliver_group(peer->broker->router, match, group, batch);
    if (!batch->has_taker)
        answer_for_nobody(peer, batch->messages + taken, batch->count - taken);
}

void peer_read_batch(struct peer *peer, const struct mail_batch *mail)
{
    struct message messages[COUNT_MAX];
    struct router *router = peer->broker->router;
    const char *text = (const char *)(mail + 1);
    struct batch batch = {
        .topic = slice_make(text, mail->topic_size),
        .messages = messages,
        .count = mail->count,
        .hops = mail->hops,
        .has_taker = mail->has_taker,
        .no_responders = mail->no_responders,
        .serial = broker_next_serial(peer->broker),
    };
    read_messages(mail, messages);
    const struct match *match = router_match(router, batch.topic);
    if (mail->group_size)
        deliver_to_group(peer, match, slice_make(text + mail->topic_size, mail->group_size), &batch);
    else
        router_deliver_plain(router, match, &batch);
    release_messages(mail);
    if (peer->broker->stall_ms)
        ask_for_slow(peer, batch.topic, peer->broker->stall_ms);
    peer->broker->stall_ms = 0;
}

void peer_init(struct peer *peer, unsigned number, struct loop *loop, struct broker *broker,
               struct post_office *office, struct peer_copies *copies)
{
    *peer = (struct peer){
        .sink = { .ops = &peer_ops },
        .number = number,
        .loop = loop,
        .broker = broker,
        .office = office,
        .copies = copies,
    };
}

void peer_finish(struct peer *peer)
{
    while (peer->interests)
        interest_remove(peer->interests);
}
