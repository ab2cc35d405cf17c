/* The option parser of the command line: every form an option may have, and values in the structs of their groups. */
#include "posthorn/options.h"

#include <stdlib.h>
#include <string.h>

#include "../unit.h"

struct shared_values {
    bool verbose;
    const char *url;
};

struct values {
    bool flag;
    const char *text;
    struct text_list list;
    uint64_t count;
    uint64_t size;
    struct shared_values shared;
    uint64_t time_ns;
    double rate;
};

#define FIELD(member) offsetof(struct values, member)

static const struct option rows[] = {
    { "flag", 'f', NULL, OPTION_FLAG, FIELD(flag), NULL, "" },
    { "text", 't', "TEXT", OPTION_TEXT, FIELD(text), "initial", "" },
    { "list", 'l', "TEXT", OPTION_LIST, FIELD(list), NULL, "" },
    { "count", 'n', "N", OPTION_COUNT, FIELD(count), "7", "" },
    { "size", 0, "SIZE", OPTION_SIZE, FIELD(size), "1KiB", "" },
    { "time", 0, "TIME", OPTION_DURATION, FIELD(time_ns), NULL, "" },
    { "rate", 0, "N/s", OPTION_RATE, FIELD(rate), NULL, "" },
    { 0 },
};

static const struct option shared_rows[] = {
    { "verbose", 'v', NULL, OPTION_FLAG, offsetof(struct shared_values, verbose), NULL, "" },
    { "url", 0, "URL", OPTION_TEXT, offsetof(struct shared_values, url), NULL, "" },
    { 0 },
};

static const struct option_group groups[] = {
    { "Options", rows, 0 },
    { "Shared", shared_rows, FIELD(shared) },
    { 0 },
};

enum { ARGUMENTS_MAX = 16 };

/* What the last parse gave. */
static struct values values;
static struct operands operands;
static bool help;

static void finish(void)
{
    options_finish(groups, &values, &operands);
}

/* Parses a NULL-ended list. */
static enum exit_code parse(const char *const *arguments)
{
    char *argv[ARGUMENTS_MAX + 1] = { NULL };
    int argc = 0;
    for (; arguments[argc]; argc++)
        argv[argc] = (char *)arguments[argc];
    memset(&values, 0, sizeof values);
    operands = (struct operands){ NULL, 0 };
    return options_parse(groups, &values, argc, argv, &operands, &help);
}

#define PARSE(...) parse((const char *const[]){ __VA_ARGS__, NULL })
#define EXPECT_REFUSED(...) \
    do { \
        ck_assert_int_eq(PARSE(__VA_ARGS__), EXIT_USAGE); \
        finish(); \
    } while (0)

START_TEST(initial_values_hold_where_nothing_is_given)
{
    ck_assert_int_eq(PARSE("operand"), EXIT_OK);
    ck_assert(!values.flag && !values.shared.verbose && !values.shared.url);
    ck_assert_str_eq(values.text, "initial");
    ck_assert_uint_eq(values.count, 7);
    ck_assert_uint_eq(values.size, 1024);
    ck_assert_uint_eq(values.list.count, 0);
    ck_assert_int_eq(operands.count, 1);
    finish();
}
END_TEST

START_TEST(long_options_take_values_in_both_forms)
{
    ck_assert_int_eq(
        PARSE("--text", "a", "--count=12", "--flag", "--size", "2MiB", "--time=250ms", "--rate", "30/m", "--url=x=y"),
        EXIT_OK);
    ck_assert(values.flag);
    ck_assert_str_eq(values.text, "a");
    ck_assert_uint_eq(values.count, 12);
    ck_assert_uint_eq(values.size, 2097152);
    ck_assert_uint_eq(values.time_ns, 250000000);
    ck_assert_double_eq(values.rate, 0.5);
    ck_assert_str_eq(values.shared.url, "x=y");
    finish();
}
END_TEST

START_TEST(letters_may_stand_together_and_before_a_value)
{
    ck_assert_int_eq(PARSE("-fvn5", "-t", "a", "-lone", "-l", "two"), EXIT_OK);
    ck_assert(values.flag && values.shared.verbose);
    ck_assert_uint_eq(values.count, 5);
    ck_assert_str_eq(values.text, "a");
    ck_assert_uint_eq(values.list.count, 2);
    ck_assert_str_eq(values.list.texts[0], "one");
    ck_assert_str_eq(values.list.texts[1], "two");
    finish();
}
END_TEST

START_TEST(last_of_an_option_wins)
{
    ck_assert_int_eq(PARSE("--text", "a", "-t", "b", "--text=", "-n1", "-n2"), EXIT_OK);
    ck_assert_str_eq(values.text, "");
    ck_assert_uint_eq(values.count, 2);
    finish();
}
END_TEST

START_TEST(operands_and_options_mix_until_two_dashes)
{
    ck_assert_int_eq(PARSE("one", "-f", "-", "--count", "3", "--", "--flag", "-x", "--"), EXIT_OK);
    static const char *const wanted[] = { "one", "-", "--flag", "-x", "--" };
    ck_assert_int_eq(operands.count, 5);
    for (int i = 0; i < 5; i++)
        ck_assert_str_eq(operands.texts[i], wanted[i]);
    finish();
}
END_TEST

START_TEST(value_may_look_like_an_option)
{
    ck_assert_int_eq(PARSE("--text", "--flag", "-l", "--"), EXIT_OK);
    ck_assert_str_eq(values.text, "--flag");
    ck_assert_str_eq(values.list.texts[0], "--");
    ck_assert(!values.flag);
    finish();
}
END_TEST

START_TEST(mistakes_are_refused)
{
    EXPECT_REFUSED("--nothing");
    EXPECT_REFUSED("--fla");
    EXPECT_REFUSED("--flags");
    EXPECT_REFUSED("--flag=yes");
    EXPECT_REFUSED("--text");
    EXPECT_REFUSED("-t");
    EXPECT_REFUSED("-x");
    EXPECT_REFUSED("-fx");
    EXPECT_REFUSED("-n", "five");
    EXPECT_REFUSED("-n", "-5");
    EXPECT_REFUSED("--count", "5x");
    EXPECT_REFUSED("--count", "");
    EXPECT_REFUSED("--size", "1KB");
    EXPECT_REFUSED("--time", "5");
    EXPECT_REFUSED("--rate", "0");
    EXPECT_REFUSED("--rate", "-1");
    EXPECT_REFUSED("--rate", "1/d");
    EXPECT_REFUSED("--rate", "inf");
}
END_TEST

START_TEST(help_is_asked_for_anywhere_before_two_dashes)
{
    ck_assert_int_eq(PARSE("--nonsense", "-h"), EXIT_OK);
    ck_assert(help);
    ck_assert_int_eq(PARSE("one", "--help"), EXIT_OK);
    ck_assert(help);
    ck_assert_int_eq(PARSE("--", "--help"), EXIT_OK);
    ck_assert(!help);
    finish();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        initial_values_hold_where_nothing_is_given,
        long_options_take_values_in_both_forms,
        letters_may_stand_together_and_before_a_value,
        last_of_an_option_wins,
        operands_and_options_mix_until_two_dashes,
        value_may_look_like_an_option,
        mistakes_are_refused,
        help_is_asked_for_anywhere_before_two_dashes,
        NULL,
    };
    return unit_run("options", tests);
}
