#include "sidecar/tail_lines.h"

#include "util/json.h"
#include "util/utf8.h"

enum { UTF8_SIZE_MAX = 4 };

/* One line of the bytes: `text` without its newline, `size` with it. */
struct line {
    size_t text, size;
};

static bool find_line(struct slice bytes, enum tail_end end, struct line *ret_line)
{
    const char *newline = bytes.size ? memchr(bytes.data, '\n', bytes.size) : NULL;
    if (newline)
        *ret_line = (struct line){ (size_t)(newline - bytes.data), (size_t)(newline - bytes.data) + 1 };
    else if (end == TAIL_ENDED && bytes.size)
        *ret_line = (struct line){ bytes.size, bytes.size };
    else
        return false;
    return true;
}

/* Where to cut what is longer than size: not within a character. */
static size_t place_to_cut(struct slice bytes, size_t size)
{
    for (size_t back = 0; back < UTF8_SIZE_MAX && back < size; back++)
        if (((unsigned char)bytes.data[size - back] & 0xc0) != 0x80)
            return size - back;
    return size;
}

/* The first line, or as much of it as a record may have. */
static bool take_line(struct slice bytes, size_t size_max, enum tail_end end, struct line *ret_line)
{
    struct slice seen = slice_make(bytes.data, bytes.size < size_max + 1 ? bytes.size : size_max + 1);
    if (find_line(seen, seen.size < bytes.size ? TAIL_GROWS : end, ret_line) && ret_line->text <= size_max)
        return true;
    if (bytes.size <= size_max)
        return false;
    size_t size = place_to_cut(bytes, size_max);
    *ret_line = (struct line){ size, size };
    return true;
}

static bool begins(const struct tail_rules *rules, struct slice line)
{
    char text[TAIL_MATCHED_MAX + 1];
    size_t size = line.size < TAIL_MATCHED_MAX ? line.size : TAIL_MATCHED_MAX;
    if (size)
        memcpy(text, line.data, size);
    text[size] = '\0';
    return regexec(rules->begins, text, 0, NULL, 0) == 0;
}

/* Whether the line behind a record begins another one. */
enum verdict { IT_BEGINS, IT_GOES_ON, IT_IS_NOT_SEEN };

static enum verdict judge_next(const struct tail_rules *rules, struct slice rest, enum tail_end end,
                               struct line *ret_line)
{
    if (find_line(rest, end, ret_line))
        return begins(rules, slice_make(rest.data, ret_line->text)) ? IT_BEGINS : IT_GOES_ON;
    if (rest.size >= TAIL_MATCHED_MAX && begins(rules, rest))
        return IT_BEGINS;
    return IT_IS_NOT_SEEN;
}

/* Takes lines in until one begins another record, or the record would be too long. */
static bool join(const struct tail_rules *rules, struct slice bytes, enum tail_end end, struct line *record)
{
    for (;;) {
        struct slice rest = slice_make(bytes.data + record->size, bytes.size - record->size);
        struct line next = { 0, 0 };
        enum verdict verdict = judge_next(rules, rest, end, &next);
        if (verdict == IT_BEGINS)
            return true;
        if (verdict == IT_IS_NOT_SEEN)
            return end != TAIL_GROWS || bytes.size > rules->size_max;
        if (record->size + next.text > rules->size_max)
            return true;
        *record = (struct line){ record->size + next.text, record->size + next.size };
    }
}

bool tail_next_record(const struct tail_rules *rules, struct slice bytes, enum tail_end end,
                      struct tail_record *ret_record)
{
    struct line record;
    if (!take_line(bytes, rules->size_max, end, &record))
        return false;
    bool is_cut = record.size == record.text && record.size < bytes.size;
    if (rules->begins && !is_cut && !join(rules, bytes, end, &record))
        return false;
    *ret_record = (struct tail_record){ slice_make(bytes.data, record.text), record.size };
    return true;
}

bool tail_is_json(struct slice text)
{
    size_t blank = json_blank_size(text);
    struct slice value = slice_make(text.data + blank, text.size - blank);
    if (!value.size || value.data[0] != '{' || !utf8_valid(value))
        return false;
    size_t size = json_value_size(value);
    struct slice rest = slice_make(value.data + size, value.size - size);
    return size && json_blank_size(rest) == rest.size;
}
