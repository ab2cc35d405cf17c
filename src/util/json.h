/*
 * json: JSON (RFC 8259) without trees, for what is too frequent or too large for cJSON: strings are written, and values
 * are checked and cut where they lie, so that a number keeps its digits. Pure; any thread.
 */
#ifndef UTIL_JSON_H
#define UTIL_JSON_H

#include "util/slice.h"

/* Bytes that json_write_string writes at most. */
static inline size_t json_string_size_max(struct slice text)
{
    return 6 * text.size + 2;
}

/* Writes text as a string in quotes, and returns its end. Each byte that is no UTF-8 becomes U+FFFD. */
char *json_write_string(char *out, struct slice text);

/* The bytes that json_write_string will write for it, for those who would not set six times its size aside. */
size_t json_string_size(struct slice text);

/* Reading. Values nest at most so deep. Of bytes above 0x7f it is the caller's to know that they are UTF-8. */
enum { JSON_DEPTH_MAX = 512 };

/* The blanks at the start of text. */
size_t json_blank_size(struct slice text);

/* The bytes of the value at the start of text, where no blank may stand; 0: it is malformed, cut, or too deep. */
size_t json_value_size(struct slice text);

/*
 * Walk the elements of an array and the members of an object, from *cursor = 0; array and object begin with
 * their bracket. False behind the last, and where what follows is malformed. A name is still a string with its quotes.
 */
bool json_next_element(struct slice array, size_t *cursor, struct slice *ret_value);
bool json_next_member(struct slice object, size_t *cursor, struct slice *ret_name, struct slice *ret_value);

/* Writes the text of a string, which has fewer bytes than the string. False where it is none, or where an escape stands
 * for half a character. */
bool json_read_string(struct slice value, char *out, size_t *ret_size);

#endif
