#include "broker/acks.h"

#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"

/* What is written for one answer. */
static const char *written(const char *stream, struct ack ack, const char *detail)
{
    static char text[4096];
    struct ack_words words;
    ck_assert_int_eq(ack_words_init(&words, stream), 0);
    ck_assert_uint_lt(ack_write_size_max(&words, slice_of(detail)), sizeof text);
    memset(text, '#', sizeof text);
    char *end = ack_write(text, &words, &ack, slice_of(detail));
    ck_assert_int_eq(memcmp(end, "\r\n", 2), 0);
    ck_assert_uint_le((size_t)(end + 2 - text), ack_write_size_max(&words, slice_of(detail)));
    *end = '\0';
    ack_words_finish(&words);
    return text;
}

START_TEST(what_is_kept_is_told_in_the_words_of_nats_server)
{
    ck_assert_str_eq(written("S", (struct ack){ .sequence = 1 }, NULL), "{\"stream\":\"S\", \"seq\":1}");
    ck_assert_str_eq(written("S", (struct ack){ .sequence = 1, .duplicate = true }, NULL),
                     "{\"stream\":\"S\", \"seq\":1,\"duplicate\": true}");
    ck_assert_str_eq(written("S", (struct ack){ .sequence = 9, .run = 3 }, NULL),
                     "{\"stream\":\"S\", \"seq\":9,\"run\":3}");
    ck_assert_str_eq(written("ord\"ers", (struct ack){ .sequence = UINT64_MAX }, NULL),
                     "{\"stream\":\"ord\\\"ers\", \"seq\":18446744073709551615}");
}
END_TEST

START_TEST(what_is_refused_is_told_with_its_codes)
{
    ck_assert_str_eq(written("S", (struct ack){ .verdict = RECEIPT_WRONG_SEQUENCE, .sequence = 1 }, NULL),
                     "{\"error\":{\"code\":400,\"err_code\":10071,\"description\":\"wrong last sequence: 1\"},"
                     "\"stream\":\"S\",\"seq\":0}");
    ck_assert_str_eq(written("S", (struct ack){ .verdict = RECEIPT_WRONG_STREAM }, NULL),
                     "{\"error\":{\"code\":400,\"err_code\":10060,\"description\":\"expected stream does not match\"},"
                     "\"stream\":\"S\",\"seq\":0}");
    ck_assert_str_eq(written("S", (struct ack){ .verdict = RECEIPT_WRONG_ID, .sequence = 7 }, "a\"b"),
                     "{\"error\":{\"code\":400,\"err_code\":10070,\"description\":\"wrong last msg ID: a\\\"b\"},"
                     "\"stream\":\"S\",\"seq\":0}");
    ck_assert_str_eq(written("S", (struct ack){ .verdict = RECEIPT_WRONG_ID }, NULL),
                     "{\"error\":{\"code\":400,\"err_code\":10070,\"description\":\"wrong last msg ID: \"},"
                     "\"stream\":\"S\",\"seq\":0}");
}
END_TEST

START_TEST(every_refusal_has_words)
{
    for (unsigned verdict = RECEIPT_NO_MEMORY; verdict <= RECEIPT_FAILED; verdict++) {
        const char *text = written("S", (struct ack){ .verdict = (uint8_t)verdict }, NULL);
        ck_assert_ptr_nonnull(strstr(text, "\"err_code\":1"));
        ck_assert_ptr_null(strstr(text, "(null)"));
    }
}
END_TEST

/* Numbers say which is which. */
static void add(struct acks *acks, unsigned number)
{
    char reply[64];
    int size = snprintf(reply, sizeof reply, "_INBOX.%0*u", (int)(number % 40) + 1, number);
    ck_assert(acks_reserve(acks, ack_size((uint32_t)size)));
    acks_add(acks, &(struct ack){ .sequence = number, .reply_size = (uint32_t)size }, reply);
}

static void take(struct acks *acks, unsigned number)
{
    struct slice reply;
    char wanted[64];
    snprintf(wanted, sizeof wanted, "_INBOX.%0*u", (int)(number % 40) + 1, number);
    const struct ack *ack = acks_first(acks, &reply);
    unit_assert(ack && ack->sequence == number && slice_is(reply, wanted));
    acks_drop_first(acks);
}

START_TEST(they_come_out_as_they_went_in)
{
    struct acks acks = { 0 };
    unsigned in = 0, out = 0;
    uint64_t seed = unit_seed("they_come_out_as_they_went_in");
    for (unsigned round = 0; round < 2000; round++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        for (unsigned i = seed >> 60; i > 0; i--)
            add(&acks, in++);
        for (unsigned i = seed >> 56 & 15; i > 0 && out < in; i--)
            take(&acks, out++);
        unit_assert(acks_is_empty(&acks) == (in == out));
    }
    while (out < in)
        take(&acks, out++);
    acks_finish(&acks);
}
END_TEST

/* How many of the first two are answered by one. */
static uint32_t run_of(struct ack first, const char *reply, struct ack second, const char *next_reply, uint64_t last)
{
    struct acks acks = { 0 };
    first.reply_size = (uint32_t)strlen(reply);
    second.reply_size = (uint32_t)strlen(next_reply);
    ck_assert(acks_reserve(&acks, ack_size(first.reply_size) + ack_size(second.reply_size)));
    acks_add(&acks, &first, reply);
    acks_add(&acks, &second, next_reply);
    uint32_t dropped = acks_drop_run(&acks, last);
    acks_finish(&acks);
    return 1 + dropped;
}

START_TEST(only_those_of_a_run_have_one_answer)
{
    const struct ack one = { .sequence = 1 }, two = { .sequence = 2 }, three = { .sequence = 3 };
    const struct ack again = { .sequence = 2, .duplicate = true };
    const struct ack refused = { .sequence = 2, .verdict = RECEIPT_FAILED };
    ck_assert_uint_eq(run_of(one, "$POSTHORN.ACK.t.9", two, "$POSTHORN.ACK.t.10", 2), 2);
    ck_assert_uint_eq(run_of(one, "$POSTHORN.ACK.t.u.1", two, "$POSTHORN.ACK.t.u.2", UINT64_MAX), 2);
    ck_assert_uint_eq(run_of(one, "$POSTHORN.ACK.t.9", two, "$POSTHORN.ACK.t.10", 1), 1);
    ck_assert_uint_eq(run_of(one, "$POSTHORN.ACK.t.1", three, "$POSTHORN.ACK.t.2", 9), 1);
    ck_assert_uint_eq(run_of(one, "$POSTHORN.ACK.t.1", two, "$POSTHORN.ACK.t.3", 9), 1);
    ck_assert_uint_eq(run_of(one, "$POSTHORN.ACK.t.1", two, "$POSTHORN.ACK.t.1", 9), 1);
    ck_assert_uint_eq(run_of(one, "$POSTHORN.ACK.t.1", two, "$POSTHORN.ACK.u.2", 9), 1);
    ck_assert_uint_eq(run_of(one, "$POSTHORN.ACK.t1", two, "$POSTHORN.ACK.t2", 9), 1);
    ck_assert_uint_eq(run_of(one, "$POSTHORN.ACK.t.", two, "$POSTHORN.ACK.t.1", 9), 1);
    ck_assert_uint_eq(run_of(one, "_INBOX.t.1", two, "_INBOX.t.2", 9), 1);
    ck_assert_uint_eq(run_of(one, "1", two, "2", 9), 1);
    ck_assert_uint_eq(run_of(one, "$POSTHORN.ACK.t.1", again, "$POSTHORN.ACK.t.2", 9), 1);
    ck_assert_uint_eq(run_of(again, "$POSTHORN.ACK.t.1", three, "$POSTHORN.ACK.t.2", 9), 1);
    ck_assert_uint_eq(run_of(one, "$POSTHORN.ACK.t.1", refused, "$POSTHORN.ACK.t.2", 9), 1);
    ck_assert_uint_eq(run_of(one, "$POSTHORN.ACK.t.99999999999999999999", two,
                             "$POSTHORN.ACK.t.100000000000000000000", 9), 1);
}
END_TEST

START_TEST(a_queue_that_empties_takes_no_more_memory)
{
    struct acks acks = { 0 };
    for (unsigned i = 0; i < 100000; i++) {
        add(&acks, i);
        take(&acks, i);
    }
    ck_assert_uint_le(acks.room, 8192);
    acks_finish(&acks);
}
END_TEST

static struct ack_found found_in(const char *text)
{
    struct ack_found found;
    ck_assert_msg(ack_words_read(slice_of(text), &found), "%s", text);
    return found;
}

START_TEST(what_was_written_is_read_again)
{
    struct ack_found found = found_in(written("S", (struct ack){ .sequence = 7, .duplicate = true }, NULL));
    ck_assert_int_eq(found.verdict, RECEIPT_KEPT);
    ck_assert(slice_is(found.stream, "\"S\""));
    ck_assert_uint_eq(found.sequence, 7);
    ck_assert(found.duplicate);
    ck_assert(!found_in("{\"stream\":\"S\", \"seq\":1}").duplicate);
    ck_assert_uint_eq(found.run, 1);
    ck_assert_uint_eq(found_in(written("S", (struct ack){ .sequence = 7, .run = 1 }, NULL)).run, 1);
    ck_assert_uint_eq(found_in(written("S", (struct ack){ .sequence = 7, .run = 5 }, NULL)).run, 5);
    ck_assert_ptr_null(found_in("{\"delivered\":true}").stream.data);
    for (unsigned verdict = RECEIPT_NO_MEMORY; verdict <= RECEIPT_FAILED; verdict++) {
        found = found_in(written("S", (struct ack){ .verdict = (uint8_t)verdict }, "x"));
        ck_assert_int_ne(found.verdict, RECEIPT_KEPT);
        ck_assert_int_eq(verdict_is_final(found.verdict), verdict_is_final((enum receipt_verdict)verdict));
        ck_assert_uint_gt(found.description.size, 2);
    }
}
END_TEST

START_TEST(words_of_others_are_told_apart_by_whose_fault_it_is)
{
    ck_assert(verdict_is_final(found_in("{\"error\":{\"code\":400,\"err_code\":1}}").verdict));
    ck_assert(!verdict_is_final(found_in("{\"error\":{\"code\":503}}").verdict));
    struct ack_found found;
    static const char *const senseless[] = { "", "[]", "{}", "{\"stream\":\"S\"}", "{\"seq\":1}", "+ACK",
                                             "{\"delivered\":false}" };
    for (size_t i = 0; i < sizeof senseless / sizeof *senseless; i++)
        ck_assert(!ack_words_read(slice_of(senseless[i]), &found));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_is_kept_is_told_in_the_words_of_nats_server,
        what_is_refused_is_told_with_its_codes,
        every_refusal_has_words,
        what_was_written_is_read_again,
        words_of_others_are_told_apart_by_whose_fault_it_is,
        they_come_out_as_they_went_in,
        only_those_of_a_run_have_one_answer,
        a_queue_that_empties_takes_no_more_memory,
        NULL,
    };
    return unit_run("acks", tests);
}
