/*
 * trunk: a subscription at the broker, which stands for all local ones of a pattern and group. What comes by it is
 * delivered to exactly those, whatever topic it shows, so that each gets what it would get at the broker.
 *
 * A table of them; the uplink's own.
 */
#ifndef SIDECAR_TRUNK_H
#define SIDECAR_TRUNK_H

#include <stddef.h>
#include <stdint.h>

#include "util/slice.h"

struct broker;
struct origin;
struct ph_conn;
struct trunk;

struct trunks {
    struct broker *broker;
    const struct origin *origin; /* of what was published here */
    struct ph_conn *conn;
    struct trunk **buckets; /* chains; their number is a power of two */
    uint32_t bucket_count, count;
    uint64_t seed;
    char *body; /* where a message is laid out as sinks want it */
    size_t body_room;
    uint64_t messages_in;
    uint64_t said_count; /* what the broker has been told, and a flush waits for: trunks, and live messages */
};

/* Borrows all. */
void trunks_init(struct trunks *trunks, struct broker *broker, const struct origin *origin, struct ph_conn *conn);

/* Before the connection goes. */
void trunks_finish(struct trunks *trunks);

/* A local sink has come. 0, -ENOMEM, or -EIO where the connection refuses. */
int trunks_join(struct trunks *trunks, struct slice pattern, struct slice group);

/* One has left. */
void trunks_leave(struct trunks *trunks, struct slice pattern, struct slice group);

#endif
