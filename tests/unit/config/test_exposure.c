/* Strangers come in where nobody has to say who he is only if the configuration asks for that in words. */
#include <errno.h>
#include <stdlib.h>

#include "../unit.h"
#include "config/config.h"

#define COUNT(list) (int)(sizeof(list) / sizeof *(list))

static struct config_error error;

static int parse(const char *text, struct config **ret_config)
{
    return config_parse(PROGRAM_BROKER, "x.ini", slice_of(text), NULL, 0, ret_config, &error);
}

static const char *const sound[] = {
    "",
    "[line]\nlisten = 127.0.0.1:1, 127.255.0.9:1, [::1]:1, localhost:1, unix:/run/x\n",
    "[http]\nlisten = unix:/run/x, localhost:0\n",
    "[server]\nopen = yes\n[line]\nlisten = 0.0.0.0:1\n[http]\nlisten = [::]:1\n",
    "[user a]\ntoken = t\n[line]\nlisten = 0.0.0.0:1\n[http]\nlisten = [::]:1\n",
    "[http]\nenabled = no\nlisten = 0.0.0.0:1\n",
};

START_TEST(who_can_be_reached_by_nobody_else_is_let_be)
{
    struct config *config;
    const char *section;
    ck_assert_msg(parse(sound[_i], &config) == 0, "%s", error.sentence);
    ck_assert_ptr_null(config_exposure(config, &section));
    config_destroy(config);
}
END_TEST

static const struct {
    const char *text, *place;
} exposed[] = {
    { "[line]\nlisten = 0.0.0.0:1\n", "x.ini:2: [line] listen = 0.0.0.0:1" },
    { "[line]\nlisten = 127.0.0.1:1, 10.0.0.1:1\n", "x.ini:2: [line] listen = 10.0.0.1:1" },
    { "[line]\nlisten = [::]:1\n", "x.ini:2: [line] listen = [::]:1" },
    { "[line]\nlisten = [::ffff:127.0.0.1]:1\n", "x.ini:2: [line] listen = [::ffff:127.0.0.1]:1" },
    { "[line]\nlisten = [fe80::1]:1\n", "x.ini:2: [line] listen = [fe80::1]:1" },
    { "[line]\nlisten = 127.0.0.1.example:1\n", "x.ini:2: [line] listen = 127.0.0.1.example:1" },
    { "[line]\nlisten = localhost.example:1\n", "x.ini:2: [line] listen = localhost.example:1" },
    { "[line]\nlisten = 128.0.0.1:1\n", "x.ini:2: [line] listen = 128.0.0.1:1" },
    { "\n[http]\nlisten = 0.0.0.0:1\n", "x.ini:3: [http] listen = 0.0.0.0:1" },
    { "[server]\nopen = no\n[http]\nlisten = x:1\n", "x.ini:4: [http] listen = x:1" },
};

START_TEST(what_strangers_reach_is_refused_by_name)
{
    struct config *config;
    ck_assert_int_eq(parse(exposed[_i].text, &config), -EINVAL);
    ck_assert_str_eq(error.expected, CONFIG_EXPOSURE_EXPECTED);
    ck_assert_msg(strncmp(error.sentence, exposed[_i].place, strlen(exposed[_i].place)) == 0, "%s", error.sentence);
}
END_TEST

START_TEST(listeners_that_a_reload_cannot_change_count_as_they_are)
{
    struct config *running, *edited;
    const char *section;
    ck_assert_int_eq(parse("[line]\nlisten = 0.0.0.0:1\n[user a]\ntoken = t\n", &running), 0);
    ck_assert_int_eq(parse("[line]\nlisten = 127.0.0.1:1\n", &edited), 0);
    ck_assert_int_eq(config_carry_over(running, edited), 0);
    ck_assert_str_eq(config_exposure(edited, &section), "0.0.0.0:1");
    ck_assert_str_eq(section, "line");
    config_destroy(running);
    config_destroy(edited);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exposure");
    TCase *tcase = tcase_create("exposure");
    tcase_add_loop_test(tcase, who_can_be_reached_by_nobody_else_is_let_be, 0, COUNT(sound));
    tcase_add_loop_test(tcase, what_strangers_reach_is_refused_by_name, 0, COUNT(exposed));
    tcase_add_test(tcase, listeners_that_a_reload_cannot_change_count_as_they_are);
    suite_add_tcase(suite, tcase);
    return unit_run_suite(suite, CK_FORK_GETENV);
}
