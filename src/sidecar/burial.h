/*
 * burial: what becomes of messages that the broker will never take. Each goes into the stream `refused`, under its
 * topic behind $REFUSED., with a header that says why; and when it is on disk there, out of the spool.
 */
#ifndef SIDECAR_BURIAL_H
#define SIDECAR_BURIAL_H

#include "stream/stream.h"

struct burial;

struct burials {
    struct stream *stream;           /* refused; a reference */
    struct stream_watch watch;
    struct burial *list;             /* those that are not on disk yet */
    size_t count, room;
    uint64_t total;                  /* since the start */
    uint64_t told_ms;                /* when the log was last told of them; 0: never */
};

/* Takes a reference. wake is called, from any thread, when more is on disk. */
void burials_init(struct burials *burials, struct stream *stream, void (*wake)(void *arg), void *arg);
void burials_finish(struct burials *burials);

/* Buries a message of the spool. now_ms is the loop's time, wall_ms the wall clock. False: not now. */
bool bury(struct burials *burials, const struct stream_message *message, struct slice why, uint64_t now_ms,
          uint64_t wall_ms);

/* True while a message of the spool is buried and not on disk yet. */
bool is_being_buried(const struct burials *burials, uint64_t sequence);

/* Calls done for each that has come to disk since. */
void burials_settle(struct burials *burials, void (*done)(void *arg, uint64_t sequence), void *arg);

#endif
