/*
 * What the router costs, alone: processor time of a lookup and bytes of a subscription. Built and run by hand:
 *
 *     make tests/bench/bench_router && tests/bench/bench_router [PATTERNS]
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/router.h"
#include "util/clock.h"
#include "util/random.h"

enum {
    TOPIC_SIZE = 48,
    HOT = 500, /* topics that fit the cache well */
    LOOKUPS = 2000000,
    CHURN = 200000,
};

static const struct topic_limits limits = { .size_max = 1024, .depth_max = 64 };
static const struct slice plain = { NULL, 0 };

/* As services name things: kind.region.number. */
static struct slice topic_of(unsigned number, char *out)
{
    static const char *const kinds[] = { "orders", "payments", "stock", "users" };
    int size = snprintf(out, TOPIC_SIZE, "%s.region%u.%u", kinds[number % 4], number / 4 % 50, number);
    return slice_make(out, (size_t)size);
}

/* Of this process: others on the machine do not count. */
static uint64_t cpu_ns(void)
{
    return clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static void report(const char *what, uint64_t count, uint64_t start_ns)
{
    double spent_ns = (double)(cpu_ns() - start_ns);
    printf("%-52s %8.1f ns  %10.0f /s\n", what, spent_ns / (double)count, (double)count * 1e9 / spent_ns);
}

static void add(struct router *router, struct sink *sink, struct slice pattern)
{
    sink->weight = 1;
    if (router_add(router, sink, pattern, plain) != 0)
        abort();
}

static void fill(struct router *router, struct sink *sinks, unsigned count)
{
    char topic[TOPIC_SIZE];
    size_t before = mallinfo2().uordblks;
    uint64_t start_ns = cpu_ns();
    for (unsigned i = 0; i < count; i++)
        add(router, &sinks[i], topic_of(i, topic));
    report("subscribe, each to its own topic", count, start_ns);
    printf("%-52s %8.1f bytes, and %zu of the sink's own\n", "memory of a subscription",
           (double)(mallinfo2().uordblks - before) / count, sizeof(struct sink));
}

/* Looks up the topics below `distinct`, in turn or at random. The names are made beforehand. */
static void look_up(struct router *router, const char *what, unsigned distinct, struct random *random)
{
    char (*topics)[TOPIC_SIZE] = malloc((size_t)distinct * TOPIC_SIZE);
    struct slice *slices = malloc(distinct * sizeof *slices);
    unsigned found = 0;
    for (unsigned i = 0; i < distinct; i++)
        slices[i] = topic_of(i, topics[i]);
    for (unsigned i = 0; i < distinct; i++)
        router_match(router, slices[i]);
    uint64_t start_ns = cpu_ns();
    for (unsigned i = 0; i < LOOKUPS; i++)
        found += router_match(router, slices[random ? random_below(random, distinct) : i % distinct])->sink_count;
    report(what, LOOKUPS, start_ns);
    if (found < LOOKUPS)
        abort();
    free(slices);
    free(topics);
}

/* Replies: a pattern comes, its topic is asked for once, it goes. The others' answers should stay remembered. */
static void churn(struct router *router, struct random *random)
{
    char inbox[TOPIC_SIZE], topic[TOPIC_SIZE];
    struct router_stats before, after;
    struct sink sink = { .weight = 1 };
    router_stats(router, &before);
    uint64_t start_ns = cpu_ns();
    for (unsigned i = 0; i < CHURN; i++) {
        int size = snprintf(inbox, sizeof inbox, "_INBOX.%08x.%u", i * 2654435761u, i);
        add(router, &sink, slice_make(inbox, (size_t)size));
        router_match(router, slice_make(inbox, (size_t)size));
        router_match(router, topic_of(random_below(random, HOT), topic));
        router_remove(router, &sink);
    }
    report("an inbox comes, is used once, goes; a hot topic", CHURN, start_ns);
    router_stats(router, &after);
    printf("%-52s %8.1f %%\n", "of the hot topics' answers remembered",
           100.0 * (double)(after.hits - before.hits) / CHURN);
}

int main(int argc, char **argv)
{
    unsigned count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 100000;
    struct random random;
    struct router *router = router_create(1, &limits);
    struct sink *sinks = calloc(count, sizeof *sinks), everything[3] = { 0 };
    if (!router || !sinks || count < HOT)
        return EXIT_FAILURE;
    random_init(&random, 1);
    printf("%u patterns\n", count);
    fill(router, sinks, count);
    look_up(router, "look up, 1 topic", 1, NULL);
    look_up(router, "look up, 500 topics at random", HOT, &random);
    look_up(router, "look up, all topics in turn", count, NULL);
    look_up(router, "look up, all topics at random", count, &random);
    churn(router, &random);
    add(router, &everything[0], slice_of(">"));
    add(router, &everything[1], slice_of("orders.*.>"));
    add(router, &everything[2], slice_of("*.region7.*"));
    look_up(router, "with 3 patterns of wildcards, 500 topics at random", HOT, &random);
    look_up(router, "with 3 patterns of wildcards, all topics in turn", count, NULL);
    router_destroy(router);
    free(sinks);
    return EXIT_SUCCESS;
}
