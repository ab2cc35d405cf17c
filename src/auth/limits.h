/* limits: how much one user may use. Constant; any thread. */
#ifndef AUTH_LIMITS_H
#define AUTH_LIMITS_H

#include <stdint.h>

struct config_user;

/* 0: no limit. The first four count all connections of the user together, at all workers. */
struct user_limits {
    unsigned connections_max;
    unsigned subscriptions_max;
    uint64_t publish_rate;       /* messages a second */
    uint64_t publish_bytes_rate; /* of headers and payloads, a second */
    uint64_t payload_size_max;   /* of one message, headers included; line.payload_size_max holds besides */
    uint64_t pending_size_max;   /* output that waits for one connection of the line protocol */
};

/* What the configuration says of a user. */
struct user_limits user_limits_of(const struct config_user *user);

#endif
