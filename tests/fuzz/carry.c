/*
 * Fuzz target: what the headers of a message become elsewhere: a request to an application, lines of an answer over
 * HTTP, the letter of a message that died and the message that it was. No header becomes two lines, or none that it was
 * not; what is said to be room is.
 *
 *   input = topic, a line end, a block of headers, a payload behind its empty line
 */
#include "fuzz.h"

#include <string.h>

#include "core/topic.h"
#include "http/headers.h"
#include "http/request.h"
#include "push/letter.h"
#include "sidecar/carry.h"
#include "sidecar/lines.h"
#include "wire/headers.h"

static const struct topic_limits topic_limits = { 256, 16 };

/* One header, and nothing that could end it or begin another. */
static void check_line(struct slice line)
{
    const char *colon = line.size ? memchr(line.data, ':', line.size) : NULL;
    fuzz_require(colon && colon > line.data);
    for (size_t i = 0; i < line.size; i++)
        fuzz_require(line.data[i] != '\r' && line.data[i] != '\n' && line.data[i] != '\0');
}

/* Lines with their ends. */
static void check_lines(struct slice text)
{
    while (text.size) {
        const char *end = memmem(text.data, text.size, "\r\n", 2);
        fuzz_require(end);
        size_t size = (size_t)(end - text.data);
        check_line(slice_make(text.data, size));
        text = slice_make(end + 2, text.size - size - 2);
    }
}

static void try_request(struct slice topic, struct slice head)
{
    const struct carry_source source = { slice_of("http://127.0.0.1:80"), slice_of("svc.>"), topic, head };
    struct carried carried;
    const char *fault = NULL;
    int error = carry_to_request(&source, &carried, &fault);
    fuzz_require(!error == !fault);
    if (error)
        return;
    fuzz_require(strncmp(carried.url, "http://127.0.0.1:80", source.to.size) == 0);
    char behind = carried.url[source.to.size];
    fuzz_require(behind == '/' || behind == '?' || behind == '\0');
    for (const char *c = carried.url; *c; c++)
        fuzz_require((unsigned char)*c > ' ' && *c != 0x7f);
    for (const char *line = NULL; (line = carried_next_line(&carried, line));) {
        fuzz_require(line >= carried.lines && line < carried.lines + carried.lines_size);
        if (!strchr(line, ';')) /* so curl wants one without a value */
            check_line(slice_of(line));
    }
    carried_finish(&carried);
}

static void try_answers(struct slice head)
{
    struct slice type;
    size_t size_max = lines_size_max(head);
    char *out = malloc(size_max);
    fuzz_require(out);
    for (int is_head = 0; is_head < 2; is_head++) {
        lines_write(head, is_head, out, &type);
        fuzz_require(strlen(out) < size_max);
        check_lines(slice_of(out));
        fuzz_require(!type.size || (!memchr(type.data, '\n', type.size) && !memchr(type.data, '\r', type.size)));
    }
    free(out);
    out = malloc(headers_answer_size_max(head) + 1);
    fuzz_require(out);
    char *end = headers_to_answer(head, out, &type);
    fuzz_require((size_t)(end - out) <= headers_answer_size_max(head));
    check_lines(slice_make(out, (size_t)(end - out)));
    free(out);
    unsigned status = lines_status(head);
    fuzz_require(status == 0 || (status >= 200 && status <= 599));
}

/* What is made of a message is a letter, from which it is read again. */
static void try_letter(struct slice topic, struct slice head, struct slice payload)
{
    const struct stream_message dead = { .sequence = 7, .time_ms = 1795448711651, .topic = topic, .head = head,
                                         .payload = payload };
    const struct letter letter = { "S", "c", 77, &dead, 3, payload };
    struct message message;
    struct letter_content content;
    struct stream_message opened;
    char *opened_head;
    fuzz_require(letter_make(&letter, &message) == 0);
    const struct stream_message kept = {
        .topic = slice_of("$DEAD.S.c"),
        .head = slice_make(message.body, message.head_size),
        .payload = slice_make(message.body + message.head_size, message.body_size - message.head_size),
    };
    fuzz_require(letter_read(&kept, &content));
    fuzz_require(slice_equal(content.topic, topic) && slice_is(content.stream, "S") && content.attempt_count == 3);
    fuzz_require(content.cursor.epoch == 77 && content.cursor.sequence == 7 && content.time_ms == dead.time_ms);
    fuzz_require(letter_open(&kept, &content, &opened, &opened_head) == 0);
    fuzz_require(slice_equal(opened.topic, topic) && slice_equal(opened.payload, payload));
    free(opened_head);
    free((char *)message.body);
}

/* Whatever a stream of dead letters has, it is a letter that can be opened or none. */
static void try_found(struct slice head, struct slice payload)
{
    const struct stream_message kept = { .topic = slice_of("$DEAD.S.c"), .head = head, .payload = payload };
    struct letter_content content;
    struct stream_message opened;
    char *opened_head;
    if (!letter_read(&kept, &content))
        return;
    fuzz_require(letter_open(&kept, &content, &opened, &opened_head) == 0);
    free(opened_head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *newline = size ? memchr(data, '\n', size) : NULL;
    if (!newline)
        return 0;
    struct slice topic = slice_make((const char *)data, (size_t)(newline - data));
    size_t rest_size = size - topic.size - 1;
    char *rest = malloc(rest_size ? rest_size : 1);
    fuzz_require(rest);
    memcpy(rest, newline + 1, rest_size);
    const char *end = memmem(rest, rest_size, "\r\n\r\n", 4);
    size_t head_size = end && strncmp(rest, "NATS/1.0", 8) == 0 ? (size_t)(end - rest) + 4 : 0;
    struct slice head = slice_make(rest, head_size), payload = slice_make(rest + head_size, rest_size - head_size);
    if (topic_valid(topic, &topic_limits) && topic_is_writable(topic)) {
        try_request(topic, head);
        try_letter(topic, head, payload);
    }
    try_answers(head);
    try_found(head, payload);
    free(rest);
    return 0;
}
