/*
 * probe: a request to a webhook's receiver about no message of a stream: an example, or the question whether it wants
 * what would be sent. It goes beside all others: no order, limit or breaker holds for it, and it is not tried again.
 * Belongs to its webhook.
 */
#ifndef PUSH_PROBE_H
#define PUSH_PROBE_H

#include "push/hook.h"
#include "push/request.h"

/* Embedded in its owner. */
struct probe {
    struct request request;          /* first; the owner fills in its body, and what of its delivery is not usual */
    struct list member;              /* of its hook */
    struct traffic_part traffic;
    struct hook *hook;
    /* It has ended; or the hook has, with NULL. The owner may free it. */
    void (*done)(struct probe *probe, const struct deliver_result *result);
};

/* Gives it an id of its own, which begins with that word. */
void probe_name(struct probe *probe, const char *word);

/* Begins it. 0; or -ENOMEM, and then done is not called, and nothing is
 * left of it. */
int probe_start(struct hook *hook, struct probe *probe);

/* A body of JSON. 0 or -ENOMEM. */
int probe_set_json(struct probe *probe, const char *text);

/* What became of it, as the log has it. */
void probe_describe(const struct probe *probe, const struct deliver_result *result, struct attempt *ret_attempt);

/* It ends, and done is called with NULL. */
void probe_cancel(struct probe *probe);
/* Those of a hook end. */
void probes_cancel(struct hook *hook);

#endif
