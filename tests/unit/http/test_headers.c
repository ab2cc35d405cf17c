/* Headers of HTTP in messages, and of messages in HTTP. */
#include "http/headers.h"

#include "../unit.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* A request with these headers, name and value in turn, up to a NULL. */
static struct http_request request_of(const char *const *fields)
{
    struct http_request request = { .method = HTTP_POST };
    for (; *fields; fields += 2)
        request.headers[request.header_count++] =
            (struct http_header){ slice_of(fields[0]), slice_of(fields[1]) };
    return request;
}

struct kept {
    const char *fields[11];
    const char *block;
};

static const struct kept kept[] = {
    { { NULL }, "" },
    { { "Host", "a", "Accept", "*/*", "Posthorn", "x", "Posthorn-Header", "x", "Content-Length", "5" }, "" },
    { { "Content-Type", "text/plain" }, "NATS/1.0\r\nContent-Type: text/plain\r\n\r\n" },
    { { "content-TYPE", "" }, "" },
    { { "posthorn-header-X-Trace", "a b" }, "NATS/1.0\r\nX-Trace: a b\r\n\r\n" },
    { { "Posthorn-Header-A", "1", "Posthorn-Header-A", "", "Posthorn-Header-b", "2" },
      "NATS/1.0\r\nA: 1\r\nA: \r\nb: 2\r\n\r\n" },
    { { "Idempotency-Key", "k" }, "NATS/1.0\r\nNats-Msg-Id: k\r\n\r\n" },
    { { "Posthorn-Header-Nats-Msg-Id", "k", "Idempotency-Key", "k" }, "NATS/1.0\r\nNats-Msg-Id: k\r\n\r\n" },
    { { "Content-Type", "a/b", "Posthorn-Header-content-type", "c/d" }, "NATS/1.0\r\ncontent-type: c/d\r\n\r\n" },
    { { "Content-Type", "a/b", "Idempotency-Key", "k", "Posthorn-Header-A", "1" },
      "NATS/1.0\r\nA: 1\r\nContent-Type: a/b\r\nNats-Msg-Id: k\r\n\r\n" },
    { { "Posthorn-Expected-Stream", "S", "posthorn-expected-last-topic-sequence", "0" },
      "NATS/1.0\r\nNats-Expected-Stream: S\r\nNats-Expected-Last-Subject-Sequence: 0\r\n\r\n" },
    { { "Posthorn-Expected-Last-Sequence", "17", "Posthorn-Expected-Last-Id", "k" },
      "NATS/1.0\r\nNats-Expected-Last-Sequence: 17\r\nNats-Expected-Last-Msg-Id: k\r\n\r\n" },
};

START_TEST(a_request_has_the_headers_of_its_message)
{
    char out[512];
    const char *fault = NULL;
    for (size_t i = 0; i < COUNT(kept); i++) {
        struct http_request request = request_of(kept[i].fields);
        char *end = headers_from_request(&request, out, &fault);
        unit_assert(end && (size_t)(end - out) <= headers_size_max(&request));
        struct slice block = slice_make(out, (size_t)(end - out));
        ck_assert_msg(slice_is(block, kept[i].block), "%zu: %.*s", i, SLICE_ARGS(block));
    }
    ck_assert_ptr_null(fault);
}
END_TEST

START_TEST(what_cannot_stand_in_a_message_is_refused)
{
    static const char *const bad[][5] = {
        { "Posthorn-Header-", "x" },
        { "Posthorn-Header-A:b", "x" },
        { "Posthorn-Header-A", "b\nC: d" },
        { "Idempotency-Key", "" },
        { "Idempotency-Key", "gr\xc3\xbcn" },
        { "Idempotency-Key", "a\tb" },
        { "Idempotency-Key", "a", "Idempotency-Key", "a" },
        { "Idempotency-Key", "a", "Posthorn-Header-Nats-Msg-Id", "b" },
        { "Posthorn-Header-nats-msg-id", "b", "Idempotency-Key", "a" },
        { "Posthorn-Expected-", "1" },
        { "Posthorn-Expected-Last", "1" },
        { "Posthorn-Expected-Last-Sequence", "" },
        { "Posthorn-Expected-Last-Sequence", "-1" },
        { "Posthorn-Expected-Last-Topic-Sequence", "1x" },
        { "Posthorn-Expected-Last-Sequence", "18446744073709551616" },
    };
    char out[256];
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct http_request request = request_of(bad[i]);
        const char *fault = NULL;
        ck_assert_msg(!headers_from_request(&request, out, &fault), "%zu", i);
        ck_assert_ptr_nonnull(fault);
    }
}
END_TEST

START_TEST(a_condition_is_seen)
{
    ck_assert(headers_have_condition(slice_of("NATS/1.0\r\nA: 1\r\nnats-expected-stream: S\r\n\r\n")));
    ck_assert(!headers_have_condition(slice_of("NATS/1.0\r\nNats-Msg-Id: 1\r\n\r\n")));
    ck_assert(!headers_have_condition(slice_make(NULL, 0)));
}
END_TEST

START_TEST(an_id_has_a_bound)
{
    char id[HEADERS_ID_SIZE_MAX + 1];
    memset(id, '~', sizeof id);
    ck_assert(headers_id_valid(slice_make(id, HEADERS_ID_SIZE_MAX)));
    ck_assert(!headers_id_valid(slice_make(id, HEADERS_ID_SIZE_MAX + 1)));
    ck_assert(!headers_id_valid(slice_make(id, 0)));
    ck_assert(headers_id_valid(slice_of("order 7")));
    ck_assert(!headers_id_valid(slice_make("a\0", 2)));
}
END_TEST

struct answered {
    const char *block, *lines, *type;
};

static const struct answered answered[] = {
    { "", "", "" },
    { "NATS/1.0\r\n\r\n", "", "" },
    { "NATS/1.0 100 Idle\r\nA:1\r\nB:\r\n\r\n", "Posthorn-Header-A: 1\r\nPosthorn-Header-B: \r\n", "" },
    { "NATS/1.0\r\nContent-type: text/x\r\nA: 1\r\nContent-Type: b/c\r\n\r\n",
      "Posthorn-Header-A: 1\r\nPosthorn-Header-Content-Type: b/c\r\n", "text/x" },
    { "NATS/1.0\r\nContent-Length: 3\r\nSet-Cookie: a\r\n\r\n",
      "Posthorn-Header-Content-Length: 3\r\nPosthorn-Header-Set-Cookie: a\r\n", "" },
    { "NATS/1.0\r\nNo(Token: 1\r\nA: \x01\r\nB: \x7f\r\nContent-Type: a\x02\r\nC: a\tb\xff\r\n\r\n",
      "Posthorn-Header-C: a\tb\xff\r\n", "" },
};

START_TEST(an_answer_has_the_headers_that_http_can_carry)
{
    char out[512];
    for (size_t i = 0; i < COUNT(answered); i++) {
        struct slice block = slice_of(answered[i].block), type;
        size_t size = (size_t)(headers_to_answer(block, out, &type) - out);
        unit_assert(size <= headers_answer_size_max(block));
        ck_assert_msg(slice_is(slice_make(out, size), answered[i].lines), "%zu: %.*s", i, (int)size, out);
        unit_assert(slice_is(type, answered[i].type));
    }
}
END_TEST

/* The shortest lines there are: the bound counts on no blank. */
START_TEST(an_answer_fits_where_it_was_said_to)
{
    char block[1024] = "NATS/1.0\r\n", out[8192];
    for (unsigned i = 0; i < 200; i++)
        strcat(block, "A:\r\n");
    struct slice type, slice = slice_of(strcat(block, "\r\n"));
    ck_assert_uint_le((size_t)(headers_to_answer(slice, out, &type) - out), headers_answer_size_max(slice));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_request_has_the_headers_of_its_message,
        what_cannot_stand_in_a_message_is_refused,
        a_condition_is_seen,
        an_id_has_a_bound,
        an_answer_has_the_headers_that_http_can_carry,
        an_answer_fits_where_it_was_said_to,
        NULL,
    };
    return unit_run("headers", tests);
}
