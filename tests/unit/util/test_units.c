/* Sizes and durations with units: what is read, what is refused, and that what is written reads back. */
#include <stdlib.h>

#include "../unit.h"
#include "util/units.h"

#define COUNT(list) (int)(sizeof(list) / sizeof *(list))

struct number {
    const char *text;
    uint64_t number;
};

static const struct number sizes[] = {
    { "0", 0 },
    { "1", 1 },
    { "1B", 1 },
    { "007", 7 },
    { "512KiB", 512 * 1024 },
    { "64MiB", 64 * 1024 * 1024 },
    { "3GiB", UINT64_C(3) << 30 },
    { "2TiB", UINT64_C(2) << 40 },
    { "18446744073709551615", UINT64_MAX },
    { "16777215TiB", UINT64_C(16777215) << 40 },
};

START_TEST(size_is_read)
{
    uint64_t bytes;
    ck_assert(units_parse_size(sizes[_i].text, &bytes));
    ck_assert_uint_eq(bytes, sizes[_i].number);
}
END_TEST

static const char *const bad_sizes[] = {
    "", " ", "KiB", "-1", "+1", "1.5MiB", "1 MiB", " 1MiB", "1MiB ", "1mib", "1MB", "1K", "1k", "1MiBs", "1Mi", "0x10",
    "1s", "18446744073709551616", "16777216TiB", "99999999999999999999999999", "1\xff",
};

START_TEST(text_that_is_no_size_is_refused_and_the_result_untouched)
{
    uint64_t bytes = 42;
    ck_assert_msg(!units_parse_size(bad_sizes[_i], &bytes), "'%s' was read", bad_sizes[_i]);
    ck_assert_uint_eq(bytes, 42);
}
END_TEST

static const struct number durations[] = {
    { "0", 0 },
    { "0s", 0 },
    { "1ns", 1 },
    { "50us", 50000 },
    { "250ms", 250000000 },
    { "10s", UINT64_C(10000000000) },
    { "2m", UINT64_C(120000000000) },
    { "1h", UINT64_C(3600000000000) },
    { "7d", UINT64_C(604800000000000) },
    { "213503d", UINT64_C(18446659200000000000) },
};

START_TEST(duration_is_read)
{
    uint64_t ns;
    ck_assert(units_parse_duration(durations[_i].text, &ns));
    ck_assert_uint_eq(ns, durations[_i].number);
}
END_TEST

static const char *const bad_durations[] = {
    "", "1", "10", "s", "-1s", "1.5s", "1 s", "1S", "1min", "1sec", "1m30s", "1KiB", "213504d", "99999999999999999999s",
};

START_TEST(text_that_is_no_duration_is_refused_and_the_result_untouched)
{
    uint64_t ns = 42;
    ck_assert_msg(!units_parse_duration(bad_durations[_i], &ns), "'%s' was read", bad_durations[_i]);
    ck_assert_uint_eq(ns, 42);
}
END_TEST

START_TEST(count_has_digits_only)
{
    uint64_t count = 42;
    ck_assert(!units_parse_count("12s", &count));
    ck_assert(!units_parse_count("", &count));
    ck_assert(!units_parse_count("18446744073709551616", &count));
    ck_assert_uint_eq(count, 42);
    ck_assert(units_parse_count("65536", &count));
    ck_assert_uint_eq(count, 65536);
}
END_TEST

static const struct number written_sizes[] = {
    { "0", 0 },
    { "1", 1 },
    { "1023", 1023 },
    { "1KiB", 1024 },
    { "1025B", 1025 },
    { "1536B", 1536 },
    { "64MiB", 64 * 1024 * 1024 },
    { "65537KiB", 65537 * 1024 },
    { "1024TiB", UINT64_C(1) << 50 },
    { "18446744073709551615B", UINT64_MAX },
};

START_TEST(size_is_written_in_the_largest_unit_that_is_exact)
{
    char text[UNITS_TEXT_SIZE];
    uint64_t again;
    ck_assert_str_eq(units_format_size(written_sizes[_i].number, text), written_sizes[_i].text);
    ck_assert(units_parse_size(text, &again));
    ck_assert_uint_eq(again, written_sizes[_i].number);
}
END_TEST

static const struct number written_durations[] = {
    { "0", 0 },
    { "999ns", 999 },
    { "1us", 1000 },
    { "90s", UINT64_C(90000000000) },
    { "2m", UINT64_C(120000000000) },
    { "1d", UINT64_C(86400000000000) },
    { "25h", UINT64_C(90000000000000) },
    { "18446744073709551615ns", UINT64_MAX },
};

START_TEST(duration_is_written_in_the_largest_unit_that_is_exact)
{
    char text[UNITS_TEXT_SIZE];
    uint64_t again;
    ck_assert_str_eq(units_format_duration(written_durations[_i].number, text), written_durations[_i].text);
    ck_assert(units_parse_duration(text, &again));
    ck_assert_uint_eq(again, written_durations[_i].number);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("units");
    TCase *reading = tcase_create("reading"), *writing = tcase_create("writing");
    tcase_add_loop_test(reading, size_is_read, 0, COUNT(sizes));
    tcase_add_loop_test(reading, text_that_is_no_size_is_refused_and_the_result_untouched, 0, COUNT(bad_sizes));
    tcase_add_loop_test(reading, duration_is_read, 0, COUNT(durations));
    tcase_add_loop_test(reading, text_that_is_no_duration_is_refused_and_the_result_untouched, 0, COUNT(bad_durations));
    tcase_add_test(reading, count_has_digits_only);
    tcase_add_loop_test(writing, size_is_written_in_the_largest_unit_that_is_exact, 0, COUNT(written_sizes));
    tcase_add_loop_test(writing, duration_is_written_in_the_largest_unit_that_is_exact, 0, COUNT(written_durations));
    suite_add_tcase(suite, reading);
    suite_add_tcase(suite, writing);
    return unit_run_suite(suite, CK_NOFORK); /* rows of tables, which spoil nothing for one another */
}
