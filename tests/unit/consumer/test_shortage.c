/*
 * A consumer where memory runs out (shortage.h). Whatever fails is said, or tried again: each message is delivered,
 * once, and in order.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "../shortage.h"
#include "../stream/kit.h"
#include "../unit.h"
#include "consumer/consumer.h"

enum { MESSAGES = 300, ROUNDS_MAX = 1000 };

/* What was delivered: to be acknowledged, and in all. */
struct owner {
    struct stream *stream;
    struct consumer *consumer;
    struct consumer_time time;
    uint64_t sequences[MESSAGES], last;
    unsigned count, total, dead_count;
};

static void deliver(void *arg, struct slice topic, const struct consumer_delivery *deliveries, unsigned count)
{
    struct owner *owner = arg;
    (void)topic;
    for (unsigned i = 0; i < count; i++) {
        unit_assert(deliveries[i].message.sequence > owner->last);
        owner->sequences[owner->count++] = owner->last = deliveries[i].message.sequence;
        owner->total++;
    }
}

static void status(void *arg, struct slice topic, const struct consumer_status *words)
{
    (void)arg;
    (void)topic;
    (void)words;
}

static enum consumer_interest interest(void *arg, struct slice topic, struct slice group)
{
    (void)arg;
    (void)topic;
    (void)group;
    return CONSUMER_LISTENS;
}

static bool dead(void *arg, const struct stream_message *message, enum consumer_death death, uint64_t delivery_count,
                 struct slice words)
{
    struct owner *owner = arg;
    (void)message;
    (void)delivery_count;
    (void)words;
    unit_assert(death == CONSUMER_TERMINATED);
    owner->dead_count++;
    return true;
}

static const struct consumer_ops ops = { .deliver = deliver, .status = status, .interest = interest, .dead = dead };

static const struct consumer_settings settings = {
    .name = (char *)"c",
    .description = (char *)"what it is for",
    .filters = (char *[]){ (char *)"t.a", (char *)"t.b.>" },
    .filter_count = 2,
    .durable = true,
    .start = CONSUMER_START_LAST_PER_TOPIC,
    .ack_policy = CONSUMER_ACK_EXPLICIT,
    .ack_wait_ms = 1000000,
    .max_deliver = -1,
    .backoff_ms = (uint64_t[]){ 1000000 },
    .backoff_count = 1,
    .max_ack_pending = 1000,
    .max_waiting = 10,
    .headers_only = true,
};

/* All are acknowledged, but for one that is terminated. */
static void answer(struct owner *owner)
{
    while (owner->count) {
        uint64_t sequence = owner->sequences[--owner->count];
        const struct consumer_ack ack = {
            .kind = sequence % 100 == 7 ? CONSUMER_TERM : CONSUMER_ACK,
            .sequence = sequence,
            .words = slice_of("why"),
        };
        unit_assert(consumer_acknowledge(owner->consumer, &ack, owner->time));
    }
}

static int ask(struct owner *owner)
{
    const struct consumer_request request = { .reply = slice_of("in"), .batch = 70, .expires_ms = 10000 };
    int error = consumer_add_request(owner->consumer, &request, owner->time);
    unit_assert(error == 0 || error == -ENOMEM);
    return error;
}

static void create(struct owner *owner)
{
    int error;
    do {
        error = consumer_create(owner->stream, &settings, &ops, owner, owner->time, &owner->consumer);
        unit_assert(error == 0 || error == -ENOMEM);
        if (error)
            shortage.until_failure = SHORTAGE_NEVER;
    } while (error);
}

static void change(struct owner *owner)
{
    unit_assert(consumer_set_settings(owner->consumer, &settings, owner->time) != 0 ||
                consumer_settings_equal(consumer_get_settings(owner->consumer), &settings));
}

/* A state that cannot be taken up leaves the consumer as it was. */
static void reload(struct owner *owner)
{
    static char state[1 << 16];
    if (!consumer_is_dirty(owner->consumer))
        return; /* there is nothing to be saved, or not yet */
    size_t size = consumer_save(owner->consumer, owner->time, state);
    unit_assert(consumer_save_size(owner->consumer) <= sizeof state);
    int error = consumer_load(owner->consumer, slice_make(state, size), owner->time);
    unit_assert(error == 0 || error == -ENOMEM);
}

/* Until all has been delivered and answered. */
static void work(struct owner *owner)
{
    unsigned round = 0;
    uint64_t deadline_ms;
    while (owner->total < 202) {
        unit_assert(round++ < ROUNDS_MAX);
        if (round == 20)
            shortage.until_failure = SHORTAGE_NEVER;
        ask(owner);
        if (round == 3)
            change(owner);
        while (consumer_run(owner->consumer, owner->time, 100, &deadline_ms) == CONSUMER_MORE)
            continue;
        if (round % 2)
            answer(owner);
        else
            reload(owner);
        owner->time.now_ms += 200;
    }
    answer(owner);
    consumer_run(owner->consumer, owner->time, 1000, &deadline_ms);
}

/* Three hundred messages, of which 202 are to be delivered: those of t.b are each of a topic of its own. */
static struct stream *fill(void)
{
    struct stream *stream = kit_open(NULL, "{\"name\":\"s\",\"subjects\":[\"t.>\"],\"storage\":\"memory\"}");
    for (unsigned i = 0; i < 100; i++) {
        char topic[16];
        snprintf(topic, sizeof topic, "t.b.%u", i);
        kit_fill(stream, "t.a", 1, 10, 1000);
        kit_fill(stream, topic, 1, 10, 1000);
        kit_fill(stream, "t.c", 1, 10, 1000);
    }
    return stream;
}

/* Returns false where there was no such allocation. */
static bool fails_at(unsigned allocation, bool for_good)
{
    struct owner owner = { .stream = fill(), .time = { 1000, 100000 } };
    shortage.until_failure = allocation;
    shortage.for_good = for_good;
    shortage.failed_count = 0;
    create(&owner);
    shortage.for_good = for_good;
    for (unsigned i = 0; i < 101; i++) { /* new ones, behind the last of each topic */
        unsigned until_failure = shortage.until_failure;
        shortage.until_failure = SHORTAGE_NEVER;
        kit_fill(owner.stream, "t.b.new", 1, 10, 1000);
        shortage.until_failure = until_failure;
    }
    work(&owner);
    bool has_failed = shortage.failed_count > 0;
    shortage.until_failure = SHORTAGE_NEVER;
    struct consumer_info info;
    consumer_get_info(owner.consumer, owner.time, &info);
    unit_assert(info.ack_pending_count == 0 && owner.dead_count > 0);
    consumer_destroy(owner.consumer);
    stream_destroy(owner.stream);
    return has_failed;
}

START_TEST(one_allocation_that_fails_loses_nothing)
{
    unsigned allocation = 0;
    while (fails_at(allocation, false))
        allocation++;
    ck_assert_uint_gt(allocation, 20);
}
END_TEST

START_TEST(where_all_fail_for_a_while_nothing_is_lost)
{
    for (unsigned allocation = 0; allocation < 60; allocation++)
        fails_at(allocation, true);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        one_allocation_that_fails_loses_nothing,
        where_all_fail_for_a_while_nothing_is_lost,
        NULL,
    };
    return unit_run("shortage", tests);
}
