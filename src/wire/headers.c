#include "wire/headers.h"

static const char preamble[] = "NATS/1.0";
#define PREAMBLE_SIZE (sizeof preamble - 1)

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static inline bool is_name_char(char c)
{
    return c > ' ' && c < 0x7f && c != ':';
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Looks at all, whatever it finds, so that compilers look at many at once. */
static bool is_name(struct slice text)
{
    bool is = true;
    for (size_t i = 0; i < text.size; i++)
        is &= is_name_char(text.data[i]);
    return is;
}

static bool is_value(struct slice text)
{
    bool is = true;
    for (size_t i = 0; i < text.size; i++)
        is &= (text.data[i] != '\r') & (text.data[i] != '\n') & (text.data[i] != '\0');
    return is;
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
    return name.size > 0 && is_name(name) && is_value(value);
}

/* The line at *cursor without its CR LF; moves *cursor behind it. False where no line end follows. */
static bool next_line(struct slice block, size_t *cursor, struct slice *ret_line)
{
    const char *start = block.data + *cursor;
    size_t left = block.size - *cursor;
    const char *newline = left ? memchr(start, '\n', left) : NULL;
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
    if (at > block.size || (at == 0 && !first_line(block, &at, &line)))
        return false;
    if (!next_line(block, &at, &line))
        return false;
    const char *colon = line.size ? memchr(line.data, ':', line.size) : NULL;
    if (!colon)
        return false;
    struct slice name = slice_make(line.data, (size_t)(colon - line.data));
    struct slice value = slice_make(colon + 1, line.size - name.size - 1);
    if (!headers_valid(name, value))
        return false;
    *cursor = at;
    *ret_name = name;
    *ret_value = trim(value);
    return true;
}

bool headers_find(struct slice block, const char *name, struct slice *ret_value)
{
    size_t cursor = 0, name_size = strlen(name);
    struct slice found, value;
    while (headers_next(block, &cursor, &found, &value)) {
        if (found.size == name_size && strncasecmp(found.data, name, name_size) == 0) {
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
