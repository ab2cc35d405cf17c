/* durable: `posthorn sub --durable NAME`: the messages of a stream, by way of a consumer that remembers how far it has
 * come. */
#ifndef POSTHORN_DURABLE_H
#define POSTHORN_DURABLE_H

#include "output.h"
#include "server.h"

struct durable_values {
    const char *name;
    const char *stream;
    bool ack;
};

extern const struct option durable_options[];

#define DURABLE_GROUP(values) \
    { \
        "Consumer", durable_options, offsetof(values, durable) \
    }

/* What it is asked to do. Borrowed. */
struct durable_task {
    const struct durable_values *values;
    const struct server_values *server;
    const char *const *patterns;
    size_t pattern_count;
    uint64_t count;      /* end after so many messages; 0: never */
    uint64_t timeout_ns; /* end when none has come for so long; 0: never */
};

/* Are these options good together? Says what is wrong. */
enum exit_code durable_check(const struct durable_values *values);

/* Prints until it is done. */
enum exit_code durable_run(const struct durable_task *task, struct output *output);

#endif
