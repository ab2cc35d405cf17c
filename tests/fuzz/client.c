/*
 * Fuzz target: what a server says to a connection of libposthorn.
 *
 *   input = seed of the fragments (1 byte), phase (1: even: greeted and live, odd: before INFO), stream
 *
 * The stream comes in fragments. The connection has subscriptions of every kind, requests and flushes under way, and no
 * socket: what it says is only buffered, and where it breaks it does not come back.
 */
#include "fuzz.h"

#include <string.h>

#include "libposthorn/conn.h"

enum {
    HEAD_SIZE = 2,
    FRAGMENT_SIZE_MAX = 48,
};

static unsigned called_count;

static void check_message(const struct ph_message *message)
{
    size_t cursor = 0;
    struct ph_text name, value;
    fuzz_require(message->topic_size > 0 && message->topic[message->topic_size] == '\0');
    fuzz_require(message->reply[message->reply_size] == '\0' && message->payload[message->payload_size] == '\0');
    while (ph_message_header_next(message, &cursor, &name, &value))
        fuzz_require(name.size > 0 && name.data >= message->headers &&
                     value.data + value.size <= message->headers + message->headers_size);
    ph_message_status(message, &value);
    called_count++;
}

static void on_message(struct ph_sub *sub, const struct ph_message *message, void *arg)
{
    (void)arg;
    check_message(message);
    ph_reply(ph_sub_conn(sub), message, NULL, message->payload, message->payload_size);
}

static void destroy_own(struct ph_sub *sub, const struct ph_message *message, void *arg)
{
    (void)arg;
    ph_sub_destroy(sub);
    check_message(message);
}

static void on_answer(struct ph_conn *conn, int error, const struct ph_message *message, void *arg)
{
    (void)conn, (void)arg;
    fuzz_require((error == PH_OK) == (message != NULL));
    if (message)
        check_message(message);
}

static void on_flush(struct ph_conn *conn, int error, void *arg)
{
    (void)conn, (void)arg;
    fuzz_require(error == PH_OK || error == PH_E_DISCONNECTED || error == PH_E_CLOSED);
}

static void on_event(struct ph_conn *conn, const struct ph_event *event, void *arg)
{
    (void)conn, (void)arg;
    fuzz_require(event->text != NULL);
}

/* Subscriptions 1 to 4, and 5 for the answers, whose topics are made known: a fuzzer cannot guess chance. */
static void occupy(struct ph_conn *conn, struct ph_sub **ret_pull)
{
    struct ph_sub *limited;
    fuzz_require(ph_subscribe(conn, ">", NULL, on_message, NULL, NULL) == PH_OK);
    fuzz_require(ph_subscribe(conn, "pull", NULL, NULL, NULL, ret_pull) == PH_OK);
    fuzz_require(ph_subscribe(conn, "limited", "g", on_message, NULL, &limited) == PH_OK);
    fuzz_require(ph_unsubscribe(limited, 3) == PH_OK);
    fuzz_require(ph_subscribe(conn, "once", NULL, destroy_own, NULL, NULL) == PH_OK);
    for (int i = 0; i < 3; i++)
        fuzz_require(ph_request_start(conn, "r", NULL, NULL, 0, -1, on_answer, NULL) == PH_OK);
    fuzz_require(ph_flush_start(conn, on_flush, NULL) == PH_OK);
    fuzz_require(ph_sub_drain(*ret_pull) == PH_OK);
    memcpy(conn->inbox_prefix, "_INBOX.0123456789012345678901.", PH_INBOX_PREFIX_SIZE);
}

/* As if a socket had been connected; the round that would follow a break has no URL left to try. */
static struct ph_conn *open_conn(bool live, struct ph_sub **ret_pull)
{
    struct ph_options options = PH_OPTIONS_INIT;
    struct ph_conn *conn;
    options.url = "unix:/nowhere";
    options.queue_length_max = 4;
    options.reconnect_max = PH_OFF;
    options.on_event = on_event;
    options.output_size_max = 64 * 1024;
    fuzz_require(ph_create(&options, &conn) == PH_OK && ph_start(conn) == PH_OK);
    conn->url = &conn->urls[0];
    conn->phase = live ? PH_PHASE_LIVE : PH_PHASE_INFO;
    conn->state = live ? PH_STATE_CONNECTED : PH_STATE_CONNECTING;
    conn->server.shown.headers = live;
    occupy(conn, ret_pull);
    return conn;
}

static void pull(struct ph_sub *sub)
{
    struct ph_message *message;
    while (sub->first) {
        fuzz_require(ph_next(sub, 0, &message) == PH_OK);
        check_message(message);
        ph_message_free(message);
    }
}

/* What a flat stream would let pass must hold at any time. */
static void check_conn(const struct ph_conn *conn, const struct ph_sub *sub)
{
    struct ph_statistics statistics = PH_STATISTICS_INIT;
    fuzz_require(ph_statistics(conn, &statistics) == PH_OK);
    fuzz_require(statistics.request_count <= 3 && statistics.sub_count <= 4);
    fuzz_require(sub->queue_length <= 4);
    fuzz_require(conn->in.bytes.size <= conn->in.bytes.capacity);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ph_sub *sub;
    if (size < HEAD_SIZE)
        return 0;
    uint32_t chance = data[0] | 1u;
    struct ph_conn *conn = open_conn(data[1] % 2 == 0, &sub);
    size_t at = HEAD_SIZE;
    while (at < size && conn->state != PH_STATE_CLOSED && conn->phase >= PH_PHASE_INFO) {
        size_t left = size - at, part = 1 + (chance >> 16) % FRAGMENT_SIZE_MAX;
        part = part < left ? part : left;
        ph_input_feed(conn, (const char *)data + at, part);
        check_conn(conn, sub);
        if (chance & 0x100)
            pull(sub);
        at += part;
        chance = chance * 1103515245u + 12345u;
    }
    ph_destroy(conn);
    return 0;
}
