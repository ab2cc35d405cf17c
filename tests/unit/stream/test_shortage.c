/*
 * A stream where memory runs out (shortage.h). What is not kept says so in its receipt and takes no sequence; all else
 * is there.
 */
#include <stdio.h>

#include "../shortage.h"
#include "../unit.h"
#include "kit.h"

enum { MESSAGES = 300, TOPICS = 30 };

/* Each message is of a size that fills many blocks, and has an id of its own. Returns how many were kept. */
static uint64_t fill(struct stream *stream)
{
    static char body[5000];
    uint64_t kept = 0;
    for (unsigned i = 0; i < MESSAGES; i++) {
        char topic[16];
        size_t head_size = (size_t)snprintf(body, sizeof body, "NATS/1.0\r\nNats-Msg-Id: %u\r\n\r\n", i);
        const struct message message = { .body = body, .head_size = (uint32_t)head_size, .body_size = sizeof body };
        struct receipt receipt;
        snprintf(topic, sizeof topic, "t%u", i * 7 % TOPICS);
        const struct batch batch = { .topic = slice_of(topic), .messages = &message, .count = 1, .receipts = &receipt };
        unsigned count = stream_append(stream, &batch, 0, NULL);
        kept += count;
        unit_assert(receipt.stream && !receipt.duplicate && receipt.sequence == (count ? kept : 0));
    }
    return kept;
}

/* Returns false where there was no such allocation. */
static bool fails_at(unsigned allocation, bool for_good)
{
    struct stream_limits limits = { .bytes_max = 1 << 30, .messages_per_topic_max = 20, .duplicate_window_ms = 1,
                                    .duplicate_ids_max = 1 << 20 };
    long live_count = shortage.live_count;
    shortage.failed_count = 0;
    shortage.for_good = for_good;
    shortage.until_failure = allocation;
    struct stream *stream = stream_create("log", &limits);
    uint64_t kept = stream ? fill(stream) : 0;
    shortage.until_failure = SHORTAGE_NEVER;
    if (stream) {
        struct kit_seen seen = kit_read(stream, 0, 0);
        unit_assert(seen.message_count == kept && seen.gap_count == 0 && stream_last(stream) == kept);
        unit_assert(kept == MESSAGES || shortage.failed_count);
        kit_fill(stream, "t0", 30, 10, 0); /* goes on as soon as there is memory */
        unit_assert(kit_state(stream).last_sequence == kept + 30);
        limits.messages_max = 1; /* forgets those too of which the topic could not be noted */
        stream_set_limits(stream, &limits);
        kit_fill(stream, "t0", 1, 10, 0);
        unit_assert(kit_state(stream).message_count == 1);
    }
    stream_destroy(stream);
    unit_assert(shortage.live_count == live_count);
    return shortage.failed_count > 0;
}

START_TEST(any_one_allocation_may_fail)
{
    unsigned count = 0;
    while (fails_at(count, false))
        count++;
    ck_assert_uint_gt(count, TOPICS);
}
END_TEST

START_TEST(memory_may_run_out_for_good_at_any_time)
{
    unsigned count = 0;
    while (fails_at(count, true))
        count++;
    ck_assert_uint_gt(count, TOPICS);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { any_one_allocation_may_fail, memory_may_run_out_for_good_at_any_time, NULL };
    return unit_run("shortage", tests);
}
