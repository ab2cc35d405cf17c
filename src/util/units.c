#include "util/units.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "util/decimal.h"

struct unit {
    const char *name;
    uint64_t factor;
};

/* From the largest to the smallest, so that the first that divides a number is the one to write it in. */
static const struct unit size_units[] = {
    { "TiB", UINT64_C(1) << 40 }, { "GiB", UINT64_C(1) << 30 }, { "MiB", UINT64_C(1) << 20 },
    { "KiB", UINT64_C(1) << 10 }, { "B", 1 },                   { NULL, 0 },
};

static const struct unit duration_units[] = {
    { "d", UINT64_C(86400000000000) }, { "h", UINT64_C(3600000000000) }, { "m", UINT64_C(60000000000) },
    { "s", UINT64_C(1000000000) },     { "ms", UINT64_C(1000000) },      { "us", UINT64_C(1000) },
    { "ns", 1 },                       { NULL, 0 },
};

/* The digits at the start of text. NULL where there are none, or more than 64 bits hold; else what follows them. */
static const char *read_digits(const char *text, uint64_t *ret_number)
{
    size_t size = decimal_cut(slice_of(text), ret_number);
    return size ? text + size : NULL;
}

static const struct unit *find_unit(const struct unit *units, const char *name)
{
    for (; units->name; units++)
        if (strcmp(units->name, name) == 0)
            return units;
    return NULL;
}

static bool parse_with_unit(const char *text, const struct unit *units, uint64_t *ret_number)
{
    uint64_t number;
    const char *end = read_digits(text, &number);
    const struct unit *unit = end ? find_unit(units, end) : NULL;
    if (!unit || __builtin_mul_overflow(number, unit->factor, &number))
        return false;
    *ret_number = number;
    return true;
}

bool units_parse_count(const char *text, uint64_t *ret_count)
{
    uint64_t count;
    const char *end = read_digits(text, &count);
    if (!end || *end)
        return false;
    *ret_count = count;
    return true;
}

bool units_parse_size(const char *text, uint64_t *ret_bytes)
{
    return units_parse_count(text, ret_bytes) || parse_with_unit(text, size_units, ret_bytes);
}

bool units_parse_duration(const char *text, uint64_t *ret_ns)
{
    uint64_t zero;
    if (!units_parse_count(text, &zero))
        return parse_with_unit(text, duration_units, ret_ns);
    if (zero != 0)
        return false;
    *ret_ns = 0;
    return true;
}

static const char *format_with_unit(uint64_t number, const struct unit *units, char text[UNITS_TEXT_SIZE])
{
    while (number % units->factor != 0)
        units++;
    snprintf(text, UNITS_TEXT_SIZE, "%" PRIu64 "%s", number / units->factor, units->name);
    return text;
}

const char *units_format_count(uint64_t count, char text[UNITS_TEXT_SIZE])
{
    snprintf(text, UNITS_TEXT_SIZE, "%" PRIu64, count);
    return text;
}

/* Below the first binary multiple a size is a bare number: "512", not "512B". */
const char *units_format_size(uint64_t bytes, char text[UNITS_TEXT_SIZE])
{
    return bytes < 1024 ? units_format_count(bytes, text) : format_with_unit(bytes, size_units, text);
}

const char *units_format_duration(uint64_t ns, char text[UNITS_TEXT_SIZE])
{
    return ns == 0 ? units_format_count(ns, text) : format_with_unit(ns, duration_units, text);
}
