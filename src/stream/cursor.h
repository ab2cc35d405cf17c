/*
 * cursor: a position in a stream that a client can hand back, in this life of the stream or a later one.
 *
 * As text it is "EPOCH-SEQUENCE", both in base 36: "2k9x0d3m1ta-7b". Clients take it as it is. The same cursor is good
 * for server-sent events, polling and NDJSON. Pure; any thread.
 */
#ifndef STREAM_CURSOR_H
#define STREAM_CURSOR_H

#include "util/slice.h"

struct cursor {
    uint64_t epoch;    /* of the stream */
    uint64_t sequence; /* of the last message seen; 0: none yet */
};

/* Room for any cursor as text, with its NUL. */
#define CURSOR_TEXT_SIZE 28

/* Writes it at out, NUL included, and returns its length. */
size_t cursor_write(struct cursor cursor, char out[CURSOR_TEXT_SIZE]);

/* False where the text is no cursor. */
bool cursor_parse(struct slice text, struct cursor *ret_cursor);

#endif
