#include "http/origin.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"

#define EXPOSED \
    "Access-Control-Expose-Headers: Posthorn-Cursor, Posthorn-Topic, Posthorn-Reply-Id, Posthorn-Stream, ETag, Link, " \
    "Retry-After\r\n"

/* What answers carry. */

/* An origin as browsers write it. */
static void write_name(FILE *out, const char *name)
{
    for (; *name; name++)
        fputc(tolower((unsigned char)*name), out);
}

/* The lines of an origin; "*" is everybody, who is nobody that could be trusted with credentials. */
static void write_lines(FILE *out, const char *name, bool credentials)
{
    bool any = strcmp(name, "*") == 0;
    fputs("Access-Control-Allow-Origin: ", out);
    write_name(out, name);
    fputs(any ? "\r\n" : "\r\nVary: Origin\r\n", out);
    if (credentials && !any)
        fputs("Access-Control-Allow-Credentials: true\r\n", out);
    fputs(EXPOSED, out);
}

/* Names and lines, each with its NUL. */
static void write_texts(FILE *out, const struct config_http *config)
{
    fputc('\0', out);
    fputs(config->origins.item_count ? "Vary: Origin\r\n" : "", out);
    for (size_t i = 0; i < config->origins.item_count; i++) {
        fputc('\0', out);
        write_name(out, config->origins.items[i]);
        fputc('\0', out);
        write_lines(out, config->origins.items[i], config->credentials);
    }
}

static const char *behind(const char *text)
{
    return strchr(text, '\0') + 1;
}

int origins_set(struct origins *origins, const struct config_http *config)
{
    struct origins made = { .row_count = config->origins.item_count + 1 };
    size_t size = 0;
    FILE *out = open_memstream(&made.texts, &size);
    if (!out)
        return -ENOMEM;
    write_texts(out, config);
    bool failed = fclose(out) != 0;
    made.rows = failed ? NULL : calloc(made.row_count, sizeof *made.rows);
    if (!made.rows) {
        free(made.texts);
        return -ENOMEM;
    }
    const char *text = made.texts;
    for (size_t i = 0; i < made.row_count; i++) {
        made.rows[i] = (struct origin_row){ .name = text, .lines = behind(text) };
        text = behind(made.rows[i].lines);
    }
    origins_finish(origins);
    *origins = made;
    return 0;
}

void origins_finish(struct origins *origins)
{
    free(origins->rows);
    free(origins->texts);
    *origins = (struct origins){ .rows = NULL };
}

/* Hosts. */

/* Without the port, and without the dot that a full name may end with. */
static struct slice cut_port(struct slice host)
{
    size_t size = host.size;
    while (size && host.data[size - 1] >= '0' && host.data[size - 1] <= '9')
        size--;
    if (size && host.data[size - 1] == ':')
        host.size = size - 1;
    if (host.size && host.data[host.size - 1] == '.')
        host.size--;
    return host;
}

static bool equal(struct slice a, struct slice b)
{
    return a.size == b.size && strncasecmp(a.data, b.data, a.size) == 0;
}

static struct slice skip(struct slice text, size_t size)
{
    return slice_make(text.data + size, text.size - size);
}

static bool ends_with(struct slice text, const char *end)
{
    size_t size = strlen(end);
    return text.size > size && strncasecmp(text.data + text.size - size, end, size) == 0;
}

/* Four numbers below 256, the first of them 127. */
static bool is_loopback_address(struct slice host)
{
    unsigned count = 1, number = 0, digits = 0;
    for (size_t i = 0; i < host.size; i++) {
        char c = host.data[i];
        if (c == '.' && digits && (count > 1 || number == 127)) {
            count++;
            number = digits = 0;
        } else if (c >= '0' && c <= '9' && digits < 3) {
            number = number * 10 + (unsigned)(c - '0');
            digits++;
        } else {
            return false;
        }
        if (number > 255)
            return false;
    }
    return count == 4 && digits;
}

bool host_has_name(struct slice host, struct slice name)
{
    return equal(cut_port(host), cut_port(name));
}

bool host_is_local(struct slice host)
{
    host = cut_port(host);
    return http_name_is(host, "localhost") || ends_with(host, ".localhost") || http_name_is(host, "[::1]") ||
           is_loopback_address(host);
}

/* Pages. */

/* The scheme is ours, or https where TLS was taken off before us: then the browser's word is needed that it is so. */
static bool is_same(const struct http_request *request, bool is_secure, struct slice origin)
{
    struct slice http = slice_of("http://"), https = slice_of("https://"), site;
    if (slice_starts_with(origin, http))
        return !is_secure && equal(skip(origin, http.size), request->host);
    bool vouched = is_secure || (http_header(request, "Sec-Fetch-Site", &site) && slice_is(site, "same-origin"));
    return slice_starts_with(origin, https) && vouched && equal(skip(origin, https.size), request->host);
}

/* The place of an origin in the table; 0: it is not among those that may. */
static unsigned find_place(const struct origins *origins, struct slice name)
{
    unsigned any = 0;
    for (unsigned i = 1; i < origins->row_count; i++) {
        if (slice_is(name, origins->rows[i].name))
            return i;
        if (strcmp(origins->rows[i].name, "*") == 0)
            any = i;
    }
    return any;
}

/* A browser that sends no Origin still says where the request comes from (Fetch Metadata). */
static enum origin_verdict judge_site(const struct http_request *request, bool any_may)
{
    struct slice site, mode, target;
    if (!http_header(request, "Sec-Fetch-Site", &site) || slice_is(site, "same-origin") || slice_is(site, "none"))
        return ORIGIN_GOOD;
    if (any_may)
        return ORIGIN_GOOD;
    bool follows = http_header(request, "Sec-Fetch-Mode", &mode) && slice_is(mode, "navigate") &&
                   http_header(request, "Sec-Fetch-Dest", &target) && slice_is(target, "document");
    return follows && (request->method == HTTP_GET || request->method == HTTP_HEAD) ? ORIGIN_NAVIGATION : ORIGIN_BAD;
}

enum origin_verdict origin_judge(const struct origins *origins, const struct http_request *request, bool is_secure,
                                 unsigned *ret_place)
{
    struct slice origin;
    *ret_place = 0;
    if (!http_header(request, "Origin", &origin))
        return judge_site(request, find_place(origins, slice_make(NULL, 0)) != 0);
    *ret_place = find_place(origins, origin);
    return *ret_place || is_same(request, is_secure, origin) ? ORIGIN_GOOD : ORIGIN_BAD;
}
