#include "wire/headers.h"

static const char preamble[] = "NATS/1.0", usual_first_line[] = "NATS/1.0\r\n";
#define PREAMBLE_SIZE (sizeof preamble - 1)
#define USUAL_SIZE (sizeof usual_first_line - 1)

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* All that is printed but the colon. */
static const bool name_bytes[256] = { ['!' ... '9'] = true, [';' ... '~'] = true };

static inline bool is_name_char(char c)
{
    return name_bytes[(unsigned char)c];
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* How many bytes of a name the text begins with. */
static inline size_t name_size(struct slice text)
{
    size_t size = 0;
    while (size < text.size && is_name_char(text.data[size]))
        size++;
    return size;
}

/* Bytes, eight at a time. */

static inline uint64_t read_word(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* Not 0 where one of its bytes is 0. */
static inline uint64_t zero_bytes(uint64_t word)
{
    return (word - UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080);
}

/* Likewise where one is CR, LF or NUL, which no value has. */
static inline uint64_t bad_bytes(uint64_t word)
{
    return zero_bytes(word) | zero_bytes(word ^ UINT64_C(0x0d0d0d0d0d0d0d0d)) |
           zero_bytes(word ^ UINT64_C(0x0a0a0a0a0a0a0a0a));
}

static bool is_value(struct slice text)
{
    uint64_t word = UINT64_C(0x2020202020202020), bad = 0;
    size_t at = 0;
    for (; at + sizeof word <= text.size; at += sizeof word)
        bad |= bad_bytes(read_word(text.data + at));
    if (at < text.size)
        memcpy(&word, text.data + at, text.size - at);
    return !(bad | bad_bytes(word));
}

static struct slice trim(struct slice text)
{
    while (text.size > 0 && is_blank(text.data[0]))
        text = slice_make(text.data + 1, text.size - 1);
    while (text.size > 0 && is_blank(text.data[text.size - 1]))
        text.size--;
    return text;
}

bool headers_valid(struct slice name, struct slice value)
{
    return name.size > 0 && name_size(name) == name.size && is_value(value);
}

/* The line at *cursor without its CR LF; moves *cursor behind it. False where no line end follows. */
static bool next_line(struct slice block, size_t *cursor, struct slice *ret_line)
{
    if (*cursor >= block.size)
        return false;
    const char *start = block.data + *cursor;
    const char *newline = memchr(start, '\n', block.size - *cursor);
    if (!newline || newline == start || newline[-1] != '\r')
        return false;
    *ret_line = slice_make(start, (size_t)(newline - 1 - start));
    *cursor += (size_t)(newline + 1 - start);
    return true;
}

/* The first line, behind "NATS/1.0": empty, or blanks, a status and its description. */
static bool first_line(struct slice block, size_t *cursor, struct slice *ret_rest)
{
    struct slice line;
    if (!next_line(block, cursor, &line) || !slice_starts_with(line, slice_make(preamble, PREAMBLE_SIZE)))
        return false;
    struct slice rest = slice_make(line.data + PREAMBLE_SIZE, line.size - PREAMBLE_SIZE);
    if (rest.size > 0 && !is_blank(rest.data[0]))
        return false;
    *ret_rest = trim(rest);
    return true;
}

bool headers_next(struct slice block, size_t *cursor, struct slice *ret_name, struct slice *ret_value)
{
    size_t at = *cursor;
    struct slice line;
    if (at == 0 && slice_starts_with(block, slice_make(usual_first_line, USUAL_SIZE)))
        at = USUAL_SIZE;
    if (at > block.size || (at == 0 && !first_line(block, &at, &line)))
        return false;
    if (!next_line(block, &at, &line))
        return false;
    struct slice name = slice_make(line.data, name_size(line));
    if (!name.size || name.size == line.size || line.data[name.size] != ':')
        return false;
    struct slice value = slice_make(line.data + name.size + 1, line.size - name.size - 1);
    if (!is_value(value))
        return false;
    *cursor = at;
    *ret_name = name;
    *ret_value = trim(value);
    return true;
}

bool headers_find(struct slice block, const char *name, struct slice *ret_value)
{
    size_t cursor = 0, size = strlen(name);
    struct slice found, value;
    while (headers_next(block, &cursor, &found, &value)) {
        if (found.size == size && strncasecmp(found.data, name, size) == 0) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static bool is_status(const char digits[3])
{
    return is_digit(digits[0]) && is_digit(digits[1]) && is_digit(digits[2]);
}

int headers_status(struct slice block, struct slice *ret_description)
{
    size_t cursor = 0;
    struct slice rest;
    if (!first_line(block, &cursor, &rest) || rest.size < 3 || !is_status(rest.data))
        return 0;
    if (rest.size > 3 && !is_blank(rest.data[3]))
        return 0;
    if (ret_description)
        *ret_description = trim(slice_make(rest.data + 3, rest.size - 3));
    return (rest.data[0] - '0') * 100 + (rest.data[1] - '0') * 10 + (rest.data[2] - '0');
}

static char *put(char *out, const char *data, size_t size)
{
    if (size > 0)
        memcpy(out, data, size);
    return out + size;
}

char *headers_begin(char *out)
{
    return put(put(out, preamble, PREAMBLE_SIZE), "\r\n", 2);
}

char *headers_add(char *out, struct slice name, struct slice value)
{
    out = put(put(out, name.data, name.size), ": ", 2);
    return put(put(out, value.data, value.size), "\r\n", 2);
}

char *headers_end(char *out)
{
    return put(out, "\r\n", 2);
}
