/* The kinds of options: what each reads, refuses, writes and says of itself. The rows are the tests' own. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit.h"
#include "config/check.h"
#include "config/option.h"
#include "config/value.h"

#define COUNT(list) (int)(sizeof(list) / sizeof *(list))

static bool check_word(const char *text)
{
    return strcmp(text, "bad") != 0;
}

static const char *const colours[] = { "red", "green", "blue", NULL };

static const struct option workers = { .kind = OPTION_COUNT, .min = "1", .max = "64", .zero = "auto" };
static const struct option depth = { .kind = OPTION_COUNT, .min = "1", .max = "1024", .fallback = "64" };
static const struct option size = { .kind = OPTION_SIZE, .min = "512", .max = "64MiB", .fallback = "1MiB" };
static const struct option wait = { .kind = OPTION_DURATION_MS, .min = "1ms", .max = "1h", .fallback = "10s" };
static const struct option spin = { .kind = OPTION_DURATION_NS, .min = "1us", .max = "1ms", .zero = "off" };
static const struct option total = { .kind = OPTION_COUNT_WIDE, .min = "1", .max = "1000000000000", .fallback = "7" };
static const struct option sync = {
    .kind = OPTION_DURATION_MS, .min = "1ms", .max = "1h", .zero = "always", .endless = "never",
};
static const struct option mode = { .kind = OPTION_MODE, .min = "0", .max = "0777", .fallback = "0660" };
static const struct option colour = { .kind = OPTION_CHOICE, .choices = colours };
static const struct option name = { .kind = OPTION_TEXT, .min = "0", .max = "8" };
static const struct option word = {
    .kind = OPTION_TEXT, .min = "1", .max = "8", .check = check_word, .expected = "a word that is not bad",
};
static const struct option list = {
    .kind = OPTION_LIST, .min = "1", .max = "3", .check = check_word, .expected = "not bad",
};

static const struct option bare = { .kind = OPTION_LIST, .min = "0", .max = "2" };

union field {
    unsigned narrow;
    uint64_t wide;
    char *text;
    struct config_list list;
};

struct good {
    const struct option *option;
    const char *text, *printed; /* printed NULL: as it was read */
    uint64_t number;            /* of numbers and choices */
};

static const struct good goods[] = {
    { &workers, "auto", NULL, 0 },
    { &workers, "0", "auto", 0 },
    { &workers, "1", NULL, 1 },
    { &workers, "64", NULL, 64 },
    { &depth, "1024", NULL, 1024 },
    { &size, "512", NULL, 512 },
    { &size, "512B", "512", 512 },
    { &size, "1024", "1KiB", 1024 },
    { &size, "64MiB", NULL, 64 * 1024 * 1024 },
    { &wait, "1ms", NULL, 1 },
    { &wait, "1000us", "1ms", 1 },
    { &wait, "90s", NULL, 90000 },
    { &wait, "60m", "1h", 3600000 },
    { &spin, "off", NULL, 0 },
    { &spin, "0", "off", 0 },
    { &spin, "50us", NULL, 50000 },
    { &spin, "1500ns", NULL, 1500 },
    { &total, "4294967297", NULL, 4294967297 },
    { &sync, "always", NULL, 0 },
    { &sync, "0", "always", 0 },
    { &sync, "250ms", NULL, 250 },
    { &sync, "never", NULL, UINT64_MAX },
    { &mode, "0", "0000", 0 },
    { &mode, "660", "0660", 0660 },
    { &mode, "0777", NULL, 0777 },
    { &colour, "red", NULL, 0 },
    { &colour, "blue", NULL, 2 },
    { &name, "", NULL, 0 },
    { &name, "12345678", NULL, 0 },
    { &name, "a b;c #d", NULL, 0 },
    { &name, "\xe2\x82\xac=:\"", NULL, 0 },
    { &word, "good", NULL, 0 },
    { &list, "a", NULL, 0 },
    { &list, "a,b ,\tc", "a, b, c", 0 },
    { &bare, "", NULL, 0 },
    { &bare, "a, b", NULL, 0 },
    { &list, "a,b\t,c", "a, b, c", 0 },
    { &list, "[::1]:4222, unix:/run/x", NULL, 0 },
};

static bool is_wide(const struct option *option)
{
    return option->kind == OPTION_COUNT_WIDE || option->kind == OPTION_SIZE || option->kind == OPTION_DURATION_MS ||
           option->kind == OPTION_DURATION_NS;
}

static void expect_printed(const struct option *option, const union field *field, const char *wanted)
{
    char *printed = NULL;
    size_t printed_size;
    FILE *out = open_memstream(&printed, &printed_size);
    value_print(option, field, out);
    fclose(out);
    ck_assert_str_eq(printed, wanted);
    free(printed);
}

START_TEST(value_is_read_and_written)
{
    const struct good *good = &goods[_i];
    union field field = { 0 };
    ck_assert_int_eq(value_parse(good->option, good->text, &field), 0);
    if (good->option->kind < OPTION_TEXT)
        ck_assert_uint_eq(is_wide(good->option) ? field.wide : field.narrow, good->number);
    expect_printed(good->option, &field, good->printed ? good->printed : good->text);
    value_clear(good->option, &field);
}
END_TEST

struct bad {
    const struct option *option;
    const char *text;
};

static const struct bad bads[] = {
    { &workers, "" }, { &workers, "65" }, { &workers, "-1" }, { &workers, "Auto" }, { &workers, "1 " },
    { &workers, "4294967297" },
    { &depth, "0" }, { &depth, "1025" }, { &depth, "auto" }, { &depth, "1KiB" },
    { &size, "511" }, { &size, "67108865" }, { &size, "65MiB" }, { &size, "1MB" }, { &size, "0" },
    { &wait, "0" }, { &wait, "999us" }, { &wait, "1500us" }, { &wait, "61m" }, { &wait, "10" },
    { &spin, "999ns" }, { &spin, "1001us" }, { &spin, "1" }, { &spin, "on" },
    { &total, "0" }, { &total, "1000000000001" }, { &sync, "Never" }, { &sync, "2h" },
    { &mode, "" }, { &mode, "8" }, { &mode, "01000" }, { &mode, "rw" }, { &mode, "0660 " },
    { &mode, "7777777777777777777777" },
    { &colour, "" }, { &colour, "Red" }, { &colour, "yellow" }, { &colour, "redd" },
    { &name, "123456789" }, { &name, " a" }, { &name, "a\t" }, { &name, "a ;b" }, { &name, ";" },
    { &name, "a\x01" }, { &name, "\xff" }, { &name, "a\nb" },
    { &word, "" }, { &word, "bad" }, { &word, "123456789" },
    { &list, "" }, { &list, " a" }, { &list, "a," }, { &list, ",a" }, { &list, "a,,b" }, { &list, "a b" },
    { &bare, "," }, { &bare, "a,b,c" },
    { &list, "a, bad" }, { &list, "a,b,c,d" }, { &list, "a, ;b" }, { &list, "\x02" },
};

START_TEST(refused_text_leaves_the_value_untouched)
{
    const struct bad *bad = &bads[_i];
    union field field, before;
    memset(&field, 0, sizeof field);
    before = field;
    ck_assert_msg(value_parse(bad->option, bad->text, &field) == -EINVAL, "'%s' was read", bad->text);
    ck_assert_mem_eq(&field, &before, sizeof field);
}
END_TEST

START_TEST(reading_again_frees_what_was_read_before)
{
    union field field = { 0 };
    ck_assert_int_eq(value_parse(&list, "a, b", &field), 0);
    ck_assert_int_eq(value_parse(&list, "c", &field), 0);
    ck_assert_int_eq(value_parse(&list, "d, bad", &field), -EINVAL);
    expect_printed(&list, &field, "c");
    value_clear(&list, &field);
    ck_assert_uint_eq(field.list.item_count, 0);
    ck_assert_int_eq(value_parse(&name, "a", &field), 0);
    ck_assert_int_eq(value_parse(&name, "b", &field), 0);
    expect_printed(&name, &field, "b");
    value_clear(&name, &field);
    ck_assert_ptr_null(field.text);
}
END_TEST

/* Three texts of which the first two mean the same. */
static const struct {
    const struct option *option;
    const char *text, *same, *other;
} comparisons[] = {
    { &workers, "auto", "0", "1" },
    { &size, "1KiB", "1024", "1025" },
    { &wait, "60s", "1m", "61s" },
    { &spin, "1us", "1000ns", "off" },
    { &sync, "never", "never", "always" },
    { &mode, "660", "0660", "0600" },
    { &colour, "red", "red", "blue" },
    { &name, "a", "a", "b" },
    { &name, "", "", "b" },
    { &list, "a,b", "a, b", "a" },
    { &list, "a,b", "a, b", "b, a" },
    { &bare, "", "", "a" },
};

START_TEST(values_are_compared_by_meaning)
{
    const struct option *option = comparisons[_i].option;
    union field value = { 0 }, same = { 0 }, other = { 0 };
    ck_assert_int_eq(value_parse(option, comparisons[_i].text, &value), 0);
    ck_assert_int_eq(value_parse(option, comparisons[_i].same, &same), 0);
    ck_assert_int_eq(value_parse(option, comparisons[_i].other, &other), 0);
    ck_assert(value_equal(option, &value, &same));
    ck_assert(!value_equal(option, &value, &other));
    ck_assert_int_eq(value_copy(option, &other, &value), 0);
    ck_assert(value_equal(option, &value, &other));
    ck_assert(!value_equal(option, &value, &same));
    value_clear(option, &value);
    value_clear(option, &same);
    value_clear(option, &other);
}
END_TEST

START_TEST(text_that_is_not_set_equals_no_other)
{
    union field unset = { 0 }, empty = { .text = (char[]){ "" } };
    ck_assert(value_equal(&name, &unset, &unset));
    ck_assert(!value_equal(&name, &unset, &empty));
    ck_assert(!value_equal(&name, &empty, &unset));
    expect_printed(&name, &unset, "");
    union field copy = { .text = strdup("x") };
    ck_assert_int_eq(value_copy(&name, &unset, &copy), 0);
    ck_assert_ptr_null(copy.text);
}
END_TEST

static const struct {
    const struct option *option;
    const char *description, *example;
} descriptions[] = {
    { &workers, "a number between 1 and 64, or auto", NULL },
    { &depth, "a number between 1 and 1024", "64" },
    { &size, "a size between 512 and 64MiB", "1MiB" },
    { &wait, "a duration in whole milliseconds between 1ms and 1h", "10s" },
    { &spin, "a duration between 1us and 1ms, or off", NULL },
    { &total, "a number between 1 and 1000000000000", "7" },
    { &sync, "a duration in whole milliseconds between 1ms and 1h, or always, or never", NULL },
    { &mode, "octal permissions between 0 and 0777", "0660" },
    { &colour, "one of red, green or blue", NULL },
    { &name, "a text of at most 8 bytes", NULL },
    { &word, "a word that is not bad", NULL },
    { &list, "a list of 1 to 3 items, each not bad", NULL },
    { &bare, "a list of at most 2 items, each a word", NULL },
};

START_TEST(option_says_what_it_takes)
{
    char text[128];
    ck_assert_str_eq(value_describe(descriptions[_i].option, text, sizeof text), descriptions[_i].description);
    ck_assert_pstr_eq(value_example(descriptions[_i].option), descriptions[_i].example);
}
END_TEST

START_TEST(description_is_cut_to_its_room)
{
    char text[16];
    ck_assert_str_eq(value_describe(&colour, text, sizeof text), "one of red, gre");
    ck_assert_str_eq(value_describe(&size, text, sizeof text), "a size between ");
}
END_TEST

static const char *const origins[] = {
    "*", "http://a", "https://a.example:8443", "http://[::1]:80", "chrome-extension://abc", "http://127.0.0.1",
};
static const char *const no_origins[] = {
    "", "**", "a.example", "http://", "http:/a", "://a", "http://a/", "http://a/b", "http://a:", "http://a:b",
    "http://a:65536", "http://u@a", "http://a b", "http://[::1", "http://*", "null",
};

START_TEST(origin_is_what_browsers_send)
{
    ck_assert(check_origin(origins[_i]));
}
END_TEST

START_TEST(other_text_is_no_origin)
{
    ck_assert_msg(!check_origin(no_origins[_i]), "%s", no_origins[_i]);
}
END_TEST

START_TEST(host_is_a_name_without_a_port)
{
    ck_assert(check_host("broker.example") && check_host("a_b-c") && check_host("10.0.0.1") && check_host("[fd00::1]"));
    ck_assert(!check_host("") && !check_host("a:80") && !check_host("[::1]:80") && !check_host("::1"));
    ck_assert(!check_host("a/b") && !check_host("*") && !check_host("[]") && !check_host("[::1"));
}
END_TEST

static const char *const addresses[] = {
    "127.0.0.1:4222", "localhost:0", "*:4222", "[::1]:65535", "[fe80::1%eth0]:4222", "unix:/run/posthorn/line.sock",
    "unix:/a-path-of-107-bytes-which-the-address-of-a-socket-just-has-room-for-01234567890123456789012345678901234567",
};

START_TEST(address_has_host_and_port_or_a_path)
{
    ck_assert(check_address(addresses[_i]));
}
END_TEST

static const char *const no_addresses[] = {
    "",
    "4222",
    ":4222",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:http",
    "127.0.0.1:65536",
    "127.0.0.1:-1",
    "::1:4222",
    "[::1]",
    "[::1]4222",
    "[]:4222",
    "[::1:4222",
    "::1]:4222",
    "a[b]:1",
    "unix:",
    "unix:relative",
    "unix:/a-path-of-108-bytes-one-more-than-the-address-of-a-socket-has-room-for-012345678901234567890123456789012345",
};

START_TEST(other_text_is_no_address)
{
    ck_assert_msg(!check_address(no_addresses[_i]), "'%s' was taken", no_addresses[_i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("value");
    TCase *kinds = tcase_create("kinds"), *checks = tcase_create("checks");
    tcase_add_loop_test(kinds, value_is_read_and_written, 0, COUNT(goods));
    tcase_add_loop_test(kinds, refused_text_leaves_the_value_untouched, 0, COUNT(bads));
    tcase_add_test(kinds, reading_again_frees_what_was_read_before);
    tcase_add_loop_test(kinds, values_are_compared_by_meaning, 0, COUNT(comparisons));
    tcase_add_test(kinds, text_that_is_not_set_equals_no_other);
    tcase_add_loop_test(kinds, option_says_what_it_takes, 0, COUNT(descriptions));
    tcase_add_test(kinds, description_is_cut_to_its_room);
    tcase_add_loop_test(checks, origin_is_what_browsers_send, 0, COUNT(origins));
    tcase_add_loop_test(checks, other_text_is_no_origin, 0, COUNT(no_origins));
    tcase_add_test(checks, host_is_a_name_without_a_port);
    tcase_add_loop_test(checks, address_has_host_and_port_or_a_path, 0, COUNT(addresses));
    tcase_add_loop_test(checks, other_text_is_no_address, 0, COUNT(no_addresses));
    suite_add_tcase(suite, kinds);
    suite_add_tcase(suite, checks);
    return unit_run_suite(suite, CK_NOFORK); /* rows of tables, which spoil nothing for one another */
}
