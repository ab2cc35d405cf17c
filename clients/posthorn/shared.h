/* shared: counts and flags of posthorn bench that several threads touch; the only atomics of the command line. */
#ifndef POSTHORN_SHARED_H
#define POSTHORN_SHARED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct shared_count {
    _Atomic uint64_t value;
};

/* May be a little late, which a bar and a window can bear; says nothing of what else the other thread did. */
static inline uint64_t shared_count_read(const struct shared_count *count)
{
    return atomic_load_explicit(&count->value, memory_order_relaxed);
}

static inline void shared_count_add(struct shared_count *count)
{
    atomic_fetch_add_explicit(&count->value, 1, memory_order_relaxed);
}

struct shared_flag {
    atomic_bool set;
};

static inline bool shared_flag_is_set(const struct shared_flag *flag)
{
    return atomic_load_explicit(&flag->set, memory_order_acquire);
}

static inline void shared_flag_set(struct shared_flag *flag)
{
    atomic_store_explicit(&flag->set, true, memory_order_release);
}

#endif
