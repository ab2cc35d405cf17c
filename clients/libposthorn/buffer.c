#include "buffer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 256u

bool ph_buffer_reserve(struct ph_buffer *buffer, size_t size)
{
    if (buffer->capacity - buffer->size >= size)
        return true;
    if (size > SIZE_MAX / 2 - buffer->size)
        return false;
    size_t capacity = buffer->capacity ? buffer->capacity : CAPACITY_MIN;
    while (capacity < buffer->size + size)
        capacity *= 2;
    char *data = realloc(buffer->data, capacity);
    if (!data)
        return false;
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

bool ph_buffer_add(struct ph_buffer *buffer, const void *data, size_t size)
{
    if (!ph_buffer_reserve(buffer, size))
        return false;
    if (size > 0)
        memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    return true;
}

bool ph_buffer_add_text(struct ph_buffer *buffer, const char *text)
{
    return ph_buffer_add(buffer, text, strlen(text));
}

bool ph_buffer_add_number(struct ph_buffer *buffer, unsigned long long number)
{
    char digits[PH_NUMBER_SIZE];
    return ph_buffer_add(buffer, digits, (size_t)(ph_number_write(digits, number) - digits));
}

void ph_buffer_cut(struct ph_buffer *buffer, size_t size)
{
    buffer->size -= size;
    if (buffer->size > 0 && size > 0)
        memmove(buffer->data, buffer->data + size, buffer->size);
}

void ph_buffer_finish(struct ph_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct ph_buffer){ 0 };
}

char *ph_number_write(char *out, unsigned long long number)
{
    char digits[PH_NUMBER_SIZE], *at = digits + sizeof digits;
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    size_t size = (size_t)(digits + sizeof digits - at);
    memcpy(out, at, size);
    return out + size;
}
