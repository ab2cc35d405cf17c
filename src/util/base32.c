#include "util/base32.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

char *base32_write(char *out, struct slice data)
{
    uint32_t bits = 0;
    unsigned count = 0; /* of the bits that no letter has yet, fewer than 5 between two bytes */
    for (size_t i = 0; i < data.size; i++) {
        bits = bits << 8 | (uint8_t)data.data[i];
        for (count += 8; count >= 5; count -= 5)
            *out++ = letters[bits >> (count - 5) & 31];
    }
    if (count > 0)
        *out++ = letters[bits << (5 - count) & 31];
    return out;
}

/* The value of a letter; 32: it is none. */
static uint32_t letter_value(char letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return (uint32_t)(letter - 'A');
    return letter >= '2' && letter <= '7' ? (uint32_t)(letter - '2') + 26 : 32;
}

bool base32_read(struct slice text, char *out, size_t *ret_size)
{
    char *at = out;
    uint32_t bits = 0;
    unsigned count = 0; /* of the bits that no byte has yet, fewer than 8 between two letters */
    for (size_t i = 0; i < text.size; i++) {
        uint32_t value = letter_value(text.data[i]);
        if (value > 31)
            return false;
        bits = bits << 5 | value;
        count += 5;
        if (count >= 8) {
            count -= 8;
            *at++ = (char)(bits >> count);
        }
    }
    /* A letter too many, or bits that stand for nothing, would make a second text for the same bytes. */
    if (count >= 5 || (bits & ((1u << count) - 1)) != 0)
        return false;
    *ret_size = (size_t)(at - out);
    return true;
}
