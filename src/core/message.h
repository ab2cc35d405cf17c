/*
 * message: what workers say to one another of messages, beyond the messages themselves.
 *
 * The bytes of one large message are shared by the workers to which it is mailed, so that it is copied once however
 * many want it. Constant from creation on; any thread; freed with its last reference.
 */
#ifndef CORE_MESSAGE_H
#define CORE_MESSAGE_H

#include "core/sink.h"

/* The answer to a request that nobody took: a head with the status 503, and no payload. */
extern const struct message message_no_responders;

struct shared_message;

/* A copy of a message's body, with one reference. NULL: out of memory. */
struct shared_message *shared_message_create(const struct message *message);

struct shared_message *shared_message_ref(struct shared_message *shared);

/* Takes NULL. */
void shared_message_unref(struct shared_message *shared);

/* The body, with CR LF behind it, as struct message asks for. */
const char *shared_message_body(const struct shared_message *shared);

#endif
