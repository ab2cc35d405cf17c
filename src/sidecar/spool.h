/*
 * spool: what is published here on its way to the broker. A reader of the stream `spool`, which sends each message in
 * order, with an id of its own, and asks the broker what became of it:
 *
 *   stream `spool` -> window -> broker        many at once; after a break all that has no answer, from the oldest on
 *                       `<- it has it         taken out of the stream
 *                       `<- not now           nothing more is sent, and the broker refuses what is on its way behind
 *                                             it (core/train.h); then it is tried again, after a while
 *                       `<- never             into the stream `refused`, and taken out
 *
 * The id, NAME.EPOCH.SEQUENCE of sidecar and stream, is the same however often a message is sent, so that the broker
 * keeps it once; an id of the application's stays.
 */
#ifndef SIDECAR_SPOOL_H
#define SIDECAR_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "util/slice.h"

struct broker;
struct config;
struct loop;
struct outlet_waiter;
struct spool;
struct stream;
struct uplink;

struct spool_setup {
    struct loop *loop;
    struct broker *broker;
    struct uplink *uplink;
    struct stream *stream, *refused; /* it takes references of its own */
    const struct config *config;     /* until spool_reconfigure */
    const char *name;                /* of the sidecar */
};

/* 0 or -errno. */
int spool_create(const struct spool_setup *setup, struct spool **ret_spool);
void spool_reconfigure(struct spool *spool, const struct config *config);

/* Before the uplink goes. Those who wait are told that it is given up, by this sidecar now. Takes NULL. */
void spool_destroy(struct spool *spool);

/* Once a turn: what the broker has is taken out, and what has come is sent. True: there is more to do. */
bool spool_turn(struct spool *spool);

/* Whether messages of a topic are kept here. */
bool spool_keeps(const struct spool *spool, struct slice topic);

/* Waits for the broker's answer to a message, which has this sequence in the spool. False: the broker has it, and told
 * will not be called. */
bool spool_wait(struct spool *spool, struct outlet_waiter *waiter, uint64_t sequence);

/* Waits no more; nothing happens where it does not. */
void spool_unwait(struct spool *spool, struct outlet_waiter *waiter);

/* It has had no room for a message. */
void spool_note_full(struct spool *spool);

struct spool_state {
    uint64_t waiting_count, waiting_bytes; /* messages here that the broker does not have, or has not answered to */
    uint64_t oldest_ms;                    /* age of the oldest; 0: there is none */
    uint64_t answered_ms;                  /* since the broker last said that it has one; UINT64_MAX: it never has */
    uint32_t in_flight;                    /* sent, and not answered to */
    bool is_held;                          /* the broker could not take one, which is tried again */
    bool is_full;                          /* it has had no room for a message, and none has been taken since */
    bool is_failed;                        /* a sync failed: it keeps nothing more */
    /* Since the start. */
    uint64_t sent_count;                   /* each as often as it was sent */
    uint64_t taken_count;                  /* that the broker has */
    uint64_t repeated_count;               /* answers that it could not take one now */
    uint64_t refused_count;                /* into the stream `refused` */
    uint64_t lost_count;                   /* given up: too old, made room for others, or damaged on disk */
};
void spool_get_state(struct spool *spool, struct spool_state *ret_state);

#endif
