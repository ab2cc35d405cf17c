/* limits: how much one user may use, or one address. Constant; any thread. */
#ifndef AUTH_LIMITS_H
#define AUTH_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

struct config_server;
struct config_user;

/* 0: no limit. The first four count all connections of the user together, at all workers. */
struct user_limits {
    unsigned connections_max;
    unsigned subscriptions_max;
    uint64_t publish_rate;       /* messages a second */
    uint64_t publish_bytes_rate; /* of headers and payloads, a second */
    uint64_t payload_size_max;   /* of one message, headers included; line.payload_size_max holds besides */
    uint64_t pending_size_max;   /* output that waits for one connection of the line protocol */
    uint64_t streams_max;        /* that he has made by the API */
    uint64_t stored_bytes_max;   /* in these together */
};

/* What the configuration says of a user. */
struct user_limits user_limits_of(const struct config_user *user);

/* What it says of each address: rates and subscriptions, and no more. */
struct user_limits address_limits_of(const struct config_server *server);

/* Whether any of those is set. */
bool address_limits_any(const struct user_limits *limits);

#endif
