/*
 * Fuzz target: heads of HTTP requests.
 *
 *   input = seed of the fragments (1 byte), stream
 *
 * Each head of the stream is read in one piece and through a window that grows by random fragments: both must come to
 * the same. What was read is well formed, keeps the limits, and is read the same when it is written anew.
 */
#include "fuzz.h"

#include "http/request.h"
#include "util/random.h"

static const struct http_limits limits = {
    .head_size_max = 512,
    .target_size_max = 64,
    .headers_max = 8,
    .body_size_max = 1000,
};
static const struct http_limits wide = {
    .head_size_max = 4096,
    .target_size_max = 1024,
    .headers_max = 8,
    .body_size_max = 1000,
};

static bool within(struct slice part, const char *data, size_t size)
{
    return part.size == 0 || (part.data >= data && part.size <= size && part.data <= data + size - part.size);
}

static bool has_control(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (((unsigned char)text.data[i] < ' ' && text.data[i] != '\t') || text.data[i] == 0x7f)
            return true;
    return false;
}

static void check_headers(const struct http_request *request, const char *data, size_t size)
{
    fuzz_require(request->header_count <= limits.headers_max);
    for (unsigned i = 0; i < request->header_count; i++) {
        const struct http_header *header = &request->headers[i];
        fuzz_require(http_is_token(header->name) && within(header->name, data, size));
        fuzz_require(!has_control(header->value) && within(header->value, data, size));
    }
}

/* The request that the first size bytes made. */
static void check_request(const struct http_request *request, const char *data, size_t size)
{
    fuzz_require(size <= limits.head_size_max && memcmp(data + size - 4, "\r\n\r\n", 4) == 0);
    fuzz_require(request->method < HTTP_METHOD_COUNT);
    fuzz_require(request->path.size && !has_control(request->path));
    fuzz_require(!memchr(request->path.data, ' ', request->path.size));
    fuzz_require(request->path.data[0] == '/' || (slice_is(request->path, "*") && request->method == HTTP_OPTIONS));
    fuzz_require(within(request->query, data, size) && within(request->host, data, size));
    fuzz_require(request->host.size || request->version_1_0);
    fuzz_require(!request->chunked || (!request->has_length && !request->version_1_0));
    fuzz_require(request->content_length <= limits.body_size_max);
    fuzz_require(request->has_length || request->content_length == 0);
    check_headers(request, data, size);
}

static bool same_text(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static bool same_request(const struct http_request *a, const struct http_request *b)
{
    for (unsigned i = 0; i < a->header_count && i < b->header_count; i++)
        if (!same_text(a->headers[i].name, b->headers[i].name) || !same_text(a->headers[i].value, b->headers[i].value))
            return false;
    return a->method == b->method && same_text(a->path, b->path) && same_text(a->query, b->query) &&
           same_text(a->host, b->host) && a->version_1_0 == b->version_1_0 && a->keep_alive == b->keep_alive &&
           a->expects_continue == b->expects_continue && a->chunked == b->chunked && a->has_length == b->has_length &&
           a->content_length == b->content_length && a->header_count == b->header_count;
}

/* Nothing is taken before its end, what is refused is refused by then, and what is taken is the same. */
static void parse_in_fragments(struct random *random, const char *data, size_t size, long whole,
                               const struct http_request *whole_request)
{
    struct http_request request;
    long taken = 0;
    for (size_t window = 0; taken == 0; window += 1 + random_below(random, random_below(random, 2) ? 3 : 40)) {
        window = window < size ? window : size;
        taken = http_parse_head(data, window, &limits, &request);
        fuzz_require(taken <= 0 || taken == whole);
        if (window == size)
            break;
    }
    fuzz_require((taken < 0) == (whole < 0) && (taken > 0) == (whole > 0));
    fuzz_require(taken <= 0 || same_request(&request, whole_request));
}

/* Written anew, in the plainest way. */
static void parse_anew(const struct http_request *request)
{
    static char head[4096];
    struct http_request again;
    size_t size = (size_t)snprintf(head, sizeof head, "%s %.*s%s%.*s HTTP/1.%d\r\n", http_method_names[request->method],
                                   SLICE_ARGS(request->path), request->query.size ? "?" : "",
                                   SLICE_ARGS(request->query), !request->version_1_0);
    for (unsigned i = 0; i < request->header_count; i++)
        size += (size_t)snprintf(head + size, sizeof head - size, "%.*s: %.*s\r\n",
                                 SLICE_ARGS(request->headers[i].name), SLICE_ARGS(request->headers[i].value));
    size += (size_t)snprintf(head + size, sizeof head - size, "\r\n");
    fuzz_require(http_parse_head(head, size, &wide, &again) == (long)size);
    fuzz_require(same_request(request, &again));
}

static void play(struct random *random, const char *at, const char *end)
{
    struct http_request request;
    for (;;) {
        long taken = http_parse_head(at, (size_t)(end - at), &limits, &request);
        fuzz_require(taken >= HTTP_E_EXPECTATION && taken <= end - at);
        parse_in_fragments(random, at, (size_t)(end - at), taken, &request);
        if (taken <= 0)
            return;
        check_request(&request, at, (size_t)taken);
        parse_anew(&request);
        at += taken;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct random random;
    if (size < 1)
        return 0;
    char *stream = malloc(size);
    fuzz_require(stream);
    memcpy(stream, data + 1, size - 1);
    random_init(&random, data[0]);
    play(&random, stream, stream + size - 1);
    free(stream);
    return 0;
}
