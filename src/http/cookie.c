#include "http/cookie.h"

#include <stdio.h>

#define COOKIE_NAME "posthorn_session"

/* Cuts "NAME=VALUE" before the next ';', and moves *list behind it. */
static struct slice cut_pair(struct slice *list)
{
    const char *end = memchr(list->data, ';', list->size);
    size_t size = end ? (size_t)(end - list->data) : list->size;
    struct slice pair = slice_make(list->data, size);
    *list = slice_make(list->data + size + (end != NULL), list->size - size - (end != NULL));
    while (pair.size && pair.data[0] == ' ')
        pair = slice_make(pair.data + 1, pair.size - 1);
    return pair;
}

bool cookie_read(const struct http_request *request, struct slice *ret_session)
{
    const struct slice prefix = slice_of(COOKIE_NAME "=");
    struct slice list;
    if (!http_header(request, "Cookie", &list))
        return false;
    while (list.size) {
        struct slice pair = cut_pair(&list);
        if (!slice_starts_with(pair, prefix))
            continue;
        *ret_session = slice_make(pair.data + prefix.size, pair.size - prefix.size);
        return true;
    }
    return false;
}

void cookie_write(char out[COOKIE_LINE_SIZE], const char *session, uint64_t lifetime_s, bool is_secure)
{
    snprintf(out, COOKIE_LINE_SIZE,
             "Set-Cookie: " COOKIE_NAME "=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%llu%s\r\n"
             "Cache-Control: no-store\r\n",
             session, (unsigned long long)lifetime_s, is_secure ? "; Secure" : "");
}
