#include "consumer/waiting.h"

#include <stdlib.h>

void waiting_init(struct waiting *waiting)
{
    *waiting = (struct waiting){ .due_ms = UINT64_MAX };
    list_init(&waiting->requests);
}

void waiting_finish(struct waiting *waiting)
{
    while (waiting_first(waiting))
        waiting_remove(waiting, waiting_first(waiting));
}

struct waiting_request *waiting_add(struct waiting *waiting, struct slice reply, bool no_wait)
{
    struct waiting_request *request = malloc(sizeof *request + reply.size);
    if (!request)
        return NULL;
    *request = (struct waiting_request){ .no_wait = no_wait, .reply_size = (uint32_t)reply.size };
    memcpy(request->reply, reply.data, reply.size);
    list_append(&waiting->requests, &request->member);
    waiting->count++;
    waiting->no_wait_count += no_wait;
    return request;
}

void waiting_remove(struct waiting *waiting, struct waiting_request *request)
{
    list_remove(&request->member);
    waiting->count--;
    waiting->no_wait_count -= request->no_wait;
    if (!waiting->count)
        waiting->due_ms = UINT64_MAX;
    free(request);
}

void waiting_put_last(struct waiting *waiting, struct waiting_request *request)
{
    list_remove(&request->member);
    list_append(&waiting->requests, &request->member);
}

void waiting_note(struct waiting *waiting, const struct waiting_request *request)
{
    if (request->expires_ms < waiting->due_ms)
        waiting->due_ms = request->expires_ms;
    if (request->heartbeat_due_ms < waiting->due_ms)
        waiting->due_ms = request->heartbeat_due_ms;
}

static struct waiting_request *request_at(const struct waiting *waiting, struct list *member)
{
    return member == &waiting->requests ? NULL : LIST_OWNER(member, struct waiting_request, member);
}

struct waiting_request *waiting_first(const struct waiting *waiting)
{
    return request_at(waiting, waiting->requests.next);
}

struct waiting_request *waiting_after(const struct waiting *waiting, const struct waiting_request *request)
{
    return request_at(waiting, request->member.next);
}
