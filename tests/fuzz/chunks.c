/*
 * Fuzz target: bodies of HTTP requests in chunks.
 *
 *   input = seed of the fragments (1 byte), a body and what follows it
 *
 * The body is read in one piece and in random fragments: both must come to the same content, and end at the same place.
 * Written as a single chunk, the content is read the same.
 */
#include "fuzz.h"

#include "http/request.h"
#include "util/random.h"

enum { CONTENT_SIZE_MAX = 1000 };

static const struct http_limits limits = {
    .head_size_max = 512,
    .target_size_max = 64,
    .headers_max = 4,
    .body_size_max = CONTENT_SIZE_MAX,
};

struct body {
    char content[CONTENT_SIZE_MAX];
    size_t size;
    bool done;
};

/* Reads what there is up to a window that grows, by so many bytes at most. The bytes taken, or the error. */
static long read_body(struct random *random, const char *data, size_t size, uint32_t step_max, struct body *body)
{
    struct http_chunks chunks = { .left = 0 };
    size_t at = 0, window = 0;
    body->size = 0;
    body->done = false;
    while (!body->done) {
        struct slice content;
        long taken = http_read_chunks(&chunks, data + at, window - at, &limits, &content, &body->done);
        if (taken < 0)
            return taken;
        fuzz_require((size_t)taken <= window - at && content.size <= (size_t)taken);
        fuzz_require(content.data >= data + at && content.data + content.size <= data + at + taken);
        fuzz_require(body->size + content.size <= CONTENT_SIZE_MAX);
        memcpy(body->content + body->size, content.data, content.size);
        body->size += content.size;
        at += (size_t)taken;
        if (taken == 0 && window == size)
            break;
        if (taken == 0)
            window += size - window < step_max ? size - window : 1 + random_below(random, step_max);
    }
    return (long)at;
}

static bool same_body(const struct body *a, const struct body *b)
{
    return a->done == b->done && a->size == b->size && memcmp(a->content, b->content, a->size) == 0;
}

static void read_anew(struct random *random, const struct body *body)
{
    static char text[CONTENT_SIZE_MAX + 64];
    struct body again;
    size_t size = body->size ? (size_t)snprintf(text, sizeof text, "%zX\r\n", body->size) : 0;
    memcpy(text + size, body->content, body->size);
    size += body->size;
    size += (size_t)snprintf(text + size, sizeof text - size, "%s0\r\n\r\n", body->size ? "\r\n" : "");
    fuzz_require(read_body(random, text, size, 16, &again) == (long)size);
    fuzz_require(same_body(&again, body));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct body whole, pieces;
    struct random random;
    if (size < 1)
        return 0;
    char *text = malloc(size);
    fuzz_require(text);
    memcpy(text, data + 1, size - 1);
    random_init(&random, data[0]);
    long taken = read_body(&random, text, size - 1, UINT32_MAX, &whole);
    long in_pieces = read_body(&random, text, size - 1, 1 + data[0] % 40u, &pieces);
    fuzz_require((taken < 0) == (in_pieces < 0));
    fuzz_require(taken < 0 || (taken == in_pieces && same_body(&whole, &pieces)));
    if (taken >= 0 && whole.done)
        read_anew(&random, &whole);
    free(text);
    return 0;
}
