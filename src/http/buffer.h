/* buffer: bytes that are put together by one worker, in room that grows and stays. Zero is an empty one. */
#ifndef HTTP_BUFFER_H
#define HTTP_BUFFER_H

#include "util/slice.h"

struct buffer {
    char *data;
    size_t size, room;
};

/* Room for so many bytes behind those that there are; NULL: out of memory. It is to be filled, and claimed by adding
 * to size. */
char *buffer_reserve(struct buffer *buffer, size_t more);

/* Frees the bytes where their room is above so many. */
void buffer_shrink(struct buffer *buffer, size_t room_max);

/* Frees the bytes; the buffer is empty. */
void buffer_finish(struct buffer *buffer);

#endif
