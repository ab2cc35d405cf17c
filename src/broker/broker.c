#include "broker/broker.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "broker/session.h"
#include "util/random.h"

int broker_init(struct broker *broker, struct counters *counters, const struct users *users,
                const struct broker_limits *limits)
{
    uint64_t seed;
    random_bytes(&seed, sizeof seed);
    *broker = (struct broker){ .counters = counters, .users = users, .limits = *limits };
    broker->router = router_create(seed, &limits->topic);
    broker->receipts = calloc(BATCH_MESSAGES_MAX, sizeof *broker->receipts);
    return broker->router && broker->receipts ? 0 : -ENOMEM;
}

void broker_finish(struct broker *broker)
{
    assert(!broker->sessions);
    router_destroy(broker->router);
    free(broker->receipts);
    broker->router = NULL;
    broker->receipts = NULL;
}

void broker_notify(struct broker *broker, enum broker_notice notice)
{
    for (struct session *session = broker->sessions; session; session = session->next)
        session->ops->notice(session, notice);
}

/* Anonymous sessions stay as long as anybody may enter. */
static bool still_welcome(struct session *session, const struct users *users)
{
    if (!session->user)
        return users_open(users);
    session->user = users_again(users, session->user);
    return session->user != NULL;
}

void broker_reconfigure(struct broker *broker, const struct users *users, const struct broker_limits *limits)
{
    broker->users = users;
    broker->limits = *limits;
    router_set_limits(broker->router, &limits->topic);
    for (struct session *session = broker->sessions; session; session = session->next)
        if (!still_welcome(session, users))
            session->ops->notice(session, NOTICE_REVOKED);
}

unsigned broker_send(struct broker *broker, struct slice topic, const struct message *messages, unsigned count)
{
    const struct match *match = router_match(broker->router, topic);
    struct batch batch = { .topic = topic, .messages = messages, .count = count };
    assert(count <= BATCH_MESSAGES_MAX);
    batch.serial = broker_next_serial(broker);
    return router_deliver(broker->router, match, &batch);
}
