/*
 * suspect: a message by which the broker breaks the connection, each time that it comes: longer than it can bear, for
 * instance. Where several were on their way it is sought, one by one; what was alone twice is to blame. Pure.
 */
#ifndef SIDECAR_SUSPECT_H
#define SIDECAR_SUSPECT_H

#include <stdbool.h>
#include <stdint.h>

struct suspect {
    uint64_t sequence;               /* of the one that was alone on its way */
    unsigned break_count;            /* how often in a row it was that */
    bool is_sought;                  /* it is among several: they are to go one at a time */
    char why[256];                   /* what the broker said */
};

/* A connection has gone, with so many on their way, of which the last has this sequence. why: what was said. */
void suspect_note_break(struct suspect *suspect, const char *why, uint32_t in_flight, uint64_t last_sequence);

/* The broker has taken one. */
void suspect_clear(struct suspect *suspect);

/* True where the message breaks connections. */
bool suspect_is(const struct suspect *suspect, uint64_t sequence);

#endif
