/*
 * The library where memory runs out (shortage.h): each allocation of a whole conversation in turn fails, once, but for
 * those of the peer, which is another thread. Nothing crashes or leaks, every call that fails has a reason that fits,
 * and the conversation goes on wherever it can.
 */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../shortage.h"
#include "../unit.h"
#include "peer.h"

#define PATIENCE_MS 20000

/* As ck_assert, which would allocate, and fail, even where it holds. */
static void require(bool condition, const char *what, const char *why)
{
    if (condition)
        return;
    shortage.until_failure = SHORTAGE_NEVER;
    ck_abort_msg("%s: %s", what, why);
}

/* ---- a server that is just good enough ---- */

/* Its subscriptions: one for answers, and one for everything else. */
static char inbox_sid[24], other_sid[24];

static void take_sub(const struct peer *self)
{
    char topic[128], sid[24];
    ck_assert_int_eq(sscanf(self->line, "SUB %127s %23s", topic, sid), 2);
    strcpy(strncmp(topic, "_INBOX.", 7) == 0 ? inbox_sid : other_sid, sid);
}

/* Sends a message back to whoever subscribed, and answers where a reply is awaited. */
static void take_publication(struct peer *self, bool has_headers)
{
    char topic[128], reply[128] = "", text[512];
    int count = sscanf(self->line, "%*s %127s %127s %*s %*s", topic, reply);
    bool awaited = count == 2 && strncmp(reply, "_INBOX.", 7) == 0;
    while (has_headers && *self->line)
        ck_assert(peer_line(self));
    ck_assert(peer_line(self));
    ck_assert_uint_lt(strlen(self->line), 100);
    snprintf(text, sizeof text, "MSG %s %s %zu\r\n%.100s\r\n", awaited ? reply : topic, awaited ? inbox_sid : other_sid,
             strlen(self->line), self->line);
    peer_say(self, text);
}

static void serve(struct peer *self)
{
    strcpy(inbox_sid, "0");
    strcpy(other_sid, "0");
    peer_accept(self);
    peer_say(self, PEER_INFO);
    while (peer_line(self)) {
        if (strcmp(self->line, "PING") == 0)
            peer_say(self, "PONG\r\n");
        else if (strncmp(self->line, "SUB ", 4) == 0)
            take_sub(self);
        else if (strncmp(self->line, "PUB ", 4) == 0)
            take_publication(self, false);
        else if (strncmp(self->line, "HPUB ", 5) == 0)
            take_publication(self, true);
    }
}

/* A connection that says nothing, for a peer that nobody came to. */
static void visit(const struct peer *self)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_port = htons((uint16_t)atoi(strrchr(self->url, ':') + 1));
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

/* ---- the conversation ---- */

static const int reasons[] = { PH_OK, PH_E_MEMORY, PH_E_DISCONNECTED, PH_E_CLOSED, PH_E_TIMEOUT };

/* True for PH_OK. */
static bool good(int error, const char *what)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (error == reasons[i])
            return error == PH_OK;
    require(false, what, ph_strerror(error));
    return false;
}

static void note_answer(struct ph_conn *conn, int error, const struct ph_message *message, void *arg)
{
    (void)conn, (void)message, (void)arg;
    good(error, "the answer");
}

static void pull(struct ph_conn *conn)
{
    struct ph_sub *sub;
    struct ph_message *message;
    struct ph_headers *headers = ph_headers_create();
    if (headers && good(ph_headers_add(headers, "A", "b"), "add"))
        good(ph_publish_with(conn, "before", NULL, headers, "x", 1), "publish");
    ph_headers_destroy(headers);
    if (!good(ph_subscribe(conn, "a", NULL, NULL, NULL, &sub), "subscribe"))
        return;
    if (good(ph_publish(conn, "a", "payload", 7), "publish") && good(ph_next(sub, 100, &message), "next")) {
        struct ph_message *copy = ph_message_copy(message);
        require(strcmp(message->payload, "payload") == 0, "next", message->payload);
        ph_message_free(copy);
        ph_message_free(message);
    }
    good(ph_sub_drain(sub), "drain of a subscription");
}

static void ask(struct ph_conn *conn)
{
    struct ph_message *message;
    good(ph_request_start(conn, "later", NULL, "x", 1, 100, note_answer, NULL), "request_start");
    if (good(ph_request(conn, "now", NULL, "answer", 6, 100, &message), "request")) {
        require(strcmp(message->payload, "answer") == 0, "request", message->payload);
        ph_message_free(message);
    }
}

static void converse(const char *url)
{
    struct ph_options options = PH_OPTIONS_INIT;
    struct ph_conn *conn;
    options.url = url;
    options.name = "shortage";
    options.reconnect_max = PH_OFF;
    options.connect_timeout_ms = PATIENCE_MS;
    if (!good(ph_create(&options, &conn), "create"))
        return;
    if (good(ph_connect(conn), "connect")) {
        pull(conn);
        ask(conn);
        good(ph_flush(conn, PATIENCE_MS), "flush");
        good(ph_drain(conn, PATIENCE_MS), "drain");
    }
    ph_destroy(conn);
}

/* True where an allocation failed. */
static bool converse_with_failure(unsigned after)
{
    struct peer peer;
    peer_open(&peer, serve);
    shortage.failed_count = 0;
    shortage.until_failure = after;
    converse(peer.url);
    bool failed = shortage.failed_count > 0;
    shortage.until_failure = SHORTAGE_NEVER;
    visit(&peer);
    peer_close(&peer);
    return failed;
}

START_TEST(every_allocation_may_fail)
{
    unsigned after = 0;
    while (converse_with_failure(after))
        after++;
    ck_assert_uint_gt(after, 20); /* so many there are, at least: the functions above are in their place */
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { every_allocation_may_fail, NULL };
    return unit_run("shortage", tests);
}
