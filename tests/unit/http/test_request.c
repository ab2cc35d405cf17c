/* Heads and chunks: what is read, what is refused, at once and byte by byte, never past the end of what is there. */
#include <stdlib.h>

#include "../unit.h"
#include "http/request.h"

#define COUNT(list) (int)(sizeof(list) / sizeof *(list))
#define HOST "Host: a\r\n"

static const struct http_limits limits = {
    .head_size_max = 512,
    .target_size_max = 64,
    .headers_max = 6,
    .body_size_max = 1000,
};

static struct http_request request;

static void expect(struct slice got, const char *wanted)
{
    ck_assert_msg(slice_is(got, wanted), "got '%.*s', wanted '%s'", SLICE_ARGS(got), wanted);
}

/* Parses a copy that ends where the bytes end, so that ASan sees a byte read behind them. It lives until the next. */
static long parse(struct slice head)
{
    static char *copy;
    free(copy);
    copy = malloc(head.size ? head.size : 1);
    memcpy(copy, head.data, head.size);
    return http_parse_head(copy, head.size, &limits, &request);
}

/* Good heads. */

static const struct {
    const char *head, *path, *query, *host;
    enum http_method method;
    bool keep_alive;
} good[] = {
    { "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "/", "", "a", HTTP_GET, true },
    { "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "/", "", "a", HTTP_GET, true },
    { "HEAD /x?a=b?c HTTP/1.1\r\nHost:a:80\r\n\r\n", "/x", "a=b?c", "a:80", HTTP_HEAD, true },
    { "POST /v1/topics/a.>?x HTTP/1.1\r\nhOsT:\t[::1]:1 \r\n\r\n", "/v1/topics/a.>", "x", "[::1]:1", HTTP_POST, true },
    { "PUT /%00 HTTP/1.1\r\nHost: A-b_c.d~e\r\n\r\n", "/%00", "", "A-b_c.d~e", HTTP_PUT, true },
    { "PATCH /? HTTP/1.1\r\nHost: a:\r\n\r\n", "/", "", "a:", HTTP_PATCH, true },
    { "DELETE //x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "//x", "", "127.0.0.1", HTTP_DELETE, true },
    { "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "*", "", "a", HTTP_OPTIONS, true },
    { "GET http://a:80/x?y HTTP/1.1\r\nHost: A:80\r\n\r\n", "/x", "y", "A:80", HTTP_GET, true },
    { "GET HTTPS://a HTTP/1.1\r\nHost: a\r\n\r\n", "/", "", "a", HTTP_GET, true },
    { "GET http://a?y HTTP/1.1\r\nHost: a\r\n\r\n", "/", "y", "a", HTTP_GET, true },
    { "GET / HTTP/1.0\r\n\r\n", "/", "", "", HTTP_GET, false },
    { "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "/", "", "", HTTP_GET, true },
    { "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "/", "", "", HTTP_GET, false },
    { "GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: , CLOSE\r\n\r\n", "/", "", "a", HTTP_GET, false },
    { "GET / HTTP/1.1\r\nHost: a\r\nEmpty:\r\nB: \t x\ty \t\r\nC: \xc3\xbc\xff\r\n\r\n", "/", "", "a", HTTP_GET, true },
};

START_TEST(good_head_is_cut_where_it_lies)
{
    struct slice head = slice_of(good[_i].head);
    ck_assert_int_eq(parse(head), (long)head.size);
    expect(request.path, good[_i].path);
    expect(request.query, good[_i].query);
    expect(request.host, good[_i].host);
    ck_assert_int_eq(request.method, good[_i].method);
    ck_assert_int_eq(request.keep_alive, good[_i].keep_alive);
    ck_assert(!request.chunked && !request.has_length && !request.expects_continue);
}
END_TEST

START_TEST(part_of_a_good_head_wants_more)
{
    struct slice head = slice_of(good[_i].head);
    for (size_t size = 0; size < head.size; size++)
        ck_assert_msg(parse(slice_make(head.data, size)) == 0, "%zu bytes of %s", size, head.data);
}
END_TEST

START_TEST(what_follows_a_head_is_left)
{
    static const char two[] = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
    long first = parse(slice_of(two));
    ck_assert_int_eq(first, (sizeof two - 1) / 2);
    expect(request.path, "/1");
    ck_assert_int_eq(parse(slice_of(two + first)), first);
    expect(request.path, "/2");
}
END_TEST

START_TEST(headers_are_found_whatever_their_case)
{
    static const char lines[] = "GET / HTTP/1.1\r\n" HOST "X-A:  1 \r\nx-a: 2\r\nList: a, b\r\nlist: ,c,\r\n\r\n";
    struct slice value, head = slice_of(lines);
    ck_assert_int_eq(parse(head), (long)head.size);
    ck_assert_uint_eq(request.header_count, 5);
    ck_assert(http_header(&request, "x-A", &value));
    expect(value, "1");
    ck_assert(!http_header(&request, "x", &value));
    ck_assert(http_header_has(&request, "LIST", "B") && http_header_has(&request, "List", "c"));
    ck_assert(!http_header_has(&request, "List", "") && !http_header_has(&request, "List", "a, b"));
}
END_TEST

START_TEST(body_has_the_length_that_is_said)
{
    struct slice head = slice_of("POST / HTTP/1.1\r\n" HOST "Content-Length: 0001000\r\n\r\n");
    ck_assert_int_eq(parse(head), (long)head.size);
    ck_assert(request.has_length && !request.chunked);
    ck_assert_uint_eq(request.content_length, 1000);
    head = slice_of("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\nExpect: 100-Continue\r\n\r\n");
    ck_assert_int_eq(parse(head), (long)head.size);
    ck_assert(!request.has_length && request.chunked && request.expects_continue);
    head = slice_of("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n");
    ck_assert_int_eq(parse(head), (long)head.size);
    ck_assert(!request.expects_continue);
}
END_TEST

/* Bad heads. NUL cannot stand in these: 0x01 is taken for it. */

#define LINE(line) line " HTTP/1.1\r\n" HOST "\r\n"
#define HEADER(line) "POST / HTTP/1.1\r\n" HOST line "\r\n\r\n"
#define LONG_10 "0123456789"
#define LONG_70 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10

static const struct {
    const char *head;
    long error;
} bad[] = {
    /* A body whose length two servers could see differently. */
    { HEADER("Content-Length: 3\r\nTransfer-Encoding: chunked"), HTTP_E_MALFORMED },
    { HEADER("Transfer-Encoding: chunked\r\nContent-Length: 0"), HTTP_E_MALFORMED },
    { HEADER("Content-Length: 3\r\nContent-Length: 3"), HTTP_E_MALFORMED },
    { HEADER("Content-Length: 3\r\ncontent-length: 4"), HTTP_E_MALFORMED },
    { HEADER("Content-Length: 3, 3"), HTTP_E_MALFORMED },
    { HEADER("Content-Length: 3;"), HTTP_E_MALFORMED },
    { HEADER("Content-Length: +3"), HTTP_E_MALFORMED },
    { HEADER("Content-Length: -3"), HTTP_E_MALFORMED },
    { HEADER("Content-Length: 0x3"), HTTP_E_MALFORMED },
    { HEADER("Content-Length: 3 3"), HTTP_E_MALFORMED },
    { HEADER("Content-Length:"), HTTP_E_MALFORMED },
    { HEADER("Content-Length: 1001"), HTTP_E_BODY },
    { HEADER("Content-Length: 18446744073709551617"), HTTP_E_BODY },
    { HEADER("Content-Length: 99999999999999999999999999999999"), HTTP_E_BODY },
    { HEADER("Transfer-Encoding: gzip"), HTTP_E_CODING },
    { HEADER("Transfer-Encoding: gzip, chunked"), HTTP_E_CODING },
    { HEADER("Transfer-Encoding: chunked, chunked"), HTTP_E_CODING },
    { HEADER("Transfer-Encoding: chunked,"), HTTP_E_CODING },
    { HEADER("Transfer-Encoding: identity"), HTTP_E_CODING },
    { HEADER("Transfer-Encoding: xchunked"), HTTP_E_CODING },
    { HEADER("Transfer-Encoding: \"chunked\""), HTTP_E_CODING },
    { HEADER("Transfer-Encoding:"), HTTP_E_CODING },
    { HEADER("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), HTTP_E_MALFORMED },
    { HEADER("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"), HTTP_E_MALFORMED },
    { "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_E_MALFORMED },
    /* Header lines. */
    { HEADER("A: b\r\n folded"), HTTP_E_MALFORMED },
    { HEADER("A: b\r\n\tfolded"), HTTP_E_MALFORMED },
    { "GET / HTTP/1.1\r\n Host: a\r\n\r\n", HTTP_E_MALFORMED },
    { HEADER("A : b"), HTTP_E_MALFORMED },
    { HEADER("Transfer-Encoding : chunked"), HTTP_E_MALFORMED },
    { HEADER("Transfer-Encoding\t: chunked"), HTTP_E_MALFORMED },
    { HEADER(": b"), HTTP_E_MALFORMED },
    { HEADER("A"), HTTP_E_MALFORMED },
    { HEADER("A b: c"), HTTP_E_MALFORMED },
    { HEADER("Gr\xc3\xbc: c"), HTTP_E_MALFORMED },
    { HEADER("A\x01: c"), HTTP_E_MALFORMED },
    { HEADER("A(: c"), HTTP_E_MALFORMED },
    { HEADER("A: b\x01"), HTTP_E_MALFORMED },
    { HEADER("A: b\x7f"), HTTP_E_MALFORMED },
    { HEADER("A: b\rc"), HTTP_E_MALFORMED },
    { HEADER("A: b\r"), HTTP_E_MALFORMED },
    { HEADER("A: b\nTransfer-Encoding: chunked"), HTTP_E_MALFORMED },
    { "GET / HTTP/1.1\nHost: a\n\n", HTTP_E_MALFORMED },
    { "GET / HTTP/1.1\r\nHost: a\r\n\n", HTTP_E_MALFORMED },
    { HEADER("Expect: 200-ok"), HTTP_E_EXPECTATION },
    { HEADER("A:1\r\nA:2\r\nA:3\r\nA:4\r\nA:5\r\nA:6"), HTTP_E_HEAD },
    /* Host. */
    { "GET / HTTP/1.1\r\n\r\n", HTTP_E_MALFORMED },
    { "GET / HTTP/1.1\r\nHost:\r\n\r\n", HTTP_E_MALFORMED },
    { "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", HTTP_E_MALFORMED },
    { "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", HTTP_E_MALFORMED },
    { "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", HTTP_E_MALFORMED },
    { "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", HTTP_E_MALFORMED },
    { "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", HTTP_E_MALFORMED },
    { "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", HTTP_E_MALFORMED },
    { "GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n", HTTP_E_MALFORMED },
    { "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", HTTP_E_MALFORMED },
    { "GET / HTTP/1.1\r\nHost: []\r\n\r\n", HTTP_E_MALFORMED },
    { "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", HTTP_E_MALFORMED },
    { "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", HTTP_E_MALFORMED },
    { "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", HTTP_E_MALFORMED },
    { "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_E_MALFORMED },
    { "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_E_MALFORMED },
    { "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_E_MALFORMED },
    { "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_E_MALFORMED },
    /* Request lines. */
    { LINE("GET x"), HTTP_E_MALFORMED },
    { LINE("GET *"), HTTP_E_MALFORMED },
    { LINE("OPTIONS *?x"), HTTP_E_MALFORMED },
    { LINE("GET  /"), HTTP_E_MALFORMED },
    { LINE("GET / "), HTTP_E_MALFORMED },
    { LINE(" GET /"), HTTP_E_MALFORMED },
    { LINE("GET\t/"), HTTP_E_MALFORMED },
    { LINE("GET /a b"), HTTP_E_MALFORMED },
    { LINE("GET /a\tb"), HTTP_E_MALFORMED },
    { LINE("GET /a#b"), HTTP_E_MALFORMED },
    { LINE("GET /\x01"), HTTP_E_MALFORMED },
    { LINE("GET /gr\xc3\xbc"), HTTP_E_MALFORMED },
    { LINE("GET"), HTTP_E_MALFORMED },
    { LINE("G(T /"), HTTP_E_MALFORMED },
    { "GET /\r\n\r\n", HTTP_E_MALFORMED },
    { "GET / HTTP/1.1 \r\n" HOST "\r\n", HTTP_E_MALFORMED },
    { "GET / http/1.1\r\n" HOST "\r\n", HTTP_E_MALFORMED },
    { "GET / HTTP/1.10\r\n" HOST "\r\n", HTTP_E_MALFORMED },
    { "GET / HTTP/11\r\n" HOST "\r\n", HTTP_E_MALFORMED },
    { "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", HTTP_E_MALFORMED },
    { "\nGET / HTTP/1.1\r\n" HOST "\r\n", HTTP_E_MALFORMED },
    { "GET / HTTP/1.2\r\n" HOST "\r\n", HTTP_E_VERSION },
    { "GET / HTTP/0.9\r\n" HOST "\r\n", HTTP_E_VERSION },
    { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP_E_VERSION },
    { LINE("get /"), HTTP_E_METHOD },
    { LINE("BREW /"), HTTP_E_METHOD },
    { LINE("GET /" LONG_70), HTTP_E_TARGET },
};

START_TEST(bad_head_is_refused)
{
    long got = parse(slice_of(bad[_i].head));
    ck_assert_msg(got == bad[_i].error, "got %ld, wanted %ld: %s", got, bad[_i].error, bad[_i].head);
}
END_TEST

/* However it comes, it is refused by its end for the same reason, and never taken before. */
START_TEST(bad_head_is_refused_byte_by_byte_too)
{
    struct slice head = slice_of(bad[_i].head);
    long got = 0;
    for (size_t size = 1; size <= head.size && got == 0; size++)
        got = parse(slice_make(head.data, size));
    ck_assert_msg(got == bad[_i].error, "got %ld, wanted %ld: %s", got, bad[_i].error, bad[_i].head);
}
END_TEST

START_TEST(nul_is_refused_wherever_it_stands)
{
    static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n";
    for (size_t at = 0; at < sizeof head - 5; at++) {
        char copy[sizeof head];
        memcpy(copy, head, sizeof head);
        copy[at] = '\0';
        ck_assert_msg(parse(slice_make(copy, sizeof head - 1)) < 0, "at %zu", at);
    }
}
END_TEST

START_TEST(head_that_does_not_end_is_refused_at_the_limit)
{
    char head[600] = "GET / HTTP/1.1\r\nHost: a\r\nA: ";
    size_t start = strlen(head);
    memset(head + start, 'x', sizeof head - start);
    ck_assert_int_eq(parse(slice_make(head, limits.head_size_max - 1)), 0);
    ck_assert_int_eq(parse(slice_make(head, limits.head_size_max)), HTTP_E_HEAD);
    memcpy(head + 510, "\r\n\r\n", 4);
    ck_assert_int_eq(parse(slice_make(head, 514)), HTTP_E_HEAD);
    memcpy(head + 508, "\r\n\r\n", 4);
    ck_assert_int_eq(parse(slice_make(head, 512)), 512);
}
END_TEST

START_TEST(target_that_does_not_end_is_refused_before_the_limit_of_the_head)
{
    char head[200] = "GET /";
    memset(head + 5, 'x', sizeof head - 5);
    ck_assert_int_eq(parse(slice_make(head, 68)), 0);
    ck_assert_int_eq(parse(slice_make(head, sizeof head)), HTTP_E_TARGET);
    ck_assert_int_eq(parse(slice_make("\x16\x03\x01", 3)), HTTP_E_MALFORMED);
}
END_TEST

/* Queries and encodings. */

static const struct {
    const char *query, *name, *value; /* NULL: none */
} queries[] = {
    { "a=1&b=2&b=3", "b", "2" }, { "a=1", "a", "1" }, { "a", "a", "" },      { "a=", "a", "" },
    { "a=b=c", "a", "b=c" },     { "ab=1", "a", NULL }, { "", "a", NULL },   { "&&a=1&", "a", "1" },
    { "b=a=1", "a", NULL },      { "A=1", "a", NULL },  { "a&a=1", "a", "" }, { "aa&a=1", "a", "1" },
};

START_TEST(query_is_looked_up_by_name)
{
    struct slice value;
    bool found = http_query(slice_of(queries[_i].query), queries[_i].name, &value);
    ck_assert_int_eq(found, queries[_i].value != NULL);
    if (found)
        expect(value, queries[_i].value);
}
END_TEST

static const struct {
    const char *text, *plain, *query; /* NULL: badly encoded */
} encodings[] = {
    { "", "", "" },         { "abc", "abc", "abc" },  { "a+b", "a+b", "a b" }, { "%41%2b%2B", "A++", "A++" },
    { "%2541", "%41", "%41" }, { "%", NULL, NULL },   { "%4", NULL, NULL },    { "a%4g", NULL, NULL },
    { "%%41", NULL, NULL }, { "%e2%82%ac", "\xe2\x82\xac", "\xe2\x82\xac" },
};

START_TEST(encoding_is_taken_off_once)
{
    char out[16];
    for (int plus = 0; plus < 2; plus++) {
        const char *wanted = plus ? encodings[_i].query : encodings[_i].plain;
        long size = http_decode(slice_of(encodings[_i].text), plus, out, sizeof out);
        ck_assert_int_eq(size, wanted ? (long)strlen(wanted) : -1);
        if (wanted)
            expect(slice_make(out, (size_t)size), wanted);
    }
}
END_TEST

START_TEST(decoding_needs_room_for_what_comes_out)
{
    char out[3];
    ck_assert_int_eq(http_decode(slice_of("%41%42%43"), false, out, sizeof out), 3);
    ck_assert_int_eq(http_decode(slice_of("abcd"), false, out, sizeof out), -1);
}
END_TEST

/* Chunks. */

struct body {
    char content[2000];
    size_t size;
    bool done;
};

/* Reads a body of which so many bytes are there at first, then one more each time. The bytes taken, or the error. */
static long read_body(struct slice text, size_t first, struct body *body)
{
    struct http_chunks chunks = { .left = 0 };
    size_t at = 0, there = first < text.size ? first : text.size;
    *body = (struct body){ .size = 0 };
    while (!body->done) {
        char *copy = malloc(there - at ? there - at : 1);
        struct slice content;
        memcpy(copy, text.data + at, there - at);
        long taken = http_read_chunks(&chunks, copy, there - at, &limits, &content, &body->done);
        if (taken > 0 && content.size) {
            ck_assert(content.data >= copy && content.data + content.size <= copy + taken);
            memcpy(body->content + body->size, content.data, content.size);
            body->size += content.size;
        }
        free(copy);
        if (taken < 0)
            return taken;
        at += (size_t)taken;
        if (taken == 0 && there++ == text.size)
            break;
    }
    return (long)at;
}

static const struct {
    const char *text, *content;
    size_t rest;
} good_bodies[] = {
    { "0\r\n\r\n", "", 0 },
    { "5\r\nhello\r\n0\r\n\r\n", "hello", 0 },
    { "5\r\nhello\r\n1\r\n \r\n00A\r\n0123456789\r\n000\r\n\r\nGET /", "hello 0123456789", 5 },
    { "2\r\n\r\n\r\n0\r\n\r\n", "\r\n", 0 },
    { "5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n", "hello", 0 },
    { "5 \t; a=b \r\nhello\r\n0\r\n\r\n", "hello", 0 },
    { "1\r\na\r\n0\r\nContent-Length: 5\r\nX: y\r\n\r\nhello", "a", 5 },
};

START_TEST(good_body_is_read_however_it_comes)
{
    struct slice text = slice_of(good_bodies[_i].text);
    struct body body;
    for (size_t first = 0; first <= text.size; first++) {
        ck_assert_int_eq(read_body(text, first, &body), (long)(text.size - good_bodies[_i].rest));
        ck_assert(body.done);
        expect(slice_make(body.content, body.size), good_bodies[_i].content);
    }
}
END_TEST

static const struct {
    const char *text;
    long error;
} bad_bodies[] = {
    { "\r\n", HTTP_E_MALFORMED },
    { "x\r\n", HTTP_E_MALFORMED },
    { "-1\r\n", HTTP_E_MALFORMED },
    { "+1\r\n", HTTP_E_MALFORMED },
    { "0x1\r\n", HTTP_E_MALFORMED },
    { " 1\r\n", HTTP_E_MALFORMED },
    { "1 \r\n", HTTP_E_MALFORMED },
    { "1 a;b\r\n", HTTP_E_MALFORMED },
    { "1\t\r\n", HTTP_E_MALFORMED },
    { ";a\r\n", HTTP_E_MALFORMED },
    { "1\n", HTTP_E_MALFORMED },
    { "1\r\r\n", HTTP_E_MALFORMED },
    { "1;a\x01\r\n", HTTP_E_MALFORMED },
    { "1\r\nab\r\n", HTTP_E_MALFORMED },
    { "1\r\na\n", HTTP_E_MALFORMED },
    { "1\r\na0\r\n\r\n", HTTP_E_MALFORMED },
    { "1\r\na\rx", HTTP_E_MALFORMED },
    { "00000000000000001\r\n", HTTP_E_MALFORMED },
    { "10000000000000000\r\n", HTTP_E_MALFORMED },
    { "ffffffffffffffff\r\n", HTTP_E_BODY },
    { "7fffffffffffffff\r\n", HTTP_E_BODY },
    { "3e9\r\n", HTTP_E_BODY },
    { "1\r\na\r\nffffffffffffffff\r\n", HTTP_E_BODY },
    { "0\r\nA : b\r\n", HTTP_E_MALFORMED },
    { "0\r\n A: b\r\n", HTTP_E_MALFORMED },
    { "0\r\nA\r\n", HTTP_E_MALFORMED },
    { "0\r\n\n", HTTP_E_MALFORMED },
    { "0\r\nA:1\r\nA:2\r\nA:3\r\nA:4\r\nA:5\r\nA:6\r\nA:7\r\n", HTTP_E_HEAD },
    { "1;" LONG_70 LONG_70 LONG_70 LONG_70, HTTP_E_MALFORMED },
    { LONG_70 LONG_70 LONG_70 LONG_70, HTTP_E_MALFORMED },
    { "0\r\nA: " LONG_70 LONG_70 LONG_70 LONG_70 LONG_70 LONG_70 LONG_70 LONG_70, HTTP_E_HEAD },
    { "1;" LONG_70 LONG_70 LONG_70 "\r\na\r\n1;" LONG_70 LONG_70 LONG_70 "\r\na\r\n1;" LONG_70 LONG_70 "\r\n",
      HTTP_E_HEAD },
};

START_TEST(bad_body_is_refused_however_it_comes)
{
    struct slice text = slice_of(bad_bodies[_i].text);
    struct body body;
    for (size_t first = 0; first <= text.size; first++) {
        long got = read_body(text, first, &body);
        ck_assert_msg(got == bad_bodies[_i].error, "got %ld: %s", got, text.data);
    }
}
END_TEST

START_TEST(body_may_have_all_that_is_allowed)
{
    char text[1100] = "3e7\r\n";
    struct body body;
    memset(text + 5, 'x', 999);
    memcpy(text + 1004, "\r\n1\r\ny\r\n0\r\n\r\n", 14);
    ck_assert_int_eq(read_body(slice_make(text, 1017), 1017, &body), 1017);
    ck_assert_uint_eq(body.size, 1000);
    memcpy(text + 1004, "\r\n2\r\n", 5);
    ck_assert_int_eq(read_body(slice_make(text, 1009), 1009, &body), HTTP_E_BODY);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("request");
    TCase *heads = tcase_create("heads"), *texts = tcase_create("texts"), *chunks = tcase_create("chunks");
    tcase_add_loop_test(heads, good_head_is_cut_where_it_lies, 0, COUNT(good));
    tcase_add_loop_test(heads, part_of_a_good_head_wants_more, 0, COUNT(good));
    tcase_add_test(heads, what_follows_a_head_is_left);
    tcase_add_test(heads, headers_are_found_whatever_their_case);
    tcase_add_test(heads, body_has_the_length_that_is_said);
    tcase_add_loop_test(heads, bad_head_is_refused, 0, COUNT(bad));
    tcase_add_loop_test(heads, bad_head_is_refused_byte_by_byte_too, 0, COUNT(bad));
    tcase_add_test(heads, nul_is_refused_wherever_it_stands);
    tcase_add_test(heads, head_that_does_not_end_is_refused_at_the_limit);
    tcase_add_test(heads, target_that_does_not_end_is_refused_before_the_limit_of_the_head);
    suite_add_tcase(suite, heads);
    tcase_add_loop_test(texts, query_is_looked_up_by_name, 0, COUNT(queries));
    tcase_add_loop_test(texts, encoding_is_taken_off_once, 0, COUNT(encodings));
    tcase_add_test(texts, decoding_needs_room_for_what_comes_out);
    suite_add_tcase(suite, texts);
    tcase_add_loop_test(chunks, good_body_is_read_however_it_comes, 0, COUNT(good_bodies));
    tcase_add_loop_test(chunks, bad_body_is_refused_however_it_comes, 0, COUNT(bad_bodies));
    tcase_add_test(chunks, body_may_have_all_that_is_allowed);
    suite_add_tcase(suite, chunks);
    return unit_run_suite(suite, CK_NOFORK); /* rows of tables, which spoil nothing for one another */
}
