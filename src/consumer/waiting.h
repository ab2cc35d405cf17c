/*
 * waiting: the requests of a pull consumer that wait for messages, the one to be served next first. Belongs to its
 * consumer.
 */
#ifndef CONSUMER_WAITING_H
#define CONSUMER_WAITING_H

#include "util/list.h"
#include "util/slice.h"

/* In one block. */
struct waiting_request {
    struct list member;
    uint64_t left;             /* messages that it still takes */
    uint64_t delivered;        /* that it got */
    uint64_t expires_ms;       /* UINT64_MAX: never */
    uint64_t bytes_left;       /* of messages that it still takes; UINT64_MAX: any number */
    uint64_t heartbeat_ms;     /* 0: none */
    uint64_t heartbeat_due_ms; /* UINT64_MAX: none */
    bool no_wait;
    uint32_t reply_size;
    char reply[];
};

struct waiting {
    struct list requests;
    size_t count;
    size_t no_wait_count;
    uint64_t due_ms;           /* before that none expires, and none wants a heartbeat */
};

void waiting_init(struct waiting *waiting);
void waiting_finish(struct waiting *waiting);

/* Behind all others; the rest of it is the caller's to fill in, before waiting_note. NULL: out of memory. */
struct waiting_request *waiting_add(struct waiting *waiting, struct slice reply, bool no_wait);
void waiting_remove(struct waiting *waiting, struct waiting_request *request);

/* Behind all others. */
void waiting_put_last(struct waiting *waiting, struct waiting_request *request);

/* Its times have changed, or are set for the first time. */
void waiting_note(struct waiting *waiting, const struct waiting_request *request);

/* The first, and the one behind another; NULL: none. */
struct waiting_request *waiting_first(const struct waiting *waiting);
struct waiting_request *waiting_after(const struct waiting *waiting, const struct waiting_request *request);

static inline struct slice waiting_reply(const struct waiting_request *request)
{
    return slice_make(request->reply, request->reply_size);
}

#endif
