/* What the spool sends, when it sends it again, and what becomes of it: against a broker that says what a script tells
 * it to. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../stream/kit.h"
#include "../unit.h"
#include "side.h"

#define ERROR(codes, words) "{\"error\":{" codes ",\"description\":\"" words "\"},\"stream\":\"S\",\"seq\":0}"
#define FULL ERROR("\"code\":503,\"err_code\":10077", "maximum messages exceeded")
#define BEHIND ERROR("\"code\":503,\"err_code\":19001", "behind")
#define TOO_LARGE ERROR("\"code\":400,\"err_code\":10054", "too \\\"large\\\"")
#define KEPT "{\"stream\":\"S\", \"seq\":1}"

static struct peer peer;
static struct side side;

/* The broker. */

static char sid[32];
static char reply[8][128]; /* of the messages of these sequences, as they came last */

static uint64_t train_of(unsigned sequence)
{
    const char *dot = strchr(reply[sequence] + strlen("$POSTHORN.ACK.TRAIN."), '.');
    return strtoull(dot + 1, NULL, 10);
}

static void take(unsigned sequence)
{
    char end[32], payload[16];
    peer_expect(&peer, "HPUB s.a $POSTHORN.ACK.TRAIN.");
    ck_assert_int_eq(sscanf(peer.line, "HPUB s.a %127s", reply[sequence]), 1);
    snprintf(end, sizeof end, ".%u", sequence);
    ck_assert_str_eq(strrchr(reply[sequence], '.'), end);
    peer_expect_line(&peer, "NATS/1.0");
    peer_expect(&peer, "Nats-Msg-Id: side.");
    ck_assert_str_eq(strrchr(peer.line, '.'), end);
    peer_expect_line(&peer, "");
    snprintf(payload, sizeof payload, "m%u", sequence);
    peer_expect_line(&peer, payload);
}

static void take_all(unsigned first, unsigned last)
{
    for (unsigned sequence = first; sequence <= last; sequence++)
        take(sequence);
}

static void answer(unsigned sequence, const char *text)
{
    char line[512];
    snprintf(line, sizeof line, "MSG %s %s %zu\r\n%s\r\n", reply[sequence], sid, strlen(text), text);
    peer_say(&peer, line);
}

/* A connection, and where answers are awaited. */
static void greet(void)
{
    char pattern[128];
    peer_greet(&peer);
    peer_expect(&peer, "SUB $POSTHORN.ACK.TRAIN.");
    ck_assert_int_eq(sscanf(peer.line, "SUB %127s %31s", pattern, sid), 2);
    ck_assert_str_eq(pattern + strlen(pattern) - 4, ".*.*");
}

/* The application. */

static void publish(unsigned first, unsigned last)
{
    char payload[16];
    for (unsigned sequence = first; sequence <= last; sequence++) {
        snprintf(payload, sizeof payload, "m%u", sequence);
        ck_assert_uint_eq(kit_publish(side.kept, "s.a", payload, NULL, 0).sequence, sequence);
    }
}

static void open_all(peer_script *script, const char *options)
{
    peer_open(&peer, script);
    side_open(&side, &peer, options, true);
}

static struct spool_state close_all(void)
{
    struct spool_state state;
    spool_get_state(side.spool, &state);
    side_close(&side);
    peer_close(&peer);
    return state;
}

/* Of one message that was refused. */
static void expect_buried(unsigned sequence, const char *why)
{
    struct stream_run run;
    struct stream_message message;
    char payload[16];
    snprintf(payload, sizeof payload, "m%u", sequence);
    ck_assert_uint_eq(stream_last(side.refused), 1);
    ck_assert_int_eq(stream_read_at(side.refused, 1, &run), STREAM_FOUND);
    ck_assert(stream_run_next(&run, &message));
    ck_assert(slice_is(message.topic, "$REFUSED.s.a"));
    ck_assert(slice_is(message.payload, payload));
    ck_assert_ptr_nonnull(memmem(message.head.data, message.head.size, why, strlen(why)));
    stream_release(&run);
}

/* Taken, in one answer or in several. */

static void take_three(struct peer *unused)
{
    (void)unused;
    greet();
    take_all(1, 3);
    ck_assert_uint_eq(train_of(1), train_of(3));
    answer(2, KEPT);
    answer(1, KEPT);
    answer(3, "{\"delivered\":true}");
    peer_line(&peer);
}

static bool is_remembered(struct side *at)
{
    return stream_remembered(at->kept) > 0;
}

START_TEST(what_the_broker_has_is_taken_out)
{
    open_all(take_three, "");
    publish(1, 3);
    side_run(&side, side_has_sent_all);
    side_run(&side, is_remembered); /* no power cut brings it back */
    const struct spool_state state = close_all();
    ck_assert_uint_eq(state.taken_count, 3);
    ck_assert_uint_eq(state.sent_count, 3);
    ck_assert_uint_eq(state.in_flight, 0);
}
END_TEST

static void answer_for_three(struct peer *unused)
{
    (void)unused;
    greet();
    take_all(1, 3);
    answer(3, "{\"stream\":\"S\", \"seq\":9,\"run\":3}");
    peer_line(&peer);
}

static char told[256];

static void on_told(struct outlet_waiter *waiter, struct slice words)
{
    size_t size = strlen(told);
    snprintf(told + size, sizeof told - size, "%" PRIu64 ":%.*s;", waiter->sequence, SLICE_ARGS(words));
}

START_TEST(who_waits_is_told_whatever_answer_it_is_in)
{
    struct outlet_waiter waiters[3] = { { .told = on_told }, { .told = on_told }, { .told = on_told } };
    open_all(answer_for_three, "");
    publish(1, 3);
    told[0] = '\0';
    ck_assert(spool_wait(side.spool, &waiters[0], 3));
    ck_assert(spool_wait(side.spool, &waiters[1], 2)); /* of a duplicate, behind those that came later */
    ck_assert(spool_wait(side.spool, &waiters[2], 3));
    spool_unwait(side.spool, &waiters[2]);
    spool_unwait(side.spool, &waiters[2]);
    side_run(&side, side_has_sent_all);
    ck_assert_str_eq(told, "2:{\"stream\":\"S\", \"seq\":8};3:{\"stream\":\"S\", \"seq\":9};");
    ck_assert(!spool_wait(side.spool, &waiters[2], 3));
    close_all();
}
END_TEST

/* Not now. */

static void refuse_the_second_for_now(struct peer *unused)
{
    (void)unused;
    greet();
    take_all(1, 4);
    uint64_t train = train_of(4);
    answer(1, KEPT);
    answer(3, BEHIND);
    answer(2, FULL);
    answer(4, BEHIND);
    take(2); /* one at first */
    ck_assert_uint_gt(train_of(2), train);
    train = train_of(2);
    answer(2, FULL);
    take(2);
    ck_assert_uint_gt(train_of(2), train);
    answer(2, KEPT);
    take_all(3, 4);
    ck_assert_uint_eq(train_of(4), train_of(2));
    answer(3, KEPT);
    answer(4, KEPT);
    peer_line(&peer);
}

START_TEST(what_is_refused_for_now_comes_again_before_all_behind_it_and_by_another_train)
{
    open_all(refuse_the_second_for_now, "");
    publish(1, 4);
    side_run(&side, side_has_sent_all);
    const struct spool_state state = close_all();
    ck_assert_uint_eq(state.taken_count, 4);
    ck_assert_uint_eq(state.repeated_count, 4);
}
END_TEST

/* For good. */

static void refuse_the_second_for_good(struct peer *unused)
{
    (void)unused;
    greet();
    take_all(1, 3);
    answer(2, TOO_LARGE);
    answer(1, KEPT);
    answer(3, KEPT);
    peer_line(&peer);
}

START_TEST(what_is_refused_for_good_is_buried_and_the_others_go_on)
{
    struct outlet_waiter waiter = { .told = on_told };
    open_all(refuse_the_second_for_good, "");
    publish(1, 3);
    told[0] = '\0';
    ck_assert(spool_wait(side.spool, &waiter, 2));
    side_run(&side, side_has_sent_all);
    expect_buried(2, "Posthorn-Refused: too \"large\"");
    ck_assert_str_eq(told, "2:" TOO_LARGE ";");
    const struct spool_state state = close_all();
    ck_assert_uint_eq(state.refused_count, 1);
    ck_assert_uint_eq(state.taken_count, 2);
}
END_TEST

/* Breaks and silence. */

static void hang_up_in_the_middle(struct peer *unused)
{
    char first[128];
    (void)unused;
    greet();
    take_all(1, 3);
    snprintf(first, sizeof first, "%s", reply[1]);
    answer(1, KEPT);
    answer(3, KEPT);
    answer(3, KEPT);
    peer_expect(&peer, "HPUB s.a "); /* they have been heard, since this was published behind them */
    peer_hang_up(&peer);
    greet();
    take(2);
    take(4);
    snprintf(reply[1], sizeof reply[1], "%s", first);
    answer(1, FULL); /* to what was sent by the connection before: nobody asks */
    answer(2, KEPT);
    answer(4, KEPT);
    peer_line(&peer);
}

static bool has_taken_two(struct side *of)
{
    struct spool_state state;
    spool_get_state(of->spool, &state);
    return state.taken_count == 2;
}

START_TEST(after_a_break_what_has_no_answer_goes_again_with_the_same_id)
{
    open_all(hang_up_in_the_middle, "");
    publish(1, 3);
    side_run(&side, has_taken_two);
    publish(4, 4);
    side_run(&side, side_has_sent_all);
    const struct spool_state state = close_all();
    ck_assert_uint_eq(state.taken_count, 4);
    ck_assert_uint_eq(state.repeated_count, 0);
}
END_TEST

static void say_nothing(struct peer *unused)
{
    char first[2][128];
    (void)unused;
    greet();
    take_all(1, 2);
    uint64_t train = train_of(1);
    memcpy(first[0], reply[1], sizeof first[0]);
    memcpy(first[1], reply[2], sizeof first[1]);
    take_all(1, 2);
    ck_assert_uint_gt(train_of(1), train);
    memcpy(reply[1], first[0], sizeof first[0]);
    answer(1, KEPT); /* late: it has it all the same */
    memcpy(reply[2], first[1], sizeof first[1]);
    answer(2, FULL); /* late: it has been sent once more */
    take(2);
    answer(2, KEPT);
    while (peer_line(&peer))
        ;
}

START_TEST(where_the_broker_says_nothing_all_goes_again)
{
    open_all(say_nothing, "answer_timeout = 200ms");
    publish(1, 2);
    side_run(&side, side_has_sent_all);
    const struct spool_state state = close_all();
    ck_assert_uint_eq(state.taken_count, 2);
    ck_assert_uint_eq(state.repeated_count, 0);
}
END_TEST

/* What the broker cannot bear. */

static void break_at_the_third(struct peer *unused)
{
    static const char error[] = "-ERR 'maximum control line exceeded'\r\n";
    (void)unused;
    greet();
    take_all(1, 4);
    peer_say(&peer, error);
    peer_hang_up(&peer);
    greet();
    take(1);
    answer(1, KEPT);
    take_all(2, 3);
    answer(2, KEPT);
    for (unsigned i = 0; i < 3; i++) { /* with another, and twice alone */
        peer_say(&peer, error);
        peer_hang_up(&peer);
        greet();
        if (i < 2)
            take(3);
    }
    take(4);
    answer(4, KEPT);
    peer_line(&peer);
}

START_TEST(what_breaks_the_connection_twice_when_alone_is_buried)
{
    open_all(break_at_the_third, "");
    publish(1, 4);
    side_run(&side, side_has_sent_all);
    expect_buried(3, "maximum control line exceeded\r\n");
    const struct spool_state state = close_all();
    ck_assert_uint_eq(state.taken_count, 3);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_the_broker_has_is_taken_out,
        who_waits_is_told_whatever_answer_it_is_in,
        what_is_refused_for_now_comes_again_before_all_behind_it_and_by_another_train,
        what_is_refused_for_good_is_buried_and_the_others_go_on,
        after_a_break_what_has_no_answer_goes_again_with_the_same_id,
        where_the_broker_says_nothing_all_goes_again,
        what_breaks_the_connection_twice_when_alone_is_buried,
        NULL,
    };
    return unit_run("spool", tests);
}
