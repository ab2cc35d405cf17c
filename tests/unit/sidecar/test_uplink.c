/* The connection to the broker, and the trunks by which messages come in, against a broker that says what a script
 * tells it to. */
#include <errno.h>
#include <stdio.h>

#include "../core/stub.h"
#include "../unit.h"
#include "side.h"

static struct peer peer;
static struct side side;

static void open_all(peer_script *script)
{
    peer_open(&peer, script);
    side_open(&side, &peer, "", false);
}

static void close_all(void)
{
    side_close(&side);
    peer_close(&peer);
}

static int publish(const char *topic, const char *reply)
{
    const struct message message = { .body = "x\r\n", .body_size = 1, .reply = reply,
                                     .reply_size = (uint32_t)strlen(reply) };
    return uplink_publish(side.uplink, slice_of(topic), &message);
}

/* A sink under a pattern and group, of which the uplink is told. */
static void join(struct stub *stub, const char *pattern, const char *group)
{
    stub_init(stub);
    ck_assert_int_eq(router_add(side.broker.router, &stub->sink, slice_of(pattern), slice_of(group)), 0);
    uplink_interest(side.uplink, slice_of(pattern), slice_of(group), 1);
}

static void leave(struct stub *stub, const char *pattern, const char *group)
{
    router_remove(side.broker.router, &stub->sink);
    uplink_interest(side.uplink, slice_of(pattern), slice_of(group), -1);
}

/* Up and down. */

static unsigned up_count, down_count;

static void on_change(struct uplink_watcher *watcher, bool is_up)
{
    (void)watcher;
    up_count += is_up;
    down_count += !is_up;
}

static void come_twice(struct peer *unused)
{
    (void)unused;
    peer_greet(&peer);
    peer_say(&peer, "-ERR 'it is late'\r\n");
    peer_hang_up(&peer);
    peer_greet(&peer);
    peer_line(&peer);
}

static bool has_come_twice(struct side *of)
{
    return uplink_is_up(of->uplink) && up_count == 2;
}

START_TEST(who_watches_is_told_and_why_can_be_asked)
{
    struct uplink_watcher watcher = { .changed = on_change };
    open_all(come_twice);
    uplink_watch(side.uplink, &watcher);
    up_count = down_count = 0;
    ck_assert(!uplink_is_up(side.uplink));
    ck_assert_str_eq(uplink_why(side.uplink), "");
    ck_assert_int_eq(publish("t", ""), -ENOTCONN);
    side_run(&side, has_come_twice);
    ck_assert_uint_eq(down_count, 1);
    ck_assert_ptr_nonnull(strstr(uplink_why(side.uplink), "it is late"));
    ck_assert_uint_eq(uplink_counts(side.uplink).connects, 2);
    uplink_unwatch(&watcher);
    close_all();
    ck_assert_uint_eq(down_count, 1);
}
END_TEST

/* Out. */

static void hear(struct peer *unused)
{
    (void)unused;
    peer_greet(&peer);
    peer_expect_line(&peer, "PUB a.b 1");
    peer_expect_line(&peer, "x");
    peer_expect_line(&peer, "PUB a.b to.me 1");
    peer_expect_line(&peer, "x");
    peer_line(&peer);
}

START_TEST(what_is_published_goes_out_as_it_is)
{
    open_all(hear);
    side_run(&side, side_is_up);
    ck_assert_int_eq(publish("a.b", ""), 0);
    ck_assert_int_eq(publish("a.b", "to.me"), 0);
    ck_assert_uint_eq(uplink_counts(side.uplink).messages_out, 2);
    uplink_turn(side.uplink);
    ck_assert(!uplink_has_output(side.uplink));
    close_all();
}
END_TEST

/* In. */

static struct stub stubs[4];

static void deliver_by_trunks(struct peer *unused)
{
    (void)unused;
    peer_greet(&peer);
    peer_expect(&peer, "SUB a.* ");       /* one for two */
    peer_expect(&peer, "SUB a.* workers "); /* a group is another */
    peer_expect(&peer, "SUB a.b ");
    peer_say(&peer, "MSG a.b 1 1\r\nx\r\nMSG a.b 3 1\r\nx\r\nMSG other.topic 2 1\r\nx\r\n");
    peer_expect(&peer, "UNSUB 1");
    peer_hang_up(&peer);
    peer_greet(&peer);
    peer_expect(&peer, "SUB a.* workers 2");
    peer_expect(&peer, "SUB a.b 3");
    peer_say(&peer, "MSG a.b 3 1\r\nx\r\n");
    peer_line(&peer);
}

static bool has_come(struct side *of)
{
    (void)of;
    return stubs[0].taken && stubs[2].taken && stubs[3].taken;
}

static bool has_come_again(struct side *of)
{
    (void)of;
    return stubs[3].taken == 2;
}

START_TEST(what_comes_by_a_trunk_goes_to_those_under_its_pattern_alone)
{
    open_all(deliver_by_trunks);
    join(&stubs[0], "a.*", "");
    join(&stubs[1], "a.*", "");
    join(&stubs[2], "a.*", "workers");
    join(&stubs[3], "a.b", "");
    ck_assert_uint_eq(uplink_counts(side.uplink).trunk_count, 3);
    side_run(&side, has_come);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_uint_eq(stubs[i].taken, 1);
    ck_assert_uint_eq(uplink_counts(side.uplink).messages_in, 3);
    leave(&stubs[0], "a.*", "");
    ck_assert_uint_eq(uplink_counts(side.uplink).trunk_count, 3);
    leave(&stubs[1], "a.*", "");
    ck_assert_uint_eq(uplink_counts(side.uplink).trunk_count, 2);
    side_run(&side, has_come_again);
    ck_assert_uint_eq(stubs[2].taken, 1);
    leave(&stubs[2], "a.*", "workers");
    leave(&stubs[3], "a.b", "");
    close_all();
}
END_TEST

START_TEST(trunks_are_found_among_very_many)
{
    enum { COUNT = 3000 };
    static struct stub many[COUNT];
    char pattern[32];
    open_all(NULL);
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(pattern, sizeof pattern, "p.%u", i);
        join(&many[i], pattern, "");
    }
    ck_assert_uint_eq(uplink_counts(side.uplink).trunk_count, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(pattern, sizeof pattern, "p.%u", i);
        leave(&many[i], pattern, "");
    }
    ck_assert_uint_eq(uplink_counts(side.uplink).trunk_count, 0);
    uplink_interest(side.uplink, slice_of("never.joined"), slice_make(NULL, 0), -1); /* nothing happens */
    close_all();
}
END_TEST

/* Flushes. */

static unsigned done_count;

static void on_flushed(struct broker_flush *flush)
{
    (void)flush;
    done_count++;
}

static void answer_a_ping(struct peer *unused)
{
    (void)unused;
    peer_greet(&peer);
    peer_expect(&peer, "SUB f ");
    peer_expect_line(&peer, "PING");
    peer_say(&peer, "PONG\r\n");
    peer_expect(&peer, "SUB g ");
    peer_expect_line(&peer, "PING");
    peer_hang_up(&peer);
}

static bool is_done_once(struct side *of)
{
    (void)of;
    return done_count == 1;
}

static bool is_done_twice(struct side *of)
{
    (void)of;
    return done_count == 2;
}

START_TEST(a_flush_waits_for_the_broker_and_for_no_broker_that_has_gone)
{
    struct broker_flush first = { .done = on_flushed }, second = { .done = on_flushed };
    open_all(answer_a_ping);
    done_count = 0;
    ck_assert(!uplink_flush(side.uplink, &first)); /* it is away, and will know */
    side_run(&side, side_is_up);
    join(&stubs[0], "f", "");
    ck_assert(uplink_flush(side.uplink, &first));
    ck_assert_uint_eq(done_count, 0);
    side_run(&side, is_done_once);
    ck_assert(!uplink_flush(side.uplink, &first)); /* nothing has been said since */
    join(&stubs[1], "g", "");
    ck_assert(uplink_flush(side.uplink, &second));
    side_run(&side, is_done_twice);
    leave(&stubs[0], "f", "");
    leave(&stubs[1], "g", "");
    close_all();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        who_watches_is_told_and_why_can_be_asked,
        what_is_published_goes_out_as_it_is,
        what_comes_by_a_trunk_goes_to_those_under_its_pattern_alone,
        trunks_are_found_among_very_many,
        a_flush_waits_for_the_broker_and_for_no_broker_that_has_gone,
        NULL,
    };
    return unit_run("uplink", tests);
}
