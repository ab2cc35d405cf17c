#include "http/delivery.h"

#include "core/topic.h"

enum { TOKEN_COUNT = 9, NS_IN_MS = 1000000 };

static bool read_number(struct slice token, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (size_t i = 0; i < token.size; i++)
        if (token.data[i] < '0' || token.data[i] > '9' || __builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, (uint64_t)(token.data[i] - '0'), &number))
            return false;
    *ret_number = number;
    return token.size > 0;
}

bool delivery_read(struct slice topic, struct delivery *ret_delivery)
{
    struct slice tokens[TOKEN_COUNT], token;
    size_t cursor = 0, count = 0;
    uint64_t time_ns;
    while (topic_next_token(topic, &cursor, &token)) {
        if (count == TOKEN_COUNT)
            return false;
        tokens[count++] = token;
    }
    if (count != TOKEN_COUNT || !slice_is(tokens[0], "$JS") || !slice_is(tokens[1], "ACK") ||
        !read_number(tokens[4], &ret_delivery->count) || !read_number(tokens[5], &ret_delivery->sequence) ||
        !read_number(tokens[7], &time_ns))
        return false;
    ret_delivery->stream = tokens[2];
    ret_delivery->consumer = tokens[3];
    ret_delivery->time_ms = time_ns / NS_IN_MS;
    return true;
}
