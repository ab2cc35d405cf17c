#include "util/utf8.h"

/* What each first byte of a character of several asks of the bytes behind it. */
struct lead {
    uint8_t first, last;               /* the range of the first byte */
    uint8_t tail_count;
    uint8_t second_first, second_last; /* the range of the second; those behind it are 80 to BF */
};

static const struct lead leads[] = {
    { 0xc2, 0xdf, 1, 0x80, 0xbf }, { 0xe0, 0xe0, 2, 0xa0, 0xbf }, { 0xe1, 0xec, 2, 0x80, 0xbf },
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

size_t utf8_character_size(struct slice text)
{
    const uint8_t *bytes = (const uint8_t *)text.data;
    if (text.size == 0 || bytes[0] < 0x80)
        return text.size > 0;
    const struct lead *lead = find_lead(bytes[0]);
    if (!lead || text.size <= lead->tail_count || !in_range(bytes[1], lead->second_first, lead->second_last))
        return 0;
    for (size_t i = 2; i <= lead->tail_count; i++)
        if (!in_range(bytes[i], 0x80, 0xbf))
            return 0;
    return 1u + lead->tail_count;
}

/* The bytes of ASCII at the start of text, or somewhat fewer. */
static size_t ascii_size(struct slice text)
{
    size_t at = 0;
    for (uint64_t words[4]; text.size - at >= sizeof words; at += sizeof words) {
        memcpy(words, text.data + at, sizeof words);
        if ((words[0] | words[1] | words[2] | words[3]) & UINT64_C(0x8080808080808080))
            break;
    }
    for (uint64_t word; text.size - at >= sizeof word; at += sizeof word) {
        memcpy(&word, text.data + at, sizeof word);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    return at;
}

bool utf8_valid(struct slice text)
{
    while (text.size > 0) {
        size_t size = ascii_size(text);
        if (size == 0)
            size = utf8_character_size(text);
        if (size == 0)
            return false;
        text = slice_make(text.data + size, text.size - size);
    }
    return true;
}

char *utf8_mend(char *out, struct slice text)
{
    static const char replacement[] = "\xef\xbf\xbd";
    while (text.size > 0) {
        size_t size = ascii_size(text);
        if (size == 0)
            size = utf8_character_size(text);
        if (size > 0) {
            memcpy(out, text.data, size);
            out += size;
        } else {
            size = 1;
            memcpy(out, replacement, UTF8_MENDED_RATIO);
            out += UTF8_MENDED_RATIO;
        }
        text = slice_make(text.data + size, text.size - size);
    }
    return out;
}
