/*
 * Loading where memory runs out (shortage.h): each allocation in turn fails. What was allocated is freed, the error
 * says so, and nothing is returned.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../shortage.h"
#include "../unit.h"
#include "config/config.h"

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
        shortage.until_failure = failed_count;
        rc = config_parse(PROGRAM_BROKER, "x.ini", slice_of(text), overrides, sizeof overrides / sizeof *overrides,
                          &config, &error);
        if (rc < 0) {
            ck_assert_int_eq(rc, -ENOMEM);
            ck_assert_str_eq(error.sentence, "x.ini: Cannot allocate memory");
            ck_assert_ptr_eq(config, &untouched);
        }
    }
    shortage.until_failure = SHORTAGE_NEVER;
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
        shortage.until_failure = failed_count;
        rc = config_carry_over(old_config, new_config);
        shortage.until_failure = SHORTAGE_NEVER;
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
    shortage.until_failure = 0;
    ck_assert_int_eq(config_load(PROGRAM_BROKER, "/dev/null", NULL, 0, &config, &error), -ENOMEM);
    shortage.until_failure = SHORTAGE_NEVER;
    ck_assert_str_eq(error.sentence, "/dev/null: Cannot allocate memory");
    ck_assert_ptr_eq(config, &untouched);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_allocation_may_fail,
        carrying_over_may_fail_at_each_allocation,
        file_is_not_read_without_memory,
        NULL,
    };
    return unit_run("shortage", tests);
}
