#include "http/document.h"

#include <stdio.h>

#include "http/exchange.h"
#include "util/json.h"
#include "util/moment.h"

static void put(struct document *document, const char *data, size_t size)
{
    char *room = buffer_reserve(&document->buffer, size);
    if (!room) {
        document->failed = true;
        return;
    }
    if (size)
        memcpy(room, data, size);
    document->buffer.size += size;
}

static void put_string(struct document *document, struct slice text)
{
    char *room = buffer_reserve(&document->buffer, json_string_size_max(text));
    if (room)
        document->buffer.size += (size_t)(json_write_string(room, text) - room);
    else
        document->failed = true;
}

/* A comma where something stands before it, and its name. */
static void begin(struct document *document, const char *name)
{
    const struct buffer *buffer = &document->buffer;
    char last = buffer->size ? buffer->data[buffer->size - 1] : '[';
    if (last != '[' && last != '{')
        put(document, ",", 1);
    if (name) {
        put_string(document, slice_of(name));
        put(document, ":", 1);
    }
}

void document_open(struct document *document, const char *name, char bracket)
{
    begin(document, name);
    put(document, &bracket, 1);
}

void document_close(struct document *document, char bracket)
{
    put(document, &bracket, 1);
}

void document_value(struct document *document, const char *name, struct slice json)
{
    begin(document, name);
    put(document, json.data, json.size);
}

void document_text(struct document *document, const char *name, struct slice text)
{
    begin(document, name);
    put_string(document, text);
}

void document_number(struct document *document, const char *name, uint64_t number)
{
    char text[24];
    int size = snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    document_value(document, name, slice_make(text, (size_t)size));
}

void document_real(struct document *document, const char *name, double number)
{
    char text[32];
    int size = snprintf(text, sizeof text, "%.6g", number);
    document_value(document, name, slice_make(text, (size_t)size));
}

void document_flag(struct document *document, const char *name, bool flag)
{
    document_value(document, name, slice_of(flag ? "true" : "false"));
}

void document_moment(struct document *document, const char *name, uint64_t time_ms)
{
    char text[MOMENT_SIZE];
    document_text(document, name, slice_make(text, (size_t)(moment_write(text, time_ms) - text)));
}

void document_span(struct document *document, const char *name, uint64_t span_ms)
{
    static const struct {
        unsigned seconds;
        char unit;
    } units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
    char text[64];
    int size = 0;
    uint64_t left = span_ms / 1000;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        uint64_t count = left / units[i].seconds;
        left %= units[i].seconds;
        if (size || count || units[i].seconds == 1)
            size += snprintf(text + size, sizeof text - (size_t)size, "%llu%c", (unsigned long long)count,
                             units[i].unit);
    }
    document_text(document, name, slice_make(text, (size_t)size));
}

void document_finish(struct document *document)
{
    buffer_finish(&document->buffer);
    *document = (struct document){ .failed = false };
}

void document_answer(struct document *document, struct exchange *exchange)
{
    document_answer_as(document, exchange, 200);
}

void document_answer_as(struct document *document, struct exchange *exchange, unsigned status)
{
    const struct buffer *buffer = &document->buffer;
    struct slice body = slice_make(buffer->data, buffer->size);
    if (document->failed)
        answer_problem(exchange, PROBLEM_INTERNAL, NULL, "The server is short of memory.");
    else
        answer(exchange, status, "application/json", body, "Cache-Control: no-store\r\n");
    document_finish(document);
}
