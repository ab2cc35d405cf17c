#include "broker/broker.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "auth/rights.h"
#include "broker/keeper.h"
#include "broker/session.h"
#include "core/message.h"
#include "util/random.h"

int broker_init(struct broker *broker, struct counters *counters, const struct users *users,
                const struct broker_limits *limits)
{
    uint64_t seed;
    random_bytes(&seed, sizeof seed);
    *broker = (struct broker){ .counters = counters, .users = users, .limits = *limits, .expires_ms = UINT64_MAX };
    audit_init(&broker->audit);
    random_bytes(&broker->grants_seed, sizeof broker->grants_seed);
    broker->router = router_create(seed, &limits->topic);
    broker->receipts = calloc(BATCH_MESSAGES_MAX, sizeof *broker->receipts);
    broker->unasked = calloc(BATCH_MESSAGES_MAX, sizeof *broker->unasked);
    return broker->router && broker->receipts && broker->unasked ? 0 : -ENOMEM;
}

void broker_finish(struct broker *broker)
{
    assert(!broker->sessions);
    gate_desk_forget(&broker->gate);
    audit_finish(&broker->audit);
    router_destroy(broker->router);
    free(broker->receipts);
    free(broker->unasked);
    broker->unasked = NULL;
    broker->router = NULL;
    broker->receipts = NULL;
}

void broker_notify(struct broker *broker, enum broker_notice notice)
{
    for (struct session *session = broker->sessions; session; session = session->next)
        session->ops->notice(session, notice);
}

/* Sessions that entered as nobody stay as long as anybody may enter; whoever has not entered yet may go on to. */
static bool still_welcome(struct session *session, bool was_open)
{
    const struct users *users = session->broker->users;
    if (!session->user)
        return session->is_own || !was_open || users_open(users);
    session->user = users_again(users, session->user, broker_wall_ms(session->broker));
    session->is_paced &= session->user != NULL;
    return session->user != NULL;
}

static void review(struct session *session, bool was_open)
{
    bool welcome = still_welcome(session, was_open) && session_count_place(session) == 0;
    bool changed = session_review_rights(session, welcome);
    if (welcome)
        session_take_limits(session);
    if (!welcome)
        session->ops->notice(session, NOTICE_REVOKED);
    else if (changed)
        session->ops->notice(session, NOTICE_RIGHTS);
}

void broker_reconfigure(struct broker *broker, const struct users *users, const struct broker_limits *limits)
{
    bool was_open = users_open(broker->users);
    gate_desk_forget(&broker->gate);
    broker->users = users;
    broker->limits = *limits;
    router_set_limits(broker->router, &limits->topic);
    for (struct session *session = broker->sessions; session; session = session->next)
        review(session, was_open);
}

/* When the session's user is nobody any more; UINT64_MAX: never. */
static uint64_t end_of(const struct session *session)
{
    uint64_t user_ms = session->user ? session->user->expires_ms : UINT64_MAX;
    return session->login.id && session->login.expires_ms < user_ms ? session->login.expires_ms : user_ms;
}

void broker_log_out(struct broker *broker, uint64_t login)
{
    for (struct session *session = broker->sessions; session; session = session->next)
        if (session->login.id == login)
            session->ops->notice(session, NOTICE_EXPIRED);
}

void broker_expire(struct broker *broker, uint64_t wall_ms)
{
    broker->expires_ms = UINT64_MAX;
    for (struct session *session = broker->sessions; session; session = session->next) {
        uint64_t expires_ms = end_of(session);
        if (expires_ms <= wall_ms)
            session->ops->notice(session, NOTICE_EXPIRED);
        else if (expires_ms < broker->expires_ms)
            broker->expires_ms = expires_ms;
    }
}

static unsigned deliver(struct broker *broker, struct slice topic, const struct message *messages, unsigned count)
{
    const struct match *match = router_match(broker->router, topic);
    struct batch batch = { .topic = topic, .messages = messages, .count = count };
    assert(count <= BATCH_MESSAGES_MAX);
    batch.serial = broker_next_serial(broker);
    return router_deliver(broker->router, match, &batch);
}

/* What asks would be asked with all the rights of the server, and not with those of who has thought of the topic. */
unsigned broker_send(struct broker *broker, struct slice topic, const struct message *messages, unsigned count)
{
    return topic_asks(topic) ? 0 : deliver(broker, topic, messages, count);
}

void broker_ask(struct broker *broker, struct slice topic, const struct message *message)
{
    deliver(broker, topic, message, 1);
}

void broker_send_no_responders(struct broker *broker, struct slice reply)
{
    if (topic_asks(reply))
        return;
    struct batch batch = { .topic = reply, .messages = &message_no_responders, .count = 1, .no_responders = true };
    batch.serial = broker_next_serial(broker);
    router_deliver(broker->router, router_match(broker->router, reply), &batch);
}

/* To the streams that keep the topic. Returns how many of the messages, from the first on, one of them will answer. */
static unsigned keep(struct broker *broker, const struct match *match, struct batch *batch)
{
    if (batch->receipts || match->keepers[0]->keeper == SINK_KEEPS_ACCEPTED)
        return router_keep(match, batch);
    for (unsigned i = 0; i < batch->count; i++)
        broker->receipts[i] = (struct receipt){ .stream = NULL };
    batch->receipts = broker->receipts;
    unsigned answered = router_keep(match, batch);
    batch->receipts = NULL;
    return answered;
}

/* Whoever asked for a receipt is told that a message was refused, or was a duplicate: nobody else is to hear of it. */
static bool is_for_nobody(const struct receipt *receipt)
{
    return receipt && (receipt->duplicate || receipt->verdict > RECEIPT_NO_MEMORY);
}

/* Publishers who ask the broker. */

static bool asks_broker(const struct message *message)
{
    return message->reply_size && reply_asks_broker(slice_make(message->reply, message->reply_size));
}

static bool has_asking(const struct batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++)
        if (asks_broker(&batch->messages[i]))
            return true;
    return false;
}

static const struct receipt *receipts_of(const struct broker *broker, const struct batch *batch)
{
    return batch->receipts ? batch->receipts : broker->receipts;
}

/* Whether a stream has been asked to keep the batch: then it is the stream that answers, if memory allows. */
static bool is_a_streams(const struct broker *broker, const struct match *match, const struct batch *batch)
{
    return match->keeper_count && match->keepers[0]->keeper == SINK_KEEPS && receipts_of(broker, batch)->stream;
}

static bool hides_message(const struct batch *batch, const struct receipt *receipts, unsigned i)
{
    const struct receipt *receipt = receipts ? &receipts[i] : NULL;
    return receipt && asks_broker(&batch->messages[i]) && (!receipt->sequence || receipt->duplicate);
}

/* Subscribers are not to answer. */
static void hide_replies(struct broker *broker, const struct batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++) {
        broker->unasked[i] = batch->messages[i];
        if (asks_broker(&batch->messages[i]))
            broker->unasked[i].reply_size = 0;
    }
}

/* A stretch of them that are all for somebody, or all for nobody. */
static unsigned deliver_stretch(struct broker *broker, const struct match *match, const struct batch *batch,
                                unsigned first, unsigned end)
{
    struct batch shown = *batch;
    shown.messages = broker->unasked + first;
    shown.count = end - first;
    shown.serial = broker_next_serial(broker);
    return router_deliver(broker->router, match, &shown);
}

/* receipts: of the stream that has been asked to keep them; NULL: none has. What it has refused will be sent again, and
 * what it has twice was delivered the first time. */
static unsigned deliver_unasked(struct broker *broker, const struct match *match, const struct batch *batch,
                                const struct receipt *receipts)
{
    unsigned taken = 0;
    hide_replies(broker, batch);
    for (unsigned first = 0, end; first < batch->count; first = end) {
        bool hides = hides_message(batch, receipts, first);
        for (end = first + 1; end < batch->count && hides_message(batch, receipts, end) == hides;)
            end++;
        unsigned count = hides ? end - first : deliver_stretch(broker, match, batch, first, end);
        taken += taken == first ? count : 0;
    }
    return taken;
}

static unsigned deliver_asking(struct broker *broker, const struct match *match, const struct batch *batch)
{
    bool is_answered = is_a_streams(broker, match, batch);
    const struct receipt *receipts = is_answered ? receipts_of(broker, batch) : NULL;
    unsigned taken = match->sink_count || match->group_count ? deliver_unasked(broker, match, batch, receipts) : 0;
    for (unsigned i = 0; i < batch->count && !is_answered && broker->keepers; i++)
        if (asks_broker(&batch->messages[i]))
            keepers_answer(broker->keepers, slice_make(batch->messages[i].reply, batch->messages[i].reply_size),
                           RECEIPT_KEPT);
    return taken;
}

unsigned broker_publish(struct broker *broker, const struct match *match, struct batch *batch)
{
    assert(batch->count <= BATCH_MESSAGES_MAX);
    batch->serial = broker_next_serial(broker);
    if (batch->receipts)
        *batch->receipts = (struct receipt){ .stream = NULL };
    if (broker->outlet.publish)
        return broker->outlet.publish(broker->outlet.arg, match, batch);
    unsigned answered = match->keeper_count ? keep(broker, match, batch) : 0;
    if (is_for_nobody(batch->receipts))
        return answered;
    batch->has_taker = answered;
    unsigned taken = has_asking(batch) ? deliver_asking(broker, match, batch)
                                       : router_deliver(broker->router, match, batch);
    return taken > answered ? taken : answered;
}

/* Each stretch of them that nobody refused, or that nobody keeps. */
static void deliver_accepted(struct broker *broker, const struct match *match, const struct batch *batch)
{
    for (unsigned first = 0, end; first < batch->count; first = end + 1) {
        struct batch shown = *batch;
        for (end = first; end < batch->count && !batch->receipts[end].verdict && !batch->receipts[end].duplicate;)
            end++;
        shown.messages += first;
        shown.count = end - first;
        shown.receipts = NULL;
        shown.serial = broker_next_serial(broker);
        if (shown.count)
            router_deliver(broker->router, match, &shown);
    }
}

void broker_publish_in_order(struct broker *broker, struct slice topic, const struct message *messages, unsigned count,
                             struct receipt *ret_receipts)
{
    const struct match *match = router_match(broker->router, topic);
    struct batch batch = {
        .topic = topic, .messages = messages, .count = count, .receipts = ret_receipts, .in_order = true,
        .serial = broker_next_serial(broker),
    };
    assert(count <= BATCH_MESSAGES_MAX);
    memset(ret_receipts, 0, count * sizeof *ret_receipts);
    if (broker->outlet.publish) {
        broker->outlet.publish(broker->outlet.arg, match, &batch);
        return;
    }
    if (match->keeper_count)
        keep(broker, match, &batch);
    deliver_accepted(broker, match, &batch);
}

void broker_publish_one(struct broker *broker, struct slice topic, const struct message *message,
                        struct receipt *ret_receipt)
{
    struct batch batch = { .topic = topic, .messages = message, .count = 1, .receipts = ret_receipt };
    broker_publish(broker, router_match(broker->router, topic), &batch);
}
