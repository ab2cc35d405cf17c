/*
 * Readers of a stream, whose sockets are the test's: who gets what, in which order, and what gaps he is told of.
 */
#include "feed/feed.h"

#include <stdlib.h>

#include "../store/sim.h"
#include "../stream/kit.h"
#include "../unit.h"
#include "core/topic.h"
#include "stream/state.h"
#include "util/random.h"

enum { ROOM_ALL = 1 << 30, READERS_MAX = 24, LOG_MAX = 60000 };

/* Everything that was published, for comparison. */
static struct {
    char topic[LOG_MAX][8];
    uint64_t count;
} history;

static uint64_t wall_ms;

static uint64_t host_wall_ms(void *arg)
{
    (void)arg;
    return wall_ms;
}

static void host_wake(void *arg)
{
    (void)arg;
}

static const struct feed_host host = { NULL, host_wall_ms, host_wake };

/* A client: takes `room` bytes at a time, and reads its events as NDJSON. */
struct client {
    struct feed_reader reader; /* first */
    const char *patterns;
    size_t room;
    bool is_open, has_ended;
    char *text;                /* what has come */
    size_t text_size, text_room, read_size;
    uint64_t seen;             /* up to here it has seen, or been told of a gap */
    uint64_t event_count, gap_count;
};

static void text_append(struct client *client, const char *data, size_t size)
{
    while (client->text_size + size > client->text_room)
        client->text = realloc(client->text, client->text_room = client->text_room ? 2 * client->text_room : 4096);
    if (size)
        memcpy(client->text + client->text_size, data, size);
    client->text_size += size;
}

static size_t client_send(struct feed_reader *reader, const char *data, size_t size)
{
    struct client *client = (struct client *)reader;
    size_t taken = size < client->room ? size : client->room;
    text_append(client, data, taken);
    client->room -= taken;
    return taken;
}

static void client_keep(struct feed_reader *reader, const char *data, size_t size)
{
    text_append((struct client *)reader, data, size);
}

/* Nothing that the client has not seen may be missing on either side of the gap. */
static void client_read(struct client *client);

static void client_gap(struct feed_reader *reader, struct cursor from, struct cursor to)
{
    struct client *client = (struct client *)reader;
    client_read(client);
    client->gap_count++;
    if (from.epoch != to.epoch) {
        client->seen = to.sequence;
        return;
    }
    unit_assert(from.sequence >= client->seen && to.sequence > from.sequence);
    for (uint64_t sequence = client->seen + 1; sequence <= from.sequence; sequence++)
        unit_assert(!patterns_match(slice_of(client->patterns), slice_of(history.topic[sequence])));
    client->seen = to.sequence;
}

static void client_ended(struct feed_reader *reader)
{
    feed_reader_close(reader);
    ((struct client *)reader)->has_ended = true;
}

static const struct feed_reader_ops client_ops = { client_send, client_keep, client_gap, client_ended };

/* Every event is the next of the history that the patterns name. */
static void client_read(struct client *client)
{
    for (;;) {
        char *line = client->text + client->read_size;
        size_t left = client->text_size - client->read_size;
        char *end = left ? memchr(line, '\n', left) : NULL;
        if (!end)
            return;
        *end = '\0';
        const char *seq = strstr(line, "\"seq\":");
        unit_assert(seq);
        uint64_t sequence = strtoull(seq + 6, NULL, 10);
        for (uint64_t i = client->seen + 1; i < sequence; i++)
            unit_assert(!patterns_match(slice_of(client->patterns), slice_of(history.topic[i])));
        unit_assert(sequence > client->seen);
        unit_assert(patterns_match(slice_of(client->patterns), slice_of(history.topic[sequence])));
        client->seen = sequence;
        client->event_count++;
        client->read_size += (size_t)(end + 1 - line);
    }
}

static struct feed *feed_of(struct stream *stream)
{
    struct feed *feed = feed_create(stream, &host, 7);
    ck_assert_ptr_nonnull(feed);
    return feed;
}

static struct stream *stream_of(uint64_t messages_max)
{
    const struct stream_limits limits = { .bytes_max = 8 << 20, .messages_max = messages_max };
    struct stream *stream = stream_create("recent", &limits);
    ck_assert_ptr_nonnull(stream);
    history.count = 0;
    wall_ms = 1;
    return stream;
}

static void publish(struct stream *stream, struct feed *feed, const char *topic, size_t size)
{
    static char body[8 << 10];
    memset(body, 'x', size);
    memcpy(body + size, "\r\n", 2);
    const struct message message = { .body = body, .body_size = (uint32_t)size };
    const struct batch batch = { .topic = slice_of(topic), .messages = &message, .count = 1 };
    ck_assert_uint_eq(stream_append(stream, &batch, wall_ms, feed_watch(feed)), 1);
    strcpy(history.topic[++history.count], topic);
}

static void client_open(struct client *client, struct feed *feed, const char *patterns, uint64_t after)
{
    static const struct feed_format lines = { .shape = FEED_LINES };
    *client = (struct client){ .patterns = patterns, .room = ROOM_ALL, .is_open = true, .seen = after };
    ck_assert_int_eq(feed_reader_open(feed, &client->reader, &client_ops, slice_of(patterns), lines,
                                      (struct cursor){ stream_epoch(feed_stream(feed)), after }), 0);
}

static void client_close(struct client *client)
{
    feed_reader_close(&client->reader);
    free(client->text);
    *client = (struct client){ .is_open = false };
}

static void run(struct feed *feed)
{
    for (unsigned i = 0; feed_run(feed); i++)
        ck_assert_uint_lt(i, 1000000);
}

/* It has seen everything there is for it. */
static void expect_all(struct client *client)
{
    client_read(client);
    ck_assert_uint_eq(client->read_size, client->text_size);
    for (uint64_t i = client->seen + 1; i <= history.count; i++)
        unit_assert(!patterns_match(slice_of(client->patterns), slice_of(history.topic[i])));
}

START_TEST(a_reader_gets_what_its_patterns_name)
{
    struct stream *stream = stream_of(0);
    struct feed *feed = feed_of(stream);
    struct client client;
    client_open(&client, feed, "a.*,b", 0);
    publish(stream, feed, "a.x", 10);
    publish(stream, feed, "c", 10);
    publish(stream, feed, "b", 10);
    run(feed);
    expect_all(&client);
    ck_assert_uint_eq(client.event_count, 2);
    client_close(&client);
    feed_destroy(feed);
    stream_destroy(stream);
}
END_TEST

START_TEST(two_patterns_that_name_a_topic_bring_it_once)
{
    struct stream *stream = stream_of(0);
    struct feed *feed = feed_of(stream);
    struct client client;
    client_open(&client, feed, "a.*,a.x,>", 0);
    run(feed);
    publish(stream, feed, "a.x", 10);
    run(feed);
    expect_all(&client);
    ck_assert_uint_eq(client.event_count, 1);
    client_close(&client);
    feed_destroy(feed);
    stream_destroy(stream);
}
END_TEST

START_TEST(history_comes_before_what_is_new)
{
    struct stream *stream = stream_of(0);
    struct feed *feed = feed_of(stream);
    struct client client;
    for (unsigned i = 0; i < 5000; i++)
        publish(stream, feed, i % 3 ? "a" : "b", 100);
    client_open(&client, feed, "a", 1000);
    feed_run(feed);
    publish(stream, feed, "a", 100);
    run(feed);
    expect_all(&client);
    ck_assert_uint_eq(client.gap_count, 0);
    client_close(&client);
    feed_destroy(feed);
    stream_destroy(stream);
}
END_TEST

START_TEST(what_has_been_dropped_is_a_gap)
{
    struct stream *stream = stream_of(10);
    struct feed *feed = feed_of(stream);
    struct client client;
    for (unsigned i = 0; i < 100; i++)
        publish(stream, feed, "a", 10);
    client_open(&client, feed, "a", 50);
    run(feed);
    expect_all(&client);
    ck_assert_uint_eq(client.gap_count, 1);
    ck_assert_uint_eq(client.event_count, 10);
    client_close(&client);
    feed_destroy(feed);
    stream_destroy(stream);
}
END_TEST

START_TEST(another_life_of_the_stream_is_a_gap)
{
    static const struct feed_format lines = { .shape = FEED_LINES };
    struct stream *stream = stream_of(0);
    struct feed *feed = feed_of(stream);
    struct client client = { .patterns = "a", .room = ROOM_ALL };
    publish(stream, feed, "a", 10);
    ck_assert_int_eq(feed_reader_open(feed, &client.reader, &client_ops, slice_of("a"), lines,
                                      (struct cursor){ stream_epoch(stream) + 1, 0 }), 0);
    run(feed);
    expect_all(&client);
    ck_assert_uint_eq(client.gap_count, 1);
    ck_assert_uint_eq(client.event_count, 1);
    client_close(&client);
    feed_destroy(feed);
    stream_destroy(stream);
}
END_TEST

START_TEST(a_reader_that_takes_nothing_holds_nothing)
{
    struct stream *stream = stream_of(0);
    struct feed *feed = feed_of(stream);
    struct client slow, quick;
    struct feed_stats stats;
    client_open(&slow, feed, "a", 0);
    client_open(&quick, feed, "a", 0);
    run(feed);
    slow.room = 150;
    for (unsigned i = 0; i < 3000; i++) {
        publish(stream, feed, "a", 1000);
        run(feed);
    }
    feed_get_stats(feed, &stats);
    ck_assert_uint_eq(stats.byte_count, 0);
    ck_assert_uint_lt(slow.text_size, 2000); /* what it took, and the rest of one event */
    expect_all(&quick);
    ck_assert(feed_reader_is_kept(&slow.reader));
    slow.room = ROOM_ALL;
    feed_reader_resume(&slow.reader);
    run(feed);
    expect_all(&slow);
    ck_assert_uint_eq(slow.event_count, 3000);
    client_close(&slow);
    client_close(&quick);
    feed_destroy(feed);
    stream_destroy(stream);
}
END_TEST

START_TEST(one_send_brings_all_that_is_new)
{
    struct stream *stream = stream_of(0);
    struct feed *feed = feed_of(stream);
    struct client client;
    client_open(&client, feed, "a", 0);
    run(feed);
    for (unsigned i = 0; i < 50; i++)
        publish(stream, feed, "a", 10);
    client.room = ROOM_ALL;
    feed_run(feed);
    client_read(&client);
    ck_assert_uint_eq(client.event_count, 50);
    client_close(&client);
    feed_destroy(feed);
    stream_destroy(stream);
}
END_TEST

static unsigned ready_count;

static void on_ready(struct feed_waiter *waiter)
{
    (void)waiter;
    ready_count++;
}

START_TEST(a_waiter_is_told_once)
{
    struct stream *stream = stream_of(0);
    struct feed *feed = feed_of(stream);
    struct feed_waiter waiter;
    ready_count = 0;
    ck_assert_int_eq(feed_waiter_open(feed, &waiter, on_ready, slice_of("a.>"), 0), 0);
    run(feed);
    publish(stream, feed, "b", 10);
    run(feed);
    ck_assert_uint_eq(ready_count, 0);
    publish(stream, feed, "a.b", 10);
    publish(stream, feed, "a.c", 10);
    run(feed);
    ck_assert_uint_eq(ready_count, 1);
    feed_waiter_close(&waiter);
    feed_destroy(feed);
    stream_destroy(stream);
}
END_TEST

START_TEST(a_waiter_that_missed_something_is_told_at_once)
{
    struct stream *stream = stream_of(0);
    struct feed *feed = feed_of(stream);
    struct feed_waiter waiter;
    ready_count = 0;
    publish(stream, feed, "a", 10); /* after it has read up to 0 */
    ck_assert_int_eq(feed_waiter_open(feed, &waiter, on_ready, slice_of("a"), 0), 0);
    run(feed);
    ck_assert_uint_eq(ready_count, 1);
    feed_destroy(feed);
    stream_destroy(stream);
}
END_TEST

static bool take_some(void *arg, const struct stream_message *message)
{
    unsigned *left = arg;
    (void)message;
    return *left && (*left)--;
}

START_TEST(a_scan_stops_where_it_is_told)
{
    struct stream *stream = stream_of(0);
    struct feed *feed = feed_of(stream);
    unsigned left = 3;
    for (unsigned i = 0; i < 10; i++)
        publish(stream, feed, i % 2 ? "a" : "b", 10); /* "a" is 2, 4, 6, 8, 10 */
    struct feed_scan scan = { .patterns = slice_of("a"), .at = { stream_epoch(stream), 0 } };
    ck_assert_int_eq(feed_scan(feed, &scan, take_some, &left), FEED_SCAN_STOPPED);
    ck_assert_uint_eq(scan.at.sequence, 6);
    left = 10;
    ck_assert_int_eq(feed_scan(feed, &scan, take_some, &left), FEED_SCAN_DONE);
    ck_assert_uint_eq(scan.at.sequence, 10);
    ck_assert_uint_eq(left, 8);
    ck_assert(!scan.gap);
    feed_destroy(feed);
    stream_destroy(stream);
}
END_TEST

START_TEST(a_reader_begins_at_a_time)
{
    struct stream *stream = stream_of(0);
    struct feed *feed = feed_of(stream);
    struct client client;
    for (unsigned i = 0; i < 100; i++) {
        wall_ms = 1000 + i;
        publish(stream, feed, "a", 10);
    }
    client_open(&client, feed, "a", 0); /* as where only spans are known */
    client.reader.from_ms = 1090;
    client.seen = 90;
    wall_ms = 1050; /* the clock has been set back: what comes from now on is new all the same */
    run(feed);
    publish(stream, feed, "a", 10);
    run(feed);
    expect_all(&client);
    ck_assert_uint_eq(client.event_count, 11);
    client_close(&client);
    feed_destroy(feed);
    stream_destroy(stream);
}
END_TEST

START_TEST(a_scan_begins_at_a_time)
{
    struct stream *stream = stream_of(0);
    struct feed *feed = feed_of(stream);
    unsigned left = 100;
    for (unsigned i = 0; i < 10; i++) {
        wall_ms = 1000 + i;
        publish(stream, feed, "a", 10);
    }
    struct feed_scan scan = { .patterns = slice_of("a"), .at = { stream_epoch(stream), 0 }, .from_ms = 1007 };
    ck_assert_int_eq(feed_scan(feed, &scan, take_some, &left), FEED_SCAN_DONE);
    ck_assert_uint_eq(left, 97);
    feed_destroy(feed);
    stream_destroy(stream);
}
END_TEST

START_TEST(with_the_stream_everybody_ends)
{
    struct stream *stream = stream_of(0);
    struct feed *feed = feed_of(stream);
    struct client standing, catching, blocked;
    struct feed_waiter waiter;
    client_open(&standing, feed, "a", 0);
    client_open(&blocked, feed, "a", 0);
    run(feed);
    blocked.room = 3;
    publish(stream, feed, "a", 10);
    run(feed);
    client_open(&catching, feed, "a", 0);
    ready_count = 0;
    ck_assert_int_eq(feed_waiter_open(feed, &waiter, on_ready, slice_of("b"), stream_last(stream)), 0);
    feed_end(feed);
    ck_assert(standing.has_ended && catching.has_ended && blocked.has_ended);
    ck_assert_uint_eq(ready_count, 1);
    ck_assert(feed_is_ended(feed));
    free(standing.text);
    free(catching.text);
    free(blocked.text);
    feed_destroy(feed);
    stream_destroy(stream);
}
END_TEST

/* A stream in files of which little is in memory; the test is the engine's threads. */

static struct {
    struct sim *sim;
    struct stream_engine *engine;
} disk;

static struct stream *stream_on_disk(void)
{
    disk.sim = sim_create(1);
    const struct stream_engine_options options = {
        .files = sim_files(disk.sim), .directory = "data", .segment_size = 1 << 20, .cache_size = 1,
    };
    ck_assert_int_eq(stream_engine_create(&options, &disk.engine), 0);
    history.count = 0;
    wall_ms = 1;
    return kit_open(disk.engine, "{\"name\":\"S\",\"subjects\":[\">\"]}");
}

static void leave_disk(struct stream *stream)
{
    stream_destroy(stream);
    stream_engine_destroy(disk.engine);
    sim_destroy(disk.sim);
}

static void publish_many(struct stream *stream, struct feed *feed)
{
    for (unsigned i = 0; i < 300; i++)
        publish(stream, feed, i % 3 ? "a" : "b", 8000);
    kit_settle(stream);
}

/* As often as something is fetched there is something to do, and not oftener. Returns how often. */
static unsigned run_with_fetches(struct stream *stream, struct feed *feed)
{
    unsigned fetches = 0;
    for (;;) {
        uint64_t arrivals = stream_arrivals(stream);
        run(feed);
        ck_assert(!feed_run(feed));
        stream_fetch(stream, 1);
        if (stream_arrivals(stream) == arrivals)
            return fetches;
        fetches++;
    }
}

START_TEST(a_reader_rests_until_what_it_wants_is_fetched)
{
    struct stream *stream = stream_on_disk();
    struct feed *feed = feed_of(stream);
    struct client client;
    struct feed_stats stats;
    publish_many(stream, feed);
    client_open(&client, feed, "a", 0);
    run(feed);
    client_read(&client);
    ck_assert_uint_eq(client.event_count, 0);
    feed_get_stats(feed, &stats);
    ck_assert_uint_eq(stats.behind_count, 1);
    ck_assert_uint_gt(run_with_fetches(stream, feed), 2);
    expect_all(&client);
    ck_assert_uint_eq(client.event_count, 200);
    ck_assert_uint_eq(client.gap_count, 0);
    client_close(&client);
    feed_destroy(feed);
    leave_disk(stream);
}
END_TEST

START_TEST(a_reader_may_go_while_it_rests)
{
    struct stream *stream = stream_on_disk();
    struct feed *feed = feed_of(stream);
    struct client client;
    publish_many(stream, feed);
    client_open(&client, feed, "a", 0);
    run(feed);
    client_close(&client);
    run_with_fetches(stream, feed);
    feed_destroy(feed);
    leave_disk(stream);
}
END_TEST

START_TEST(the_tail_passes_nothing_that_is_on_disk)
{
    struct stream *stream = stream_on_disk();
    struct feed *feed = feed_of(stream);
    struct client client;
    client_open(&client, feed, "b", 0);
    run(feed);
    publish_many(stream, feed); /* more than stays in memory, before the tail looks */
    run_with_fetches(stream, feed);
    publish_many(stream, feed);
    run_with_fetches(stream, feed);
    expect_all(&client);
    ck_assert_uint_eq(client.event_count, 200);
    ck_assert_uint_eq(client.gap_count, 0);
    client_close(&client);
    feed_destroy(feed);
    leave_disk(stream);
}
END_TEST

START_TEST(a_scan_waits_for_what_is_on_disk)
{
    struct stream *stream = stream_on_disk();
    struct feed *feed = feed_of(stream);
    struct feed_waiter waiter;
    unsigned left = 1000, waits = 0;
    enum feed_scan_end end;
    publish_many(stream, feed);
    struct feed_scan scan = { .patterns = slice_of("a"), .at = { stream_epoch(stream), 0 } };
    while ((end = feed_scan(feed, &scan, take_some, &left)) == FEED_SCAN_AWAY) {
        ready_count = 0;
        feed_waiter_away(feed, &waiter, on_ready);
        run(feed);
        ck_assert_uint_eq(ready_count, 0);
        stream_fetch(stream, 1);
        run(feed);
        ck_assert_uint_eq(ready_count, 1);
        waits++;
    }
    ck_assert_int_eq(end, FEED_SCAN_DONE);
    ck_assert_uint_eq(left, 800);
    ck_assert_uint_gt(waits, 2);
    ck_assert(!scan.gap);
    feed_waiter_away(feed, &waiter, on_ready);
    feed_waiter_close(&waiter);
    run(feed);
    feed_destroy(feed);
    leave_disk(stream);
}
END_TEST

/* Readers come, stall, resume and go at random while messages are published and forgotten. */

static const char *const topics[] = { "a", "b", "c.d", "c.e" };
static const char *const pattern_lists[] = { "a", "b", "c.*", ">", "a,b", "c.d,c.>", "nothing" };

static void step_client(struct random *random, struct feed *feed, struct client *client)
{
    unsigned what = random_below(random, 10);
    if (!client->is_open) {
        client_open(client, feed, pattern_lists[random_below(random, 7)],
                    random_below(random, (uint32_t)history.count + 1));
    } else if (what == 0) {
        client_close(client);
    } else if (what < 4) {
        client->room = random_below(random, 400);
    } else {
        client->room = ROOM_ALL;
        feed_reader_resume(&client->reader);
    }
}

START_TEST(readers_see_all_or_are_told)
{
    uint64_t seed = unit_seed("readers_see_all_or_are_told");
    struct random random;
    random_init(&random, seed);
    struct stream *stream = stream_of(500);
    struct feed *feed = feed_of(stream);
    static struct client clients[READERS_MAX];
    uint64_t gap_count = 0;
    while (history.count < LOG_MAX - 100) {
        unsigned burst = random_below(&random, random_below(&random, 50) ? 4 : 99);
        for (unsigned i = 0; i < burst; i++)
            publish(stream, feed, topics[random_below(&random, 4)], random_below(&random, 300));
        step_client(&random, feed, &clients[random_below(&random, READERS_MAX)]);
        for (unsigned i = random_below(&random, 3); i > 0; i--)
            feed_run(feed);
        for (unsigned i = 0; i < READERS_MAX; i++)
            if (clients[i].is_open)
                client_read(&clients[i]);
        wall_ms += 5;
    }
    for (unsigned i = 0; i < READERS_MAX; i++)
        if (clients[i].is_open) {
            clients[i].room = ROOM_ALL;
            feed_reader_resume(&clients[i].reader);
        }
    run(feed);
    for (unsigned i = 0; i < READERS_MAX; i++)
        if (clients[i].is_open) {
            expect_all(&clients[i]);
            gap_count += clients[i].gap_count;
            client_close(&clients[i]);
        }
    ck_assert_uint_gt(gap_count, 0); /* or this would have tried nothing */
    feed_destroy(feed);
    stream_destroy(stream);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_reader_gets_what_its_patterns_name,
        two_patterns_that_name_a_topic_bring_it_once,
        history_comes_before_what_is_new,
        what_has_been_dropped_is_a_gap,
        another_life_of_the_stream_is_a_gap,
        a_reader_that_takes_nothing_holds_nothing,
        one_send_brings_all_that_is_new,
        a_waiter_is_told_once,
        a_waiter_that_missed_something_is_told_at_once,
        a_scan_stops_where_it_is_told,
        a_reader_begins_at_a_time,
        a_scan_begins_at_a_time,
        with_the_stream_everybody_ends,
        a_reader_rests_until_what_it_wants_is_fetched,
        a_reader_may_go_while_it_rests,
        the_tail_passes_nothing_that_is_on_disk,
        a_scan_waits_for_what_is_on_disk,
        readers_see_all_or_are_told,
        NULL,
    };
    return unit_run("feed", tests);
}
