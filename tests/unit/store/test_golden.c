/*
 * The format of the files, byte by byte: what lies in tests/unit/store/golden was written once, is read by every later
 * version, and is what this one writes. Identities are random but here: the linker puts the function below before
 * random_bytes (see unit.am). GOLDEN_WRITE=DIRECTORY writes the files of this version there.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"
#include "sim.h"
#include "store/log.h"
#include "util/random.h"

#define DIRECTORY "data/stream"

static const char *const names[] = { "0000000001.log", "0000000001.dead", "0000000002.log", "0000000002.dead", NULL };

/* What is in it: live ones have their sequence where they stand. 0 ends it. */
static const struct expected {
    uint64_t sequence;
    const char *topic, *head, *payload;
} expected[] = {
    { 1, "orders.eu.paid", "", "first" },
    { 3, "orders.eu.paid", "NATS/1.0\r\nNats-Msg-Id: three\r\n\r\n", "third" },
    { 5, "t", "", "" },
    { 6, "orders.us.paid", "", "written anew after the power went" },
    { 0, NULL, NULL, NULL },
};

static uint64_t identity;

void __wrap_random_bytes(void *data, size_t size);

void __wrap_random_bytes(void *data, size_t size)
{
    identity += 0x0123456789abcdefu;
    unit_assert(size == sizeof identity);
    memcpy(data, &identity, size);
}

/* Writing. */

static void append(struct log *log, uint64_t sequence, const char *topic, const char *head, const char *payload)
{
    char body[200];
    snprintf(body, sizeof body, "%s%s", head, payload);
    const struct message message = {
        .body = body,
        .head_size = (uint32_t)strlen(head),
        .body_size = (uint32_t)strlen(body),
    };
    unit_assert(log_append(log, sequence, 1700000000000u + sequence, slice_of(topic), &message));
}

static void commit(struct log *log)
{
    int error;
    struct log_job *job = log_commit_begin(log, true, &error);
    ck_assert_ptr_nonnull(job);
    ck_assert_int_eq(log_commit_run(job), 0);
    log_commit_end(log, job);
}

static struct log *open_log(struct sim *sim)
{
    const struct log_options options = { .segment_size = 1 << 20, .cache_size = 1 << 20 };
    struct log *log = NULL;
    ck_assert_int_eq(log_open(sim_files(sim), DIRECTORY, &options, NULL, NULL, &log), 0);
    return log;
}

/* Two commits, some that is dead, an end that was none in peace, and one that was. */
static void write_log(struct sim *sim)
{
    struct log *log = open_log(sim);
    append(log, 1, "orders.eu.paid", "", "first");
    append(log, 2, "orders.eu.paid", "", "second");
    append(log, 3, "orders.eu.paid", "NATS/1.0\r\nNats-Msg-Id: three\r\n\r\n", "third");
    commit(log);
    append(log, 4, "t", "", "12345678");
    append(log, 5, "t", "", "");
    log_kill(log, 2);
    commit(log);
    append(log, 6, "orders.us.paid", "", "written anew after the power went");
    commit(log);
    log_close(log);
    sim_process_ends(sim);
    log = open_log(sim);
    append(log, 7, "t", "", "dead at once");
    log_kill(log, 7);
    log_kill(log, 4);
    log_remember(log);
    commit(log);
    int error;
    struct log_job *job = log_rest_begin(log, &error);
    ck_assert_int_eq(log_commit_run(job), 0);
    log_commit_end(log, job);
    log_close(log);
    sim_process_ends(sim);
}

/* Files. */

static FILE *open_file(const char *directory, const char *name, const char *mode)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, mode);
    if (!file)
        ck_abort_msg("%s cannot be opened", path);
    return file;
}

static const char *golden_directory(void)
{
    static char path[4000];
    snprintf(path, sizeof path, "%s/tests/unit/store/golden", getenv("srcdir") ? getenv("srcdir") : ".");
    return path;
}

static size_t read_golden(const char *name, unsigned char **ret_data)
{
    enum { MORE = 64 << 10 };
    FILE *file = open_file(golden_directory(), name, "rb");
    *ret_data = malloc(MORE);
    size_t size = fread(*ret_data, 1, MORE, file);
    fclose(file);
    return size;
}

static struct sim *create(void)
{
    struct sim *sim = sim_create(1);
    const struct files *files = sim_files(sim);
    files->make_directory(files->arg, "data");
    identity = 0;
    return sim;
}

static void write_golden(struct sim *sim, const char *directory)
{
    for (const char *const *name = names; *name; name++) {
        char path[64];
        uint64_t size;
        snprintf(path, sizeof path, DIRECTORY "/%s", *name);
        const unsigned char *bytes = sim_bytes(sim, path, &size);
        FILE *file = open_file(directory, *name, "wb");
        fwrite(bytes, 1, size, file);
        fclose(file);
    }
}

START_TEST(the_same_bytes_are_written)
{
    struct sim *sim = create();
    write_log(sim);
    if (getenv("GOLDEN_WRITE"))
        write_golden(sim, getenv("GOLDEN_WRITE"));
    for (const char *const *name = names; *name; name++) {
        char path[64];
        unsigned char *golden;
        uint64_t size;
        snprintf(path, sizeof path, DIRECTORY "/%s", *name);
        const unsigned char *bytes = sim_bytes(sim, path, &size);
        ck_assert_ptr_nonnull(bytes);
        ck_assert_uint_eq(size, read_golden(*name, &golden));
        for (uint64_t at = 0; at < size; at++)
            if (bytes[at] != golden[at])
                ck_abort_msg("%s: byte %" PRIu64 " is %02x, and was %02x", *name, at, bytes[at], golden[at]);
        free(golden);
    }
    sim_destroy(sim);
}
END_TEST

static void check(const struct record *record, const struct expected *wanted)
{
    const char *topic = record_topic(record), *head = topic + record->topic_size, *payload = head + record->head_size;
    ck_assert_uint_eq(record->sequence, wanted->sequence);
    ck_assert_uint_eq(record->time_ms, 1700000000000u + wanted->sequence);
    ck_assert(slice_is(slice_make(topic, record->topic_size), wanted->topic));
    ck_assert(slice_is(slice_make(head, record->head_size), wanted->head));
    ck_assert(slice_is(slice_make(payload, record->body_size - record->head_size), wanted->payload));
}

static enum log_found find(struct log *log, uint64_t sequence, struct log_place *ret_place)
{
    int error;
    enum log_found found = log_find(log, sequence, ret_place);
    if (found != LOG_AWAY)
        return found;
    struct log_fetch *fetch = log_fetch_begin(log, &error);
    ck_assert_int_eq(log_fetch_run(fetch), 0);
    log_fetch_end(log, fetch);
    return log_find(log, sequence, ret_place);
}

START_TEST(what_was_written_once_is_read)
{
    struct sim *sim = create();
    const struct files *files = sim_files(sim);
    struct log_findings findings;
    struct log_place place;
    files->make_directory(files->arg, DIRECTORY);
    for (const char *const *name = names; *name; name++) {
        char path[64];
        unsigned char *golden;
        size_t size = read_golden(*name, &golden);
        snprintf(path, sizeof path, DIRECTORY "/%s", *name);
        sim_put(sim, path, golden, size);
        free(golden);
    }
    struct log *log = open_log(sim);
    log_get_findings(log, &findings);
    ck_assert_uint_eq(findings.last_sequence, 7);
    ck_assert_uint_eq(findings.damage_count, 0);
    ck_assert_uint_eq(findings.torn_bytes, 0);
    uint64_t next = 1;
    for (const struct expected *wanted = expected; wanted->sequence; wanted++, next++) {
        ck_assert(find(log, next, &place) == LOG_FOUND);
        check(block_record(place.block, place.at), wanted);
        next = wanted->sequence;
    }
    ck_assert(find(log, next, &place) == LOG_ABSENT);
    log_close(log);
    sim_destroy(sim);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { the_same_bytes_are_written, what_was_written_once_is_read, NULL };
    return unit_run("golden", tests);
}
