#include "broker/session.h"

#include <errno.h>
#include <stdlib.h>

void session_open(struct session *session, struct broker *broker, const struct session_ops *ops)
{
    *session = (struct session){ .broker = broker, .ops = ops, .next = broker->sessions, .link = &broker->sessions };
    if (session->next)
        session->next->link = &session->next;
    broker->sessions = session;
}

void session_close(struct session *session)
{
    *session->link = session->next;
    if (session->next)
        session->next->link = session->link;
}

bool session_needs_user(const struct session *session)
{
    return !session->user && !users_open(session->broker->users);
}

int session_identify(struct session *session, const struct credentials *credentials)
{
    const struct users *users = session->broker->users;
    if (users_open(users))
        return 0;
    session->user = users_identify(users, credentials);
    if (session->user)
        return 0;
    session->broker->counters->auth_failures++;
    return -EACCES;
}

int session_route(struct session *session, struct slice topic, const struct match **ret_match)
{
    const struct match *match = router_match(session->broker->router, topic);
    if (match->verdict == TOPIC_TOO_LONG) {
        session->broker->counters->limit_errors++;
        return -ENAMETOOLONG;
    }
    *ret_match = match;
    return 0;
}

unsigned session_publish(struct session *session, const struct match *match, struct batch *batch)
{
    batch->origin = session;
    session->messages_in += batch->count;
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
    if (max && session->subscription_count >= max) {
        broker->counters->limit_errors++;
        return -EDQUOT;
    }
    int error = router_add(broker->router, sink, pattern, group);
    if (error)
        return error;
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
    session->subscription_count--;
    broker->counters->subscriptions_closed++;
}
