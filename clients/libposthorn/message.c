#include "message.h"

#include <stdio.h>
#include <stdlib.h>

#include "wire/headers.h"
#include "wire/op.h"

static const char *terminated(struct slice text)
{
    ((char *)text.data)[text.size] = '\0';
    return text.data;
}

void ph_message_view(const struct wire_op *op, struct ph_message *ret_message)
{
    struct slice payload = slice_make(op->body + op->head_size, op->body_size - op->head_size);
    *ret_message = (struct ph_message){
        .topic = terminated(op->topic),
        .reply = op->reply.size ? terminated(op->reply) : "",
        .headers = op->body,
        .payload = terminated(payload),
        .topic_size = op->topic.size,
        .reply_size = op->reply.size,
        .headers_size = op->head_size,
        .payload_size = payload.size,
    };
}

/* Copies size bytes and a NUL to *at, and moves *at behind them. */
static const char *copy_to(char **at, const char *data, size_t size)
{
    char *start = *at;
    memcpy(start, data, size);
    start[size] = '\0';
    *at += size + 1;
    return start;
}

struct ph_stored *ph_message_store(const struct ph_message *message)
{
    size_t size = message->topic_size + message->reply_size + message->headers_size + message->payload_size + 4;
    struct ph_stored *stored = malloc(sizeof *stored + size);
    if (!stored)
        return NULL;
    char *at = (char *)(stored + 1);
    stored->next = NULL;
    stored->message = *message;
    stored->message.topic = copy_to(&at, message->topic, message->topic_size);
    stored->message.reply = copy_to(&at, message->reply, message->reply_size);
    stored->message.headers = copy_to(&at, message->headers, message->headers_size);
    stored->message.payload = copy_to(&at, message->payload, message->payload_size);
    return stored;
}

struct ph_stored *ph_message_stored(struct ph_message *message)
{
    return (struct ph_stored *)((char *)message - offsetof(struct ph_stored, message));
}

struct ph_message *ph_message_copy(const struct ph_message *message)
{
    struct ph_stored *stored = ph_message_store(message);
    return stored ? &stored->message : NULL;
}

void ph_message_free(struct ph_message *message)
{
    if (message)
        free(ph_message_stored(message));
}

static struct slice block_of(const struct ph_message *message)
{
    return slice_make(message->headers, message->headers_size);
}

static struct ph_text text_of(struct slice slice)
{
    return (struct ph_text){ slice.data, slice.size };
}

bool ph_message_header(const struct ph_message *message, const char *name, struct ph_text *ret_value)
{
    struct slice value;
    if (!headers_find(block_of(message), name, &value))
        return false;
    *ret_value = text_of(value);
    return true;
}

bool ph_message_header_next(const struct ph_message *message, size_t *cursor, struct ph_text *ret_name,
                            struct ph_text *ret_value)
{
    struct slice name, value;
    if (!headers_next(block_of(message), cursor, &name, &value))
        return false;
    *ret_name = text_of(name);
    *ret_value = text_of(value);
    return true;
}

int ph_message_status(const struct ph_message *message, struct ph_text *ret_description)
{
    struct slice description;
    int status = headers_status(block_of(message), &description);
    if (status && ret_description)
        *ret_description = text_of(description);
    return status;
}

struct ph_headers *ph_headers_create(void)
{
    return calloc(1, sizeof(struct ph_headers));
}

void ph_headers_destroy(struct ph_headers *headers)
{
    if (!headers)
        return;
    ph_buffer_finish(&headers->block);
    free(headers);
}

int ph_headers_add(struct ph_headers *headers, const char *name, const char *value)
{
    struct ph_buffer *block = &headers->block;
    struct slice name_text = slice_of(name), value_text = slice_of(value);
    if (!headers_valid(name_text, value_text))
        return PH_E_HEADER;
    if (!ph_buffer_reserve(block, HEADERS_BEGIN_SIZE + headers_add_size(name_text, value_text)))
        return PH_E_MEMORY;
    char *end = block->data + block->size;
    if (block->size == 0)
        end = headers_begin(end);
    end = headers_add(end, name_text, value_text);
    block->size = (size_t)(end - block->data);
    return PH_OK;
}

int ph_headers_status(struct ph_headers *headers, int status, const char *description)
{
    struct ph_buffer *block = &headers->block;
    struct slice text = slice_of(description);
    if (status < 100 || status > 999 || block->size > 0)
        return PH_E_ARGUMENT;
    if (!headers_valid(slice_of("Status"), text))
        return PH_E_HEADER;
    size_t room = sizeof "NATS/1.0 500 \r\n" + text.size;
    if (!ph_buffer_reserve(block, room))
        return PH_E_MEMORY;
    const char *separator = text.size ? " " : "";
    int size = snprintf(block->data, room, "NATS/1.0 %d%s%.*s\r\n", status, separator, SLICE_ARGS(text));
    block->size = (size_t)size;
    return PH_OK;
}

void ph_headers_clear(struct ph_headers *headers)
{
    headers->block.size = 0;
}
