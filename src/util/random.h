/* random: fast pseudo-random numbers for spreading load (xorshift64*), and the system's for secrets and seeds. */
#ifndef UTIL_RANDOM_H
#define UTIL_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* State of one generator; belongs to one thread. */
struct random {
    uint64_t state; /* never 0 */
};

static inline void random_init(struct random *random, uint64_t seed)
{
    random->state = seed ? seed : 0x9e3779b97f4a7c15u;
}

static inline uint64_t random_next(struct random *random)
{
    uint64_t x = random->state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    random->state = x;
    return x * 0x2545f4914f6cdd1du;
}

/* A number in [0, bound); bound > 0. */
static inline uint32_t random_below(struct random *random, uint32_t bound)
{
    return (uint32_t)(((random_next(random) >> 32) * bound) >> 32);
}

/* Fills data from the kernel's generator; ends the process where it has none. Any thread. */
void random_bytes(void *data, size_t size);

/* size characters of [A-Z2-7] from the kernel's generator, and a NUL: out holds size + 1. */
void random_name(char *out, size_t size);

#endif
