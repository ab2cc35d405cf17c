/*
 * lines: the head of an answer that somebody else has given, as lines of ours. What belongs to one connection stays
 * behind, and so does what this server says itself: the date, which pages may read it, and that types are not guessed.
 * Pure; any thread.
 */
#ifndef SIDECAR_LINES_H
#define SIDECAR_LINES_H

#include "util/slice.h"

/* True for what this server says itself in its answers. */
bool lines_is_ours(struct slice name);

/* Without the blanks, and the line end, around it. */
struct slice lines_trim(struct slice value);

/* The status that a reply carries; 0: none, for it comes from somebody who does not speak HTTP. */
unsigned lines_status(struct slice head);

/* Bytes that lines_write writes at most. */
size_t lines_size_max(struct slice head);

/* Writes the lines of a reply's head, each with its CR LF, and a NUL behind them. *ret_type is its Content-Type, a
 * slice of the head and no line; empty: it has none. is_head: it answers HEAD, and may tell a length. */
void lines_write(struct slice head, bool is_head, char *out, struct slice *ret_type);

#endif
