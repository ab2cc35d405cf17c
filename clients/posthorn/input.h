/* input: where payloads come from: an argument, the whole of standard input, or its lines. */
#ifndef POSTHORN_INPUT_H
#define POSTHORN_INPUT_H

#include "connection.h"

/* A payload. Give it back with payload_finish. */
struct payload {
    const char *data;
    size_t size;
    char *owned; /* NULL: data is borrowed */
};

/*
 * The argument, or, where it is NULL or "-", standard input up to its end, at most what the server takes. Says what
 * is wrong. While it waits for standard input the connection is looked after.
 */
enum exit_code payload_read(struct connection *connection, const char *argument, struct payload *ret_payload);
void payload_finish(struct payload *payload);

/*
 * Standard input cut into lines. A line is everything up to a newline, any byte; a last one without newline counts
 * too.
 */
struct lines {
    char *buffer;
    size_t start, end, room; /* what has been read and not given out stands in buffer[start..end) */
    size_t scanned;          /* no newline before buffer[scanned] */
    size_t size_max;         /* of a line */
    uint64_t number;         /* of the line given out last, from 1 */
    bool ended;              /* no more to read */
};

void lines_init(struct lines *lines, size_t size_max);
void lines_finish(struct lines *lines);

/*
 * The next line, without its newline, borrowed until the next call. Before it waits for input it sends what is on its
 * way, so that nothing stays behind when the input pauses. *ret_line with data NULL: the end. Says what is wrong, a
 * line over size_max by its number.
 */
enum exit_code lines_next(struct lines *lines, struct connection *connection, struct payload *ret_line);

#endif
