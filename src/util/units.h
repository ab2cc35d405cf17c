/*
 * units: numbers with units as people write them, "64MiB" and "10s", read and written. Pure; any thread.
 *
 *     sizes       B KiB MiB GiB TiB           a bare number is bytes
 *     durations   ns us ms s m h d            only 0 may go without a unit
 *
 * One whole number and one unit, with nothing between them, before them or behind them.
 */
#ifndef UTIL_UNITS_H
#define UTIL_UNITS_H

#include <stdbool.h>
#include <stdint.h>

/* Each is false, and *ret untouched, where the text is not of that form or does not fit in 64 bits. */
bool units_parse_count(const char *text, uint64_t *ret_count);
bool units_parse_size(const char *text, uint64_t *ret_bytes);
bool units_parse_duration(const char *text, uint64_t *ret_ns);

/* Room for any number with its unit, NUL included. */
#define UNITS_TEXT_SIZE 24

/* Writes the shortest form that is exact, such as "64MiB", "1025B" or "90s", and returns text. */
const char *units_format_count(uint64_t count, char text[UNITS_TEXT_SIZE]);
const char *units_format_size(uint64_t bytes, char text[UNITS_TEXT_SIZE]);
const char *units_format_duration(uint64_t ns, char text[UNITS_TEXT_SIZE]);

#endif
