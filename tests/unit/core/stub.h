/*
 * stub: a sink for tests. It takes as many messages as the test allows, and remembers which.
 */
#ifndef TESTS_UNIT_CORE_STUB_H
#define TESTS_UNIT_CORE_STUB_H

#include <limits.h>

#include "core/router.h"

#define STUB_ENDLESS UINT_MAX
#define STUB_LOG 256

struct stub {
    struct sink sink;
    unsigned left; /* messages that it still takes */
    unsigned call_count;
    unsigned taken;         /* messages, ever */
    uint32_t log[STUB_LOG]; /* numbers of the last ones; log[taken % STUB_LOG] is the next */
    struct batch last;
};

/* A sink of its own, endless, of weight 1. */
void stub_init(struct stub *stub);

static inline struct stub *stub_of(struct sink *sink)
{
    return (struct stub *)sink; /* the first member */
}

/* A far one: it stands for members behind target. */
void stub_init_far(struct stub *stub, struct stub *target, unsigned weight);

/* One that does not say beforehand how much it takes. */
void stub_init_abrupt(struct stub *stub);

/* A router with room for any topic in these tests; never NULL. */
struct router *stub_router(uint64_t seed);

/* Number of the i-th message that it ever took. */
static inline uint32_t stub_message(const struct stub *stub, unsigned i)
{
    return stub->log[i % STUB_LOG];
}

/* Messages numbered first, first + 1, ... (the number is the size of the payload). */
void stub_messages(struct message *messages, unsigned count, uint32_t first);

/* Matches the topic and delivers count messages, numbered from first on. Returns what router_deliver did. */
unsigned stub_publish(struct router *router, const char *topic, unsigned count, uint32_t first);

#endif
