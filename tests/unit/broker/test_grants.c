/* What a session is known to be allowed, and the door that looks at it. */
#include "broker/grants.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"
#include "broker/session.h"
#include "config/config.h"

static struct slice topic_of(const char *format, unsigned number)
{
    static char text[128];
    return slice_make(text, (size_t)snprintf(text, sizeof text, format, number));
}

START_TEST(what_is_learnt_is_known_until_it_is_forgotten)
{
    struct grants *grants = grants_create(1);
    ck_assert(!grants_recall(grants, GRANT_READ, slice_of("a")));
    grants_learn(grants, GRANT_READ, slice_of("a"));
    ck_assert(grants_recall(grants, GRANT_READ, slice_of("a")));
    ck_assert(!grants_recall(grants, GRANT_PUBLISH, slice_of("a")));
    ck_assert(!grants_recall(grants, GRANT_READ, slice_of("b")));
    grants_forget(grants);
    ck_assert(!grants_recall(grants, GRANT_READ, slice_of("a")));
    grants_destroy(grants);
    grants_destroy(NULL);
}
END_TEST

START_TEST(nothing_is_known_that_was_not_learnt)
{
    struct grants *grants = grants_create(7);
    for (unsigned i = 0; i < 10000; i += 2)
        grants_learn(grants, GRANT_PUBLISH, topic_of("topic.%u", i));
    for (unsigned i = 1; i < 10000; i += 2)
        ck_assert(!grants_recall(grants, GRANT_PUBLISH, topic_of("topic.%u", i)));
    ck_assert(grants_recall(grants, GRANT_PUBLISH, topic_of("topic.%u", 9998)));
    grants_learn(grants, GRANT_PUBLISH, topic_of("%0100u", 1)); /* too long to be remembered */
    ck_assert(!grants_recall(grants, GRANT_PUBLISH, topic_of("%0100u", 1)));
    grants_learn(grants, GRANT_PUBLISH, slice_make(NULL, 0));
    ck_assert(!grants_recall(grants, GRANT_PUBLISH, slice_make(NULL, 0)));
    grants_destroy(grants);
}
END_TEST

START_TEST(reply_may_be_given_so_often_and_so_long)
{
    struct grants *grants = grants_create(3);
    grants_note_reply(grants, slice_of("r.1"), 2, 100);
    ck_assert(!grants_take_reply(grants, slice_of("r.2"), 50));
    ck_assert(grants_take_reply(grants, slice_of("r.1"), 50));
    ck_assert(grants_take_reply(grants, slice_of("r.1"), 100));
    ck_assert(!grants_take_reply(grants, slice_of("r.1"), 100));
    grants_note_reply(grants, slice_of("r.1"), 1, 100);
    ck_assert(!grants_take_reply(grants, slice_of("r.1"), 101));
    grants_forget(grants);
    ck_assert(!grants_take_reply(grants, slice_of("r.1"), 50));
    grants_destroy(grants);
}
END_TEST

START_TEST(oldest_reply_gives_way)
{
    struct grants *grants = grants_create(3);
    for (unsigned i = 0; i <= GRANTS_REPLIES; i++)
        grants_note_reply(grants, topic_of("r.%u", i), 1, 100);
    ck_assert(!grants_take_reply(grants, topic_of("r.%u", 0), 1));
    ck_assert(grants_take_reply(grants, topic_of("r.%u", 1), 1));
    ck_assert(grants_take_reply(grants, topic_of("r.%u", GRANTS_REPLIES), 1));
    grants_destroy(grants);
}
END_TEST

/* The door. */

static struct counters counters;
static struct broker broker;
static struct session session, own;
static unsigned notice_count;
static enum broker_notice last_notice;
static char seen[256];

static void notice(struct session *of, enum broker_notice what)
{
    (void)of;
    notice_count++;
    last_notice = what;
}

static void describe(const struct session *of, struct session_facts *ret_facts)
{
    (void)of;
    (void)ret_facts;
}

static const struct session_ops session_ops = { .notice = notice, .describe = describe };

static unsigned deliver(struct sink *sink, const struct batch *batch)
{
    struct batch left;
    struct message messages[BATCH_MESSAGES_MAX];
    const struct batch *shown = session.rights ? session_sift(&session, sink, batch, &left, messages) : batch;
    for (unsigned i = 0; shown && i < shown->count; i++) {
        struct slice topic = message_topic(&shown->messages[i], shown->topic);
        snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%.*s ", SLICE_ARGS(topic));
    }
    return shown ? batch->count : 0;
}

static const struct sink_ops sink_ops = { .deliver = deliver };

static struct users *users_from(const char *ini)
{
    char sentence[USERS_SENTENCE_SIZE];
    struct config *config;
    struct config_error error;
    struct users *users;
    ck_assert_int_eq(config_parse(PROGRAM_BROKER, "test", slice_of(ini), NULL, 0, &config, &error), 0);
    ck_assert_int_eq(users_create(config, &users, sentence), 0);
    config_destroy(config);
    return users;
}

static const char ini[] = "[user u]\ntoken = t0ken\npublish = a.>\nsubscribe = a.>\nsubscribe_deny = a.secret\n";
static const struct broker_limits limits = { .topic = { 4096, 16 } };

static struct users *enter(void)
{
    struct users *users = users_from(ini);
    const struct credentials credentials = { .token = slice_of("t0ken") };
    counters = (struct counters){ 0 };
    ck_assert_int_eq(broker_init(&broker, &counters, users, &limits), 0);
    session_open(&session, &broker, &session_ops);
    ck_assert(session.rights == rights_none());
    ck_assert(!session_may_publish(&session, slice_of("a.b")) && !session_may_read(&session, slice_of("a.b")));
    ck_assert_int_eq(session_identify(&session, &credentials), 0);
    seen[0] = '\0';
    return users;
}

static void send(const char *topic, const char *shown_topic)
{
    const struct message message = {
        .body = "\r\n", .topic = shown_topic, .topic_size = shown_topic ? (uint32_t)strlen(shown_topic) : 0,
    };
    broker_send(&broker, slice_of(topic), &message, 1);
}

START_TEST(what_the_server_sends_asks_for_nothing)
{
    static const char *const asking[] = {
        "$JS.API.INFO", "$JS.ACK.S.C.1", "$JS.FC.S.C.1", "$POSTHORN.API.webhook.list",
    };
    const struct message message = { .body = "\r\n" };
    struct sink sink = { .ops = &sink_ops, .weight = 1 }, served = { .ops = &sink_ops, .weight = 1 };
    struct users *users = enter();
    ck_assert_int_eq(router_add(broker.router, &sink, slice_of(">"), slice_make(NULL, 0)), 0);
    ck_assert_int_eq(router_add(broker.router, &served, slice_of("$POSTHORN.>"), slice_make(NULL, 0)), 0);
    for (size_t i = 0; i < sizeof asking / sizeof *asking; i++) {
        ck_assert_uint_eq(broker_send(&broker, slice_of(asking[i]), &message, 1), 0);
        broker_send_no_responders(&broker, slice_of(asking[i]));
    }
    ck_assert_str_eq(seen, "");
    broker_ask(&broker, slice_of("$JS.API.INFO"), &message);
    ck_assert_str_eq(seen, "$JS.API.INFO ");
    router_remove(broker.router, &sink);
    router_remove(broker.router, &served);
    session_close(&session);
    broker_finish(&broker);
    users_destroy(users);
}
END_TEST

START_TEST(door_lets_through_what_is_allowed)
{
    const struct match *match;
    struct sink sink = { .ops = &sink_ops, .weight = 1 }, other = { .ops = &sink_ops, .weight = 1 };
    struct users *users = enter();
    for (int again = 0; again < 2; again++) {
        ck_assert_int_eq(session_route(&session, slice_of("a.b"), &match), 0);
        ck_assert_int_eq(session_route(&session, slice_of("b"), &match), -EACCES);
    }
    ck_assert_uint_eq(counters.permission_errors, 3); /* and one before it had entered */
    ck_assert_int_eq(session_subscribe(&session, &other, slice_of(">"), slice_make(NULL, 0)), -EACCES);
    ck_assert_int_eq(session_subscribe(&session, &other, slice_of("a.secret"), slice_make(NULL, 0)), -EACCES);
    ck_assert_int_eq(session_subscribe(&session, &sink, slice_of("a.*"), slice_make(NULL, 0)), 0);
    ck_assert(sink.is_limited);
    ck_assert_uint_eq(session.subscription_count, 1);
    send("a.b", NULL);
    send("a.secret", NULL);
    send("a.b", "a.secret"); /* of a stream, delivered elsewhere */
    send("a.b", "b.c");
    send("a.b", "a.c");
    ck_assert_str_eq(seen, "a.b a.c ");
    session_unsubscribe(&session, &sink);
    session_close(&session);
    broker_finish(&broker);
    users_destroy(users);
}
END_TEST

START_TEST(reload_reviews_what_is_allowed)
{
    struct sink sink = { .ops = &sink_ops, .weight = 1 };
    struct users *users = enter();
    struct users *same = users_from(ini), *others = users_from("[user u]\ntoken = t0ken\nsubscribe = b\n");
    struct users *nobody = users_from("[user v]\ntoken = x\n");
    session_open_own(&own, &broker, &session_ops);
    ck_assert_int_eq(session_subscribe(&session, &sink, slice_of("a.*"), slice_make(NULL, 0)), 0);
    ck_assert(session_may_publish(&session, slice_of("a.b")));
    notice_count = 0;
    broker_reconfigure(&broker, same, &limits);
    ck_assert_uint_eq(notice_count, 0);
    users_destroy(users);
    ck_assert(session_may_publish(&session, slice_of("a.b")) && session_may_keep(&session, &sink));
    broker_reconfigure(&broker, others, &limits);
    ck_assert(notice_count == 1 && last_notice == NOTICE_RIGHTS);
    ck_assert(!session_may_keep(&session, &sink) && !session_may_read(&session, slice_of("a.b")));
    ck_assert(session_may_read(&session, slice_of("b")) && session_may_publish(&session, slice_of("c")));
    broker_reconfigure(&broker, nobody, &limits);
    ck_assert(notice_count == 2 && last_notice == NOTICE_REVOKED);
    ck_assert(!session_may_read(&session, slice_of("b")) && !session_may_publish(&session, slice_of("c")));
    ck_assert(!session_may_publish(&session, slice_of("a.b"))); /* though it was known to be allowed */
    ck_assert(own.rights == NULL && session_may_publish(&own, slice_of("$SYS.x")));
    session_unsubscribe(&session, &sink);
    session_close(&session);
    session_close(&own);
    broker_finish(&broker);
    users_destroy(same);
    users_destroy(others);
    users_destroy(nobody);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_is_learnt_is_known_until_it_is_forgotten,
        nothing_is_known_that_was_not_learnt,
        reply_may_be_given_so_often_and_so_long,
        oldest_reply_gives_way,
        what_the_server_sends_asks_for_nothing,
        door_lets_through_what_is_allowed,
        reload_reviews_what_is_allowed,
        NULL,
    };
    return unit_run("grants", tests);
}
