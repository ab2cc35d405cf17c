#include "server/health.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "meta/meta.h"
#include "stream/registry.h"
#include "util/log.h"

/* How a stream was when it was last looked at. */
struct mood {
    char *name;
    enum stream_health how;
};

static const struct {
    enum log_level level;
    const char *event, *meaning;
} moods[] = {
    [STREAM_WELL] = { LOG_LEVEL_INFO, "stream_well", "it takes messages again" },
    [STREAM_FULL] = { LOG_LEVEL_ERROR, "stream_full", "it takes nothing until it can be written to again" },
    [STREAM_FAILED] = { LOG_LEVEL_ERROR, "stream_failed", "a sync failed: it takes nothing more until a restart" },
};

static enum stream_health last_mood(const struct health *health, const char *name)
{
    for (size_t i = 0; i < health->mood_count; i++)
        if (strcmp(health->moods[i].name, name) == 0)
            return health->moods[i].how;
    return STREAM_WELL;
}

/* Without memory for it, it is logged again. */
static void note_mood(struct health *health, const char *name, enum stream_health how)
{
    struct mood *grown = reallocarray(health->moods, health->mood_count + 1, sizeof *grown);
    char *copy = strdup(name);
    if (grown)
        health->moods = grown;
    if (grown && copy)
        grown[health->mood_count++] = (struct mood){ copy, how };
    else
        free(copy);
}

static void watch_stream(struct health *now, const struct health *last, struct stream *stream)
{
    struct stream_state state;
    const char *name = stream_name(stream);
    stream_get_state(stream, &state);
    if (state.health != last_mood(last, name))
        log_event(moods[state.health].level, moods[state.health].event, "stream=%s error=\"%s\" meaning=\"%s\"", name,
                  state.error ? strerror(-state.error) : "none", moods[state.health].meaning);
    if (state.health != STREAM_WELL)
        note_mood(now, name, state.health);
}

static void watch_meta(struct health *health, struct meta *meta)
{
    struct meta_stats stats;
    meta_get_stats(meta, &stats);
    if (stats.error && stats.error != health->meta_error)
        log_error("meta_failed", "error=\"%s\" lost=%" PRIu64, strerror(-stats.error), stats.failed_count);
    else if (!stats.error && health->meta_error)
        log_info("meta_well", "lost=%" PRIu64, stats.failed_count);
    health->meta_error = stats.error;
}

void health_watch(struct health *health, struct stream_registry *registry, struct meta *meta)
{
    struct health now = { .meta_error = health->meta_error };
    size_t count = 0;
    struct stream **streams = stream_registry_list(registry, &count);
    for (size_t i = 0; i < count; i++) {
        watch_stream(&now, health, streams[i]);
        stream_destroy(streams[i]);
    }
    free(streams);
    if (meta)
        watch_meta(&now, meta);
    health_finish(health);
    *health = now;
}

void health_finish(struct health *health)
{
    for (size_t i = 0; i < health->mood_count; i++)
        free(health->moods[i].name);
    free(health->moods);
    *health = (struct health){ .moods = NULL };
}
