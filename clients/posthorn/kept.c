#include "kept.h"

#include <string.h>

#include "util/decimal.h"

enum { TOKENS_MIN = 9, TOKENS_MAX = 12 };

static const char prefix[] = "$JS.ACK.";

static size_t cut(const char *text, size_t size, struct ph_text tokens[TOKENS_MAX])
{
    const char *end = text + size;
    size_t count = 0;
    for (; text <= end && count < TOKENS_MAX; count++) {
        const char *dot = memchr(text, '.', (size_t)(end - text));
        tokens[count] = (struct ph_text){ text, (size_t)((dot ? dot : end) - text) };
        text = (dot ? dot : end) + 1;
    }
    return count;
}

static bool read_number(struct ph_text text, uint64_t *ret_number)
{
    return decimal_read(slice_make(text.data, text.size), ret_number);
}

/* Servers that know domains put two tokens more in front, and one behind. */
bool kept_read(const struct ph_message *message, struct kept *ret_kept)
{
    struct ph_text tokens[TOKENS_MAX];
    struct kept kept;
    if (message->reply_size < sizeof prefix || memcmp(message->reply, prefix, sizeof prefix - 1) != 0)
        return false;
    size_t count = cut(message->reply, message->reply_size, tokens), from = count > TOKENS_MIN ? 4 : 2;
    if (count < TOKENS_MIN || from + 7 > count)
        return false;
    kept.stream = tokens[from];
    if (!read_number(tokens[from + 2], &kept.delivered) || !read_number(tokens[from + 3], &kept.sequence) ||
        !read_number(tokens[from + 5], &kept.time_ns))
        return false;
    *ret_kept = kept;
    return true;
}
