#include "http/item.h"

#include "config/config.h"
#include "http/calls.h"
#include "http/headers.h"
#include "http/names.h"
#include "util/base64.h"
#include "util/json.h"
#include "wire/format.h"
#include "wire/headers.h"

static const struct fault no_memory = { PROBLEM_UNAVAILABLE, "The server is short of memory." };
static const struct fault too_large = { PROBLEM_TOO_LARGE, "Headers and payload are larger than a message may be." };

/* The member of an item that a name stands for; NULL: none that we look at. */
static struct slice *item_member(struct item *item, struct slice name)
{
    const struct {
        const char *name;
        struct slice *member;
    } rows[] = {
        { "\"topic\"", &item->topic }, { "\"data\"", &item->data },       { "\"data_base64\"", &item->data_base64 },
        { "\"id\"", &item->id },       { "\"headers\"", &item->headers },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (slice_is(name, rows[i].name))
            return rows[i].member;
    return NULL;
}

bool item_read(struct slice text, struct item *ret_item)
{
    size_t cursor = 0;
    struct slice name, value;
    *ret_item = (struct item){ .topic = { NULL, 0 } };
    if (*text.data != '{' || json_value_size(text) != text.size || !utf8_valid(text))
        return false;
    while (json_next_member(text, &cursor, &name, &value)) {
        struct slice *member = item_member(ret_item, name);
        if (member)
            *member = value;
    }
    return true;
}

/* The message of an item, in calls->message. Each returns false and says why where the item is bad. */

static bool fail(struct fault *ret_fault, enum problem_kind kind, const char *detail)
{
    *ret_fault = (struct fault){ kind, detail };
    return false;
}

/* Reads a string of JSON behind what a buffer has. */
static bool append_string(struct buffer *buffer, struct slice value, struct slice *ret_text, struct fault *ret_fault)
{
    char *out = buffer_reserve(buffer, value.size);
    if (!out) {
        *ret_fault = no_memory;
        return false;
    }
    *ret_text = slice_make(out, 0);
    if (!json_read_string(value, out, &ret_text->size))
        return fail(ret_fault, PROBLEM_BAD_BODY, "A member that is to be a string is none.");
    buffer->size += ret_text->size;
    return true;
}

static bool read_topic(struct calls *calls, struct slice value, struct slice *ret_topic, struct fault *ret_fault)
{
    calls->name.size = 0;
    if (value.size == 0)
        return fail(ret_fault, PROBLEM_BAD_BODY, "An item has a \"topic\".");
    if (!append_string(&calls->name, value, ret_topic, ret_fault))
        return false;
    if (!name_is_topic(*ret_topic, &calls->http->broker->limits.topic))
        return fail(ret_fault, PROBLEM_BAD_TOPIC,
                    "A topic to publish to is tokens joined by dots, without blanks and wildcards.");
    return true;
}

static bool append_header(struct buffer *buffer, struct slice name, struct slice value, size_t max,
                          struct fault *ret_fault)
{
    if (!headers_valid(name, value))
        return fail(ret_fault, PROBLEM_BAD_BODY, "A header has a name or a value that a message cannot have.");
    size_t size = HEADERS_BEGIN_SIZE + headers_add_size(name, value) + HEADERS_END_SIZE;
    if (buffer->size + size > max) {
        *ret_fault = too_large;
        return false;
    }
    char *out = buffer_reserve(buffer, size);
    if (!out) {
        *ret_fault = no_memory;
        return false;
    }
    char *end = headers_add(buffer->size ? out : headers_begin(out), name, value);
    buffer->size += (size_t)(end - out);
    return true;
}

/* A header's name and value are read into calls->name, behind the topic. */
static bool append_value(struct calls *calls, struct slice name, struct slice value, size_t max,
                         struct fault *ret_fault)
{
    struct slice text;
    size_t mark = calls->name.size;
    bool good = append_string(&calls->name, value, &text, ret_fault) &&
                append_header(&calls->message, name, text, max, ret_fault);
    calls->name.size = mark;
    return good;
}

/* A value, or several of them in an array. */
static bool append_values(struct calls *calls, struct slice name, struct slice value, size_t max,
                          struct fault *ret_fault)
{
    size_t cursor = 0;
    struct slice element;
    if (*value.data != '[')
        return append_value(calls, name, value, max, ret_fault);
    while (json_next_element(value, &cursor, &element))
        if (!append_value(calls, name, element, max, ret_fault))
            return false;
    return true;
}

static bool append_headers(struct calls *calls, struct slice headers, size_t max, struct fault *ret_fault)
{
    size_t cursor = 0;
    struct slice name, value, text;
    if (headers.size > 0 && *headers.data != '{')
        return fail(ret_fault, PROBLEM_BAD_BODY, "\"headers\" is an object of names and values.");
    while (json_next_member(headers, &cursor, &name, &value)) {
        size_t mark = calls->name.size;
        if (!append_string(&calls->name, name, &text, ret_fault) ||
            !append_values(calls, text, value, max, ret_fault))
            return false;
        calls->name.size = mark;
    }
    return true;
}

static bool append_id(struct calls *calls, struct slice value, size_t max, struct fault *ret_fault)
{
    struct slice id;
    size_t mark = calls->name.size;
    if (value.size == 0)
        return true;
    if (!append_string(&calls->name, value, &id, ret_fault))
        return false;
    if (!headers_id_valid(id))
        return fail(ret_fault, PROBLEM_BAD_BODY, "An \"id\" has 1 to 256 printable ASCII characters.");
    bool good = append_header(&calls->message, slice_of(HEADERS_ID), id, max, ret_fault);
    calls->name.size = mark;
    return good;
}

/* What is no string is sent as it stands in the body: a number keeps its digits. */
static bool append_data(struct buffer *buffer, struct slice value, struct fault *ret_fault)
{
    struct slice text;
    if (value.size > 0 && *value.data == '"')
        return append_string(buffer, value, &text, ret_fault);
    char *out = buffer_reserve(buffer, value.size);
    if (!out) {
        *ret_fault = no_memory;
        return false;
    }
    if (value.size > 0)
        format_slice(out, value);
    buffer->size += value.size;
    return true;
}

/* The letters are read to where they are decoded, which is never behind them. */
static bool append_base64(struct buffer *buffer, struct slice value, struct fault *ret_fault)
{
    struct slice text;
    size_t mark = buffer->size, size;
    if (!append_string(buffer, value, &text, ret_fault))
        return false;
    if (!base64_read(text, buffer->data + mark, &size))
        return fail(ret_fault, PROBLEM_BAD_BODY, "\"data_base64\" is not base64, padded and without blanks.");
    buffer->size = mark + size;
    return true;
}

static bool append_payload(struct buffer *buffer, const struct item *item, struct fault *ret_fault)
{
    if (item->data.size > 0 && item->data_base64.size > 0)
        return fail(ret_fault, PROBLEM_BAD_BODY, "An item has either \"data\" or \"data_base64\".");
    return item->data_base64.size > 0 ? append_base64(buffer, item->data_base64, ret_fault)
                                      : append_data(buffer, item->data, ret_fault);
}

/* Closes the block of headers, if there is one. */
static bool append_head_end(struct buffer *buffer, struct fault *ret_fault)
{
    if (buffer->size == 0)
        return true;
    char *out = buffer_reserve(buffer, HEADERS_END_SIZE);
    if (!out) {
        *ret_fault = no_memory;
        return false;
    }
    headers_end(out);
    buffer->size += HEADERS_END_SIZE;
    return true;
}

/* What is read into calls->name, one behind the other, is no larger than the item: no slice moves below. */
bool item_read_message(struct calls *calls, const struct item *item, size_t size, struct slice *ret_topic,
                         struct message *ret_message, struct fault *ret_fault)
{
    struct buffer *buffer = &calls->message;
    size_t max = calls->item_size_max;
    calls->name.size = buffer->size = 0;
    if (!buffer_reserve(&calls->name, size)) {
        *ret_fault = no_memory;
        return false;
    }
    if (!read_topic(calls, item->topic, ret_topic, ret_fault) ||
        !append_headers(calls, item->headers, max, ret_fault) || !append_id(calls, item->id, max, ret_fault) ||
        !append_head_end(buffer, ret_fault))
        return false;
    size_t head_size = buffer->size;
    if (!append_payload(buffer, item, ret_fault))
        return false;
    if (buffer->size > max) {
        *ret_fault = too_large;
        return false;
    }
    if (!buffer_reserve(buffer, 2)) {
        *ret_fault = no_memory;
        return false;
    }
    memcpy(buffer->data + buffer->size, "\r\n", 2);
    *ret_message = (struct message){
        .body = buffer->data,
        .head_size = (uint32_t)head_size,
        .body_size = (uint32_t)buffer->size,
    };
    return true;
}
