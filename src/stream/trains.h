/*
 * trains: the trains (core/train.h) of the publishers that a stream has heard from: of each the latest, and whether it
 * is stopped. Belongs to a stream, under its lock, and is forgotten with it: connections do not outlive the daemon.
 */
#ifndef STREAM_TRAINS_H
#define STREAM_TRAINS_H

#include "core/train.h"
#include "core/sink.h"

/* How many publishers are remembered. Of more, whoever has been silent for longest is forgotten, and with him what
 * would be refused. */
enum { TRAINS_MAX = 1024 };

/* What is known of a publisher. */
struct train_entry {
    uint64_t publisher;              /* a hash of his name in the train, and of the user's */
    uint64_t connection, number;     /* of his latest train */
    uint64_t used;                   /* when he was last heard, counted in messages */
    bool is_stopped;                  /* something of it was refused, and so is what follows */
};

/* Zero knows nobody and has no memory. */
struct trains {
    struct train_entry *entries;
    uint32_t count, room;
    uint64_t seed, tick;
};

/* A message of a train has come by a connection: of those a later one has a higher number. RECEIPT_KEPT: it may be
 * looked at, and *ret_entry (valid until the next call) is to be stopped where it is refused for now. RECEIPT_BEHIND:
 * it is to be refused. RECEIPT_NO_MEMORY. */
enum receipt_verdict trains_enter(struct trains *trains, const struct train *train, uint64_t connection,
                                  struct slice user, struct train_entry **ret_entry);

void trains_finish(struct trains *trains);

#endif
