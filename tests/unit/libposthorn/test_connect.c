/* Connecting: greeting, credentials, what goes wrong, several URLs, keepalive, breaking and coming back. */
#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit.h"
#include "events.h"

static struct peer peer, second;
static struct events events;

/* ---- greeting ---- */

static char connect_line[sizeof peer.line];

static void greet_and_keep_connect(struct peer *self)
{
    peer_accept(self);
    peer_say(self,
             "INFO {\"server_id\":\"ID\",\"server_name\":\"box\",\"version\":\"2.9.10\",\"max_payload\":77,\"headers\":"
             "true,\"client_id\":5,\"client_ip\":\"127.0.0.1\",\"auth_required\":true}\r\n");
    peer_expect(self, "CONNECT {");
    strcpy(connect_line, self->line);
    peer_expect_line(self, "PING");
    peer_say(self, "PONG\r\n");
    peer_expect_end(self);
}

static bool said(const char *text)
{
    return strstr(connect_line, text) != NULL;
}

START_TEST(greeting_tells_who_is_there)
{
    struct ph_options options = PH_OPTIONS_INIT;
    options.name = "a \"test\"";
    options.user = "ann";
    options.password = "p\\w";
    peer_open(&peer, greet_and_keep_connect);
    struct ph_conn *conn = events_connect(&events, &options, &peer);
    const struct ph_server *server = ph_server(conn);
    ck_assert_int_eq(ph_state(conn), PH_STATE_CONNECTED);
    ck_assert_str_eq(server->address, peer.url + strlen("nats://"));
    ck_assert_str_eq(server->id, "ID");
    ck_assert_str_eq(server->name, "box");
    ck_assert_str_eq(server->version, "2.9.10");
    ck_assert_str_eq(server->client_ip, "127.0.0.1");
    ck_assert_uint_eq(server->client_id, 5);
    ck_assert_uint_eq(server->payload_size_max, 77);
    ck_assert(server->headers && server->auth_required && !server->lame_duck);
    ck_assert_uint_eq(events_count(&events, PH_EVENT_CONNECTED), 1);
    ph_destroy(conn);
    peer_close(&peer);
    ck_assert(said("\"verbose\":false") && said("\"pedantic\":false") && said("\"echo\":true") &&
              said("\"protocol\":1"));
    ck_assert(said("\"headers\":true") && said("\"no_responders\":true") && said("\"lang\":\"c\""));
    ck_assert(said("\"name\":\"a \\\"test\\\"\"") && said("\"user\":\"ann\"") && said("\"pass\":\"p\\\\w\""));
    ck_assert(!said("auth_token"));
}
END_TEST

START_TEST(credentials_in_the_url_go_before_those_in_the_options)
{
    struct ph_options options = PH_OPTIONS_INIT;
    char url[100];
    options.user = "ann";
    options.password = "secret";
    options.no_echo = true;
    peer_open(&peer, greet_and_keep_connect);
    snprintf(url, sizeof url, "nats://t%%22ken@%.60s", peer.url + strlen("nats://"));
    struct ph_conn *conn = events_create(&events, &options, url);
    ck_assert_int_eq(ph_connect(conn), PH_OK);
    ck_assert_ptr_null(strstr(ph_server(conn)->address, "ken"));
    ph_destroy(conn);
    peer_close(&peer);
    ck_assert(said("\"auth_token\":\"t\\\"ken\"") && said("\"echo\":false"));
    ck_assert(!said("ann") && !said("secret"));
}
END_TEST

static void greet_in_single_bytes(struct peer *self)
{
    static const char info[] = PEER_INFO;
    peer_accept(self);
    for (size_t i = 0; i < sizeof info - 1; i++)
        peer_say_bytes(self, info + i, 1);
    peer_expect(self, "CONNECT {");
    peer_expect_line(self, "PING");
    peer_say(self, "+OK\r\nPING\r\nPO");
    peer_expect_line(self, "PONG");
    peer_say(self, "NG\r\n");
    peer_expect_end(self);
}

START_TEST(greeting_may_come_in_pieces)
{
    peer_open(&peer, greet_in_single_bytes);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

/* ---- failures ---- */

/* An address where nobody listens. */
static void refused_url(char *url, size_t size)
{
    struct peer nobody;
    peer_open(&nobody, NULL);
    snprintf(url, size, "%s", nobody.url);
    peer_close(&nobody);
}

static const char *rejection;

static void reject(struct peer *self)
{
    peer_accept(self);
    peer_say(self, PEER_INFO);
    peer_expect(self, "CONNECT {");
    peer_expect_line(self, "PING");
    peer_say(self, rejection);
    peer_hang_up(self);
}

static void misbehave(struct peer *self)
{
    peer_accept(self);
    peer_say(self, rejection);
    peer_hang_up(self);
}

static const struct {
    peer_script *script;
    const char *said;
    int error;
    const char *detail;
} rejections[] = {
    { reject, "-ERR 'Authorization Violation'\r\n", PH_E_AUTH, "Authorization Violation" },
    { reject, "-ERR 'Authentication Timeout'\r\n", PH_E_AUTH, "Authentication Timeout" },
    { reject, "-ERR 'maximum connections exceeded'\r\n", PH_E_SERVER, "maximum connections exceeded" },
    { reject, "-ERR 'Secure Connection - TLS Required'\r\n", PH_E_TLS, "TLS" },
    { reject, "", PH_E_CONNECT, "closed by the server" },
    { reject, "MSG a 1 0\r\n\r\n", PH_E_PROTOCOL, "out of place" },
    { reject, "HELLO\r\n", PH_E_PROTOCOL, "unknown operation" },
    { misbehave, "", PH_E_CONNECT, "closed by the server" },
    { misbehave, "-ERR 'maximum connections exceeded'\r\n", PH_E_SERVER, "maximum connections exceeded" },
    { misbehave, "INFO {\"tls_required\":true}\r\n", PH_E_TLS, "in the midst of the handshake" },
    { misbehave, "INFO {\"tls_required\":true}\r\nPING\r\n", PH_E_PROTOCOL, "out of place" },
    { misbehave, "INFO {\"tls_required\":true}\r\nINFO {", PH_E_PROTOCOL, "plain text behind INFO" },
    { misbehave, "INFO {\"tls_required\":1}\r\n", PH_E_PROTOCOL, "malformed INFO" },
    { misbehave, "INFO {\r\n", PH_E_PROTOCOL, "malformed INFO" },
    { misbehave, "PONG\r\n", PH_E_PROTOCOL, "out of place" },
    { misbehave, "SSH-2.0-OpenSSH_9.2\r\n", PH_E_PROTOCOL, "unknown operation" },
    { misbehave, "HTTP/1.1 400 Bad Request\r\n", PH_E_PROTOCOL, "unknown operation" },
    { misbehave, "PUB a 0\r\n\r\n", PH_E_PROTOCOL, "out of place" },
};

START_TEST(each_rejection_has_its_code_and_detail)
{
    rejection = rejections[_i].said;
    peer_open(&peer, rejections[_i].script);
    struct ph_conn *conn = events_create(&events, NULL, peer.url);
    int error = ph_connect(conn);
    ck_assert_msg(error == rejections[_i].error, "%s: %s", ph_strerror(error), ph_last_error(conn));
    ck_assert_msg(strstr(ph_last_error(conn), rejections[_i].detail), "the detail is '%s'", ph_last_error(conn));
    ck_assert_ptr_nonnull(strstr(ph_last_error(conn), peer.url + strlen("nats://")));
    ck_assert_int_eq(ph_state(conn), PH_STATE_NEW);
    ck_assert_uint_eq(events.count, events_count(&events, PH_EVENT_FD_CLOSES));
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

#define LONG "a-directory-with-a-lengthy-name/"

START_TEST(addresses_that_lead_nowhere_are_told_apart)
{
    char refused[64];
    refused_url(refused, sizeof refused);
    const struct {
        const char *url;
        int error;
        const char *detail;
    } cases[] = {
        { refused, PH_E_CONNECT, "Connection refused" },
        { "nats://no-such-host.invalid", PH_E_RESOLVE, "no-such-host.invalid:4222" },
        { "unix:/nonexistent/line.sock", PH_E_CONNECT, "No such file" },
        { "unix:/" LONG LONG LONG LONG, PH_E_CONNECT, "too long" }, /* the kernel takes 107 bytes */
        { "nats://a:b:c", PH_E_URL, "'nats://a:b:c'" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ph_conn *conn = events_create(&events, NULL, cases[i].url);
        int error = ph_connect(conn);
        ck_assert_msg(error == cases[i].error, "%s: %s", cases[i].url, ph_strerror(error));
        ck_assert_msg(strstr(ph_last_error(conn), cases[i].detail), "the detail is '%s'", ph_last_error(conn));
        ph_destroy(conn);
    }
}
END_TEST

static void say_nothing(struct peer *self)
{
    peer_accept(self);
    peer_expect_end(self);
}

START_TEST(silence_ends_an_attempt_in_time)
{
    struct ph_options options = PH_OPTIONS_INIT;
    options.connect_timeout_ms = 30;
    peer_open(&peer, say_nothing);
    struct ph_conn *conn = events_create(&events, &options, peer.url);
    ck_assert_int_eq(ph_connect(conn), PH_E_CONNECT);
    ck_assert_ptr_nonnull(strstr(ph_last_error(conn), "no answer in time"));
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

static void greet_and_wait(struct peer *self)
{
    peer_greet(self);
    peer_expect_end(self);
}

START_TEST(urls_are_tried_in_turn)
{
    char urls[300], refused[64];
    refused_url(refused, sizeof refused);
    rejection = "-ERR 'Authorization Violation'\r\n";
    peer_open(&peer, reject);
    peer_open(&second, greet_and_wait);
    snprintf(urls, sizeof urls, "%s, nats://no-such-host.invalid, %s, %s", refused, peer.url, second.url);
    struct ph_conn *conn = events_create(&events, NULL, urls);
    ck_assert_int_eq(ph_connect(conn), PH_OK);
    ck_assert_str_eq(ph_server(conn)->address, second.url + strlen("nats://"));
    ph_destroy(conn);
    peer_close(&peer);
    peer_close(&second);
}
END_TEST

static void reject_then_greet(struct peer *self)
{
    reject(self);
    peer_greet(self);
    peer_expect_end(self);
}

START_TEST(connect_may_be_called_again_after_a_failure)
{
    rejection = "-ERR 'Authorization Violation'\r\n";
    peer_open(&peer, reject_then_greet);
    struct ph_conn *conn = events_create(&events, NULL, peer.url);
    ck_assert_int_eq(ph_connect(conn), PH_E_AUTH);
    ck_assert_int_eq(ph_connect(conn), PH_OK);
    ck_assert_int_eq(ph_connect(conn), PH_E_ARGUMENT);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

static void reject_twice_then_greet(struct peer *self)
{
    reject(self);
    reject(self);
    peer_greet(self);
    peer_expect_end(self);
}

START_TEST(first_connection_is_retried_when_asked)
{
    struct ph_options options = PH_OPTIONS_INIT;
    options.connect_retry = true;
    rejection = "-ERR 'Authorization Violation'\r\n";
    peer_open(&peer, reject_twice_then_greet);
    struct ph_conn *conn = events_connect(&events, &options, &peer);
    ck_assert_uint_eq(events_count(&events, PH_EVENT_ERROR), 2);
    ck_assert_uint_eq(events_count(&events, PH_EVENT_CONNECTED), 1);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

START_TEST(retries_of_the_first_connection_run_out)
{
    struct ph_options options = PH_OPTIONS_INIT;
    char refused[64];
    refused_url(refused, sizeof refused);
    options.connect_retry = true;
    options.reconnect_max = 3;
    struct ph_conn *conn = events_create(&events, &options, refused);
    ck_assert_int_eq(ph_connect(conn), PH_E_CONNECT);
    ck_assert_uint_eq(events_count(&events, PH_EVENT_ERROR), 2);
    ph_destroy(conn);

    conn = events_create(&events, &options, refused);
    ck_assert_int_eq(ph_start(conn), PH_OK);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_CLOSED), PH_E_CONNECT);
    ck_assert_int_eq(ph_state(conn), PH_STATE_CLOSED);
    ph_destroy(conn);
}
END_TEST

/* ---- keeping alive ---- */

static void ping_then_fall_silent(struct peer *self)
{
    peer_greet(self);
    peer_expect_line(self, "PING");
    peer_say(self, "PONG\r\n");
    peer_expect_line(self, "PING");
    peer_expect_line(self, "PING");
    peer_expect_end(self);
    peer_stop_listening(self);
}

START_TEST(server_that_does_not_answer_ping_is_left)
{
    struct ph_options options = PH_OPTIONS_INIT;
    options.ping_interval_ms = 20;
    options.pings_outstanding_max = 2;
    options.reconnect_max = PH_OFF;
    peer_open(&peer, ping_then_fall_silent);
    struct ph_conn *conn = events_connect(&events, &options, &peer);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_DISCONNECTED), PH_E_DISCONNECTED);
    ck_assert_ptr_nonnull(strstr(ph_last_error(conn), "PING"));
    ck_assert_int_eq(events_wait(&events, PH_EVENT_CLOSED), PH_E_DISCONNECTED);
    ck_assert_int_eq(ph_run(conn, 0), PH_E_CLOSED);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

/* ---- breaking and coming back ---- */

static void break_and_greet_again(struct peer *self)
{
    peer_greet(self);
    peer_expect_line(self, "SUB plain 1");
    peer_expect_line(self, "SUB grouped g 2");
    peer_expect_line(self, "SUB limited 3");
    peer_expect_line(self, "UNSUB 3 5");
    peer_expect_line(self, "SUB gone 4");
    peer_expect_line(self, "UNSUB 4");
    peer_expect_line(self, "PING");
    peer_say(self, "MSG limited 3 0\r\n\r\nMSG limited 3 0\r\n\r\nPONG\r\n");
    peer_hang_up(self);
    peer_greet(self);
    peer_expect_line(self, "SUB plain 1");
    peer_expect_line(self, "SUB grouped g 2");
    peer_expect_line(self, "SUB limited 3");
    peer_expect_line(self, "UNSUB 3 3");
    peer_expect_line(self, "SUB late 5");
    peer_expect_line(self, "PUB while.away 3");
    peer_expect_line(self, "abc");
    peer_expect_line(self, "PING");
    peer_say(self, "PONG\r\nMSG limited 3 0\r\n\r\nMSG limited 3 0\r\n\r\nMSG limited 3 0\r\n\r\n");
    peer_expect_end(self);
}

START_TEST(subscriptions_and_what_was_published_survive_a_break)
{
    struct ph_sub *plain, *grouped, *limited, *gone, *late;
    struct ph_message *message;
    peer_open(&peer, break_and_greet_again);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    ck_assert_int_eq(ph_subscribe(conn, "plain", NULL, NULL, NULL, &plain), PH_OK);
    ck_assert_int_eq(ph_subscribe(conn, "grouped", "g", NULL, NULL, &grouped), PH_OK);
    ck_assert_int_eq(ph_subscribe(conn, "limited", NULL, NULL, NULL, &limited), PH_OK);
    ck_assert_int_eq(ph_unsubscribe(limited, 5), PH_OK);
    ck_assert_int_eq(ph_subscribe(conn, "gone", NULL, NULL, NULL, &gone), PH_OK);
    ck_assert_int_eq(ph_unsubscribe(gone, 0), PH_OK);
    ck_assert_int_eq(ph_flush(conn, PATIENCE_MS), PH_OK);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_DISCONNECTED), PH_E_DISCONNECTED);
    ck_assert_int_eq(ph_state(conn), PH_STATE_RECONNECTING);
    ck_assert_int_eq(ph_write(conn), PH_E_DISCONNECTED);
    ck_assert_int_eq(ph_publish(conn, "while.away", "abc", 3), PH_OK);
    ck_assert_int_eq(ph_subscribe(conn, "late", NULL, NULL, NULL, &late), PH_OK);
    ck_assert_int_eq(ph_flush(conn, PATIENCE_MS), PH_OK);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_RECONNECTED), PH_OK);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(ph_next(limited, PATIENCE_MS, &message), PH_OK);
        ph_message_free(message);
    }
    ck_assert_int_eq(ph_next(limited, PATIENCE_MS, &message), PH_E_ENDED);
    ck_assert(ph_sub_ended(limited) && ph_sub_ended(gone) && !ph_sub_ended(plain));
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

static void break_with_a_request_under_way(struct peer *self)
{
    peer_greet(self);
    peer_expect_line(self, "SUB plain 1");
    peer_expect(self, "SUB _INBOX.");
    peer_expect(self, "PUB ask _INBOX.");
    peer_expect_line(self, "");
    peer_hang_up(self);
    peer_greet(self);
    peer_expect_line(self, "SUB plain 1");
    peer_expect(self, "SUB _INBOX.");
    peer_expect_line(self, "PUB later 1");
    peer_expect_line(self, "c");
    peer_expect_line(self, "PING");
    peer_say(self, "PONG\r\n");
    peer_expect_end(self);
}

static void keep_error(struct ph_conn *conn, int error, const struct ph_message *message, void *arg)
{
    (void)conn;
    (void)message;
    *(int *)arg = error;
}

START_TEST(nothing_is_sent_twice_where_the_caller_sees_to_it)
{
    struct ph_options options = PH_OPTIONS_INIT;
    int answer = 1;
    options.no_resend = true;
    peer_open(&peer, break_with_a_request_under_way);
    struct ph_conn *conn = events_connect(&events, &options, &peer);
    ck_assert_int_eq(ph_subscribe(conn, "plain", NULL, NULL, NULL, &(struct ph_sub *){ NULL }), PH_OK);
    ck_assert_int_eq(ph_request_start(conn, "ask", NULL, "", 0, -1, keep_error, &answer), PH_OK);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_DISCONNECTED), PH_E_DISCONNECTED);
    ck_assert_int_eq(answer, PH_E_DISCONNECTED);
    ck_assert_int_eq(ph_publish(conn, "while.away", "a", 1), PH_E_DISCONNECTED);
    ck_assert_int_eq(ph_request_start(conn, "ask", NULL, "", 0, -1, keep_error, &answer), PH_E_DISCONNECTED);
    ck_assert_int_eq(ph_publish_raw(conn, &(struct ph_raw){ .topic = "b", .topic_size = 1 }), PH_E_DISCONNECTED);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_RECONNECTED), PH_OK);
    ck_assert_int_eq(ph_publish(conn, "later", "c", 1), PH_OK);
    ck_assert_int_eq(ph_flush(conn, PATIENCE_MS), PH_OK);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

static void greet_and_be_left(struct peer *self)
{
    peer_greet(self);
    peer_expect_line(self, "SUB plain 1");
    peer_expect_line(self, "PING");
    peer_say(self, "PONG\r\n");
    peer_expect_end(self);
}

START_TEST(other_options_lead_elsewhere)
{
    struct ph_options options = PH_OPTIONS_INIT;
    peer_open(&peer, greet_and_be_left);
    peer_open(&second, greet_and_be_left);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    ck_assert_int_eq(ph_subscribe(conn, "plain", NULL, NULL, NULL, &(struct ph_sub *){ NULL }), PH_OK);
    ck_assert_int_eq(ph_flush(conn, PATIENCE_MS), PH_OK);
    options.url = peer.url;
    options.ping_interval_ms = 77000; /* for this one nobody is left */
    ck_assert_int_eq(ph_set_options(conn, &options), PH_OK);
    ck_assert_int_eq(ph_state(conn), PH_STATE_CONNECTED);
    options.url = "nats://a:b:c";
    ck_assert_int_eq(ph_set_options(conn, &options), PH_E_URL);
    ck_assert_int_eq(ph_state(conn), PH_STATE_CONNECTED);
    options.url = second.url;
    ck_assert_uint_eq(events_count(&events, PH_EVENT_FD_CLOSES), 0);
    ck_assert_int_eq(ph_set_options(conn, &options), PH_OK);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_FD_CLOSES), PH_OK);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_RECONNECTED), PH_OK);
    ck_assert_str_eq(ph_server(conn)->address, second.url + strlen("nats://"));
    ck_assert_int_eq(ph_flush(conn, PATIENCE_MS), PH_OK);
    ph_close(conn);
    ck_assert_int_eq(ph_set_options(conn, &options), PH_E_CLOSED);
    ph_destroy(conn);
    peer_close(&peer);
    peer_close(&second);
}
END_TEST

static void break_while_flushing(struct peer *self)
{
    peer_greet(self);
    peer_expect_line(self, "PING");
    peer_hang_up(self);
    peer_greet(self);
    peer_expect_line(self, "PING");
    peer_say(self, "PONG\r\n");
    peer_expect_end(self);
}

START_TEST(flush_tells_that_the_connection_broke)
{
    peer_open(&peer, break_while_flushing);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    ck_assert_int_eq(ph_flush(conn, PATIENCE_MS), PH_E_DISCONNECTED);
    ck_assert_int_eq(ph_flush(conn, PATIENCE_MS), PH_OK);
    ck_assert_int_eq(ph_state(conn), PH_STATE_CONNECTED);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

static void greet_then_vanish(struct peer *self)
{
    peer_greet(self);
    peer_stop_listening(self);
    peer_say(self, "-ERR 'Maximum Payload Violation'\r\n");
    peer_hang_up(self);
}

START_TEST(attempts_run_out_and_the_reason_is_the_servers)
{
    struct ph_options options = PH_OPTIONS_INIT;
    options.reconnect_max = 3;
    options.reconnect_wait_ms = 2;
    options.reconnect_wait_max_ms = 4;
    peer_open(&peer, greet_then_vanish);
    struct ph_conn *conn = events_connect(&events, &options, &peer);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_ERROR), PH_E_PAYLOAD_SIZE);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_DISCONNECTED), PH_E_PAYLOAD_SIZE);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_ERROR), PH_E_CONNECT);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_ERROR), PH_E_CONNECT);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_CLOSED), PH_E_CONNECT);
    ck_assert_uint_eq(events.count, 0);
    ck_assert_int_eq(ph_publish(conn, "a", NULL, 0), PH_E_CLOSED);
    ck_assert_int_eq(ph_flush(conn, 1), PH_E_CLOSED);
    ck_assert_int_eq(ph_connect(conn), PH_E_CLOSED);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

/* What a server may say to a live connection that must not be believed. */
static const char *const nonsense[] = {
    "X\r\n",
    "MSG\r\n",
    "MSG a 1\r\n",
    "MSG a 1 x\r\n",
    "MSG a 1 -1\r\n",
    "MSG a 1 99999999999\r\n",
    "MSG a 1 2147483647\r\n",
    "MSG a 1 1\r\nxx\r\n",
    "HMSG a 1 5 4\r\nxxxx\r\n",
    "HMSG a 1 12\r\n",
    "INFO {\"max_payload\":true}\r\n",
    "SUB a 1\r\n",
    "CONNECT {}\r\n",
    "\r\n",
};

static void talk_nonsense(struct peer *self)
{
    peer_greet(self);
    peer_say(self, rejection);
    peer_greet(self);
    peer_expect_end(self);
}

START_TEST(nonsense_breaks_the_connection_and_it_comes_back)
{
    rejection = nonsense[_i];
    peer_open(&peer, talk_nonsense);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_DISCONNECTED), PH_E_PROTOCOL);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_RECONNECTED), PH_OK);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

static void complain_and_turn_lame(struct peer *self)
{
    peer_greet(self);
    peer_say(self, "-ERR 'Permissions Violation for Publish to \"secret\"'\r\n");
    peer_say(self, "INFO {\"ldm\":true}\r\nINFO {\"ldm\":true}\r\nping\r\n");
    peer_expect_line(self, "PING");
    peer_expect_line(self, "PONG");
    peer_say(self, "PONG\r\n");
    peer_expect_end(self);
}

START_TEST(complaints_and_lame_duck_are_told)
{
    struct ph_statistics statistics = PH_STATISTICS_INIT;
    peer_open(&peer, complain_and_turn_lame);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    ck_assert_int_eq(ph_flush(conn, PATIENCE_MS), PH_OK);
    ck_assert_uint_eq(events_count(&events, PH_EVENT_LAME_DUCK), 1);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_ERROR), PH_E_PERMISSION);
    ck_assert_ptr_nonnull(strstr(ph_last_error(conn), "Permissions Violation for Publish to \"secret\""));
    ck_assert(ph_server(conn)->lame_duck && ph_server(conn)->headers);
    ck_assert_int_eq(ph_statistics(conn, &statistics), PH_OK);
    ck_assert_uint_eq(statistics.errors, 1);
    ck_assert_uint_eq(statistics.connects, 1);
    ck_assert_uint_gt(statistics.rtt_us, 0);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

/* ---- interrupting ---- */

static void interrupt_when_connected(struct peer *self)
{
    peer_greet(self);
    peer_expect_line(self, "PING");
    ph_interrupt(events.conn);
    peer_expect_end(self);
}

START_TEST(interrupt_ends_the_wait_once)
{
    peer_open(&peer, interrupt_when_connected);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    ck_assert_int_eq(ph_flush(conn, -1), PH_E_INTERRUPTED);
    ck_assert_int_eq(ph_poll(conn, 0), PH_E_TIMEOUT);
    ph_interrupt(conn);
    ph_interrupt(conn);
    ck_assert_int_eq(ph_run(conn, -1), PH_E_INTERRUPTED);
    ck_assert_int_eq(ph_run(conn, 1), PH_OK);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

START_TEST(interrupt_ends_connecting)
{
    peer_open(&peer, say_nothing);
    struct ph_conn *conn = events_create(&events, NULL, peer.url);
    ph_interrupt(conn);
    ck_assert_int_eq(ph_connect(conn), PH_E_INTERRUPTED);
    ck_assert_int_eq(ph_state(conn), PH_STATE_NEW);
    ck_assert_int_eq(ph_start(conn), PH_OK);
    while (ph_fd(conn) < 0)
        ck_assert_int_eq(ph_process(conn, 0), PH_OK);
    ph_close(conn);
    ck_assert_uint_eq(events_count(&events, PH_EVENT_CLOSED), 1);
    ph_close(conn);
    ck_assert_uint_eq(events_count(&events, PH_EVENT_CLOSED), 1);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

/* ---- options, and a connection that is not started ---- */

START_TEST(options_of_other_versions_are_taken_where_they_can_be)
{
    struct {
        struct ph_options known;
        long later;
    } newer = { .known = { .size = sizeof newer } };
    struct ph_conn *conn;
    ck_assert_int_eq(ph_create(&newer.known, &conn), PH_OK);
    ph_destroy(conn);
    newer.later = 1;
    ck_assert_int_eq(ph_create(&newer.known, &conn), PH_E_ARGUMENT);
    struct ph_options older = { .size = offsetof(struct ph_options, shuffle), .shuffle = true };
    ck_assert_int_eq(ph_create(&older, &conn), PH_OK);
    ph_destroy(conn);
    ck_assert_int_eq(ph_create(NULL, &conn), PH_OK);
    ph_destroy(conn);
    ck_assert_int_eq(ph_create(NULL, NULL), PH_E_ARGUMENT);
    ck_assert_int_eq(ph_create(&(struct ph_options){ .size = 0 }, &conn), PH_E_ARGUMENT);
    ck_assert_int_eq(ph_create(&(struct ph_options){ .size = sizeof older, .reconnect_max = -2 }, &conn),
                     PH_E_ARGUMENT);
    ck_assert_int_eq(ph_create(&(struct ph_options){ .size = sizeof older, .connect_timeout_ms = PH_OFF }, &conn),
                     PH_E_ARGUMENT);
    ph_destroy(NULL);
}
END_TEST

START_TEST(connection_that_is_not_started_waits_for_nothing)
{
    struct ph_message *message;
    struct ph_sub *sub;
    struct ph_conn *conn = events_create(&events, NULL, PH_URL_DEFAULT);
    ck_assert_int_eq(ph_state(conn), PH_STATE_NEW);
    ck_assert_int_eq(ph_fd(conn), -1);
    ck_assert_int_eq(ph_events(conn), 0);
    ck_assert_int_eq(ph_timeout_ms(conn), -1);
    ck_assert_int_eq(ph_process(conn, 0), PH_E_ARGUMENT);
    ck_assert_int_eq(ph_poll(conn, 10), PH_E_ARGUMENT);
    ck_assert_int_eq(ph_flush(conn, 10), PH_E_ARGUMENT);
    ck_assert_int_eq(ph_request(conn, "a", NULL, NULL, 0, 10, &message), PH_E_ARGUMENT);
    ck_assert_int_eq(ph_subscribe(conn, "a", NULL, NULL, NULL, &sub), PH_OK);
    ck_assert_int_eq(ph_next(sub, 10, &message), PH_E_ARGUMENT);
    ck_assert_str_eq(ph_server(conn)->address, "");
    ck_assert_int_eq(ph_drain(conn, 10), PH_OK);
    ck_assert_int_eq(ph_drain(conn, 10), PH_E_CLOSED);
    ck_assert_uint_eq(events.count, 0);
    ph_destroy(conn);
}
END_TEST

START_TEST(every_code_has_a_sentence)
{
    ck_assert_str_eq(ph_strerror(PH_OK), "no error");
    for (int error = PH_E_ARGUMENT; error >= PH_E_FILE; error--) {
        ck_assert_ptr_nonnull(ph_strerror(error));
        ck_assert_str_ne(ph_strerror(error), "unknown error");
    }
    ck_assert_str_eq(ph_strerror(PH_E_FILE - 1), "unknown error");
    ck_assert_str_eq(ph_strerror(1), "unknown error");
    for (int kind = PH_EVENT_CONNECTED; kind <= PH_EVENT_ENDED; kind++)
        ck_assert_str_ne(ph_event_name((enum ph_event_kind)kind), "unknown event");
    ck_assert_str_eq(ph_event_name((enum ph_event_kind)99), "unknown event");
    ck_assert_str_eq(ph_version(), PH_VERSION);
}
END_TEST

#define COUNT(list) (int)(sizeof(list) / sizeof *(list))

int main(void)
{
    const TTest *const once[] = {
        greeting_tells_who_is_there,
        credentials_in_the_url_go_before_those_in_the_options,
        greeting_may_come_in_pieces,
        addresses_that_lead_nowhere_are_told_apart,
        silence_ends_an_attempt_in_time,
        urls_are_tried_in_turn,
        connect_may_be_called_again_after_a_failure,
        first_connection_is_retried_when_asked,
        retries_of_the_first_connection_run_out,
        server_that_does_not_answer_ping_is_left,
        subscriptions_and_what_was_published_survive_a_break,
        nothing_is_sent_twice_where_the_caller_sees_to_it,
        other_options_lead_elsewhere,
        flush_tells_that_the_connection_broke,
        attempts_run_out_and_the_reason_is_the_servers,
        complaints_and_lame_duck_are_told,
        interrupt_ends_the_wait_once,
        interrupt_ends_connecting,
        options_of_other_versions_are_taken_where_they_can_be,
        connection_that_is_not_started_waits_for_nothing,
        every_code_has_a_sentence,
        NULL,
    };
    TCase *tables = tcase_create("tables");
    tcase_set_timeout(tables, 60);
    tcase_add_loop_test(tables, each_rejection_has_its_code_and_detail, 0, COUNT(rejections));
    tcase_add_loop_test(tables, nonsense_breaks_the_connection_and_it_comes_back, 0, COUNT(nonsense));
    Suite *suite = suite_create("connect tables");
    suite_add_tcase(suite, tables);
    int failed = unit_run_suite(suite, CK_FORK_GETENV);
    return unit_run("connect", once) || failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
