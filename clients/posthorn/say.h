/*
 * say: everything that is meant for the person, not for the pipe: single lines on standard error, control characters
 * made visible.
 */
#ifndef POSTHORN_SAY_H
#define POSTHORN_SAY_H

#include "exits.h"

/* "posthorn: ..." and a newline. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, and returns code: `return fail(EXIT_USAGE, "...")`. */
enum exit_code fail(enum exit_code code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For what cannot happen but by lack of memory: says so and ends the process. Never returns NULL. */
void *must(void *memory);

#endif
