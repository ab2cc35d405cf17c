/*
 * moment: points of time as RFC 3339 writes them, in UTC: "2026-11-23T20:51:23.123Z". Milliseconds since 1970, the
 * proleptic Gregorian calendar, no leap seconds. Pure; any thread.
 */
#ifndef UTIL_MOMENT_H
#define UTIL_MOMENT_H

#include "util/slice.h"

/* Bytes that moment_write writes; no NUL. Years 1970 to 9999. */
#define MOMENT_SIZE 24

/* Returns the end of what it wrote. */
char *moment_write(char *out, uint64_t time_ms);

/* Any offset, any number of digits of seconds. False where the text is no such moment, or before 1970. */
bool moment_parse(struct slice text, uint64_t *ret_time_ms);

#endif
