#include "sidecar/carry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "libposthorn/posthorn.h"
#include "core/topic.h"
#include "http/request.h"
#include "wire/format.h"
#include "wire/headers.h"

enum { METHOD_SIZE_MAX = 32, FIXED_SIZE = 256 };

/* Names. */

static const char *const own_prefixes[] = { "Posthorn-", "Nats-" };

static const char *const local_names[] = {
    "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailer",
    "Transfer-Encoding", "Upgrade", "HTTP2-Settings", "Host", "Content-Length", "Expect",
};

static bool is_own(struct slice name)
{
    for (size_t i = 0; i < sizeof own_prefixes / sizeof *own_prefixes; i++) {
        size_t size = strlen(own_prefixes[i]);
        if (name.size >= size && strncasecmp(name.data, own_prefixes[i], size) == 0)
            return true;
    }
    return false;
}

static bool is_local(struct slice name)
{
    for (size_t i = 0; i < sizeof local_names / sizeof *local_names; i++)
        if (http_name_is(name, local_names[i]))
            return true;
    return false;
}

static bool is_named_by(struct slice connection, struct slice name)
{
    struct slice item;
    while (http_next_item(&connection, &item))
        if (item.size == name.size && strncasecmp(item.data, name.data, name.size) == 0)
            return true;
    return false;
}

bool carry_goes_along(struct slice name, struct slice connection)
{
    return http_is_token(name) && !is_own(name) && !is_local(name) && !is_named_by(connection, name);
}

static bool is_value(struct slice value)
{
    for (size_t i = 0; i < value.size; i++)
        if (((unsigned char)value.data[i] < ' ' && value.data[i] != '\t') || value.data[i] == 0x7f)
            return false;
    return true;
}

/* The request: what it asks. */

/* CONNECT and TRACE ask something of whoever passes them on. */
static const char *fault_of_method(struct slice method)
{
    if (!http_is_token(method) || method.size > METHOD_SIZE_MAX)
        return CARRY_METHOD " is no method.";
    if (slice_is(method, "CONNECT") || slice_is(method, "TRACE"))
        return "CONNECT and TRACE are not passed on.";
    return NULL;
}

/* ".." however it is written. */
static bool goes_up(struct slice segment)
{
    unsigned dots = 0;
    for (size_t at = 0; at < segment.size; dots++) {
        struct slice rest = slice_make(segment.data + at, segment.size - at);
        if (*rest.data == '.')
            at++;
        else if (rest.size >= 3 && strncasecmp(rest.data, "%2e", 3) == 0)
            at += 3;
        else
            return false;
    }
    return dots == 2;
}

/* A path that goes up might leave what the application is asked under. */
static bool path_goes_up(struct slice target)
{
    size_t start = 0;
    for (size_t at = 0; at <= target.size; at++) {
        bool is_end = at == target.size || target.data[at] == '?';
        if (!is_end && target.data[at] != '/')
            continue;
        if (goes_up(slice_make(target.data + start, at - start)))
            return true;
        if (is_end)
            return false;
        start = at + 1;
    }
    return false;
}

static const char *fault_of_target(struct slice target)
{
    if (!target.size || *target.data != '/')
        return CARRY_TARGET " does not begin with a slash.";
    for (size_t i = 0; i < target.size; i++)
        if ((unsigned char)target.data[i] <= ' ' || (unsigned char)target.data[i] >= 0x7f || target.data[i] == '#')
            return CARRY_TARGET " has a character that no path or query has.";
    return path_goes_up(target) ? CARRY_TARGET " has a path that goes up." : NULL;
}

/* What may stand in a segment of a path, and in a header, beside letters and digits. */
static const char segment_marks[] = "-_~!$&'()*+,;=:@", header_marks[] = "-_~!$&'()*+,;=:@.#/<>?[]\\^`{|}";

static char *put_encoded(char *out, struct slice text, const char *marks)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        bool is_plain = (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');
        if (is_plain || (byte && strchr(marks, byte))) {
            *out++ = (char)byte;
            continue;
        }
        *out++ = '%';
        *out++ = digits[byte >> 4];
        *out++ = digits[byte & 15];
    }
    return out;
}

static char *put_segment(char *out, struct slice token)
{
    *out++ = '/';
    return put_encoded(out, token, segment_marks);
}

/* The tokens that the wildcards stand for. */
static char *put_tokens(char *out, struct slice pattern, struct slice topic)
{
    size_t pattern_at = 0, topic_at = 0;
    struct slice wanted = { NULL, 0 }, token;
    while (topic_next_token(topic, &topic_at, &token)) {
        if (!slice_is(wanted, ">") && !topic_next_token(pattern, &pattern_at, &wanted))
            break;
        if (slice_is(wanted, ">") || slice_is(wanted, "*"))
            out = put_segment(out, token);
    }
    return out;
}

static bool has_path(struct slice to)
{
    const char *authority = memmem(to.data, to.size, "://", 3);
    size_t before = authority ? (size_t)(authority - to.data) + 3 : 0;
    return memchr(to.data + before, '/', to.size - before) != NULL;
}

static char *put_url(char *out, const struct carry_source *source, struct slice target)
{
    out = format_slice(out, source->to);
    char *path = out;
    out = target.size ? format_slice(out, target) : put_tokens(out, source->pattern, source->topic);
    if (out == path && !has_path(source->to))
        *out++ = '/';
    *out++ = '\0';
    return out;
}

/* The request: its lines. */

/* What curl would say by itself unless it is told not to. */
static const char *const unasked[] = { "Accept", "Content-Type", "User-Agent", "Expect" };

static char *put_text(char *out, struct slice text)
{
    return text.size ? format_slice(out, text) : out;
}

/* To curl, "Name:" is a header to be left away, and "Name;" one without a value. */
static char *put_line(char *out, struct slice name, struct slice value)
{
    out = put_text(out, name);
    out = put_text(out, slice_of(value.size ? ": " : ";"));
    out = put_text(out, value);
    *out++ = '\0';
    return out;
}

static char *put_unasked(char *out, struct slice head)
{
    struct slice value;
    for (size_t i = 0; i < sizeof unasked / sizeof *unasked; i++) {
        if (i < 3 && headers_find(head, unasked[i], &value) && is_value(value))
            continue;
        out = put_text(out, slice_of(unasked[i]));
        *out++ = ':';
        *out++ = '\0';
    }
    return out;
}

static struct slice find(struct slice head, const char *name, const char *otherwise)
{
    struct slice value;
    return headers_find(head, name, &value) ? value : slice_of(otherwise);
}

static char *put_lines(char *out, const struct carry_source *source)
{
    struct slice name, value, connection = find(source->head, "Connection", "");
    size_t cursor = 0;
    while (headers_next(source->head, &cursor, &name, &value))
        if (carry_goes_along(name, connection) && is_value(value))
            out = put_line(out, name, value);
    out = put_unasked(out, source->head);
    out = put_text(out, slice_of("Posthorn-Topic: "));
    out = put_encoded(out, source->topic, header_marks);
    *out++ = '\0';
    return out;
}

/* A header of a block has at least four bytes more than name and value, and a line three. A byte of the topic
 * may stand there twice, each time as three. */
static size_t size_max(const struct carry_source *source)
{
    return FIXED_SIZE + source->to.size + 7 * source->topic.size + 2 * source->head.size;
}

int carry_to_request(const struct carry_source *source, struct carried *ret_carried, const char **ret_fault)
{
    struct slice method = find(source->head, CARRY_METHOD, "POST"), target = find(source->head, CARRY_TARGET, "");
    const char *fault = fault_of_method(method);
    if (!fault && target.size)
        fault = fault_of_target(target);
    if (fault) {
        *ret_fault = fault;
        return -EINVAL;
    }
    char *bytes = malloc(size_max(source));
    if (!bytes)
        return -ENOMEM;
    char *url = format_slice(bytes, method);
    *url++ = '\0';
    char *lines = put_url(url, source, target);
    char *end = put_lines(lines, source);
    *end = '\0';
    *ret_carried = (struct carried){ bytes, bytes, url, lines, (size_t)(end - lines) };
    return 0;
}

void carried_finish(struct carried *carried)
{
    free(carried->bytes);
    *carried = (struct carried){ .bytes = NULL };
}

const char *carried_next_line(const struct carried *carried, const char *line)
{
    line = line ? line + strlen(line) + 1 : carried->lines;
    return line < carried->lines + carried->lines_size ? line : NULL;
}

/* The reply. */

static struct slice connection_of(const struct carry_pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(pairs[i].name, "Connection") == 0)
            return slice_of(pairs[i].value);
    return slice_make("", 0);
}

int carry_to_reply(struct ph_headers *headers, unsigned status, const struct carry_pair *pairs, size_t count,
                   bool with_length)
{
    struct slice connection = connection_of(pairs, count);
    char number[16];
    snprintf(number, sizeof number, "%u", status);
    int error = ph_headers_add(headers, CARRY_STATUS, number);
    for (size_t i = 0; i < count && error == PH_OK; i++) {
        bool is_length = with_length && strcasecmp(pairs[i].name, "Content-Length") == 0;
        if (!is_length && !carry_goes_along(slice_of(pairs[i].name), connection))
            continue;
        error = ph_headers_add(headers, pairs[i].name, pairs[i].value);
        if (error == PH_E_HEADER)
            error = PH_OK;
    }
    return error;
}
