/* Talking: publishing and its bounds, subscriptions, requests, drains, and a loop of the caller's own. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit.h"
#include "events.h"

static struct peer peer;
static struct events events;

static void expect_text(struct ph_text got, const char *wanted)
{
    ck_assert_msg(got.size == strlen(wanted) && memcmp(got.data, wanted, got.size) == 0, "got '%.*s', wanted '%s'",
                  (int)got.size, got.data, wanted);
}

static struct ph_statistics statistics_of(struct ph_conn *conn)
{
    struct ph_statistics statistics = PH_STATISTICS_INIT;
    ck_assert_int_eq(ph_statistics(conn, &statistics), PH_OK);
    return statistics;
}

/* ---- publishing ---- */

static void take_publications(struct peer *self)
{
    peer_greet(self);
    peer_expect_line(self, "PUB a 5");
    peer_expect_line(self, "hello");
    peer_expect_line(self, "PUB a.b r.c 0");
    peer_expect_line(self, "");
    peer_expect_line(self, "HPUB c 33 36");
    peer_expect_line(self, "NATS/1.0");
    peer_expect_line(self, "Key: value");
    peer_expect_line(self, "Other: ");
    peer_expect_line(self, "");
    peer_expect_line(self, "xyz");
    peer_expect_line(self, "PUB d 0");
    peer_expect_line(self, "");
    peer_expect_line(self, "PING");
    peer_say(self, "PONG\r\n");
    peer_expect_end(self);
}

START_TEST(publications_go_out_as_written)
{
    peer_open(&peer, take_publications);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    struct ph_headers *headers = ph_headers_create();
    ck_assert_int_eq(ph_headers_add(headers, "Key", "value"), PH_OK);
    ck_assert_int_eq(ph_headers_add(headers, "Other", ""), PH_OK);
    ck_assert_int_eq(ph_headers_add(headers, "Bad name", "x"), PH_E_HEADER);
    ck_assert_int_eq(ph_headers_add(headers, "", "x"), PH_E_HEADER);
    ck_assert_int_eq(ph_headers_add(headers, "A", "x\r\nB: y"), PH_E_HEADER);
    ck_assert_int_eq(ph_publish(conn, "a", "hello", 5), PH_OK);
    ck_assert_int_eq(ph_publish_with(conn, "a.b", "r.c", NULL, NULL, 0), PH_OK);
    ck_assert_int_eq(ph_publish_with(conn, "c", "", headers, "xyz", 3), PH_OK);
    ph_headers_clear(headers);
    ck_assert_int_eq(ph_publish_with(conn, "d", NULL, headers, NULL, 0), PH_OK);
    ck_assert_int_eq(ph_flush(conn, PATIENCE_MS), PH_OK);
    struct ph_statistics statistics = statistics_of(conn);
    ck_assert_uint_eq(statistics.messages_out, 4);
    ck_assert_uint_eq(statistics.message_bytes_out, 5 + 36);
    ck_assert_uint_gt(statistics.bytes_written, 100);
    ck_assert_uint_eq(statistics.output_size, 0);
    ph_headers_destroy(headers);
    ph_headers_destroy(NULL);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

static void take_raw_publications(struct peer *self)
{
    peer_greet(self);
    peer_expect_line(self, "PUB a 2");
    peer_expect_line(self, "hi");
    peer_expect_line(self, "HPUB a r.1 18 20");
    peer_expect_line(self, "NATS/1.0");
    peer_expect_line(self, "I: 1");
    peer_expect_line(self, "");
    peer_expect_line(self, "hi");
    peer_expect_line(self, "HPUB a 26 26");
    peer_expect_line(self, "NATS/1.0");
    peer_expect_line(self, "Key: v");
    peer_expect_line(self, "I: 1");
    peer_expect_line(self, "");
    peer_expect_line(self, "");
    peer_expect_line(self, "HPUB a 20 20");
    peer_expect_line(self, "NATS/1.0");
    peer_expect_line(self, "Key: v");
    peer_expect_line(self, "");
    peer_expect_line(self, "");
    peer_expect_line(self, "PING");
    peer_say(self, "PONG\r\n");
    peer_expect_end(self);
}

START_TEST(raw_messages_go_out_as_they_are)
{
    struct ph_raw message = { .topic = "a", .topic_size = 1, .body = "hi", .body_size = 2 };
    peer_open(&peer, take_raw_publications);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    ck_assert_int_eq(ph_publish_raw(conn, &message), PH_OK);
    message.reply = "r.1";
    message.reply_size = 3;
    message.lines = "I: 1\r\n";
    message.lines_size = 6;
    ck_assert_int_eq(ph_publish_raw(conn, &message), PH_OK);
    message.reply_size = 0;
    message.body = "NATS/1.0\r\nKey: v\r\n\r\n";
    message.body_size = message.headers_size = strlen(message.body);
    ck_assert_int_eq(ph_publish_raw(conn, &message), PH_OK);
    message.lines_size = 0;
    ck_assert_int_eq(ph_publish_raw(conn, &message), PH_OK);
    message.body_size = 2 << 20;
    ck_assert_int_eq(ph_publish_raw(conn, &message), PH_E_PAYLOAD_SIZE);
    message.headers_size = message.body_size + 1;
    ck_assert_int_eq(ph_publish_raw(conn, &message), PH_E_ARGUMENT);
    ck_assert_int_eq(ph_flush(conn, PATIENCE_MS), PH_OK);
    ck_assert_uint_eq(statistics_of(conn).messages_out, 4);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

static void greet_as_a_small_server(struct peer *self)
{
    peer_accept(self);
    peer_say(self, "INFO {\"max_payload\":10}\r\n");
    peer_expect(self, "CONNECT {");
    ck_assert_ptr_nonnull(strstr(self->line, "\"headers\":false"));
    peer_expect_line(self, "PING");
    peer_say(self, "PONG\r\n");
    peer_expect_line(self, "PUB a 10");
    peer_expect_line(self, "0123456789");
    peer_expect_line(self, "PING");
    peer_say(self, "PONG\r\n");
    peer_expect_end(self);
}

START_TEST(what_the_server_would_not_take_is_refused_here)
{
    peer_open(&peer, greet_as_a_small_server);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    struct ph_headers *headers = ph_headers_create();
    struct ph_message unreplied = { .topic = "t", .reply = "" };
    ck_assert_int_eq(ph_headers_add(headers, "A", "b"), PH_OK);
    ck_assert_int_eq(ph_publish(conn, "a", "0123456789", 10), PH_OK);
    ck_assert_int_eq(ph_publish(conn, "a", "0123456789x", 11), PH_E_PAYLOAD_SIZE);
    ck_assert_ptr_nonnull(strstr(ph_last_error(conn), "takes 10"));
    ck_assert_int_eq(ph_publish_with(conn, "a", NULL, headers, NULL, 0), PH_E_PAYLOAD_SIZE);
    ck_assert_int_eq(ph_publish(conn, "a", NULL, SIZE_MAX), PH_E_ARGUMENT);
    ck_assert_int_eq(ph_publish(conn, "a", "x", SIZE_MAX), PH_E_PAYLOAD_SIZE);
    ck_assert_int_eq(ph_publish(conn, "a b", NULL, 0), PH_E_TOPIC);
    ck_assert_int_eq(ph_publish(conn, "a.*", NULL, 0), PH_E_TOPIC);
    ck_assert_int_eq(ph_publish(conn, NULL, NULL, 0), PH_E_TOPIC);
    ck_assert_int_eq(ph_publish_with(conn, "a", "b\r\n", NULL, NULL, 0), PH_E_TOPIC);
    ck_assert_int_eq(ph_reply(conn, &unreplied, NULL, NULL, 0), PH_E_NO_REPLY);
    ck_assert_int_eq(ph_flush(conn, PATIENCE_MS), PH_OK);
    ph_headers_destroy(headers);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

static void greet_without_headers(struct peer *self)
{
    peer_accept(self);
    peer_say(self, "INFO {\"max_payload\":1000}\r\n");
    peer_expect(self, "CONNECT {");
    peer_expect_line(self, "PING");
    peer_say(self, "PONG\r\n");
    peer_expect_end(self);
}

START_TEST(headers_are_refused_where_the_server_takes_none)
{
    peer_open(&peer, greet_without_headers);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    struct ph_headers *headers = ph_headers_create();
    ck_assert_int_eq(ph_headers_add(headers, "A", "b"), PH_OK);
    ck_assert_int_eq(ph_publish_with(conn, "a", NULL, headers, NULL, 0), PH_E_HEADER);
    ph_headers_destroy(headers);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

/* Fills the output; returns how many messages of a KiB it took. */
static unsigned publish_until(struct ph_conn *conn, int *ret_error)
{
    static const char kib[1024];
    unsigned count = 0;
    while ((*ret_error = ph_publish(conn, "a", kib, sizeof kib)) == PH_OK && count < 100000)
        count++;
    return count;
}

START_TEST(output_is_bounded_while_disconnected)
{
    struct ph_options options = PH_OPTIONS_INIT;
    int error;
    options.output_size_max = 100 * 1024;
    struct ph_conn *conn = events_create(&events, &options, PH_URL_DEFAULT);
    ck_assert_uint_eq(publish_until(conn, &error), 98);
    ck_assert_int_eq(error, PH_E_FULL);
    ck_assert_int_eq(ph_publish(conn, "a", NULL, 0), PH_OK);
    ck_assert_uint_le(statistics_of(conn).output_size, options.output_size_max);
    ph_destroy(conn);

    char *large = calloc(1, 1024 * 1024);
    conn = events_create(&events, &options, PH_URL_DEFAULT);
    ck_assert_int_eq(ph_publish(conn, "a", large, 1024 * 1024), PH_OK);
    ck_assert_int_eq(ph_publish(conn, "a", NULL, 0), PH_E_FULL);
    ph_destroy(conn);
    free(large);
}
END_TEST

static pthread_barrier_t barrier;

static void greet_and_not_read(struct peer *self)
{
    peer_greet(self);
    pthread_barrier_wait(&barrier);
}

START_TEST(publishing_waits_for_a_server_that_does_not_read_and_gives_up)
{
    struct ph_options options = PH_OPTIONS_INIT;
    int error;
    options.write_timeout_ms = 50;
    pthread_barrier_init(&barrier, NULL, 2);
    peer_open(&peer, greet_and_not_read);
    struct ph_conn *conn = events_connect(&events, &options, &peer);
    ck_assert_uint_lt(publish_until(conn, &error), 100000);
    ck_assert_int_eq(error, PH_E_FULL);
    ck_assert_uint_lt(statistics_of(conn).output_size, 600 * 1024);
    pthread_barrier_wait(&barrier);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

START_TEST(publishing_in_a_loop_of_ones_own_does_not_wait)
{
    struct ph_options options = PH_OPTIONS_INIT;
    int error;
    options.write_timeout_ms = PH_OFF;
    options.output_size_max = 512 * 1024;
    pthread_barrier_init(&barrier, NULL, 2);
    peer_open(&peer, greet_and_not_read);
    struct ph_conn *conn = events_create(&events, &options, peer.url);
    ck_assert_int_eq(ph_start(conn), PH_OK);
    events_wait(&events, PH_EVENT_CONNECTED);
    ck_assert_uint_gt(publish_until(conn, &error), 500);
    ck_assert_int_eq(error, PH_E_FULL);
    ck_assert_int_eq(ph_events(conn), POLLIN | POLLOUT);
    pthread_barrier_wait(&barrier);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

#define STREAM_COUNT 3000 /* of 4000 bytes: more than the sockets hold */

static void take_stream_slowly(struct peer *self)
{
    char topic[32];
    peer_greet(self);
    for (int i = 0; i < STREAM_COUNT; i++) {
        snprintf(topic, sizeof topic, "PUB n.%d 4000", i);
        peer_expect_line(self, topic);
        peer_expect(self, "xxxx");
    }
    peer_expect_line(self, "PING");
    peer_say(self, "PONG\r\n");
    peer_expect_end(self);
}

START_TEST(publishing_goes_on_as_the_server_reads)
{
    char payload[4000], topic[32];
    memset(payload, 'x', sizeof payload);
    peer_open(&peer, take_stream_slowly);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    for (int i = 0; i < STREAM_COUNT; i++) {
        snprintf(topic, sizeof topic, "n.%d", i);
        ck_assert_int_eq(ph_publish(conn, topic, payload, sizeof payload), PH_OK);
    }
    ck_assert_int_eq(ph_flush(conn, PATIENCE_MS), PH_OK);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

static void vanish_under_a_publisher(struct peer *self)
{
    peer_greet(self);
    peer_expect_line(self, "PUB a 1024");
    peer_hang_up(self);
    peer_greet(self);
    peer_expect(self, "PUB a 1024");
    pthread_barrier_wait(&barrier);
}

START_TEST(publisher_that_never_waits_is_connected_again)
{
    static const char kib[1024];
    struct ph_options options = PH_OPTIONS_INIT;
    options.reconnect_wait_max_ms = 1;
    options.write_timeout_ms = 10;
    pthread_barrier_init(&barrier, NULL, 2);
    peer_open(&peer, vanish_under_a_publisher);
    struct ph_conn *conn = events_connect(&events, &options, &peer);
    while (events_count(&events, PH_EVENT_RECONNECTED) == 0) {
        int error = ph_publish(conn, "a", kib, sizeof kib);
        ck_assert(error == PH_OK || error == PH_E_FULL);
    }
    while (ph_write(conn) == PH_OK && statistics_of(conn).output_size > 0)
        ;
    pthread_barrier_wait(&barrier);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

/* ---- subscribing ---- */

static void deliver_in_single_bytes(struct peer *self)
{
    static const char said[] = "MSG a.b 1 5\r\nhello\r\nMSG a.c\t1  re.ply 0\r\n\r\n"
                               "HMSG a.d 1 re 39 42\r\nNATS/1.0 404 Not Here\r\nKey: \tvalue \r\n\r\nx\0z\r\n"
                               "MSG a.b 9 0\r\n\r\nMSG a.b x 0\r\n\r\nPONG\r\n";
    peer_greet(self);
    peer_expect_line(self, "SUB a.* g 1");
    peer_expect_line(self, "PING");
    for (size_t i = 0; i < sizeof said - 1; i++)
        peer_say_bytes(self, said + i, 1);
    peer_expect_end(self);
}

static void check_delivered(const struct ph_message *message, unsigned number)
{
    size_t cursor = 0;
    struct ph_text name, value;
    ck_assert_uint_eq(message->topic[message->topic_size] | message->reply[message->reply_size], 0);
    ck_assert_uint_eq(message->payload[message->payload_size], 0);
    switch (number) {
    case 0:
        ck_assert_str_eq(message->topic, "a.b");
        ck_assert_str_eq(message->reply, "");
        ck_assert_str_eq(message->payload, "hello");
        ck_assert_uint_eq(message->headers_size, 0);
        ck_assert_int_eq(ph_message_status(message, NULL), 0);
        ck_assert(!ph_message_header(message, "Key", &value));
        break;
    case 1:
        ck_assert_str_eq(message->topic, "a.c");
        ck_assert_str_eq(message->reply, "re.ply");
        ck_assert_uint_eq(message->payload_size, 0);
        break;
    default:
        ck_assert_str_eq(message->topic, "a.d");
        ck_assert_str_eq(message->reply, "re");
        ck_assert_uint_eq(message->payload_size, 3);
        ck_assert_int_eq(memcmp(message->payload, "x\0z", 3), 0);
        ck_assert_int_eq(ph_message_status(message, &value), 404);
        expect_text(value, "Not Here");
        ck_assert(ph_message_header(message, "KEY", &value));
        expect_text(value, "value");
        ck_assert(ph_message_header_next(message, &cursor, &name, &value));
        expect_text(name, "Key");
        ck_assert(!ph_message_header_next(message, &cursor, &name, &value));
    }
}

static unsigned delivered_count;
static struct ph_message *kept;

static void check_and_keep(struct ph_sub *sub, const struct ph_message *message, void *arg)
{
    ck_assert_ptr_eq(arg, &delivered_count);
    ck_assert_ptr_eq(ph_sub_conn(sub), events.conn);
    check_delivered(message, delivered_count++);
    ph_message_free(kept);
    kept = ph_message_copy(message);
}

START_TEST(callback_gets_messages_whole)
{
    struct ph_sub *sub;
    struct ph_sub_statistics counted = PH_SUB_STATISTICS_INIT;
    peer_open(&peer, deliver_in_single_bytes);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    delivered_count = 0;
    ck_assert_int_eq(ph_subscribe(conn, "a.*", "g", check_and_keep, &delivered_count, &sub), PH_OK);
    ck_assert_str_eq(ph_sub_pattern(sub), "a.*");
    ck_assert_str_eq(ph_sub_group(sub), "g");
    ck_assert_int_eq(ph_flush(conn, PATIENCE_MS), PH_OK);
    ck_assert_uint_eq(delivered_count, 3);
    check_delivered(kept, 2);
    ck_assert_int_eq(ph_sub_statistics(sub, &counted), PH_OK);
    ck_assert_uint_eq(counted.delivered, 3);
    struct ph_statistics statistics = statistics_of(conn);
    ck_assert_uint_eq(statistics.messages_in, 5);
    ck_assert_uint_eq(statistics.message_bytes_in, 47);
    ck_assert_uint_eq(statistics.unclaimed, 2);
    ck_assert_uint_eq(statistics.sub_count, 1);
    ph_destroy(conn);
    check_delivered(kept, 2);
    ph_message_free(kept);
    ph_message_free(NULL);
    peer_close(&peer);
}
END_TEST

START_TEST(pull_gets_messages_whole)
{
    struct ph_sub *sub;
    struct ph_message *message;
    peer_open(&peer, deliver_in_single_bytes);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    ck_assert_int_eq(ph_subscribe(conn, "a.*", "g", NULL, NULL, &sub), PH_OK);
    ck_assert_int_eq(ph_next(sub, 0, &message), PH_E_TIMEOUT);
    ck_assert_int_eq(ph_flush(conn, PATIENCE_MS), PH_OK);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(ph_next(sub, 0, &message), PH_OK);
        check_delivered(message, i);
        ph_message_free(message);
    }
    ck_assert_int_eq(ph_next(sub, 1, &message), PH_E_TIMEOUT);
    ph_close(conn);
    ck_assert_int_eq(ph_next(sub, 1, &message), PH_E_CLOSED);
    ph_sub_destroy(sub);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

START_TEST(bad_subscriptions_are_refused)
{
    struct ph_sub *sub;
    struct ph_conn *conn = events_create(&events, NULL, PH_URL_DEFAULT);
    ck_assert_int_eq(ph_subscribe(conn, "a..b", NULL, NULL, NULL, &sub), PH_E_TOPIC);
    ck_assert_int_eq(ph_subscribe(conn, NULL, NULL, NULL, NULL, &sub), PH_E_TOPIC);
    ck_assert_int_eq(ph_subscribe(conn, "a", "", NULL, NULL, &sub), PH_E_TOPIC);
    ck_assert_int_eq(ph_subscribe(conn, "a", "b c", NULL, NULL, &sub), PH_E_TOPIC);
    ck_assert_int_eq(ph_subscribe(conn, "a", NULL, NULL, NULL, NULL), PH_E_ARGUMENT);
    ck_assert_int_eq(ph_subscribe(conn, "a", NULL, check_and_keep, NULL, &sub), PH_OK);
    ck_assert_int_eq(ph_next(sub, 0, &kept), PH_E_ARGUMENT);
    ph_close(conn);
    ck_assert_int_eq(ph_subscribe(conn, "a", NULL, NULL, NULL, &sub), PH_E_CLOSED);
    ck_assert_int_eq(ph_unsubscribe(sub, 0), PH_E_CLOSED);
    ph_destroy(conn);
}
END_TEST

static void overflow(struct peer *self)
{
    peer_greet(self);
    peer_expect_line(self, "SUB a 1");
    for (int round = 0; round < 2; round++) {
        peer_expect_line(self, "PING");
        for (int i = 0; i < 10; i++)
            peer_say(self, "MSG a 1 10\r\n0123456789\r\n");
        peer_say(self, "PONG\r\n");
    }
    peer_expect_end(self);
}

/* The queue holds only so much; returns what was left in it after two rounds of ten messages. */
static void overflow_queue(struct ph_options *options, uint64_t held)
{
    struct ph_sub *sub;
    struct ph_message *message;
    struct ph_sub_statistics counted = PH_SUB_STATISTICS_INIT;
    peer_open(&peer, overflow);
    struct ph_conn *conn = events_connect(&events, options, &peer);
    ck_assert_int_eq(ph_subscribe(conn, "a", NULL, NULL, NULL, &sub), PH_OK);
    ck_assert_int_eq(ph_flush(conn, PATIENCE_MS), PH_OK);
    ck_assert_uint_eq(events_count(&events, PH_EVENT_DROPPED), 1);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_DROPPED), PH_E_DROPPED);
    ck_assert_int_eq(ph_sub_statistics(sub, &counted), PH_OK);
    ck_assert_uint_eq(counted.queue_length, held);
    ck_assert_uint_eq(counted.queue_size, held * 10);
    ck_assert_uint_eq(counted.dropped, 10 - held);
    ck_assert_uint_eq(statistics_of(conn).dropped, 10 - held);
    for (uint64_t i = 0; i < held; i++) {
        ck_assert_int_eq(ph_next(sub, 0, &message), PH_OK);
        ph_message_free(message);
    }
    ck_assert_int_eq(ph_flush(conn, PATIENCE_MS), PH_OK);
    ck_assert_uint_eq(events_count(&events, PH_EVENT_DROPPED), 1);
    ph_destroy(conn);
    peer_close(&peer);
}

START_TEST(pull_queue_is_bounded_in_messages)
{
    struct ph_options options = PH_OPTIONS_INIT;
    options.queue_length_max = 4;
    overflow_queue(&options, 4);
}
END_TEST

START_TEST(pull_queue_is_bounded_in_bytes)
{
    struct ph_options options = PH_OPTIONS_INIT;
    options.queue_size_max = 35;
    overflow_queue(&options, 3);
}
END_TEST

static void deliver_three(struct peer *self)
{
    peer_greet(self);
    peer_expect(self, "SUB a 1");
    peer_expect(self, "SUB b 2");
    peer_expect_line(self, "PING");
    peer_say(self, "MSG a 1 1\r\n1\r\nMSG a 1 1\r\n2\r\nMSG a 1 1\r\n3\r\nMSG b 2 0\r\n\r\nPONG\r\n");
    peer_expect_line(self, "UNSUB 1");
    peer_expect_line(self, "PING");
    peer_say(self, "PONG\r\n");
    peer_expect_end(self);
}

static void destroy_own(struct ph_sub *sub, const struct ph_message *message, void *arg)
{
    (void)arg;
    ph_sub_destroy(sub);
    ph_sub_destroy(sub);
    ck_assert_str_eq(message->payload, "1");
    delivered_count++;
}

static void count_delivered(struct ph_sub *sub, const struct ph_message *message, void *arg)
{
    (void)sub, (void)message;
    ++*(unsigned *)arg;
}

START_TEST(callback_may_destroy_its_subscription)
{
    unsigned others = 0;
    peer_open(&peer, deliver_three);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    delivered_count = 0;
    ck_assert_int_eq(ph_subscribe(conn, "a", NULL, destroy_own, NULL, NULL), PH_OK);
    ck_assert_int_eq(ph_subscribe(conn, "b", NULL, count_delivered, &others, NULL), PH_OK);
    ck_assert_int_eq(ph_flush(conn, PATIENCE_MS), PH_OK);
    ck_assert_uint_eq(delivered_count, 1);
    ck_assert_uint_eq(others, 1);
    ck_assert_uint_eq(statistics_of(conn).unclaimed, 2);
    ck_assert_int_eq(ph_flush(conn, PATIENCE_MS), PH_OK);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

static void destroy_another(struct ph_sub *sub, const struct ph_message *message, void *arg)
{
    (void)sub, (void)message;
    ph_sub_destroy(arg);
}

static void deliver_to_the_second(struct peer *self)
{
    peer_greet(self);
    peer_expect_line(self, "SUB a 1");
    peer_expect_line(self, "SUB b 2");
    peer_say(self, "MSG a 1 0\r\n\r\nMSG b 2 0\r\n\r\nMSG a 1 0\r\n\r\n");
    peer_expect_line(self, "UNSUB 1");
    peer_expect_end(self);
}

START_TEST(subscription_that_is_waited_for_may_be_destroyed)
{
    struct ph_sub *a;
    struct ph_message *message;
    peer_open(&peer, deliver_to_the_second);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    ck_assert_int_eq(ph_subscribe(conn, "a", NULL, NULL, NULL, &a), PH_OK);
    ck_assert_int_eq(ph_subscribe(conn, "b", NULL, destroy_another, a, NULL), PH_OK);
    int error = ph_next(a, PATIENCE_MS, &message); /* the first message may come alone, or with what follows it */
    while (error == PH_OK) {
        ph_message_free(message);
        error = ph_next(a, PATIENCE_MS, &message);
    }
    ck_assert_int_eq(error, PH_E_ENDED);
    ck_assert_int_eq(ph_write(conn), PH_OK);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

static void deliver_too_many(struct peer *self)
{
    peer_greet(self);
    peer_expect_line(self, "SUB a 1");
    peer_expect_line(self, "UNSUB 1 2");
    peer_expect_line(self, "PING");
    peer_say(self, "MSG a 1 1\r\n1\r\nMSG a 1 1\r\n2\r\nMSG a 1 1\r\n3\r\nPONG\r\n");
    peer_expect_line(self, "SUB b 2");
    peer_expect_line(self, "PING");
    peer_say(self, "MSG b 2 0\r\n\r\nMSG b 2 0\r\n\r\nPONG\r\n");
    peer_expect_line(self, "UNSUB 2");
    peer_expect_end(self);
}

START_TEST(max_ends_a_subscription)
{
    struct ph_sub *a, *b;
    unsigned count = 0;
    peer_open(&peer, deliver_too_many);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    ck_assert_int_eq(ph_subscribe(conn, "a", NULL, count_delivered, &count, &a), PH_OK);
    ck_assert_int_eq(ph_unsubscribe(a, 2), PH_OK);
    ck_assert(!ph_sub_ended(a));
    ck_assert_int_eq(ph_flush(conn, PATIENCE_MS), PH_OK);
    ck_assert_uint_eq(count, 2);
    ck_assert(ph_sub_ended(a));
    ck_assert_uint_eq(events_count(&events, PH_EVENT_ENDED), 1);
    ck_assert_int_eq(ph_unsubscribe(a, 9), PH_OK);

    ck_assert_int_eq(ph_subscribe(conn, "b", NULL, count_delivered, &count, &b), PH_OK);
    ck_assert_int_eq(ph_flush(conn, PATIENCE_MS), PH_OK);
    ck_assert_int_eq(ph_unsubscribe(b, 1), PH_OK); /* it has had two */
    ck_assert(ph_sub_ended(b));
    ck_assert_uint_eq(events_count(&events, PH_EVENT_ENDED), 2);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

static void wait_in_callback(struct ph_sub *sub, const struct ph_message *message, void *arg)
{
    struct ph_conn *conn = ph_sub_conn(sub);
    struct ph_message *unused;
    struct ph_sub *empty;
    (void)message, (void)arg;
    ck_assert_int_eq(ph_subscribe(conn, "empty", NULL, NULL, NULL, &empty), PH_OK);
    ck_assert_int_eq(ph_flush(conn, -1), PH_E_BUSY);
    ck_assert_int_eq(ph_poll(conn, 0), PH_E_BUSY);
    ck_assert_int_eq(ph_run(conn, -1), PH_E_BUSY);
    ck_assert_int_eq(ph_drain(conn, -1), PH_E_BUSY);
    ck_assert_int_eq(ph_process(conn, 0), PH_E_BUSY);
    ck_assert_int_eq(ph_connect(conn), PH_E_BUSY);
    ck_assert_int_eq(ph_next(empty, -1, &unused), PH_E_BUSY);
    ck_assert_int_eq(ph_request(conn, "a", NULL, NULL, 0, -1, &unused), PH_E_BUSY);
    delivered_count++;
}

static void deliver_to_b(struct peer *self)
{
    peer_greet(self);
    peer_expect_line(self, "SUB b 1");
    peer_expect_line(self, "PING");
    peer_say(self, "MSG b 1 0\r\n\r\nPONG\r\n");
    peer_expect_line(self, "SUB empty 2");
    peer_expect_end(self);
}

START_TEST(callbacks_cannot_wait)
{
    peer_open(&peer, deliver_to_b);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    delivered_count = 0;
    ck_assert_int_eq(ph_subscribe(conn, "b", NULL, wait_in_callback, NULL, NULL), PH_OK);
    ck_assert_int_eq(ph_flush(conn, PATIENCE_MS), PH_OK);
    ck_assert_uint_eq(delivered_count, 1);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

static void close_in_callback(struct ph_sub *sub, const struct ph_message *message, void *arg)
{
    (void)arg;
    ph_close(ph_sub_conn(sub));
    ck_assert_str_eq(message->payload, "1");
    ck_assert_int_eq(ph_publish(ph_sub_conn(sub), "a", NULL, 0), PH_E_CLOSED);
    delivered_count++;
}

static void deliver_and_wait_for_the_end(struct peer *self)
{
    peer_greet(self);
    peer_expect_line(self, "SUB a 1");
    peer_expect_line(self, "PING");
    peer_say(self, "MSG a 1 1\r\n1\r\nMSG a 1 1\r\n2\r\n");
    peer_expect_end(self);
}

START_TEST(callback_may_close_the_connection)
{
    peer_open(&peer, deliver_and_wait_for_the_end);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    delivered_count = 0;
    ck_assert_int_eq(ph_subscribe(conn, "a", NULL, close_in_callback, NULL, NULL), PH_OK);
    ck_assert_int_eq(ph_flush(conn, PATIENCE_MS), PH_E_CLOSED);
    ck_assert_uint_eq(delivered_count, 1);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_CLOSED), PH_OK);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

static void answer_the_second_ping_only(struct peer *self)
{
    peer_greet(self);
    peer_expect_line(self, "PING");
    peer_expect_line(self, "PING");
    peer_say(self, "PONG\r\n");
    peer_expect_line(self, "SUB a 1");
    peer_say(self, "PONG\r\nPONG\r\n");
    peer_expect_end(self);
}

START_TEST(late_pong_is_not_taken_for_the_next_one)
{
    struct ph_sub *sub;
    peer_open(&peer, answer_the_second_ping_only);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    ck_assert_int_eq(ph_flush(conn, 1), PH_E_TIMEOUT);
    ck_assert_int_eq(ph_flush(conn, 100), PH_E_TIMEOUT);
    ck_assert_int_eq(ph_subscribe(conn, "a", NULL, NULL, NULL, &sub), PH_OK);
    ck_assert_int_eq(ph_run(conn, 50), PH_OK);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

/* ---- requests ---- */

#define REPLY_SIZE 128

/* Expects a request without payload, or with that one; copies its reply topic. */
static void expect_request(struct peer *self, const char *topic, const char *payload, char reply[REPLY_SIZE])
{
    char start[64];
    snprintf(start, sizeof start, "PUB %s _INBOX.", topic);
    peer_expect(self, start);
    ck_assert_int_eq(sscanf(self->line, "PUB %*s %127s", reply), 1);
    peer_expect_line(self, payload);
}

static void answer(struct peer *self, const char *reply, const char *payload)
{
    char text[256];
    snprintf(text, sizeof text, "MSG %s 1 %zu\r\n%s\r\n", reply, strlen(payload), payload);
    peer_say(self, text);
}

static void serve_requests(struct peer *self)
{
    char inbox[REPLY_SIZE], first[REPLY_SIZE], reply[REPLY_SIZE], text[256];
    peer_greet(self);
    peer_expect(self, "SUB _INBOX.");
    ck_assert_int_eq(sscanf(self->line, "SUB %127s 1", inbox), 1);
    ck_assert_ptr_eq(strstr(inbox, ".*"), inbox + strlen(inbox) - 2);
    expect_request(self, "one", "ask", first);
    ck_assert_int_eq(strncmp(first, inbox, strlen(inbox) - 1), 0);
    answer(self, first, "told");
    answer(self, first, "told twice");
    expect_request(self, "two", "", reply);
    ck_assert_str_ne(reply, first);
    snprintf(text, sizeof text, "HMSG %s 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n", reply);
    peer_say(self, text);
    expect_request(self, "three", "", reply);
    expect_request(self, "four", "", reply);
    answer(self, reply, "four");
    peer_expect_end(self);
}

START_TEST(requests_are_answered_or_told_why_not)
{
    struct ph_message *message;
    peer_open(&peer, serve_requests);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    ck_assert_int_eq(ph_request(conn, "one", NULL, "ask", 3, PATIENCE_MS, &message), PH_OK);
    ck_assert_str_eq(message->payload, "told");
    ph_message_free(message);
    ck_assert_int_eq(ph_request(conn, "two", NULL, NULL, 0, PATIENCE_MS, &message), PH_E_NO_RESPONDERS);
    ck_assert_int_eq(ph_request(conn, "three", NULL, NULL, 0, 1, &message), PH_E_TIMEOUT);
    ck_assert_int_eq(ph_request(conn, "four", NULL, NULL, 0, -1, &message), PH_OK);
    ck_assert_str_eq(message->payload, "four");
    ph_message_free(message);
    ck_assert_int_eq(ph_request(conn, "a b", NULL, NULL, 0, -1, &message), PH_E_TOPIC);
    ck_assert_int_eq(ph_request_start(conn, "five", NULL, NULL, 0, -1, NULL, NULL), PH_E_ARGUMENT);
    struct ph_statistics statistics = statistics_of(conn);
    ck_assert_uint_eq(statistics.unclaimed, 1);
    ck_assert_uint_eq(statistics.request_count, 0);
    ck_assert_uint_eq(statistics.sub_count, 0);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

struct answers {
    unsigned count;
    int errors[8];
    char order[32];
};

static struct answers answers;

static void keep_answer(struct ph_conn *conn, int error, const struct ph_message *message, void *arg)
{
    (void)conn;
    ck_assert((error == PH_OK) == (message != NULL));
    answers.errors[answers.count] = error;
    answers.order[answers.count++] = *(const char *)arg;
}

static void answer_backwards(struct peer *self)
{
    char replies[5][REPLY_SIZE];
    peer_greet(self);
    peer_expect(self, "SUB _INBOX.");
    for (int i = 0; i < 5; i++)
        expect_request(self, "r", "", replies[i]);
    answer(self, replies[2], "c");
    answer(self, replies[0], "a");
    answer(self, "_INBOX.x", "strange");
    peer_expect_end(self);
}

START_TEST(many_requests_may_be_under_way)
{
    static const int timeouts_ms[] = { PATIENCE_MS, 40, PATIENCE_MS, 20, -1 };
    static const char names[] = "abcde";
    peer_open(&peer, answer_backwards);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    answers = (struct answers){ 0 };
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(ph_request_start(conn, "r", NULL, NULL, 0, timeouts_ms[i], keep_answer, (void *)&names[i]),
                         PH_OK);
    ck_assert_uint_eq(statistics_of(conn).request_count, 5);
    while (answers.count < 4)
        ck_assert_int_eq(ph_poll(conn, PATIENCE_MS), PH_OK);
    ck_assert_uint_eq(statistics_of(conn).request_count, 1);
    ph_close(conn);
    ck_assert_uint_eq(answers.count, 5);
    ck_assert_int_eq(answers.errors[4], PH_E_CLOSED);
    ck_assert_int_eq(answers.order[4], 'e');
    ck_assert(strchr(answers.order, 'c') < strchr(answers.order, 'a'));
    ck_assert(strchr(answers.order, 'd') < strchr(answers.order, 'b'));
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

static void break_before_answering(struct peer *self)
{
    char reply[REPLY_SIZE];
    peer_greet(self);
    peer_expect(self, "SUB _INBOX.");
    peer_hang_up(self);
    peer_greet(self);
    peer_expect(self, "SUB _INBOX.");
    expect_request(self, "later", "", reply);
    answer(self, reply, "here");
    peer_expect_end(self);
}

START_TEST(request_made_while_disconnected_is_answered_later)
{
    struct ph_message *message;
    peer_open(&peer, break_before_answering);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    ck_assert_int_eq(ph_request(conn, "early", NULL, NULL, 0, 1, &message), PH_E_TIMEOUT);
    events_wait(&events, PH_EVENT_DISCONNECTED);
    ck_assert_int_eq(ph_request(conn, "later", NULL, NULL, 0, PATIENCE_MS, &message), PH_OK);
    ck_assert_str_eq(message->payload, "here");
    ph_message_free(message);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

START_TEST(inboxes_differ)
{
    char a[PH_INBOX_SIZE], b[PH_INBOX_SIZE];
    struct ph_sub *sub;
    struct ph_conn *conn = events_create(&events, NULL, PH_URL_DEFAULT);
    ph_inbox(conn, a);
    ph_inbox(conn, b);
    ck_assert_str_ne(a, b);
    ck_assert_int_eq(strncmp(a, "_INBOX.", 7), 0);
    ck_assert_int_eq(ph_subscribe(conn, a, NULL, NULL, NULL, &sub), PH_OK);
    ph_destroy(conn);
}
END_TEST

/* ---- draining ---- */

static void drain_in_good_order(struct peer *self)
{
    char reply[REPLY_SIZE], text[256];
    peer_greet(self);
    peer_expect_line(self, "SUB ask 1");
    peer_expect_line(self, "SUB pull 2");
    peer_expect(self, "SUB _INBOX.");
    expect_request(self, "slow", "", reply);
    peer_expect_line(self, "UNSUB 1");
    peer_expect_line(self, "UNSUB 2");
    peer_expect_line(self, "PING");
    peer_say(self, "MSG ask 1 back 0\r\n\r\nMSG pull 2 1\r\n1\r\nMSG pull 2 1\r\n2\r\nPONG\r\n");
    peer_expect_line(self, "PUB back 5");
    peer_expect_line(self, "reply");
    snprintf(text, sizeof text, "MSG %s 3 0\r\n\r\n", reply);
    peer_say(self, text);
    peer_expect_line(self, "PUB answered 0");
    peer_expect_line(self, "");
    peer_expect_line(self, "PING");
    peer_say(self, "PONG\r\n");
    peer_expect_end(self);
}

static void keep_and_publish_answer(struct ph_conn *conn, int error, const struct ph_message *message, void *arg)
{
    keep_answer(conn, error, message, arg);
    ck_assert_int_eq(ph_publish(conn, "answered", NULL, 0), PH_OK);
}

static void reply_reply(struct ph_sub *sub, const struct ph_message *message, void *arg)
{
    (void)arg;
    ck_assert_int_eq(ph_reply(ph_sub_conn(sub), message, NULL, "reply", 5), PH_OK);
}

START_TEST(drain_loses_nothing)
{
    struct ph_sub *pull, *late;
    struct ph_message *message;
    peer_open(&peer, drain_in_good_order);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    answers = (struct answers){ 0 };
    ck_assert_int_eq(ph_subscribe(conn, "ask", NULL, reply_reply, NULL, NULL), PH_OK);
    ck_assert_int_eq(ph_subscribe(conn, "pull", NULL, NULL, NULL, &pull), PH_OK);
    ck_assert_int_eq(ph_request_start(conn, "slow", NULL, NULL, 0, -1, keep_and_publish_answer, (void *)"s"), PH_OK);
    ck_assert_int_eq(ph_drain_start(conn, PATIENCE_MS), PH_OK);
    ck_assert(ph_draining(conn));
    ck_assert_int_eq(ph_drain_start(conn, 1), PH_OK);
    ck_assert_int_eq(ph_subscribe(conn, "late", NULL, NULL, NULL, &late), PH_E_DRAINING);
    ck_assert_int_eq(ph_drain(conn, PATIENCE_MS), PH_OK);
    ck_assert_int_eq(ph_state(conn), PH_STATE_CLOSED);
    ck_assert(answers.count == 1 && answers.errors[0] == PH_OK);
    ck_assert_uint_eq(events_count(&events, PH_EVENT_ENDED), 2);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_CLOSED), PH_OK);
    for (char digit = '1'; digit <= '2'; digit++) {
        ck_assert_int_eq(ph_next(pull, 0, &message), PH_OK);
        ck_assert_int_eq(message->payload[0], digit);
        ph_message_free(message);
    }
    ck_assert_int_eq(ph_next(pull, 0, &message), PH_E_ENDED);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

static void leave_a_drain_unanswered(struct peer *self)
{
    peer_greet(self);
    peer_expect_line(self, "PING");
    peer_expect_end(self);
}

START_TEST(drain_ends_in_time)
{
    peer_open(&peer, leave_a_drain_unanswered);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    ck_assert_int_eq(ph_drain(conn, 30), PH_E_TIMEOUT);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_CLOSED), PH_E_TIMEOUT);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

static void break_a_drain(struct peer *self)
{
    peer_greet(self);
    peer_expect_line(self, "PING");
    peer_hang_up(self);
}

START_TEST(drain_tells_that_the_connection_broke)
{
    peer_open(&peer, break_a_drain);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    ck_assert_int_eq(ph_drain(conn, PATIENCE_MS), PH_E_DISCONNECTED);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_CLOSED), PH_E_DISCONNECTED);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

static void drain_one(struct peer *self)
{
    peer_greet(self);
    peer_expect_line(self, "SUB a 1");
    peer_expect_line(self, "SUB b 2");
    peer_expect_line(self, "UNSUB 1");
    peer_expect_line(self, "PING");
    peer_say(self, "MSG a 1 1\r\n1\r\nPONG\r\nMSG a 1 1\r\n2\r\nMSG b 2 0\r\n\r\n");
    peer_expect_end(self);
}

START_TEST(subscription_can_be_drained_alone)
{
    struct ph_sub *a, *b;
    struct ph_message *message;
    peer_open(&peer, drain_one);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    ck_assert_int_eq(ph_subscribe(conn, "a", NULL, NULL, NULL, &a), PH_OK);
    ck_assert_int_eq(ph_subscribe(conn, "b", NULL, NULL, NULL, &b), PH_OK);
    ck_assert_int_eq(ph_sub_drain(a), PH_OK);
    ck_assert_int_eq(ph_sub_drain(a), PH_OK);
    ck_assert_int_eq(ph_next(b, PATIENCE_MS, &message), PH_OK);
    ph_message_free(message);
    ck_assert_int_eq(ph_next(a, PATIENCE_MS, &message), PH_OK);
    ck_assert_str_eq(message->payload, "1");
    ph_message_free(message);
    ck_assert_int_eq(ph_next(a, PATIENCE_MS, &message), PH_E_ENDED);
    ck_assert_uint_eq(events_count(&events, PH_EVENT_ENDED), 1);
    ck_assert(!ph_sub_ended(b));
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

static void hang_up_on_a_subscriber(struct peer *self)
{
    peer_greet(self);
    peer_expect_line(self, "SUB a 1");
    peer_expect_line(self, "PING");
    peer_say(self, "MSG a 1 1\r\n1\r\nPONG\r\n");
    peer_hang_up(self);
}

static void drain_when_told(struct peer *self)
{
    peer_greet(self);
    peer_expect_line(self, "SUB a 1");
    peer_expect_line(self, "PING");
    peer_say(self, "PONG\r\n");
    peer_expect_line(self, "UNSUB 1");
    peer_expect_line(self, "PING");
    peer_say(self, "PONG\r\n");
    peer_expect_end(self);
}

/* Who has a loop of his own asks without waiting; where that itself read the PONG, nothing will wake him for it. */
START_TEST(the_end_of_a_drain_is_told_by_the_call_that_read_it)
{
    struct ph_sub *sub;
    struct ph_message *message;
    int error;
    peer_open(&peer, drain_when_told);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    ck_assert_int_eq(ph_subscribe(conn, "a", NULL, NULL, NULL, &sub), PH_OK);
    ck_assert_int_eq(ph_flush(conn, PATIENCE_MS), PH_OK);
    ck_assert_int_eq(ph_sub_drain(sub), PH_OK);
    do {
        ck_assert(!ph_sub_ended(sub));
        error = ph_next(sub, 0, &message);
    } while (error == PH_E_TIMEOUT);
    ck_assert_int_eq(error, PH_E_ENDED);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

/* Nothing more can be under way, so it does not wait for a server that may never come back. */
START_TEST(subscription_is_drained_while_the_server_is_away)
{
    struct ph_sub *sub;
    struct ph_message *message;
    peer_open(&peer, hang_up_on_a_subscriber);
    struct ph_conn *conn = events_connect(&events, NULL, &peer);
    ck_assert_int_eq(ph_subscribe(conn, "a", NULL, NULL, NULL, &sub), PH_OK);
    ck_assert_int_eq(ph_flush(conn, PATIENCE_MS), PH_OK);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_DISCONNECTED), PH_E_DISCONNECTED);
    ck_assert_int_eq(ph_sub_drain(sub), PH_OK);
    ck_assert_uint_eq(events_count(&events, PH_EVENT_ENDED), 1);
    ck_assert_int_eq(ph_next(sub, 0, &message), PH_OK);
    ph_message_free(message);
    ck_assert_int_eq(ph_next(sub, 0, &message), PH_E_ENDED);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

static void destroy_ended(struct ph_conn *conn, const struct ph_event *event, void *arg)
{
    (void)conn;
    if (event->kind == PH_EVENT_ENDED) {
        ph_sub_destroy(event->sub);
        ++*(unsigned *)arg;
    }
}

static void drain_three(struct peer *self)
{
    peer_greet(self);
    for (int i = 0; i < 3; i++)
        peer_expect(self, "SUB a ");
    for (int i = 0; i < 3; i++)
        peer_expect(self, "UNSUB ");
    for (int i = 0; i < 2; i++) {
        peer_expect_line(self, "PING");
        peer_say(self, "PONG\r\n");
    }
    peer_expect_end(self);
}

START_TEST(ended_subscriptions_may_be_destroyed_by_the_event)
{
    struct ph_options options = PH_OPTIONS_INIT;
    struct ph_conn *conn;
    unsigned ended_count = 0, count = 0;
    peer_open(&peer, drain_three);
    options.url = peer.url;
    options.on_event = destroy_ended;
    options.event_arg = &ended_count;
    ck_assert_int_eq(ph_create(&options, &conn), PH_OK);
    ck_assert_int_eq(ph_connect(conn), PH_OK);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(ph_subscribe(conn, "a", NULL, count_delivered, &count, NULL), PH_OK);
    ck_assert_int_eq(ph_drain(conn, PATIENCE_MS), PH_OK);
    ck_assert_uint_eq(ended_count, 3);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

/* ---- in a loop of one's own ---- */

static void echo_ten(struct peer *self)
{
    peer_greet(self);
    peer_expect_line(self, "SUB a 1");
    for (int i = 0; i < 10; i++) {
        peer_expect_line(self, "PUB a 1");
        peer_expect_line(self, "x");
        if (i == 4) {
            peer_hang_up(self);
            peer_greet(self);
            peer_expect_line(self, "SUB a 1");
        }
        peer_say(self, "MSG a 1 1\r\nx\r\n");
    }
    peer_expect_line(self, "PING");
    peer_say(self, "PONG\r\n");
    peer_expect_line(self, "UNSUB 1");
    peer_expect_line(self, "PING");
    peer_say(self, "PONG\r\n");
    peer_expect_line(self, "PING");
    peer_say(self, "PONG\r\n");
    peer_expect_end(self);
}

static bool was_flushed;

static void note_flush(struct ph_conn *conn, int error, void *arg)
{
    ck_assert_ptr_null(arg);
    ck_assert_int_eq(error, PH_OK);
    was_flushed = true;
    ck_assert_int_eq(ph_drain_start(conn, PATIENCE_MS), PH_OK);
}

static unsigned received_count;

/* Publishes the next when one has come back; after ten asks for a flush, and after that for the end. */
static void publish_next(struct ph_sub *sub, const struct ph_message *message, void *arg)
{
    struct ph_conn *conn = ph_sub_conn(sub);
    (void)message, (void)arg;
    if (++received_count < 10)
        ck_assert_int_eq(ph_publish(conn, "a", "x", 1), PH_OK);
    else
        ck_assert_int_eq(ph_flush_start(conn, note_flush, NULL), PH_OK);
}

START_TEST(loop_of_ones_own_does_everything)
{
    peer_open(&peer, echo_ten);
    struct ph_conn *conn = events_create(&events, NULL, peer.url);
    was_flushed = false;
    received_count = 0;
    ck_assert_int_eq(ph_start(conn), PH_OK);
    ck_assert_int_eq(ph_start(conn), PH_E_ARGUMENT);
    ck_assert_int_eq(ph_timeout_ms(conn), 0);
    ck_assert_int_eq(ph_subscribe(conn, "a", NULL, publish_next, NULL, NULL), PH_OK);
    ck_assert_int_eq(ph_publish(conn, "a", "x", 1), PH_OK);
    while (ph_state(conn) != PH_STATE_CLOSED) {
        struct pollfd watched = { ph_fd(conn), ph_events(conn), 0 };
        int timeout_ms = ph_timeout_ms(conn);
        int count = poll(&watched, 1, timeout_ms < 0 || timeout_ms > PATIENCE_MS ? PATIENCE_MS : timeout_ms);
        ck_assert(count > 0 || timeout_ms < PATIENCE_MS);
        ph_process(conn, watched.revents);
    }
    ck_assert(was_flushed);
    ck_assert_uint_eq(received_count, 10);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_CONNECTED), PH_OK);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_DISCONNECTED), PH_E_DISCONNECTED);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_RECONNECTED), PH_OK);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_ENDED), PH_OK);
    ck_assert_int_eq(events_wait(&events, PH_EVENT_CLOSED), PH_OK);
    ck_assert_int_eq(ph_fd(conn), -1);
    ck_assert_int_eq(ph_process(conn, 0), PH_E_CLOSED);
    ph_destroy(conn);
    peer_close(&peer);
}
END_TEST

START_TEST(statistics_fit_every_size)
{
    struct {
        struct ph_statistics known;
        uint64_t later;
    } newer = { .known = { .size = sizeof newer }, .later = 1 };
    struct ph_conn *conn = events_create(&events, NULL, PH_URL_DEFAULT);
    ck_assert_int_eq(ph_publish(conn, "a", "abc", 3), PH_OK);
    ck_assert_int_eq(ph_statistics(conn, &newer.known), PH_OK);
    ck_assert_uint_eq(newer.known.messages_out, 1);
    ck_assert_uint_eq(newer.later, 0);
    ck_assert_uint_eq(newer.known.size, sizeof newer);
    struct ph_statistics older = { .size = offsetof(struct ph_statistics, message_bytes_out), .message_bytes_out = 77 };
    ck_assert_int_eq(ph_statistics(conn, &older), PH_OK);
    ck_assert_uint_eq(older.messages_out, 1);
    ck_assert_uint_eq(older.message_bytes_out, 77);
    older.size = 0;
    ck_assert_int_eq(ph_statistics(conn, &older), PH_E_ARGUMENT);
    ph_destroy(conn);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        publications_go_out_as_written,
        raw_messages_go_out_as_they_are,
        what_the_server_would_not_take_is_refused_here,
        headers_are_refused_where_the_server_takes_none,
        output_is_bounded_while_disconnected,
        publishing_waits_for_a_server_that_does_not_read_and_gives_up,
        publishing_in_a_loop_of_ones_own_does_not_wait,
        publishing_goes_on_as_the_server_reads,
        publisher_that_never_waits_is_connected_again,
        callback_gets_messages_whole,
        pull_gets_messages_whole,
        bad_subscriptions_are_refused,
        pull_queue_is_bounded_in_messages,
        pull_queue_is_bounded_in_bytes,
        callback_may_destroy_its_subscription,
        subscription_that_is_waited_for_may_be_destroyed,
        max_ends_a_subscription,
        ended_subscriptions_may_be_destroyed_by_the_event,
        callbacks_cannot_wait,
        callback_may_close_the_connection,
        late_pong_is_not_taken_for_the_next_one,
        requests_are_answered_or_told_why_not,
        many_requests_may_be_under_way,
        request_made_while_disconnected_is_answered_later,
        inboxes_differ,
        drain_loses_nothing,
        drain_ends_in_time,
        drain_tells_that_the_connection_broke,
        subscription_can_be_drained_alone,
        subscription_is_drained_while_the_server_is_away,
        the_end_of_a_drain_is_told_by_the_call_that_read_it,
        loop_of_ones_own_does_everything,
        statistics_fit_every_size,
        NULL,
    };
    return unit_run("talk", tests);
}
