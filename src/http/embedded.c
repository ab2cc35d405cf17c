#include "http/embedded.h"

#include <stdio.h>

#include "http/exchange.h"

enum { HEADERS_SIZE_MAX = 1024 };

const struct embedded *embedded_find(const struct embedded *files, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++)
        if (slice_is(name, files[i].name))
            return &files[i];
    return NULL;
}

static bool is_held(const struct http_request *request, const struct embedded *file)
{
    return http_header_has(request, "If-None-Match", file->etag) ||
           http_header_has(request, "If-None-Match", file->etag + strlen("W/")) ||
           http_header_has(request, "If-None-Match", "*");
}

void embedded_answer(struct exchange *exchange, const struct embedded *file, const char *headers)
{
    char lines[HEADERS_SIZE_MAX];
    snprintf(lines, sizeof lines, "ETag: %s\r\n%s", file->etag, headers);
    if (is_held(exchange->request, file))
        answer_empty(exchange, 304, lines);
    else
        answer(exchange, 200, file->type, slice_make((const char *)file->data, file->size), lines);
}
