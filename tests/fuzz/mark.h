/*
 * mark: a secret for fuzz targets, which nobody can guess: it is drawn once a run. Whoever has no right to what bears
 * it must never be shown it.
 */
#ifndef TESTS_FUZZ_MARK_H
#define TESTS_FUZZ_MARK_H

#include <stdbool.h>
#include <stdio.h>

#include "util/random.h"

enum { MARK_SIZE = 32 };

static char mark[MARK_SIZE + 1];

static inline void mark_draw(void)
{
    unsigned char bytes[MARK_SIZE / 2];
    if (*mark)
        return;
    random_bytes(bytes, sizeof bytes);
    for (unsigned i = 0; i < sizeof bytes; i++)
        snprintf(mark + 2 * i, 3, "%02x", bytes[i]);
}

/* By hand: what memcmp and its kind look for, libFuzzer tries. */
static inline bool mark_is_at(const char *data)
{
    unsigned same = 0;
    while (same < MARK_SIZE && data[same] == mark[same])
        same++;
    return same == MARK_SIZE;
}

static inline bool mark_is_in(const char *data, size_t size)
{
    for (size_t i = 0; i + MARK_SIZE <= size; i++)
        if (mark_is_at(data + i))
            return true;
    return false;
}

#endif
