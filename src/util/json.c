#include "util/json.h"

#include "util/utf8.h"

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

/* Sixteen bytes at once; compared, each is 0 or -1. */
typedef int8_t bytes __attribute__((vector_size(16)));

/* True where sixteen bytes are all ASCII that stands for itself: others than ASCII are negative. */
static bool are_plain(const char *data)
{
    bytes some;
    uint64_t halves[2];
    memcpy(&some, data, sizeof some);
    some = (some < 0x20) | (some == '"') | (some == '\\');
    memcpy(halves, &some, sizeof halves);
    return !(halves[0] | halves[1]);
}

static bool is_plain_byte(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte < 0x80 && !escapes[byte];
}

/* The bytes at the start of text that are ASCII and stand for themselves. */
static size_t plain_size(struct slice text)
{
    size_t at = 0;
    while (text.size - at >= sizeof(bytes) && are_plain(text.data + at))
        at += sizeof(bytes);
    while (at < text.size && is_plain_byte(text.data[at]))
        at++;
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

/* Reading. */

struct scan {
    const char *at, *end;
    unsigned depth;
    uint64_t objects[JSON_DEPTH_MAX / 64]; /* a bit for each level: an object, else an array */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

size_t json_blank_size(struct slice text)
{
    size_t size = 0;
    while (size < text.size && is_blank(text.data[size]))
        size++;
    return size;
}

static void skip_blanks(struct scan *scan)
{
    while (scan->at < scan->end && is_blank(*scan->at))
        scan->at++;
}

static bool skip_char(struct scan *scan, char c)
{
    bool found = scan->at < scan->end && *scan->at == c;
    scan->at += found;
    return found;
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The four digits behind \u; -1: they are none. */
static long read_hex(const char *at, const char *end)
{
    long value = 0;
    if (end - at < 4)
        return -1;
    for (unsigned i = 0; i < 4; i++) {
        if (hex_value(at[i]) < 0)
            return -1;
        value = value << 4 | hex_value(at[i]);
    }
    return value;
}

/* What stands behind a backslash. */
static bool skip_escape(struct scan *scan)
{
    if (scan->at == scan->end)
        return false;
    char c = *scan->at++;
    if (c != 'u')
        return c && strchr("\"\\/bfnrt", c);
    if (read_hex(scan->at, scan->end) < 0)
        return false;
    scan->at += 4;
    return true;
}

static bool skip_string(struct scan *scan)
{
    if (!skip_char(scan, '"'))
        return false;
    while (scan->at < scan->end) {
        char c = *scan->at++;
        if (c == '"')
            return true;
        if ((unsigned char)c < 0x20 || (c == '\\' && !skip_escape(scan)))
            return false;
    }
    return false;
}

static bool skip_digits(struct scan *scan)
{
    const char *start = scan->at;
    while (scan->at < scan->end && is_digit(*scan->at))
        scan->at++;
    return scan->at > start;
}

static bool skip_number(struct scan *scan)
{
    skip_char(scan, '-');
    if (!skip_char(scan, '0') && !skip_digits(scan))
        return false;
    if (skip_char(scan, '.') && !skip_digits(scan))
        return false;
    if (!skip_char(scan, 'e') && !skip_char(scan, 'E'))
        return true;
    if (!skip_char(scan, '+'))
        skip_char(scan, '-');
    return skip_digits(scan);
}

static bool skip_word(struct scan *scan, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(scan->end - scan->at) < size || memcmp(scan->at, word, size) != 0)
        return false;
    scan->at += size;
    return true;
}

static bool skip_scalar(struct scan *scan)
{
    switch (*scan->at) {
    case '"': return skip_string(scan);
    case 't': return skip_word(scan, "true");
    case 'f': return skip_word(scan, "false");
    case 'n': return skip_word(scan, "null");
    default: return skip_number(scan);
    }
}

static bool skip_name(struct scan *scan)
{
    skip_blanks(scan);
    if (!skip_string(scan))
        return false;
    skip_blanks(scan);
    if (!skip_char(scan, ':'))
        return false;
    skip_blanks(scan);
    return true;
}

static bool is_in_object(const struct scan *scan)
{
    return scan->depth && scan->objects[(scan->depth - 1) / 64] >> (scan->depth - 1) % 64 & 1;
}

static bool enter(struct scan *scan, bool object)
{
    if (scan->depth == JSON_DEPTH_MAX)
        return false;
    uint64_t bit = UINT64_C(1) << scan->depth % 64, *word = &scan->objects[scan->depth / 64];
    *word = object ? *word | bit : *word & ~bit;
    scan->depth++;
    scan->at++;
    skip_blanks(scan);
    return true;
}

static bool leave(struct scan *scan)
{
    bool closed = skip_char(scan, is_in_object(scan) ? '}' : ']');
    scan->depth -= closed;
    return closed;
}

/* From where a value begins: over it, or into it, up to the first value in it. */
static bool begin_value(struct scan *scan, bool *value_due)
{
    if (scan->at == scan->end)
        return false;
    *value_due = false;
    if (*scan->at != '{' && *scan->at != '[')
        return skip_scalar(scan);
    if (!enter(scan, *scan->at == '{'))
        return false;
    if (leave(scan))
        return true;
    *value_due = true;
    return !is_in_object(scan) || skip_name(scan);
}

/* From behind a value: to the next one beside it, or out of what holds it. */
static bool end_value(struct scan *scan, bool *value_due)
{
    skip_blanks(scan);
    *value_due = skip_char(scan, ',');
    if (!*value_due)
        return leave(scan);
    skip_blanks(scan);
    return !is_in_object(scan) || skip_name(scan);
}

size_t json_value_size(struct slice text)
{
    struct scan scan = { .at = text.data, .end = text.data + text.size };
    bool value_due = true;
    while (value_due || scan.depth)
        if (value_due ? !begin_value(&scan, &value_due) : !end_value(&scan, &value_due))
            return 0;
    return (size_t)(scan.at - text.data);
}

/* Stands before the next value in an array or object, or behind the last: false. */
static bool next_place(struct slice text, size_t *cursor, struct scan *ret_scan)
{
    *ret_scan = (struct scan){ .at = text.data + *cursor, .end = text.data + text.size };
    if (*cursor == 0)
        ret_scan->at++;
    skip_blanks(ret_scan);
    if (*cursor > 0 && !skip_char(ret_scan, ','))
        return false;
    skip_blanks(ret_scan);
    return ret_scan->at < ret_scan->end && *ret_scan->at != ']' && *ret_scan->at != '}';
}

bool json_next_element(struct slice array, size_t *cursor, struct slice *ret_value)
{
    struct scan scan;
    if (array.size == 0 || !next_place(array, cursor, &scan))
        return false;
    struct slice rest = slice_make(scan.at, (size_t)(scan.end - scan.at));
    *ret_value = slice_make(rest.data, json_value_size(rest));
    *cursor = (size_t)(scan.at - array.data) + ret_value->size;
    return ret_value->size > 0;
}

bool json_next_member(struct slice object, size_t *cursor, struct slice *ret_name, struct slice *ret_value)
{
    struct scan scan;
    if (object.size == 0 || !next_place(object, cursor, &scan))
        return false;
    struct slice rest = slice_make(scan.at, (size_t)(scan.end - scan.at));
    *ret_name = slice_make(rest.data, json_value_size(rest));
    if (ret_name->size == 0 || !skip_name(&scan))
        return false;
    rest = slice_make(scan.at, (size_t)(scan.end - scan.at));
    *ret_value = slice_make(rest.data, json_value_size(rest));
    *cursor = (size_t)(scan.at - object.data) + ret_value->size;
    return ret_value->size > 0;
}

static char *put_utf8(char *out, long character)
{
    static const struct {
        long last;
        unsigned char lead, tail_count;
    } rows[] = { { 0x7f, 0x00, 0 }, { 0x7ff, 0xc0, 1 }, { 0xffff, 0xe0, 2 }, { 0x10ffff, 0xf0, 3 } };
    unsigned row = 0;
    while (character > rows[row].last)
        row++;
    unsigned shift = 6u * rows[row].tail_count;
    *out++ = (char)(rows[row].lead | character >> shift);
    while (shift > 0) {
        shift -= 6;
        *out++ = (char)(0x80 | (character >> shift & 0x3f));
    }
    return out;
}

/* The character that \u stands for, with a second escape where it takes two; -1: half a character. */
static long read_escaped(const char **at, const char *end)
{
    long first = read_hex(*at, end);
    *at += 4;
    if (first < 0xd800 || first > 0xdfff)
        return first;
    if (first > 0xdbff || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
        return -1;
    long second = read_hex(*at + 2, end);
    *at += 6;
    if (second < 0xdc00 || second > 0xdfff)
        return -1;
    return 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
}

/* An escape's letter, and the byte that it stands for. */
static char unescape(char letter)
{
    static const char pairs[] = "b\bf\fn\nr\rt\t";
    for (const char *pair = pairs; *pair; pair += 2)
        if (*pair == letter)
            return pair[1];
    return letter;
}

bool json_read_string(struct slice value, char *out, size_t *ret_size)
{
    const char *at = value.data + 1, *end = value.data + value.size - 1;
    char *start = out;
    if (value.size < 2 || *value.data != '"')
        return false;
    while (at < end) {
        char c = *at++;
        if (c == '\\' && *at++ == 'u') {
            long character = read_escaped(&at, end);
            if (character < 0)
                return false;
            out = put_utf8(out, character);
        } else {
            *out++ = c == '\\' ? unescape(at[-1]) : c;
        }
    }
    *ret_size = (size_t)(out - start);
    return true;
}
