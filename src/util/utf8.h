/* utf8: which bytes are well-formed UTF-8 (Unicode 15, table 3-7), character by character. Pure; any thread. */
#ifndef UTIL_UTF8_H
#define UTIL_UTF8_H

#include "util/slice.h"

/* The bytes of the well-formed character at the start of text, NUL and controls included; 0: there is none. */
size_t utf8_character_size(struct slice text);

/* True where all of it is well-formed. Fast where most of it is ASCII. */
bool utf8_valid(struct slice text);

/* Copies text to out, with U+FFFD in place of each byte that is no part of a well-formed character, and returns the
 * end. What is written is at most so many times as long. */
enum { UTF8_MENDED_RATIO = 3 };
char *utf8_mend(char *out, struct slice text);

#endif
