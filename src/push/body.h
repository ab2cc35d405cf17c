/*
 * body: a message as the request that carries it. A table of encoders, by the name that settings give them:
 *
 *     payload                  the payload as it was published; topic, stream and headers of the message as headers
 *     envelope                 the JSON object that polls and events show
 *     cloudevents              CloudEvents 1.0, binary: the payload, with the attributes as headers ce-...
 *     cloudevents-structured   CloudEvents 1.0, JSON: attributes and payload in one object
 *
 * A message that is a CloudEvent already, by its headers ce-..., stays what it is. Targets that encrypt or wrap are
 * further rows. Pure; any thread.
 */
#ifndef PUSH_BODY_H
#define PUSH_BODY_H

#include "stream/stream.h"

enum body_kind {
    BODY_PAYLOAD,
    BODY_ENVELOPE,
    BODY_CLOUDEVENTS,
    BODY_CLOUDEVENTS_STRUCTURED,
    BODY_KIND_COUNT
};

/* The names, in the order of the enum, with a NULL behind the last. */
extern const char *const body_words[BODY_KIND_COUNT + 1];

struct body_source {
    const struct stream_message *message;
    struct slice stream_name;
    uint64_t epoch;
    struct slice id;                 /* the same with every attempt */
    struct slice origin;             /* of a CloudEvent that does not name its source: a URI reference */
};

/* In one block, to be freed by body_finish: header lines, each with a NUL, and behind them the body. */
struct body {
    char *bytes;
    size_t head_size;                /* of the lines */
    size_t size;                     /* of the body */
};

/* 0 or -ENOMEM. */
int body_make(enum body_kind kind, const struct body_source *source, struct body *ret_body);
void body_finish(struct body *body);

/* Walks the lines, from NULL: "Content-Type: text/plain". NULL behind the last. */
const char *body_next_line(const struct body *body, const char *line);

/* Of a body that was not made, nothing. */
static inline struct slice body_content(const struct body *body)
{
    return slice_make(body->bytes ? body->bytes + body->head_size : NULL, body->size);
}

#endif
