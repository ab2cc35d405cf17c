/* The head of an answer as lines. */
#include <stdio.h>

#include "sidecar/lines.h"
#include "../unit.h"

static unsigned status_of(const char *value)
{
    char head[128];
    snprintf(head, sizeof head, "NATS/1.0\r\nA: b\r\nposthorn-status: %s\r\n\r\n", value);
    return lines_status(slice_of(head));
}

START_TEST(a_status_is_one_of_http)
{
    ck_assert_uint_eq(status_of("200"), 200);
    ck_assert_uint_eq(status_of("599"), 599);
    ck_assert_uint_eq(status_of("100"), 0);
    ck_assert_uint_eq(status_of("600"), 0);
    ck_assert_uint_eq(status_of("20"), 0);
    ck_assert_uint_eq(status_of("2000"), 0);
    ck_assert_uint_eq(status_of("2x0"), 0);
    ck_assert_uint_eq(status_of(""), 0);
    ck_assert_uint_eq(lines_status(slice_of("NATS/1.0\r\n\r\n")), 0);
    ck_assert_uint_eq(lines_status(slice_make(NULL, 0)), 0);
}
END_TEST


static void expect(const char *headers, const char *lines, const char *type)
{
    char head[512], out[1024];
    struct slice found;
    snprintf(head, sizeof head, "NATS/1.0\r\n%s\r\n", headers);
    ck_assert_uint_le(lines_size_max(slice_of(head)), sizeof out);
    lines_write(slice_of(head), false, out, &found);
    ck_assert_str_eq(out, lines);
    ck_assert_uint_lt(strlen(out), lines_size_max(slice_of(head)));
    ck_assert_msg(slice_is(found, type), "%.*s", SLICE_ARGS(found));
}

START_TEST(headers_become_lines)
{
    expect("ETag: \"a\"\r\nSet-Cookie: a\r\nset-cookie:b\r\n", "ETag: \"a\"\r\nSet-Cookie: a\r\nset-cookie: b\r\n", "");
    expect("", "", "");
    expect("A:\r\n", "A: \r\n", "");
}
END_TEST

START_TEST(the_type_is_no_line)
{
    expect("content-type: text/plain\r\nContent-Type: text/html\r\nA: b\r\n", "A: b\r\n", "text/plain");
}
END_TEST

START_TEST(what_this_server_says_is_not_said_twice)
{
    expect("Date: x\r\nAccess-Control-Allow-Origin: *\r\nX-Content-Type-Options: a\r\nConnection: close\r\n"
           "Posthorn-Status: 200\r\nTransfer-Encoding: chunked\r\nAccess: b\r\n", "Access: b\r\n", "");
}
END_TEST

START_TEST(what_http_cannot_carry_is_left_out)
{
    expect("A: b\x01\r\nB: \tc\td\r\nContent-Type: a\x7f\r\n", "B: c\td\r\n", "");
}
END_TEST

START_TEST(the_length_is_told_of_what_was_asked_for_by_head_alone)
{
    struct slice head = slice_of("NATS/1.0\r\nContent-Length: 7\r\n\r\n"), type;
    char out[128];
    lines_write(head, true, out, &type);
    ck_assert_str_eq(out, "Content-Length: 7\r\n");
    lines_write(head, false, out, &type);
    ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(values_are_trimmed)
{
    ck_assert(slice_is(lines_trim(slice_of(" \ta b\t \r\n")), "a b"));
    ck_assert_uint_eq(lines_trim(slice_of(" \r\n")).size, 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_status_is_one_of_http,
        headers_become_lines,
        the_type_is_no_line,
        what_this_server_says_is_not_said_twice,
        what_http_cannot_carry_is_left_out,
        the_length_is_told_of_what_was_asked_for_by_head_alone,
        values_are_trimmed,
        NULL,
    };
    return unit_run("lines", tests);
}
