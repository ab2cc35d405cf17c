#include "sidecar/carry.h"

#include <errno.h>
#include <stdio.h>

#include "../unit.h"
#include "libposthorn/message.h"

static struct carried carried;
static const char *fault;

static int carry(const char *to, const char *pattern, const char *topic, const char *head)
{
    const struct carry_source source = { slice_of(to), slice_of(pattern), slice_of(topic), slice_of(head) };
    fault = NULL;
    carried = (struct carried){ .bytes = NULL };
    return carry_to_request(&source, &carried, &fault);
}

/* With the lines one below the other. */
static const char *lines(void)
{
    static char text[1024];
    char *at = text;
    for (const char *line = NULL; (line = carried_next_line(&carried, line));)
        at += sprintf(at, "%s\n", line);
    *at = '\0';
    return text;
}

START_TEST(method_target_and_headers_are_those_of_the_message)
{
    ck_assert_int_eq(carry("http://127.0.0.1:3000", "svc.users.>", "svc.users.42",
                           "NATS/1.0\r\nPosthorn-Method: GET\r\nposthorn-target: /users/42?x=1&y=%20\r\n"
                           "Accept: text/html\r\nContent-Type: a/b\r\nUser-Agent: me\r\ntraceparent: 00-1-2-01\r\n"
                           "X-Empty:\r\nX-Twice: 1\r\nX-Twice: 2\r\n\r\n"),
                     0);
    ck_assert_str_eq(carried.method, "GET");
    ck_assert_str_eq(carried.url, "http://127.0.0.1:3000/users/42?x=1&y=%20");
    ck_assert_str_eq(lines(), "Accept: text/html\nContent-Type: a/b\nUser-Agent: me\ntraceparent: 00-1-2-01\nX-Empty;\n"
                              "X-Twice: 1\nX-Twice: 2\nExpect:\nPosthorn-Topic: svc.users.42\n");
    carried_finish(&carried);
}
END_TEST

START_TEST(a_plain_message_is_posted_to_what_the_wildcards_stand_for)
{
    static const struct { const char *to, *pattern, *topic, *url; } cases[] = {
        { "http://a:1", "svc.users.>", "svc.users.42.orders", "http://a:1/42/orders" },
        { "http://a:1", "svc.*.do.*", "svc.x.do.y", "http://a:1/x/y" },
        { "http://a:1", "svc.users", "svc.users", "http://a:1/" },
        { "http://a:1/api", "svc.users", "svc.users", "http://a:1/api" },
        { "http://a:1/api", "svc.*", "svc.a/b?c#\xc3\xa4%", "http://a:1/api/a%2Fb%3Fc%23%C3%A4%25" },
        { "http://a:1", "svc.*", "svc...", NULL },
    };
    for (unsigned i = 0; cases[i].url; i++) {
        ck_assert_int_eq(carry(cases[i].to, cases[i].pattern, cases[i].topic, ""), 0);
        ck_assert_str_eq(carried.method, "POST");
        ck_assert_str_eq(carried.url, cases[i].url);
        carried_finish(&carried);
    }
    ck_assert_int_eq(carry("http://a", "a", "a", "NATS/1.0\r\nPosthorn-Target:\r\n\r\n"), 0);
    ck_assert_str_eq(carried.url, "http://a/");
    ck_assert_str_eq(lines(), "Accept:\nContent-Type:\nUser-Agent:\nExpect:\nPosthorn-Topic: a\n");
    carried_finish(&carried);
}
END_TEST

START_TEST(what_speaks_of_the_connection_or_is_ours_stays_behind)
{
    ck_assert_int_eq(carry("http://a", "a", "a",
                           "NATS/1.0\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
                           "Transfer-Encoding: chunked\r\nContent-Length: 7\r\nHost: elsewhere\r\nUpgrade: h2c\r\n"
                           "Nats-Msg-Id: 1\r\nPosthorn-Status: 200\r\nPosthorn-Topic: b\r\nExpect: 100-continue\r\n"
                           "X(1): 1\r\nX-Bell: \x07\r\nX-Kept: 1\r\n\r\n"),
                     0);
    ck_assert_str_eq(lines(), "X-Kept: 1\nAccept:\nContent-Type:\nUser-Agent:\nExpect:\nPosthorn-Topic: a\n");
    carried_finish(&carried);
}
END_TEST

START_TEST(what_no_application_may_be_asked_is_refused)
{
    static const char *const heads[] = {
        "NATS/1.0\r\nPosthorn-Method: G T\r\n\r\n", "NATS/1.0\r\nPosthorn-Method:\r\n\r\n",
        "NATS/1.0\r\nPosthorn-Method: CONNECT\r\n\r\n", "NATS/1.0\r\nPosthorn-Method: TRACE\r\n\r\n",
        "NATS/1.0\r\nPosthorn-Method: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n\r\n",
        "NATS/1.0\r\nPosthorn-Target: users\r\n\r\n", "NATS/1.0\r\nPosthorn-Target: http://other/\r\n\r\n",
        "NATS/1.0\r\nPosthorn-Target: @other/\r\n\r\n", "NATS/1.0\r\nPosthorn-Target: /a b\r\n\r\n",
        "NATS/1.0\r\nPosthorn-Target: /a#b\r\n\r\n", "NATS/1.0\r\nPosthorn-Target: /\xc3\xa4\r\n\r\n",
        "NATS/1.0\r\nPosthorn-Target: /..\r\n\r\n", "NATS/1.0\r\nPosthorn-Target: /a/../b\r\n\r\n",
        "NATS/1.0\r\nPosthorn-Target: /a/%2e.?b\r\n\r\n", "NATS/1.0\r\nPosthorn-Target: /.%2E/b\r\n\r\n",
    };
    for (unsigned i = 0; i < sizeof heads / sizeof *heads; i++) {
        ck_assert_msg(carry("http://a/api", "a", "a", heads[i]) == -EINVAL, "%s", heads[i]);
        ck_assert_ptr_nonnull(fault);
        ck_assert_ptr_null(carried.bytes);
    }
}
END_TEST

START_TEST(what_only_looks_like_going_up_is_asked)
{
    static const char *const targets[] = { "/...", "/a..b", "/?/../", "/.", "/%2f..a" };
    char head[128];
    for (unsigned i = 0; i < sizeof targets / sizeof *targets; i++) {
        snprintf(head, sizeof head, "NATS/1.0\r\nPosthorn-Target: %s\r\n\r\n", targets[i]);
        ck_assert_msg(carry("http://a", "a", "a", head) == 0, "%s", targets[i]);
        carried_finish(&carried);
    }
}
END_TEST

static const struct carry_pair answer[] = {
    { "Content-Type", "text/plain" }, { "Content-Length", "12" }, { "connection", "X-Hop" }, { "X-Hop", "1" },
    { "Set-Cookie", "a=1" }, { "Set-Cookie", "b=2" }, { "Posthorn-Status", "500" }, { "Nats-Msg-Id", "1" },
    { "Transfer-Encoding", "chunked" }, { "X-Empty", "" },
};

static void check_reply(unsigned status, bool with_length, const char *wanted)
{
    struct ph_headers *headers = ph_headers_create();
    ck_assert_int_eq(carry_to_reply(headers, status, answer, sizeof answer / sizeof *answer, with_length), PH_OK);
    ck_assert_uint_eq(headers->block.size, strlen(wanted));
    ck_assert_mem_eq(headers->block.data, wanted, strlen(wanted));
    ph_headers_destroy(headers);
}

START_TEST(an_answer_becomes_a_reply)
{
    check_reply(201, false, "NATS/1.0\r\nPosthorn-Status: 201\r\nContent-Type: text/plain\r\nSet-Cookie: a=1\r\n"
                            "Set-Cookie: b=2\r\nX-Empty: \r\n");
    check_reply(200, true, "NATS/1.0\r\nPosthorn-Status: 200\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n"
                           "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Empty: \r\n");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        method_target_and_headers_are_those_of_the_message, a_plain_message_is_posted_to_what_the_wildcards_stand_for,
        what_speaks_of_the_connection_or_is_ours_stays_behind, what_no_application_may_be_asked_is_refused,
        what_only_looks_like_going_up_is_asked, an_answer_becomes_a_reply, NULL,
    };
    return unit_run("carry", tests);
}
