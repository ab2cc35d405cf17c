#include "push/body.h"

#include <errno.h>
#include <stdlib.h>

#include "feed/format.h"
#include "util/base64.h"
#include "util/json.h"
#include "util/moment.h"
#include "util/utf8.h"
#include "wire/format.h"
#include "wire/headers.h"

enum {
    HEADERS_MAX = 128,
    PLACE_SIZE = 128,                /* what stands between the parts, of a payload */
    FIXED_SIZE = 512,                /* and of the others */
};

/* Text that stands between the parts. */
#define PUT(out, text) format_bytes(out, text, sizeof(text) - 1)

static const char header_prefix[] = "Posthorn-Header-", event_prefix[] = "ce-";

/* Bytes. */

static bool is_name(struct slice name, const char *wanted)
{
    return name.size == strlen(wanted) && strncasecmp(name.data, wanted, name.size) == 0;
}

static bool has_prefix(struct slice name, const char *prefix)
{
    size_t size = strlen(prefix);
    return name.size > size && strncasecmp(name.data, prefix, size) == 0;
}

static bool is_text(struct slice payload)
{
    return utf8_valid(payload) && !(payload.size && memchr(payload.data, '\0', payload.size));
}

/* Header lines. A name is a token, and a value has no controls: what HTTP cannot carry is left out. */

static bool is_token(struct slice name)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < name.size; i++) {
        char letter = name.data[i];
        bool is_alphanumeric = (letter >= '0' && letter <= '9') || ((letter | 0x20) >= 'a' && (letter | 0x20) <= 'z');
        if (!is_alphanumeric && (!letter || !strchr(marks, letter)))
            return false;
    }
    return name.size > 0;
}

static bool is_value(struct slice value)
{
    for (size_t i = 0; i < value.size; i++)
        if (((unsigned char)value.data[i] < ' ' && value.data[i] != '\t') || value.data[i] == 0x7f)
            return false;
    return value.size > 0;
}

/* A line is begun and ended; curl would take one without a value for one to be left away. */
static char *put_line(char *out, const char *prefix, struct slice name, struct slice value)
{
    if (!is_token(name) || !is_value(value))
        return out;
    out = format_slice(out, slice_of(prefix));
    out = format_slice(out, name);
    out = PUT(out, ": ");
    out = format_slice(out, value);
    *out++ = '\0';
    return out;
}

/* As CloudEvents has it for HTTP: what is no printable ASCII, and blank, quote and percent sign, byte by byte. */
static char *put_encoded(char *out, struct slice value)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < value.size; i++) {
        unsigned char byte = (unsigned char)value.data[i];
        if (byte > ' ' && byte < 0x7f && byte != '"' && byte != '%') {
            *out++ = (char)byte;
            continue;
        }
        *out++ = '%';
        *out++ = digits[byte >> 4];
        *out++ = digits[byte & 15];
    }
    return out;
}

static char *put_encoded_line(char *out, const char *name, struct slice value)
{
    out = format_slice(out, slice_of(name));
    out = PUT(out, ": ");
    out = put_encoded(out, value);
    *out++ = '\0';
    return out;
}

static struct slice content_type(const struct body_source *source)
{
    struct slice type;
    return headers_find(source->message->head, "Content-Type", &type) && is_value(type) ? type : slice_make(NULL, 0);
}

static char *put_type_line(char *out, struct slice type, const char *otherwise)
{
    return put_line(out, "", slice_of("Content-Type"), type.size ? type : slice_of(otherwise));
}

/* Encoders: where each is, so far. */
struct writing {
    const struct body_source *source;
    char *out;
    char *content;                   /* where the body begins, when the lines are done */
};

static void begin_content(struct writing *writing)
{
    writing->content = writing->out;
}

static void put_payload(struct writing *writing)
{
    struct slice payload = writing->source->message->payload;
    begin_content(writing);
    if (payload.size)
        writing->out = format_slice(writing->out, payload);
}

/* The message's own headers; those of CloudEvents where they are not already there. */
static void put_headers(struct writing *writing, bool with_events)
{
    size_t cursor = 0;
    struct slice name, value;
    struct slice head = writing->source->message->head;
    for (unsigned i = 0; i < HEADERS_MAX && headers_next(head, &cursor, &name, &value); i++)
        if (!is_name(name, "Content-Type") && (with_events || !has_prefix(name, event_prefix)))
            writing->out = put_line(writing->out, header_prefix, name, value);
}

static void put_place(struct writing *writing)
{
    writing->out = put_encoded_line(writing->out, "Posthorn-Topic", writing->source->message->topic);
    writing->out = put_encoded_line(writing->out, "Posthorn-Stream", writing->source->stream_name);
}

static void write_payload(struct writing *writing)
{
    writing->out = put_type_line(writing->out, content_type(writing->source), "application/octet-stream");
    put_place(writing);
    put_headers(writing, true);
    put_payload(writing);
}

static const struct feed_format envelope = { .shape = FEED_LINES };

static void write_envelope(struct writing *writing)
{
    const struct body_source *source = writing->source;
    writing->out = put_type_line(writing->out, slice_of("application/json"), "");
    begin_content(writing);
    writing->out = format_write(envelope, source->message, source->stream_name, source->epoch, writing->out);
    writing->out--; /* a line's end */
}

/* CloudEvents. */

static struct slice id_of(const struct body_source *source, char room[MOMENT_SIZE])
{
    (void)room;
    return source->id;
}

static struct slice origin_of(const struct body_source *source, char room[MOMENT_SIZE])
{
    (void)room;
    return source->origin;
}

static struct slice topic_of(const struct body_source *source, char room[MOMENT_SIZE])
{
    (void)room;
    return source->message->topic;
}

static struct slice time_of(const struct body_source *source, char room[MOMENT_SIZE])
{
    moment_write(room, source->message->time_ms);
    return slice_make(room, MOMENT_SIZE);
}

static struct slice version_of(const struct body_source *source, char room[MOMENT_SIZE])
{
    (void)source;
    (void)room;
    return slice_of("1.0");
}

/* What a message's headers may say otherwise. */
static const struct attribute {
    const char *name, *header;
    struct slice (*value)(const struct body_source *source, char room[MOMENT_SIZE]);
} attributes[] = {
    { "specversion", "ce-specversion", version_of },
    { "id", "ce-id", id_of },
    { "source", "ce-source", origin_of },
    { "type", "ce-type", topic_of },
    { "time", "ce-time", time_of },
    { "subject", "ce-subject", topic_of },
};
enum { ATTRIBUTE_COUNT = sizeof attributes / sizeof *attributes };

/* Such as a header has it: percent-encoded already. False: there is none. */
static bool find_header(const struct body_source *source, const struct attribute *attribute, struct slice *ret_value)
{
    return headers_find(source->message->head, attribute->header, ret_value) && is_value(*ret_value);
}

/* An event that is one already keeps its id only together with its source: by both it is known. */
static bool is_event(const struct body_source *source)
{
    struct slice value;
    for (unsigned i = 0; i < 4; i++)
        if (!find_header(source, &attributes[i], &value))
            return false;
    return true;
}

/* Names of further attributes are lower-case letters and digits. */
static bool is_extension(struct slice name)
{
    if (!has_prefix(name, event_prefix))
        return false;
    for (unsigned i = 0; i < ATTRIBUTE_COUNT; i++)
        if (is_name(name, attributes[i].header))
            return false;
    for (size_t i = sizeof event_prefix - 1; i < name.size; i++)
        if (!((name.data[i] >= '0' && name.data[i] <= '9') || (name.data[i] >= 'a' && name.data[i] <= 'z')))
            return false;
    return !is_name(name, "ce-data") && !is_name(name, "ce-datacontenttype");
}

static void put_attribute_line(struct writing *writing, const struct attribute *attribute, bool is_kept)
{
    char room[MOMENT_SIZE];
    struct slice value;
    if (is_kept && find_header(writing->source, attribute, &value))
        writing->out = put_line(writing->out, "", slice_of(attribute->header), value);
    else if (!is_kept || attribute->value != topic_of)
        writing->out = put_encoded_line(writing->out, attribute->header, attribute->value(writing->source, room));
}

static void put_extension_lines(struct writing *writing)
{
    size_t cursor = 0;
    struct slice name, value;
    struct slice head = writing->source->message->head;
    for (unsigned i = 0; i < HEADERS_MAX && headers_next(head, &cursor, &name, &value); i++)
        if (is_extension(name))
            writing->out = put_line(writing->out, "", name, value);
}

static void write_event(struct writing *writing)
{
    struct slice type = content_type(writing->source);
    bool is_kept = is_event(writing->source);
    if (type.size || writing->source->message->payload.size)
        writing->out = put_type_line(writing->out, type, "application/octet-stream");
    for (unsigned i = 0; i < ATTRIBUTE_COUNT; i++)
        put_attribute_line(writing, &attributes[i], is_kept);
    put_extension_lines(writing);
    put_headers(writing, false);
    put_payload(writing);
}

static int hex(char letter)
{
    if (letter >= '0' && letter <= '9')
        return letter - '0';
    letter |= 0x20;
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* The value of a header ce-..., decoded behind the room for what is made of it. */
static char *put_decoded(char *out, struct slice value)
{
    char *room = out + json_string_size_max(value), *end = room;
    for (size_t i = 0; i < value.size; i++) {
        bool is_escape = value.data[i] == '%' && i + 2 < value.size && hex(value.data[i + 1]) >= 0 &&
                         hex(value.data[i + 2]) >= 0;
        *end++ = is_escape ? (char)(hex(value.data[i + 1]) << 4 | hex(value.data[i + 2])) : value.data[i];
        i += is_escape ? 2 : 0;
    }
    return json_write_string(out, slice_make(room, (size_t)(end - room)));
}

static void put_member_name(struct writing *writing, struct slice name)
{
    if (writing->out[-1] != '{')
        *writing->out++ = ',';
    *writing->out++ = '"';
    writing->out = format_slice(writing->out, name);
    writing->out = PUT(writing->out, "\":");
}

static void put_attribute(struct writing *writing, const struct attribute *attribute, bool is_kept)
{
    char room[MOMENT_SIZE];
    struct slice value;
    bool is_there = is_kept && find_header(writing->source, attribute, &value);
    if (is_kept && !is_there && attribute->value == topic_of)
        return;
    put_member_name(writing, slice_of(attribute->name));
    if (is_there)
        writing->out = put_decoded(writing->out, value);
    else
        writing->out = json_write_string(writing->out, attribute->value(writing->source, room));
}

static void put_extensions(struct writing *writing)
{
    size_t cursor = 0, skip = sizeof event_prefix - 1;
    struct slice name, value;
    struct slice head = writing->source->message->head;
    for (unsigned i = 0; i < HEADERS_MAX && headers_next(head, &cursor, &name, &value); i++)
        if (is_extension(name)) {
            put_member_name(writing, slice_make(name.data + skip, name.size - skip));
            writing->out = put_decoded(writing->out, value);
        }
}

/* "application/json", "application/vnd.x+json", with parameters or without. */
static bool is_json_type(struct slice type)
{
    size_t size = 0;
    while (size < type.size && type.data[size] != ';' && type.data[size] != ' ')
        size++;
    return is_name(slice_make(type.data, size), "application/json") ||
           (size > 5 && strncasecmp(type.data + size - 5, "+json", 5) == 0);
}

/* One value and nothing else, in UTF-8. */
static bool is_json(struct slice payload)
{
    size_t before = json_blank_size(payload);
    struct slice rest = slice_make(payload.data + before, payload.size - before);
    size_t size = rest.size ? json_value_size(rest) : 0;
    if (!size)
        return false;
    rest = slice_make(rest.data + size, rest.size - size);
    return json_blank_size(rest) == rest.size && utf8_valid(payload);
}

static void put_data(struct writing *writing, struct slice type)
{
    struct slice payload = writing->source->message->payload;
    bool is_value_of_json = (!type.size || is_json_type(type)) && is_json(payload);
    bool is_string = is_text(payload);
    const char *guess = is_value_of_json ? "application/json" : is_string ? "text/plain" : "application/octet-stream";
    put_member_name(writing, slice_of("datacontenttype"));
    writing->out = json_write_string(writing->out, type.size ? type : slice_of(guess));
    /* of JSON that is broken, a string would say that it is one: its bytes say nothing false */
    bool is_plain = is_string && !(type.size && is_json_type(type));
    put_member_name(writing, slice_of(is_value_of_json || is_plain ? "data" : "data_base64"));
    if (is_value_of_json) {
        writing->out = format_slice(writing->out, payload);
    } else if (is_plain) {
        writing->out = json_write_string(writing->out, payload);
    } else {
        *writing->out++ = '"';
        writing->out = base64_write(writing->out, payload);
        *writing->out++ = '"';
    }
}

static void write_structured(struct writing *writing)
{
    struct slice type = content_type(writing->source);
    bool is_kept = is_event(writing->source);
    writing->out = put_type_line(writing->out, slice_of("application/cloudevents+json; charset=UTF-8"), "");
    put_headers(writing, false);
    begin_content(writing);
    *writing->out++ = '{';
    for (unsigned i = 0; i < ATTRIBUTE_COUNT; i++)
        put_attribute(writing, &attributes[i], is_kept);
    put_extensions(writing);
    if (type.size || writing->source->message->payload.size)
        put_data(writing, type);
    *writing->out++ = '}';
}

/* The table. */

/* A line each, with a prefix, a member each, and room to decode the longest. */
static size_t headers_size_max(const struct body_source *source)
{
    size_t size = source->message->head.size, count = size < HEADERS_MAX ? size : HEADERS_MAX;
    return count * sizeof header_prefix + 14 * size;
}

/* What is told of a message may stand twice, with each byte escaped. */
static size_t head_size_max(const struct body_source *source)
{
    size_t names = source->message->topic.size + source->stream_name.size + source->id.size + source->origin.size;
    return FIXED_SIZE + 2 * 6 * names + headers_size_max(source);
}

/* Most are such, and small: a block that is no larger than it must be is had at once. */
static size_t payload_size_max(const struct body_source *source)
{
    size_t names = source->message->topic.size + source->stream_name.size;
    return PLACE_SIZE + 3 * names + headers_size_max(source) + source->message->payload.size;
}

static size_t event_size_max(const struct body_source *source)
{
    return head_size_max(source) + source->message->payload.size;
}

static size_t envelope_size_max(const struct body_source *source)
{
    return FIXED_SIZE + format_size_max(envelope, source->message, source->stream_name);
}

static size_t structured_size_max(const struct body_source *source)
{
    return head_size_max(source) + json_string_size_max(source->message->payload);
}

static const struct encoder {
    size_t (*size_max)(const struct body_source *source);
    void (*write)(struct writing *writing);
} encoders[BODY_KIND_COUNT] = {
    [BODY_PAYLOAD] = { payload_size_max, write_payload },
    [BODY_ENVELOPE] = { envelope_size_max, write_envelope },
    [BODY_CLOUDEVENTS] = { event_size_max, write_event },
    [BODY_CLOUDEVENTS_STRUCTURED] = { structured_size_max, write_structured },
};

const char *const body_words[BODY_KIND_COUNT + 1] = {
    "payload", "envelope", "cloudevents", "cloudevents-structured", NULL,
};

int body_make(enum body_kind kind, const struct body_source *source, struct body *ret_body)
{
    const struct encoder *encoder = &encoders[kind];
    char *bytes = malloc(encoder->size_max(source));
    struct writing writing = { source, bytes, bytes };
    if (!bytes)
        return -ENOMEM;
    encoder->write(&writing);
    *ret_body = (struct body){
        .bytes = bytes,
        .head_size = (size_t)(writing.content - bytes),
        .size = (size_t)(writing.out - writing.content),
    };
    return 0;
}

void body_finish(struct body *body)
{
    free(body->bytes);
    *body = (struct body){ .bytes = NULL };
}

const char *body_next_line(const struct body *body, const char *line)
{
    const char *next = line ? line + strlen(line) + 1 : body->bytes;
    if (!body->bytes)
        return NULL;
    return next < body->bytes + body->head_size ? next : NULL;
}
