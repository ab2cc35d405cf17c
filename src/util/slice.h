/* slice: a borrowed run of bytes, not terminated by NUL. Whoever hands one out says how long it lives. */
#ifndef UTIL_SLICE_H
#define UTIL_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

struct slice {
    const char *data;
    size_t size;
};

/* "%.*s" with SLICE_ARGS(s): prints a slice. */
#define SLICE_ARGS(s) (int)(s).size, (s).data ? (s).data : ""

static inline struct slice slice_make(const char *data, size_t size)
{
    return (struct slice){ data, size };
}

/* The bytes of a C string. NULL gives the empty slice. */
static inline struct slice slice_of(const char *text)
{
    return (struct slice){ text, text ? strlen(text) : 0 };
}

/* Names are short: comparing them here costs less than the call of memcmp. */
static inline bool slice_equal(struct slice a, struct slice b)
{
    size_t at = 0;
    if (a.size != b.size)
        return false;
    for (; a.size - at >= 8; at += 8) {
        uint64_t from_a, from_b;
        memcpy(&from_a, a.data + at, 8);
        memcpy(&from_b, b.data + at, 8);
        if (from_a != from_b)
            return false;
    }
    while (at < a.size && a.data[at] == b.data[at])
        at++;
    return at == a.size;
}

static inline bool slice_is(struct slice a, const char *text)
{
    return slice_equal(a, slice_of(text));
}

static inline bool slice_starts_with(struct slice a, struct slice prefix)
{
    return a.size >= prefix.size && memcmp(a.data, prefix.data, prefix.size) == 0;
}

#endif
