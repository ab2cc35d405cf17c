#include "http/buffer.h"

#include <stdlib.h>

enum { ROOM_MIN = 4 << 10 };

char *buffer_reserve(struct buffer *buffer, size_t more)
{
    size_t need = buffer->size + more, room = buffer->room ? buffer->room : ROOM_MIN;
    if (buffer->data && need <= buffer->room)
        return buffer->data + buffer->size;
    while (room < need)
        room *= 2;
    char *data = realloc(buffer->data, room);
    if (!data)
        return NULL;
    buffer->data = data;
    buffer->room = room;
    return data + buffer->size;
}

void buffer_shrink(struct buffer *buffer, size_t room_max)
{
    if (buffer->room > room_max)
        buffer_finish(buffer);
}

void buffer_finish(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){ 0 };
}
