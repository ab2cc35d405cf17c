#include "http/monitor.h"

#include <stdlib.h>

#include "http/feeds.h"
#include "stream/registry.h"
#include "util/units.h"

/* Sums. */

static void add_router(struct router_stats *sum, const struct router *router)
{
    struct router_stats part;
    router_stats(router, &part);
    sum->hits += part.hits;
    sum->misses += part.misses;
    sum->node_count += part.node_count;
    sum->cached_count += part.cached_count;
    sum->cached_sinks += part.cached_sinks;
    if (part.fanout_max > sum->fanout_max)
        sum->fanout_max = part.fanout_max;
}

static void tally_visit(struct survey *survey, struct broker *broker)
{
    struct tally *tally = (struct tally *)survey;
    counters_add(&tally->counters, broker->counters);
    add_router(&tally->router, broker->router);
    feeds_add_stats(broker->feeds, &tally->feed);
}

static void tally_destroy(struct inquiry *inquiry)
{
    free(inquiry);
}

void tally_send(struct exchange *exchange, void (*report)(struct inquiry *inquiry))
{
    struct tally *tally = calloc(1, sizeof *tally);
    if (tally)
        tally->inquiry = (struct inquiry){ .survey.visit = tally_visit, .report = report, .destroy = tally_destroy };
    inquiry_send((struct inquiry *)tally, exchange);
}

/* What the routes share. */

struct stream **monitor_list_streams(const struct http *http, size_t *ret_count)
{
    struct stream_registry *registry = http->identity->registry;
    size_t count = 0;
    struct stream **listed = registry ? stream_registry_list(registry, &count) : NULL;
    struct stream **streams = malloc((count + 1) * sizeof *streams);
    *ret_count = 0;
    if (streams && http->feed)
        streams[(*ret_count)++] = stream_ref(feed_stream(http->feed));
    for (size_t i = 0; i < count; i++)
        if (streams)
            streams[(*ret_count)++] = listed[i];
        else
            stream_destroy(listed[i]);
    free(listed);
    return streams;
}

void monitor_free_streams(struct stream **streams, size_t count)
{
    for (size_t i = 0; i < count; i++)
        stream_destroy(streams[i]);
    free(streams);
}

struct stream_state monitor_state(const struct http *http, struct stream *stream)
{
    struct stream_state state;
    struct stream_run run;
    stream_read(stream, stream_last(stream), broker_wall_ms(http->broker), &run); /* lets go of what is too old */
    stream_release(&run);
    stream_get_state(stream, &state);
    return state;
}

uint64_t monitor_uptime_ms(const struct http *http)
{
    uint64_t now_ms = broker_wall_ms(http->broker), start_ms = http->identity->start_time_ms;
    return now_ms > start_ms ? now_ms - start_ms : 0; /* the wall clock may have been set back */
}

bool monitor_parameter(struct exchange *exchange, const char *name, uint64_t max, uint64_t *value)
{
    char text[24];
    bool bad = false;
    uint64_t number;
    if (!exchange_query(exchange, name, text, sizeof text, &bad) && !bad)
        return true;
    if (!bad && units_parse_count(text, &number) && number <= max) {
        *value = number;
        return true;
    }
    answer_problem(exchange, PROBLEM_BAD_PARAMETER, NULL, "%s is a whole number, at most %llu.", name,
                   (unsigned long long)max);
    return false;
}
