/* What a webhook has done, as bytes. */
#include "push/history.h"

#include <stdlib.h>

#include "../unit.h"
#include "scene.h"

static struct scene scene;
static struct receiver receiver;

static const char *answer(void *arg, const char *request, unsigned number)
{
    (void)arg;
    (void)request;
    return number % 2 ? "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
                      : "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n";
}

/* After so many attempts. */
static char *make(unsigned attempts, size_t *ret_size)
{
    receiver_start(&receiver, answer, NULL);
    scene_open(&scene);
    scene_begin(&scene, receiver.url, "{\"retries\":[],\"mode\":\"ordered\"}");
    for (unsigned i = 0; i < attempts; i++)
        scene_publish(&scene, "t.a", NULL, "x");
    scene_run_attempts(&scene, attempts);
    size_t room = history_size(scene.hook);
    char *bytes = malloc(room);
    ck_assert_ptr_nonnull(bytes);
    *ret_size = history_write(scene.hook, bytes);
    ck_assert_uint_eq(*ret_size, room);
    return bytes;
}

static void finish(char *bytes)
{
    free(bytes);
    scene_close(&scene);
    receiver_stop(&receiver);
}

START_TEST(counts_and_attempts_come_back)
{
    size_t size;
    char *bytes = make(5, &size);
    const struct hook_counts counts = scene.hook->counts;
    ck_assert_uint_eq(counts.delivered, 3);
    ck_assert_uint_eq(counts.dead, 2);
    scene_restart(&scene);
    ck_assert_uint_eq(scene.hook->counts.delivered, 0);
    ck_assert(history_read(scene.hook, slice_make(bytes, size)));
    ck_assert_uint_eq(scene.hook->counts.delivered, counts.delivered);
    ck_assert_uint_eq(scene.hook->counts.failed, counts.failed);
    ck_assert_uint_eq(scene.hook->counts.dead, counts.dead);
    ck_assert_uint_ne(scene.hook->last_success_ms, 0);
    const struct attempt *newest = attempts_at(&scene.hook->attempts, 0);
    const struct attempt *second = attempts_at(&scene.hook->attempts, 1);
    ck_assert_uint_eq(newest->sequence, 5);
    ck_assert_uint_eq(newest->status, 200);
    ck_assert(slice_is(newest->answer, "hello"));
    ck_assert_uint_eq(second->verdict, RETRY_AGAIN);
    ck_assert_ptr_null(attempts_at(&scene.hook->attempts, 5));
    char *again = malloc(history_size(scene.hook));
    ck_assert_uint_eq(history_write(scene.hook, again), size);
    ck_assert_int_eq(memcmp(again, bytes, size), 0);
    free(again);
    finish(bytes);
}
END_TEST

START_TEST(only_the_newest_attempts_are_kept)
{
    size_t size;
    char *bytes = make(HISTORY_ATTEMPTS_MAX + 5, &size);
    scene_restart(&scene);
    ck_assert(history_read(scene.hook, slice_make(bytes, size)));
    ck_assert_uint_eq(scene.hook->attempts.count, HISTORY_ATTEMPTS_MAX);
    ck_assert_uint_eq(attempts_at(&scene.hook->attempts, 0)->sequence, HISTORY_ATTEMPTS_MAX + 5);
    ck_assert_uint_eq(scene.hook->counts.delivered + scene.hook->counts.failed, HISTORY_ATTEMPTS_MAX + 5);
    finish(bytes);
}
END_TEST

START_TEST(what_is_cut_off_or_longer_changes_nothing)
{
    size_t size;
    char *bytes = make(3, &size), *longer = malloc(size + 1);
    scene_restart(&scene);
    for (size_t i = 0; i < size; i++) {
        char *part = malloc(i + 1); /* of its own, so that a sanitizer sees who reads behind it */
        memcpy(part, bytes, i);
        ck_assert(!history_read(scene.hook, slice_make(part, i)));
        free(part);
    }
    memcpy(longer, bytes, size);
    longer[size] = 0;
    ck_assert(!history_read(scene.hook, slice_make(longer, size + 1)));
    longer[0] = 9;
    ck_assert(!history_read(scene.hook, slice_make(longer, size)));
    free(longer);
    ck_assert_uint_eq(scene.hook->counts.delivered, 0);
    ck_assert_uint_eq(scene.hook->attempts.count, 0);
    finish(bytes);
}
END_TEST

START_TEST(errors_that_come_back_are_kept_once)
{
    size_t size;
    struct attempt attempt = { .number = 1, .verdict = RETRY_AGAIN, .error = "cannot connect", .id = "a-1" };
    char *bytes = make(0, &size);
    free(bytes);
    attempts_note(&scene.hook->attempts, &attempt);
    attempts_note(&scene.hook->attempts, &attempt);
    bytes = malloc(history_size(scene.hook));
    size = history_write(scene.hook, bytes);
    scene_restart(&scene);
    ck_assert(history_read(scene.hook, slice_make(bytes, size)));
    ck_assert_str_eq(attempts_at(&scene.hook->attempts, 0)->error, "cannot connect");
    ck_assert_ptr_eq(attempts_at(&scene.hook->attempts, 0)->error, attempts_at(&scene.hook->attempts, 1)->error);
    ck_assert_str_eq(attempts_at(&scene.hook->attempts, 0)->id, "a-1");
    finish(bytes);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        counts_and_attempts_come_back,
        only_the_newest_attempts_are_kept,
        what_is_cut_off_or_longer_changes_nothing,
        errors_that_come_back_are_kept_once,
        NULL,
    };
    return unit_run("history", tests);
}
