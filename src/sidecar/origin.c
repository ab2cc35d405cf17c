#include "sidecar/origin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/session.h"
#include "util/decimal.h"
#include "util/random.h"
#include "wire/format.h"
#include "wire/headers.h"

enum {
    VALUE_SIZE = ORIGIN_NAME_SIZE + 1 + FORMAT_NUMBER_SIZE_MAX,
    ROOM_KEPT_MAX = 256 << 10, /* for the next batch */
};

static const char header[] = "Posthorn-Origin";

void origin_init(struct origin *origin)
{
    *origin = (struct origin){ .messages = NULL };
    random_name(origin->name, ORIGIN_NAME_SIZE);
}

void origin_finish(struct origin *origin)
{
    free(origin->messages);
    free(origin->bytes);
}

/* Bytes that a message takes with one header more, and CR LF. */
static size_t marked_size(const struct message *message, struct slice value)
{
    return HEADERS_BEGIN_SIZE + headers_add_size(slice_of(header), value) + HEADERS_END_SIZE + message->body_size + 2;
}

static bool make_room(struct origin *origin, const struct batch *batch, struct slice value)
{
    size_t size = 0;
    for (unsigned i = 0; i < batch->count; i++)
        size += marked_size(&batch->messages[i], value);
    if (!origin->messages)
        origin->messages = calloc(BATCH_MESSAGES_MAX, sizeof *origin->messages);
    if (size > origin->room || origin->room > ROOM_KEPT_MAX) {
        free(origin->bytes);
        origin->bytes = malloc(size);
        origin->room = origin->bytes ? size : 0;
    }
    return origin->messages && origin->bytes;
}

static char *mark_message(char *out, const struct message *message, struct slice value, struct message *ret_marked)
{
    size_t head_size = message->head_size, payload_size = message->body_size - message->head_size;
    char *at = head_size ? format_bytes(out, message->body, head_size - HEADERS_END_SIZE) : headers_begin(out);
    at = headers_end(headers_add(at, slice_of(header), value));
    *ret_marked = *message;
    ret_marked->body = out;
    ret_marked->head_size = (uint32_t)(at - out);
    at = format_bytes(at, message->body + head_size, payload_size);
    ret_marked->body_size = (uint32_t)(at - out);
    return format_bytes(at, "\r\n", 2);
}

struct batch origin_mark(struct origin *origin, const struct batch *batch)
{
    char text[VALUE_SIZE + 1];
    const struct session *session = batch->origin;
    struct batch marked = *batch;
    if (!session || !session->no_echo)
        return marked;
    int size = snprintf(text, sizeof text, "%s.%" PRIu64, origin->name, session->connection);
    struct slice value = slice_make(text, (size_t)size);
    if (!make_room(origin, batch, value))
        return marked;
    char *at = origin->bytes;
    for (unsigned i = 0; i < batch->count; i++)
        at = mark_message(at, &batch->messages[i], value, &origin->messages[i]);
    marked.messages = origin->messages;
    return marked;
}

const struct session *origin_of(const struct origin *origin, const struct broker *broker, struct slice head)
{
    struct slice value;
    uint64_t connection;
    if (!head.size || !headers_find(head, header, &value) || value.size <= ORIGIN_NAME_SIZE + 1 ||
        memcmp(value.data, origin->name, ORIGIN_NAME_SIZE) != 0 ||
        !decimal_read(slice_make(value.data + ORIGIN_NAME_SIZE + 1, value.size - ORIGIN_NAME_SIZE - 1), &connection))
        return NULL;
    const struct session *session = broker->sessions;
    while (session && (!session->no_echo || session->connection != connection))
        session = session->next;
    return session;
}
