/* Which pages may ask, what answers tell them, and which names are this machine's own. */
#include <stdio.h>

#include "../unit.h"
#include "config/config.h"
#include "http/origin.h"

#define COUNT(list) (int)(sizeof(list) / sizeof *(list))

static char *named[] = { "https://App.example", "http://x.test:81" };
static char *with_any[] = { "https://app.example", "*" };

static struct origins origins;

static void set_origins(char **items, size_t item_count, bool credentials)
{
    struct config_http config = { .origins = { items, item_count }, .credentials = credentials };
    ck_assert_int_eq(origins_set(&origins, &config), 0);
}

static void finish(void)
{
    origins_finish(&origins);
}

static struct http_request request;
static bool is_secure;

/* A request with these headers behind its Host. */
static enum origin_verdict judge(const char *method, const char *headers, unsigned *ret_place)
{
    static char head[512];
    const struct http_limits limits = { sizeof head, 64, 20, 100 };
    int size = snprintf(head, sizeof head, "%s / HTTP/1.1\r\nHost: localhost:8222\r\n%s\r\n", method, headers);
    ck_assert_int_eq(http_parse_head(head, (size_t)size, &limits, &request), size);
    return origin_judge(&origins, &request, is_secure, ret_place);
}

#define NAVIGATES "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"

/* With two origins named; a place above 0 is good. */
static const struct {
    const char *method, *headers;
    enum origin_verdict verdict;
    unsigned place;
} pages[] = {
    { "GET", "", ORIGIN_GOOD, 0 },
    { "POST", "", ORIGIN_GOOD, 0 },
    { "POST", "Origin: http://localhost:8222\r\n", ORIGIN_GOOD, 0 },
    { "POST", "Origin: https://localhost:8222\r\n", ORIGIN_BAD, 0 },
    { "POST", "Origin: https://localhost:8222\r\nSec-Fetch-Site: same-origin\r\n", ORIGIN_GOOD, 0 },
    { "POST", "Origin: https://localhost:8222\r\nSec-Fetch-Site: cross-site\r\n", ORIGIN_BAD, 0 },
    { "GET", "Origin: HTTPS://APP.EXAMPLE\r\n", ORIGIN_BAD, 0 },
    { "POST", "Origin: http://localhost\r\n", ORIGIN_BAD, 0 },
    { "POST", "Origin: http://localhost:8223\r\n", ORIGIN_BAD, 0 },
    { "POST", "Origin: ftp://localhost:8222\r\n", ORIGIN_BAD, 0 },
    { "POST", "Origin: null\r\n", ORIGIN_BAD, 0 },
    { "POST", "Origin:\r\n", ORIGIN_BAD, 0 },
    { "GET", "Origin: https://app.example\r\n", ORIGIN_GOOD, 1 },
    { "GET", "Origin: http://x.test:81\r\n", ORIGIN_GOOD, 2 },
    { "GET", "Origin: http://app.example\r\n", ORIGIN_BAD, 0 },
    { "GET", "Origin: https://app.example.evil\r\n", ORIGIN_BAD, 0 },
    { "GET", "Origin: https://app.example:443\r\n", ORIGIN_BAD, 0 },
    { "GET", "Sec-Fetch-Site: same-origin\r\n", ORIGIN_GOOD, 0 },
    { "GET", "Sec-Fetch-Site: none\r\n" NAVIGATES, ORIGIN_GOOD, 0 },
    { "GET", "Sec-Fetch-Site: cross-site\r\n", ORIGIN_BAD, 0 },
    { "GET", "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: no-cors\r\n", ORIGIN_BAD, 0 },
    { "GET", "Sec-Fetch-Site: cross-site\r\n" NAVIGATES, ORIGIN_NAVIGATION, 0 },
    { "GET", "Sec-Fetch-Site: same-site\r\n" NAVIGATES, ORIGIN_NAVIGATION, 0 },
    { "GET", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n", ORIGIN_BAD, 0 },
    { "POST", "Sec-Fetch-Site: cross-site\r\n" NAVIGATES, ORIGIN_BAD, 0 },
    { "POST", "Origin: https://evil.example\r\nSec-Fetch-Site: same-origin\r\n", ORIGIN_BAD, 0 },
};

START_TEST(page_is_judged_by_what_the_browser_says)
{
    unsigned place = 99;
    set_origins(named, 2, false);
    ck_assert_int_eq(judge(pages[_i].method, pages[_i].headers, &place), pages[_i].verdict);
    ck_assert_uint_eq(place, pages[_i].place);
}
END_TEST

START_TEST(any_origin_may_where_the_star_stands)
{
    unsigned place;
    set_origins(with_any, 2, false);
    ck_assert_int_eq(judge("POST", "Origin: https://evil.example\r\n", &place), ORIGIN_GOOD);
    ck_assert_uint_eq(place, 2);
    ck_assert_int_eq(judge("POST", "Origin: https://app.example\r\n", &place), ORIGIN_GOOD);
    ck_assert_uint_eq(place, 1);
    ck_assert_int_eq(judge("GET", "Sec-Fetch-Site: cross-site\r\n", &place), ORIGIN_GOOD);
}
END_TEST

START_TEST(answers_to_a_named_origin_name_it_and_may_trust_it)
{
    set_origins(named, 2, true);
    ck_assert_uint_eq(origins.row_count, 3);
    ck_assert_str_eq(origins.rows[0].lines, "Vary: Origin\r\n");
    const char *lines = origins.rows[1].lines;
    ck_assert(strstr(lines, "Access-Control-Allow-Origin: https://app.example\r\nVary: Origin\r\n") == lines);
    ck_assert(strstr(lines, "Access-Control-Allow-Credentials: true\r\n"));
    ck_assert(strstr(lines, "Access-Control-Expose-Headers: Posthorn-Cursor, "));
    set_origins(named, 2, false);
    ck_assert(!strstr(origins.rows[1].lines, "Credentials") && !strstr(origins.rows[2].lines, "Credentials"));
}
END_TEST

START_TEST(answers_to_any_origin_never_trust_it)
{
    set_origins(with_any, 2, true);
    ck_assert(strstr(origins.rows[1].lines, "Credentials: true"));
    ck_assert(strstr(origins.rows[2].lines, "Access-Control-Allow-Origin: *\r\n") == origins.rows[2].lines);
    ck_assert(!strstr(origins.rows[2].lines, "Credentials"));
}
END_TEST

START_TEST(without_origins_answers_carry_nothing)
{
    unsigned place;
    set_origins(NULL, 0, true);
    ck_assert_str_eq(origins.rows[0].lines, "");
    ck_assert_int_eq(judge("POST", "Origin: https://app.example\r\n", &place), ORIGIN_BAD);
    ck_assert_int_eq(judge("POST", "Origin: http://localhost:8222\r\n", &place), ORIGIN_GOOD);
}
END_TEST

static const struct {
    const char *host;
    bool local;
} hosts[] = {
    { "localhost", true },        { "LocalHost:80", true },   { "localhost.:80", true },  { "a.localhost", true },
    { "127.0.0.1", true },        { "127.0.0.1:8222", true }, { "127.255.255.255", true }, { "[::1]", true },
    { "[::1]:8222", true },       { "", false },              { "evil.example", false },   { "localhost.evil", false },
    { "evillocalhost", false },   { ".localhost", false },    { "127.0.0.1.evil", false }, { "127.0.0", false },
    { "127.0.0.256", false },     { "127.0.0.1.1", false },   { "128.0.0.1", false },      { "10.0.0.1", false },
    { "127..0.1", false },        { "127.0.0.", false },      { "1127.0.0.1", false },     { "127", false },
    { "[::2]", false },           { "0.0.0.0", false },       { "0127.0.0.1", false },     { "2130706433", false },
};

START_TEST(host_of_this_machine_is_known)
{
    ck_assert_int_eq(host_is_local(slice_of(hosts[_i].host)), hosts[_i].local);
}
END_TEST

START_TEST(name_of_a_host_is_compared_without_port_and_case)
{
    ck_assert(host_has_name(slice_of("Broker.lan:8222"), slice_of("broker.LAN")));
    ck_assert(host_has_name(slice_of("broker.lan."), slice_of("broker.lan")));
    ck_assert(host_has_name(slice_of("[fd00::1]:80"), slice_of("[fd00::1]")));
    ck_assert(!host_has_name(slice_of("broker.lan.evil"), slice_of("broker.lan")));
    ck_assert(!host_has_name(slice_of("broker"), slice_of("broker.lan")));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("origin");
    TCase *origin = tcase_create("origin"), *host = tcase_create("host");
    tcase_add_checked_fixture(origin, NULL, finish);
    tcase_add_loop_test(origin, page_is_judged_by_what_the_browser_says, 0, COUNT(pages));
    tcase_add_test(origin, any_origin_may_where_the_star_stands);
    tcase_add_test(origin, answers_to_a_named_origin_name_it_and_may_trust_it);
    tcase_add_test(origin, answers_to_any_origin_never_trust_it);
    tcase_add_test(origin, without_origins_answers_carry_nothing);
    suite_add_tcase(suite, origin);
    tcase_add_loop_test(host, host_of_this_machine_is_known, 0, COUNT(hosts));
    tcase_add_test(host, name_of_a_host_is_compared_without_port_and_case);
    suite_add_tcase(suite, host);
    return unit_run_suite(suite, CK_FORK_GETENV);
}
