/* INFO: what is kept of it, what is stepped over, what is refused. */
#include "libposthorn/server.h"

#include "../unit.h"

static struct ph_server_info info;

static bool parse(const char *json)
{
    return ph_server_parse(&info, slice_of(json));
}

START_TEST(info_of_nats_server_is_read)
{
    ph_server_init(&info);
    ck_assert(parse(
        "{\"server_id\":\"NCX\",\"server_name\":\"a\\u0062c\",\"version\":\"2.9.10\",\"proto\":1,\"git_commit\":\"\","
        "\"go\":\"go1.19\",\"host\":\"0.0.0.0\",\"port\":4222,\"headers\":true,\"max_payload\":1048576,\"jetstream\":"
        "true,\"client_id\":7,\"client_ip\":\"127.0.0.1\",\"connect_urls\":[\"10.0.0.1:4222\"],\"xkey\":null} "));
    ck_assert_str_eq(info.shown.id, "NCX");
    ck_assert_str_eq(info.shown.name, "abc");
    ck_assert_str_eq(info.shown.version, "2.9.10");
    ck_assert_str_eq(info.shown.client_ip, "127.0.0.1");
    ck_assert_uint_eq(info.shown.client_id, 7);
    ck_assert_uint_eq(info.shown.payload_size_max, 1048576);
    ck_assert(info.shown.headers && !info.shown.auth_required && !info.shown.lame_duck && !info.tls_required);
}
END_TEST

START_TEST(fields_that_are_absent_keep_their_value)
{
    ph_server_init(&info);
    ck_assert_uint_eq(info.shown.payload_size_max, 1024 * 1024);
    ck_assert_str_eq(info.shown.name, "");
    ck_assert(parse("{\"server_name\":\"one\",\"headers\":true,\"max_payload\":5}"));
    ck_assert(parse("{\"ldm\":true,\"auth_required\":true,\"tls_required\":true}"));
    ck_assert_str_eq(info.shown.name, "one");
    ck_assert_uint_eq(info.shown.payload_size_max, 5);
    ck_assert(info.shown.headers && info.shown.lame_duck && info.shown.auth_required && info.tls_required);
    ck_assert(parse("{\"ldm\":false,\"server_name\":null}"));
    ck_assert(!info.shown.lame_duck);
    ck_assert_str_eq(info.shown.name, "one");
}
END_TEST

START_TEST(wrong_types_and_malformed_json_are_refused)
{
    static const char *const cases[] = {
        "",
        "[]",
        "{\"server_id\":1}",
        "{\"headers\":1}",
        "{\"headers\":\"true\"}",
        "{\"max_payload\":\"1\"}",
        "{\"max_payload\":-1}",
        "{\"max_payload\":1.5}",
        "{\"max_payload\":99999999999}",
        "{\"client_id\":true}",
        "{\"server_id\":\"x\"",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ph_server_init(&info);
        ck_assert_msg(!parse(cases[i]), "'%s' is taken", cases[i]);
    }
}
END_TEST

START_TEST(long_names_are_cut)
{
    char json[2000] = "{\"server_name\":\"";
    size_t size = strlen(json);
    memset(json + size, 'n', 1000);
    strcpy(json + size + 1000, "\",\"version\":\"1\"}");
    ph_server_init(&info);
    ck_assert(parse(json));
    ck_assert_uint_eq(strlen(info.shown.name), sizeof info.name - 1);
    ck_assert_str_eq(info.shown.version, "1");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { info_of_nats_server_is_read, fields_that_are_absent_keep_their_value,
                                          wrong_types_and_malformed_json_are_refused, long_names_are_cut, NULL };
    return unit_run("server", tests);
}
