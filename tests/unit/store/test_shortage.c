/*
 * A log in files where memory runs out (shortage.h). What was committed is there when the log is opened again, and what
 * was to be gone for sure is gone; nothing leaks. On the real file system, in a directory of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../shortage.h"
#include "../unit.h"
#include "store/log.h"

enum { MESSAGES = 600, BODY_SIZE = 2000 };

/* What the log has promised. */
static struct {
    uint64_t last, committed;
    bool is_killed[MESSAGES + 1], is_gone[MESSAGES + 1], is_seen[MESSAGES + 1];
} promises;

static char directory[64];

static void see(void *arg, const struct record *record, bool is_live)
{
    (void)arg;
    promises.is_seen[record->sequence] = is_live;
}

static struct log *open_log(void)
{
    const struct log_options options = { .segment_size = 2 * BLOCK_SIZE, .cache_size = 0 };
    struct log *log = NULL;
    memset(promises.is_seen, 0, sizeof promises.is_seen);
    int error = log_open(&files_system, directory, &options, see, NULL, &log);
    unit_assert(error == 0 || error == -ENOMEM);
    return log;
}

static bool commit(struct log *log, bool rests)
{
    int error;
    struct log_job *job = rests ? log_rest_begin(log, &error) : log_commit_begin(log, true, &error);
    if (!job)
        return !error;
    error = log_commit_run(job);
    promises.committed = log_commit_end(log, job);
    unit_assert(error == 0 || error == -ENOMEM);
    return !error && !log_needs_commit(log);
}

static void append(struct log *log)
{
    static char body[BODY_SIZE];
    const struct message message = { .body = body, .body_size = sizeof body };
    if (promises.last < MESSAGES && log_append(log, promises.last + 1, 1, slice_of("t"), &message))
        promises.last++;
}

static void kill(struct log *log, uint64_t sequence)
{
    if (log_kill(log, sequence))
        promises.is_killed[sequence] = true;
}

static void remember(struct log *log)
{
    log_remember(log);
    if (!commit(log, false))
        return;
    for (uint64_t sequence = 1; sequence <= promises.last; sequence++)
        promises.is_gone[sequence] |= promises.is_killed[sequence];
}

static void read_some(struct log *log)
{
    struct log_place place;
    int error;
    for (uint64_t sequence = 1; sequence <= promises.last; sequence += 50) {
        enum log_found found = log_find(log, sequence, &place);
        struct log_fetch *fetch = found == LOG_AWAY ? log_fetch_begin(log, &error) : NULL;
        if (!fetch)
            continue;
        error = log_fetch_run(fetch);
        unit_assert(error == 0 || error == -ENOMEM);
        log_fetch_end(log, fetch);
    }
}

static void use(struct log *log)
{
    for (unsigned i = 0; i < MESSAGES / 6; i++)
        append(log);
    commit(log, false);
    for (uint64_t sequence = 3; sequence < promises.last; sequence += 7)
        kill(log, sequence);
    remember(log);
    log_kill_before(log, promises.last / 4);
    for (uint64_t sequence = 1; sequence < promises.last / 4; sequence++)
        promises.is_killed[sequence] = true;
    remember(log);
    read_some(log);
    for (unsigned i = 0; i < 20; i++)
        append(log);
}

static void check(void)
{
    struct log *log = open_log();
    struct log_findings findings;
    ck_assert_ptr_nonnull(log);
    log_get_findings(log, &findings);
    ck_assert_uint_eq(findings.damage_count, 0);
    ck_assert_uint_ge(findings.last_sequence, promises.committed);
    for (uint64_t sequence = 1; sequence <= promises.committed; sequence++) {
        unit_assert(!promises.is_seen[sequence] || !promises.is_gone[sequence]);
        unit_assert(promises.is_seen[sequence] || promises.is_killed[sequence]);
    }
    log_close(log);
}

/* Returns how often memory failed. */
static unsigned play(unsigned until_failure, bool for_good)
{
    memset(&promises, 0, sizeof promises);
    long before = shortage.live_count;
    shortage.until_failure = until_failure;
    shortage.for_good = for_good;
    shortage.failed_count = 0;
    for (unsigned life = 0; life < 3; life++) {
        struct log *log = open_log();
        struct log_findings findings = { .last_sequence = 0 };
        if (!log)
            continue;
        log_get_findings(log, &findings);
        promises.last = findings.last_sequence;
        use(log);
        if (life == 1)
            commit(log, true);
        log_close(log);
    }
    shortage.until_failure = SHORTAGE_NEVER;
    check();
    ck_assert_int_eq(log_remove(&files_system, directory), 0);
    ck_assert_int_eq(shortage.live_count, before);
    return shortage.failed_count;
}

static void play_all(bool for_good)
{
    char shared[] = "/dev/shm/posthorn-shortage-XXXXXX", plain[] = "/tmp/posthorn-shortage-XXXXXX";
    unsigned count = 0;
    const char *parent = mkdtemp(shared); /* where syncs cost nothing */
    if (!parent)
        parent = mkdtemp(plain);
    ck_assert_ptr_nonnull(parent);
    snprintf(directory, sizeof directory, "%s/stream", parent);
    while (play(count, for_good))
        count++;
    ck_assert_uint_gt(count, 50);
    rmdir(parent);
}

START_TEST(any_allocation_may_fail)
{
    play_all(false);
}
END_TEST

START_TEST(memory_may_run_out_for_good)
{
    play_all(true);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { any_allocation_may_fail, memory_may_run_out_for_good, NULL };
    return unit_run("shortage", tests);
}
