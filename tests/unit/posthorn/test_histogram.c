/* The histogram of posthorn bench: exact where it is small, right to a 64th above, and mergeable. */
#include "posthorn/histogram.h"

#include <stdlib.h>
#include <string.h>

#include "../unit.h"

enum { VALUES = 5000 };

static struct histogram *make(void)
{
    struct histogram *histogram = calloc(1, sizeof *histogram);
    ck_assert_ptr_nonnull(histogram);
    return histogram;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

/* The true percentile of sorted values, as the histogram defines it. */
static uint64_t exact(const uint64_t *sorted, size_t count, double percent)
{
    double wanted = (double)count * percent / 100;
    size_t index = (size_t)wanted;
    if ((double)index < wanted)
        index++;
    return sorted[index ? index - 1 : 0];
}

static void expect_near(uint64_t got, uint64_t wanted)
{
    ck_assert_uint_ge(got, wanted);
    ck_assert_uint_le(got - wanted, wanted / HISTOGRAM_STEPS + 1);
}

START_TEST(empty_has_no_percentile)
{
    struct histogram *histogram = make();
    ck_assert_uint_eq(histogram_percentile(histogram, 50), 0);
    free(histogram);
}
END_TEST

START_TEST(small_values_are_exact)
{
    struct histogram *histogram = make();
    for (uint64_t value = 0; value < 100; value++)
        histogram_add(histogram, value);
    ck_assert_uint_eq(histogram_percentile(histogram, 1), 0);
    ck_assert_uint_eq(histogram_percentile(histogram, 50), 49);
    ck_assert_uint_eq(histogram_percentile(histogram, 100), 99);
    ck_assert_uint_eq(histogram->least, 0);
    ck_assert_uint_eq(histogram->most, 99);
    free(histogram);
}
END_TEST

START_TEST(percentiles_are_right_to_a_64th)
{
    static const double percents[] = { 0.1, 1, 10, 50, 90, 99, 99.9, 100 };
    static uint64_t values[VALUES];
    struct histogram *histogram = make();
    srand48((long)unit_seed("percentiles_are_right_to_a_64th"));
    for (size_t i = 0; i < VALUES; i++) {
        values[i] = (uint64_t)mrand48() * (uint64_t)lrand48() >> (lrand48() % 64); /* of every magnitude */
        histogram_add(histogram, values[i]);
    }
    qsort(values, VALUES, sizeof *values, compare);
    for (size_t i = 0; i < sizeof percents / sizeof *percents; i++)
        expect_near(histogram_percentile(histogram, percents[i]), exact(values, VALUES, percents[i]));
    ck_assert_uint_eq(histogram->least, values[0]);
    ck_assert_uint_eq(histogram->most, values[VALUES - 1]);
    free(histogram);
}
END_TEST

START_TEST(ends_of_the_range_have_buckets)
{
    struct histogram *histogram = make();
    histogram_add(histogram, UINT64_MAX);
    ck_assert_uint_eq(histogram_percentile(histogram, 50), UINT64_MAX);
    histogram_add(histogram, 0);
    ck_assert_uint_eq(histogram_percentile(histogram, 50), 0);
    for (unsigned bit = 0; bit < 64; bit++)
        histogram_add(histogram, UINT64_C(1) << bit);
    ck_assert_uint_eq(histogram->count, 66);
    free(histogram);
}
END_TEST

START_TEST(merging_is_adding)
{
    struct histogram *all = make(), *one = make(), *two = make(), *empty = make();
    for (uint64_t value = 1; value < 4000; value++) {
        histogram_add(all, value * value);
        histogram_add(value % 3 ? one : two, value * value);
    }
    histogram_merge(one, two);
    histogram_merge(one, empty);
    histogram_merge(empty, one);
    ck_assert_int_eq(memcmp(one, all, sizeof *all), 0);
    ck_assert_int_eq(memcmp(empty, all, sizeof *all), 0);
    free(all);
    free(one);
    free(two);
    free(empty);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        empty_has_no_percentile,        small_values_are_exact, percentiles_are_right_to_a_64th,
        ends_of_the_range_have_buckets, merging_is_adding,      NULL
    };
    return unit_run("histogram", tests);
}
