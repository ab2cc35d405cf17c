#include "json.h"

/*
 * The bytes that the character at data takes, 0 where it is not UTF-8: no surrogates, no detours, nothing above
 * U+10FFFF.
 */
static size_t character_size(const unsigned char *data, size_t size)
{
    static const struct {
        unsigned char first, last;             /* of the lead byte */
        unsigned char second_low, second_high; /* what may follow it */
        size_t size;
    } rows[] = {
        { 0x00, 0x7f, 0x00, 0x00, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
        { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (*data < rows[i].first || *data > rows[i].last)
            continue;
        if (rows[i].size > size ||
            (rows[i].size > 1 && (data[1] < rows[i].second_low || data[1] > rows[i].second_high)))
            return 0;
        for (size_t k = 2; k < rows[i].size; k++)
            if ((data[k] & 0xc0) != 0x80)
                return 0;
        return rows[i].size;
    }
    return 0;
}

bool utf8_valid(const char *data, size_t size)
{
    while (size) {
        size_t step = character_size((const unsigned char *)data, size);
        if (step == 0)
            return false;
        data += step;
        size -= step;
    }
    return true;
}

static void write_ascii(FILE *out, unsigned char character)
{
    static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: the character, what stands for it */
    const char *pair = named;
    while (*pair && (unsigned char)*pair != character)
        pair += 2;
    if (*pair)
        fprintf(out, "\\%c", pair[1]);
    else if (character < ' ' || character == 0x7f)
        fprintf(out, "\\u%04x", character);
    else
        putc_unlocked(character, out);
}

void json_string(FILE *out, const char *data, size_t size)
{
    putc_unlocked('"', out);
    while (size) {
        size_t step = character_size((const unsigned char *)data, size);
        if (step == 0)
            fputs("\\ufffd", out);
        else if (step == 1)
            write_ascii(out, (unsigned char)*data);
        else
            fwrite(data, 1, step, out);
        step += step == 0;
        data += step;
        size -= step;
    }
    putc_unlocked('"', out);
}

void json_base64(FILE *out, const char *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *bytes = (const unsigned char *)data;
    putc_unlocked('"', out);
    for (size_t at = 0; at < size; at += 3) {
        size_t left = size - at;
        unsigned three = (unsigned)bytes[at] << 16 | (left > 1 ? (unsigned)bytes[at + 1] << 8 : 0) |
                         (left > 2 ? bytes[at + 2] : 0);
        putc_unlocked(digits[three >> 18], out);
        putc_unlocked(digits[three >> 12 & 63], out);
        putc_unlocked(left > 1 ? digits[three >> 6 & 63] : '=', out);
        putc_unlocked(left > 2 ? digits[three & 63] : '=', out);
    }
    putc_unlocked('"', out);
}
