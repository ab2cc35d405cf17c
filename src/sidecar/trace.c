#include "sidecar/trace.h"

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

static char *put_digits(char *out, const unsigned char *bytes, size_t digits)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < digits / 2; i++) {
        unsigned byte = i ? bytes[i] : bytes[i] | 1u; /* not all zeros */
        *out++ = hex[byte >> 4];
        *out++ = hex[byte & 15];
    }
    return out;
}

void trace_make(char out[TRACE_SIZE])
{
    unsigned char bytes[(ID_DIGITS + PARENT_DIGITS) / 2];
    random_bytes(bytes, sizeof bytes);
    memcpy(out, "00-", 3);
    char *at = put_digits(out + 3, bytes, ID_DIGITS);
    *at++ = '-';
    at = put_digits(at, bytes + ID_DIGITS / 2, PARENT_DIGITS);
    memcpy(at, "-00", sizeof "-00");
}
