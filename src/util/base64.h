/*
 * base64: bytes as letters (RFC 4648): the standard alphabet, padded, for payloads in JSON, and base64url without
 * padding for what stands in a URL. Reading is strict: one text for the same bytes, no blanks. Pure; any thread.
 */
#ifndef UTIL_BASE64_H
#define UTIL_BASE64_H

#include "util/slice.h"

/* Bytes that base64_write writes for data of that size, and that base64_read writes at most for text of that size. */
static inline size_t base64_size(size_t data_size)
{
    return (data_size + 2) / 3 * 4;
}
static inline size_t base64_data_size_max(size_t text_size)
{
    return text_size / 4 * 3;
}

/* Returns the end of what was written. */
char *base64_write(char *out, struct slice data);

/* False where the text is not base64; what out holds then means nothing. */
bool base64_read(struct slice text, char *out, size_t *ret_size);

/* The same for base64url without padding. */
static inline size_t base64url_size(size_t data_size)
{
    return (data_size * 4 + 2) / 3;
}
static inline size_t base64url_data_size_max(size_t text_size)
{
    return (text_size + 3) / 4 * 3;
}
char *base64url_write(char *out, struct slice data);
bool base64url_read(struct slice text, char *out, size_t *ret_size);

#endif
