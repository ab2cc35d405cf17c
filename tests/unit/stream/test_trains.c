/* What a stream refuses so that the messages of a train stay in order, alone and against a publisher whom a model
 * watches. */
#include "stream/trains.h"

#include <stdio.h>

#include "../unit.h"
#include "kit.h"
#include "util/random.h"

/* The table. */

static enum receipt_verdict enter(struct trains *trains, const char *publisher, uint64_t connection, uint64_t number,
                                  bool stops)
{
    const struct train train = { .publisher = slice_of(publisher), .number = number };
    struct train_entry *entry = NULL;
    enum receipt_verdict verdict = trains_enter(trains, &train, connection, slice_of("user"), &entry);
    if (verdict == RECEIPT_KEPT)
        entry->is_stopped = stops;
    return verdict;
}

START_TEST(what_follows_a_stop_is_behind_until_the_next_train)
{
    struct trains trains = { .count = 0 };
    ck_assert_int_eq(enter(&trains, "p", 1, 7, false), RECEIPT_KEPT);
    ck_assert_int_eq(enter(&trains, "p", 1, 7, true), RECEIPT_KEPT);
    ck_assert_int_eq(enter(&trains, "p", 1, 7, false), RECEIPT_BEHIND);
    ck_assert_int_eq(enter(&trains, "q", 1, 7, false), RECEIPT_KEPT);
    ck_assert_int_eq(enter(&trains, "p", 1, 8, false), RECEIPT_KEPT);
    ck_assert_int_eq(enter(&trains, "p", 1, 8, false), RECEIPT_KEPT);
    trains_finish(&trains);
}
END_TEST

START_TEST(a_later_connection_ends_the_trains_of_earlier_ones)
{
    struct trains trains = { .count = 0 };
    ck_assert_int_eq(enter(&trains, "p", 5, 100, false), RECEIPT_KEPT);
    ck_assert_int_eq(enter(&trains, "p", 6, 1, false), RECEIPT_KEPT);
    ck_assert_int_eq(enter(&trains, "p", 5, 101, false), RECEIPT_BEHIND);
    ck_assert_int_eq(enter(&trains, "p", 6, 1, false), RECEIPT_KEPT);
    ck_assert_int_eq(enter(&trains, "p", 6, 0, false), RECEIPT_BEHIND);
    trains_finish(&trains);
}
END_TEST

START_TEST(nobody_ends_the_trains_of_another_user)
{
    struct trains trains = { .count = 0 };
    const struct train train = { .publisher = slice_of("p"), .number = 1 };
    struct train_entry *mine, *his;
    ck_assert_int_eq(trains_enter(&trains, &train, 1, slice_of("me"), &mine), RECEIPT_KEPT);
    ck_assert_int_eq(trains_enter(&trains, &train, 2, slice_of("him"), &his), RECEIPT_KEPT);
    ck_assert_int_eq(trains_enter(&trains, &train, 1, slice_of("me"), &mine), RECEIPT_KEPT);
    trains_finish(&trains);
}
END_TEST

START_TEST(whoever_was_silent_for_longest_is_forgotten)
{
    struct trains trains = { .count = 0 };
    char name[16];
    for (unsigned i = 0; i < TRAINS_MAX; i++) {
        snprintf(name, sizeof name, "p%u", i);
        ck_assert_int_eq(enter(&trains, name, 9, 1, true), RECEIPT_KEPT);
    }
    ck_assert_int_eq(enter(&trains, "p0", 9, 1, false), RECEIPT_BEHIND);
    ck_assert_int_eq(enter(&trains, "more", 9, 1, false), RECEIPT_KEPT);
    ck_assert_uint_eq(trains.count, TRAINS_MAX);
    ck_assert_int_eq(enter(&trains, "p0", 9, 1, false), RECEIPT_BEHIND);
    ck_assert_int_eq(enter(&trains, "p1", 9, 1, false), RECEIPT_KEPT);
    trains_finish(&trains);
}
END_TEST

/* A stream. */

/* So many messages of a train in one batch, some of them too large for the room there is. Returns how many are kept. */
static unsigned publish(struct stream *stream, uint64_t connection, const char *train, const unsigned *sizes,
                        unsigned count, struct receipt *receipts)
{
    static char body[4096], replies[16][64];
    struct message messages[16];
    for (unsigned i = 0; i < count; i++) {
        int size = snprintf(replies[i], sizeof replies[i], "%s%u", train, i);
        messages[i] = (struct message){ .body = body, .body_size = sizes[i], .reply = replies[i],
                                        .reply_size = (uint32_t)size };
    }
    const struct batch batch = { .topic = slice_of("s"), .messages = messages, .count = count,
                                 .connection = connection, .receipts = receipts };
    return stream_append(stream, &batch, 0, NULL);
}

static struct stream *open_small(void)
{
    return kit_open(NULL, "{\"name\":\"S\",\"subjects\":[\"s\"],\"storage\":\"memory\",\"max_bytes\":2000,"
                          "\"max_msg_size\":1500,\"discard\":\"new\"}");
}

START_TEST(a_stream_keeps_nothing_behind_what_it_refuses_for_now)
{
    static const unsigned sizes[] = { 10, 1600, 1000, 1001, 10, 10 };
    struct stream *stream = open_small();
    struct receipt receipts[6];
    ck_assert_uint_eq(publish(stream, 3, "$POSTHORN.ACK.TRAIN.p.1.", sizes, 6, receipts), 2);
    ck_assert_int_eq(receipts[1].verdict, RECEIPT_TOO_LARGE); /* for good: those behind it go on */
    ck_assert_uint_eq(receipts[2].sequence, 2);
    ck_assert_int_eq(receipts[3].verdict, RECEIPT_TOO_MANY_BYTES);
    ck_assert_int_eq(receipts[4].verdict, RECEIPT_BEHIND);
    ck_assert_int_eq(receipts[5].verdict, RECEIPT_BEHIND);
    ck_assert_uint_eq(publish(stream, 3, "$POSTHORN.ACK.TRAIN.p.1.", sizes, 1, receipts), 0);
    ck_assert_int_eq(receipts[0].verdict, RECEIPT_BEHIND);
    ck_assert_uint_eq(publish(stream, 3, "$POSTHORN.ACK.TRAIN.p.2.", sizes, 1, receipts), 1);
    ck_assert_uint_eq(publish(stream, 3, "$POSTHORN.ACK.p.1.", sizes, 1, receipts), 1); /* that is no train */
    ck_assert_uint_eq(publish(stream, 0, "$POSTHORN.ACK.TRAIN.p.1.", sizes, 1, receipts), 1); /* by no connection */
    stream_destroy(stream);
}
END_TEST

START_TEST(what_goes_by_a_stream_stops_the_train_too)
{
    static const unsigned sizes[] = { 10 };
    static const struct message message = { .body = "x", .body_size = 1, .reply = "$POSTHORN.ACK.TRAIN.p.1.1",
                                            .reply_size = 25 };
    struct stream *stream = open_small();
    struct receipt receipts[1];
    const struct batch batch = { .topic = slice_of("s"), .messages = &message, .count = 1, .connection = 3 };
    stream_stop_trains(stream, &batch);
    ck_assert_uint_eq(publish(stream, 3, "$POSTHORN.ACK.TRAIN.p.1.", sizes, 1, receipts), 0);
    ck_assert_int_eq(receipts[0].verdict, RECEIPT_BEHIND);
    stream_destroy(stream);
}
END_TEST

/* A publisher with many messages on their way, whose connections break and whose stream is full now and then: what is
 * kept, but for what comes twice, is in order. */

enum { NUMBERS = 4000, IN_FLIGHT = 8, CONNECTIONS = 64 };

struct flight {
    unsigned numbers[IN_FLIGHT], count, at; /* on their way, and how far the stream has read */
    uint64_t train;
};

/* The next message of a connection comes to the stream, which keeps it or not. */
static bool read_one(struct stream *stream, struct flight *flight, uint64_t connection, bool is_full)
{
    static const char body[3000];
    char reply[64];
    int size = snprintf(reply, sizeof reply, "$POSTHORN.ACK.TRAIN.p.%d.%u", (int)flight->train, flight->at++);
    const struct message message = { .body = body, .body_size = is_full ? sizeof body : 1, .reply = reply,
                                     .reply_size = (uint32_t)size };
    struct receipt receipt;
    const struct batch batch = { .topic = slice_of("s"), .messages = &message, .count = 1,
                                 .connection = connection, .receipts = &receipt };
    stream_append(stream, &batch, 0, NULL);
    return receipt.sequence != 0;
}

/* All over again, from the oldest that is not answered. */
static void send_anew(struct flight *flight, unsigned done)
{
    flight->train++;
    flight->at = 0;
    for (flight->count = 0; flight->count < IN_FLIGHT; flight->count++)
        flight->numbers[flight->count] = done + 1 + flight->count;
}

START_TEST(what_is_kept_is_in_order_whatever_is_refused_and_whatever_breaks)
{
    static struct flight flights[CONNECTIONS]; /* a broken one goes on being read */
    struct stream *stream = kit_open(NULL, "{\"name\":\"S\",\"subjects\":[\"s\"],\"storage\":\"memory\","
                                           "\"max_bytes\":2500,\"discard\":\"new\"}");
    struct random random;
    unsigned done = 0, current = 1, newest = 0; /* all up to done is answered; newest has been kept */
    random_init(&random, unit_seed("what_is_kept_is_in_order_whatever_is_refused_and_whatever_breaks"));
    while (done < NUMBERS) {
        unsigned back = random_below(&random, 3) ? 0 : random_below(&random, current < 4 ? current : 4);
        struct flight *mine = &flights[current % CONNECTIONS], *flight = &flights[(current - back) % CONNECTIONS];
        if (mine->at == mine->count || random_below(&random, 8) == 0) {
            current += random_below(&random, 2);
            send_anew(&flights[current % CONNECTIONS], done);
            continue;
        }
        if (flight->at == flight->count)
            continue;
        unsigned number = flight->numbers[flight->at];
        if (read_one(stream, flight, current - back, random_below(&random, 6) == 0)) {
            ck_assert_uint_le(number, newest + 1); /* nothing has been left out before it */
            newest = number > newest ? number : newest;
            done += flight == mine && number == done + 1;
        }
        stream_purge(stream, slice_make(NULL, 0), 0, 0);
    }
    stream_destroy(stream);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_follows_a_stop_is_behind_until_the_next_train,
        a_later_connection_ends_the_trains_of_earlier_ones,
        nobody_ends_the_trains_of_another_user,
        whoever_was_silent_for_longest_is_forgotten,
        a_stream_keeps_nothing_behind_what_it_refuses_for_now,
        what_goes_by_a_stream_stops_the_train_too,
        what_is_kept_is_in_order_whatever_is_refused_and_whatever_breaks,
        NULL,
    };
    return unit_run("trains", tests);
}
