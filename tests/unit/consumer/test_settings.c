/* Settings: defaults, what is refused and in which words, what may change. */
#include <stdlib.h>

#include "../unit.h"
#include "consumer/settings.h"
#include "kit.h"
#include "stream/settings.h"

/* A good pull consumer of a stream that keeps "t.>" and "u.x". */
struct world {
    struct consumer_settings settings;
    struct stream_settings stream;
    char *topics[2];
};

static void open_world(struct world *world)
{
    *world = (struct world){ .topics = { "t.>", "u.x" } };
    world->stream = (struct stream_settings){ .topics = world->topics, .topic_count = 2 };
    consumer_settings_init(&world->settings);
    owner_set_text(&world->settings.name, "c");
    world->settings.ack_policy = CONSUMER_ACK_EXPLICIT;
}

static void close_world(struct world *world)
{
    consumer_settings_finish(&world->settings);
}

static void add_filter(struct consumer_settings *settings, const char *filter)
{
    settings->filters = realloc(settings->filters, (settings->filter_count + 1) * sizeof *settings->filters);
    settings->filters[settings->filter_count++] = strdup(filter);
}

static void make_push(struct world *world)
{
    owner_set_text(&world->settings.deliver_topic, "out");
}

static void make_long_name(struct world *world)
{
    char name[300];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    owner_set_text(&world->settings.name, name);
}

static void make_backoff(struct world *world, unsigned count)
{
    world->settings.backoff_ms = calloc(count, sizeof *world->settings.backoff_ms);
    world->settings.backoff_count = count;
    for (unsigned i = 0; i < count; i++)
        world->settings.backoff_ms[i] = 1000 + i;
}

/* One row a fault: the world is changed, and must be found at fault. */

#define CASE(name, body) \
    static void name(struct world *world) { struct consumer_settings *s = &world->settings; (void)s; body }

CASE(no_name, owner_set_text(&s->name, NULL);)
CASE(dotted, owner_set_text(&s->name, "a.b");)
CASE(starred, owner_set_text(&s->name, "a*");)
CASE(blank, owner_set_text(&s->name, "a b");)
CASE(slashed, owner_set_text(&s->name, "a/b");)
CASE(backslashed, owner_set_text(&s->name, "a\\b");)
CASE(bad_sample, owner_set_text(&s->sample_frequency, "often");)
CASE(backoff_too_long, make_backoff(world, 3); s->max_deliver = 2;)
CASE(too_many_pending, s->max_ack_pending = CONSUMER_PENDING_LIMIT + 1;)
CASE(wild_deliver, owner_set_text(&s->deliver_topic, "out.*");)
CASE(empty_token, owner_set_text(&s->deliver_topic, "out..x");)
CASE(blank_deliver, owner_set_text(&s->deliver_topic, "out x");)
CASE(cycle, owner_set_text(&s->deliver_topic, "t.a");)
CASE(push_waiting, make_push(world); s->max_waiting = 1;)
CASE(push_pending, make_push(world); s->ack_policy = CONSUMER_ACK_NONE; s->max_ack_pending = 5;)
CASE(small_heartbeat, make_push(world); s->idle_heartbeat_ms = 99;)
CASE(flow_alone, make_push(world); s->flow_control = true;)
CASE(pull_rate, s->rate_limit_bps = 100;)
CASE(negative_waiting, s->max_waiting = -1;)
CASE(very_many_waiting, s->max_waiting = CONSUMER_WAITING_LIMIT + 1;)
CASE(pull_heartbeat, s->idle_heartbeat_ms = 200;)
CASE(pull_flow, s->flow_control = true;)
CASE(negative_batch, s->max_batch = -1;)
CASE(strange_filter, add_filter(s, "v.x");)
CASE(bad_filter, add_filter(s, "t..x");)
CASE(empty_filter, add_filter(s, "t.a"); add_filter(s, "");)
CASE(overlap, add_filter(s, "t.*"); add_filter(s, "t.a");)
CASE(all_at, s->start_sequence = 1;)
CASE(new_since, s->start = CONSUMER_START_NEW; s->start_time_ms = 1;)
CASE(nowhere, s->start = CONSUMER_START_SEQUENCE;)
CASE(never, s->start = CONSUMER_START_TIME;)
CASE(both, s->start = CONSUMER_START_SEQUENCE; s->start_sequence = 1; s->start_time_ms = 1;)
CASE(lasts_of_all, s->start = CONSUMER_START_LAST_PER_TOPIC;)
CASE(queue_none, world->stream.retention = STREAM_WORKQUEUE; s->ack_policy = CONSUMER_ACK_NONE;)
CASE(queue_all, world->stream.retention = STREAM_WORKQUEUE; s->ack_policy = CONSUMER_ACK_ALL;)
CASE(queue_new, world->stream.retention = STREAM_WORKQUEUE; s->start = CONSUMER_START_NEW;)

static const struct {
    void (*change)(struct world *world);
    enum consumer_fault fault;
    const char *words;
} faults[] = {
    { no_name, CONSUMER_FAULT_CREATE, "a consumer needs a name" },
    { dotted, CONSUMER_FAULT_NAME, "durable name can not contain '.', '*', '>'" },
    { starred, CONSUMER_FAULT_NAME, "durable name can not contain '.', '*', '>'" },
    { blank, CONSUMER_FAULT_NAME, "durable name can not contain '.', '*', '>'" },
    { slashed, CONSUMER_FAULT_NAME_SEPARATOR, "Consumer name can not contain path separators" },
    { backslashed, CONSUMER_FAULT_NAME_SEPARATOR, "Consumer name can not contain path separators" },
    { make_long_name, CONSUMER_FAULT_NAME_TOO_LONG, "consumer name is too long, maximum allowed is 255" },
    { bad_sample, CONSUMER_FAULT_SAMPLING, "failed to parse consumer sampling configuration: \"often\" is no number" },
    { backoff_too_long, CONSUMER_FAULT_BACKOFF, "max deliver is required to be > length of backoff values" },
    { too_many_pending, CONSUMER_FAULT_PENDING_EXCESS, "consumer max ack pending exceeds system limit of 1048576" },
    { wild_deliver, CONSUMER_FAULT_DELIVER_WILDCARDS, "consumer deliver subject has wildcards" },
    { empty_token, CONSUMER_FAULT_DELIVER_TOPIC, "invalid push consumer deliver subject" },
    { blank_deliver, CONSUMER_FAULT_DELIVER_TOPIC, "invalid push consumer deliver subject" },
    { cycle, CONSUMER_FAULT_DELIVER_CYCLE, "consumer deliver subject forms a cycle" },
    { push_waiting, CONSUMER_FAULT_PUSH_MAX_WAITING, "consumer in push mode can not set max waiting" },
    { push_pending, CONSUMER_FAULT_PENDING_WITHOUT_ACK, "consumer requires ack policy for max ack pending" },
    { small_heartbeat, CONSUMER_FAULT_SMALL_HEARTBEAT, "consumer idle heartbeat needs to be >= 100ms" },
    { flow_alone, CONSUMER_FAULT_FLOW_WITHOUT_HEARTBEAT, "consumer with flow control also needs heartbeats" },
    { pull_rate, CONSUMER_FAULT_PULL_RATE_LIMIT, "consumer in pull mode can not have rate limit set" },
    { negative_waiting, CONSUMER_FAULT_NEGATIVE_MAX_WAITING, "consumer max waiting needs to be positive" },
    { very_many_waiting, CONSUMER_FAULT_CREATE, "max_waiting is 65536 at most" },
    { pull_heartbeat, CONSUMER_FAULT_PULL_HEARTBEAT, "consumer idle heartbeat requires a push based consumer" },
    { pull_flow, CONSUMER_FAULT_PULL_FLOW_CONTROL, "consumer flow control requires a push based consumer" },
    { negative_batch, CONSUMER_FAULT_NEGATIVE_MAX_BATCH, "consumer max request batch needs to be > 0" },
    { strange_filter, CONSUMER_FAULT_FILTER_NOT_SUBSET,
      "consumer filter subject is not a valid subset of the interest subjects" },
    { bad_filter, CONSUMER_FAULT_FILTER_NOT_SUBSET,
      "consumer filter subject is not a valid subset of the interest subjects" },
    { empty_filter, CONSUMER_FAULT_EMPTY_FILTER, "consumer filter in FilterSubjects cannot be empty" },
    { overlap, CONSUMER_FAULT_FILTERS_OVERLAP, "consumer subject filters cannot overlap" },
    { all_at, CONSUMER_FAULT_POLICY,
      "consumer delivery policy is deliver all, but optional start sequence is also set" },
    { new_since, CONSUMER_FAULT_POLICY,
      "consumer delivery policy is deliver new, but optional start time is also set" },
    { nowhere, CONSUMER_FAULT_POLICY,
      "consumer delivery policy is deliver by start sequence, but optional start sequence is not set" },
    { never, CONSUMER_FAULT_POLICY,
      "consumer delivery policy is deliver by start time, but optional start time is not set" },
    { both, CONSUMER_FAULT_POLICY,
      "consumer delivery policy is deliver by start sequence, but optional start time is also set" },
    { lasts_of_all, CONSUMER_FAULT_POLICY,
      "consumer delivery policy is deliver last per subject, but optional filter subject is not set" },
    { queue_none, CONSUMER_FAULT_PULL_WITHOUT_ACK,
      "consumer in pull mode requires explicit ack policy on workqueue stream" },
    { queue_all, CONSUMER_FAULT_QUEUE_ACK, "workqueue stream requires explicit ack" },
    { queue_new, CONSUMER_FAULT_QUEUE_START, "consumer must be deliver all on workqueue stream" },
};

START_TEST(what_cannot_be_is_refused_in_the_words_that_clients_know)
{
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct world world;
        char room[CONSUMER_FAULT_TEXT_SIZE] = "";
        open_world(&world);
        faults[i].change(&world);
        consumer_settings_complete(&world.settings);
        ck_assert_int_eq(consumer_settings_check(&world.settings, &world.stream, room), faults[i].fault);
        ck_assert_str_eq(room, faults[i].words);
        close_world(&world);
    }
}
END_TEST

static void make_everything(struct world *world)
{
    struct consumer_settings *settings = &world->settings;
    make_push(world);
    make_backoff(world, 3);
    owner_set_text(&settings->description, "what it is for");
    owner_set_text(&settings->metadata, "{\"a\":\"b\"}");
    owner_set_text(&settings->sample_frequency, "50%");
    owner_set_text(&settings->deliver_group, "workers");
    add_filter(settings, "t.a");
    add_filter(settings, "t.b.*");
    settings->max_deliver = 3;
    settings->idle_heartbeat_ms = 5000;
    settings->flow_control = settings->headers_only = true;
    settings->rate_limit_bps = 4;
}

START_TEST(what_can_be_is_let_through)
{
    struct world world;
    char room[CONSUMER_FAULT_TEXT_SIZE] = "";
    open_world(&world);
    make_everything(&world);
    consumer_settings_complete(&world.settings);
    ck_assert_int_eq(consumer_settings_check(&world.settings, &world.stream, room), CONSUMER_GOOD);
    close_world(&world);
}
END_TEST

START_TEST(what_nobody_has_set_has_a_default)
{
    struct world world;
    open_world(&world);
    consumer_settings_complete(&world.settings);
    ck_assert_uint_eq(world.settings.ack_wait_ms, 30000);
    ck_assert_int_eq(world.settings.max_deliver, -1);
    ck_assert_int_eq(world.settings.max_ack_pending, 1000);
    ck_assert_int_eq(world.settings.max_waiting, 512);
    ck_assert_uint_eq(world.settings.inactive_threshold_ms, 5000);
    close_world(&world);
    open_world(&world);
    make_push(&world);
    world.settings.ack_policy = CONSUMER_ACK_NONE;
    world.settings.durable = true;
    consumer_settings_complete(&world.settings);
    ck_assert_uint_eq(world.settings.ack_wait_ms, 0);
    ck_assert_int_eq(world.settings.max_ack_pending, 0);
    ck_assert_int_eq(world.settings.max_waiting, 0);
    ck_assert_uint_eq(world.settings.inactive_threshold_ms, 0);
    close_world(&world);
    open_world(&world);
    make_backoff(&world, 2);
    consumer_settings_complete(&world.settings);
    ck_assert_uint_eq(world.settings.ack_wait_ms, 1000);
    close_world(&world);
}
END_TEST

START_TEST(a_copy_is_equal_until_one_of_them_changes)
{
    struct world world;
    struct consumer_settings copy;
    open_world(&world);
    make_everything(&world);
    ck_assert_int_eq(consumer_settings_copy(&copy, &world.settings), 0);
    ck_assert(consumer_settings_equal(&copy, &world.settings));
    copy.backoff_ms[2]++;
    ck_assert(!consumer_settings_equal(&copy, &world.settings));
    copy.backoff_ms[2]--;
    owner_set_text(&copy.filters[1], "t.c");
    ck_assert(!consumer_settings_equal(&copy, &world.settings));
    owner_set_text(&copy.filters[1], "t.b.*");
    owner_set_text(&copy.description, NULL);
    ck_assert(!consumer_settings_equal(&copy, &world.settings));
    owner_set_text(&copy.description, "what it is for");
    copy.created_ms = 77; /* is no part of it */
    ck_assert(consumer_settings_equal(&copy, &world.settings));
    consumer_settings_finish(&copy);
    close_world(&world);
}
END_TEST

CASE(change_start, s->start = CONSUMER_START_NEW;)
CASE(change_ack, s->ack_policy = CONSUMER_ACK_ALL;)
CASE(change_replay, s->replay = CONSUMER_REPLAY_ORIGINAL;)
CASE(change_waiting, s->max_waiting = 7;)
CASE(change_to_push, owner_set_text(&s->deliver_topic, "out");)
CASE(change_heartbeat, s->idle_heartbeat_ms = 7;)
CASE(change_flow, s->flow_control = true;)
CASE(change_durable, s->durable = true;)
CASE(change_what_may, s->ack_wait_ms = 7; s->max_deliver = 7; s->max_ack_pending = 7; s->headers_only = true;
     s->max_batch = 7; s->inactive_threshold_ms = 7; add_filter(s, "t.a"); make_backoff(world, 1);)

START_TEST(what_a_consumer_is_cannot_change_but_how_much_it_may)
{
    static const struct {
        void (*change)(struct world *world);
        const char *words;
    } rows[] = {
        { change_start, "deliver policy can not be updated" },
        { change_ack, "ack policy can not be updated" },
        { change_replay, "replay policy can not be updated" },
        { change_waiting, "max waiting can not be updated" },
        { change_to_push, "can not update pull consumer to push based" },
        { change_heartbeat, "heart beats can not be updated" },
        { change_flow, "flow control can not be updated" },
        { change_durable, "durable can not be updated" },
        { change_what_may, "" },
    };
    struct world world, other;
    open_world(&world);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char room[CONSUMER_FAULT_TEXT_SIZE] = "";
        open_world(&other);
        rows[i].change(&other);
        enum consumer_fault fault = consumer_settings_check_change(&world.settings, &other.settings, room);
        ck_assert_int_eq(fault, *rows[i].words ? CONSUMER_FAULT_CREATE : CONSUMER_GOOD);
        ck_assert_str_eq(room, rows[i].words);
        close_world(&other);
    }
    close_world(&world);
}
END_TEST

START_TEST(on_a_work_queue_each_message_is_for_one_consumer)
{
    struct world one, other;
    char room[CONSUMER_FAULT_TEXT_SIZE] = "";
    open_world(&one);
    open_world(&other);
    ck_assert_int_eq(consumer_settings_check_beside(&one.settings, &other.settings, room),
                     CONSUMER_FAULT_QUEUE_UNFILTERED);
    add_filter(&one.settings, "t.a.>");
    ck_assert_int_eq(consumer_settings_check_beside(&one.settings, &other.settings, room),
                     CONSUMER_FAULT_QUEUE_UNFILTERED);
    ck_assert_str_eq(room, "multiple non-filtered consumers not allowed on workqueue stream");
    add_filter(&other.settings, "t.b");
    ck_assert_int_eq(consumer_settings_check_beside(&one.settings, &other.settings, room), CONSUMER_GOOD);
    add_filter(&other.settings, "t.*.c");
    ck_assert_int_eq(consumer_settings_check_beside(&one.settings, &other.settings, room),
                     CONSUMER_FAULT_QUEUE_FILTER);
    ck_assert_str_eq(room, "filtered consumer not unique on workqueue stream");
    close_world(&one);
    close_world(&other);
}
END_TEST

START_TEST(statuses_have_the_words_that_clients_know)
{
    ck_assert_int_eq(consumer_status_code(CONSUMER_STATUS_HEARTBEAT), 100);
    ck_assert_str_eq(consumer_status_text(CONSUMER_STATUS_HEARTBEAT), "Idle Heartbeat");
    ck_assert_str_eq(consumer_status_text(CONSUMER_STATUS_FLOW_CONTROL), "FlowControl Request");
    ck_assert_int_eq(consumer_status_code(CONSUMER_STATUS_SHUTDOWN), 409);
    for (int kind = CONSUMER_STATUS_HEARTBEAT; kind <= CONSUMER_STATUS_SHUTDOWN; kind++)
        ck_assert_ptr_nonnull(consumer_status_text((enum consumer_status_kind)kind));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_cannot_be_is_refused_in_the_words_that_clients_know,
        what_can_be_is_let_through,
        what_nobody_has_set_has_a_default,
        a_copy_is_equal_until_one_of_them_changes,
        what_a_consumer_is_cannot_change_but_how_much_it_may,
        on_a_work_queue_each_message_is_for_one_consumer,
        statuses_have_the_words_that_clients_know,
        NULL,
    };
    return unit_run("settings", tests);
}
