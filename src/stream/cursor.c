#include "stream/cursor.h"

enum { BASE = 36 };

static char *write_number(char *out, uint64_t number)
{
    char digits[16], *at = digits + sizeof digits;
    do
        *--at = "0123456789abcdefghijklmnopqrstuvwxyz"[number % BASE];
    while (number /= BASE);
    memcpy(out, at, (size_t)(digits + sizeof digits - at));
    return out + (digits + sizeof digits - at);
}

size_t cursor_write(struct cursor cursor, char out[CURSOR_TEXT_SIZE])
{
    char *at = write_number(out, cursor.epoch);
    *at++ = '-';
    at = write_number(at, cursor.sequence);
    *at = '\0';
    return (size_t)(at - out);
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'z' ? c - 'a' + 10 : -1;
}

/* One way to write each number: no zeros in front. */
static bool parse_number(struct slice text, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (!text.size || (text.size > 1 && text.data[0] == '0'))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        int digit = digit_of(text.data[i]);
        if (digit < 0 || number > (UINT64_MAX - (uint64_t)digit) / BASE)
            return false;
        number = number * BASE + (uint64_t)digit;
    }
    *ret_number = number;
    return true;
}

bool cursor_parse(struct slice text, struct cursor *ret_cursor)
{
    struct cursor cursor;
    const char *dash = text.size ? memchr(text.data, '-', text.size) : NULL;
    if (!dash)
        return false;
    struct slice epoch = slice_make(text.data, (size_t)(dash - text.data));
    struct slice sequence = slice_make(dash + 1, text.size - epoch.size - 1);
    if (!parse_number(epoch, &cursor.epoch) || !parse_number(sequence, &cursor.sequence) || !cursor.epoch)
        return false;
    *ret_cursor = cursor;
    return true;
}
