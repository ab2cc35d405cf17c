/* What was put is there after a reopening; those who wait are told; a file that cannot be used is explained. */
#include "meta/meta.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include "../unit.h"

static char directory[64], path[96];
static char sentence[256];
static struct meta *meta;

static void set_up(void)
{
    snprintf(directory, sizeof directory, "%s/meta.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/meta.db", directory);
}

static void tear_down(void)
{
    char command[160];
    meta_close(meta);
    meta = NULL;
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    ck_assert_int_eq(system(command), 0);
}

static void open_meta(void)
{
    int error = meta_open(directory, &meta, sentence);
    ck_assert_msg(error == 0, "%s", sentence);
}

static void start(void)
{
    open_meta();
    ck_assert_int_eq(meta_start(meta), 0);
}

static void close_meta(void)
{
    meta_close(meta);
    meta = NULL;
}

static void put(const char *kind, const char *key, const char *value)
{
    ck_assert_int_eq(meta_put_copy(meta, kind, slice_of(key), slice_of(value)), 0);
}

/* The entries of a kind, as "key=value " each. */
static int gather(void *arg, struct slice key, struct slice value)
{
    char *text = arg;
    sprintf(text + strlen(text), "%.*s=%.*s ", SLICE_ARGS(key), SLICE_ARGS(value));
    return 0;
}

static void expect(const char *kind, const char *wanted)
{
    char text[1024] = "";
    ck_assert_int_eq(meta_load(meta, kind, gather, text), 0);
    ck_assert_str_eq(text, wanted);
}

START_TEST(what_was_put_is_there_after_a_reopening)
{
    start();
    put("stream", "orders", "one");
    put("stream", "events", "two");
    put("consumer", "orders.a", "three");
    close_meta();
    open_meta();
    expect("stream", "events=two orders=one ");
    expect("consumer", "orders.a=three ");
    expect("position", "");
}
END_TEST

START_TEST(the_last_put_wins_and_a_removal_removes)
{
    char key[16];
    start();
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "%d", i);
        put("position", "same", key);
    }
    put("stream", "gone", "x");
    put("stream", "back", "x");
    put("stream", "gone", NULL);
    put("stream", "back", NULL);
    put("stream", "back", "y");
    put("stream", "never there", NULL);
    put("stream", "empty", "");
    close_meta();
    open_meta();
    expect("position", "same=999 ");
    expect("stream", "back=y empty= ");
}
END_TEST

static int count_odd(void *arg, struct slice key, struct slice value)
{
    *(unsigned *)arg += slice_equal(key, slice_make("a\0b\xff'", 5)) && slice_equal(value, key);
    return 0;
}

START_TEST(keys_and_values_may_be_any_bytes)
{
    struct slice odd = slice_make("a\0b\xff'", 5);
    unsigned odd_count = 0;
    start();
    ck_assert_int_eq(meta_put_copy(meta, "position", odd, odd), 0);
    ck_assert_int_eq(meta_put_copy(meta, "consumer", slice_make(NULL, 0), slice_make("", 0)), 0);
    close_meta();
    open_meta();
    ck_assert_int_eq(meta_load(meta, "position", count_odd, &odd_count), 0);
    ck_assert_uint_eq(odd_count, 1);
    expect("consumer", "= ");
}
END_TEST

static int stop_at(void *arg, struct slice key, struct slice value)
{
    (void)value;
    return slice_is(key, arg) ? 17 : 0;
}

START_TEST(a_visit_may_end_early)
{
    start();
    put("stream", "a", "1");
    put("stream", "b", "2");
    close_meta();
    open_meta();
    ck_assert_int_eq(meta_load(meta, "stream", stop_at, "a"), 17);
    ck_assert_int_eq(meta_load(meta, "stream", stop_at, "c"), 0);
    expect("stream", "a=1 b=2 ");
}
END_TEST

/* Jobs that somebody waits for. */

struct waiter {
    struct meta_desk desk;
    sem_t woken;
    unsigned wake_count;
};

static void wake(void *arg)
{
    struct waiter *waiter = arg;
    waiter->wake_count++;
    sem_post(&waiter->woken);
}

static void waiter_init(struct waiter *waiter)
{
    *waiter = (struct waiter){ .desk = { .wake = wake, .arg = waiter } };
    sem_init(&waiter->woken, 0, 0);
}

static void put_job(struct meta_job *job, struct waiter *waiter, const char *key, const char *value)
{
    *job = (struct meta_job){ .desk = &waiter->desk, .kind = "stream", .key = slice_of(key), .value = slice_of(value) };
    meta_put(meta, job);
}

static struct meta_job *next_done(struct waiter *waiter)
{
    struct meta_job *job;
    while (!(job = meta_done(meta, &waiter->desk)))
        sem_wait(&waiter->woken);
    return job;
}

START_TEST(who_waits_is_told_in_order)
{
    struct waiter waiter;
    struct meta_job jobs[100];
    waiter_init(&waiter);
    start();
    for (int i = 0; i < 100; i++)
        put_job(&jobs[i], &waiter, "k", "v");
    for (int i = 0; i < 100; i++) {
        ck_assert_ptr_eq(next_done(&waiter), &jobs[i]);
        ck_assert_int_eq(jobs[i].error, 0);
    }
    ck_assert_ptr_null(meta_done(meta, &waiter.desk));
    put_job(&jobs[0], &waiter, "k", NULL); /* and again, after it had found nothing */
    ck_assert_ptr_eq(next_done(&waiter), &jobs[0]);
}
END_TEST

/* All of it before the thread starts is one batch, so one commit and one wake. */
START_TEST(what_waits_together_is_one_commit_and_one_wake)
{
    struct waiter waiter;
    struct meta_job jobs[50];
    struct meta_stats stats;
    waiter_init(&waiter);
    open_meta();
    for (int i = 0; i < 50; i++)
        put_job(&jobs[i], &waiter, "k", "v");
    ck_assert_int_eq(meta_start(meta), 0);
    sem_wait(&waiter.woken);
    for (int i = 0; i < 50; i++)
        ck_assert_ptr_eq(meta_done(meta, &waiter.desk), &jobs[i]);
    ck_assert_ptr_null(meta_done(meta, &waiter.desk));
    meta_get_stats(meta, &stats);
    ck_assert_uint_eq(stats.commit_count, 1);
    ck_assert_uint_eq(stats.put_count, 50);
    ck_assert_uint_eq(stats.failed_count, 0);
    ck_assert_uint_eq(waiter.wake_count, 1);
}
END_TEST

START_TEST(closing_commits_what_waits_and_its_desk_still_hears)
{
    struct waiter waiter;
    struct meta_job job;
    waiter_init(&waiter);
    open_meta(); /* and is never started */
    put_job(&job, &waiter, "k", "v");
    close_meta();
    ck_assert_ptr_eq(meta_done(NULL, &waiter.desk), &job);
    ck_assert_ptr_null(meta_done(NULL, &waiter.desk));
    open_meta();
    expect("stream", "k=v ");
    close_meta();
    meta_close(NULL);
}
END_TEST

enum { THREADS = 6, PUTS = 2000 };

static void *put_many(void *arg)
{
    unsigned number = *(unsigned *)arg;
    struct waiter waiter;
    struct meta_job job;
    char key[16], value[16];
    waiter_init(&waiter);
    for (unsigned i = 0; i < PUTS; i++) {
        snprintf(key, sizeof key, "%u.%u", number, i % 10);
        snprintf(value, sizeof value, "%u", i);
        if (i % 20 < 19) {
            unit_assert(meta_put_copy(meta, "position", slice_of(key), slice_of(value)) == 0);
            continue;
        }
        job = (struct meta_job){ .desk = &waiter.desk, .kind = "position", .key = slice_of(key),
                                 .value = slice_of(value) };
        meta_put(meta, &job);
        unit_assert(next_done(&waiter) == &job && job.error == 0);
    }
    return NULL;
}

static int count_last(void *arg, struct slice key, struct slice value)
{
    unsigned last = PUTS - 10 + (unsigned)(key.data[key.size - 1] - '0');
    char text[16];
    snprintf(text, sizeof text, "%u", last);
    unit_assert(slice_is(value, text));
    ++*(unsigned *)arg;
    return 0;
}

START_TEST(many_threads_put_at_once)
{
    pthread_t threads[THREADS];
    unsigned numbers[THREADS], count = 0;
    struct meta_stats stats;
    start();
    for (unsigned i = 0; i < THREADS; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, put_many, &numbers[i]);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    meta_get_stats(meta, &stats);
    ck_assert_uint_lt(stats.commit_count, THREADS * PUTS);
    close_meta();
    open_meta();
    ck_assert_int_eq(meta_load(meta, "position", count_last, &count), 0);
    ck_assert_uint_eq(count, THREADS * 10);
}
END_TEST

/* Errors. */

START_TEST(a_batch_for_which_there_is_no_room_is_refused_and_the_next_is_tried)
{
    enum { SIZE = 1 << 20 };
    struct waiter waiter;
    struct meta_job large, small;
    struct meta_stats stats;
    struct rlimit limit = { 256 << 10, RLIM_INFINITY };
    char *value = malloc(SIZE);
    waiter_init(&waiter);
    signal(SIGXFSZ, SIG_IGN);
    start();
    setrlimit(RLIMIT_FSIZE, &limit);
    memset(value, 'x', SIZE);
    large = (struct meta_job){ .desk = &waiter.desk, .kind = "stream", .key = slice_of("large"),
                               .value = { value, SIZE } };
    meta_put(meta, &large);
    ck_assert_ptr_eq(next_done(&waiter), &large);
    ck_assert_int_lt(large.error, 0);
    meta_get_stats(meta, &stats);
    ck_assert_uint_eq(stats.failed_count, 1);
    ck_assert_int_eq(stats.error, large.error);
    put_job(&small, &waiter, "small", "s");
    ck_assert_ptr_eq(next_done(&waiter), &small);
    ck_assert_int_eq(small.error, 0);
    meta_get_stats(meta, &stats);
    ck_assert_int_eq(stats.error, 0);
    close_meta();
    open_meta();
    expect("stream", "small=s ");
    free(value);
}
END_TEST

static void expect_refusal(int error, const char *wanted)
{
    ck_assert_int_eq(meta_open(directory, &meta, sentence), error);
    ck_assert_msg(strstr(sentence, wanted) != NULL, "\"%s\" is not in: %s", wanted, sentence);
    ck_assert_ptr_null(strchr(sentence, '\n'));
    ck_assert_ptr_null(meta);
}

static void overwrite(size_t at, size_t size)
{
    char junk[8192];
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    ck_assert_int_ge(fd, 0);
    memset(junk, 0xa5, sizeof junk);
    ck_assert_int_eq(pwrite(fd, junk, size, (off_t)at), (ssize_t)size);
    close(fd);
}

START_TEST(a_file_that_is_no_database_is_explained)
{
    overwrite(0, 8192);
    expect_refusal(-EBADMSG, "meta.db is damaged (file is not a database)");
}
END_TEST

START_TEST(a_damaged_page_is_explained)
{
    start();
    for (int i = 0; i < 500; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        put("stream", key, "a value of some length, so that there are several pages of it");
    }
    close_meta();
    overwrite(4096 * 3, 4096);
    expect_refusal(-EBADMSG, "meta.db is damaged (");
}
END_TEST

static void change(const char *text)
{
    sqlite3 *sqlite;
    ck_assert_int_eq(sqlite3_open(path, &sqlite), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(sqlite, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(sqlite);
}

START_TEST(a_newer_file_is_explained)
{
    start();
    close_meta();
    change("PRAGMA user_version = 9");
    expect_refusal(-EPROTONOSUPPORT, "written by a newer posthornd: its version is 9, and this one knows 1");
}
END_TEST

START_TEST(the_file_of_another_program_is_left_alone)
{
    change("CREATE TABLE shopping (item TEXT)");
    expect_refusal(-EBADMSG, "the database of another program");
    change("DROP TABLE shopping; PRAGMA application_id = 77");
    expect_refusal(-EBADMSG, "the database of another program");
}
END_TEST

START_TEST(an_open_file_is_explained)
{
    int ready[2];
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        meta_open(directory, &meta, sentence);
        _exit(write(ready[1], "x", 1) == 1 && pause() ? 0 : 1);
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    expect_refusal(-EBUSY, "meta.db is open in another process");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    open_meta();
}
END_TEST

START_TEST(a_directory_that_is_not_there_is_explained)
{
    rmdir(directory);
    expect_refusal(-ENOENT, "meta.db cannot be opened: No such file or directory");
    mkdir(directory, 0700);
}
END_TEST

START_TEST(nobody_else_may_read_the_file)
{
    struct stat facts;
    umask(0);
    start();
    put("stream", "a", "b");
    ck_assert_int_eq(stat(path, &facts), 0);
    ck_assert_int_eq(facts.st_mode & 0777, 0600);
}
END_TEST

/* The log of the database is brought home now and then, or it would grow for ever. */
START_TEST(the_log_of_the_database_stays_small)
{
    char wal[112], key[16], value[512];
    struct waiter waiter;
    struct meta_job job;
    struct stat facts;
    waiter_init(&waiter);
    snprintf(wal, sizeof wal, "%s-wal", path);
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = 0;
    start();
    for (int i = 0; i < 20000; i++) {
        snprintf(key, sizeof key, "%d", i % 100);
        put("position", key, value);
        if (i % 50 == 49) {
            put_job(&job, &waiter, "barrier", "b");
            ck_assert_ptr_eq(next_done(&waiter), &job);
        }
    }
    ck_assert_int_eq(stat(wal, &facts), 0);
    ck_assert_int_lt(facts.st_size, 8 << 20);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_was_put_is_there_after_a_reopening,
        the_last_put_wins_and_a_removal_removes,
        keys_and_values_may_be_any_bytes,
        a_visit_may_end_early,
        who_waits_is_told_in_order,
        what_waits_together_is_one_commit_and_one_wake,
        closing_commits_what_waits_and_its_desk_still_hears,
        many_threads_put_at_once,
        a_batch_for_which_there_is_no_room_is_refused_and_the_next_is_tried,
        a_file_that_is_no_database_is_explained,
        a_damaged_page_is_explained,
        a_newer_file_is_explained,
        the_file_of_another_program_is_left_alone,
        an_open_file_is_explained,
        a_directory_that_is_not_there_is_explained,
        nobody_else_may_read_the_file,
        the_log_of_the_database_stays_small,
    };
    Suite *suite = suite_create("meta");
    TCase *tcase = tcase_create("meta");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 60);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return unit_run_suite(suite, CK_FORK);
}
