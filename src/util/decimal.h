/* decimal: numbers in decimal digits, without a sign, as they stand in a slice. Pure; any thread. */
#ifndef UTIL_DECIMAL_H
#define UTIL_DECIMAL_H

#include "util/slice.h"

enum { DECIMAL_SAFE_SIZE = 19 }; /* digits that 64 bits hold whatever they are */

static inline unsigned decimal_digit(char c)
{
    return (unsigned char)c - (unsigned)'0'; /* above 9: it is none */
}

/* How many digits text begins with. */
static inline size_t decimal_size(struct slice text)
{
    size_t size = 0;
    while (size < text.size && decimal_digit(text.data[size]) <= 9)
        size++;
    return size;
}

/* The digits behind the first DECIMAL_SAFE_SIZE, which are seldom there. */
static inline size_t decimal_cut_long(struct slice text, size_t at, uint64_t *number)
{
    for (unsigned digit; at < text.size && (digit = decimal_digit(text.data[at])) <= 9; at++)
        if (__builtin_mul_overflow(*number, 10u, number) || __builtin_add_overflow(*number, digit, number))
            return 0;
    return at;
}

/* Reads the number that text begins with, and returns how many digits it has. 0: there are none, or 64 bits do not hold
 * it; *ret_number is 0 then. */
static inline size_t decimal_cut(struct slice text, uint64_t *ret_number)
{
    size_t at = 0, safe = text.size < DECIMAL_SAFE_SIZE ? text.size : DECIMAL_SAFE_SIZE;
    uint64_t number = 0;
    for (unsigned digit; at < safe && (digit = decimal_digit(text.data[at])) <= 9; at++)
        number = number * 10 + digit;
    if (at == DECIMAL_SAFE_SIZE)
        at = decimal_cut_long(text, at, &number);
    *ret_number = at ? number : 0;
    return at;
}

/* Reads a number that is all of text, and at most max. False: it is none; *ret_number is what it was. */
static inline bool decimal_read_max(struct slice text, uint64_t max, uint64_t *ret_number)
{
    uint64_t number;
    size_t size = decimal_cut(text, &number);
    if (!size || size != text.size || number > max)
        return false;
    *ret_number = number;
    return true;
}

static inline bool decimal_read(struct slice text, uint64_t *ret_number)
{
    return decimal_read_max(text, UINT64_MAX, ret_number);
}

#endif
