#include "push/head.h"

#include <stdio.h>
#include <stdlib.h>

#include "util/slice.h"
#include "wire/format.h"

static const char length_name[] = "Content-Length: ", agent_line[] = "\r\nUser-Agent: posthorn";

/* What a URL says. */

/* Names and addresses: one in other letters curl would have to translate, and a zone it would leave away. */
static bool is_host(const char *host)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_[]:";
    return host && host[0] && !host[strspn(host, letters)];
}

static char *get(CURLU *url, CURLUPart part, unsigned flags)
{
    char *text = NULL;
    return curl_url_get(url, part, &text, flags) == CURLUE_OK ? text : NULL;
}

/* Whether curl copies a target as it is was read in its sources of 7.88, and is promised nowhere: another version gets
 * header lines, until it has been looked at. */
static bool curl_copies_targets(void)
{
    const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
    return curl && curl->version_num >> 8 == (7 << 8 | 88);
}

void head_start_make(CURLU *url, struct head_start *ret_start)
{
    char *scheme = get(url, CURLUPART_SCHEME, 0), *host = get(url, CURLUPART_HOST, 0);
    char *path = get(url, CURLUPART_PATH, CURLU_URLENCODE), *query = get(url, CURLUPART_QUERY, 0);
    char *port = get(url, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT);
    int size = -1;
    *ret_start = (struct head_start){ .bytes = NULL };
    if (scheme && path && strcmp(scheme, "http") == 0 && is_host(host) && curl_copies_targets())
        size = asprintf(&ret_start->bytes, "%s%s%s HTTP/1.1\r\nHost: %s%s%s\r\n", path, query ? "?" : "",
                        query ? query : "", host, port ? ":" : "", port ? port : "");
    if (size < 0)
        ret_start->bytes = NULL;
    else
        ret_start->size = (size_t)size;
    curl_free(scheme);
    curl_free(host);
    curl_free(path);
    curl_free(query);
    curl_free(port);
}

void head_start_finish(struct head_start *start)
{
    free(start->bytes);
    *start = (struct head_start){ .bytes = NULL };
}

/* Writing. */

void head_finish(struct head *head)
{
    free(head->bytes);
    *head = (struct head){ .bytes = NULL };
}

static bool reserve(struct head *head, size_t size)
{
    if (size <= head->room)
        return true;
    char *bytes = realloc(head->bytes, 2 * size);
    if (!bytes)
        return false;
    head->bytes = bytes;
    head->room = 2 * size;
    return true;
}

const char *head_write(struct head *head, const struct head_start *start, const struct curl_slist *lines,
                       unsigned line_count, size_t content_size)
{
    size_t size = start->size;
    for (unsigned i = 0; i < line_count; i++)
        size += strlen(lines[i].data) + 2;
    if (!reserve(head, size + sizeof length_name + FORMAT_NUMBER_SIZE_MAX + sizeof agent_line))
        return NULL;
    char *out = format_bytes(head->bytes, start->bytes, start->size);
    for (unsigned i = 0; i < line_count; i++) {
        out = format_slice(out, slice_of(lines[i].data));
        out = format_bytes(out, "\r\n", 2);
    }
    out = format_bytes(out, length_name, sizeof length_name - 1);
    out = format_number(out, content_size);
    format_bytes(out, agent_line, sizeof agent_line);
    return head->bytes;
}
