/*
 * downlink: [deliver NAME]: the messages of a pattern, posted to the application. A durable consumer at the broker
 * remembers how far it has come, and how often each message was tried; what is here in hand is what is being posted.
 *
 *     broker -- durable --> parcel --> application
 *                  ^                        |
 *                  `-- done; again, after a while; dead; not begun
 *
 * No more is asked for than the application can bear (push/breaker.h), and nothing while it is away. Belongs to the
 * loop's thread.
 */
#ifndef SIDECAR_DOWNLINK_H
#define SIDECAR_DOWNLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_deliver;
struct downlink;
struct loop;
struct ph_conn;
struct transfers;

/* Borrows all. 0 or -ENOMEM. */
int downlink_create(struct loop *loop, struct transfers *transfers, const struct config_deliver *config,
                    struct downlink **ret_downlink);
/* What is being posted is given up; it is delivered again. Takes NULL. */
void downlink_destroy(struct downlink *downlink);

/* The connection to the broker stands, for the first time or anew; or is gone for now. */
void downlink_connected(struct downlink *downlink, struct ph_conn *conn);
void downlink_disconnected(struct downlink *downlink);

/* Fetches nothing more, and gives back what is not begun. What is being posted is finished. */
void downlink_quiesce(struct downlink *downlink);
/* Nothing is being posted, and the broker knows of all that was. */
bool downlink_is_quiet(const struct downlink *downlink);

struct downlink_facts {
    const char *name, *stream;       /* stream "": not found yet */
    bool is_ready;                   /* the consumer is there */
    bool is_application_there;
    unsigned in_hand;                /* being posted */
    unsigned unstored;               /* words that the broker has not confirmed */
    uint64_t posted, done, retried, dropped, dead, given_back;
    uint64_t last_done_ms;           /* wall clock; 0: never */
};
void downlink_look(const struct downlink *downlink, struct downlink_facts *ret_facts);

#endif
