/* Quotas: what the streams of an owner hold together is bounded, whatever becomes of them and of what he may. */
#include "stream/quota.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"
#include "kit.h"
#include "stream/registry.h"

enum { PAYLOAD = 1000, ROOM = 10, THREADS = 4 };

static struct stream_registry *registry;
static struct quota_limits anns; /* nobody else has any */

static void limits_of(void *arg, const char *owner, struct quota_limits *ret_limits)
{
    ck_assert_ptr_eq(arg, &anns);
    if (strcmp(owner, "ann") == 0)
        *ret_limits = anns;
}

static void allow(uint64_t streams_max, uint64_t bytes_max)
{
    anns = (struct quota_limits){ streams_max, bytes_max };
    stream_registry_set_quotas(registry, limits_of, &anns);
}

static void begin(void)
{
    registry = stream_registry_create(NULL);
    ck_assert_ptr_nonnull(registry);
}

static void finish(void)
{
    stream_registry_destroy(registry);
}

static struct stream_settings settings_of(const char *owner, const char *name, uint64_t bytes_max)
{
    struct stream_settings settings;
    settings_init(&settings);
    settings.storage = STREAM_MEMORY;
    settings.bytes_max = bytes_max;
    ck_assert_int_eq(settings_set_text(&settings.name, name), 0);
    ck_assert_int_eq(settings_set_text(&settings.owner, owner), 0);
    ck_assert_int_eq(settings_add_topic(&settings, name), 0);
    return settings;
}

static int may(const char *owner, const char *name, uint64_t bytes_max)
{
    struct stream_settings settings = settings_of(owner, name, bytes_max);
    int error = stream_registry_may_keep(registry, &settings);
    settings_finish(&settings);
    return error;
}

static struct stream *add_bounded(const char *owner, const char *name, uint64_t bytes_max)
{
    struct stream_settings settings = settings_of(owner, name, bytes_max);
    struct stream *stream;
    ck_assert_int_eq(stream_registry_add(registry, &settings, &stream), 0);
    settings_finish(&settings);
    return stream;
}

static struct stream *add(const char *owner, const char *name)
{
    return add_bounded(owner, name, 0);
}

static enum receipt_verdict put(struct stream *stream)
{
    char payload[PAYLOAD + 1];
    memset(payload, 'x', PAYLOAD);
    payload[PAYLOAD] = '\0';
    return kit_publish(stream, stream_name(stream), payload, NULL, 0).verdict;
}

/* Until it is refused; returns how many were kept. */
static unsigned fill(struct stream *stream)
{
    unsigned count = 0;
    enum receipt_verdict verdict;
    while ((verdict = put(stream)) == RECEIPT_KEPT && count < 1000)
        count++;
    ck_assert_int_eq(verdict, RECEIPT_OVER_QUOTA);
    return count;
}

/* What so many messages take. */
static uint64_t room_for(unsigned count)
{
    struct stream *stream = add(NULL, "p");
    ck_assert_int_eq(put(stream), RECEIPT_KEPT);
    uint64_t size = kit_state(stream).byte_count;
    stream_destroy(stream);
    ck_assert_int_eq(stream_registry_remove(registry, "p"), 0);
    return count * size;
}

static struct stream_use use_of(const char *owner)
{
    struct stream_use use;
    stream_registry_get_use(registry, owner, &use);
    return use;
}

START_TEST(all_streams_of_an_owner_share_what_he_may)
{
    begin();
    allow(0, room_for(ROOM));
    struct stream *a = add("ann", "a"), *b = add("ann", "b"), *c = add("bob", "c"), *d = add(NULL, "d");
    for (unsigned i = 0; i < 5; i++)
        ck_assert_int_eq(put(a), RECEIPT_KEPT);
    ck_assert_uint_eq(fill(b), ROOM - 5);
    for (unsigned i = 0; i < 3 * ROOM; i++)
        unit_assert(put(c) == RECEIPT_KEPT && put(d) == RECEIPT_KEPT);
    ck_assert_int_eq(put(a), RECEIPT_OVER_QUOTA);
    ck_assert_uint_eq(use_of("ann").streams, 2);
    ck_assert_uint_eq(use_of("ann").bytes, kit_state(a).byte_count + kit_state(b).byte_count);
    ck_assert_uint_eq(use_of("bob").streams, 1);
    ck_assert_uint_eq(use_of("zoe").streams, 0);
    stream_destroy(a);
    stream_destroy(b);
    stream_destroy(c);
    stream_destroy(d);
    finish();
}
END_TEST

START_TEST(what_goes_makes_room)
{
    begin();
    allow(0, room_for(ROOM));
    struct stream *a = add("ann", "a"), *b = add("ann", "b");
    ck_assert_uint_eq(fill(a), ROOM);
    ck_assert_int_eq(put(b), RECEIPT_OVER_QUOTA);
    ck_assert_int_eq(stream_delete(a, 3), 0);
    ck_assert_int_eq(put(b), RECEIPT_KEPT);
    ck_assert_int_eq(put(b), RECEIPT_OVER_QUOTA);
    ck_assert_uint_eq(stream_purge(a, slice_make(NULL, 0), 0, 0), ROOM - 1);
    ck_assert_uint_eq(fill(b), ROOM - 1);
    ck_assert_int_eq(stream_registry_remove(registry, "b"), 0); /* though somebody still has it */
    ck_assert_uint_eq(fill(a), ROOM);
    stream_destroy(a);
    stream_destroy(b);
    finish();
}
END_TEST

START_TEST(a_stream_that_makes_room_for_itself_takes_its_bound_and_no_more)
{
    begin();
    uint64_t size = 256 << 10; /* some blocks */
    allow(0, size);
    struct stream *a = add_bounded("ann", "a", size);
    for (unsigned i = 0; i < 1000; i++)
        unit_assert(put(a) == RECEIPT_KEPT);
    ck_assert_uint_gt(kit_state(a).lost_sequence, 0);
    stream_destroy(a);
    finish();
}
END_TEST

START_TEST(other_limits_hold_at_once_for_what_is_there)
{
    begin();
    uint64_t size = room_for(1);
    struct stream *a = add("ann", "a"), *b = add("ann", "b");
    for (unsigned i = 0; i < ROOM; i++)
        ck_assert_int_eq(put(a), RECEIPT_KEPT);
    allow(0, ROOM * size);
    ck_assert_int_eq(put(b), RECEIPT_OVER_QUOTA);
    allow(0, (ROOM + 1) * size);
    ck_assert_uint_eq(fill(b), 1);
    allow(0, 0);
    for (unsigned i = 0; i < ROOM; i++)
        ck_assert_int_eq(put(b), RECEIPT_KEPT);
    allow(0, 3 * ROOM * size);
    ck_assert_uint_eq(fill(a), ROOM - 1);
    allow(0, size);
    ck_assert_int_eq(put(a), RECEIPT_OVER_QUOTA);
    stream_registry_set_quotas(registry, NULL, NULL);
    ck_assert_int_eq(put(a), RECEIPT_KEPT);
    stream_destroy(a);
    stream_destroy(b);
    finish();
}
END_TEST

START_TEST(the_configuration_takes_a_stream_from_its_owner_and_gives_it_back)
{
    begin();
    allow(1, room_for(ROOM));
    struct stream *a = add("ann", "a");
    struct stream_settings settings = settings_of("ann", "a", 0);
    ck_assert_uint_eq(fill(a), ROOM);
    ck_assert_int_eq(may("ann", "b", 0), -EDQUOT);
    settings.from_configuration = true;
    ck_assert_int_eq(stream_registry_change(registry, &settings), 0);
    ck_assert_int_eq(put(a), RECEIPT_KEPT);
    ck_assert_int_eq(may("ann", "b", 0), 0);
    ck_assert_uint_eq(use_of("ann").streams, 0);
    settings.from_configuration = false;
    ck_assert_int_eq(stream_registry_change(registry, &settings), 0);
    ck_assert_int_eq(put(a), RECEIPT_OVER_QUOTA);
    ck_assert_uint_eq(use_of("ann").streams, 1);
    settings_finish(&settings);
    stream_destroy(a);
    finish();
}
END_TEST

START_TEST(what_may_be_made_is_what_is_left)
{
    begin();
    allow(3, 1000000);
    ck_assert_int_eq(may("ann", "a", 1000001), -ENOSPC);
    ck_assert_int_eq(may("bob", "a", 1000001), 0);
    ck_assert_int_eq(may(NULL, "a", 1000001), 0);
    ck_assert_int_eq(may("ann", "a", 1000000), 0);
    struct stream *a = add_bounded("ann", "a", 600000);
    ck_assert_int_eq(may("ann", "b", 400001), -ENOSPC);
    ck_assert_int_eq(may("ann", "b", UINT64_MAX), -ENOSPC);
    ck_assert_int_eq(may("ann", "b", 400000), 0);
    ck_assert_int_eq(may("ann", "a", 1000000), 0); /* its own is left to it */
    ck_assert_int_eq(may("ann", "a", 1000001), -ENOSPC);
    struct stream *b = add_bounded("ann", "b", 400000);
    ck_assert_int_eq(may("ann", "c", 0), -ENOSPC);
    ck_assert_int_eq(may("ann", "b", 400000), 0);
    allow(2, 500000);
    ck_assert_int_eq(may("ann", "b", 400000), 0); /* it asks for no more than it has */
    ck_assert_int_eq(may("ann", "b", 0), 0);
    ck_assert_int_eq(may("ann", "b", 400001), -ENOSPC);
    ck_assert_int_eq(may("ann", "c", 1), -EDQUOT);
    ck_assert_uint_eq(use_of("ann").claimed, 1000000);
    ck_assert_uint_eq(use_of("ann").limits.streams_max, 2);
    stream_destroy(a);
    stream_destroy(b);
    finish();
}
END_TEST

static void *publish_and_purge(void *arg)
{
    struct stream *stream = arg;
    for (unsigned i = 0; i < 2000; i++) {
        put(stream);
        if (i % 50 == 49)
            stream_purge(stream, slice_make(NULL, 0), 0, 2);
    }
    return NULL;
}

START_TEST(the_sum_is_right_over_all_threads)
{
    begin();
    pthread_t threads[THREADS];
    struct stream *streams[THREADS];
    static const char *const names[THREADS] = { "a", "b", "c", "d" };
    allow(0, room_for(THREADS * ROOM));
    for (unsigned i = 0; i < THREADS; i++)
        streams[i] = add("ann", names[i]);
    for (unsigned i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, publish_and_purge, streams[i]), 0);
    for (unsigned i = 0; i < 100; i++)
        stream_registry_set_quotas(registry, limits_of, &anns);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    uint64_t size = room_for(1), left = THREADS * ROOM - use_of("ann").bytes / size;
    ck_assert_uint_eq(fill(streams[0]), left);
    for (unsigned i = 0; i < THREADS; i++)
        stream_destroy(streams[i]);
    finish();
}
END_TEST

START_TEST(quotas_go_with_the_last_stream)
{
    struct quotas quotas;
    quotas_init(&quotas);
    struct quota *first = quotas_hold(&quotas, "ann"), *again = quotas_hold(&quotas, "ann");
    ck_assert_ptr_eq(first, again);
    quota_release(first);
    struct quota *other = quotas_hold(&quotas, "bob");
    ck_assert_ptr_eq(quotas_hold(&quotas, "ann"), first);
    quota_release(first);
    quota_release(again);
    quota_release(other);
    quota_release(quotas_hold(&quotas, "zoe")); /* the others are let go on the way */
    quota_release(NULL);
    first = quotas_hold(&quotas, "ann");
    quotas_finish(&quotas);
    ck_assert(!quota_has_limit(first)); /* whoever has it may outlive them */
    quota_release(first);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        all_streams_of_an_owner_share_what_he_may,
        what_goes_makes_room,
        a_stream_that_makes_room_for_itself_takes_its_bound_and_no_more,
        other_limits_hold_at_once_for_what_is_there,
        the_configuration_takes_a_stream_from_its_owner_and_gives_it_back,
        what_may_be_made_is_what_is_left,
        the_sum_is_right_over_all_threads,
        quotas_go_with_the_last_stream,
        NULL,
    };
    return unit_run("quota", tests);
}
