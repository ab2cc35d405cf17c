/*
 * The threads behind streams in files, over a simulated disk: what many threads append is committed and read by others,
 * what is wrong with the disk is told and passes, and streams come and go.
 */
#include "stream/engine.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../store/sim.h"
#include "../unit.h"
#include "kit.h"
#include "stream/registry.h"
#include "util/clock.h"

enum {
    APPENDERS = 3,
    READERS = 2,
    BATCHES = 400, /* of each appender */
    BATCH = 5,
    TOTAL = APPENDERS * BATCHES * BATCH,
    PAYLOAD_SIZE_MAX = 900,
    DEADLINE_S = 60,
    SLOW_SYNC_US = 5000,
    ROUNDS = 40,
};

static struct {
    struct sim *sim;
    struct stream_engine *engine;
    atomic_uint_fast64_t wall_ms;
    bool is_slow;
} at;

static uint64_t wall(void *arg)
{
    (void)arg;
    return atomic_load(&at.wall_ms);
}

/* A disk whose syncs take their time. */
static int sync_slowly(void *arg, int fd)
{
    usleep(SLOW_SYNC_US);
    return sim_files(at.sim)->sync(arg, fd);
}

static void start_engine(uint64_t cache_size)
{
    static struct files slow;
    slow = *sim_files(at.sim);
    slow.sync = sync_slowly;
    const struct stream_engine_options options = {
        .files = at.is_slow ? &slow : sim_files(at.sim),
        .directory = "data", .segment_size = 1 << 20, .cache_size = cache_size,
        .boot_id = "b", .wall_ms = wall,
    };
    ck_assert_int_eq(stream_engine_create(&options, &at.engine), 0);
    ck_assert_int_eq(stream_engine_start(at.engine), 0);
}

static void begin(uint64_t cache_size)
{
    at.sim = sim_create(1);
    atomic_store(&at.wall_ms, 1000);
    start_engine(cache_size);
}

static void end(void)
{
    stream_engine_destroy(at.engine);
    sim_destroy(at.sim);
}

/* Waiting. */

struct sleeper {
    struct stream_watch watch;
    sem_t woken;
};

static void wake(void *arg)
{
    sem_post(arg);
}

static void sleeper_init(struct sleeper *sleeper, struct stream *stream)
{
    sem_init(&sleeper->woken, 0, 0);
    sleeper->watch = (struct stream_watch){ .wake = wake, .arg = &sleeper->woken };
    stream_watch(stream, &sleeper->watch);
}

static void sleeper_finish(struct sleeper *sleeper, struct stream *stream)
{
    stream_unwatch(stream, &sleeper->watch);
    sem_destroy(&sleeper->woken);
}

static void sleep_until_woken(struct sleeper *sleeper)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += DEADLINE_S;
    unit_assert(sem_timedwait(&sleeper->woken, &deadline) == 0);
    stream_watch_take(&sleeper->watch);
}

static void wait_for_last(struct stream *stream, uint64_t last)
{
    struct sleeper sleeper;
    sleeper_init(&sleeper, stream);
    while (stream_last(stream) < last)
        sleep_until_woken(&sleeper);
    sleeper_finish(&sleeper, stream);
}

static void wait_for_health(struct stream *stream, enum stream_health health)
{
    struct sleeper sleeper;
    sleeper_init(&sleeper, stream);
    while (stream_health(stream) != health)
        sleep_until_woken(&sleeper);
    sleeper_finish(&sleeper, stream);
}

/* What nobody is woken for. */
#define WAIT_UNTIL(condition) \
    do { \
        uint64_t end_ms = clock_monotonic_ms() + 1000 * DEADLINE_S; \
        while (!(condition)) { \
            unit_assert(clock_monotonic_ms() < end_ms); \
            usleep(1000); \
        } \
    } while (0)

/* Many threads. */

struct payload {
    uint32_t appender, number;
    unsigned char bytes[PAYLOAD_SIZE_MAX];
};

struct appender {
    pthread_t thread;
    struct stream *stream;
    uint32_t id;
};

static size_t size_of(uint32_t number)
{
    return 2 * sizeof(uint32_t) + number * 37 % PAYLOAD_SIZE_MAX;
}

static void *append_all(void *arg)
{
    const struct appender *appender = arg;
    struct payload payloads[BATCH];
    struct message messages[BATCH];
    struct receipt receipts[BATCH];
    char topic[8];
    snprintf(topic, sizeof topic, "t%u", (unsigned)appender->id);
    const struct batch batch = { .topic = slice_of(topic), .messages = messages, .count = BATCH, .receipts = receipts };
    for (uint32_t number = 0; number < BATCHES * BATCH; number += BATCH) {
        for (uint32_t i = 0; i < BATCH; i++) {
            payloads[i] = (struct payload){ appender->id, number + i, { 0 } };
            memset(payloads[i].bytes, (int)(appender->id + number + i), sizeof payloads[i].bytes);
            messages[i] = (struct message){ .body = (char *)&payloads[i], .body_size = (uint32_t)size_of(number + i) };
        }
        unit_assert(stream_append(appender->stream, &batch, 1000, NULL) == BATCH);
        unit_assert(receipts[0].durable && receipts[BATCH - 1].sequence == receipts[0].sequence + BATCH - 1);
    }
    return NULL;
}

struct reader {
    pthread_t thread;
    struct stream *stream;
    uint64_t sequence;
    uint32_t next[APPENDERS];
};

static void check(struct reader *reader, const struct stream_message *message)
{
    struct payload payload;
    unit_assert(message->sequence == reader->sequence + 1 && message->payload.size <= sizeof payload);
    memcpy(&payload, message->payload.data, message->payload.size);
    unit_assert(payload.appender < APPENDERS && message->payload.size == size_of(payload.number));
    unit_assert(payload.number == reader->next[payload.appender]++);
    for (size_t i = 0; i < message->payload.size - 2 * sizeof(uint32_t); i++)
        unit_assert(payload.bytes[i] == (unsigned char)(payload.appender + payload.number));
    reader->sequence = message->sequence;
}

static void *read_all(void *arg)
{
    struct reader *reader = arg;
    struct sleeper sleeper;
    struct stream_run run;
    struct stream_message message;
    sleeper_init(&sleeper, reader->stream);
    while (reader->sequence < TOTAL) {
        enum stream_found found = stream_read(reader->stream, reader->sequence, 1000, &run);
        unit_assert(!run.gap_first);
        while (found == STREAM_FOUND && stream_run_next(&run, &message))
            check(reader, &message);
        stream_release(&run);
        if (found != STREAM_FOUND)
            sleep_until_woken(&sleeper);
    }
    sleeper_finish(&sleeper, reader->stream);
    return NULL;
}

static void read_together(struct stream *stream, unsigned count, void (*meanwhile)(struct stream *stream))
{
    struct reader readers[READERS];
    for (unsigned i = 0; i < count; i++) {
        readers[i] = (struct reader){ .stream = stream };
        pthread_create(&readers[i].thread, NULL, read_all, &readers[i]);
    }
    if (meanwhile)
        meanwhile(stream);
    for (unsigned i = 0; i < count; i++)
        pthread_join(readers[i].thread, NULL);
}

static void append_together(struct stream *stream)
{
    struct appender appenders[APPENDERS];
    for (unsigned i = 0; i < APPENDERS; i++) {
        appenders[i] = (struct appender){ .stream = stream, .id = i };
        pthread_create(&appenders[i].thread, NULL, append_all, &appenders[i]);
    }
    for (unsigned i = 0; i < APPENDERS; i++)
        pthread_join(appenders[i].thread, NULL);
}

static const char *const syncs[] = { "always", "1ms", "never" };

/* With a cache that holds little, what is read again has to be fetched. */
START_TEST(what_many_append_is_read_whole_and_in_order)
{
    char settings[256];
    snprintf(settings, sizeof settings, "{\"name\":\"S\",\"subjects\":[\">\"],\"sync\":\"%s\"}", syncs[_i]);
    begin(1);
    struct stream *stream = kit_open(at.engine, settings);
    read_together(stream, READERS, append_together);
    wait_for_last(stream, TOTAL);
    read_together(stream, READERS, NULL);
    stream_destroy(stream);
    stream = kit_open(at.engine, settings);
    ck_assert_uint_eq(stream_last(stream), TOTAL);
    read_together(stream, 1, NULL);
    struct stream_engine_stats stats;
    stream_engine_get_stats(at.engine, &stats);
    ck_assert_uint_gt(stats.commit_count, 0);
    ck_assert_uint_gt(stats.fetch_count, 0);
    ck_assert_uint_gt(stats.written_bytes, TOTAL * 40);
    stream_destroy(stream);
    end();
}
END_TEST

static void *purge_some(void *arg)
{
    struct stream *stream = arg;
    for (unsigned i = 0; i < 40; i++) {
        stream_purge(stream, slice_of("t1"), 0, 10);
        stream_delete(stream, 1 + i * 31);
        kit_topic_count(stream, "*");
        stream_remember(stream);
    }
    return NULL;
}

static void append_and_purge(struct stream *stream)
{
    pthread_t thread;
    pthread_create(&thread, NULL, purge_some, stream);
    append_together(stream);
    pthread_join(thread, NULL);
}

static void count_one(uint64_t *counts, struct slice topic)
{
    counts[topic.data[1] - '0']++;
}

/* The index agrees with what is there. */
START_TEST(what_is_taken_out_meanwhile_is_not_counted)
{
    uint64_t counts[APPENDERS] = { 0 }, after = 0;
    struct stream_run run;
    struct stream_message message;
    enum stream_found found;
    begin(1);
    struct stream *stream = kit_open(at.engine, "{\"name\":\"S\",\"subjects\":[\">\"]}");
    append_and_purge(stream);
    wait_for_last(stream, TOTAL);
    uint64_t ticket = stream_remember(stream);
    WAIT_UNTIL(stream_remembered(stream) >= ticket);
    while ((found = stream_read(stream, after, 1000, &run)) != STREAM_NONE) {
        if (found == STREAM_AWAY)
            usleep(1000);
        else
            after = run.last_sequence;
        while (found == STREAM_FOUND && stream_run_next(&run, &message))
            count_one(counts, message.topic);
        stream_release(&run);
    }
    ck_assert_uint_eq(counts[0] + counts[1] + counts[2], kit_state(stream).message_count);
    for (unsigned i = 0; i < APPENDERS; i++) {
        char topic[3] = { 't', (char)('0' + i), '\0' };
        ck_assert_uint_eq(kit_topic_count(stream, topic), counts[i]);
    }
    stream_destroy(stream);
    end();
}
END_TEST

/* More than one job takes. */
START_TEST(what_has_piled_up_is_written_without_more_of_it)
{
    static char body[BLOCK_SIZE];
    struct message messages[200];
    for (unsigned i = 0; i < 200; i++)
        messages[i] = (struct message){ .body = body, .body_size = sizeof body };
    const struct batch batch = { .topic = slice_of("a"), .messages = messages, .count = 200 };
    begin(1 << 20);
    struct stream *stream = kit_open(at.engine, "{\"name\":\"S\",\"subjects\":[\">\"]}");
    ck_assert_uint_eq(stream_append(stream, &batch, 1000, NULL), 200);
    wait_for_last(stream, 200);
    WAIT_UNTIL(stream_backlog(stream) == 0);
    stream_destroy(stream);
    end();
}
END_TEST

/* The disk. */

START_TEST(a_full_disk_refuses_and_passes)
{
    begin(1 << 20);
    struct stream *stream = kit_open(at.engine, "{\"name\":\"S\",\"subjects\":[\">\"]}");
    kit_fill_any(stream, "a", 3, 100, 1000);
    wait_for_last(stream, 3);
    sim_set_space(at.sim, 0);
    kit_fill_any(stream, "a", 1, 3 << 20, 1000); /* no segment has room for it */
    wait_for_health(stream, STREAM_FULL);
    ck_assert_int_eq(kit_state(stream).error, -ENOSPC);
    ck_assert_uint_eq(stream_last(stream), 3);
    ck_assert_int_eq(kit_publish(stream, "a", "x", NULL, 1000).verdict, RECEIPT_DISK_FULL);
    ck_assert_str_eq(kit_list(stream), "1 2 3");
    sim_set_space(at.sim, UINT64_MAX);
    wait_for_health(stream, STREAM_WELL);
    wait_for_last(stream, 4);
    ck_assert_uint_eq(kit_publish(stream, "a", "x", NULL, 1000).sequence, 5);
    wait_for_last(stream, 5);
    stream_destroy(stream);
    end();
}
END_TEST

START_TEST(a_failed_sync_is_for_ever)
{
    begin(1 << 20);
    struct stream *stream = kit_open(at.engine, "{\"name\":\"S\",\"subjects\":[\">\"]}");
    kit_fill_any(stream, "a", 3, 100, 1000);
    wait_for_last(stream, 3);
    sim_fail_syncs(at.sim, true);
    kit_fill_any(stream, "a", 1, 100, 1000);
    wait_for_health(stream, STREAM_FAILED);
    sim_fail_syncs(at.sim, false);
    ck_assert_int_eq(kit_publish(stream, "a", "x", NULL, 1000).verdict, RECEIPT_FAILED);
    ck_assert_uint_eq(stream_last(stream), 3);
    ck_assert_str_eq(kit_list(stream), "1 2 3");
    stream_destroy(stream);
    stream = kit_open(at.engine, "{\"name\":\"S\",\"subjects\":[\">\"]}");
    ck_assert_uint_ge(stream_last(stream), 3);
    ck_assert(kit_publish(stream, "a", "x", NULL, 1000).sequence);
    stream_destroy(stream);
    end();
}
END_TEST

START_TEST(what_is_not_synced_at_once_is_synced_by_and_by)
{
    struct stream_engine_stats stats;
    begin(1 << 20);
    struct stream *stream = kit_open(at.engine, "{\"name\":\"S\",\"subjects\":[\">\"],\"sync\":\"20ms\"}");
    kit_fill_any(stream, "a", 1, 100, 1000);
    wait_for_last(stream, 1);
    do
        stream_engine_get_stats(at.engine, &stats);
    while (!stats.sync_count && usleep(1000) == 0);
    sim_power_off(at.sim);
    stream_destroy(stream);
    stream_engine_destroy(at.engine);
    sim_power_on(at.sim);
    start_engine(1 << 20);
    stream = kit_open(at.engine, "{\"name\":\"S\",\"subjects\":[\">\"],\"sync\":\"20ms\"}");
    ck_assert_uint_eq(stream_last(stream), 1);
    stream_destroy(stream);
    end();
}
END_TEST

START_TEST(messages_go_when_they_are_too_old)
{
    static const char *const storages[] = { "file", "memory" };
    char settings[256];
    snprintf(settings, sizeof settings, "{\"name\":\"S\",\"subjects\":[\">\"],\"storage\":\"%s\","
             "\"max_age\":1000000000}", storages[_i]);
    begin(1 << 20);
    struct stream *stream = kit_open(at.engine, settings);
    struct stream_run run;
    kit_fill_any(stream, "a", 2, 100, 1000);
    wait_for_last(stream, 2);
    atomic_store(&at.wall_ms, 2000);
    ck_assert_int_eq(stream_read_last(stream, slice_of("a"), &run), STREAM_FOUND);
    stream_release(&run);
    atomic_store(&at.wall_ms, 2001);
    ck_assert_int_eq(stream_read_last(stream, slice_of("a"), &run), STREAM_NONE);
    kit_fill_any(stream, "a", 2, 100, 2001);
    wait_for_last(stream, 4);
    atomic_store(&at.wall_ms, 10000);
    WAIT_UNTIL(kit_log_count(stream) == 0); /* by itself */
    ck_assert_uint_eq(kit_state(stream).first_sequence, 5);
    stream_destroy(stream);
    end();
}
END_TEST

/* Streams that come and go. */

static struct stream_settings settings_of(const char *name, const char *topic)
{
    struct stream_settings settings;
    settings_init(&settings);
    ck_assert_int_eq(settings_set_text(&settings.name, name), 0);
    ck_assert_int_eq(settings_add_topic(&settings, topic), 0);
    return settings;
}

static int add(struct stream_registry *registry, const char *name, const char *topic)
{
    struct stream_settings settings = settings_of(name, topic);
    int error = stream_registry_add(registry, &settings, NULL);
    settings_finish(&settings);
    return error;
}

static const char *found_by(struct stream_registry *registry, const char *pattern)
{
    struct stream *stream = stream_registry_find_by_pattern(registry, slice_of(pattern));
    const char *name = stream ? stream_name(stream) : "";
    stream_destroy(stream);
    return name;
}

/* Publishes again when he has been answered. */
static void *publish_by_turns(void *arg)
{
    for (unsigned i = 0; i < ROUNDS; i++)
        wait_for_last(arg, kit_append(arg, "a", "x", NULL, 1000).sequence);
    return NULL;
}

/* Neither's commit has to wait for the other's. */
START_TEST(who_has_shared_a_commit_shares_the_next)
{
    struct stream_engine_stats stats;
    pthread_t other;
    at.is_slow = true;
    begin(1 << 20);
    struct stream *stream = kit_open(at.engine, "{\"name\":\"S\",\"subjects\":[\">\"]}");
    ck_assert_int_eq(pthread_create(&other, NULL, publish_by_turns, stream), 0);
    publish_by_turns(stream);
    pthread_join(other, NULL);
    stream_engine_get_stats(at.engine, &stats);
    ck_assert_uint_lt(stats.sync_count, ROUNDS * 3 / 2);
    stream_destroy(stream);
    end();
}
END_TEST

/* What its thread has appended waits for the end of its turn. */
START_TEST(what_a_turn_appends_is_committed_together)
{
    struct stream_watch own = { .wake = wake };
    const struct message message = { .body = "x\r\n", .body_size = 1 };
    const struct batch batch = { .topic = slice_of("a"), .messages = &message, .count = 1 };
    begin(1 << 20);
    struct stream *stream = kit_open(at.engine, "{\"name\":\"S\",\"subjects\":[\">\"]}");
    for (unsigned i = 0; i < 100; i++)
        ck_assert_uint_eq(stream_append(stream, &batch, 1000, &own), 1);
    ck_assert(own.owes_commit);
    ck_assert_uint_eq(stream_last(stream), 0);
    stream_commit_soon(stream, &own);
    wait_for_last(stream, 100);
    ck_assert(!own.owes_commit);
    struct stream_engine_stats stats;
    stream_engine_get_stats(at.engine, &stats);
    ck_assert_uint_eq(stats.commit_count, 1);
    stream_destroy(stream);
    end();
}
END_TEST

START_TEST(a_registry_knows_its_streams)
{
    begin(1 << 20);
    struct stream_registry *registry = stream_registry_create(at.engine);
    uint64_t generation = stream_registry_generation(registry);
    size_t count;
    ck_assert_ptr_null(stream_registry_list(registry, &count));
    ck_assert_int_eq(add(registry, "b", "b.>"), 0);
    ck_assert_int_eq(add(registry, "a", "a.*"), 0);
    ck_assert_int_eq(add(registry, "ab", "c"), 0);
    ck_assert_int_eq(add(registry, "b", "x"), -EEXIST);
    ck_assert_int_eq(add(registry, "c", "*.d"), -EADDRINUSE);
    ck_assert_uint_ne(stream_registry_generation(registry), generation);
    struct stream **list = stream_registry_list(registry, &count);
    ck_assert_uint_eq(count, 3);
    for (size_t i = 0; i < count; i++) {
        ck_assert_str_eq(stream_name(list[i]), ((const char *[]){ "a", "ab", "b" })[i]);
        ck_assert_uint_lt(stream_home(list[i], 4), 4);
        stream_destroy(list[i]);
    }
    free(list);
    ck_assert_str_eq(found_by(registry, "b.c.>"), "b");
    ck_assert_str_eq(found_by(registry, "a.b"), "a");
    ck_assert_str_eq(found_by(registry, "a.>"), "");
    ck_assert_ptr_null(stream_registry_find(registry, slice_of("")));
    ck_assert_ptr_null(stream_registry_find(registry, slice_of("aba")));
    struct stream_settings changed = settings_of("a", "b.x");
    ck_assert_int_eq(stream_registry_change(registry, &changed), -EADDRINUSE);
    settings_finish(&changed);
    changed = settings_of("a", "d");
    ck_assert_int_eq(stream_registry_change(registry, &changed), 0);
    settings_finish(&changed);
    ck_assert_str_eq(found_by(registry, "d"), "a");
    ck_assert_int_eq(stream_registry_remove(registry, "none"), -ENOENT);
    stream_registry_destroy(registry);
    end();
}
END_TEST

static void count_name(void *arg, const char *name)
{
    (void)name;
    ++*(unsigned *)arg;
}

static unsigned directory_count(void)
{
    const struct files *files = sim_files(at.sim);
    unsigned count = 0;
    files->list(files->arg, "data/streams", count_name, &count);
    return count;
}

START_TEST(a_name_is_free_when_its_stream_is_removed)
{
    begin(1 << 20);
    struct stream_registry *registry = stream_registry_create(at.engine);
    ck_assert_int_eq(add(registry, "S", "a"), 0);
    struct stream *old = stream_registry_find(registry, slice_of("S"));
    kit_fill_any(old, "a", 3, 100, 1000);
    wait_for_last(old, 3);
    ck_assert_int_eq(stream_registry_remove(registry, "S"), 0);
    ck_assert_int_eq(add(registry, "S", "a"), 0);
    struct stream *new = stream_registry_find(registry, slice_of("S"));
    ck_assert_uint_eq(stream_last(new), 0);
    ck_assert_int_eq(kit_publish(old, "a", "x", NULL, 1000).verdict, RECEIPT_FAILED);
    ck_assert_str_eq(kit_list(old), "1 2 3"); /* while somebody has it */
    ck_assert_uint_eq(kit_publish(new, "a", "x", NULL, 1000).sequence, 1);
    wait_for_last(new, 1);
    stream_destroy(old);
    WAIT_UNTIL(directory_count() == 1);
    stream_destroy(new);
    stream_registry_destroy(registry);
    stream_engine_destroy(at.engine);
    start_engine(1 << 20);
    new = kit_open(at.engine, "{\"name\":\"S\",\"subjects\":[\"a\"]}");
    ck_assert_uint_eq(stream_last(new), 1);
    stream_destroy(new);
    end();
}
END_TEST

START_TEST(what_is_left_of_a_removed_stream_goes_at_the_next_start)
{
    begin(1 << 20);
    struct stream_registry *registry = stream_registry_create(at.engine);
    ck_assert_int_eq(add(registry, "S", "a"), 0);
    struct stream *stream = stream_registry_find(registry, slice_of("S"));
    kit_fill_any(stream, "a", 3, 100, 1000);
    wait_for_last(stream, 3);
    ck_assert_int_eq(stream_registry_remove(registry, "S"), 0);
    sim_power_off(at.sim);
    stream_destroy(stream);
    stream_registry_destroy(registry);
    stream_engine_destroy(at.engine);
    sim_power_on(at.sim);
    start_engine(1 << 20);
    ck_assert_uint_eq(directory_count(), 0);
    end();
}
END_TEST

START_TEST(one_engine_has_a_directory)
{
    char directory[] = "/tmp/posthorn-engine-XXXXXX", command[128];
    struct stream_engine *first, *second;
    ck_assert_ptr_nonnull(mkdtemp(directory));
    const struct stream_engine_options options = { .directory = directory, .segment_size = 1 << 20 };
    ck_assert_int_eq(stream_engine_create(&options, &first), 0);
    ck_assert_int_eq(stream_engine_create(&options, &second), -EBUSY);
    stream_engine_destroy(first);
    ck_assert_int_eq(stream_engine_create(&options, &first), 0);
    stream_engine_destroy(first);
    snprintf(command, sizeof command, "rm -r %s", directory);
    ck_assert_int_eq(system(command), 0);
    const struct stream_engine_options nowhere = { .directory = "/nonexistent/x", .segment_size = 1 << 20 };
    ck_assert_int_eq(stream_engine_create(&nowhere, &first), -ENOENT);
}
END_TEST

START_TEST(without_a_directory_there_are_no_files)
{
    const struct stream_engine_options options = { .segment_size = 1 << 20 };
    struct stream_settings settings = settings_of("S", "a");
    struct stream_engine *engine;
    struct stream *stream;
    ck_assert_int_eq(stream_engine_create(&options, &engine), 0);
    ck_assert_int_eq(stream_engine_start(engine), 0);
    ck_assert_int_eq(stream_open(engine, &settings, &stream), -ENODEV);
    settings.storage = STREAM_MEMORY;
    ck_assert_int_eq(stream_open(engine, &settings, &stream), 0);
    ck_assert_uint_eq(kit_publish(stream, "a", "x", NULL, 1000).sequence, 1);
    stream_destroy(stream);
    stream_engine_destroy(engine);
    settings_finish(&settings);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine");
    TCase *tcase = tcase_create("engine");
    tcase_set_timeout(tcase, 2 * DEADLINE_S);
    tcase_add_loop_test(tcase, what_many_append_is_read_whole_and_in_order, 0, 3);
    tcase_add_test(tcase, what_is_taken_out_meanwhile_is_not_counted);
    tcase_add_test(tcase, what_has_piled_up_is_written_without_more_of_it);
    tcase_add_test(tcase, a_full_disk_refuses_and_passes);
    tcase_add_test(tcase, a_failed_sync_is_for_ever);
    tcase_add_test(tcase, what_is_not_synced_at_once_is_synced_by_and_by);
    tcase_add_loop_test(tcase, messages_go_when_they_are_too_old, 0, 2);
    tcase_add_test(tcase, who_has_shared_a_commit_shares_the_next);
    tcase_add_test(tcase, what_a_turn_appends_is_committed_together);
    tcase_add_test(tcase, a_registry_knows_its_streams);
    tcase_add_test(tcase, a_name_is_free_when_its_stream_is_removed);
    tcase_add_test(tcase, what_is_left_of_a_removed_stream_goes_at_the_next_start);
    tcase_add_test(tcase, one_engine_has_a_directory);
    tcase_add_test(tcase, without_a_directory_there_are_no_files);
    suite_add_tcase(suite, tcase);
    return unit_run_suite(suite, CK_FORK_GETENV);
}
