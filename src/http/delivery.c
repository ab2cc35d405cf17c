#include "http/delivery.h"

#include "core/topic.h"
#include "util/decimal.h"

enum { TOKEN_COUNT = 9, NS_IN_MS = 1000000 };

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
        !decimal_read(tokens[4], &ret_delivery->count) || !decimal_read(tokens[5], &ret_delivery->sequence) ||
        !decimal_read(tokens[7], &time_ns))
        return false;
    ret_delivery->stream = tokens[2];
    ret_delivery->consumer = tokens[3];
    ret_delivery->time_ms = time_ns / NS_IN_MS;
    return true;
}
