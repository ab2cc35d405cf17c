#include "push/letter.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/decimal.h"
#include "util/moment.h"
#include "wire/format.h"
#include "wire/headers.h"

enum { FIXED_SIZE = 1024, ID_SIZE = 512, WORDS_SIZE_MAX = 256 };

struct slice letter_topic(const char *stream, const char *consumer, char room[LETTER_TOPIC_SIZE])
{
    int size = snprintf(room, LETTER_TOPIC_SIZE, DEAD_TOPIC "%.255s.%.100s", stream, consumer);
    return slice_make(room, (size_t)size);
}

/* What would make a stream look at the message, or has been said of an earlier death. */
static bool is_dropped(struct slice name)
{
    static const char *const dropped[] = {
        "Nats-Msg-Id", "Nats-Rollup", "Nats-TTL", "Nats-Expected-", "Posthorn-Dead-",
    };
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++) {
        size_t size = strlen(dropped[i]);
        bool is_whole = dropped[i][size - 1] != '-';
        if (name.size >= size && (!is_whole || name.size == size) && strncasecmp(name.data, dropped[i], size) == 0)
            return true;
    }
    return false;
}

static char *put_text(char *out, const char *name, struct slice text)
{
    return headers_valid(slice_of(name), text) && text.size ? headers_add(out, slice_of(name), text) : out;
}

static char *put_number(char *out, const char *name, uint64_t number)
{
    char digits[FORMAT_NUMBER_SIZE_MAX];
    return headers_add(out, slice_of(name), slice_make(digits, (size_t)(format_number(digits, number) - digits)));
}

static char *put_id(char *out, const struct letter *letter)
{
    char id[ID_SIZE];
    int size = snprintf(id, sizeof id, "%.255s.%.100s.%" PRIx64 ".%" PRIu64, letter->stream, letter->consumer,
                        letter->epoch, letter->message->sequence);
    return headers_add(out, slice_of("Nats-Msg-Id"), slice_make(id, (size_t)size));
}

static char *put_message(char *out, const struct letter *letter)
{
    char id[CURSOR_TEXT_SIZE], time[MOMENT_SIZE];
    const struct cursor cursor = { letter->epoch, letter->message->sequence };
    out = headers_add(out, slice_of("Posthorn-Dead-Id"), slice_make(id, cursor_write(cursor, id)));
    moment_write(time, letter->message->time_ms);
    return headers_add(out, slice_of("Posthorn-Dead-Time"), slice_make(time, sizeof time));
}

static char *put_headers(char *out, const struct letter *letter)
{
    size_t cursor = 0;
    struct slice name, value, words = letter->words;
    words.size = words.size < WORDS_SIZE_MAX ? words.size : WORDS_SIZE_MAX;
    out = headers_begin(out);
    while (headers_next(letter->message->head, &cursor, &name, &value))
        if (!is_dropped(name))
            out = headers_add(out, name, value);
    out = put_id(out, letter);
    out = put_text(out, "Posthorn-Dead-Reason", slice_of("webhook"));
    out = put_text(out, "Posthorn-Dead-Words", words);
    out = put_number(out, "Posthorn-Dead-Count", letter->attempt_count);
    out = put_text(out, "Posthorn-Dead-Stream", slice_of(letter->stream));
    out = put_number(out, "Posthorn-Dead-Sequence", letter->message->sequence);
    out = put_text(out, "Posthorn-Dead-Topic", letter->message->topic);
    out = put_text(out, "Posthorn-Dead-Consumer", slice_of(letter->consumer));
    out = put_message(out, letter);
    return headers_end(out);
}

int letter_make(const struct letter *letter, struct message *ret_message)
{
    const struct stream_message *message = letter->message;
    size_t names = 2 * (strlen(letter->stream) + strlen(letter->consumer)) + message->topic.size;
    /* Values were trimmed when they were read: with one blank each, a header may be a byte longer than it was. */
    char *body = malloc(FIXED_SIZE + names + 2 * message->head.size + message->payload.size);
    if (!body)
        return -ENOMEM;
    char *out = put_headers(body, letter);
    size_t head_size = (size_t)(out - body);
    if (message->payload.size)
        out = format_slice(out, message->payload);
    memcpy(out, "\r\n", 2);
    *ret_message = (struct message){
        .body = body,
        .head_size = (uint32_t)head_size,
        .body_size = (uint32_t)(out - body),
    };
    return 0;
}

/* Reading. */

static struct slice header_of(const struct stream_message *message, const char *name)
{
    struct slice value;
    return headers_find(message->head, name, &value) ? value : slice_make(NULL, 0);
}

bool letter_read(const struct stream_message *message, struct letter_content *ret_content)
{
    uint64_t attempt_count;
    decimal_cut(header_of(message, "Posthorn-Dead-Count"), &attempt_count);
    struct letter_content content = {
        .id = header_of(message, "Posthorn-Dead-Id"),
        .stream = header_of(message, "Posthorn-Dead-Stream"),
        .topic = header_of(message, "Posthorn-Dead-Topic"),
        .words = header_of(message, "Posthorn-Dead-Words"),
        .attempt_count = attempt_count,
    };
    if (!cursor_parse(content.id, &content.cursor) || !content.stream.size || !content.topic.size ||
        !moment_parse(header_of(message, "Posthorn-Dead-Time"), &content.time_ms))
        return false;
    *ret_content = content;
    return true;
}

int letter_open(const struct stream_message *message, const struct letter_content *content,
                struct stream_message *ret_message, char **ret_head)
{
    size_t cursor = 0, count = 0;
    struct slice name, value;
    char *head = malloc(HEADERS_BEGIN_SIZE + HEADERS_END_SIZE + 2 * message->head.size);
    if (!head)
        return -ENOMEM;
    char *out = headers_begin(head);
    while (headers_next(message->head, &cursor, &name, &value))
        if (!is_dropped(name)) {
            out = headers_add(out, name, value);
            count++;
        }
    out = headers_end(out);
    *ret_head = head;
    *ret_message = (struct stream_message){
        .sequence = content->cursor.sequence,
        .time_ms = content->time_ms,
        .topic = content->topic,
        .head = slice_make(head, count ? (size_t)(out - head) : 0),
        .payload = message->payload,
    };
    return 0;
}
