/* Messages that say who has published them here. */
#include "sidecar/origin.h"

#include "../unit.h"
#include "broker/session.h"

static struct origin origin;
static struct broker broker;
static struct session sessions[3];

static void notice(struct session *of, enum broker_notice what)
{
    (void)of;
    (void)what;
}

static void open_all(void)
{
    static const struct session_ops ops = { .notice = notice };
    static const struct broker_limits limits = { .topic = { 1024, 16 } };
    static struct counters counters;
    ck_assert_int_eq(broker_init(&broker, &counters, NULL, &limits), 0);
    for (unsigned i = 0; i < 3; i++) {
        session_open(&sessions[i], &broker, &ops);
        sessions[i].connection = 7 + i;
        sessions[i].no_echo = i != 2;
    }
    origin_init(&origin);
}

static void close_all(void)
{
    for (unsigned i = 0; i < 3; i++)
        session_close(&sessions[i]);
    broker_finish(&broker);
    origin_finish(&origin);
}

static struct slice head_of(const struct message *message)
{
    return slice_make(message->body, message->head_size);
}

START_TEST(a_marked_message_is_known_again)
{
    const struct message messages[] = {
        { .body = "payload\r\n", .body_size = 7, .reply = "to.me", .reply_size = 5 },
        { .body = "NATS/1.0\r\nKey: v\r\n\r\nx\r\n", .head_size = 20, .body_size = 21 },
        { .body = "\r\n", .body_size = 0 },
    };
    const struct batch batch = { .messages = messages, .count = 3, .origin = &sessions[1] };
    open_all();
    for (unsigned turn = 0; turn < 2; turn++) {
        struct batch marked = origin_mark(&origin, &batch);
        ck_assert_ptr_ne(marked.messages, messages);
        for (unsigned i = 0; i < 3; i++) {
            const struct message *now = &marked.messages[i];
            size_t payload_size = messages[i].body_size - messages[i].head_size;
            ck_assert_ptr_eq(origin_of(&origin, &broker, head_of(now)), &sessions[1]);
            ck_assert_uint_eq(now->body_size - now->head_size, payload_size);
            ck_assert_mem_eq(now->body + now->head_size, messages[i].body + messages[i].head_size, payload_size + 2);
            ck_assert_uint_eq(now->reply_size, messages[i].reply_size);
        }
        ck_assert_ptr_nonnull(memmem(marked.messages[1].body, marked.messages[1].head_size, "Key: v\r\n", 8));
    }
    close_all();
}
END_TEST

START_TEST(who_wants_an_echo_is_left_alone)
{
    const struct message message = { .body = "x\r\n", .body_size = 1 };
    struct batch batch = { .messages = &message, .count = 1, .origin = &sessions[2] };
    open_all();
    ck_assert_ptr_eq(origin_mark(&origin, &batch).messages, &message);
    batch.origin = NULL;
    ck_assert_ptr_eq(origin_mark(&origin, &batch).messages, &message);
    close_all();
}
END_TEST

START_TEST(what_is_not_of_here_is_of_nobody)
{
    struct origin other;
    const struct message message = { .body = "x\r\n", .body_size = 1 };
    const struct batch batch = { .messages = &message, .count = 1, .origin = &sessions[0] };
    open_all();
    origin_init(&other);
    struct batch marked = origin_mark(&other, &batch);
    ck_assert_ptr_null(origin_of(&origin, &broker, head_of(marked.messages)));
    ck_assert_ptr_null(origin_of(&origin, &broker, slice_make(NULL, 0)));
    ck_assert_ptr_null(origin_of(&origin, &broker, slice_of("NATS/1.0\r\nPosthorn-Origin: x\r\n\r\n")));
    marked = origin_mark(&origin, &batch);
    sessions[0].connection = 99; /* it has gone, and nobody else has its number */
    ck_assert_ptr_null(origin_of(&origin, &broker, head_of(marked.messages)));
    origin_finish(&other);
    close_all();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_marked_message_is_known_again, who_wants_an_echo_is_left_alone, what_is_not_of_here_is_of_nobody, NULL,
    };
    return unit_run("origin", tests);
}
