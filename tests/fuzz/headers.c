/*
 * Fuzz target: blocks of headers.
 *
 *   input = a block
 *
 * What is read of it is well formed; written again, it is read the same; every single header is found by its name.
 */
#include "fuzz.h"

#include "wire/headers.h"

static bool within(struct slice part, struct slice block)
{
    return part.size == 0 || (part.data >= block.data && part.data + part.size <= block.data + block.size);
}

/* Writes the headers of a block anew. */
static struct slice rewrite(struct slice block, char *out)
{
    struct slice name, value;
    char *at = headers_begin(out);
    for (size_t cursor = 0; headers_next(block, &cursor, &name, &value);) {
        fuzz_require(within(name, block) && within(value, block) && cursor <= block.size);
        fuzz_require(headers_valid(name, value));
        at = headers_add(at, name, value);
    }
    return slice_make(out, (size_t)(headers_end(at) - out));
}

static void check_same(struct slice block, struct slice again)
{
    size_t cursor = 0, cursor_again = 0;
    struct slice name, value, name_again, value_again;
    while (headers_next(block, &cursor, &name, &value)) {
        char text[64];
        fuzz_require(headers_next(again, &cursor_again, &name_again, &value_again));
        fuzz_require(slice_equal(name, name_again) && slice_equal(value, value_again));
        if (name.size < sizeof text) {
            memcpy(text, name.data, name.size);
            text[name.size] = '\0';
            fuzz_require(headers_find(block, text, &value_again));
        }
    }
    fuzz_require(!headers_next(again, &cursor_again, &name_again, &value_again));
    fuzz_require(cursor_again + HEADERS_END_SIZE == again.size || cursor_again == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice block = slice_make((const char *)data, size), description = slice_make(NULL, 0);
    int status = headers_status(block, &description);
    fuzz_require(status >= 0 && status <= 999 && within(description, block));
    char *out = malloc(size * 2 + HEADERS_BEGIN_SIZE + HEADERS_END_SIZE);
    fuzz_require(out);
    check_same(block, rewrite(block, out));
    free(out);
    return 0;
}
