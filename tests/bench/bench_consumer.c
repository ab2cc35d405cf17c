/*
 * What a consumer costs, alone: processor time of a message delivered, and of one acknowledged. Built and run by hand:
 *
 *     make tests/bench/bench_consumer && tests/bench/bench_consumer
 */
#include <stdio.h>
#include <stdlib.h>

#include "consumer/consumer.h"
#include "util/clock.h"

enum { PAYLOAD_SIZE = 256, MESSAGES = 1000000, TOPICS = 50, BUDGET = 1000 };

/* What was delivered and is to be acknowledged. */
static uint64_t delivered[CONSUMER_BATCH_MAX * 8];
static unsigned delivered_count;

static uint64_t cpu_ns(void)
{
    return clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static void deliver(void *arg, struct slice topic, const struct consumer_delivery *deliveries, unsigned count)
{
    (void)arg;
    (void)topic;
    for (unsigned i = 0; i < count; i++)
        delivered[delivered_count++] = deliveries[i].message.sequence;
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

static const struct consumer_ops ops = { .deliver = deliver, .status = status, .interest = interest };

static struct stream *fill(void)
{
    static char body[PAYLOAD_SIZE + 2];
    char pattern[] = "orders.>", name[] = "s", *topics[] = { pattern };
    struct stream_settings settings;
    struct stream *stream;
    const struct message message = { .body = body, .body_size = PAYLOAD_SIZE };
    settings_init(&settings);
    settings.name = name;
    settings.topics = topics;
    settings.topic_count = 1;
    settings.storage = STREAM_MEMORY;
    if (stream_open(NULL, &settings, &stream) != 0)
        abort();
    for (unsigned i = 0; i < MESSAGES; i++) {
        char topic[32];
        snprintf(topic, sizeof topic, "orders.region7.%u", i % TOPICS);
        const struct batch batch = { .topic = slice_of(topic), .messages = &message, .count = 1 };
        stream_append(stream, &batch, 1000000, NULL);
    }
    return stream;
}

struct shape {
    const char *what;
    unsigned batch;              /* of a request */
    enum consumer_ack_policy ack_policy;
    const char *filter;          /* NULL: none */
    bool is_push;
};

static struct consumer *create(struct stream *stream, const struct shape *shape, struct consumer_time time)
{
    char name[] = "c", topic[] = "out", filter[32] = "", *filters[] = { filter };
    struct consumer_settings settings;
    struct consumer *consumer;
    consumer_settings_init(&settings);
    settings.name = name;
    settings.durable = true;
    settings.ack_policy = shape->ack_policy;
    if (shape->filter)
        snprintf(filter, sizeof filter, "%s", shape->filter);
    settings.filters = filters;
    settings.filter_count = shape->filter != NULL;
    settings.deliver_topic = shape->is_push ? topic : NULL;
    consumer_settings_complete(&settings);
    if (consumer_create(stream, &settings, &ops, NULL, time, &consumer) != 0)
        abort();
    return consumer;
}

/* One request, all that it gets, and all of it acknowledged. Returns how much it got. */
static unsigned turn(struct consumer *consumer, const struct shape *shape, struct consumer_time time,
                     uint64_t *deliver_ns, uint64_t *ack_ns)
{
    const struct consumer_request request = { .reply = slice_of("_INBOX.abcdefgh.1"), .batch = shape->batch };
    uint64_t deadline_ms, start_ns = cpu_ns();
    delivered_count = 0;
    if (!shape->is_push)
        consumer_add_request(consumer, &request, time);
    consumer_run(consumer, time, BUDGET, &deadline_ms);
    uint64_t between_ns = cpu_ns();
    *deliver_ns += between_ns - start_ns;
    for (unsigned i = 0; shape->ack_policy != CONSUMER_ACK_NONE && i < delivered_count; i++) {
        const struct consumer_ack ack = { .kind = CONSUMER_ACK, .sequence = delivered[i] };
        consumer_acknowledge(consumer, &ack, time);
    }
    *ack_ns += cpu_ns() - between_ns;
    return delivered_count;
}

static void measure(struct stream *stream, const struct shape *shape)
{
    struct consumer_time time = { 1000, 1000000 };
    struct consumer *consumer = create(stream, shape, time);
    uint64_t deliver_ns = 0, ack_ns = 0, count = 0;
    unsigned more;
    while ((more = turn(consumer, shape, time, &deliver_ns, &ack_ns)) > 0) {
        count += more;
        time.now_ms += count % 16 == 0;
    }
    printf("%-58s %7.1f ns  %7.1f ns\n", shape->what, (double)deliver_ns / (double)count,
           (double)ack_ns / (double)count);
    consumer_destroy(consumer);
}

int main(void)
{
    static const struct shape shapes[] = {
        { "pull, requests for 1", 1, CONSUMER_ACK_EXPLICIT, NULL, false },
        { "pull, requests for 100", 100, CONSUMER_ACK_EXPLICIT, NULL, false },
        { "pull, requests for 100, acknowledged as all", 100, CONSUMER_ACK_ALL, NULL, false },
        { "pull, requests for 100, not acknowledged", 100, CONSUMER_ACK_NONE, NULL, false },
        { "pull, requests for 100, a filter that all pass", 100, CONSUMER_ACK_EXPLICIT, "orders.*.*", false },
        { "pull, requests for 100, a filter that 1 of 50 passes", 100, CONSUMER_ACK_EXPLICIT, "orders.region7.9",
          false },
        { "push", 0, CONSUMER_ACK_EXPLICIT, NULL, true },
        { "push, not acknowledged", 0, CONSUMER_ACK_NONE, NULL, true },
    };
    struct stream *stream = fill();
    printf("%u messages of %u bytes in memory, %u topics; of one message\n%-58s %10s  %10s\n", MESSAGES, PAYLOAD_SIZE,
           TOPICS, "", "delivered", "acknowledged");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        measure(stream, &shapes[i]);
    stream_destroy(stream);
    return EXIT_SUCCESS;
}
