/* A sync that fails: what was to be committed by it is refused, and so is all that comes after. The syncs that SQLite
 * calls are this file's. */
#include "meta/meta.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../unit.h"

static atomic_bool failing;
static atomic_uint sync_count;

static int sync_file(long number, int fd)
{
    atomic_fetch_add(&sync_count, 1);
    if (!atomic_load(&failing))
        return (int)syscall(number, fd);
    errno = EIO;
    return -1;
}

int fdatasync(int fd)
{
    return sync_file(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return sync_file(SYS_fsync, fd);
}

static void wake(void *arg)
{
    sem_post(arg);
}

static int put(struct meta *meta, const char *key)
{
    sem_t woken;
    sem_init(&woken, 0, 0);
    struct meta_desk desk = { .wake = wake, .arg = &woken };
    struct meta_job job = { .desk = &desk, .kind = "stream", .key = slice_of(key), .value = slice_of("v"), .error = 1 };
    meta_put(meta, &job);
    while (!meta_done(meta, &desk))
        sem_wait(&woken);
    sem_destroy(&woken);
    return job.error;
}

static int gather(void *arg, struct slice key, struct slice value)
{
    (void)value;
    strncat(arg, key.data, key.size);
    return 0;
}

START_TEST(nothing_is_committed_after_a_failed_sync)
{
    char directory[] = "/tmp/meta.XXXXXX", sentence[256], command[64], found[64] = "";
    struct meta *meta;
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(meta_open(directory, &meta, sentence), 0);
    ck_assert_int_eq(meta_start(meta), 0);
    unsigned before = atomic_load(&sync_count);
    ck_assert_int_eq(put(meta, "a"), 0);
    ck_assert_uint_gt(atomic_load(&sync_count), before); /* told when it is on disk, and not before */
    atomic_store(&failing, true);
    ck_assert_int_eq(put(meta, "b"), -EIO);
    atomic_store(&failing, false);
    ck_assert_int_eq(put(meta, "c"), -EIO);
    meta_close(meta);

    ck_assert_int_eq(meta_open(directory, &meta, sentence), 0);
    ck_assert_int_eq(meta_start(meta), 0);
    ck_assert_int_eq(put(meta, "d"), 0);
    meta_close(meta);
    ck_assert_int_eq(meta_open(directory, &meta, sentence), 0);
    ck_assert_int_eq(meta_load(meta, "stream", gather, found), 0);
    meta_close(meta);
    ck_assert_msg(strcmp(found, "ad") == 0 || strcmp(found, "abd") == 0, "%s", found); /* b may have been lucky */
    snprintf(command, sizeof command, "rm -rf %s", directory);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { nothing_is_committed_after_a_failed_sync, NULL };
    return unit_run("sync", tests);
}
