/*
 * json: reads the fields of one flat object, such as a server's INFO, and writes strings, as for CONNECT. Pure,
 * allocates nothing, never recurses: nested values are stepped over and their depth is bounded. Strict as RFC 8259 is.
 */
#ifndef PH_JSON_H
#define PH_JSON_H

#include "buffer.h"
#include "util/slice.h"

#define PH_JSON_DEPTH_MAX 32

enum ph_json_kind { PH_JSON_STRING, PH_JSON_NUMBER, PH_JSON_TRUE, PH_JSON_FALSE, PH_JSON_NULL, PH_JSON_NESTED };

struct ph_json_field {
    struct slice name; /* as written, between its quotes */
    struct slice text; /* the value as written; of a string, what stands between its quotes */
    enum ph_json_kind kind;
};

/* A walk over the fields of an object. It borrows the text. */
struct ph_json {
    const char *at, *end;
    bool started;
};

void ph_json_init(struct ph_json *json, struct slice text);

/* 1: a field; 0: the object has ended and nothing but blanks follows it; -1: malformed. */
int ph_json_next(struct ph_json *json, struct ph_json_field *ret_field);

/* Writes a string's value with its escapes resolved, cut to fit (between characters), and a NUL. size is at least 1. */
void ph_json_decode(struct slice text, char *out, size_t size);

/* A whole number from 0 to max. False where the field is something else. */
bool ph_json_number(const struct ph_json_field *field, unsigned long long max, unsigned long long *ret_number);

/* Appends text in quotes, escaped. False: no memory. */
bool ph_json_write(struct ph_buffer *buffer, const char *text);

#endif
