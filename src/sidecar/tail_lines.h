/*
 * tail_lines: records out of the bytes of a log file. A record is a line, without its newline; or, where a pattern
 * tells how a record begins, such a line and those behind it that do not. Records longer than the bound are cut: no
 * byte is left out but newlines. Pure; any thread.
 */
#ifndef SIDECAR_TAIL_LINES_H
#define SIDECAR_TAIL_LINES_H

#include <regex.h>

#include "util/slice.h"

struct tail_rules {
    size_t size_max;        /* of a record, its inner newlines included; 1 or more */
    const regex_t *begins;  /* a line that it matches begins a record; NULL: each line does. Compiled REG_NOSUB */
};

enum { TAIL_MATCHED_MAX = 512 }; /* bytes of a line that the pattern is shown */

/* How sure it is that nothing comes behind the bytes. */
enum tail_end {
    TAIL_GROWS,             /* a line without a newline may go on, and so may a record */
    TAIL_RESTS,             /* a record whose last line has a newline is complete */
    TAIL_ENDED,             /* so is what has none */
};

struct tail_record {
    struct slice text;      /* borrowed from the bytes */
    size_t size;            /* what it takes of them: the next one begins behind */
};

/* The record at the start of the bytes. False: they do not hold a whole one. */
bool tail_next_record(const struct tail_rules *rules, struct slice bytes, enum tail_end end,
                      struct tail_record *ret_record);

/* True for a JSON object, with blanks around it or not. */
bool tail_is_json(struct slice text);

#endif
