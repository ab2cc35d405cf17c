/* What a message is on the other side of the mail: two workers without threads, and a subscriber at the second. */
#include "server/peer.h"

#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"
#include "auth/users.h"
#include "broker/broker.h"
#include "net/loop.h"
#include "server/mail.h"
#include "server/post.h"

enum { WORKERS = 2, LARGE = 20 << 10 };

static struct post *post;
static struct loop loops[WORKERS];
static struct broker brokers[WORKERS];
static struct post_office *offices[WORKERS];
static struct peer_copies copies[WORKERS];
static struct peer peers[WORKERS]; /* as the other worker sees it */

/* The subscriber: prints what it gets. */
static char got[4096];

static unsigned print(struct sink *sink, const struct batch *batch)
{
    size_t size = strlen(got);
    (void)sink;
    for (unsigned i = 0; i < batch->count; i++) {
        const struct message *message = &batch->messages[i];
        struct slice topic = message_topic(message, batch->topic);
        int body = message->body_size < 16 ? (int)message->body_size : 16;
        unit_assert(memcmp(message->body + message->body_size, "\r\n", 2) == 0);
        size += (size_t)snprintf(got + size, sizeof got - size, "%.*s %.*s %.*s%s\n", SLICE_ARGS(topic),
                                 (int)message->reply_size, message->reply ? message->reply : "", body, message->body,
                                 message->body_size > 16 ? "..." : "");
    }
    return batch->count;
}

static const struct sink_ops printer_ops = { .deliver = print };
static struct sink printer;

/* Who asks, at the first worker: prints which of its requests nobody took. */
static unsigned print_nobody(struct sink *sink, const struct batch *batch)
{
    size_t size = strlen(got);
    (void)sink;
    if (batch->no_responders)
        snprintf(got + size, sizeof got - size, "nobody for %.*s\n", SLICE_ARGS(batch->topic));
    return batch->count;
}

static const struct sink_ops asker_ops = { .deliver = print_nobody };
static struct sink asker = { .ops = &asker_ops, .weight = 1 };

static void scene_init(void)
{
    const struct broker_limits limits = { .topic = { 4096, 16 } };
    post = post_create(WORKERS);
    for (unsigned i = 0; i < WORKERS; i++) {
        ck_assert_int_eq(loop_init(&loops[i]), 0);
        ck_assert_int_eq(broker_init(&brokers[i], &loops[i].counters, NULL, &limits), 0);
        offices[i] = post_open(post, i, &loops[i]);
    }
    for (unsigned i = 0; i < WORKERS; i++)
        peer_init(&peers[i], i, &loops[!i], &brokers[!i], offices[!i], &copies[!i]);
    printer = (struct sink){ .ops = &printer_ops, .weight = 1 };
    got[0] = '\0';
}

static void scene_finish(void)
{
    if (printer.node)
        router_remove(brokers[1].router, &printer);
    for (unsigned i = 0; i < WORKERS; i++) {
        peer_copies_clear(&copies[i]);
        peer_finish(&peers[i]);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        broker_finish(&brokers[i]);
        loop_finish(&loops[i]);
    }
    post_destroy(post);
}

static void read_record(void *arg, unsigned from, const void *record)
{
    unsigned reader = *(unsigned *)arg;
    const struct mail *mail = record;
    ck_assert_uint_eq(from, !reader);
    if (mail->kind == MAIL_INTEREST)
        ck_assert_int_eq(peer_read_interest(&peers[from], record), 0);
    else
        peer_read_batch(&peers[from], record);
}

static void read_mail(unsigned reader)
{
    post_send(offices[!reader]);
    post_read(offices[reader], read_record, &reader);
}

static void subscribe(const char *pattern)
{
    ck_assert_int_eq(router_add(brokers[1].router, &printer, slice_of(pattern), slice_make(NULL, 0)), 0);
    peer_announce(&peers[0], slice_of(pattern), slice_make(NULL, 0), +1);
    read_mail(0);
}

static struct message message_of(const char *body, const char *reply, const char *topic)
{
    return (struct message){
        .body = body,
        .body_size = (uint32_t)strlen(body) - 2,
        .reply = reply,
        .reply_size = reply ? (uint32_t)strlen(reply) : 0,
        .topic = topic,
        .topic_size = topic ? (uint32_t)strlen(topic) : 0,
    };
}

START_TEST(a_message_shows_the_topic_that_it_brings)
{
    const struct message messages[] = {
        message_of("one\r\n", "ack.1", "orders.eu"),
        message_of("two\r\n", NULL, NULL),
        message_of("three\r\n", NULL, "orders.eu.long.topic"),
        message_of("four\r\n", "ack.4", NULL),
    };
    scene_init();
    subscribe("inbox");
    ck_assert_uint_eq(broker_send(&brokers[0], slice_of("inbox"), messages, 4), 4);
    read_mail(1);
    ck_assert_str_eq(got, "orders.eu ack.1 one\ninbox  two\norders.eu.long.topic  three\ninbox ack.4 four\n");
    scene_finish();
}
END_TEST

START_TEST(a_large_message_shows_it_too)
{
    static char body[LARGE + 3];
    memset(body, 'x', LARGE);
    memcpy(body + LARGE, "\r\n", 3);
    const struct message messages[] = {
        message_of(body, "ack.1", "orders.eu"),
        message_of("two\r\n", NULL, "orders.us"),
    };
    scene_init();
    subscribe("inbox");
    ck_assert_uint_eq(broker_send(&brokers[0], slice_of("inbox"), messages, 2), 2);
    read_mail(1);
    ck_assert_str_eq(got, "orders.eu ack.1 xxxxxxxxxxxxxxxx...\norders.us  two\n");
    scene_finish();
}
END_TEST

START_TEST(nobody_takes_what_nobody_wants)
{
    const struct message message = message_of("one\r\n", NULL, "orders.eu");
    scene_init();
    subscribe("inbox");
    ck_assert_uint_eq(broker_send(&brokers[0], slice_of("orders.eu"), &message, 1), 0);
    read_mail(1);
    ck_assert_str_eq(got, "");
    scene_finish();
}
END_TEST

/* Its last member has left, which the publisher's worker does not know yet. */
static void a_group_was_at_the_other_worker(const char *group)
{
    peer_announce(&peers[0], slice_of("svc"), slice_of(group), +1);
    read_mail(0);
}

static void listen_here(const char *pattern)
{
    ck_assert_int_eq(router_add(brokers[0].router, &asker, slice_of(pattern), slice_make(NULL, 0)), 0);
    peer_announce(&peers[1], slice_of(pattern), slice_make(NULL, 0), +1);
    read_mail(1);
}

/* Two requests and a message that asks for no answer. */
static void publish_requests(void)
{
    const struct message messages[] = {
        message_of("one\r\n", "reply.1", NULL),
        message_of("two\r\n", NULL, NULL),
        message_of("three\r\n", "reply.3", NULL),
    };
    ck_assert_uint_eq(broker_send(&brokers[0], slice_of("svc"), messages, 3), 3);
    read_mail(1);
    read_mail(0);
}

START_TEST(a_request_to_a_group_that_has_left_is_answered_for_it)
{
    scene_init();
    a_group_was_at_the_other_worker("workers");
    listen_here("reply.*");
    publish_requests();
    ck_assert_str_eq(got, "nobody for reply.1\nnobody for reply.3\n");
    router_remove(brokers[0].router, &asker);
    scene_finish();
}
END_TEST

START_TEST(where_others_may_answer_nothing_is_said_for_them)
{
    scene_init();
    a_group_was_at_the_other_worker("workers");
    a_group_was_at_the_other_worker("archive");
    listen_here("reply.*");
    publish_requests();
    ck_assert_str_eq(got, "");
    router_remove(brokers[0].router, &asker);
    scene_finish();

    scene_init();
    a_group_was_at_the_other_worker("workers");
    listen_here("*");
    publish_requests();
    ck_assert_str_eq(got, "");
    router_remove(brokers[0].router, &asker);
    scene_finish();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_message_shows_the_topic_that_it_brings,
        a_large_message_shows_it_too,
        nobody_takes_what_nobody_wants,
        a_request_to_a_group_that_has_left_is_answered_for_it,
        where_others_may_answer_nothing_is_said_for_them,
        NULL,
    };
    return unit_run("peer", tests);
}
