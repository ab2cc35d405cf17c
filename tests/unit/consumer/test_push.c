/* The deliver topic: who listens, how fast, how much at once. */
#include "../unit.h"
#include "kit.h"

static void open_push(struct owner *owner)
{
    owner_open(owner, NULL);
    owner_set_text(&owner->settings.deliver_topic, "out");
}

START_TEST(messages_go_out_as_long_as_somebody_listens)
{
    struct owner owner;
    open_push(&owner);
    owner_begin(&owner);
    owner.nobody[0] = "out";
    owner_publish(&owner, "t.a", 2);
    owner_says(&owner, "");
    ck_assert(!owner_info(&owner).push_bound);
    ck_assert_uint_le(owner.deadline_ms, owner.time.now_ms + 100); /* it looks again */
    owner.nobody[0] = NULL;
    owner_says_after(&owner, 100, "out 1:1:1+1, out 2:2:1+0");
    ck_assert(owner_info(&owner).push_bound);
    owner_publish(&owner, "t.a", 1);
    owner_says(&owner, "out 3:3:1+0");
    owner_close(&owner);
}
END_TEST

START_TEST(what_nobody_acknowledged_comes_again_to_whoever_listens_then)
{
    struct owner owner;
    open_push(&owner);
    owner_set_text(&owner.settings.deliver_group, "workers");
    owner_begin(&owner);
    owner_publish(&owner, "t.a", 1);
    owner_says(&owner, "out 1:1:1+0");
    owner.nobody[0] = "out";
    owner_says_after(&owner, 60000, "");
    owner.nobody[0] = NULL;
    owner_says_after(&owner, 100, "out 1:2:2+0");
    owner_close(&owner);
}
END_TEST

START_TEST(somebody_busy_gets_nothing_until_he_is_not)
{
    struct owner owner;
    open_push(&owner);
    owner_begin(&owner);
    owner.busy = "out";
    owner_publish(&owner, "t.a", 1);
    owner_says(&owner, "");
    ck_assert_uint_le(owner.deadline_ms, owner.time.now_ms + 10);
    owner.busy = NULL;
    owner_says(&owner, "out 1:1:1+0");
    owner_close(&owner);
}
END_TEST

START_TEST(heartbeats_come_where_there_are_no_messages)
{
    struct owner owner;
    open_push(&owner);
    owner.settings.idle_heartbeat_ms = 100;
    owner_begin(&owner);
    owner_says(&owner, "");
    owner_says_after(&owner, 100, "out 100 0 0");
    owner_publish(&owner, "t.a", 1);
    owner_says_after(&owner, 50, "out 1:1:1+0");
    owner_says_after(&owner, 99, "");
    owner_says_after(&owner, 1, "out 100 1 1");
    owner.nobody[0] = "out";
    owner_says_after(&owner, 500, "");
    owner_close(&owner);
}
END_TEST

/* The first window is 2 MiB; it is asked for an answer from half of it on. */
START_TEST(flow_control_keeps_no_more_under_way_than_is_answered)
{
    struct owner owner;
    open_push(&owner);
    owner.settings.idle_heartbeat_ms = 1000;
    owner.settings.flow_control = true;
    owner_begin(&owner);
    for (unsigned i = 0; i < 80; i++)
        owner_publish_bytes(&owner, "t.a", 100000);
    ck_assert_ptr_nonnull(strstr(owner_run(&owner), "100 FlowControl Request"));
    ck_assert_uint_gt(owner.delivered_bytes, 2 << 20);
    ck_assert_uint_le(owner.delivered_bytes, (2 << 20) + 100000);
    owner_says(&owner, "");
    ck_assert_ptr_nonnull(strstr(owner_wait(&owner, 1000), "stalled"));
    consumer_flow_answered(owner.consumer, 12345); /* of another life */
    owner_says(&owner, "");
    owner_close(&owner);
}
END_TEST

static uint64_t asked_flow_id;

static void note_flow_id(void *arg, struct slice topic, const struct consumer_status *status)
{
    (void)arg;
    (void)topic;
    if (status->kind == CONSUMER_STATUS_FLOW_CONTROL)
        asked_flow_id = status->flow_id;
}

static void count_bytes(void *arg, struct slice topic, const struct consumer_delivery *deliveries, unsigned count)
{
    struct owner *owner = arg;
    (void)topic;
    for (unsigned i = 0; i < count; i++)
        owner->delivered_bytes += deliveries[i].message.payload.size;
}

static enum consumer_interest somebody_listens(void *arg, struct slice topic, struct slice group)
{
    (void)arg;
    (void)topic;
    (void)group;
    return CONSUMER_LISTENS;
}

START_TEST(each_answer_opens_the_window_and_makes_it_larger)
{
    static const struct consumer_ops ops = {
        .deliver = count_bytes, .status = note_flow_id, .interest = somebody_listens,
    };
    struct owner owner;
    uint64_t seen[8], deadline_ms;
    open_push(&owner);
    owner.settings.idle_heartbeat_ms = 1000;
    owner.settings.flow_control = true;
    consumer_settings_complete(&owner.settings);
    ck_assert_int_eq(consumer_create(owner.stream, &owner.settings, &ops, &owner, owner.time, &owner.consumer), 0);
    for (unsigned i = 0; i < 200; i++)
        owner_publish_bytes(&owner, "t.a", 100000);
    for (unsigned i = 0; i < 8; i++) {
        while (consumer_run(owner.consumer, owner.time, 100, &deadline_ms) == CONSUMER_MORE)
            continue;
        seen[i] = owner.delivered_bytes;
        consumer_flow_answered(owner.consumer, asked_flow_id);
        consumer_flow_answered(owner.consumer, asked_flow_id); /* once more: it is ignored */
    }
    ck_assert_uint_lt(seen[0], 2300000);
    ck_assert_uint_gt(seen[1], seen[0] + 2000000);
    ck_assert_uint_gt(seen[2] - seen[1], seen[1] - seen[0]);
    ck_assert_uint_eq(seen[7], 20000000);
    owner_close(&owner);
}
END_TEST

START_TEST(whoever_comes_anew_has_been_asked_nothing_yet)
{
    struct owner owner;
    open_push(&owner);
    owner.settings.idle_heartbeat_ms = 1000;
    owner.settings.flow_control = true;
    owner_begin(&owner);
    for (unsigned i = 0; i < 60; i++)
        owner_publish_bytes(&owner, "t.a", 100000);
    owner_run(&owner);
    uint64_t before = owner.delivered_bytes;
    owner.nobody[0] = "out";
    owner_wait(&owner, 100);
    owner.nobody[0] = NULL;
    owner_wait(&owner, 100);
    ck_assert_uint_gt(owner.delivered_bytes, before + (2 << 20));
    owner_close(&owner);
}
END_TEST

/* 80,000 bits are 10,000 bytes a second. A message is some 1,100 bytes, as clients count. */
START_TEST(messages_leave_no_faster_than_the_rate)
{
    struct owner owner;
    open_push(&owner);
    owner.settings.rate_limit_bps = 80000;
    owner_begin(&owner);
    for (unsigned i = 0; i < 100; i++)
        owner_publish_bytes(&owner, "t.a", 1000);
    for (unsigned i = 0; i < 2000; i++) {
        owner_run(&owner);
        uint64_t step_ms = owner.deadline_ms - owner.time.now_ms;
        ck_assert_uint_gt(step_ms, 50);
        if (owner.time.now_ms + step_ms > 6000)
            break;
        owner.time.now_ms += step_ms;
    }
    ck_assert_uint_ge(owner.delivered_count, 44); /* in 5 s */
    ck_assert_uint_le(owner.delivered_count, 50);
    owner_close(&owner);
}
END_TEST

START_TEST(without_payload_its_size_is_told)
{
    struct owner owner;
    open_push(&owner);
    owner.settings.headers_only = true;
    owner.shows_bytes = true;
    owner_begin(&owner);
    owner_publish(&owner, "t.a", 1);
    owner_says(&owner, "out 1:1:1+0 NATS/1.0\r\nNats-Msg-Size: 1\r\n\r\n|");
    owner_close(&owner);
}
END_TEST

START_TEST(headers_stay_where_the_payload_goes)
{
    static const char body[] = "NATS/1.0\r\nA: b\r\n\r\nhello";
    const struct message message = { .body = body, .head_size = 18, .body_size = 23 };
    const struct batch batch = { .topic = slice_of("t.a"), .messages = &message, .count = 1 };
    struct owner owner;
    open_push(&owner);
    owner.settings.headers_only = true;
    owner.shows_bytes = true;
    owner_begin(&owner);
    ck_assert_uint_eq(stream_append(owner.stream, &batch, 1, NULL), 1);
    owner_says(&owner, "out 1:1:1+0 NATS/1.0\r\nA: b\r\nNats-Msg-Size: 5\r\n\r\n|");
    owner_close(&owner);
}
END_TEST

START_TEST(large_headers_without_payload_all_arrive)
{
    static char body[70000] = "NATS/1.0\r\nA: ";
    const struct message message = { .body = body, .head_size = sizeof body, .body_size = sizeof body };
    const struct batch batch = { .topic = slice_of("t.a"), .messages = &message, .count = 1 };
    struct owner owner;
    memset(body + 13, 'x', sizeof body - 17);
    memcpy(body + sizeof body - 4, "\r\n\r\n", 4);
    open_push(&owner);
    owner.settings.headers_only = true;
    owner_begin(&owner);
    for (unsigned i = 0; i < 10; i++)
        ck_assert_uint_eq(stream_append(owner.stream, &batch, 1, NULL), 1);
    owner_publish(&owner, "t.a", 1000);
    owner_run(&owner);
    ck_assert_uint_eq(owner.delivered_count, 1000); /* max_ack_pending */
    owner_close(&owner);
}
END_TEST

START_TEST(what_is_replayed_keeps_its_distances)
{
    static const uint64_t gaps_ms[] = { 0, 100, 250 };
    struct owner owner;
    open_push(&owner);
    owner.settings.replay = CONSUMER_REPLAY_ORIGINAL;
    for (unsigned i = 0; i < 3; i++) {
        owner.time.wall_ms += gaps_ms[i];
        owner_publish(&owner, "t.a", 1);
    }
    owner_begin(&owner);
    owner_says(&owner, "out 1:1:1+2");
    ck_assert_uint_eq(owner.deadline_ms, 1100);
    owner_says_after(&owner, 100, "out 2:2:1+1");
    owner_says_after(&owner, 249, "");
    owner_says_after(&owner, 1, "out 3:3:1+0");
    owner.time.wall_ms += 5000;
    owner_publish(&owner, "t.a", 1); /* new: at once */
    owner_says(&owner, "out 4:4:1+0");
    owner_close(&owner);
}
END_TEST

START_TEST(a_push_consumer_that_nobody_listens_to_is_inactive)
{
    struct owner owner;
    open_push(&owner);
    owner.settings.durable = false;
    owner_begin(&owner);
    owner_says_after(&owner, 20000, "");
    owner.nobody[0] = "out";
    owner_says_after(&owner, 4999, "");
    owner_says_after(&owner, 1, "inactive");
    owner_close(&owner);
}
END_TEST

START_TEST(the_deliver_topic_may_change)
{
    struct owner owner;
    open_push(&owner);
    owner_begin(&owner);
    owner_publish(&owner, "t.a", 1);
    owner_says(&owner, "out 1:1:1+0");
    owner_set_text(&owner.settings.deliver_topic, "other");
    ck_assert_int_eq(consumer_set_settings(owner.consumer, &owner.settings, owner.time), 0);
    owner_publish(&owner, "t.a", 1);
    owner_says(&owner, "other 2:2:1+0");
    owner_close(&owner);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        messages_go_out_as_long_as_somebody_listens,
        what_nobody_acknowledged_comes_again_to_whoever_listens_then,
        somebody_busy_gets_nothing_until_he_is_not,
        heartbeats_come_where_there_are_no_messages,
        flow_control_keeps_no_more_under_way_than_is_answered,
        each_answer_opens_the_window_and_makes_it_larger,
        whoever_comes_anew_has_been_asked_nothing_yet,
        messages_leave_no_faster_than_the_rate,
        without_payload_its_size_is_told,
        headers_stay_where_the_payload_goes,
        large_headers_without_payload_all_arrive,
        what_is_replayed_keeps_its_distances,
        a_push_consumer_that_nobody_listens_to_is_inactive,
        the_deliver_topic_may_change,
        NULL,
    };
    return unit_run("push", tests);
}
