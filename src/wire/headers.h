/*
 * headers: the block of headers in front of a payload, "NATS/1.0[ status[ description]]\r\nName: value\r\n...\r\n\r\n".
 *
 * Names are compared without regard to case, as HTTP does. A block is read in place and built in the caller's buffer.
 */
#ifndef WIRE_HEADERS_H
#define WIRE_HEADERS_H

#include "util/slice.h"

/* Walks a block, from *cursor = 0; returns false at the end, or where the block is malformed. Values are trimmed. */
bool headers_next(struct slice block, size_t *cursor, struct slice *ret_name, struct slice *ret_value);

/* The first value of a header. False where there is none. */
bool headers_find(struct slice block, const char *name, struct slice *ret_value);

/* The status of a block such as "NATS/1.0 503", with its description; 0: none. ret_description may be NULL. */
int headers_status(struct slice block, struct slice *ret_description);

/* True where both can stand in a block: the name of token characters without ':', no CR, LF or NUL in either. */
bool headers_valid(struct slice name, struct slice value);

/* Bytes that headers_begin, one headers_add a header, and headers_end write. */
#define HEADERS_BEGIN_SIZE (sizeof "NATS/1.0\r\n" - 1)
#define HEADERS_END_SIZE 2u
static inline size_t headers_add_size(struct slice name, struct slice value)
{
    return name.size + 2 + value.size + 2;
}

/* Each writes at out, which must have room, and returns the end of what it wrote. */
char *headers_begin(char *out);
char *headers_add(char *out, struct slice name, struct slice value);
char *headers_end(char *out);

#endif
