#include "histogram.h"

#include <stddef.h>

static size_t bucket_of(uint64_t value)
{
    if (value < HISTOGRAM_STEPS)
        return (size_t)value;
    unsigned exponent = 63u - (unsigned)__builtin_clzll(value) -
                        HISTOGRAM_STEP_BITS; /* value >> exponent is in [STEPS, 2 * STEPS) */
    return (size_t)((exponent << HISTOGRAM_STEP_BITS) + (value >> exponent));
}

/* The largest value that falls into a bucket. */
static uint64_t top_of(size_t bucket)
{
    if (bucket < 2 * HISTOGRAM_STEPS)
        return bucket;
    unsigned exponent = (unsigned)(bucket >> HISTOGRAM_STEP_BITS) - 1;
    uint64_t steps = (bucket & (HISTOGRAM_STEPS - 1)) + HISTOGRAM_STEPS;
    return ((steps + 1) << exponent) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->buckets[bucket_of(value)]++;
    if (histogram->count == 0 || value < histogram->least)
        histogram->least = value;
    if (value > histogram->most)
        histogram->most = value;
    histogram->count++;
}

void histogram_merge(struct histogram *histogram, const struct histogram *other)
{
    if (other->count == 0)
        return;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        histogram->buckets[i] += other->buckets[i];
    if (histogram->count == 0 || other->least < histogram->least)
        histogram->least = other->least;
    if (other->most > histogram->most)
        histogram->most = other->most;
    histogram->count += other->count;
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent)
{
    double wanted = (double)histogram->count * percent / 100;
    uint64_t seen = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (histogram->buckets[i] && (double)seen >= wanted) {
            uint64_t top = top_of(i);
            return top < histogram->most ? top : histogram->most;
        }
    }
    return 0;
}
