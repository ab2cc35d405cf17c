#include "topic.h"

#include <stdint.h>

/* What a byte means in a topic; everything else stands for itself. */
enum {
    BYTE_PLAIN,
    BYTE_BAD, /* blanks, control characters, and the NUL that ends the text */
    BYTE_DOT,
    BYTE_STAR,
    BYTE_REST,
};

static const uint8_t meaning[256] = {
    [0 ... ' '] = BYTE_BAD, [0x7f] = BYTE_BAD, ['.'] = BYTE_DOT, ['*'] = BYTE_STAR, ['>'] = BYTE_REST,
};

static inline unsigned meaning_of(char c)
{
    return meaning[(unsigned char)c];
}

static bool ends_token(char c)
{
    return c == '.' || c == '\0';
}

/* One scan, for every publish passes here: most bytes are plain and cost a look into the table. */
static inline size_t scan(const char *text, bool is_pattern)
{
    const char *at = text, *token = text;
    for (;; at++) {
        switch (meaning_of(*at)) {
        case BYTE_PLAIN:
            break;
        case BYTE_DOT:
            if (at == token)
                return 0;
            token = at + 1;
            break;
        case BYTE_STAR:
            if (!is_pattern && at == token && ends_token(at[1]))
                return 0;
            break;
        case BYTE_REST:
            if (at == token && ends_token(at[1]) && (!is_pattern || at[1] == '.'))
                return 0;
            break;
        default:
            return *at == '\0' && at != token && (size_t)(at - text) <= PH_TOPIC_SIZE_MAX ? (size_t)(at - text) : 0;
        }
    }
}

size_t ph_topic_size(const char *topic)
{
    return scan(topic, false);
}

size_t ph_pattern_size(const char *pattern)
{
    return scan(pattern, true);
}

size_t ph_group_size(const char *group)
{
    size_t size = 0;
    while (meaning_of(group[size]) != BYTE_BAD)
        size++;
    return group[size] == '\0' && size <= PH_TOPIC_SIZE_MAX ? size : 0;
}
