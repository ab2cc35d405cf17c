#include "stream/expect.h"

#include <stddef.h>

#include "wire/headers.h"

static const struct {
    const char *name;
    size_t offset;
} fields[] = {
    { "Nats-Msg-Id", offsetof(struct expectations, id) },
    { "Nats-Expected-Stream", offsetof(struct expectations, stream) },
    { "Nats-Expected-Last-Msg-Id", offsetof(struct expectations, last_id) },
    { "Nats-Expected-Last-Sequence", offsetof(struct expectations, last_sequence) },
    { "Nats-Expected-Last-Subject-Sequence", offsetof(struct expectations, topic_sequence) },
    { "Nats-Rollup", offsetof(struct expectations, rollup) },
};

/* Where a header's value goes; NULL: it is none of these. */
static struct slice *place_of(struct expectations *expectations, struct slice name)
{
    if (name.size < 11 || strncasecmp(name.data, "Nats-", 5) != 0)
        return NULL;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (strlen(fields[i].name) == name.size && strncasecmp(fields[i].name, name.data, name.size) == 0)
            return (struct slice *)(void *)((char *)expectations + fields[i].offset);
    return NULL;
}

void expectations_read(struct slice head, struct expectations *ret_expectations)
{
    struct slice name, value;
    *ret_expectations = (struct expectations){ .id = { NULL, 0 } };
    for (size_t cursor = 0; headers_next(head, &cursor, &name, &value);) {
        struct slice *place = place_of(ret_expectations, name);
        if (place && !place->data)
            *place = value; /* the first counts */
    }
}

uint64_t expectation_number(struct slice text)
{
    uint64_t number = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned)(unsigned char)text.data[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(number, 10u, &number) || __builtin_add_overflow(number, digit, &number))
            return UINT64_MAX;
    }
    return number;
}
