/*
 * Fuzz target: texts by which something is found: URLs of servers, the reply topic of a delivery, the id of a request
 * that HTTP answers; and JSON as libposthorn reads it. Each input is given to all of their readers.
 *
 *   input = a text
 */
#include "fuzz.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "http/reply.h"
#include "libposthorn/json.h"
#include "libposthorn/url.h"
#include "sidecar/durable.h"
#include "util/utf8.h"

enum { URLS_MAX = 64, VALUE_SIZE = 40 };

static void check_url(const struct ph_url *url)
{
    fuzz_require(url->label && (url->path ? *url->path : (*url->host && *url->port)));
    fuzz_require(!url->password || url->user);
    if (url->password && strlen(url->password) > 6)
        fuzz_require(!strstr(url->label, url->password) || strstr(url->path ? url->path : url->host, url->password));
}

static void try_urls(const char *text)
{
    struct ph_url *urls;
    struct slice bad = slice_make(NULL, 0);
    size_t count;
    if (ph_urls_parse(text, &urls, &count, &bad) != 0) {
        fuzz_require(!bad.size || (bad.data >= text && bad.data + bad.size <= text + strlen(text)));
        return;
    }
    fuzz_require(count > 0);
    for (size_t i = 0; i < count; i++)
        check_url(&urls[i]);
    ph_urls_free(urls, count);
}

/* Nobody has our key. */
static void try_id(struct slice text)
{
    static const unsigned char key[REPLY_KEY_SIZE] = { 1, 2, 3 };
    size_t size;
    char *topic = malloc(base64url_data_size_max(text.size) + 1);
    char *id = malloc(reply_id_size(text));
    fuzz_require(topic && id);
    fuzz_require(!reply_id_read(text, key, topic, &size));
    char *end = reply_id_write(id, key, text);
    fuzz_require((size_t)(end - id) == reply_id_size(text));
    char *again = malloc(base64url_data_size_max((size_t)(end - id)) + 1);
    fuzz_require(again && reply_id_read(slice_make(id, (size_t)(end - id)), key, again, &size));
    fuzz_require(slice_equal(slice_make(again, size), text));
    free(again);
    free(topic);
    free(id);
}

static void try_delivery(struct slice text)
{
    struct durable_message message;
    if (!durable_read_reply(text, &message))
        return;
    const char *end = text.data + text.size;
    fuzz_require(message.stream.data >= text.data && message.stream.data + message.stream.size <= end);
}

/* What it takes is JSON to others, and what it reads fits. */
static void try_object(struct slice text)
{
    struct ph_json json;
    struct ph_json_field field;
    int more;
    ph_json_init(&json, text);
    while ((more = ph_json_next(&json, &field)) > 0) {
        char value[VALUE_SIZE];
        unsigned long long number;
        ph_json_decode(field.text, value, sizeof value);
        fuzz_require(strnlen(value, sizeof value) < sizeof value);
        fuzz_require(!ph_json_number(&field, 1000, &number) || number <= 1000);
    }
    if (more < 0 || memchr(text.data, '\\', text.size) || !utf8_valid(text))
        return;
    cJSON *tree = cJSON_ParseWithLength(text.data, text.size);
    fuzz_require(cJSON_IsObject(tree));
    cJSON_Delete(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    fuzz_require(text);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    try_urls(text);
    free(text);
    char *exact = malloc(size ? size : 1);
    fuzz_require(exact);
    if (size)
        memcpy(exact, data, size);
    struct slice given = slice_make(exact, size);
    if (size)
        try_id(given);
    try_delivery(given);
    try_object(given);
    free(exact);
    return 0;
}
