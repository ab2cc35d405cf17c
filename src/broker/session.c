#include "broker/session.h"

#include <errno.h>
#include <stdlib.h>

#include "auth/accounts.h"
#include "auth/limits.h"
#include "broker/keeper.h"
#include "util/clock.h"

enum { WAIT_MAX_MS = 3600000 };

void session_open(struct session *session, struct broker *broker, const struct session_ops *ops)
{
    *session = (struct session){
        .broker = broker,
        .ops = ops,
        .next = broker->sessions,
        .link = &broker->sessions,
        .payload_size_max = UINT32_MAX,
    };
    if (session->next)
        session->next->link = &session->next;
    broker->sessions = session;
}

void session_close(struct session *session)
{
    session_forget_user(session);
    *session->link = session->next;
    if (session->next)
        session->next->link = session->link;
}

bool session_needs_user(const struct session *session)
{
    return !session->user && !users_open(session->broker->users);
}

/* Limits of a user. */

/* NULL: there are none. */
static const struct user_limits *limits_of(const struct session *session)
{
    return session->user ? session->user->limits : NULL;
}

void session_take_limits(struct session *session)
{
    const struct user_limits *limits = limits_of(session);
    bool has_size = limits && limits->payload_size_max && limits->payload_size_max < UINT32_MAX;
    session->is_paced = session->account && limits && (limits->publish_rate || limits->publish_bytes_rate);
    session->payload_size_max = has_size ? (uint32_t)limits->payload_size_max : UINT32_MAX;
}

/* Counts it under the name of a user, if anything is counted here. 0, -EDQUOT or -ENOMEM. */
static int open_account(struct session *session, const struct user *user)
{
    struct broker *broker = session->broker;
    if (!broker->accounts)
        return 0;
    int error = accounts_enter(broker->accounts, user->name, user->limits, clock_monotonic_ns(), &session->account);
    if (error)
        broker->counters->limit_errors++;
    else
        account_move_subscriptions(session->account, (int)session->subscription_count);
    return error;
}

void session_rest(struct session *session)
{
    if (!session->account)
        return;
    account_move_subscriptions(session->account, -(int)session->subscription_count);
    accounts_leave(session->broker->accounts, session->account);
    session->account = NULL;
    session_take_limits(session);
}

void session_forget_user(struct session *session)
{
    session_rest(session);
    if (session->proof)
        proof_cancel(session->proof);
    user_release(session->user);
    session->proof = NULL;
    session->user = NULL;
    session_take_limits(session);
}

/* Over HTTP every request says who asks, so only what is refused is told. */
static void tell_accepted(struct session *session)
{
    struct session_facts facts = { .protocol = NULL };
    session->ops->describe(session, &facts);
    if (facts.protocol && strcmp(facts.protocol, "http") != 0)
        audit_tell_of(session, (struct audit_entry){ .event = AUDIT_LOGIN, .outcome = AUDIT_ACCEPTED });
}

/* What the log calls the errors of session_identify. */
static const char *reason_of(int error)
{
    return error == -EAGAIN   ? "too many attempts"
           : error == -EDQUOT ? "connections_max"
           : error == -ENOMEM ? "out of memory"
                              : "bad credentials";
}

/* Returns the error. */
static int refuse(struct session *session, struct slice name, int error)
{
    session->broker->counters->auth_failures += error == -EACCES || error == -EAGAIN;
    audit_tell_of(session, (struct audit_entry){
        .event = AUDIT_LOGIN, .outcome = AUDIT_REFUSED, .user = name, .reason = reason_of(error),
    });
    return error;
}

int session_enter_as(struct session *session, const struct user *user)
{
    int error = open_account(session, user);
    if (error) {
        refuse(session, slice_of(user->name), error);
        user_release(user);
        return error;
    }
    session->user = user;
    if (user->expires_ms < session->broker->expires_ms)
        session->broker->expires_ms = user->expires_ms;
    session_take_limits(session);
    tell_accepted(session);
    return 0;
}

/* The gate has looked at what took it a while. */
static void on_told(void *owner, const struct user *user, struct slice name)
{
    struct session *session = owner;
    session->proof = NULL;
    session->ops->identified(session, user ? session_enter_as(session, user) : refuse(session, name, -EACCES));
}

int session_identify(struct session *session, const struct credentials *credentials)
{
    struct broker *broker = session->broker;
    const struct gate_attempt attempt = { broker->users, credentials, broker_wall_ms(broker), on_told, session };
    const struct user *user;
    if (users_open(broker->users))
        return 0;
    session_forget_user(session);
    int error = gate_try(&broker->gate, &attempt, &user, &session->proof);
    if (!error)
        return session_enter_as(session, user);
    return error == -EINPROGRESS ? error : refuse(session, credentials->name, error);
}

void session_recognise(struct session *session, const struct credentials *credentials)
{
    const struct broker *broker = session->broker;
    const struct user *user;
    const char *hash;
    if (!session->user && !credentials_are_said(credentials) &&
        users_identify(broker->users, credentials, broker_wall_ms(broker), &user, &hash) == IDENTITY_PROVEN)
        session_enter_as(session, user);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void session_batch_room(const struct session *session, unsigned *ret_count_max, size_t *ret_size_max)
{
    uint64_t count = UINT64_MAX, size = UINT64_MAX;
    if (session->is_paced)
        account_room(session->account, limits_of(session), clock_monotonic_ns(), &count, &size);
    *ret_count_max = (unsigned)smaller(count, *ret_count_max);
    *ret_size_max = (size_t)smaller(size, *ret_size_max);
}

uint64_t session_owes_ms(const struct session *session)
{
    return session->is_paced ? account_wait_ms(session->account, clock_monotonic_ns()) : 0;
}

uint64_t session_pending_size_max(const struct session *session, uint64_t size_max)
{
    const struct user_limits *limits = limits_of(session);
    return limits && limits->pending_size_max ? smaller(limits->pending_size_max, size_max) : size_max;
}

static void charge(struct session *session, const struct batch *batch)
{
    uint64_t size = 0;
    for (unsigned i = 0; i < batch->count; i++)
        size += batch->messages[i].body_size;
    uint64_t wait_ms = account_charge(session->account, limits_of(session), batch->count, size, clock_monotonic_ns());
    session->wait_ms = (unsigned)smaller(wait_ms, WAIT_MAX_MS);
    session->broker->counters->rate_limits += wait_ms != 0;
}

int session_route(struct session *session, struct slice topic, const struct match **ret_match)
{
    const struct match *match = router_match(session->broker->router, topic);
    if (match->verdict == TOPIC_TOO_LONG) {
        session->broker->counters->limit_errors++;
        return -ENAMETOOLONG;
    }
    if (topic.size && *topic.data == '$')
        audit_note_request(session, topic);
    *ret_match = match;
    return 0;
}

bool session_refuse(struct session *session, struct slice reply, enum receipt_verdict verdict)
{
    struct keepers *keepers = session->broker->keepers;
    if (!reply_asks_broker(reply) || !keepers)
        return false;
    keepers_answer(keepers, reply, verdict);
    return true;
}

unsigned session_publish(struct session *session, const struct match *match, struct batch *batch)
{
    batch->origin = session;
    batch->connection = session->connection;
    batch->user = slice_of(session->user ? session->user->name : "");
    session->messages_in += batch->count;
    if (session->is_paced)
        charge(session, batch);
    return broker_publish(session->broker, match, batch);
}

/* The other workers are told of the pattern, and the broker of which this is the sidecar. */
static void announce(struct broker *broker, struct slice pattern, struct slice group, int delta)
{
    if (broker->hooks.interest)
        broker->hooks.interest(broker->hooks.arg, pattern, group, delta);
    if (broker->outlet.interest)
        broker->outlet.interest(broker->outlet.arg, pattern, group, delta);
}

int session_subscribe(struct session *session, struct sink *sink, struct slice pattern, struct slice group)
{
    struct broker *broker = session->broker;
    unsigned max = broker->limits.subscriptions_max;
    if (!pattern_valid(pattern, &broker->limits.topic))
        return -EINVAL;
    if ((max && session->subscription_count >= max) ||
        (session->account && !account_subscribe(session->account, limits_of(session)))) {
        broker->counters->limit_errors++;
        return -EDQUOT;
    }
    int error = router_add(broker->router, sink, pattern, group);
    if (error) {
        if (session->account)
            account_unsubscribe(session->account);
        return error;
    }
    session->subscription_count++;
    broker->counters->subscriptions_opened++;
    announce(broker, pattern, group, +1);
    return 0;
}

/* The pattern is asked for before the sink leaves. */
static void announce_end(struct broker *broker, const struct sink *sink)
{
    char pattern[UINT16_MAX];
    size_t size = router_pattern(sink, pattern, sizeof pattern);
    announce(broker, slice_make(pattern, size), router_group(sink), -1);
}

void session_unsubscribe(struct session *session, struct sink *sink)
{
    struct broker *broker = session->broker;
    if (broker->hooks.interest || broker->outlet.interest)
        announce_end(broker, sink);
    router_remove(broker->router, sink);
    if (session->account)
        account_unsubscribe(session->account);
    session->subscription_count--;
    broker->counters->subscriptions_closed++;
}
