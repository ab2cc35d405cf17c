/*
 * json: text written as JSON (RFC 8259), for answers that are too frequent to be built as trees. What is read goes
 * through cJSON. Pure; any thread.
 */
#ifndef UTIL_JSON_H
#define UTIL_JSON_H

#include "util/slice.h"

/* Bytes that json_write_string writes at most. */
static inline size_t json_string_size_max(struct slice text)
{
    return 6 * text.size + 2;
}

/* Writes text as a string in quotes, and returns its end. Each byte that is no UTF-8 becomes U+FFFD. */
char *json_write_string(char *out, struct slice text);

/* The bytes that json_write_string will write for it, for those who would not set six times its size aside. */
size_t json_string_size(struct slice text);

#endif
