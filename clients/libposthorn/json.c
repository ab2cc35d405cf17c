#include "json.h"

#include <stdint.h>

#include "util/decimal.h"

void ph_json_init(struct ph_json *json, struct slice text)
{
    json->at = text.data;
    json->end = text.data + text.size;
    json->started = false;
}

static void skip_blanks(struct ph_json *json)
{
    while (json->at < json->end && memchr(" \t\r\n", *json->at, 4))
        json->at++;
}

static bool take(struct ph_json *json, char c)
{
    if (json->at == json->end || *json->at != c)
        return false;
    json->at++;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four hexadecimal digits at the start of text, or -1. */
static int hex4(const char *text, const char *end)
{
    int value = 0;
    if (end - text < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(text[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static bool is_high_surrogate(int unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low_surrogate(int unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* The character of an escape; text stands behind the backslash. Returns the bytes taken, 0 where it is malformed. */
static size_t read_escape(const char *text, const char *end, uint32_t *ret_character)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (text == end)
        return 0;
    const char *name = *text ? strchr(names, *text) : NULL;
    if (name) {
        *ret_character = (unsigned char)values[name - names];
        return 1;
    }
    int high = *text == 'u' ? hex4(text + 1, end) : -1;
    if (high < 0 || is_low_surrogate(high))
        return 0;
    *ret_character = (uint32_t)high;
    if (!is_high_surrogate(high))
        return 5;
    int low = end - text >= 7 && text[5] == '\\' && text[6] == 'u' ? hex4(text + 7, end) : -1;
    if (!is_low_surrogate(low))
        return 0;
    *ret_character = 0x10000 + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
    return 11;
}

/* A string; the opening quote has been taken. */
static bool take_string(struct ph_json *json, struct slice *ret_text)
{
    const char *start = json->at;
    uint32_t unused;
    while (json->at < json->end) {
        char c = *json->at++;
        if (c == '"') {
            *ret_text = slice_make(start, (size_t)(json->at - 1 - start));
            return true;
        }
        if ((unsigned char)c < ' ')
            return false;
        if (c == '\\') {
            size_t taken = read_escape(json->at, json->end, &unused);
            if (taken == 0)
                return false;
            json->at += taken;
        }
    }
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool take_digits(struct ph_json *json)
{
    const char *start = json->at;
    while (json->at < json->end && is_digit(*json->at))
        json->at++;
    return json->at > start;
}

static bool take_number(struct ph_json *json)
{
    take(json, '-');
    if (!take(json, '0') && !take_digits(json))
        return false;
    if (take(json, '.') && !take_digits(json))
        return false;
    if (take(json, 'e') || take(json, 'E')) {
        if (!take(json, '+'))
            take(json, '-');
        return take_digits(json);
    }
    return true;
}

static const struct word {
    const char *text;
    enum ph_json_kind kind;
} words[] = {
    { "true", PH_JSON_TRUE },
    { "false", PH_JSON_FALSE },
    { "null", PH_JSON_NULL },
};

static bool take_word(struct ph_json *json, enum ph_json_kind *ret_kind)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t size = strlen(words[i].text);
        if ((size_t)(json->end - json->at) >= size && memcmp(json->at, words[i].text, size) == 0) {
            json->at += size;
            *ret_kind = words[i].kind;
            return true;
        }
    }
    return false;
}

/* A value that holds no others. */
static bool take_plain(struct ph_json *json, struct ph_json_field *field)
{
    const char *start = json->at;
    if (take(json, '"')) {
        field->kind = PH_JSON_STRING;
        return take_string(json, &field->text);
    }
    if (!take_word(json, &field->kind)) {
        field->kind = PH_JSON_NUMBER;
        if (!take_number(json))
            return false;
    }
    field->text = slice_make(start, (size_t)(json->at - start));
    return true;
}

static bool take_name(struct ph_json *json, struct slice *ret_name)
{
    skip_blanks(json);
    if (!take(json, '"') || !take_string(json, ret_name))
        return false;
    skip_blanks(json);
    return take(json, ':');
}

/* What stands open around the place where a nested value is being read: one bit a level, set for an object. */
struct nest {
    uint32_t objects;
    unsigned depth;
};

static bool is_object(const struct nest *nest)
{
    return nest->objects & 1;
}

static bool nest_open(struct nest *nest, bool object)
{
    if (nest->depth == PH_JSON_DEPTH_MAX)
        return false;
    nest->objects = nest->objects << 1 | object;
    nest->depth++;
    return true;
}

static void nest_close(struct nest *nest)
{
    nest->objects >>= 1;
    nest->depth--;
}

/* Closes what ends here, until a comma or the outermost end. False: neither. */
static bool close_nested(struct ph_json *json, struct nest *nest)
{
    while (nest->depth > 0) {
        skip_blanks(json);
        if (take(json, ','))
            return true;
        if (!take(json, is_object(nest) ? '}' : ']'))
            return false;
        nest_close(nest);
    }
    return true;
}

/*
 * Steps into what opens here. 1: a value is expected next; 0: it was empty, or no bracket stands here; -1: malformed.
 */
static int open_nested(struct ph_json *json, struct nest *nest, bool *ret_opened)
{
    bool object = json->at < json->end && *json->at == '{';
    *ret_opened = take(json, '{') || take(json, '[');
    if (!*ret_opened)
        return 0;
    if (!nest_open(nest, object))
        return -1;
    skip_blanks(json);
    if (!take(json, object ? '}' : ']'))
        return 1;
    nest_close(nest);
    return 0;
}

/* An array or an object with everything in it. */
static bool take_nested(struct ph_json *json)
{
    struct nest nest = { 0 };
    struct ph_json_field unused;
    bool opened;
    do {
        if (nest.depth > 0 && is_object(&nest) && !take_name(json, &unused.name))
            return false;
        skip_blanks(json);
        int inside = open_nested(json, &nest, &opened);
        if (inside < 0)
            return false;
        if (inside > 0)
            continue;
        if ((!opened && !take_plain(json, &unused)) || !close_nested(json, &nest))
            return false;
    } while (nest.depth > 0);
    return true;
}

static bool take_value(struct ph_json *json, struct ph_json_field *field)
{
    const char *start = json->at;
    if (json->at == json->end || (*json->at != '{' && *json->at != '['))
        return take_plain(json, field);
    if (!take_nested(json))
        return false;
    field->kind = PH_JSON_NESTED;
    field->text = slice_make(start, (size_t)(json->at - start));
    return true;
}

/* At the object's end: nothing may follow. */
static int at_end(struct ph_json *json)
{
    skip_blanks(json);
    return json->at == json->end ? 0 : -1;
}

int ph_json_next(struct ph_json *json, struct ph_json_field *ret_field)
{
    skip_blanks(json);
    if (!json->started) {
        if (!take(json, '{'))
            return -1;
        skip_blanks(json);
        json->started = true;
        if (take(json, '}'))
            return at_end(json);
    } else if (take(json, '}')) {
        return at_end(json);
    } else if (!take(json, ',')) {
        return -1;
    }
    struct ph_json_field field;
    if (!take_name(json, &field.name))
        return -1;
    skip_blanks(json);
    if (!take_value(json, &field))
        return -1;
    *ret_field = field;
    return 1;
}

/* Writes a character as UTF-8 and returns its size, at most 4. */
static size_t utf8_write(char *out, uint32_t character)
{
    if (character < 0x80) {
        out[0] = (char)character;
        return 1;
    }
    size_t size = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    static const unsigned char marks[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    for (size_t i = size - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (character & 0x3f));
        character >>= 6;
    }
    out[0] = (char)(marks[size] | character);
    return size;
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* The bytes that belong to the character at the start of text, so that a cut never parts them. */
static size_t utf8_size(const char *text, size_t left)
{
    size_t size = 1;
    while (size < 4 && size < left && is_continuation(text[size]))
        size++;
    return size;
}

void ph_json_decode(struct slice text, char *out, size_t size)
{
    const char *at = text.data, *end = text.data + text.size;
    size_t used = 0;
    while (at < end) {
        char character[4];
        uint32_t value;
        size_t taken = utf8_size(at, (size_t)(end - at)), wide = taken;
        if (*at == '\\') {
            taken = 1 + read_escape(at + 1, end, &value);
            wide = utf8_write(character, value);
        } else {
            memcpy(character, at, taken);
        }
        if (wide >= size - used)
            break;
        memcpy(out + used, character, wide);
        used += wide;
        at += taken;
    }
    out[used] = '\0';
}

bool ph_json_number(const struct ph_json_field *field, unsigned long long max, unsigned long long *ret_number)
{
    uint64_t value;
    if (field->kind != PH_JSON_NUMBER || !decimal_read_max(field->text, max, &value))
        return false;
    *ret_number = value;
    return true;
}

/* An escape for c, written to out (7 bytes); NULL where it stands for itself. */
static const char *escape_of(char c, char *out)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char byte = (unsigned char)c;
    if (c == '"' || c == '\\') {
        memcpy(out, (char[]){ '\\', c, '\0' }, 3);
        return out;
    }
    if (byte >= ' ')
        return NULL;
    memcpy(out, "\\u00", 4);
    out[4] = digits[byte >> 4];
    out[5] = digits[byte & 15];
    out[6] = '\0';
    return out;
}

bool ph_json_write(struct ph_buffer *buffer, const char *text)
{
    char room[7];
    bool good = ph_buffer_add(buffer, "\"", 1);
    for (; good && *text; text++) {
        const char *escape = escape_of(*text, room);
        good = escape ? ph_buffer_add_text(buffer, escape) : ph_buffer_add(buffer, text, 1);
    }
    return good && ph_buffer_add(buffer, "\"", 1);
}
