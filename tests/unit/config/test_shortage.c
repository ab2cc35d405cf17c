/*
 * Loading where memory runs out: the linker puts the functions below before the allocating ones (see unit.am), and each
 * allocation in turn fails. What was allocated is freed, the error says so, and nothing is returned.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../unit.h"
#include "config/config.h"

#define NEVER UINT_MAX

static unsigned until_failure = NEVER; /* allocations that still succeed */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_reallocarray(void *block, size_t count, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_reallocarray(void *block, size_t count, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);

/* One failure, after which all goes well again: whoever overlooks it goes on. */
static bool memory_fails(void)
{
    if (until_failure == NEVER)
        return false;
    return until_failure-- == 0;
}

void *__wrap_malloc(size_t size)
{
    return memory_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return memory_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    return memory_fails() ? NULL : __real_realloc(block, size);
}

void *__wrap_reallocarray(void *block, size_t count, size_t size)
{
    return memory_fails() ? NULL : __real_reallocarray(block, count, size);
}

char *__wrap_strdup(const char *text)
{
    return memory_fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t size)
{
    return memory_fails() ? NULL : __real_strndup(text, size);
}

static const char text[] = "[server]\nname = n\n[line]\nlisten = 127.0.0.1:1,\n  127.0.0.1:2\n"
                           "[stream a]\ntopics = a.>, b\ndescription = d\n"
                           "[user a]\npassword = p\n[user b]\ntoken = t\n[user c]\ntoken = u\npassword = v\n";
static const char *const overrides[] = { "line.listen=127.0.0.1:3,127.0.0.1:4", "user.d.token=w" };

/* Leaks are for AddressSanitizer and valgrind to see. */
START_TEST(every_allocation_may_fail)
{
    struct config untouched, *config = &untouched;
    struct config_error error;
    int rc = -ENOMEM;
    unsigned failed_count;
    for (failed_count = 0; rc == -ENOMEM; failed_count++) {
        error = (struct config_error){ 0 };
        until_failure = failed_count;
        rc = config_parse(PROGRAM_BROKER, "x.ini", slice_of(text), overrides, sizeof overrides / sizeof *overrides,
                          &config, &error);
        if (rc < 0) {
            ck_assert_int_eq(rc, -ENOMEM);
            ck_assert_str_eq(error.sentence, "x.ini: Cannot allocate memory");
            ck_assert_ptr_eq(config, &untouched);
        }
    }
    until_failure = NEVER;
    ck_assert_int_eq(rc, 0);
    ck_assert_uint_gt(failed_count, 40);
    ck_assert_uint_eq(config->stream_count, 1);
    ck_assert_uint_eq(config->user_count, 4);
    ck_assert_str_eq(config->line.listen.items[1], "127.0.0.1:4");
    config_destroy(config);
}
END_TEST

START_TEST(carrying_over_may_fail_at_each_allocation)
{
    struct config *old_config, *new_config;
    struct config_error error;
    ck_assert_int_eq(config_load(PROGRAM_BROKER, NULL, overrides, 1, &old_config, &error), 0);
    int rc = -ENOMEM;
    unsigned failed_count;
    for (failed_count = 0; rc == -ENOMEM; failed_count++) {
        ck_assert_int_eq(config_load(PROGRAM_BROKER, NULL, NULL, 0, &new_config, &error), 0);
        until_failure = failed_count;
        rc = config_carry_over(old_config, new_config);
        until_failure = NEVER;
        ck_assert_str_eq(old_config->line.listen.items[1], "127.0.0.1:4");
        ck_assert(rc < 0 || strcmp(new_config->line.listen.items[1], "127.0.0.1:4") == 0);
        config_destroy(new_config);
    }
    ck_assert_int_eq(rc, 0);
    ck_assert_uint_gt(failed_count, 4);
    config_destroy(old_config);
}
END_TEST

START_TEST(file_is_not_read_without_memory)
{
    struct config untouched, *config = &untouched;
    struct config_error error;
    until_failure = 0;
    ck_assert_int_eq(config_load(PROGRAM_BROKER, "/dev/null", NULL, 0, &config, &error), -ENOMEM);
    until_failure = NEVER;
    ck_assert_str_eq(error.sentence, "/dev/null: Cannot allocate memory");
    ck_assert_ptr_eq(config, &untouched);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shortage");
    TCase *shortage = tcase_create("shortage");
    tcase_add_test(shortage, every_allocation_may_fail);
    tcase_add_test(shortage, carrying_over_may_fail_at_each_allocation);
    tcase_add_test(shortage, file_is_not_read_without_memory);
    suite_add_tcase(suite, shortage);
    return unit_run_suite(suite, CK_FORK_GETENV);
}
