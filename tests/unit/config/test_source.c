/* The lines of an INI: what is told of them, what is malformed, and that nothing is cut without a word. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"
#include "config/source.h"

#define COUNT(list) (int)(sizeof(list) / sizeof *(list))
#define LONGEST_LINE 4096

/* Writes what it is told, and refuses the option "refused" and the section "refused". */
struct scribe {
    FILE *out;
    int calls_after_an_error;
    bool ended;
};

static int note(struct scribe *scribe, int rc)
{
    scribe->calls_after_an_error += scribe->ended;
    scribe->ended |= rc != 0;
    return rc;
}

static int on_section(void *owner, struct slice heading, unsigned line)
{
    struct scribe *scribe = owner;
    fprintf(scribe->out, "%u[%.*s]\n", line, SLICE_ARGS(heading));
    return note(scribe, slice_is(heading, "refused") ? -EPERM : 0);
}

static int on_option(void *owner, const struct source_option *option)
{
    struct scribe *scribe = owner;
    fprintf(scribe->out, "%u%s=%s", option->line, option->name, option->value);
    if (option->continued_line > 0)
        fprintf(scribe->out, "+%u", option->continued_line);
    fprintf(scribe->out, "%s\n", option->has_comment ? ";" : "");
    return note(scribe, strcmp(option->name, "refused") == 0 ? -EPERM : 0);
}

static int on_malformed(void *owner, unsigned line, struct slice offending, const char *expected)
{
    struct scribe *scribe = owner;
    fprintf(scribe->out, "%u!%.*s!%s\n", line, SLICE_ARGS(offending), expected);
    return note(scribe, -EINVAL);
}

static const struct source_events events = { .section = on_section, .option = on_option, .malformed = on_malformed };

/* Reads text and compares what was told with wanted. */
static void expect_told(struct slice text, const char *wanted, int wanted_rc)
{
    char *told = NULL;
    size_t told_size;
    struct scribe scribe = { .out = open_memstream(&told, &told_size) };
    int rc = source_read(text, &events, &scribe);
    fclose(scribe.out);
    ck_assert_str_eq(told, wanted);
    ck_assert_int_eq(rc, wanted_rc);
    ck_assert_int_eq(scribe.calls_after_an_error, 0);
    free(told);
}

struct reading {
    const char *text, *told;
};

static const struct reading readings[] = {
    { "", "" },
    { "\n\n", "" },
    { "; comment\n# comment\n  ; comment\n\t# comment", "" },
    { "[a]", "1[a]\n" },
    { "[a]\n[b]\n", "1[a]\n2[b]\n" },
    { "[a]\nx=1", "1[a]\n2x=1\n" },
    { "[a]\r\nx = 1\r\n\r\ny=2\r\n", "1[a]\n2x=1\n4y=2\n" },
    { "\xef\xbb\xbf[a]\nx=1\n", "1[a]\n2x=1\n" },
    { "x=1", "1x=1\n" },
    { "[ a b ] ; said of it\nx=1", "1[a b]\n2x=1\n" },
    { "[a];\n", "1[a]\n" },
    { "[]\n", "1[]\n" },
    { "[a ;]\n", "1[a ;]\n" },
    { "x =\n", "1x=\n" },
    { "x = a b  c \n", "1x=a b  c\n" },
    { "x: 1\n", "1x=1\n" },
    { "x = a=b:c\n", "1x=a=b:c\n" },
    { "x = 1 ; one\n", "1x=1;\n" },
    { "x = 1;2 # 3\n", "1x=1;2 # 3\n" },
    { "x = ; nothing\n", "1x=;\n" },
    { "x=;1\n", "1x=;1\n" },
    { "x = \"a\"\n", "1x=\"a\"\n" },
    { "gr\xc3\xbc\xc3\x9f = \xe2\x82\xac\n", "1gr\xc3\xbc\xc3\x9f=\xe2\x82\xac\n" },
    /* values that go on */
    { "x = 1,\n  2,\n\t3\ny=4", "1x=1, 2, 3+2\n4y=4\n" },
    { "x = 1,\n\n; between\n  2 ; two\n", "1x=1, 2+4;\n" },
    { "x =\n  [::1]:4222\n", "1x=[::1]:4222+2\n" },
    { "x = 1\n  y = 2\n", "1x=1 y = 2+2\n" },
    { "[a]\nx=1\n  [b]\n", "1[a]\n2x=1 [b]+3\n" },
    /* lines that are indented behind nothing */
    { "  x = 1\n", "1x=1\n" },
    { "[a]\n  x = 1\n", "1[a]\n2x=1\n" },
    { "x=1\n[a]\n  [b]\n", "1x=1\n2[a]\n3[b]\n" },
    { "x=1\n[a]\n  y = 2\n", "1x=1\n2[a]\n3y=2\n" },
};

START_TEST(every_line_is_told_in_its_order)
{
    expect_told(slice_of(readings[_i].text), readings[_i].told, 0);
}
END_TEST

#define WANT_OPTION "expected option = value\n"
#define WANT_SECTION "expected [section] and nothing else\n"
#define WANT_CLEAN "expected text in UTF-8 without control characters\n"

static const struct reading malformed[] = {
    { "x\n", "1!x!" WANT_OPTION },
    { "x", "1!x!" WANT_OPTION },
    { "x=1\nname secret\n", "1x=1\n2!name!" WANT_OPTION },
    { "= secret\n", "1!=!" WANT_OPTION },
    { "x=1\n : 2\ny\n", "1x=1 : 2+2\n3!y!" WANT_OPTION },
    { "[a\n", "1![a!" WANT_SECTION },
    { "x=1\n[a] b\n", "1x=1\n2![a] b!" WANT_SECTION },
    { "[a] # b\n", "1![a] # b!" WANT_SECTION },
    { "x=1\ny=secret\x01\nz", "1x=1\n2!y!" WANT_CLEAN },
    { "x=1\rx=2\n", "1!x!" WANT_CLEAN },
    { "x=\xc3\n", "1!x!" WANT_CLEAN },
    { "; a comment is text too \xff\n", "1!;!" WANT_CLEAN },
};

START_TEST(malformed_line_ends_the_reading_and_shows_no_value)
{
    expect_told(slice_of(malformed[_i].text), malformed[_i].told, -EINVAL);
}
END_TEST

START_TEST(nul_is_malformed)
{
    expect_told(slice_make("x=1\nab =\0c2\n", 12), "1x=1\n2!ab!" WANT_CLEAN, -EINVAL);
}
END_TEST

START_TEST(error_of_an_event_ends_the_reading)
{
    expect_told(slice_of("[a]\nrefused=1\nx=2\n[b]\n"), "1[a]\n2refused=1\n", -EPERM);
    expect_told(slice_of("[a]\n[refused]\nx=2\n"), "1[a]\n2[refused]\n", -EPERM);
    expect_told(slice_of("refused=1"), "1refused=1\n", -EPERM);
    expect_told(slice_of("refused=1\nx\n"), "1refused=1\n", -EPERM);
}
END_TEST

/* A line "xxx...=1" of size bytes, and a second one. */
static char *long_line(size_t size)
{
    char *text = malloc(size + sizeof "\ny=2");
    memset(text, 'x', size);
    strcpy(text + size - 2, "=1\ny=2");
    return text;
}

START_TEST(line_of_the_greatest_length_is_read_whole)
{
    char *text = long_line(LONGEST_LINE), wanted[LONGEST_LINE + 16];
    snprintf(wanted, sizeof wanted, "1%.*s\n2y=2\n", LONGEST_LINE, text);
    expect_told(slice_of(text), wanted, 0);
    free(text);
}
END_TEST

START_TEST(longer_line_is_malformed_and_never_cut)
{
    char *text = long_line(LONGEST_LINE + 1), wanted[LONGEST_LINE + 128];
    snprintf(wanted, sizeof wanted, "1!%.*s!expected a shorter line; a list may go on over indented lines\n",
             LONGEST_LINE + 1 - 2, text);
    expect_told(slice_of(text), wanted, -EINVAL);
    free(text);
}
END_TEST

/* inih keeps 49 bytes of the name of a section, and of a name that has more lines. */
START_TEST(long_names_are_not_cut)
{
    expect_told(slice_of("[section-with-a-name-that-is-longer-than-the-fifty-bytes-of-inih a]\n"
                         "name-that-is-longer-than-the-fifty-bytes-that-inih-keeps = 1,\n  2\n"),
                "1[section-with-a-name-that-is-longer-than-the-fifty-bytes-of-inih a]\n"
                "2name-that-is-longer-than-the-fifty-bytes-that-inih-keeps=1, 2+3\n",
                0);
}
END_TEST

/* inih itself calls a handler that is NULL (its issue 209). */
START_TEST(without_listeners_only_the_form_is_checked)
{
    ck_assert_int_eq(source_read(slice_of("[a]\nx = 1,\n  2\ny = 3"), NULL, NULL), 0);
    ck_assert_int_eq(source_read(slice_of("[a]\nx"), NULL, NULL), -EINVAL);
    ck_assert_int_eq(source_read(slice_of("[a"), NULL, NULL), -EINVAL);
    ck_assert_int_eq(source_read(slice_make(NULL, 0), NULL, NULL), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source");
    TCase *reading = tcase_create("reading"), *refusing = tcase_create("refusing");
    tcase_add_loop_test(reading, every_line_is_told_in_its_order, 0, COUNT(readings));
    tcase_add_test(reading, line_of_the_greatest_length_is_read_whole);
    tcase_add_test(reading, long_names_are_not_cut);
    tcase_add_test(reading, without_listeners_only_the_form_is_checked);
    tcase_add_loop_test(refusing, malformed_line_ends_the_reading_and_shows_no_value, 0, COUNT(malformed));
    tcase_add_test(refusing, nul_is_malformed);
    tcase_add_test(refusing, longer_line_is_malformed_and_never_cut);
    tcase_add_test(refusing, error_of_an_event_ends_the_reading);
    suite_add_tcase(suite, reading);
    suite_add_tcase(suite, refusing);
    return unit_run_suite(suite, CK_FORK_GETENV);
}
