/* TLS and nkeys, as far as a server of plain text sees of them: what is asked for is never left out, what is wrong is
 * told, and CONNECT says who we are. TLS itself is tried by tests/system/client_tls.py. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../unit.h"
#include "events.h"

#define COUNT(list) (int)(sizeof(list) / sizeof *(list))

static struct peer peer;
static struct events events;

/* ---- TLS ---- */

static void greet_plainly(struct peer *self)
{
    peer_accept(self);
    peer_say(self, PEER_INFO);
    peer_expect_end(self);
}

static const struct {
    const char *scheme;
    struct ph_options options;
} insisting[] = {
    { "tls", PH_OPTIONS_INIT },
    { "nats", { .size = sizeof(struct ph_options), .tls_ca = "/etc/ca.pem" } },
    { "nats", { .size = sizeof(struct ph_options), .tls_cert = "/etc/us.pem" } },
    { "nats", { .size = sizeof(struct ph_options), .tls_name = "us" } },
    { "nats", { .size = sizeof(struct ph_options), .tls_insecure = true } },
};

START_TEST(tls_that_is_asked_for_is_never_left_out)
{
    char url[100];
    peer_open(&peer, greet_plainly);
    snprintf(url, sizeof url, "%s%.60s", insisting[_i].scheme, peer.url + strlen("nats"));
    struct ph_conn *conn = events_create(&events, &insisting[_i].options, url);
    ck_assert_int_eq(ph_connect(conn), PH_E_TLS);
    ck_assert_ptr_nonnull(strstr(ph_last_error(conn), "the server offers no TLS"));
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

static void expect_a_hello_of_tls(struct peer *self)
{
    peer_accept(self);
    peer_say(self, "INFO {\"tls_required\":true}\r\n");
    unsigned char head[6];
    for (size_t i = 0; i < sizeof head; i++)
        ck_assert_int_eq(recv(self->fd, head + i, 1, 0), 1);
    ck_assert(head[0] == 22 && head[1] == 3 && head[5] == 1); /* a record of the handshake, and ClientHello in it */
    peer_say(self, "-ERR 'no'\r\n");
    peer_hang_up(self);
}

START_TEST(what_is_no_tls_is_told)
{
    peer_open(&peer, expect_a_hello_of_tls);
    struct ph_conn *conn = events_create(&events, NULL, peer.url);
    ck_assert_int_eq(ph_connect(conn), PH_E_TLS);
    ck_assert_ptr_nonnull(strstr(ph_last_error(conn), "no TLS is spoken there"));
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

static void be_silent(struct peer *self)
{
    peer_accept(self);
    peer_expect_end(self);
}

START_TEST(files_that_are_none_are_told)
{
    static const struct {
        struct ph_options options;
        const char *detail;
    } cases[] = {
        { { .size = sizeof(struct ph_options), .tls_ca = "/nonexistent/ca.pem" }, "/nonexistent/ca.pem: No such file" },
        { { .size = sizeof(struct ph_options), .tls_cert = "/dev/null" }, "the certificate, /dev/null: there is none" },
        { { .size = sizeof(struct ph_options), .tls_key = "/dev/null" }, "there is no certificate beside it" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ph_options options = cases[i].options;
        options.tls_first = true;
        peer_open(&peer, be_silent);
        struct ph_conn *conn = events_create(&events, &options, peer.url);
        ck_assert_int_eq(ph_connect(conn), PH_E_FILE);
        ck_assert_msg(strstr(ph_last_error(conn), cases[i].detail), "the detail is '%s'", ph_last_error(conn));
        ph_destroy(conn);
        peer_close(&peer);
    }
}
END_TEST

/* ---- nkeys ---- */

/* As in tests/unit/util/test_nkey.c: of nats-server's tests, and what nkeys.js makes of it. */
#define SEED "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
#define NKEY "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"
#define NONCE "PXoWU7zWAMt75FY"
#define SIGNATURE "zHsjAXoXbo2tbVRLf6_3-aHC2CGLiez1yMSLOyF4Z2wmzmO4ppyieii5IZsQSBgfdppsi6wMHWzYYXUv6A-8DQ"
#define JWT "eyJ0eXAiOiJKV1QifQ.eyJzdWIiOiJVIn0.c2ln"

static const char *greeting;
static char connect_line[sizeof peer.line];

static bool said(const char *text)
{
    return strstr(connect_line, text) != NULL;
}

static void greet_with_nonce(struct peer *self)
{
    peer_accept(self);
    peer_say(self, greeting);
    peer_expect(self, "CONNECT {");
    strcpy(connect_line, self->line);
    peer_expect_line(self, "PING");
    peer_say(self, "PONG\r\n");
    peer_expect_end(self);
}

static const struct {
    const char *text;
    bool is_nkey, has_nonce;
    const char *said[3], *unsaid[2];
} identities[] = {
    { SEED "\n", true, true, { "\"nkey\":\"" NKEY "\"", "\"sig\":\"" SIGNATURE "\"" }, { "jwt" } },
    { "# mine\r\n\r\n  " SEED "\r\n", true, true, { "\"sig\":\"" SIGNATURE "\"" }, { "jwt", SEED } },
    { "-----BEGIN NATS USER JWT-----\n" JWT "\n------END NATS USER JWT------\n\n*** NOTE ***\n"
      "-----BEGIN USER NKEY SEED-----\n" SEED "\n------END USER NKEY SEED------\n",
      false, true, { "\"jwt\":\"" JWT "\"", "\"sig\":\"" SIGNATURE "\"" }, { "nkey", SEED } },
    { JWT, false, true, { "\"jwt\":\"" JWT "\"" }, { "sig" } },
    { JWT "\n" SEED, false, false, { "\"jwt\":\"" JWT "\"" }, { "sig", "nkey" } },
};

/* A file with the text; its path is path. */
static void write_file(char path[32], const char *text)
{
    strcpy(path, "/tmp/test_secure-XXXXXX");
    int fd = mkstemp(path);
    ck_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

START_TEST(keys_of_a_file_sign_the_nonce)
{
    struct ph_options options = PH_OPTIONS_INIT;
    char path[32];
    write_file(path, identities[_i].text);
    *(identities[_i].is_nkey ? &options.nkey_file : &options.creds_file) = path;
    greeting = identities[_i].has_nonce ? "INFO {\"auth_required\":true,\"nonce\":\"" NONCE "\"}\r\n" : PEER_INFO;
    peer_open(&peer, greet_with_nonce);
    ph_destroy(events_connect(&events, &options, &peer));
    peer_close(&peer);
    unlink(path);
    for (size_t i = 0; i < 3 && identities[_i].said[i]; i++)
        ck_assert_msg(said(identities[_i].said[i]), "'%s' is not in %s", identities[_i].said[i], connect_line);
    for (size_t i = 0; i < 2 && identities[_i].unsaid[i]; i++)
        ck_assert_msg(!said(identities[_i].unsaid[i]), "'%s' is in %s", identities[_i].unsaid[i], connect_line);
}
END_TEST

static void greet_in_vain(struct peer *self)
{
    peer_accept(self);
    peer_say(self, greeting);
    peer_expect_end(self);
}

static const struct {
    const char *text; /* NULL: there is no file */
    bool is_nkey, has_nonce;
    int error;
    const char *detail;
} bad_identities[] = {
    { NULL, true, true, PH_E_FILE, "No such file" },
    { NULL, false, true, PH_E_FILE, "No such file" },
    { "", true, true, PH_E_FILE, "no seed of an nkey" },
    { NKEY "\n", true, true, PH_E_FILE, "no seed of an nkey" },
    { "SAACKLBTHJAUQT2WLVSGW4TZQCDY5FM4UOVLDOF7Y3G5JW7C5HYPP7VV5A", true, true, PH_E_FILE, "not a user's" },
    { SEED, false, true, PH_E_FILE, "no JWT" },
    { SEED, true, false, PH_E_AUTH, "takes no nkeys" },
};

START_TEST(keys_that_are_none_are_told)
{
    struct ph_options options = PH_OPTIONS_INIT;
    char path[32] = "/nonexistent/key";
    if (bad_identities[_i].text)
        write_file(path, bad_identities[_i].text);
    *(bad_identities[_i].is_nkey ? &options.nkey_file : &options.creds_file) = path;
    greeting = bad_identities[_i].has_nonce ? "INFO {\"nonce\":\"" NONCE "\"}\r\n" : PEER_INFO;
    peer_open(&peer, greet_in_vain);
    struct ph_conn *conn = events_create(&events, &options, peer.url);
    int error = ph_connect(conn);
    ck_assert_msg(error == bad_identities[_i].error, "%s: %s", ph_strerror(error), ph_last_error(conn));
    ck_assert_msg(strstr(ph_last_error(conn), bad_identities[_i].detail), "the detail is '%s'", ph_last_error(conn));
    ck_assert_ptr_null(strstr(ph_last_error(conn), "SUACSS"));
    ph_destroy(conn);
    peer_close(&peer);
    unlink(path);
}
END_TEST

int main(void)
{
    const TTest *const once[] = { what_is_no_tls_is_told, files_that_are_none_are_told, NULL };
    TCase *tables = tcase_create("tables");
    tcase_add_loop_test(tables, tls_that_is_asked_for_is_never_left_out, 0, COUNT(insisting));
    tcase_add_loop_test(tables, keys_of_a_file_sign_the_nonce, 0, COUNT(identities));
    tcase_add_loop_test(tables, keys_that_are_none_are_told, 0, COUNT(bad_identities));
    Suite *suite = suite_create("secure tables");
    suite_add_tcase(suite, tables);
    int failed = unit_run_suite(suite, CK_FORK_GETENV);
    return unit_run("secure", once) || failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
