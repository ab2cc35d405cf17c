/*
 * The router where memory runs out (shortage.h). Nothing may crash, nothing may leak, and every sink that was added is
 * found afterwards.
 */
#include <stdio.h>

#include "../shortage.h"
#include "../unit.h"
#include "stub.h"

enum { SINKS = 120 };

/* Every other sink has its own topic; the rest stand under patterns that meet in "a.b.c". Every third is a member. */
struct scene {
    struct router *router;
    struct stub stubs[SINKS];
    bool added[SINKS];
};

static const char *pattern_of(unsigned number)
{
    static const char *const shared[] = { "a.b.c", "a.*.c", "a.>", "*.b.*" };
    static char own[32];
    if (number % 2 == 0)
        return shared[number / 2 % 4];
    snprintf(own, sizeof own, "own.%u.token", number);
    return own;
}

static struct slice group_of(unsigned number)
{
    static char group[16];
    if (number % 3)
        return slice_of(NULL);
    snprintf(group, sizeof group, "group%u", number % 7);
    return slice_of(group);
}

/* Adds all, publishes meanwhile, and takes every fifth out again. */
static void scene_play(struct scene *scene)
{
    for (unsigned i = 0; i < SINKS; i++) {
        stub_init(&scene->stubs[i]);
        scene->added[i] = !router_add(scene->router, &scene->stubs[i].sink, slice_of(pattern_of(i)), group_of(i));
        stub_publish(scene->router, "a.b.c", 3, 0);
        stub_publish(scene->router, pattern_of(i), 1, 0);
    }
    for (unsigned i = 0; i < SINKS; i += 5) {
        if (scene->added[i])
            router_remove(scene->router, &scene->stubs[i].sink);
        scene->added[i] = false;
        stub_publish(scene->router, pattern_of(i), 1, 0);
    }
}

/* Sinks that the answer for a topic names. */
static unsigned named_count(struct router *router, const char *topic)
{
    const struct match *match = router_match(router, slice_of(topic));
    unsigned count = match->sink_count;
    for (unsigned i = 0; i < match->group_count; i++)
        count += match->groups[i].member_count;
    return count;
}

static bool is_sink(const struct sink *sink, const void *arg)
{
    return sink == arg;
}

/* Now that there is memory again, exactly the sinks that were added are found, and delivered to. */
static void scene_check(struct scene *scene)
{
    unsigned shared = 0;
    for (unsigned i = 0; i < SINKS; i++) {
        struct stub *stub = &scene->stubs[i];
        struct sink *found = router_find(scene->router, slice_of(pattern_of(i)), group_of(i), is_sink, stub);
        unit_assert((found != NULL) == scene->added[i]);
        shared += i % 2 == 0 && scene->added[i];
        if (i % 2) {
            unsigned taken = stub->taken;
            unit_assert(named_count(scene->router, pattern_of(i)) == scene->added[i]);
            unit_assert(stub_publish(scene->router, pattern_of(i), 1, 0) == scene->added[i]);
            unit_assert(stub->taken - taken == scene->added[i]);
        }
    }
    unit_assert(named_count(scene->router, "a.b.c") == shared);
}

/* Additions that failed half-way have left no nodes behind. */
static void scene_empty(struct scene *scene)
{
    struct router_stats stats;
    for (unsigned i = 0; i < SINKS; i++)
        if (scene->added[i])
            router_remove(scene->router, &scene->stubs[i].sink);
    router_stats(scene->router, &stats);
    unit_assert(stats.node_count == 0);
}

/* Returns false where there was no such allocation. */
static bool fails_at(unsigned allocation, bool for_good)
{
    static struct scene scene;
    const struct topic_limits limits = { 64, 8 };
    long live_count = shortage.live_count;
    shortage.failed_count = 0;
    shortage.for_good = for_good;
    shortage.until_failure = allocation;
    scene.router = router_create(1, &limits);
    if (scene.router) {
        scene_play(&scene);
        shortage.until_failure = SHORTAGE_NEVER;
        scene_check(&scene);
        scene_empty(&scene);
    }
    shortage.until_failure = SHORTAGE_NEVER;
    router_destroy(scene.router);
    unit_assert(shortage.live_count == live_count);
    return shortage.failed_count > 0;
}

START_TEST(any_one_allocation_may_fail)
{
    unsigned count = 0;
    while (fails_at(count, false))
        count++;
    ck_assert_uint_gt(count, SINKS);
}
END_TEST

START_TEST(memory_may_run_out_for_good_at_any_time)
{
    unsigned count = 0;
    while (fails_at(count, true))
        count++;
    ck_assert_uint_gt(count, SINKS);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { any_one_allocation_may_fail, memory_may_run_out_for_good_at_any_time, NULL };
    return unit_run("shortage", tests);
}
