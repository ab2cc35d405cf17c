#include "http/page.h"

#include "http/routes.h"

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

static void send_file(struct exchange *exchange, struct slice name)
{
    const struct embedded *file = embedded_find(page_files, page_file_count, name);
    if (file)
        embedded_answer(exchange, file, page_headers);
    else
        answer_problem(exchange, PROBLEM_NOT_FOUND, NULL, "The dashboard has no file of this name.");
}

void page_dashboard(struct exchange *exchange)
{
    send_file(exchange, slice_of("index.html"));
}

void page_file(struct exchange *exchange)
{
    send_file(exchange, exchange->parameter);
}
