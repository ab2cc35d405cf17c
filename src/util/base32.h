/*
 * base32: bytes as the letters A to Z and 2 to 7 (RFC 4648, section 6), without padding, as nkeys are written. Reading
 * is strict: one text for the same bytes, no blanks, no small letters. Pure; any thread.
 */
#ifndef UTIL_BASE32_H
#define UTIL_BASE32_H

#include "util/slice.h"

/* Bytes that base32_write writes for data of that size, and that base32_read writes at most for text of that size. */
static inline size_t base32_size(size_t data_size)
{
    return (data_size * 8 + 4) / 5;
}
static inline size_t base32_data_size_max(size_t text_size)
{
    return text_size * 5 / 8;
}

/* Returns the end of what was written. */
char *base32_write(char *out, struct slice data);

/* False where the text is not base32; what out holds then means nothing. */
bool base32_read(struct slice text, char *out, size_t *ret_size);

#endif
