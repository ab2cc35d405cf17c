#include "util/base64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char for_urls[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Writes `count` letters of 24 bits, the highest first. */
static char *put_letters(char *out, const char *alphabet, uint32_t bits, unsigned count)
{
    for (unsigned shift = 18; count-- > 0; shift -= 6)
        *out++ = alphabet[bits >> shift & 63];
    return out;
}

/* All but the padding; *ret_left is how many bytes the last group had, 0 for a whole one. */
static char *put_data(char *out, const char *alphabet, struct slice data, size_t *ret_left)
{
    const uint8_t *at = (const uint8_t *)data.data;
    size_t left = data.size;
    for (; left >= 3; at += 3, left -= 3)
        out = put_letters(out, alphabet, (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2], 4);
    *ret_left = left;
    if (left == 2)
        return put_letters(out, alphabet, (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8, 3);
    return left == 1 ? put_letters(out, alphabet, (uint32_t)at[0] << 16, 2) : out;
}

char *base64_write(char *out, struct slice data)
{
    size_t left;
    out = put_data(out, standard, data, &left);
    for (; left > 0 && left < 3; left++)
        *out++ = '=';
    return out;
}

char *base64url_write(char *out, struct slice data)
{
    size_t left;
    return put_data(out, for_urls, data, &left);
}

/* The value of a letter; 64: it is none. */
static uint32_t letter_value(char letter, const char *last_two)
{
    if (letter >= 'A' && letter <= 'Z')
        return (uint32_t)(letter - 'A');
    if (letter >= 'a' && letter <= 'z')
        return (uint32_t)(letter - 'a') + 26;
    if (letter >= '0' && letter <= '9')
        return (uint32_t)(letter - '0') + 52;
    return letter == last_two[0] ? 62 : letter == last_two[1] ? 63 : 64;
}

/* Reads two to four letters into one byte fewer. False where one is no letter, or bits are set that stand for nothing:
 * they would make a second text for the same bytes. */
static bool read_letters(const char *text, size_t count, const char *alphabet, char *out)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t value = letter_value(text[i], alphabet + 62);
        if (value > 63)
            return false;
        bits |= value << (18 - 6 * i);
    }
    for (size_t i = 0; i + 1 < count; i++)
        out[i] = (char)(bits >> (16 - 8 * i));
    return (bits << (8 * (count - 1)) & 0xffffffu) == 0;
}

/* Text without padding. */
static bool read_data(struct slice text, const char *alphabet, char *out, size_t *ret_size)
{
    char *at = out;
    if (text.size % 4 == 1)
        return false;
    while (text.size > 0) {
        size_t count = text.size < 4 ? text.size : 4;
        if (!read_letters(text.data, count, alphabet, at))
            return false;
        at += count - 1;
        text = slice_make(text.data + count, text.size - count);
    }
    *ret_size = (size_t)(at - out);
    return true;
}

bool base64_read(struct slice text, char *out, size_t *ret_size)
{
    if (text.size % 4 != 0)
        return false;
    for (unsigned i = 0; i < 2 && text.size > 0 && text.data[text.size - 1] == '='; i++)
        text.size--;
    return read_data(text, standard, out, ret_size);
}

bool base64url_read(struct slice text, char *out, size_t *ret_size)
{
    return read_data(text, for_urls, out, ret_size);
}
