/*
 * text: words as people mistype them, and bytes as they may be shown. Pure; any thread.
 */
#ifndef UTIL_TEXT_H
#define UTIL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "util/slice.h"

/* Longer words are never guessed at. */
#define TEXT_WORD_SIZE_MAX 64u

/*
 * A guess at what somebody meant by a word that is none of the known names: begin it with the word, offer every name,
 * and read nearest. The first of equally near names wins; a name that has too little of the word is not a guess.
 * Borrows the word and the names.
 */
struct text_guess {
    const char *word;
    const char *nearest; /* NULL: none is near */
    size_t distance;     /* of the nearest; before there is one, the least distance that is too far */
};

void text_guess_init(struct text_guess *guess, const char *word);
void text_guess_offer(struct text_guess *guess, const char *name);

/*
 * The least number of bytes to be inserted, deleted, replaced, or exchanged with their neighbour that makes one word
 * of the other. TEXT_WORD_SIZE_MAX + 1 where either is longer than TEXT_WORD_SIZE_MAX.
 */
size_t text_distance(const char *a, const char *b);

/* True for well-formed UTF-8 without control characters; a tab is none. */
bool text_is_clean(struct slice text);

/* Writes text as it can be shown anywhere: unclean bytes as \xNN, "..." for what does not fit. Returns shown. */
const char *text_show(struct slice text, char *shown, size_t shown_size);

#endif
