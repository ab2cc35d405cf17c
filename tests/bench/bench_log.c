/*
 * What a log in files costs: records appended and committed, recovered, and kept. Built and run by hand:
 *
 *     make tests/bench/bench_log && tests/bench/bench_log DIRECTORY [GIGABYTES]
 *
 * The directory is made, and removed in the end: on the disk that is to be measured.
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/log.h"
#include "util/clock.h"

enum { PAYLOAD_SIZE = 256, COMMIT_COUNT = 1000, COMMITS = 1000 };

static const struct log_options options = { .segment_size = 32 << 20, .cache_size = 64 << 20 };
static char body[PAYLOAD_SIZE];
static const struct message message = { .body = body, .body_size = PAYLOAD_SIZE };
static uint64_t sequence, visited_count;

static void fail(const char *what, int error)
{
    fprintf(stderr, "bench_log: %s: %s\n", what, strerror(-error));
    exit(1);
}

static void visit(void *arg, const struct record *record, bool is_live)
{
    (void)arg, (void)record, (void)is_live;
    visited_count++;
}

static struct log *open_log(const char *directory)
{
    struct log *log;
    int error = log_open(&files_system, directory, &options, visit, NULL, &log);
    if (error)
        fail(directory, error);
    return log;
}

static void run(struct log *log, struct log_job *job, int error)
{
    if (!error)
        error = log_commit_run(job);
    if (error)
        fail("commit", error);
    log_commit_end(log, job);
}

static void append(struct log *log, uint64_t count, bool sync)
{
    int error;
    for (uint64_t i = 0; i < count; i++) {
        sequence++;
        if (!log_append(log, sequence, 1000 + sequence / 1000, slice_of("orders.region7.1234"), &message))
            fail("append", -ENOMEM);
    }
    struct log_job *job = log_commit_begin(log, sync, &error);
    run(log, job, error);
}

static void rest(struct log *log)
{
    int error;
    struct log_job *job = log_rest_begin(log, &error);
    if (job)
        run(log, job, error);
    log_close(log);
}

static void report(const char *what, uint64_t count, uint64_t wall_ns, uint64_t cpu_ns)
{
    printf("%-44s %9.0f /s  %7.1f ns of processor each\n", what, (double)count * 1e9 / (double)wall_ns,
           (double)cpu_ns / (double)count);
}

static void measure_commits(const char *directory, const char *what, unsigned count, unsigned times, bool sync)
{
    struct log *log = open_log(directory);
    append(log, count, sync);
    uint64_t wall = clock_monotonic_ns(), cpu = clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (unsigned i = 0; i < times; i++)
        append(log, count, sync);
    wall = clock_monotonic_ns() - wall;
    report(what, (uint64_t)count * times, wall, clock_read_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    rest(log);
}

static void drop_from_page_cache(void)
{
    sync();
    FILE *file = fopen("/proc/sys/vm/drop_caches", "w");
    if (!file || fputs("1", file) < 0)
        printf("(not root: what follows is read from memory)\n");
    if (file)
        fclose(file);
}

static void measure_recovery(const char *directory, const char *what)
{
    struct log_state state;
    size_t memory = mallinfo2().uordblks;
    visited_count = 0;
    uint64_t wall = clock_monotonic_ns(), cpu = clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
    struct log *log = open_log(directory);
    wall = clock_monotonic_ns() - wall;
    cpu = clock_read_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    log_get_state(log, &state);
    double gigabytes = (double)state.room_count / 1e9;
    printf("%-44s %9.2f s a GB, %.2f s of processor; %.2f GB, %llu records\n", what, (double)wall / 1e9 / gigabytes,
           (double)cpu / 1e9 / gigabytes, gigabytes, (unsigned long long)visited_count);
    printf("%-44s %9.2f bytes\n", "memory for a record that is kept",
           (double)(mallinfo2().uordblks - memory) / (double)state.live_count);
    log_close(log);
}

static void measure_reading(const char *directory)
{
    struct log *log = open_log(directory);
    struct log_place place;
    uint64_t count = 0, bytes = 0, next = 1, wall = clock_monotonic_ns();
    enum log_found found;
    int error;
    while ((found = log_find(log, next, &place)) != LOG_ABSENT) {
        if (found == LOG_FOUND) {
            for (; place.at < place.block->used; place.at += block_record(place.block, place.at)->size, count++)
                bytes += block_record(place.block, place.at)->size;
            next = place.block->last_sequence + 1;
            continue;
        }
        struct log_fetch *fetch = log_fetch_begin(log, &error);
        if (!fetch || (error = log_fetch_run(fetch)) != 0)
            fail("fetch", error);
        log_fetch_end(log, fetch);
    }
    wall = clock_monotonic_ns() - wall;
    printf("%-44s %9.2f GB/s, %.0f /s\n", "read through, fetched from files", (double)bytes / (double)wall,
           (double)count * 1e9 / (double)wall);
    log_close(log);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "bench_log DIRECTORY [GIGABYTES]\n");
        return EXIT_FAILURE;
    }
    const char *directory = argv[1];
    double gigabytes = argc > 2 ? atof(argv[2]) : 1;
    printf("%d bytes a message\n", PAYLOAD_SIZE);
    measure_commits(directory, "append and commit, 1000 a sync", COMMIT_COUNT, COMMITS, true);
    measure_commits(directory, "append and commit, 1 a sync", 1, COMMITS, true);
    measure_commits(directory, "append and write, 1000 at once, no sync", COMMIT_COUNT, COMMITS, false);
    struct log *log = open_log(directory);
    while ((double)sequence * (PAYLOAD_SIZE + 64) < gigabytes * 1e9)
        append(log, 10000, false);
    rest(log);
    measure_recovery(directory, "recovery, from memory");
    drop_from_page_cache();
    measure_recovery(directory, "recovery, from the disk");
    measure_reading(directory);
    log_remove(&files_system, directory);
    return EXIT_SUCCESS;
}
