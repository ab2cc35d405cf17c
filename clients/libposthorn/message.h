/*
 * message: received messages, as a view of the input buffer and as a copy of their own, and the block of headers being
 * built.
 */
#ifndef PH_MESSAGE_H
#define PH_MESSAGE_H

#include "buffer.h"
#include "posthorn.h"

struct wire_op;

/* A message that owns its bytes, which follow the struct; in a pull subscription, a link of its queue. */
struct ph_stored {
    struct ph_stored *next;
    struct ph_message message;
};

/*
 * Shows a MSG or HMSG as a message. Writes a NUL behind topic, reply and payload, over the blank or CR that stands
 * there: the operation must have been taken from the buffer, which must be ours to write.
 */
void ph_message_view(const struct wire_op *op, struct ph_message *ret_message);

/* NULL: no memory. */
struct ph_stored *ph_message_store(const struct ph_message *message);

/* The stored message of a message that ph_message_store made. */
struct ph_stored *ph_message_stored(struct ph_message *message);

/* Bytes that count against a queue: headers and payload. */
static inline size_t ph_message_size(const struct ph_message *message)
{
    return message->headers_size + message->payload_size;
}

struct ph_headers {
    struct ph_buffer block; /* "NATS/1.0\r\n" and a line a header, empty before the first; publishing adds its end */
};

#endif
