#include "feed/format.h"

#include "stream/cursor.h"
#include "util/base64.h"
#include "util/json.h"
#include "util/moment.h"
#include "util/utf8.h"
#include "wire/format.h"
#include "wire/headers.h"

enum { HEADERS_MERGED = 64 };

/* Text that stands between the parts. */
#define PUT(out, text) format_bytes(out, text, sizeof(text) - 1)

static char *put_cursor(char *out, uint64_t epoch, uint64_t sequence)
{
    return out + cursor_write((struct cursor){ epoch, sequence }, out);
}

static bool is_text(struct slice payload)
{
    return utf8_valid(payload) && !(payload.size && memchr(payload.data, '\0', payload.size));
}

/* JSON. */

/* Is there a header of that name before the offset? */
static bool seen_before(struct slice head, size_t offset, struct slice name)
{
    size_t cursor = 0;
    struct slice other, value;
    while (cursor < offset && headers_next(head, &cursor, &other, &value))
        if (other.size == name.size && strncasecmp(other.data, name.data, name.size) == 0)
            return true;
    return false;
}

/* "A":"1", or "A":["1","2"] where the name repeats. */
static char *put_values(char *out, struct slice head, size_t cursor, struct slice name, struct slice value)
{
    struct slice other, more;
    char *start = out;
    bool many = false;
    *out++ = '[';
    out = json_write_string(out, value);
    for (unsigned i = 0; i < HEADERS_MERGED && headers_next(head, &cursor, &other, &more); i++)
        if (other.size == name.size && strncasecmp(other.data, name.data, name.size) == 0) {
            *out++ = ',';
            out = json_write_string(out, more);
            many = true;
        }
    if (many) {
        *out++ = ']';
        return out;
    }
    memmove(start, start + 1, (size_t)(out - start - 1));
    return out - 1;
}

/* {"A":"1","B":["2","3"]}: a JSON reader would see only the last of names that repeat, so that their values share one.
 * Beyond so many headers nobody looks for repeats: the work grows with the square. */
static char *put_headers(char *out, struct slice head)
{
    size_t cursor = 0, before = 0;
    struct slice name, value;
    out = PUT(out, ",\"headers\":{");
    for (unsigned count = 0; headers_next(head, &cursor, &name, &value); before = cursor, count++) {
        if (count < HEADERS_MERGED && seen_before(head, before, name))
            continue;
        if (count)
            *out++ = ',';
        out = json_write_string(out, name);
        *out++ = ':';
        if (count < HEADERS_MERGED)
            out = put_values(out, head, cursor, name, value);
        else
            out = json_write_string(out, value);
    }
    *out++ = '}';
    return out;
}

static char *put_data(char *out, struct slice payload)
{
    if (is_text(payload)) {
        out = PUT(out, ",\"data\":");
        return json_write_string(out, payload);
    }
    out = PUT(out, ",\"data_base64\":\"");
    out = base64_write(out, payload);
    *out++ = '"';
    return out;
}

static char *put_position(char *out, uint64_t sequence, struct slice stream_name, uint64_t epoch)
{
    out = PUT(out, ",\"stream\":");
    out = json_write_string(out, stream_name);
    out = PUT(out, ",\"seq\":");
    out = format_number(out, sequence);
    out = PUT(out, ",\"id\":\"");
    out = put_cursor(out, epoch, sequence);
    *out++ = '"';
    return out;
}

static char *put_object(char *out, const struct stream_message *message, struct slice stream_name, uint64_t epoch)
{
    out = PUT(out, "{\"topic\":");
    out = json_write_string(out, message->topic);
    if (message->sequence)
        out = put_position(out, message->sequence, stream_name, epoch);
    out = PUT(out, ",\"time\":\"");
    out = moment_write(out, message->time_ms);
    *out++ = '"';
    if (message->head.size)
        out = put_headers(out, message->head);
    out = put_data(out, message->payload);
    *out++ = '}';
    return out;
}

static size_t object_size_max(const struct stream_message *message, struct slice stream_name)
{
    size_t payload = message->payload.size;
    return 160 + json_string_size_max(message->topic) + json_string_size_max(stream_name) + MOMENT_SIZE +
           CURSOR_TEXT_SIZE + 8 * message->head.size + json_string_size_max(message->payload) + base64_size(payload);
}

/* Events. */

/* The first line end in data, with its size; data + size where there is none. */
static const char *line_end(const char *data, size_t size, size_t *ret_size)
{
    const char *feed = size ? memchr(data, '\n', size) : NULL;
    size_t before = feed ? (size_t)(feed - data) : size;
    const char *carriage = before ? memchr(data, '\r', before) : NULL;
    const char *end = carriage ? carriage : feed;
    *ret_size = !end ? 0 : carriage && carriage + 1 == feed ? 2 : 1;
    return end ? end : data + size;
}

/* A "data:" line for every line of the text. */
static char *put_lines(char *out, struct slice text)
{
    const char *at = text.data, *end = text.data + text.size;
    size_t end_size;
    do {
        const char *line = at;
        const char *stop = line_end(line, (size_t)(end - line), &end_size);
        out = PUT(out, "data: ");
        out = format_bytes(out, line, (size_t)(stop - line));
        *out++ = '\n';
        at = stop + end_size;
    } while (end_size);
    return out;
}

static char *put_event_data(char *out, struct feed_format format, const struct stream_message *message,
                            struct slice stream_name, uint64_t epoch)
{
    if (format.data == FEED_DATA_PLAIN && is_text(message->payload))
        return put_lines(out, message->payload);
    out = PUT(out, "data: ");
    if (format.data == FEED_DATA_JSON) {
        out = put_object(out, message, stream_name, epoch);
    } else {
        if (format.data == FEED_DATA_PLAIN)
            out = PUT(out, "data:;base64,");
        out = base64_write(out, message->payload);
    }
    *out++ = '\n';
    return out;
}

static char *write_event(char *out, struct feed_format format, const struct stream_message *message,
                         struct slice stream_name, uint64_t epoch)
{
    if (message->sequence) {
        out = PUT(out, "id: ");
        out = put_cursor(out, epoch, message->sequence);
        *out++ = '\n';
    }
    if (format.event_is_topic) {
        out = PUT(out, "event: ");
        out = format_slice(out, message->topic);
        *out++ = '\n';
    }
    out = put_event_data(out, format, message, stream_name, epoch);
    *out++ = '\n';
    return out;
}

/* Every byte of the payload may be a line of its own: "data: " and the line's end. */
static size_t event_size_max(struct feed_format format, const struct stream_message *message, struct slice stream_name)
{
    size_t size = 64 + CURSOR_TEXT_SIZE + message->topic.size;
    if (format.data == FEED_DATA_JSON)
        return size + object_size_max(message, stream_name);
    return size + 8 * (message->payload.size + 1);
}

size_t format_size_max(struct feed_format format, const struct stream_message *message, struct slice stream_name)
{
    if (format.shape == FEED_EVENTS)
        return event_size_max(format, message, stream_name);
    return 2 + object_size_max(message, stream_name);
}

char *format_write(struct feed_format format, const struct stream_message *message, struct slice stream_name,
                   uint64_t epoch, char *out)
{
    if (format.shape == FEED_EVENTS)
        return write_event(out, format, message, stream_name, epoch);
    if (format.shape == FEED_LIST)
        *out++ = ',';
    out = put_object(out, message, stream_name, epoch);
    if (format.shape == FEED_LINES)
        *out++ = '\n';
    return out;
}
