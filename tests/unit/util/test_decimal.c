/* Decimal numbers: what is cut, what is read, and where 64 bits end. */
#include "util/decimal.h"

#include "../unit.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const struct {
    const char *text;
    size_t size;
    uint64_t number;
} cuts[] = {
    { "", 0, 0 },
    { "x", 0, 0 },
    { "-1", 0, 0 },
    { "/", 0, 0 },
    { ":", 0, 0 },
    { "\xb0", 0, 0 },
    { "0", 1, 0 },
    { "007", 3, 7 },
    { "42.7", 2, 42 },
    { "9999999999999999999", 19, UINT64_C(9999999999999999999) },
    { "9999999999999999999x", 19, UINT64_C(9999999999999999999) },
    { "18446744073709551615", 20, UINT64_MAX },
    { "18446744073709551615 ", 20, UINT64_MAX },
    { "18446744073709551616", 0, 0 },
    { "20000000000000000000", 0, 0 },
    { "99999999999999999999999999", 0, 0 },
    { "00000000000000000000018446744073709551615", 41, UINT64_MAX },
};

START_TEST(digits_are_cut_from_the_start)
{
    for (size_t i = 0; i < COUNT(cuts); i++) {
        uint64_t number = 5;
        ck_assert_msg(decimal_cut(slice_of(cuts[i].text), &number) == cuts[i].size, "%s", cuts[i].text);
        ck_assert_uint_eq(number, cuts[i].number);
    }
}
END_TEST

START_TEST(digits_are_counted_however_many_there_are)
{
    ck_assert_uint_eq(decimal_size(slice_of("")), 0);
    ck_assert_uint_eq(decimal_size(slice_of("a1")), 0);
    ck_assert_uint_eq(decimal_size(slice_of("12,")), 2);
    ck_assert_uint_eq(decimal_size(slice_of("99999999999999999999999999")), 26);
}
END_TEST

START_TEST(what_stands_behind_a_slice_is_not_read)
{
    uint64_t number;
    ck_assert_uint_eq(decimal_cut(slice_make("1234", 2), &number), 2);
    ck_assert_uint_eq(number, 12);
    ck_assert_uint_eq(decimal_cut(slice_make("184467440737095516159", 20), &number), 20);
    ck_assert_uint_eq(number, UINT64_MAX);
    ck_assert(!decimal_read(slice_make(NULL, 0), &number));
}
END_TEST

START_TEST(number_is_all_of_a_text)
{
    static const char *const others[] = { "", "x", "1x", " 1", "1 ", "+1", "18446744073709551616" };
    uint64_t number = 5;
    for (size_t i = 0; i < COUNT(others); i++)
        ck_assert_msg(!decimal_read(slice_of(others[i]), &number), "%s", others[i]);
    ck_assert_uint_eq(number, 5);
    ck_assert(decimal_read(slice_of("18446744073709551615"), &number));
    ck_assert_uint_eq(number, UINT64_MAX);
}
END_TEST

START_TEST(number_is_at_most_what_it_may_be)
{
    uint64_t number = 5;
    ck_assert(!decimal_read_max(slice_of("65536"), 65535, &number));
    ck_assert_uint_eq(number, 5);
    ck_assert(decimal_read_max(slice_of("65535"), 65535, &number));
    ck_assert_uint_eq(number, 65535);
    ck_assert(decimal_read_max(slice_of("0"), 0, &number));
    ck_assert(!decimal_read_max(slice_of("1"), 0, &number));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        digits_are_cut_from_the_start, digits_are_counted_however_many_there_are,
        what_stands_behind_a_slice_is_not_read, number_is_all_of_a_text, number_is_at_most_what_it_may_be, NULL,
    };
    return unit_run("decimal", tests);
}
