#include "core/message.h"

#include <stdatomic.h>
#include <stdlib.h>

#define NO_RESPONDERS "NATS/1.0 503\r\n\r\n"

const struct message message_no_responders = {
    .body = NO_RESPONDERS "\r\n",
    .head_size = sizeof NO_RESPONDERS - 1,
    .body_size = sizeof NO_RESPONDERS - 1,
};

struct shared_message {
    atomic_uint reference_count;
    char body[];
};

struct shared_message *shared_message_create(const struct message *message)
{
    struct shared_message *shared = malloc(sizeof *shared + message->body_size + 2);
    if (!shared)
        return NULL;
    atomic_init(&shared->reference_count, 1);
    memcpy(shared->body, message->body, message->body_size + 2);
    return shared;
}

struct shared_message *shared_message_ref(struct shared_message *shared)
{
    atomic_fetch_add_explicit(&shared->reference_count, 1, memory_order_relaxed);
    return shared;
}

void shared_message_unref(struct shared_message *shared)
{
    if (shared && atomic_fetch_sub_explicit(&shared->reference_count, 1, memory_order_acq_rel) == 1)
        free(shared);
}

const char *shared_message_body(const struct shared_message *shared)
{
    return shared->body;
}
