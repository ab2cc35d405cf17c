#include "url.h"

#include <stdlib.h>

#include "posthorn.h"
#include "util/decimal.h"

#define PORT_DEFAULT "4222"

static const struct scheme {
    const char *name;
    bool tls;
} schemes[] = {
    { "nats", false },
    { "posthorn", false },
    { "tls", true },
};

/* Writes texts into one allocation, each with its NUL. */
struct store {
    char *at;
};

static const char *store_text(struct store *store, struct slice text)
{
    char *start = store->at;
    memcpy(start, text.data, text.size);
    start[text.size] = '\0';
    store->at += text.size + 1;
    return start;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Stores text with its %XX resolved; NULL where that is malformed or gives a NUL. */
static const char *store_decoded(struct store *store, struct slice text)
{
    char *start = store->at;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '%') {
            int high = i + 2 < text.size ? hex_value(text.data[i + 1]) : -1;
            int low = high >= 0 ? hex_value(text.data[i + 2]) : -1;
            if (low < 0 || (high == 0 && low == 0))
                return NULL;
            c = (char)(high * 16 + low);
            i += 2;
        }
        *store->at++ = c;
    }
    *store->at++ = '\0';
    return start;
}

/*
 * Cuts text at the first (or last) c: what stands before it, and text becomes what stands behind. False where there is
 * none.
 */
static bool cut_at(struct slice *text, char c, bool last, struct slice *ret_before)
{
    const char *found = NULL;
    if (text->size > 0)
        found = last ? memrchr(text->data, c, text->size) : memchr(text->data, c, text->size);
    if (!found)
        return false;
    *ret_before = slice_make(text->data, (size_t)(found - text->data));
    *text = slice_make(found + 1, text->size - ret_before->size - 1);
    return true;
}

/* Takes "scheme://" off the front, if it is there. */
static int take_scheme(struct slice *text, bool *ret_tls)
{
    static const char mark[] = "://";
    const char *found = text->size ? memmem(text->data, text->size, mark, sizeof mark - 1) : NULL;
    if (!found)
        return PH_OK;
    size_t size = (size_t)(found - text->data);
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (strlen(schemes[i].name) == size && strncasecmp(text->data, schemes[i].name, size) == 0) {
            *text = slice_make(found + sizeof mark - 1, text->size - size - (sizeof mark - 1));
            *ret_tls = schemes[i].tls;
            return PH_OK;
        }
    }
    return PH_E_URL;
}

/* "user:password" or "token". */
static int parse_credentials(struct slice text, struct store *store, struct ph_url *url)
{
    struct slice user;
    if (!cut_at(&text, ':', false, &user))
        return (url->token = store_decoded(store, text)) && *url->token ? PH_OK : PH_E_URL;
    url->user = store_decoded(store, user);
    url->password = store_decoded(store, text);
    return url->user && *url->user && url->password ? PH_OK : PH_E_URL;
}

static bool is_port(struct slice text)
{
    uint64_t port = 0;
    return text.size <= 5 && decimal_read_max(text, UINT16_MAX, &port) && port > 0;
}

static bool is_host(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] <= ' ' || strchr("/?#@[]", text.data[i]))
            return false;
    return text.size > 0;
}

/* Parts "host:port", "[v6]:port", or either without its port. */
static bool split_address(struct slice text, struct slice *ret_host, struct slice *ret_port)
{
    struct slice rest = text;
    *ret_port = slice_of(PORT_DEFAULT);
    if (text.size > 0 && text.data[0] == '[') {
        rest = slice_make(text.data + 1, text.size - 1);
        if (!cut_at(&rest, ']', false, ret_host) || (rest.size > 0 && rest.data[0] != ':'))
            return false;
        if (rest.size > 0)
            *ret_port = slice_make(rest.data + 1, rest.size - 1);
    } else if (cut_at(&rest, ':', false, ret_host)) {
        *ret_port = rest;
    } else {
        *ret_host = text;
    }
    return is_host(*ret_host) && is_port(*ret_port);
}

static int parse_address(struct slice text, struct store *store, struct ph_url *url)
{
    struct slice host, port;
    if (text.size > 0 && text.data[text.size - 1] == '/')
        text.size--;
    if (!split_address(text, &host, &port))
        return PH_E_URL;
    url->host = store_text(store, host);
    url->port = store_text(store, port);
    bool is_v6 = memchr(host.data, ':', host.size) != NULL;
    char *label = store->at;
    store_text(store, slice_of(is_v6 ? "[" : ""));
    store->at--;
    store_text(store, host);
    store->at--;
    store_text(store, slice_of(is_v6 ? "]:" : ":"));
    store->at--;
    store_text(store, port);
    url->label = label;
    return PH_OK;
}

static int parse_into(struct slice text, struct store *store, struct ph_url *url)
{
    static const char unix_prefix[] = "unix:";
    if (slice_starts_with(text, slice_of(unix_prefix))) {
        url->label = store_text(store, text);
        url->path = url->label + sizeof unix_prefix - 1;
        return url->path[0] == '/' && !memchr(text.data, '\0', text.size) ? PH_OK : PH_E_URL;
    }
    int error = take_scheme(&text, &url->tls);
    struct slice credentials;
    if (!error && cut_at(&text, '@', true, &credentials))
        error = parse_credentials(credentials, store, url);
    return error ? error : parse_address(text, store, url);
}

int ph_url_parse(struct slice text, struct ph_url *ret_url)
{
    /* The parts and the label hold the text at most twice; ends, brackets and the default port are little more. */
    struct ph_url url = { .text = malloc(2 * text.size + 32) };
    if (!url.text)
        return PH_E_MEMORY;
    struct store store = { url.text };
    int error = parse_into(text, &store, &url);
    if (error)
        free(url.text);
    else
        *ret_url = url;
    return error;
}

void ph_url_finish(struct ph_url *url)
{
    free(url->text);
    *url = (struct ph_url){ 0 };
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The next of a list; moves *list behind it. */
static struct slice next_of_list(const char **list)
{
    const char *start = *list, *end = strchrnul(start, ',');
    *list = *end ? end + 1 : end;
    while (start < end && is_blank(*start))
        start++;
    while (end > start && is_blank(end[-1]))
        end--;
    return slice_make(start, (size_t)(end - start));
}

static size_t list_length(const char *list)
{
    size_t count = 1;
    for (; *list; list++)
        count += *list == ',';
    return count;
}

int ph_urls_parse(const char *list, struct ph_url **ret_urls, size_t *ret_count, struct slice *ret_bad)
{
    size_t length = list_length(list), count = 0;
    struct ph_url *urls = calloc(length, sizeof *urls);
    int error = urls ? PH_OK : PH_E_MEMORY;
    for (; !error && count < length; count++) {
        struct slice text = next_of_list(&list);
        error = ph_url_parse(text, &urls[count]);
        if (error) {
            *ret_bad = text;
            break;
        }
    }
    if (error) {
        ph_urls_free(urls, count);
        return error;
    }
    *ret_urls = urls;
    *ret_count = count;
    return PH_OK;
}

void ph_urls_free(struct ph_url *urls, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ph_url_finish(&urls[i]);
    free(urls);
}
