/* json: JSON values written to a stream. Output is always valid JSON in UTF-8, whatever the bytes. */
#ifndef POSTHORN_JSON_H
#define POSTHORN_JSON_H

#include <stddef.h>
#include <stdio.h>

/* A string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void json_string(FILE *out, const char *data, size_t size);

/* The bytes in base64, with quotes. */
void json_base64(FILE *out, const char *data, size_t size);

#endif
