#include "util/json.h"

#include "util/utf8.h"

#define EACH_BYTE UINT64_C(0x0101010101010101)
#define HIGH_BITS UINT64_C(0x8080808080808080)

/* How bytes are written that do not stand for themselves: the letter behind the backslash, 'u' for \u00NN. */
static const char escapes[128] = {
    [0x00] = 'u', [0x01] = 'u', [0x02] = 'u', [0x03] = 'u', [0x04] = 'u', [0x05] = 'u', [0x06] = 'u', [0x07] = 'u',
    ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', [0x0b] = 'u', ['\f'] = 'f', ['\r'] = 'r', [0x0e] = 'u', [0x0f] = 'u',
    [0x10] = 'u', [0x11] = 'u', [0x12] = 'u', [0x13] = 'u', [0x14] = 'u', [0x15] = 'u', [0x16] = 'u', [0x17] = 'u',
    [0x18] = 'u', [0x19] = 'u', [0x1a] = 'u', [0x1b] = 'u', [0x1c] = 'u', [0x1d] = 'u', [0x1e] = 'u', [0x1f] = 'u',
    ['"'] = '"',  ['\\'] = '\\',
};

static const char replacement[] = "\xef\xbf\xbd";
enum { REPLACEMENT_SIZE = sizeof replacement - 1 };

/* A high bit where a byte of the word is zero, and perhaps in bytes above the first such. */
static uint64_t zeros(uint64_t word)
{
    return (word - EACH_BYTE) & ~word;
}

/* True where eight bytes are all ASCII that stands for itself. */
static bool is_plain(uint64_t word)
{
    uint64_t controls = word - EACH_BYTE * 0x20;
    return !((word | controls | zeros(word ^ EACH_BYTE * '"') | zeros(word ^ EACH_BYTE * '\\')) & HIGH_BITS);
}

/* The bytes at the start of text that stand for themselves, in whole words. */
static size_t plain_size(struct slice text)
{
    size_t at = 0;
    for (uint64_t word; text.size - at >= sizeof word; at += sizeof word) {
        memcpy(&word, text.data + at, sizeof word);
        if (!is_plain(word))
            break;
    }
    return at;
}

static char *put(char *out, const char *data, size_t size)
{
    memcpy(out, data, size);
    return out + size;
}

static char *put_ascii(char *out, char c)
{
    static const char digits[] = "0123456789abcdef";
    char escape = escapes[(unsigned char)c];
    if (!escape) {
        *out++ = c;
        return out;
    }
    *out++ = '\\';
    *out++ = escape;
    if (escape == 'u') {
        out = put(out, "00", 2);
        *out++ = digits[c >> 4];
        *out++ = digits[c & 15];
    }
    return out;
}

/* The character at the start of text, of size bytes; 0: a byte that is no UTF-8. */
static char *put_character(char *out, struct slice text, size_t size)
{
    if (size == 0)
        return put(out, replacement, REPLACEMENT_SIZE);
    return size == 1 ? put_ascii(out, *text.data) : put(out, text.data, size);
}

char *json_write_string(char *out, struct slice text)
{
    *out++ = '"';
    while (text.size > 0) {
        size_t size = plain_size(text);
        if (size > 0) {
            out = put(out, text.data, size);
        } else {
            size = utf8_character_size(text);
            out = put_character(out, text, size);
            size += size == 0;
        }
        text = slice_make(text.data + size, text.size - size);
    }
    *out++ = '"';
    return out;
}

static size_t character_size(struct slice text, size_t size)
{
    char written[6];
    return (size_t)(put_character(written, text, size) - written);
}

size_t json_string_size(struct slice text)
{
    size_t total = 2;
    while (text.size > 0) {
        size_t size = plain_size(text);
        if (size > 0) {
            total += size;
        } else {
            size = utf8_character_size(text);
            total += character_size(text, size);
            size += size == 0;
        }
        text = slice_make(text.data + size, text.size - size);
    }
    return total;
}
