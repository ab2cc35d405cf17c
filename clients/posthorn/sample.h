/* sample: what a server says of itself at one moment, taken from /varz and /connz; what `posthorn top` shows. */
#ifndef POSTHORN_SAMPLE_H
#define POSTHORN_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fetch.h"

struct sample_connection {
    double id;
    char *type, *address, *name; /* its own, good to show anywhere */
    char *idle;
    double subscriptions, pending_size;
    double messages_in, messages_out, bytes_in, bytes_out;
};

/* Numbers as JSON has them. 0 and "" stand for what the server does not tell. */
struct sample {
    uint64_t time_ns; /* when it was taken, by the monotonic clock */
    char *name, *version, *uptime;
    double workers, memory_size, processor_ms, processor_percent;
    bool has_processor_ms;
    double connections, connections_ever, subscriptions, slow_consumers;
    double messages_in, messages_out, bytes_in, bytes_out;
    bool has_recent;
    double recent_messages, recent_size;
    struct sample_connection *rows;
    size_t row_count;
};

/* Asks the server; connections come in the order of sort, at most limit of them. Where it fails reason says why, in a
 * few words. Give it back with sample_finish, whatever the answer. */
enum exit_code sample_take(struct sample *sample, struct fetch_target *target, const char *sort, unsigned limit,
                           uint64_t timeout_ns, char reason[FETCH_REASON_SIZE]);
void sample_finish(struct sample *sample);

/* The connection of that number, NULL: it is not among them. */
const struct sample_connection *sample_find(const struct sample *sample, double id);

#endif
