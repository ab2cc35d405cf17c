#include "sidecar/trace.h"

#include <stdio.h>

#include "util/random.h"

enum { VERSION_DIGITS = 2, ID_DIGITS = 32, PARENT_DIGITS = 16, FLAGS_DIGITS = 2 };

/* count small hexadecimal digits at the start of *text, which are cut off it. any: they may be all zeros. */
static bool cut_digits(struct slice *text, size_t count, bool any)
{
    if (text->size < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        char c = text->data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        any |= c != '0';
    }
    *text = slice_make(text->data + count, text->size - count);
    return any;
}

static bool cut_dash(struct slice *text)
{
    if (!text->size || text->data[0] != '-')
        return false;
    *text = slice_make(text->data + 1, text->size - 1);
    return true;
}

bool trace_is_valid(struct slice trace)
{
    return slice_starts_with(trace, slice_of("00")) && cut_digits(&trace, VERSION_DIGITS, true) && cut_dash(&trace) &&
           cut_digits(&trace, ID_DIGITS, false) && cut_dash(&trace) && cut_digits(&trace, PARENT_DIGITS, false) &&
           cut_dash(&trace) && cut_digits(&trace, FLAGS_DIGITS, true) && trace.size == 0;
}

static char *put_random(char *out, size_t digits)
{
    unsigned char bytes[ID_DIGITS / 2];
    random_bytes(bytes, digits / 2);
    bytes[0] |= 1; /* not all zeros */
    for (size_t i = 0; i < digits / 2; i++)
        out += snprintf(out, 3, "%02x", bytes[i]);
    return out;
}

void trace_make(char out[TRACE_SIZE])
{
    memcpy(out, "00-", 3);
    char *at = put_random(out + 3, ID_DIGITS);
    *at++ = '-';
    at = put_random(at, PARENT_DIGITS);
    memcpy(at, "-00", sizeof "-00");
}
