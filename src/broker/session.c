#include "broker/session.h"

#include <errno.h>
#include <stdlib.h>

#include "auth/accounts.h"
#include "auth/limits.h"
#include "broker/asked.h"
#include "broker/grants.h"
#include "broker/keeper.h"
#include "util/clock.h"

enum { WAIT_MAX_MS = 3600000 };

void session_open_own(struct session *session, struct broker *broker, const struct session_ops *ops)
{
    *session = (struct session){
        .broker = broker,
        .ops = ops,
        .next = broker->sessions,
        .link = &broker->sessions,
        .payload_size_max = UINT32_MAX,
        .is_own = true,
    };
    if (session->next)
        session->next->link = &session->next;
    broker->sessions = session;
}

/* Nobody in particular may do everything where nobody is asked who he is, and else nothing. */
static const struct rights *rights_of(const struct session *session)
{
    if (session->user)
        return session->user->rights ? session->user->rights : rights_none();
    const struct users *users = session->broker->users; /* NULL: as in tests */
    return session->is_own || !users || users_open(users) ? NULL : rights_none();
}

void session_open(struct session *session, struct broker *broker, const struct session_ops *ops)
{
    session_open_own(session, broker, ops);
    session->is_own = false;
    session->rights = rights_of(session);
}

static void leave_place(struct session *session)
{
    if (!session->place_account)
        return;
    account_move_subscriptions(session->place_account, -(int)session->subscription_count);
    accounts_leave(session->broker->places, session->place_account);
    session->place_account = NULL;
}

void session_close(struct session *session)
{
    session_forget_user(session);
    leave_place(session);
    *session->link = session->next;
    if (session->next)
        session->next->link = session->link;
    grants_destroy(session->grants);
    rights_unref(session->rights);
    session->grants = NULL;
    session->rights = NULL;
}

/* Who one is. */

bool session_needs_user(const struct session *session)
{
    return !session->user && !users_open(session->broker->users);
}

static bool set_rights(struct session *session, const struct rights *rights)
{
    const struct rights *old = session->rights, *new = rights_are_whole(rights) ? NULL : rights_ref(rights);
    bool same = rights_equal(old, new);
    session->rights = new;
    rights_unref(old);
    if (!same && session->grants)
        grants_forget(session->grants);
    return !same;
}

bool session_review_rights(struct session *session, bool welcome)
{
    return set_rights(session, welcome ? rights_of(session) : rights_none());
}

/* Limits of a user, and of a place. */

/* NULL: there are none. */
static const struct user_limits *limits_of(const struct session *session)
{
    return session->user ? session->user->limits : NULL;
}

static const struct user_limits *place_limits_of(const struct session *session)
{
    return &session->broker->limits.address;
}

static bool is_paced(const struct account *account, const struct user_limits *limits)
{
    return account && limits && (limits->publish_rate || limits->publish_bytes_rate);
}

static bool user_is_paced(const struct session *session)
{
    return is_paced(session->account, limits_of(session));
}

static bool place_is_paced(const struct session *session)
{
    return is_paced(session->place_account, place_limits_of(session));
}

void session_take_limits(struct session *session)
{
    const struct user_limits *limits = limits_of(session);
    bool has_size = limits && limits->payload_size_max && limits->payload_size_max < UINT32_MAX;
    session->is_paced = user_is_paced(session) || place_is_paced(session);
    session->payload_size_max = has_size ? (uint32_t)limits->payload_size_max : UINT32_MAX;
}

int session_count_place(struct session *session)
{
    struct broker *broker = session->broker;
    bool counts = session->place.size && broker->places && address_limits_any(place_limits_of(session));
    int error = 0;
    if (!counts)
        leave_place(session);
    else if (!session->place_account)
        error = accounts_enter(broker->places, session->place, NULL, clock_monotonic_ns(), &session->place_account);
    else
        return 0;
    if (session->place_account)
        account_move_subscriptions(session->place_account, (int)session->subscription_count);
    session_take_limits(session);
    return error;
}

int session_come_from(struct session *session, struct slice place)
{
    session->place = place;
    return session_count_place(session);
}

/* Counts it under the name of a user, if anything is counted here. 0, -EDQUOT or -ENOMEM. */
static int open_account(struct session *session, const struct user *user)
{
    struct broker *broker = session->broker;
    if (!broker->accounts)
        return 0;
    int error = accounts_enter(broker->accounts, slice_of(user->name), user->limits, clock_monotonic_ns(),
                               &session->account);
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
    session->login.id = 0;
    session_take_limits(session);
    set_rights(session, rights_of(session));
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

int session_refuse_pass(struct session *session)
{
    return refuse(session, slice_make(NULL, 0), -EACCES);
}

int session_refuse_silent(struct session *session)
{
    session->broker->counters->auth_failures++;
    audit_tell_of(session, (struct audit_entry){
        .event = AUDIT_LOGIN, .outcome = AUDIT_REFUSED, .reason = "no credentials", .is_silent = true,
    });
    return -EACCES;
}

static void ends_by(const struct session *session, uint64_t expires_ms)
{
    if (expires_ms < session->broker->expires_ms)
        session->broker->expires_ms = expires_ms;
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
    session->login.id = 0;
    ends_by(session, user->expires_ms);
    session_take_limits(session);
    set_rights(session, rights_of(session));
    if (session->subscription_count)
        session->ops->notice(session, NOTICE_RIGHTS); /* it was somebody else, or nobody, before */
    tell_accepted(session);
    return 0;
}

int session_enter_by(struct session *session, const struct user *user, const struct login *login)
{
    int error = session_enter_as(session, user);
    if (error || !login->id)
        return error;
    session->login = *login;
    ends_by(session, login->expires_ms);
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
    uint64_t now_ns = clock_monotonic_ns(), count, size;
    if (user_is_paced(session)) {
        account_room(session->account, limits_of(session), now_ns, &count, &size);
        *ret_count_max = (unsigned)smaller(count, *ret_count_max);
        *ret_size_max = (size_t)smaller(size, *ret_size_max);
    }
    if (place_is_paced(session)) {
        account_room(session->place_account, place_limits_of(session), now_ns, &count, &size);
        *ret_count_max = (unsigned)smaller(count, *ret_count_max);
        *ret_size_max = (size_t)smaller(size, *ret_size_max);
    }
}

uint64_t session_owes_ms(const struct session *session)
{
    uint64_t now_ns = session->is_paced ? clock_monotonic_ns() : 0;
    uint64_t user_ms = user_is_paced(session) ? account_wait_ms(session->account, now_ns) : 0;
    uint64_t place_ms = place_is_paced(session) ? account_wait_ms(session->place_account, now_ns) : 0;
    return user_ms > place_ms ? user_ms : place_ms;
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
    uint64_t now_ns = clock_monotonic_ns(), wait_ms = 0, place_ms = 0;
    if (user_is_paced(session))
        wait_ms = account_charge(session->account, limits_of(session), batch->count, size, now_ns);
    if (place_is_paced(session))
        place_ms = account_charge(session->place_account, place_limits_of(session), batch->count, size, now_ns);
    wait_ms = wait_ms > place_ms ? wait_ms : place_ms;
    session->wait_ms = (unsigned)smaller(wait_ms, WAIT_MAX_MS);
    session->broker->counters->rate_limits += wait_ms != 0;
}

/* What one may. */

/* NULL: out of memory, and then each topic is looked at anew. */
static struct grants *grants_of(struct session *session)
{
    if (!session->grants)
        session->grants = grants_create(session->broker->grants_seed);
    return session->grants;
}

/* Answers have a topic of their own each, _INBOX.SOMETHING: there is nothing to remember. */
static bool is_remembered(struct slice topic)
{
    return !topic.size || *topic.data != '_';
}

static bool is_known(const struct session *session, enum grant grant, struct slice topic)
{
    return session->grants && is_remembered(topic) && grants_recall(session->grants, grant, topic);
}

/* By the rights: looked at once, then known. What asks is looked at each time: consumers come and go. */
static bool is_allowed(struct session *session, enum grant grant, struct slice topic,
                       bool (*may)(const struct rights *rights, struct slice topic))
{
    if (!may(session->rights, topic))
        return false;
    struct grants *grants = is_remembered(topic) ? grants_of(session) : NULL;
    if (grants)
        grants_learn(grants, grant, topic);
    return true;
}

/* Of an API: who serves it says whether it may be asked. Where it is served elsewhere, it has to be named. */
static bool may_ask(struct session *session, struct slice topic)
{
    const struct broker_judge *judge = &session->broker->judge;
    if (!rights_may_publish(session->rights, topic))
        return false;
    if (judge->may_ask && !session->broker->outlet.publish)
        return judge->may_ask(judge->arg, session->rights, topic);
    return rights_name(session->rights, topic);
}

static uint64_t now_ms(const struct session *session)
{
    return broker_wall_ms(session->broker);
}

static bool may_publish(struct session *session, struct slice topic)
{
    if (rights_publish_freely(session->rights, topic))
        return true;
    if (topic_asks(topic) ? may_ask(session, topic)
                          : is_allowed(session, GRANT_PUBLISH, topic, rights_may_publish))
        return true;
    return session->grants && grants_take_reply(session->grants, topic, now_ms(session));
}

void session_deny(struct session *session, const char *action, struct slice object)
{
    session->broker->counters->permission_errors++;
    audit_tell_of(session, (struct audit_entry){
        .event = AUDIT_DENIED, .outcome = AUDIT_REFUSED, .action = action, .object = object,
    });
}

bool session_may_publish(struct session *session, struct slice topic)
{
    if (!session->rights || is_known(session, GRANT_PUBLISH, topic) || may_publish(session, topic))
        return true;
    session_deny(session, right_name(RIGHT_PUBLISH), topic);
    return false;
}

bool session_may_read(struct session *session, struct slice topic)
{
    if (!session->rights || is_known(session, GRANT_READ, topic))
        return true;
    return rights_read_freely(session->rights, topic) || is_allowed(session, GRANT_READ, topic, rights_may_read);
}

/* Publishing. */

int session_route(struct session *session, struct slice topic, const struct match **ret_match)
{
    if (session->rights && !session_may_publish(session, topic))
        return -EACCES;
    const struct match *match = router_match(session->broker->router, topic);
    if (match->verdict == TOPIC_TOO_LONG) {
        session->broker->counters->limit_errors++;
        return -ENAMETOOLONG;
    }
    if (session->broker->outlet.publish && topic.size && *topic.data == '$')
        asked_elsewhere(session, topic);
    *ret_match = match;
    return 0;
}

bool session_may_be_answered(const struct session *session, const struct match *match, struct slice topic,
                             struct slice reply)
{
    if (!session->rights)
        return true;
    bool is_kept = match->keeper_count && match->keepers[0]->keeper == SINK_KEEPS;
    return (!is_kept && !topic_asks(topic)) ||
           rights_may_be_answered(session->rights, reply, slice_make(NULL, 0));
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

/* Subscribing. */

/* The other workers are told of the pattern, and the broker of which this is the sidecar. */
static void announce(struct broker *broker, struct slice pattern, struct slice group, int delta)
{
    if (broker->hooks.interest)
        broker->hooks.interest(broker->hooks.arg, pattern, group, delta);
    if (broker->outlet.interest)
        broker->outlet.interest(broker->outlet.arg, pattern, group, delta);
}

static void uncount_subscription(struct session *session)
{
    if (session->account)
        account_unsubscribe(session->account);
    if (session->place_account)
        account_unsubscribe(session->place_account);
}

static bool count_subscription(struct session *session)
{
    unsigned max = session->broker->limits.subscriptions_max;
    if (max && session->subscription_count >= max)
        return false;
    if (session->account && !account_subscribe(session->account, limits_of(session)))
        return false;
    if (!session->place_account || account_subscribe(session->place_account, place_limits_of(session)))
        return true;
    if (session->account)
        account_unsubscribe(session->account);
    return false;
}

int session_subscribe(struct session *session, struct sink *sink, struct slice pattern, struct slice group)
{
    struct broker *broker = session->broker;
    if (!pattern_valid(pattern, &broker->limits.topic))
        return -EINVAL;
    enum reach reach = rights_reach(session->rights, pattern, group);
    if (reach == REACH_NOTHING) {
        session_deny(session, right_name(RIGHT_SUBSCRIBE), pattern);
        return -EACCES;
    }
    if (!count_subscription(session)) {
        broker->counters->limit_errors++;
        return -EDQUOT;
    }
    sink->is_limited = reach == REACH_PART;
    int error = router_add(broker->router, sink, pattern, group);
    if (error) {
        uncount_subscription(session);
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
    uncount_subscription(session);
    session->subscription_count--;
    broker->counters->subscriptions_closed++;
}

bool session_may_keep(struct session *session, struct sink *sink)
{
    char pattern[UINT16_MAX];
    size_t size = router_pattern(sink, pattern, sizeof pattern);
    enum reach reach = rights_reach(session->rights, slice_make(pattern, size), router_group(sink));
    sink->is_limited = reach == REACH_PART;
    return reach != REACH_NOTHING;
}

/* Being delivered. */

static void note_replies(struct session *session, const struct batch *batch)
{
    unsigned count = rights_responses_max(session->rights);
    struct grants *grants = count ? grants_of(session) : NULL;
    uint64_t due_ms = now_ms(session) + rights_responses_ms(session->rights);
    for (unsigned i = 0; grants && i < batch->count; i++) {
        const struct message *message = &batch->messages[i];
        if (message->reply_size)
            grants_note_reply(grants, slice_make(message->reply, message->reply_size), count, due_ms);
    }
}

void session_grant_reply(struct session *session, struct slice topic)
{
    const struct message message = { .reply = topic.data, .reply_size = (uint32_t)topic.size };
    const struct batch batch = { .messages = &message, .count = 1 };
    if (rights_responses_max(session->rights))
        note_replies(session, &batch);
}

/* What comes from a stream stands under its own topic, whatever the one by which it is delivered. */
static bool may_be_shown(struct session *session, const struct message *message)
{
    return !message->topic || session_may_read(session, slice_make(message->topic, message->topic_size));
}

static unsigned copy_readable(struct session *session, const struct batch *batch, struct message *messages)
{
    unsigned count = 0;
    for (unsigned i = 0; i < batch->count; i++)
        if (may_be_shown(session, &batch->messages[i]))
            messages[count++] = batch->messages[i];
    return count;
}

static bool any_has_topic(const struct batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++)
        if (batch->messages[i].topic)
            return true;
    return false;
}

/* Looked at for the first who is delivered a batch, and known for the others. */
static bool may_hide_some(struct broker *broker, const struct batch *batch)
{
    if (batch->serial && broker->plain_serial == batch->serial)
        return false;
    if (any_has_topic(batch))
        return true;
    broker->plain_serial = batch->serial;
    return false;
}

const struct batch *session_sift(struct session *session, const struct sink *sink, const struct batch *batch,
                                 struct batch *ret_left, struct message *messages)
{
    if (sink->is_limited && !session_may_read(session, batch->topic))
        return NULL;
    if (may_hide_some(session->broker, batch)) {
        unsigned count = copy_readable(session, batch, messages);
        if (!count)
            return NULL;
        if (count < batch->count) {
            *ret_left = *batch;
            ret_left->messages = messages;
            ret_left->count = count;
            ret_left->serial = 0; /* no longer the same messages as others are delivered */
            batch = ret_left;
        }
    }
    if (rights_responses_max(session->rights))
        note_replies(session, batch);
    return batch;
}
