/*
 * listen: what `posthorn listen` is told. The command line knows its options, as of all commands; what it does is a
 * program of its own, posthorn-listen (clients/listen), because curl and what it loads would make every other command,
 * which is started for one message, start several times as slowly.
 */
#ifndef POSTHORN_LISTEN_H
#define POSTHORN_LISTEN_H

#include "command.h"
#include "server.h"

struct listen_values {
    struct server_values server;
    const char *forward;             /* the URL */
    const char *body, *secret, *stream, *ca, *group;
    uint64_t retries, concurrency, count, timeout_ns;
    bool json;
};

extern const struct command_details listen_details;

#endif
