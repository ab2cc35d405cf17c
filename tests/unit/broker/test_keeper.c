/* Keepers of one worker, over streams in memory; who is answered is a sink on the reply topic. */
#include "broker/keeper.h"

#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"
#include "broker/session.h"
#include "stream/engine.h"

static struct counters counters;
static struct broker broker;
static struct stream_engine *engine;
static struct stream_registry *registry;
static struct keepers *keepers;
static struct session session;
static unsigned wake_count, tied_count, untied_count, advanced_count;
static char got[4096];

static uint64_t wall_ms(void *arg)
{
    (void)arg;
    return 1795448711651;
}

static void wake(void *arg)
{
    (void)arg;
    wake_count++;
}

/* Who is answered. */

static unsigned print(struct sink *sink, const struct batch *batch)
{
    size_t size = strlen(got);
    (void)sink;
    for (unsigned i = 0; i < batch->count; i++)
        size += (size_t)snprintf(got + size, sizeof got - size, "%.*s %.*s\n", SLICE_ARGS(batch->topic),
                                 (int)batch->messages[i].body_size, batch->messages[i].body);
    return batch->count;
}

static const struct sink_ops printer_ops = { .deliver = print };
static struct sink printer = { .ops = &printer_ops, .weight = 1 };

static void was_told(const char *wanted)
{
    ck_assert_str_eq(got, wanted);
    got[0] = '\0';
}

/* The scene. */

static void tied(void *arg, struct keeper *keeper)
{
    (void)arg;
    keeper_set_guest(keeper, &tied_count);
    tied_count++;
}

static void untied(void *arg, struct keeper *keeper)
{
    (void)arg;
    ck_assert_ptr_eq(keeper_guest(keeper), &tied_count);
    untied_count++;
}

static void advanced(void *arg, struct keeper *keeper)
{
    (void)arg;
    (void)keeper;
    advanced_count++;
}

static void notice(struct session *of, enum broker_notice what)
{
    (void)of;
    (void)what;
}

static const struct session_ops session_ops = { .notice = notice };

static void scene_init(void)
{
    const struct broker_limits limits = { .topic = { 4096, 16 } };
    const struct stream_engine_options options = { .boot_id = "" };
    const struct keepers_hooks hooks = { NULL, tied, untied, advanced };
    ck_assert_int_eq(stream_engine_create(&options, &engine), 0);
    registry = stream_registry_create(engine);
    ck_assert_int_eq(broker_init(&broker, &counters, NULL, &limits), 0);
    broker.hooks.wall_ms = wall_ms;
    keepers = keepers_create(&broker, registry, wake, NULL);
    keepers_set_hooks(keepers, &hooks);
    broker.keepers = keepers;
    session_open(&session, &broker, &session_ops);
    ck_assert_int_eq(router_add(broker.router, &printer, slice_of("to.>"), slice_make(NULL, 0)), 0);
    got[0] = '\0';
}

static void scene_finish(void)
{
    keepers_destroy(keepers);
    router_remove(broker.router, &printer);
    session_close(&session);
    broker_finish(&broker);
    stream_registry_destroy(registry);
    stream_engine_destroy(engine);
}

static void add_stream(const char *name, const char *topic)
{
    struct stream_settings settings;
    settings_init(&settings);
    settings.storage = STREAM_MEMORY;
    settings.messages_max = 4;
    settings.discard = STREAM_DISCARD_NEW;
    ck_assert_int_eq(settings_set_text(&settings.name, name), 0);
    ck_assert_int_eq(settings_add_topic(&settings, topic), 0);
    ck_assert_int_eq(stream_registry_add(registry, &settings, NULL), 0);
    settings_finish(&settings);
}

/* Publishes count messages with replies to.0, to.1 ... Returns how many somebody took. */
static unsigned publish(const char *topic, unsigned count, bool with_reply, struct receipt *receipt)
{
    static char replies[16][8];
    struct message messages[16];
    const struct match *match;
    for (unsigned i = 0; i < count; i++) {
        int size = snprintf(replies[i], sizeof replies[i], "to.%u", i);
        messages[i] = (struct message){ .body = "x\r\n", .body_size = 1 };
        if (with_reply) {
            messages[i].reply = replies[i];
            messages[i].reply_size = (uint32_t)size;
        }
    }
    struct batch batch = { .topic = slice_of(topic), .messages = messages, .count = count, .receipts = receipt };
    ck_assert_int_eq(session_route(&session, slice_of(topic), &match), 0);
    return session_publish(&session, match, &batch);
}

START_TEST(who_asks_is_answered_in_the_turn)
{
    scene_init();
    add_stream("S", "s.>");
    keepers_turn(keepers);
    ck_assert_uint_eq(publish("s.a", 2, true, NULL), 2);
    was_told("");
    keepers_turn(keepers);
    was_told("to.0 {\"stream\":\"S\", \"seq\":1}\nto.1 {\"stream\":\"S\", \"seq\":2}\n");
    ck_assert_uint_eq(publish("s.a", 1, false, NULL), 1);
    keepers_turn(keepers);
    was_told("");
    scene_finish();
}
END_TEST

START_TEST(who_is_refused_hears_why)
{
    scene_init();
    add_stream("S", "s.>");
    keepers_turn(keepers);
    publish("s.a", 5, true, NULL);
    keepers_turn(keepers);
    was_told("to.4 {\"error\":{\"code\":503,\"err_code\":10077,\"description\":\"maximum messages exceeded\"},"
             "\"stream\":\"S\",\"seq\":0}\n"
             "to.0 {\"stream\":\"S\", \"seq\":1}\nto.1 {\"stream\":\"S\", \"seq\":2}\n"
             "to.2 {\"stream\":\"S\", \"seq\":3}\nto.3 {\"stream\":\"S\", \"seq\":4}\n");
    scene_finish();
}
END_TEST

START_TEST(nobody_answers_for_what_nobody_keeps)
{
    scene_init();
    add_stream("S", "s.>");
    add_stream("P", "*");
    keepers_turn(keepers);
    ck_assert_uint_eq(publish("t.a", 1, true, NULL), 0);
    ck_assert_uint_eq(publish("$SYS", 1, true, NULL), 0); /* it is not asked for by name */
    ck_assert_uint_eq(publish("orders", 1, true, NULL), 1);
    keepers_turn(keepers);
    was_told("to.0 {\"stream\":\"P\", \"seq\":1}\n");
    scene_finish();
}
END_TEST

/* Publishes one message that asks the broker, and is answered by the printer. */
static void publish_asking(const char *topic, const char *reply)
{
    const struct message message = { .body = "x\r\n", .body_size = 1, .reply = reply,
                                     .reply_size = (uint32_t)strlen(reply) };
    const struct match *match;
    struct batch batch = { .topic = slice_of(topic), .messages = &message, .count = 1 };
    ck_assert_int_eq(session_route(&session, slice_of(topic), &match), 0);
    session_publish(&session, match, &batch);
}

static unsigned see_no_reply(struct sink *sink, const struct batch *batch)
{
    (void)sink;
    for (unsigned i = 0; i < batch->count; i++)
        ck_assert_uint_eq(batch->messages[i].reply_size, 0);
    return batch->count;
}

START_TEST(who_asks_the_broker_is_answered_by_it_whoever_listens)
{
    static const struct sink_ops ops = { .deliver = see_no_reply };
    struct sink sinks[2] = { { .ops = &ops, .weight = 1 }, { .ops = &ops, .weight = 1 } };
    struct sink answers = { .ops = &printer_ops, .weight = 1 };
    scene_init();
    ck_assert_int_eq(router_add(broker.router, &answers, slice_of("$POSTHORN.ACK.>"), slice_make(NULL, 0)), 0);
    ck_assert_int_eq(router_add(broker.router, &sinks[0], slice_of(">"), slice_make(NULL, 0)), 0);
    ck_assert_int_eq(router_add(broker.router, &sinks[1], slice_of("s.*"), slice_of("g")), 0);
    add_stream("S", "s.>");
    keepers_turn(keepers);
    publish_asking("s.a", "$POSTHORN.ACK.t.1");
    publish_asking("t.a", "$POSTHORN.ACK.t.2");
    publish_asking("t.a", "$POSTHORN.ACK.t.3");
    ck_assert(keepers_have_waiting(keepers));
    was_told("");
    keepers_turn(keepers);
    was_told("$POSTHORN.ACK.t.1 {\"stream\":\"S\", \"seq\":1}\n"
             "$POSTHORN.ACK.t.2 {\"delivered\":true}\n$POSTHORN.ACK.t.3 {\"delivered\":true}\n");
    ck_assert(!keepers_have_waiting(keepers));
    router_remove(broker.router, &answers);
    router_remove(broker.router, &sinks[0]);
    router_remove(broker.router, &sinks[1]);
    scene_finish();
}
END_TEST

START_TEST(one_answer_stands_for_those_that_follow_one_another)
{
    struct sink answers = { .ops = &printer_ops, .weight = 1 };
    scene_init();
    ck_assert_int_eq(router_add(broker.router, &answers, slice_of("$POSTHORN.ACK.>"), slice_make(NULL, 0)), 0);
    add_stream("S", "s.>");
    keepers_turn(keepers);
    publish_asking("s.a", "$POSTHORN.ACK.t.1");
    publish_asking("s.b", "$POSTHORN.ACK.t.2");
    publish_asking("s.a", "$POSTHORN.ACK.t.3");
    publish_asking("s.a", "$POSTHORN.ACK.u.4");
    keepers_turn(keepers);
    was_told("$POSTHORN.ACK.t.3 {\"stream\":\"S\", \"seq\":3,\"run\":3}\n"
             "$POSTHORN.ACK.u.4 {\"stream\":\"S\", \"seq\":4}\n");
    router_remove(broker.router, &answers);
    scene_finish();
}
END_TEST

START_TEST(recent_keeps_what_was_accepted_and_what_nobody_else_wants)
{
    const struct stream_limits limits = { .bytes_max = 1 << 20 };
    struct keeper_recent recent;
    scene_init();
    struct stream *stream = stream_create("recent", &limits);
    ck_assert_int_eq(keeper_recent_init(&recent, &broker, stream, slice_of(">"), NULL), 0);
    add_stream("S", "s.>");
    keepers_turn(keepers);
    publish("s.a", 6, true, NULL); /* of which four are accepted */
    ck_assert_uint_eq(stream_last(stream), 4);
    publish("t.a", 3, true, NULL);
    ck_assert_uint_eq(stream_last(stream), 7);
    publish("$SYS.a", 1, true, NULL);
    ck_assert_uint_eq(stream_last(stream), 7);
    keeper_recent_finish(&recent);
    stream_destroy(stream);
    scene_finish();
}
END_TEST

START_TEST(a_receipt_tells_of_the_stream_that_refused)
{
    struct receipt receipt;
    scene_init();
    add_stream("S", "s.>");
    keepers_turn(keepers);
    for (unsigned i = 1; i <= 4; i++) {
        publish("s.a", 1, false, &receipt);
        ck_assert_str_eq(receipt.stream, "S");
        ck_assert_uint_eq(receipt.sequence, i);
    }
    publish("s.a", 1, false, &receipt);
    ck_assert_uint_eq(receipt.sequence, 0);
    ck_assert_int_eq(receipt.verdict, RECEIPT_TOO_MANY);
    publish("t.a", 1, false, &receipt);
    ck_assert_ptr_null(receipt.stream);
    scene_finish();
}
END_TEST

START_TEST(nobody_waits_for_what_is_committed)
{
    struct keeper_waiter waiter = { 0 };
    struct receipt receipt;
    scene_init();
    add_stream("S", "s.>");
    keepers_turn(keepers);
    publish("s.a", 1, false, &receipt);
    ck_assert(!keeper_wait(keepers, &waiter, &receipt));
    keeper_unwait(&waiter);
    receipt.sequence = 2; /* as though it were under way */
    ck_assert(keeper_wait(keepers, &waiter, &receipt));
    keepers_turn(keepers);
    ck_assert(keepers_have_waiting(keepers));
    keeper_unwait(&waiter);
    ck_assert(!keepers_have_waiting(keepers));
    scene_finish();
}
END_TEST

static unsigned committed_count, lost_count;

static void on_done(struct keeper_waiter *waiter, bool committed)
{
    ck_assert_ptr_null(waiter->keeper);
    *(committed ? &committed_count : &lost_count) += 1;
}

START_TEST(who_waits_is_called_when_it_is_committed_or_will_never_be)
{
    struct keeper_waiter waiters[3] = { { .done = on_done }, { .done = on_done }, { .done = on_done } };
    struct receipt receipt;
    scene_init();
    add_stream("S", "s.>");
    keepers_turn(keepers);
    publish("s.a", 1, false, &receipt);
    for (unsigned i = 0; i < 3; i++) {
        receipt.sequence++;
        ck_assert(keeper_wait(keepers, &waiters[i], &receipt));
    }
    keepers_turn(keepers);
    ck_assert_uint_eq(committed_count, 0);
    publish("s.a", 2, false, NULL);
    keepers_turn(keepers);
    ck_assert_uint_eq(committed_count, 2);
    ck_assert_uint_eq(lost_count, 0);
    ck_assert_int_eq(stream_registry_remove(registry, "S"), 0);
    keepers_turn(keepers);
    ck_assert_uint_eq(lost_count, 1);
    scene_finish();
}
END_TEST

START_TEST(streams_come_and_go_and_change_their_topics)
{
    struct stream_settings settings;
    static const char *const names[] = { "B", "D", "A", "C" };
    scene_init();
    tied_count = untied_count = 0;
    for (unsigned i = 0; i < 4; i++) {
        char topic[8];
        snprintf(topic, sizeof topic, "%s.*", names[i]);
        add_stream(names[i], topic);
        ck_assert_int_eq(keepers_sync(keepers), 0);
        ck_assert_uint_eq(tied_count, i + 1);
    }
    for (unsigned i = 0; i < 4; i++)
        ck_assert_str_eq(stream_name(keeper_stream(keepers_find(keepers, slice_of(names[i])))), names[i]);
    ck_assert_ptr_null(keepers_find(keepers, slice_of("E")));
    ck_assert_ptr_null(keepers_find(keepers, slice_of("AA")));
    ck_assert_ptr_null(keepers_find(keepers, slice_make("AA", 0)));
    ck_assert_int_eq(stream_registry_remove(registry, "B"), 0);
    add_stream("B", "B2"); /* another of the same name */
    ck_assert_int_eq(keepers_sync(keepers), 0);
    ck_assert_uint_eq(untied_count, 1);
    ck_assert_uint_eq(tied_count, 5);
    ck_assert_uint_eq(publish("B.x", 1, true, NULL), 0);
    ck_assert_uint_eq(publish("B2", 1, true, NULL), 1);
    struct stream *stream = stream_registry_find(registry, slice_of("C"));
    ck_assert_int_eq(stream_get_settings(stream, &settings), 0);
    ck_assert_int_eq(settings_add_topic(&settings, "C2"), 0);
    ck_assert_int_eq(stream_registry_change(registry, &settings), 0);
    settings_finish(&settings);
    stream_destroy(stream);
    ck_assert_int_eq(keepers_sync(keepers), 0);
    ck_assert_uint_eq(publish("C2", 1, true, NULL), 1);
    ck_assert_uint_eq(publish("C.x", 1, true, NULL), 1);
    ck_assert_uint_eq(untied_count, 1);
    scene_finish();
    ck_assert_uint_eq(untied_count, 5);
}
END_TEST

START_TEST(whoever_attends_hears_of_each_advance)
{
    scene_init();
    add_stream("S", "s.>");
    keepers_turn(keepers);
    advanced_count = 0;
    publish("s.a", 1, false, NULL);
    keepers_turn(keepers);
    ck_assert_uint_eq(advanced_count, 0);
    struct keeper *keeper = keepers_find(keepers, slice_of("S"));
    keeper_attend(keeper, +1);
    keepers_turn(keepers);
    publish("s.a", 1, false, NULL);
    keepers_turn(keepers);
    keepers_turn(keepers);
    ck_assert_uint_eq(advanced_count, 2); /* once for what was not looked at before */
    keeper_attend(keeper, -1);
    publish("s.a", 1, false, NULL);
    keepers_turn(keepers);
    ck_assert_uint_eq(advanced_count, 2);
    scene_finish();
}
END_TEST

static unsigned shown_count;

static unsigned count_shown(struct sink *sink, const struct batch *batch)
{
    (void)sink;
    shown_count += batch->count;
    return batch->count;
}

START_TEST(what_was_asked_for_and_refused_is_shown_to_nobody)
{
    static const struct sink_ops ops = { .deliver = count_shown };
    struct sink sink = { .ops = &ops, .weight = 1 };
    scene_init();
    add_stream("S", "s.>"); /* of four messages */
    keepers_turn(keepers);
    ck_assert_int_eq(router_add(broker.router, &sink, slice_of("s.>"), slice_make(NULL, 0)), 0);
    shown_count = 0;
    for (unsigned i = 0; i < 6; i++)
        publish_asking("s.a", "$POSTHORN.ACK.1");
    ck_assert_uint_eq(shown_count, 4);
    publish("s.a", 3, true, NULL); /* whoever asks as others do is refused, and heard all the same */
    ck_assert_uint_eq(shown_count, 7);
    router_remove(broker.router, &sink);
    scene_finish();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        who_asks_is_answered_in_the_turn,
        who_is_refused_hears_why,
        nobody_answers_for_what_nobody_keeps,
        who_asks_the_broker_is_answered_by_it_whoever_listens,
        one_answer_stands_for_those_that_follow_one_another,
        what_was_asked_for_and_refused_is_shown_to_nobody,
        recent_keeps_what_was_accepted_and_what_nobody_else_wants,
        a_receipt_tells_of_the_stream_that_refused,
        nobody_waits_for_what_is_committed,
        who_waits_is_called_when_it_is_committed_or_will_never_be,
        streams_come_and_go_and_change_their_topics,
        whoever_attends_hears_of_each_advance,
        NULL,
    };
    return unit_run("keeper", tests);
}
