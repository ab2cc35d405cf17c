#include "core/router.h"

#include <stdio.h>
#include <stdlib.h>

#include "stub.h"
#include "../unit.h"

static const struct slice plain = { NULL, 0 };

static void add(struct router *router, struct stub *stub, const char *pattern, const char *group)
{
    ck_assert_int_eq(router_add(router, &stub->sink, slice_of(pattern), slice_of(group)), 0);
}

/* Asks often enough that the answer comes from the cache, and that it is the same each time. */
static unsigned sink_count_of(struct router *router, const char *topic)
{
    unsigned count = router_match(router, slice_of(topic))->sink_count;
    for (unsigned i = 0; i < 3; i++) {
        const struct match *match = router_match(router, slice_of(topic));
        ck_assert(slice_is(match->topic, topic));
        ck_assert_uint_eq(match->sink_count, count);
        ck_assert(match_is_empty(match) == (match->sink_count + match->group_count == 0));
    }
    return count;
}

START_TEST(nobody_wants_what_nobody_asked_for)
{
    struct router *router = stub_router(1);
    ck_assert(match_is_empty(router_match(router, slice_of("a"))));
    ck_assert_uint_eq(stub_publish(router, "a", 3, 0), 0);
    router_destroy(router);
    router_destroy(NULL);
}
END_TEST

START_TEST(each_sink_gets_each_message_in_order)
{
    struct router *router = stub_router(2);
    struct stub stubs[3];
    static const char *const patterns[] = { "a.b", "a.*", "a.>" };
    for (unsigned i = 0; i < 3; i++) {
        stub_init(&stubs[i]);
        add(router, &stubs[i], patterns[i], NULL);
    }
    ck_assert_uint_eq(stub_publish(router, "a.b", 5, 0), 5);
    ck_assert_uint_eq(stub_publish(router, "a.b", 2, 5), 2);
    ck_assert_uint_eq(stub_publish(router, "a.c", 1, 7), 1);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_uint_eq(stubs[i].taken, i ? 8 : 7);
        for (unsigned k = 0; k < stubs[i].taken; k++)
            ck_assert_uint_eq(stub_message(&stubs[i], k), k);
        ck_assert_uint_eq(stubs[i].last.group.size, 0);
    }
    router_destroy(router);
}
END_TEST

START_TEST(one_session_may_have_two_sinks_of_one_pattern)
{
    struct router *router = stub_router(3);
    struct stub stubs[2];
    for (unsigned i = 0; i < 2; i++) {
        stub_init(&stubs[i]);
        add(router, &stubs[i], "a", NULL);
    }
    stub_publish(router, "a", 1, 0);
    ck_assert_uint_eq(stubs[0].taken, 1);
    ck_assert_uint_eq(stubs[1].taken, 1);
    router_destroy(router);
}
END_TEST

START_TEST(sinks_with_one_target_are_delivered_to_once_through_it)
{
    struct router *router = stub_router(4);
    struct stub peers[2], far[4], near;
    static const char *const patterns[] = { "a.b", "a.*", "a.>", "a.b" };
    stub_init(&near);
    add(router, &near, "a.b", NULL);
    for (unsigned i = 0; i < 2; i++)
        stub_init(&peers[i]);
    for (unsigned i = 0; i < 4; i++) {
        stub_init_far(&far[i], &peers[i == 3], 1);
        add(router, &far[i], patterns[i], NULL);
    }
    ck_assert_uint_eq(sink_count_of(router, "a.b"), 3);
    ck_assert_uint_eq(stub_publish(router, "a.b", 2, 0), 2);
    ck_assert_uint_eq(near.taken, 2);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_uint_eq(peers[i].taken, 2);
        ck_assert_uint_eq(peers[i].call_count, 1);
    }
    for (unsigned i = 0; i < 4; i++)
        ck_assert_uint_eq(far[i].call_count, 0);
    router_remove(router, &far[0].sink);
    ck_assert_uint_eq(sink_count_of(router, "a.b"), 3);
    router_remove(router, &far[1].sink);
    router_remove(router, &far[2].sink);
    ck_assert_uint_eq(sink_count_of(router, "a.b"), 2);
    router_destroy(router);
}
END_TEST

START_TEST(the_count_is_that_of_the_sink_that_took_most)
{
    static const unsigned left[][3] = { { 0, 0, 0 }, { 2, 0, 1 }, { 0, 3, 1 }, { 5, 4, 0 }, { 7, 0, 9 } };
    static const unsigned counts[] = { 0, 2, 3, 5, 5 };
    for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct router *router = stub_router(5);
        struct stub stubs[3];
        for (unsigned k = 0; k < 3; k++) {
            stub_init(&stubs[k]);
            stubs[k].left = left[i][k];
            add(router, &stubs[k], "a", NULL);
        }
        ck_assert_uint_eq(stub_publish(router, "a", 5, 0), counts[i]);
        for (unsigned k = 0; k < 3; k++)
            ck_assert_uint_eq(stubs[k].taken, left[i][k] < 5 ? left[i][k] : 5);
        router_destroy(router);
    }
}
END_TEST

/* A keeper that answers so many, and notes when it was called. */
struct keeper {
    struct sink sink; /* first */
    unsigned answers, turn;
};
static unsigned keeper_turns;

static unsigned keep(struct sink *sink, const struct batch *batch)
{
    struct keeper *keeper = (struct keeper *)sink;
    ck_assert_uint_eq(batch->count, 5);
    keeper->turn = ++keeper_turns;
    return keeper->answers;
}

static const struct sink_ops keeping_ops = { .deliver = keep };

START_TEST(keepers_come_in_their_order_and_say_what_they_answer)
{
    struct router *router = stub_router(5);
    struct keeper keepers[4];
    struct message messages[5];
    struct stub stub;
    static const enum sink_keeping kinds[] = { SINK_KEEPS_ACCEPTED, SINK_KEEPS, SINK_KEEPS_ACCEPTED, SINK_KEEPS };
    static const char *const patterns[] = { ">", "a.b", "a.*", "a.>" };
    stub_init(&stub);
    add(router, &stub, "a.b", NULL);
    keeper_turns = 0;
    for (unsigned i = 0; i < 4; i++) {
        keepers[i] = (struct keeper){ .sink = { .ops = &keeping_ops, .keeper = (uint8_t)kinds[i], .weight = 1 } };
        keepers[i].answers = i == 3 ? 4 : 0;
        ck_assert_int_eq(router_add(router, &keepers[i].sink, slice_of(patterns[i]), plain), 0);
    }
    stub_messages(messages, 5, 0);
    const struct match *match = router_match(router, slice_of("a.b"));
    const struct batch batch = { .topic = match->topic, .messages = messages, .count = 5 };
    ck_assert_uint_eq(match->keeper_count, 4);
    ck_assert_uint_eq(router_keep(match, &batch), 4);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_uint_eq((keepers[i].turn + 1) / 2, kinds[i] == SINK_KEEPS ? 1 : 2);
    ck_assert_uint_eq(stub.taken, 0);
    router_destroy(router);
}
END_TEST

START_TEST(plain_sinks_see_the_batch_as_it_is)
{
    struct router *router = stub_router(6);
    struct stub stubs[2];
    struct message messages[3];
    int origin;
    for (unsigned i = 0; i < 2; i++) {
        stub_init(&stubs[i]);
        add(router, &stubs[i], "a", NULL);
    }
    stubs[0].left = 1;
    stub_messages(messages, 3, 0);
    const struct match *match = router_match(router, slice_of("a"));
    struct batch batch = {
        .topic = match->topic,
        .group = slice_of("old"),
        .messages = messages,
        .count = 3,
        .hops = 7,
        .origin = &origin,
        .serial = 42,
    };
    ck_assert_uint_eq(router_deliver_plain(router, match, &batch), 3);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert(slice_is(stubs[i].last.topic, "a"));
        ck_assert_uint_eq(stubs[i].last.group.size, 0);
        ck_assert_ptr_eq(stubs[i].last.messages, messages);
        ck_assert_uint_eq(stubs[i].last.count, 3);
        ck_assert_uint_eq(stubs[i].last.hops, 7);
        ck_assert_ptr_eq(stubs[i].last.origin, &origin);
        ck_assert_uint_eq(stubs[i].last.serial, 42);
    }
    router_destroy(router);
}
END_TEST

START_TEST(plain_delivery_and_delivery_to_a_group_are_apart)
{
    struct router *router = stub_router(7);
    struct stub alone, member, other;
    struct message messages[2];
    stub_init(&alone);
    stub_init(&member);
    stub_init(&other);
    add(router, &alone, "a", NULL);
    add(router, &member, "a", "g");
    add(router, &other, "a", "h");
    stub_messages(messages, 2, 0);
    const struct match *match = router_match(router, slice_of("a"));
    struct batch batch = { .topic = match->topic, .messages = messages, .count = 2 };
    ck_assert_uint_eq(router_deliver_plain(router, match, &batch), 2);
    ck_assert_uint_eq(alone.taken, 2);
    ck_assert_uint_eq(member.taken + other.taken, 0);
    ck_assert_uint_eq(router_deliver_group(router, match, slice_of("g"), &batch), 2);
    ck_assert_uint_eq(alone.taken, 2);
    ck_assert_uint_eq(member.taken, 2);
    ck_assert_uint_eq(other.taken, 0);
    ck_assert(slice_is(member.last.group, "g"));
    ck_assert_uint_eq(router_deliver_group(router, match, slice_of("x"), &batch), 0);
    router_destroy(router);
}
END_TEST

START_TEST(a_topic_over_the_limits_is_nobodys_and_says_so)
{
    static const struct topic_limits narrow = { .size_max = 8, .depth_max = 3 }, wide = { 64, 8 };
    struct router *router = router_create(14, &narrow);
    struct stub stub;
    stub_init(&stub);
    add(router, &stub, ">", NULL);
    for (unsigned i = 0; i < 3; i++) { /* the refusal is remembered like any answer */
        ck_assert_int_eq(router_match(router, slice_of("a.b.c"))->verdict, TOPIC_GOOD);
        ck_assert_int_eq(router_match(router, slice_of("a..c"))->verdict, TOPIC_MALFORMED);
        ck_assert_int_eq(router_match(router, slice_of("a.b.c.d"))->verdict, TOPIC_TOO_LONG);
        ck_assert_int_eq(router_match(router, slice_of("123456789"))->verdict, TOPIC_TOO_LONG);
        ck_assert(match_is_empty(router_match(router, slice_of("a.b.c.d"))));
    }
    router_set_limits(router, &wide);
    ck_assert_int_eq(router_match(router, slice_of("a.b.c.d"))->verdict, TOPIC_GOOD);
    ck_assert_uint_eq(sink_count_of(router, "a.b.c.d"), 1);
    ck_assert_uint_eq(sink_count_of(router, "123456789"), 1);
    router_set_limits(router, &narrow);
    ck_assert_uint_eq(sink_count_of(router, "a.b.c.d"), 0);
    router_destroy(router);
}
END_TEST

static bool is_sink(const struct sink *sink, const void *arg)
{
    return sink == arg;
}

START_TEST(a_sink_is_found_under_its_pattern_and_group_alone)
{
    struct router *router = stub_router(8);
    struct stub stub, member;
    stub_init(&stub);
    stub_init(&member);
    add(router, &stub, "a.*", NULL);
    add(router, &member, "a.*", "g");
    ck_assert_ptr_eq(router_find(router, slice_of("a.*"), plain, is_sink, &stub), &stub.sink);
    ck_assert_ptr_null(router_find(router, slice_of("a.*"), slice_of("g"), is_sink, &stub));
    ck_assert_ptr_null(router_find(router, slice_of("a.b"), plain, is_sink, &stub));
    ck_assert_ptr_null(router_find(router, slice_of("a.>"), plain, is_sink, &stub));
    ck_assert_ptr_eq(router_find(router, slice_of("a.*"), slice_of("g"), is_sink, &member), &member.sink);
    router_remove(router, &stub.sink);
    ck_assert_ptr_null(router_find(router, slice_of("a.*"), plain, is_sink, &stub));
    router_destroy(router);
}
END_TEST

/* Changes of either kind of pattern, for answers small and large, while the topic is being asked for. */
START_TEST(a_remembered_answer_follows_every_change)
{
    enum { CROWD = 100 };
    static const char *const patterns[] = { "a.b", "a.*", "*.b", "a.>", ">" };
    for (unsigned crowd = 0; crowd <= CROWD; crowd += CROWD) {
        struct router *router = stub_router(9);
        struct stub stub, others[CROWD];
        stub_init(&stub);
        for (unsigned i = 0; i < crowd; i++) {
            stub_init(&others[i]);
            add(router, &others[i], i % 2 ? "a.b" : "*.*", NULL);
        }
        for (unsigned i = 0; i < sizeof patterns / sizeof *patterns; i++) {
            ck_assert_uint_eq(sink_count_of(router, "a.b"), crowd);
            add(router, &stub, patterns[i], NULL);
            ck_assert_uint_eq(sink_count_of(router, "a.b"), crowd + 1);
            router_remove(router, &stub.sink);
            ck_assert_uint_eq(sink_count_of(router, "a.b"), crowd);
            add(router, &stub, "c.*", NULL); /* changes that do not concern it */
            ck_assert_uint_eq(sink_count_of(router, "a.b"), crowd);
            router_remove(router, &stub.sink);
        }
        router_destroy(router);
    }
}
END_TEST

START_TEST(a_topic_asked_for_again_costs_no_search)
{
    struct router *router = stub_router(10);
    struct router_stats before, after;
    struct stub stub, other;
    stub_init(&stub);
    stub_init(&other);
    add(router, &stub, "a.*", NULL);
    sink_count_of(router, "a.b");
    router_stats(router, &before);
    sink_count_of(router, "a.b");
    add(router, &other, "x.y", NULL); /* names another topic: nothing to forget */
    sink_count_of(router, "a.b");
    router_remove(router, &other.sink);
    sink_count_of(router, "a.b");
    router_stats(router, &after);
    ck_assert_uint_eq(after.misses, before.misses);
    ck_assert_uint_eq(after.hits, before.hits + 12);
    ck_assert_uint_eq(after.node_count, 2);
    router_destroy(router);
}
END_TEST

/* Large answers are kept through changes elsewhere, also after many of them were spoilt and their topics given up. */
START_TEST(large_answers_outlive_changes_that_do_not_concern_them)
{
    enum { CROWD = 70, ROUNDS = 200 };
    struct router *router = stub_router(11);
    struct router_stats before, after;
    struct stub crowd[CROWD], stub;
    char topic[32];
    for (unsigned i = 0; i < CROWD; i++) {
        stub_init(&crowd[i]);
        add(router, &crowd[i], "*.big", NULL);
    }
    stub_init(&stub);
    for (unsigned i = 0; i < ROUNDS; i++) {
        snprintf(topic, sizeof topic, "t%u.big", i);
        ck_assert_uint_eq(sink_count_of(router, topic), CROWD);
        add(router, &stub, "*.big", NULL);
        router_remove(router, &stub.sink);
    }
    sink_count_of(router, "last.big");
    router_stats(router, &before);
    add(router, &stub, "elsewhere.>", NULL);
    ck_assert_uint_eq(sink_count_of(router, "last.big"), CROWD);
    router_stats(router, &after);
    ck_assert_uint_eq(after.misses, before.misses);
    router_destroy(router);
}
END_TEST

/* More sinks in answers than the cache is willing to hold. */
START_TEST(answers_are_right_when_the_cache_overflows)
{
    enum { CROWD = 1500, TOPICS = 800 };
    static struct stub crowd[CROWD];
    struct router *router = stub_router(12);
    struct router_stats before, after;
    char topic[32];
    for (unsigned i = 0; i < CROWD; i++) {
        stub_init(&crowd[i]);
        add(router, &crowd[i], ">", NULL);
    }
    for (unsigned i = 0; i < 2 * TOPICS; i++) {
        snprintf(topic, sizeof topic, "t%u", i / 2);
        const struct match *match = router_match(router, slice_of(topic));
        unit_assert(match->sink_count == CROWD);
        unit_assert(slice_is(match->topic, topic));
    }
    router_stats(router, &before);
    ck_assert_uint_eq(router_match(router, slice_of("t0"))->sink_count, CROWD);
    router_stats(router, &after);
    ck_assert_uint_eq(after.misses, before.misses + 1); /* forgotten in favour of the others */
    router_remove(router, &crowd[0].sink);
    ck_assert_uint_eq(sink_count_of(router, "t0"), CROWD - 1);
    ck_assert_uint_eq(sink_count_of(router, "t799"), CROWD - 1);
    router_destroy(router);
}
END_TEST

START_TEST(a_pattern_of_any_length_is_forgotten_when_its_sink_goes)
{
    static const unsigned sizes[] = { 255, 256, 257, 4096, UINT16_MAX - 1, UINT16_MAX };
    struct router *router = stub_router(13);
    struct stub stub;
    stub_init(&stub);
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *topic = malloc(sizes[i] + 1);
        memset(topic, 'x', sizes[i]);
        topic[sizes[i]] = '\0';
        add(router, &stub, topic, NULL);
        ck_assert_uint_eq(sink_count_of(router, topic), 1);
        router_remove(router, &stub.sink);
        ck_assert_uint_eq(sink_count_of(router, topic), 0);
        free(topic);
    }
    router_destroy(router);
}
END_TEST

START_TEST(what_comes_for_a_pattern_goes_to_who_stands_under_it)
{
    struct router *router = stub_router(21);
    struct stub exact, wide[2], other, member, keeper;
    stub_init(&exact);
    stub_init(&other);
    stub_init(&member);
    stub_init(&keeper);
    keeper.sink.keeper = SINK_KEEPS;
    add(router, &exact, "a.b", NULL);
    for (unsigned i = 0; i < 2; i++) {
        stub_init(&wide[i]);
        add(router, &wide[i], "a.*", NULL);
    }
    add(router, &other, "a.>", NULL);
    add(router, &member, "a.*", "group");
    add(router, &keeper, "a.*", NULL);
    const struct message messages[3] = { { .body = "\r\n" }, { .body = "\r\n" }, { .body = "\r\n" } };
    struct batch batch = { .topic = slice_of("quite.another"), .messages = messages, .count = 3, .serial = 1 };
    ck_assert_uint_eq(router_deliver_pattern(router, slice_of("a.*"), plain, &batch), 3);
    ck_assert_uint_eq(wide[0].taken, 3);
    ck_assert_uint_eq(wide[1].taken, 3);
    ck_assert(slice_is(wide[0].last.topic, "quite.another"));
    ck_assert_uint_eq(exact.taken + other.taken + member.taken + keeper.taken, 0);
    ck_assert_uint_eq(router_deliver_pattern(router, slice_of("a.*"), slice_of("group"), &batch), 3);
    ck_assert_uint_eq(member.taken, 3);
    ck_assert_uint_eq(router_deliver_pattern(router, slice_of("a.*"), slice_of("none"), &batch), 0);
    ck_assert_uint_eq(router_deliver_pattern(router, slice_of("b.*"), plain, &batch), 0);
    ck_assert_uint_eq(wide[0].taken, 3);
    router_destroy(router);
}
END_TEST

START_TEST(a_group_of_a_pattern_shares_what_comes_for_it)
{
    struct router *router = stub_router(22);
    struct stub members[3];
    for (unsigned i = 0; i < 3; i++) {
        stub_init(&members[i]);
        add(router, &members[i], "a.>", "group");
    }
    const struct message message = { .body = "\r\n" };
    struct batch batch = { .topic = slice_of("x"), .messages = &message, .count = 1 };
    for (unsigned i = 0; i < 30; i++)
        ck_assert_uint_eq(router_deliver_pattern(router, slice_of("a.>"), slice_of("group"), &batch), 1);
    ck_assert_uint_eq(members[0].taken + members[1].taken + members[2].taken, 30);
    ck_assert(members[0].taken && members[1].taken && members[2].taken);
    router_destroy(router);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        nobody_wants_what_nobody_asked_for,
        each_sink_gets_each_message_in_order,
        one_session_may_have_two_sinks_of_one_pattern,
        sinks_with_one_target_are_delivered_to_once_through_it,
        the_count_is_that_of_the_sink_that_took_most,
        keepers_come_in_their_order_and_say_what_they_answer,
        plain_sinks_see_the_batch_as_it_is,
        plain_delivery_and_delivery_to_a_group_are_apart,
        a_topic_over_the_limits_is_nobodys_and_says_so,
        a_sink_is_found_under_its_pattern_and_group_alone,
        what_comes_for_a_pattern_goes_to_who_stands_under_it,
        a_group_of_a_pattern_shares_what_comes_for_it,
        a_remembered_answer_follows_every_change,
        a_topic_asked_for_again_costs_no_search,
        large_answers_outlive_changes_that_do_not_concern_them,
        answers_are_right_when_the_cache_overflows,
        a_pattern_of_any_length_is_forgotten_when_its_sink_goes,
        NULL,
    };
    return unit_run("router", tests);
}
