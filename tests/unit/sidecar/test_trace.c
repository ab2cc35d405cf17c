/* What a trace is. */
#include "sidecar/trace.h"
#include "../unit.h"

#define ID "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

START_TEST(a_trace_is_well_formed)
{
    ck_assert(trace_is_valid(slice_of("00-" ID "-" PARENT "-01")));
    ck_assert(!trace_is_valid(slice_of("00-" ID "-" PARENT "-01-x")));
    ck_assert(!trace_is_valid(slice_of("00-" ID "-" PARENT "-0")));
    ck_assert(!trace_is_valid(slice_of("00-" ID "-" PARENT)));
    ck_assert(!trace_is_valid(slice_of("ff-" ID "-" PARENT "-01")));
    ck_assert(!trace_is_valid(slice_of("00-" ID "-0000000000000000-01")));
    ck_assert(!trace_is_valid(slice_of("00-00000000000000000000000000000000-" PARENT "-01")));
    ck_assert(!trace_is_valid(slice_of("00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01")));
    ck_assert(!trace_is_valid(slice_of("00_" ID "-" PARENT "-01")));
    ck_assert(!trace_is_valid(slice_make(NULL, 0)));
}
END_TEST

START_TEST(one_that_is_made_is_valid_and_new)
{
    char first[TRACE_SIZE], second[TRACE_SIZE];
    trace_make(first);
    trace_make(second);
    ck_assert_uint_eq(strlen(first), TRACE_SIZE - 1);
    ck_assert_msg(trace_is_valid(slice_of(first)), "%s", first);
    ck_assert_str_ne(first, second);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_trace_is_well_formed,
        one_that_is_made_is_valid_and_new,
        NULL,
    };
    return unit_run("trace", tests);
}
