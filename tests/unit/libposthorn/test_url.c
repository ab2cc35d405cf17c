/* URLs: what is read out of them, what is refused, and lists. */
#include "libposthorn/url.h"

#include "../unit.h"
#include "libposthorn/posthorn.h"

static void same(const char *got, const char *wanted)
{
    if (wanted)
        ck_assert_msg(got && strcmp(got, wanted) == 0, "got '%s', wanted '%s'", got ? got : "(null)", wanted);
    else
        ck_assert_msg(!got, "got '%s', wanted none", got);
}

START_TEST(urls_tell_place_and_credentials)
{
    static const struct {
        const char *text, *host, *port, *path, *user, *password, *token, *label;
    } cases[] = {
        { "nats://a", "a", "4222", NULL, NULL, NULL, NULL, "a:4222" },
        { "nats://a/", "a", "4222", NULL, NULL, NULL, NULL, "a:4222" },
        { "posthorn://a.example:1", "a.example", "1", NULL, NULL, NULL, NULL, "a.example:1" },
        { "NATS://a:65535", "a", "65535", NULL, NULL, NULL, NULL, "a:65535" },
        { "tls://a", "a", "4222", NULL, NULL, NULL, NULL, "a:4222" },
        { "TLS://ann:secret@[::1]:5", "::1", "5", NULL, "ann", "secret", NULL, "[::1]:5" },
        { "a", "a", "4222", NULL, NULL, NULL, NULL, "a:4222" },
        { "127.0.0.1:4333", "127.0.0.1", "4333", NULL, NULL, NULL, NULL, "127.0.0.1:4333" },
        { "[::1]", "::1", "4222", NULL, NULL, NULL, NULL, "[::1]:4222" },
        { "nats://[fe80::1]:5", "fe80::1", "5", NULL, NULL, NULL, NULL, "[fe80::1]:5" },
        { "nats://ann:secret@a:5", "a", "5", NULL, "ann", "secret", NULL, "a:5" },
        { "nats://ann:@a", "a", "4222", NULL, "ann", "", NULL, "a:4222" },
        { "nats://t0ken@a", "a", "4222", NULL, NULL, NULL, "t0ken", "a:4222" },
        { "nats://a%40b:p%3Aw%2f@h", "h", "4222", NULL, "a@b", "p:w/", NULL, "h:4222" },
        { "nats://ann:se@cret@[::1]:7", "::1", "7", NULL, "ann", "se@cret", NULL, "[::1]:7" },
        { "ann:secret@a", "a", "4222", NULL, "ann", "secret", NULL, "a:4222" },
        { "unix:/run/b.sock", NULL, NULL, "/run/b.sock", NULL, NULL, NULL, "unix:/run/b.sock" },
        { "unix:///run/b.sock", NULL, NULL, "///run/b.sock", NULL, NULL, NULL, "unix:///run/b.sock" },
        { "unix:/a@b:c", NULL, NULL, "/a@b:c", NULL, NULL, NULL, "unix:/a@b:c" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ph_url url;
        ck_assert_msg(ph_url_parse(slice_of(cases[i].text), &url) == PH_OK, "'%s' is refused", cases[i].text);
        same(url.host, cases[i].host);
        same(url.port, cases[i].port);
        same(url.path, cases[i].path);
        same(url.user, cases[i].user);
        same(url.password, cases[i].password);
        same(url.token, cases[i].token);
        same(url.label, cases[i].label);
        ck_assert(url.tls == (strncasecmp(cases[i].text, "tls", 3) == 0));
        ph_url_finish(&url);
    }
}
END_TEST

START_TEST(malformed_urls_are_refused)
{
    static const struct {
        const char *text;
        int error;
    } cases[] = {
        { "", PH_E_URL },
        { "nats://", PH_E_URL },
        { "http://a", PH_E_URL },
        { "nats://a:", PH_E_URL },
        { "nats://a:0", PH_E_URL },
        { "a:65536", PH_E_URL },
        { "a:123456", PH_E_URL },
        { "a:12x", PH_E_URL },
        { "nats://:4222", PH_E_URL },
        { "a b", PH_E_URL },
        { "a/b", PH_E_URL },
        { "::1", PH_E_URL },
        { "[::1", PH_E_URL },
        { "[::1]x", PH_E_URL },
        { "[]:1", PH_E_URL },
        { "[::1]:", PH_E_URL },
        { "nats://@a", PH_E_URL },
        { "nats://:x@a", PH_E_URL },
        { "nats://a%@b", PH_E_URL },
        { "a%4@b", PH_E_URL },
        { "a%zz@b", PH_E_URL },
        { "a%00b@c", PH_E_URL },
        { "unix:", PH_E_URL },
        { "unix:b.sock", PH_E_URL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ph_url url;
        int error = ph_url_parse(slice_of(cases[i].text), &url);
        ck_assert_msg(error == cases[i].error, "'%s' gives %d", cases[i].text, error);
    }
}
END_TEST

START_TEST(list_keeps_the_order_and_ignores_blanks)
{
    struct ph_url *urls;
    size_t count;
    struct slice bad;
    ck_assert_int_eq(ph_urls_parse(" nats://a , b:1,unix:/c ", &urls, &count, &bad), PH_OK);
    ck_assert_uint_eq(count, 3);
    same(urls[0].label, "a:4222");
    same(urls[1].label, "b:1");
    same(urls[2].label, "unix:/c");
    ph_urls_free(urls, count);
}
END_TEST

START_TEST(list_names_the_url_at_fault)
{
    struct ph_url *urls;
    size_t count;
    struct slice bad;
    ck_assert_int_eq(ph_urls_parse("a,b:x ,c", &urls, &count, &bad), PH_E_URL);
    ck_assert(slice_is(bad, "b:x"));
    ck_assert_int_eq(ph_urls_parse("a,,c", &urls, &count, &bad), PH_E_URL);
    ck_assert_uint_eq(bad.size, 0);
    ck_assert_int_eq(ph_urls_parse("", &urls, &count, &bad), PH_E_URL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { urls_tell_place_and_credentials, malformed_urls_are_refused,
                                          list_keeps_the_order_and_ignores_blanks, list_names_the_url_at_fault, NULL };
    return unit_run("url", tests);
}
