/* What messages may ask of a stream by their headers, and why a stream refuses them. */
#include "stream/expect.h"

#include <stdio.h>

#include "../unit.h"
#include "kit.h"

static struct stream *open_memory(const char *more)
{
    char settings[512];
    snprintf(settings, sizeof settings, "{\"name\":\"S\",\"subjects\":[\"s.>\"],\"storage\":\"memory\"%s}", more);
    return kit_open(NULL, settings);
}

static void expect_refused(struct stream *stream, const char *topic, const char *headers, enum receipt_verdict verdict,
                           uint64_t found)
{
    uint64_t last = stream_last(stream);
    struct receipt receipt = kit_publish(stream, topic, "x", headers, 0);
    ck_assert_msg(receipt.verdict == verdict, "%s: verdict %d", headers, receipt.verdict);
    ck_assert_uint_eq(receipt.sequence, 0);
    ck_assert_uint_eq(stream_last(stream), last);
    if (verdict == RECEIPT_WRONG_SEQUENCE || verdict == RECEIPT_WRONG_ID)
        ck_assert_uint_eq(receipt.found, found);
}

static void expect_kept(struct stream *stream, const char *topic, const char *headers, uint64_t sequence)
{
    struct receipt receipt = kit_publish(stream, topic, "x", headers, 0);
    ck_assert_msg(receipt.sequence == sequence, "%s: %d", headers, receipt.verdict);
    ck_assert(!receipt.duplicate);
}

START_TEST(headers_are_read_in_one_pass)
{
    struct expectations asks;
    expectations_read(slice_of("NATS/1.0\r\nA: b\r\nNats-Msg-Id: i\r\nnats-expected-stream: S\r\nNats-Msg-Id: j\r\n"
                               "Nats-Expected-Last-Sequence:  7 \r\nNats-Expected-Last-Subject-Sequence: 8\r\n"
                               "Nats-Expected-Last-Msg-Id: j\r\nNats-Rollup: sub\r\nNats-Other: x\r\n\r\n"), &asks);
    ck_assert(slice_is(asks.id, "i"));
    ck_assert(slice_is(asks.stream, "S"));
    ck_assert(slice_is(asks.last_sequence, "7"));
    ck_assert(slice_is(asks.topic_sequence, "8"));
    ck_assert(slice_is(asks.last_id, "j"));
    ck_assert(slice_is(asks.rollup, "sub"));
    expectations_read(slice_of("no block"), &asks);
    ck_assert(!asks.id.size && !asks.rollup.size);
}
END_TEST

START_TEST(numbers_are_whole_and_fit)
{
    ck_assert_uint_eq(expectation_number(slice_of("0")), 0);
    ck_assert_uint_eq(expectation_number(slice_of("18446744073709551614")), UINT64_MAX - 1);
    ck_assert_uint_eq(expectation_number(slice_of("18446744073709551616")), UINT64_MAX);
    ck_assert_uint_eq(expectation_number(slice_of("-1")), UINT64_MAX);
    ck_assert_uint_eq(expectation_number(slice_of("1x")), UINT64_MAX);
}
END_TEST

START_TEST(what_is_expected_has_to_hold)
{
    struct stream *stream = open_memory("");
    expect_kept(stream, "s.a", "Nats-Msg-Id: a\r\n", 1);
    expect_refused(stream, "s.a", "Nats-Expected-Last-Sequence: 9\r\n", RECEIPT_WRONG_SEQUENCE, 1);
    expect_refused(stream, "s.a", "Nats-Expected-Stream: Q\r\n", RECEIPT_WRONG_STREAM, 0);
    expect_refused(stream, "s.a", "Nats-Expected-Last-Msg-Id: zz\r\n", RECEIPT_WRONG_ID, 1);
    expect_refused(stream, "s.a", "Nats-Expected-Last-Subject-Sequence: 5\r\n", RECEIPT_WRONG_SEQUENCE, 1);
    expect_refused(stream, "s.a", "Nats-Expected-Last-Subject-Sequence: x\r\n", RECEIPT_WRONG_SEQUENCE, 1);
    expect_kept(stream, "s.b", "Nats-Expected-Last-Subject-Sequence: 0\r\n", 2);
    expect_kept(stream, "s.a", "Nats-Expected-Last-Subject-Sequence: 1\r\nNats-Expected-Stream: S\r\n", 3);
    expect_kept(stream, "s.a", "Nats-Expected-Last-Sequence: 3\r\nNats-Msg-Id: b\r\n", 4);
    expect_kept(stream, "s.a", "Nats-Expected-Last-Msg-Id: b\r\n", 5);
    expect_refused(stream, "s.a", "Nats-Expected-Last-Msg-Id: b\r\n", RECEIPT_WRONG_ID, 5); /* the last has none */
    struct receipt again = kit_publish(stream, "s.a", "x", "Nats-Msg-Id: a\r\nNats-Expected-Last-Sequence: 0\r\n", 0);
    ck_assert(again.duplicate); /* a publisher who tries again hears that he has succeeded */
    ck_assert_uint_eq(again.sequence, 1);
    stream_destroy(stream);
}
END_TEST

START_TEST(a_deleted_last_message_is_the_last_no_more)
{
    struct stream *stream = open_memory("");
    for (unsigned i = 0; i < 5; i++)
        expect_kept(stream, i % 2 ? "s.b" : "s.a", NULL, i + 1);
    ck_assert_int_eq(stream_delete(stream, 5), 0);
    expect_refused(stream, "s.a", "Nats-Expected-Last-Subject-Sequence: 5\r\n", RECEIPT_WRONG_SEQUENCE, 3);
    expect_kept(stream, "s.a", "Nats-Expected-Last-Subject-Sequence: 3\r\n", 6);
    stream_purge(stream, slice_of("s.a"), 0, 0);
    expect_kept(stream, "s.a", "Nats-Expected-Last-Subject-Sequence: 0\r\n", 7);
    stream_destroy(stream);
}
END_TEST

START_TEST(a_full_stream_may_refuse_what_is_new)
{
    struct stream *stream = open_memory(",\"discard\":\"new\",\"max_msgs\":3,\"max_bytes\":1000,\"max_msg_size\":500");
    char large[600];
    memset(large, 'x', sizeof large);
    large[501] = '\0';
    ck_assert_int_eq(kit_publish(stream, "s.a", large, NULL, 0).verdict, RECEIPT_TOO_LARGE);
    large[500] = '\0';
    ck_assert_int_eq(kit_publish(stream, "s.a", large, NULL, 0).verdict, RECEIPT_KEPT);
    ck_assert_int_eq(kit_publish(stream, "s.a", large, NULL, 0).verdict, RECEIPT_TOO_MANY_BYTES);
    expect_kept(stream, "s.a", NULL, 2);
    expect_kept(stream, "s.a", NULL, 3);
    expect_refused(stream, "s.a", NULL, RECEIPT_TOO_MANY, 0);
    ck_assert_int_eq(stream_delete(stream, 1), 0);
    expect_kept(stream, "s.a", NULL, 4);
    ck_assert_str_eq(kit_list(stream), "2 3 4");
    stream_destroy(stream);
}
END_TEST

START_TEST(a_batch_in_order_stops_at_what_cannot_be_kept_now)
{
    static const uint32_t sizes[] = { 10, 501, 400, 500, 10 }; /* never, and the last but one not now */
    enum { COUNT = sizeof sizes / sizeof *sizes };
    static const enum receipt_verdict in_order[] = { RECEIPT_KEPT, RECEIPT_TOO_LARGE, RECEIPT_KEPT,
                                                     RECEIPT_TOO_MANY_BYTES, RECEIPT_BEHIND };
    static const char bytes[512];
    struct message messages[COUNT];
    struct receipt receipts[COUNT];
    for (unsigned i = 0; i < COUNT; i++)
        messages[i] = (struct message){ .body = bytes, .body_size = sizes[i] };
    for (unsigned is = 0; is <= 1; is++) {
        struct stream *stream = open_memory(",\"discard\":\"new\",\"max_bytes\":1000,\"max_msg_size\":500");
        const struct batch batch = {
            .topic = slice_of("s.a"), .messages = messages, .count = COUNT, .receipts = receipts, .in_order = is,
        };
        ck_assert_uint_eq(stream_append(stream, &batch, 1, NULL), is ? 2 : 3);
        for (unsigned i = 0; i < COUNT; i++)
            ck_assert_int_eq(receipts[i].verdict, is || i < COUNT - 1 ? in_order[i] : RECEIPT_KEPT);
        stream_destroy(stream);
    }
}
END_TEST

START_TEST(a_full_topic_takes_what_replaces_or_refuses_it)
{
    struct stream *stream = open_memory(",\"discard\":\"new\",\"max_msgs\":2,\"max_msgs_per_subject\":1");
    expect_kept(stream, "s.a", NULL, 1);
    expect_kept(stream, "s.b", NULL, 2);
    expect_kept(stream, "s.a", NULL, 3); /* takes the place of another */
    expect_refused(stream, "s.c", NULL, RECEIPT_TOO_MANY, 0);
    ck_assert_str_eq(kit_list(stream), "2 3");
    stream_destroy(stream);
    stream = open_memory(",\"discard\":\"new\",\"max_msgs_per_subject\":1,\"discard_new_per_subject\":true");
    expect_kept(stream, "s.a", NULL, 1);
    expect_refused(stream, "s.a", NULL, RECEIPT_TOO_MANY_OF_TOPIC, 0);
    stream_destroy(stream);
}
END_TEST

START_TEST(a_sealed_stream_takes_nothing)
{
    struct stream *stream = open_memory("");
    expect_kept(stream, "s.a", NULL, 1);
    kit_change(stream, "{\"name\":\"S\",\"subjects\":[\"s.>\"],\"storage\":\"memory\",\"sealed\":true}");
    expect_refused(stream, "s.a", NULL, RECEIPT_SEALED, 0);
    ck_assert_str_eq(kit_list(stream), "1");
    stream_destroy(stream);
}
END_TEST

START_TEST(a_rollup_takes_out_what_was_before)
{
    struct stream *stream = open_memory(",\"allow_rollup_hdrs\":true");
    for (unsigned i = 0; i < 6; i++)
        expect_kept(stream, i % 2 ? "s.b" : "s.a", NULL, i + 1);
    expect_refused(stream, "s.a", "Nats-Rollup: some\r\n", RECEIPT_NO_ROLLUP, 0);
    expect_kept(stream, "s.a", "Nats-Rollup: sub\r\n", 7);
    ck_assert_str_eq(kit_list(stream), "2 4 6 7");
    expect_kept(stream, "s.b", "Nats-Rollup: all\r\n", 8);
    ck_assert_str_eq(kit_list(stream), "8");
    ck_assert_uint_eq(kit_state(stream).topic_count, 1);
    ck_assert_uint_eq(kit_state(stream).lost_sequence, 0);
    stream_destroy(stream);
    stream = open_memory("");
    expect_refused(stream, "s.a", "Nats-Rollup: sub\r\n", RECEIPT_NO_ROLLUP, 0);
    stream_destroy(stream);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        headers_are_read_in_one_pass,
        numbers_are_whole_and_fit,
        what_is_expected_has_to_hold,
        a_deleted_last_message_is_the_last_no_more,
        a_full_stream_may_refuse_what_is_new,
        a_batch_in_order_stops_at_what_cannot_be_kept_now,
        a_full_topic_takes_what_replaces_or_refuses_it,
        a_sealed_stream_takes_nothing,
        a_rollup_takes_out_what_was_before,
        NULL,
    };
    return unit_run("expect", tests);
}
