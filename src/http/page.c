#include <stdio.h>

#include "http/page.h"
#include "http/routes.h"

enum { ETAG_LINE_SIZE = 64 };

/*
 * What every file of the page is sent with. It shows what strangers have published, so it is given no right that it
 * does not use: scripts and styles are files of this server, and no string can become markup (trusted-types) even by
 * mistake. A browser asks each time whether its copy still holds, for the next daemon may bring another page.
 */
static const char page_headers[] =
    "Cache-Control: no-cache\r\n"
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n";

static void send_named(struct exchange *exchange, struct slice name);
static const struct page_file *find_file(struct slice name);
static void send_file(struct exchange *exchange, const struct page_file *file);
static bool is_held(const struct http_request *request, const struct page_file *file);

void page_dashboard(struct exchange *exchange)
{
    send_named(exchange, slice_of("index.html"));
}

void page_file(struct exchange *exchange)
{
    send_named(exchange, exchange->parameter);
}

static void send_named(struct exchange *exchange, struct slice name)
{
    const struct page_file *file = find_file(name);
    if (file)
        send_file(exchange, file);
    else
        answer_problem(exchange, PROBLEM_NOT_FOUND, NULL, "the dashboard has no file of this name");
}

static const struct page_file *find_file(struct slice name)
{
    for (size_t i = 0; i < page_file_count; i++)
        if (slice_is(name, page_files[i].name))
            return &page_files[i];
    return NULL;
}

static void send_file(struct exchange *exchange, const struct page_file *file)
{
    char headers[ETAG_LINE_SIZE + sizeof page_headers];
    snprintf(headers, sizeof headers, "ETag: %s\r\n%s", file->etag, page_headers);
    if (is_held(exchange->request, file))
        answer_empty(exchange, 304, headers);
    else
        answer(exchange, 200, file->type, slice_make((const char *)file->data, file->size), headers);
}

/* True where the client has this very file. */
static bool is_held(const struct http_request *request, const struct page_file *file)
{
    return http_header_has(request, "If-None-Match", file->etag) ||
           http_header_has(request, "If-None-Match", file->etag + strlen("W/")) ||
           http_header_has(request, "If-None-Match", "*");
}
