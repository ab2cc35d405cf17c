/*
 * health: what goes wrong while the daemon runs, said once in the log: a stream whose disk is full or whose sync has
 * failed, a database that takes nothing. Belongs to the supervisor.
 */
#ifndef SERVER_HEALTH_H
#define SERVER_HEALTH_H

#include <stddef.h>

struct meta;
struct mood;
struct stream_registry;

/* Begins zeroed. */
struct health {
    struct mood *moods;          /* of the streams that were not well when they were last looked at */
    size_t mood_count;
    int meta_error;
};

/* Looks at all, and logs what has changed. To be called every second or so. meta may be NULL. */
void health_watch(struct health *health, struct stream_registry *registry, struct meta *meta);

void health_finish(struct health *health);

#endif
