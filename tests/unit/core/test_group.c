/* Groups, as the router delivers to them: who gets which message, how often, in which order. */
#include "core/router.h"

#include "../unit.h"
#include "stub.h"
#include "util/random.h"

enum { MEMBERS_MAX = 8 };

/* A group "g" under topic "a", of near members and of far ones behind one peer. The far ones stand first. */
struct scene {
    struct router *router;
    struct stub members[MEMBERS_MAX], peer;
    unsigned far_count, count;
};

static void add(struct router *router, struct stub *stub, const char *pattern, const char *group)
{
    ck_assert_int_eq(router_add(router, &stub->sink, slice_of(pattern), slice_of(group)), 0);
}

static void scene_init(struct scene *scene, unsigned far_count, unsigned near_count)
{
    *scene = (struct scene){ .router = stub_router(1), .far_count = far_count, .count = far_count + near_count };
    stub_init(&scene->peer);
    for (unsigned i = 0; i < scene->count; i++) {
        if (i < far_count)
            stub_init_far(&scene->members[i], &scene->peer, 1);
        else
            stub_init(&scene->members[i]);
        add(scene->router, &scene->members[i], "a", "g");
    }
}

static void scene_finish(struct scene *scene)
{
    ck_assert_uint_eq(scene->peer.call_count, 0); /* a far member is handed its messages itself */
    router_destroy(scene->router);
}

static unsigned publish_from(struct scene *scene, unsigned hops, unsigned count, uint32_t first)
{
    struct message messages[STUB_LOG];
    stub_messages(messages, count, first);
    const struct match *match = router_match(scene->router, slice_of("a"));
    struct batch batch = { .topic = match->topic, .messages = messages, .count = count, .hops = hops, .serial = 9 };
    return router_deliver(scene->router, match, &batch);
}

/* How many members got the message. */
static unsigned owner_count(const struct scene *scene, uint32_t message)
{
    unsigned owners = 0;
    for (unsigned i = 0; i < scene->count; i++)
        for (unsigned k = 0; k < scene->members[i].taken; k++)
            owners += stub_message(&scene->members[i], k) == message;
    return owners;
}

static void check_order(const struct scene *scene)
{
    for (unsigned i = 0; i < scene->count; i++)
        for (unsigned k = 1; k < scene->members[i].taken; k++)
            ck_assert_uint_gt(stub_message(&scene->members[i], k), stub_message(&scene->members[i], k - 1));
}

static void check_each_once(const struct scene *scene, uint32_t count)
{
    unsigned taken = 0;
    for (uint32_t i = 0; i < count; i++)
        ck_assert_uint_eq(owner_count(scene, i), 1);
    for (unsigned i = 0; i < scene->count; i++)
        taken += scene->members[i].taken;
    ck_assert_uint_eq(taken, count);
}

START_TEST(each_message_goes_to_exactly_one_member)
{
    static const unsigned counts[] = { 1, 2, 63, 64, 65, 128, 200 };
    for (unsigned members = 1; members <= 5; members++)
        for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++) {
            struct scene scene;
            scene_init(&scene, 0, members);
            ck_assert_uint_eq(publish_from(&scene, 0, counts[i], 0), counts[i]);
            check_each_once(&scene, counts[i]);
            scene_finish(&scene);
        }
}
END_TEST

START_TEST(a_member_gets_its_messages_in_order)
{
    struct scene scene;
    scene_init(&scene, 1, 3);
    for (uint32_t first = 0; first < 200; first += 40)
        publish_from(&scene, 0, 40, first);
    check_order(&scene);
    scene_finish(&scene);
}
END_TEST

/* Chi-square of what the members took against their weights; with 4 degrees of freedom, over 30 is one in 200,000. */
static double unfairness(const struct scene *scene, unsigned taken)
{
    double sum = 0, weight = 0;
    for (unsigned i = 0; i < scene->count; i++)
        weight += scene->members[i].sink.weight;
    for (unsigned i = 0; i < scene->count; i++) {
        double expected = taken * scene->members[i].sink.weight / weight;
        double off = scene->members[i].taken - expected;
        sum += off * off / expected;
    }
    return sum;
}

START_TEST(members_share_by_weight_wherever_they_live)
{
    struct random random;
    random_init(&random, 1);
    for (unsigned batch_max = 1; batch_max <= 100; batch_max += 33) {
        struct scene scene;
        unsigned taken = 0;
        scene_init(&scene, 2, 3);
        publish_from(&scene, 0, 1, 0); /* from here on the answer is remembered, */
        publish_from(&scene, 0, 1, 0);
        scene.members[0].taken = scene.members[1].taken = scene.members[2].taken = 0;
        scene.members[3].taken = scene.members[4].taken = 0;
        scene.members[0].sink.weight = 3; /* and weights may still change */
        scene.members[1].sink.weight = 2;
        while (taken < 20000)
            taken += publish_from(&scene, 0, 1 + random_below(&random, batch_max), 0);
        ck_assert_msg(unfairness(&scene, taken) < 30, "batches up to %u: chi-square %.1f", batch_max,
                      unfairness(&scene, taken));
        scene_finish(&scene);
    }
}
END_TEST

START_TEST(a_member_of_no_weight_is_not_picked)
{
    struct scene scene;
    scene_init(&scene, 1, 2);
    scene.members[0].sink.weight = 0;
    ck_assert_uint_eq(publish_from(&scene, 0, 200, 0), 200);
    ck_assert_uint_eq(scene.members[0].taken, 0);
    scene_finish(&scene);
}
END_TEST

START_TEST(a_group_under_several_patterns_is_one_group)
{
    static const char *const patterns[] = { "a.b", "a.*", "a.>", "*.b", ">" };
    struct router *router = stub_router(2);
    struct stub stubs[5];
    unsigned taken = 0, idle = 0;
    for (unsigned i = 0; i < 5; i++) {
        stub_init(&stubs[i]);
        add(router, &stubs[i], patterns[i], "g");
    }
    const struct match *match = router_match(router, slice_of("a.b"));
    ck_assert_uint_eq(match->group_count, 1);
    ck_assert_uint_eq(match->groups[0].member_count, 5);
    ck_assert_uint_eq(stub_publish(router, "a.b", 200, 0), 200);
    for (unsigned i = 0; i < 5; i++) {
        taken += stubs[i].taken;
        idle += stubs[i].taken == 0;
    }
    ck_assert_uint_eq(taken, 200);
    ck_assert_uint_eq(idle, 0);
    router_destroy(router);
}
END_TEST

START_TEST(groups_of_different_names_and_plain_sinks_get_one_each)
{
    static const char *const names[] = { "g", "gg", "G", NULL };
    struct router *router = stub_router(3);
    struct stub stubs[8];
    for (unsigned i = 0; i < 8; i++) {
        stub_init(&stubs[i]);
        add(router, &stubs[i], i % 2 ? "a" : "*", names[i / 2]);
    }
    ck_assert_uint_eq(stub_publish(router, "a", 50, 0), 50);
    for (unsigned i = 0; i < 6; i += 2) {
        ck_assert_uint_eq(stubs[i].taken + stubs[i + 1].taken, 50);
        ck_assert(slice_is(stubs[i].taken ? stubs[i].last.group : stubs[i + 1].last.group, names[i / 2]));
    }
    ck_assert_uint_eq(stubs[6].taken, 50);
    ck_assert_uint_eq(stubs[7].taken, 50);
    router_destroy(router);
}
END_TEST

START_TEST(the_next_member_gets_what_one_refuses)
{
    for (unsigned willing = 0; willing < 4; willing++) {
        struct scene scene;
        scene_init(&scene, 0, 4);
        for (unsigned i = 0; i < 4; i++)
            scene.members[i].left = i == willing ? STUB_ENDLESS : 0;
        ck_assert_uint_eq(publish_from(&scene, 0, 100, 0), 100);
        ck_assert_uint_eq(scene.members[willing].taken, 100);
        check_each_once(&scene, 100);
        scene_finish(&scene);
    }
}
END_TEST

/* Unsubscribing after so many messages: a member takes the start of a batch, others the rest. */
START_TEST(a_member_takes_no_more_than_it_wants)
{
    struct random random;
    random_init(&random, unit_seed("a_member_takes_no_more_than_it_wants"));
    for (unsigned round = 0; round < 500; round++) {
        struct scene scene;
        unsigned room = 0, count = 1 + random_below(&random, 150);
        scene_init(&scene, 0, 1 + random_below(&random, MEMBERS_MAX));
        for (unsigned i = 0; i < scene.count; i++) {
            scene.members[i].left = random_below(&random, 40);
            room += scene.members[i].left;
        }
        unsigned expected = room < count ? room : count;
        ck_assert_uint_eq(publish_from(&scene, 0, count, 0), expected);
        check_each_once(&scene, expected);
        check_order(&scene);
        scene_finish(&scene);
    }
}
END_TEST

/* Members that stop without a word beforehand: order may suffer, but no message is lost or doubled. */
START_TEST(what_a_member_leaves_without_warning_goes_to_others)
{
    struct random random;
    random_init(&random, unit_seed("what_a_member_leaves_without_warning_goes_to_others"));
    for (unsigned round = 0; round < 200; round++) {
        struct scene scene;
        unsigned count = 1 + random_below(&random, 150);
        scene_init(&scene, 1, 1 + random_below(&random, 4));
        for (unsigned i = 1; i < scene.count; i++) {
            router_remove(scene.router, &scene.members[i].sink);
            stub_init_abrupt(&scene.members[i]);
            scene.members[i].left = random_below(&random, 40);
            add(scene.router, &scene.members[i], "a", "g");
        }
        ck_assert_uint_eq(publish_from(&scene, round % 2, count, 0), count);
        check_each_once(&scene, count);
        scene_finish(&scene);
    }
}
END_TEST

START_TEST(the_count_ends_at_the_first_message_that_nobody_took)
{
    struct random random;
    random_init(&random, unit_seed("the_count_ends_at_the_first_message_that_nobody_took"));
    for (unsigned round = 0; round < 200; round++) {
        struct scene scene = { .router = stub_router(round), .count = 3 };
        for (unsigned i = 0; i < scene.count; i++) {
            stub_init_abrupt(&scene.members[i]);
            scene.members[i].left = random_below(&random, 30);
            add(scene.router, &scene.members[i], "a", "g");
        }
        stub_init(&scene.peer);
        unsigned taken = publish_from(&scene, 0, 100, 0);
        for (unsigned i = 0; i < taken; i++)
            unit_assert(owner_count(&scene, i) == 1);
        unit_assert(owner_count(&scene, taken) == 0);
        scene_finish(&scene);
    }
}
END_TEST

START_TEST(a_group_that_takes_nothing_counts_for_nothing)
{
    struct scene scene;
    struct stub alone;
    scene_init(&scene, 1, 2);
    for (unsigned i = 0; i < 3; i++)
        scene.members[i].left = 0;
    ck_assert_uint_eq(publish_from(&scene, 0, 100, 0), 0);
    ck_assert_uint_eq(publish_from(&scene, 1, 100, 0), 0);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_uint_eq(scene.members[i].taken, 0);
    stub_init(&alone);
    alone.left = 30;
    add(scene.router, &alone, "a", NULL);
    ck_assert_uint_eq(publish_from(&scene, 0, 100, 0), 30);
    scene_finish(&scene);
}
END_TEST

START_TEST(messages_from_another_worker_stay_with_near_members)
{
    struct scene scene;
    scene_init(&scene, 2, 3);
    scene.members[0].sink.weight = 1000;
    ck_assert_uint_eq(publish_from(&scene, 1, 200, 0), 200);
    ck_assert_uint_eq(scene.members[0].call_count + scene.members[1].call_count, 0);
    check_each_once(&scene, 200);
    for (unsigned i = 2; i < 5; i++)
        ck_assert_uint_gt(scene.members[i].taken, 30);
    scene_finish(&scene);
}
END_TEST

START_TEST(they_go_on_only_where_no_near_member_takes_them)
{
    for (unsigned willing = 2; willing < 5; willing++) {
        struct scene scene;
        scene_init(&scene, 2, 3);
        for (unsigned i = 2; i < 5; i++)
            scene.members[i].left = i == willing ? STUB_ENDLESS : 0;
        ck_assert_uint_eq(publish_from(&scene, 1, 200, 0), 200);
        ck_assert_uint_eq(scene.members[0].call_count + scene.members[1].call_count, 0);
        scene.members[willing].left = 0;
        ck_assert_uint_eq(publish_from(&scene, 1, 50, 200), 50);
        ck_assert_uint_eq(scene.members[0].taken + scene.members[1].taken, 50);
        scene_finish(&scene);
    }
}
END_TEST

START_TEST(with_far_members_alone_they_are_shared_by_weight)
{
    struct scene scene;
    scene_init(&scene, 5, 0);
    scene.members[4].sink.weight = 4;
    for (unsigned i = 0; i < 100; i++)
        ck_assert_uint_eq(publish_from(&scene, 1, 100, 0), 100);
    ck_assert_double_lt(unfairness(&scene, 10000), 30);
    scene_finish(&scene);
}
END_TEST

/* The serial names the whole batch: a member that sees a part of it must not see the name. */
START_TEST(a_serial_is_shown_with_the_whole_batch_only)
{
    struct scene scene;
    scene_init(&scene, 0, 1);
    publish_from(&scene, 0, 20, 0);
    ck_assert_uint_eq(scene.members[0].last.serial, 9);
    ck_assert_uint_eq(scene.members[0].last.count, 20);
    scene_finish(&scene);

    scene_init(&scene, 0, 4);
    for (unsigned left = 0; left < 30; left++) {
        scene.members[0].left = left;
        publish_from(&scene, 0, 20, 0);
        for (unsigned i = 0; i < 4; i++)
            if (scene.members[i].last.serial)
                ck_assert_uint_eq(scene.members[i].last.count, 20);
    }
    scene_finish(&scene);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        each_message_goes_to_exactly_one_member,
        a_member_gets_its_messages_in_order,
        members_share_by_weight_wherever_they_live,
        a_member_of_no_weight_is_not_picked,
        a_group_under_several_patterns_is_one_group,
        groups_of_different_names_and_plain_sinks_get_one_each,
        the_next_member_gets_what_one_refuses,
        a_member_takes_no_more_than_it_wants,
        what_a_member_leaves_without_warning_goes_to_others,
        the_count_ends_at_the_first_message_that_nobody_took,
        a_group_that_takes_nothing_counts_for_nothing,
        messages_from_another_worker_stay_with_near_members,
        they_go_on_only_where_no_near_member_takes_them,
        with_far_members_alone_they_are_shared_by_weight,
        a_serial_is_shown_with_the_whole_batch_only,
        NULL,
    };
    return unit_run("group", tests);
}
