#include "sidecar/called.h"

#include "wire/format.h"

enum { METHOD_SIZE_MAX = sizeof "OPTIONS" - 1 };

static bool is_name_byte(char c)
{
    char letter = (char)(c | 0x20);
    return (letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* A name is one token of a topic, whoever made it up. */
static bool is_name(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!is_name_byte(text.data[i]))
            return false;
    return text.size > 0 && text.size <= CALLED_NAME_SIZE_MAX;
}

bool called_find(struct slice prefix, struct slice path, struct called *ret_called)
{
    if (!slice_starts_with(path, prefix) || (path.size > prefix.size && path.data[prefix.size] != '/'))
        return false;
    size_t skipped = prefix.size + (path.size > prefix.size);
    struct slice rest = slice_make(path.data + skipped, path.size - skipped);
    const char *slash = rest.size ? memchr(rest.data, '/', rest.size) : NULL;
    size_t name_size = slash ? (size_t)(slash - rest.data) : rest.size;
    struct slice name = slice_make(rest.data, name_size);
    ret_called->service = is_name(name) ? name : slice_make(rest.data, 0);
    ret_called->path = slice_make(rest.data + name_size, rest.size - name_size);
    return true;
}

size_t called_topic_size(struct slice topic, const struct called *called)
{
    return topic.size + 1 + called->service.size + 1 + METHOD_SIZE_MAX + 1;
}

void called_write_topic(char *out, struct slice topic, const struct called *called, const char *method)
{
    out = format_slice(out, topic);
    *out++ = '.';
    out = format_slice(out, called->service);
    *out++ = '.';
    *format_slice(out, slice_of(method)) = '\0';
}

size_t called_target_size(const struct called *called, struct slice query)
{
    return (called->path.size ? called->path.size : 1) + 1 + query.size + 1;
}

void called_write_target(char *out, const struct called *called, struct slice query)
{
    out = called->path.size ? format_slice(out, called->path) : format_slice(out, slice_of("/"));
    if (query.size) {
        *out++ = '?';
        out = format_slice(out, query);
    }
    *out = '\0';
}
