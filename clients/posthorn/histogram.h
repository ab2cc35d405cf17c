/*
 * histogram: how often each latency was seen. Buckets are exact below 64 ns and 1/64 of their value wide above, so
 * that any percentile is right to 1.6 % whatever its size, in 30 KiB.
 */
#ifndef POSTHORN_HISTOGRAM_H
#define POSTHORN_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_STEP_BITS = 6,
    HISTOGRAM_STEPS = 1 << HISTOGRAM_STEP_BITS,
    HISTOGRAM_BUCKETS = (64 - HISTOGRAM_STEP_BITS + 1) * HISTOGRAM_STEPS,
};

struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS];
    uint64_t count;
    uint64_t least; /* exact */
    uint64_t most;  /* exact */
};

/* A zeroed histogram is empty. */
void histogram_add(struct histogram *histogram, uint64_t value);
void histogram_merge(struct histogram *histogram, const struct histogram *other);

/* The value that `percent` (0..100) of those seen do not exceed; 0 where none was seen. */
uint64_t histogram_percentile(const struct histogram *histogram, double percent);

#endif
