/* format: the numbers and heads of the line protocol, written without printf. Each function writes at out, which must
 * have room, and returns the end of what it wrote. */
#ifndef WIRE_FORMAT_H
#define WIRE_FORMAT_H

#include <stdint.h>

#include "util/slice.h"

enum { FORMAT_NUMBER_SIZE_MAX = 20 };

static inline char *format_bytes(char *out, const char *data, size_t size)
{
    memcpy(out, data, size);
    return out + size;
}

static inline char *format_slice(char *out, struct slice text)
{
    return format_bytes(out, text.data, text.size);
}

static inline char *format_number(char *out, uint64_t number)
{
    char digits[FORMAT_NUMBER_SIZE_MAX], *at = digits + sizeof digits;
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    return format_bytes(out, at, (size_t)(digits + sizeof digits - at));
}

#endif
