/*
 * acked: publishing with acknowledgement: each message is a request that the stream which keeps its topic answers when
 * it is kept. Many are under way at once; what comes of them is printed in the order in which they were published.
 */
#ifndef POSTHORN_ACKED_H
#define POSTHORN_ACKED_H

#include "connection.h"

struct acked_slot;

struct acked {
    struct connection *connection;
    uint64_t timeout_ns;
    bool json;                  /* print the acknowledgements as they came */
    uint64_t sent, settled;     /* messages; those between wait */
    struct acked_slot *slots;   /* a ring of them */
    enum exit_code failure;     /* of one of them; it has been said */
};

/* Borrows the connection. */
void acked_init(struct acked *acked, struct connection *connection, uint64_t timeout_ns, bool json);
void acked_finish(struct acked *acked);

/* Publishes; waits where too many are under way. After a failure nothing more is published. */
enum exit_code acked_publish(struct acked *acked, const char *topic, const struct ph_headers *headers,
                             const void *payload, size_t payload_size);

/* Waits for all that are under way. */
enum exit_code acked_settle(struct acked *acked);

#endif
