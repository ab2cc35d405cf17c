/*
 * Webhooks where memory runs out (shortage.h), cJSON's included. Whatever fails is said, and has changed nothing.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "../shortage.h"
#include "../stream/kit.h"
#include "../unit.h"
#include "push/lanes.h"
#include "push/tail.h"
#include "scene.h"

enum { ENTRIES = 40 };

/* Has it fail with each of its allocations in turn: alone, and with all that follow. what says whether it has
 * succeeded, which it does where nothing fails. */
static void fail_in_turn(bool (*what)(void *arg), void *arg, unsigned allocations_min)
{
    for (int for_good = 0; for_good < 2; for_good++) {
        unsigned count = 0;
        bool has_succeeded;
        do {
            shortage.for_good = for_good;
            shortage.failed_count = 0;
            shortage.until_failure = count++;
            has_succeeded = what(arg);
            shortage.until_failure = SHORTAGE_NEVER;
        } while (shortage.failed_count);
        unit_assert(has_succeeded);
        ck_assert_uint_gt(count, allocations_min);
    }
}

/* With memory for a while, whatever is being tried. */
static void relieve(void)
{
    shortage.until_failure = SHORTAGE_NEVER;
}

/* Settings. */

static const char document[] =
    "{\"name\":\"w\",\"url\":\"https://example.org/hook\",\"pattern\":\"t.>\",\"filter\":{\"Kind\":\"a\"},"
    "\"mode\":\"keyed\",\"headers\":{\"X-Own\":\"y\",\"X-Other\":\"z\"},\"retries\":[\"5s\",\"5m\"],"
    "\"metadata\":{\"a\":1},"
    "\"secrets\":[{\"secret\":\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\",\"until\":\"2026-01-31T12:00:00Z\"},"
    "{\"secret\":\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"}]}";

static void is_short_or(int error, int otherwise)
{
    unit_assert(error == otherwise || error == -ENOMEM);
}

/* What is wrong with what is stored is not said of what could not be read for want of memory: libcurl has memory of its
 * own, and cJSON does not say why it reads nothing. */
static bool load(struct webhook_settings *settings)
{
    char room[WEBHOOK_FAULT_SIZE];
    webhook_settings_init(settings);
    int error = webhook_settings_load(settings, slice_of(document), room);
    unit_assert(error == 0 || shortage.failed_count);
    if (!error)
        is_short_or(error = webhook_settings_complete(settings), 0);
    return error == 0;
}

static bool settings_are_read_and_copied(void *arg)
{
    struct webhook_settings settings, copy;
    (void)arg;
    bool is_good = load(&settings);
    if (is_good) {
        int error = webhook_settings_copy(&copy, &settings);
        is_short_or(error, 0);
        is_good = error == 0;
        relieve();
        unit_assert(!is_good || webhook_settings_equal(&settings, &copy));
        webhook_settings_finish(&copy);
    }
    webhook_settings_finish(&settings);
    return is_good;
}

START_TEST(settings_are_whole_or_refused)
{
    fail_in_turn(settings_are_read_and_copied, NULL, 40);
}
END_TEST

/* Lanes. */

static bool lanes_are_filled(void *arg)
{
    struct lanes lanes;
    struct lane_entry entries[ENTRIES];
    unsigned added = 0;
    (void)arg;
    lanes_init(&lanes);
    for (unsigned i = 0; i < ENTRIES; i++) {
        int error = lanes_add_keyed(&lanes, &entries[added], i % 20, LANE_QUEUED);
        is_short_or(error, 0);
        added += error == 0;
    }
    unit_assert(lanes_count(&lanes) == added);
    for (struct lane_entry *entry; (entry = lanes_first(&lanes)); added--)
        lanes_remove(&lanes, entry);
    unit_assert(added == 0 && lanes_count(&lanes) == 0);
    lanes_finish(&lanes);
    return true;
}

START_TEST(what_is_in_lanes_comes_out_again)
{
    fail_in_turn(lanes_are_filled, NULL, 20);
}
END_TEST

/* Bodies. */

static bool a_body_is_made(void *arg)
{
    const struct stream_message message = {
        .sequence = 7, .time_ms = 784111777123u, .topic = slice_of("t.a"), .payload = slice_of("{}"),
    };
    const struct body_source source = { &message, slice_of("S"), 36, slice_of("10-7"), slice_of("/streams/S") };
    struct body body;
    int error = body_make(*(enum body_kind *)arg, &source, &body);
    is_short_or(error, 0);
    if (!error)
        body_finish(&body);
    return error == 0;
}

START_TEST(bodies_are_made_or_not)
{
    for (unsigned kind = 0; kind < BODY_KIND_COUNT; kind++)
        fail_in_turn(a_body_is_made, &kind, 1);
}
END_TEST

/* Attempts: one that there is no memory for is counted, and the others are in order. */

static bool attempts_are_noted(void *arg)
{
    struct attempts attempts;
    uint64_t before = UINT64_MAX;
    (void)arg;
    attempts_init(&attempts, 10);
    for (unsigned i = 1; i <= 30; i++) {
        struct attempt attempt = { .sequence = i, .answer = slice_make("thirty bytes that are the answer", i) };
        attempts_note(&attempts, &attempt);
    }
    unit_assert(attempts.total == 30 && attempts.count <= 10);
    for (unsigned back = 0; back < attempts.count; back++) {
        unit_assert(attempts_at(&attempts, back)->sequence < before);
        before = attempts_at(&attempts, back)->sequence;
    }
    attempts_finish(&attempts);
    return true;
}

START_TEST(attempts_are_noted_as_far_as_memory_goes)
{
    fail_in_turn(attempts_are_noted, NULL, 30);
}
END_TEST

/* The tail: what is known of a reader is true. */

static void on_matched(struct tail_reader *reader)
{
    (void)reader;
}

static bool a_tail_reads(void *arg)
{
    struct stream *stream = arg;
    struct tail_reader reader;
    uint64_t until, last = stream_last(stream);
    struct tail *tail = tail_create(stream, 4711, on_matched);
    bool is_added = tail && tail_add(tail, &reader, slice_of("t.a")) == 0;
    if (is_added) {
        tail_next(tail, &reader, last, &until); /* it has caught up */
        unsigned left = shortage.until_failure;
        relieve();
        kit_append(stream, "t.b", "x", NULL, 1000);
        kit_append(stream, "t.a", "x", NULL, 1000);
        shortage.until_failure = left;
        while (tail_run(tail, 1000))
            ;
        if (tail_next(tail, &reader, last, &until))
            unit_assert(until == last + 1);
        tail_remove(tail, &reader);
    }
    tail_destroy(tail);
    return is_added;
}

START_TEST(a_tail_knows_or_says_that_it_does_not)
{
    struct stream *stream = stream_create("S", &kit_limits);
    fail_in_turn(a_tail_reads, stream, 5);
    stream_destroy(stream);
}
END_TEST

/* Webhooks. */

static bool a_hook_is_made(void *arg)
{
    struct scene *scene = arg;
    struct webhook_settings settings;
    struct hook *hook;
    struct hook_source *source;
    unsigned left = shortage.until_failure;
    relieve();
    unit_assert(load(&settings));
    shortage.until_failure = left;
    int error = hook_create(&scene->world, &settings, &hook);
    is_short_or(error, 0);
    unit_assert((settings.name != NULL) == (error != 0)); /* taken, or still ours */
    if (!error) {
        error = hook_add_source(hook, scene->stream, slice_make(NULL, 0), true, &source);
        is_short_or(error, 0);
        hooks_run(&scene->world);
        hook_destroy(hook);
    }
    webhook_settings_finish(&settings);
    return error == 0;
}

START_TEST(a_hook_is_made_or_not)
{
    static struct scene scene;
    scene_open(&scene);
    fail_in_turn(a_hook_is_made, &scene, 8);
    scene_close(&scene);
}
END_TEST

static void *cjson_malloc(size_t size)
{
    return malloc(size);
}

static void cjson_free(void *block)
{
    free(block);
}

int main(void)
{
    const TTest *const tests[] = {
        settings_are_whole_or_refused,
        what_is_in_lanes_comes_out_again,
        bodies_are_made_or_not,
        attempts_are_noted_as_far_as_memory_goes,
        a_tail_knows_or_says_that_it_does_not,
        a_hook_is_made_or_not,
        NULL,
    };
    cJSON_InitHooks(&(cJSON_Hooks){ cjson_malloc, cjson_free });
    return unit_run("shortage", tests);
}
