/*
 * Fuzz target: JSON that is read where it lies: values, their parts, and what is made of them: an item of a batch, an
 * answer to a publisher, what an application says of a message. cJSON has the second opinion of what JSON is.
 *
 *   input = a text
 */
#include "fuzz.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "broker/acks.h"
#include "http/item.h"
#include "sidecar/contract.h"
#include "util/json.h"
#include "util/utf8.h"

enum { DEPTH_MAX = 40, TRIED_SIZE_MAX = 1 << 16 };

static void require_within(struct slice part, struct slice whole)
{
    fuzz_require(!part.size || (part.data >= whole.data && part.data + part.size <= whole.data + whole.size));
}

/* What is read of a string is written again as one that is read as the same. */
static void try_string(struct slice value)
{
    size_t size, size_again;
    char *text = malloc(value.size + 1);
    fuzz_require(text);
    if (json_read_string(value, text, &size)) {
        struct slice read = slice_make(text, size);
        char *written = malloc(json_string_size_max(read)), *again = malloc(json_string_size_max(read));
        fuzz_require(size < value.size && written && again);
        size_t written_size = (size_t)(json_write_string(written, read) - written);
        fuzz_require(written_size == json_string_size(read) && written_size <= json_string_size_max(read));
        fuzz_require(json_read_string(slice_make(written, written_size), again, &size_again));
        if (utf8_valid(read))
            fuzz_require(size == size_again && memcmp(text, again, size) == 0);
        free(written);
        free(again);
    }
    free(text);
}

static void walk(struct slice value, unsigned depth)
{
    struct slice name, part;
    size_t cursor = 0;
    try_string(value);
    if (depth == DEPTH_MAX || !value.size)
        return;
    while (*value.data == '[' && json_next_element(value, &cursor, &part)) {
        require_within(part, value);
        fuzz_require(json_value_size(part) == part.size);
        walk(part, depth + 1);
    }
    while (*value.data == '{' && json_next_member(value, &cursor, &name, &part)) {
        require_within(name, value);
        require_within(part, value);
        fuzz_require(json_value_size(part) == part.size);
        try_string(name);
        walk(part, depth + 1);
    }
}

static unsigned depth_of(struct slice text)
{
    unsigned depth = 0, deepest = 0;
    for (size_t i = 0; i < text.size; i++) {
        depth += text.data[i] == '[' || text.data[i] == '{';
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest;
}

/* What is JSON to us is to others; cJSON takes more than JSON is, so not the other way. */
static void compare(struct slice value)
{
    if (depth_of(value) > 200 || !utf8_valid(value) || memchr(value.data, '\\', value.size))
        return; /* half characters by \u are no business of who only walks */
    cJSON *json = cJSON_ParseWithLength(value.data, value.size);
    fuzz_require(json);
    cJSON_Delete(json);
}

static void try_readers(struct slice text)
{
    struct item item;
    struct ack_found found;
    if (item_read(text, &item)) {
        require_within(item.topic, text);
        require_within(item.data, text);
        require_within(item.data_base64, text);
        require_within(item.headers, text);
        require_within(item.id, text);
    }
    if (ack_words_read(text, &found)) {
        require_within(found.stream, text);
        require_within(found.description, text);
        fuzz_require(found.run >= 1);
    }
    fuzz_require(contract_judge(200, text) <= CONTRACT_DROP);
    fuzz_require(contract_judge(500, text) == CONTRACT_RETRY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size ? size : 1); /* of its very size, so that the sanitizer sees a byte too many */
    fuzz_require(copy);
    if (size)
        memcpy(copy, data, size);
    struct slice text = slice_make(copy, size < TRIED_SIZE_MAX ? size : TRIED_SIZE_MAX);
    size_t value_size = json_value_size(text);
    fuzz_require(value_size <= text.size && json_blank_size(text) <= text.size);
    if (value_size) {
        compare(slice_make(copy, value_size));
        walk(slice_make(copy, value_size), 0);
    }
    try_readers(text);
    free(copy);
    return 0;
}
