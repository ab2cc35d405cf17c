#include "util/text.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "util/utf8.h"

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

static bool is_control(struct slice text)
{
    uint8_t first = (uint8_t)text.data[0];
    return (first < 0x20 && first != '\t') || first == 0x7f || (first == 0xc2 && (uint8_t)text.data[1] < 0xa0);
}

/* The bytes of the clean character at the start of text; 0: there is none. */
static size_t character_size(struct slice text)
{
    size_t size = utf8_character_size(text);
    return size > 0 && is_control(text) ? 0 : size;
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
