#include "quantity.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    unsigned seconds;
} periods[] = { { "", 1 }, { "/s", 1 }, { "/m", 60 }, { "/h", 3600 } };

/* 0: no such period. */
static unsigned seconds_of(const char *name)
{
    for (size_t i = 0; i < sizeof periods / sizeof *periods; i++)
        if (strcmp(periods[i].name, name) == 0)
            return periods[i].seconds;
    return 0;
}

bool quantity_rate(const char *text, double *ret_rate)
{
    char *period;
    if (!isdigit((unsigned char)*text))
        return false;
    double number = strtod(text, &period);
    unsigned seconds = seconds_of(period);
    if (seconds == 0 || !isfinite(number) || number <= 0)
        return false;
    *ret_rate = number / seconds;
    return true;
}

/* ---- printing ---- */

struct scale {
    double from; /* the first scale whose `from` the value reaches is taken */
    double factor;
    const char *name;
};

static const struct scale size_scales[] = {
    { 1 << 30, 1 << 30, "GiB" }, { 1 << 20, 1 << 20, "MiB" }, { 1 << 10, 1 << 10, "KiB" }, { 0, 1, "B" }
};
static const struct scale duration_scales[] = {
    { 1e9, 1e9, "s" }, { 1e6, 1e6, "ms" }, { 1e3, 1e3, "us" }, { 0, 1, "ns" }
};
static const struct scale count_scales[] = { { 1e6, 1e6, "M" }, { 1e4, 1e3, "k" }, { 0, 1, "" } };

static const char *print_scaled(const struct scale *scale, double value, char *out)
{
    while (value < scale->from)
        scale++;
    double number = value / scale->factor;
    int decimals = number == (double)(uint64_t)number || number >= 100 ? 0 : number >= 10 ? 1 : 2;
    snprintf(out, QUANTITY_TEXT_SIZE, "%.*f%s%s", decimals, number, *scale->name ? " " : "", scale->name);
    return out;
}

const char *quantity_print_size(double bytes, char out[QUANTITY_TEXT_SIZE])
{
    return print_scaled(size_scales, bytes, out);
}

const char *quantity_print_duration(double ns, char out[QUANTITY_TEXT_SIZE])
{
    return print_scaled(duration_scales, ns, out);
}

const char *quantity_print_count(double count, char out[QUANTITY_TEXT_SIZE])
{
    return print_scaled(count_scales, count, out);
}
