/*
 * tail: what is new in a stream, read once for all webhooks that read it. It tells each of what is for it, so that the
 * others need not look; and where the next is that is for it, so that its consumer need not read what lies between.
 * That is known as long as the reader keeps up; one that does not reads for itself until it has caught up.
 *
 * Belongs to the deliverer's thread.
 */
#ifndef PUSH_TAIL_H
#define PUSH_TAIL_H

#include "core/sink.h"
#include "stream/stream.h"

enum { TAIL_MATCHES_MAX = 512 };

struct tail;

/* Embedded in its owner. */
struct tail_reader {
    struct sink sink;                /* first */
    struct tail_reader *next;        /* of the same tail */
    bool is_sure;                    /* the matches are all that the tail has read since the reader had caught up */
    uint64_t *matches;               /* sequences, ascending, in a ring; NULL where there are none: most are idle */
    unsigned first, count, room;
};

/* matched is called when something is for the reader, or may be. NULL: out of memory. */
struct tail *tail_create(struct stream *stream, uint64_t seed, void (*matched)(struct tail_reader *reader));
/* Without readers. Takes NULL. */
void tail_destroy(struct tail *tail);

/* A reader under a pattern, which has not caught up. 0 or -ENOMEM. */
int tail_add(struct tail *tail, struct tail_reader *reader, struct slice pattern);
void tail_remove(struct tail *tail, struct tail_reader *reader);

/* Reads what is new. True where there is more. */
bool tail_run(struct tail *tail, uint64_t wall_ms);

/* For a reader that has read up to position: true where it is known that nothing up to *ret_until is for it. */
bool tail_next(const struct tail *tail, struct tail_reader *reader, uint64_t position, uint64_t *ret_until);

#endif
