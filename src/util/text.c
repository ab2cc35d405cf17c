#include "util/text.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* A guess may have a third of the word wrong, and one byte at least. */
void text_guess_init(struct text_guess *guess, const char *word)
{
    size_t size = strlen(word);
    *guess = (struct text_guess){ .word = word, .distance = size < 6 ? 2 : size / 3 + 1 };
}

void text_guess_offer(struct text_guess *guess, const char *name)
{
    size_t distance = text_distance(guess->word, name);
    if (distance >= guess->distance || distance >= strlen(name))
        return;
    guess->distance = distance;
    guess->nearest = name;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/*
 * The optimal string alignment distance, a row of the table at a time: row[j] is the distance between the first i bytes
 * of a and the first j of b. Exchanges look two rows back.
 */
size_t text_distance(const char *a, const char *b)
{
    size_t a_size = strlen(a), b_size = strlen(b);
    if (a_size > TEXT_WORD_SIZE_MAX || b_size > TEXT_WORD_SIZE_MAX)
        return TEXT_WORD_SIZE_MAX + 1;
    size_t rows[3][TEXT_WORD_SIZE_MAX + 1];
    for (size_t j = 0; j <= b_size; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t *row = rows[i % 3], *last = rows[(i + 2) % 3], *last_but_one = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            row[j] = least(least(row[j - 1], last[j]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], last_but_one[j - 2] + 1);
        }
    }
    return rows[a_size % 3][b_size];
}

/* What each first byte of a UTF-8 character asks of the bytes behind it (Unicode 15, table 3-7). */
struct lead {
    uint8_t first, last;               /* the range of the first byte */
    uint8_t tail_count;
    uint8_t second_first, second_last; /* the range of the second; those behind it are 80 to BF */
};

static const struct lead leads[] = {
    /* below c2 a0 are the C1 controls */
    { 0x09, 0x09, 0, 0, 0 },       { 0x20, 0x7e, 0, 0, 0 },       { 0xc2, 0xc2, 1, 0xa0, 0xbf },
    { 0xc3, 0xdf, 1, 0x80, 0xbf }, { 0xe0, 0xe0, 2, 0xa0, 0xbf }, { 0xe1, 0xec, 2, 0x80, 0xbf },
    { 0xed, 0xed, 2, 0x80, 0x9f }, { 0xee, 0xef, 2, 0x80, 0xbf }, { 0xf0, 0xf0, 3, 0x90, 0xbf },
    { 0xf1, 0xf3, 3, 0x80, 0xbf }, { 0xf4, 0xf4, 3, 0x80, 0x8f },
};

static const struct lead *find_lead(uint8_t byte)
{
    for (size_t i = 0; i < sizeof leads / sizeof *leads; i++)
        if (byte >= leads[i].first && byte <= leads[i].last)
            return &leads[i];
    return NULL;
}

static bool in_range(uint8_t byte, uint8_t first, uint8_t last)
{
    return byte >= first && byte <= last;
}

/* The bytes of the clean character at the start of text; 0: there is none. */
static size_t character_size(struct slice text)
{
    const uint8_t *bytes = (const uint8_t *)text.data;
    const struct lead *lead = text.size > 0 ? find_lead(bytes[0]) : NULL;
    if (!lead || text.size <= lead->tail_count)
        return 0;
    if (lead->tail_count > 0 && !in_range(bytes[1], lead->second_first, lead->second_last))
        return 0;
    for (size_t i = 2; i <= lead->tail_count; i++)
        if (!in_range(bytes[i], 0x80, 0xbf))
            return 0;
    return 1u + lead->tail_count;
}

bool text_is_clean(struct slice text)
{
    for (size_t size; text.size > 0; text = slice_make(text.data + size, text.size - size)) {
        size = character_size(text);
        if (size == 0)
            return false;
    }
    return true;
}

/* Every step leaves room for what may have to follow: "..." and the NUL. */
const char *text_show(struct slice text, char *shown, size_t shown_size)
{
    assert(shown_size > sizeof "...");
    size_t used = 0, room = shown_size - sizeof "...";
    while (text.size > 0) {
        size_t taken = character_size(text);
        size_t needed = taken > 0 ? taken : sizeof "\\xNN" - 1;
        if (used + needed > room)
            break;
        if (taken > 0)
            memcpy(shown + used, text.data, taken);
        else
            snprintf(shown + used, needed + 1, "\\x%02x", (uint8_t)text.data[0]);
        used += needed;
        taken += taken == 0;
        text = slice_make(text.data + taken, text.size - taken);
    }
    strcpy(shown + used, text.size > 0 ? "..." : "");
    return shown;
}
