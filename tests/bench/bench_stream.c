/*
 * What a stream costs, alone: processor time of a message appended and of one read. Built and run by hand:
 *
 *     make tests/bench/bench_stream && tests/bench/bench_stream
 */
#include <stdio.h>
#include <stdlib.h>

#include "stream/stream.h"
#include "util/clock.h"

enum {
    PAYLOAD_SIZE = 256,
    BATCH_MAX = 512,
    APPENDS = 4000000,
    READS = 20, /* times the whole stream */
};

static const struct stream_limits as_recent = {
    .bytes_max = 64 << 20, .age_max_ms = 3600000, .duplicate_window_ms = 120000, .duplicate_ids_max = 100000,
};

static char bodies[BATCH_MAX][PAYLOAD_SIZE + 64];
static struct message messages[BATCH_MAX];
static uint64_t now_ms;

/* Of this process: others on the machine do not count. */
static uint64_t cpu_ns(void)
{
    return clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static void report(const char *what, uint64_t count, uint64_t start_ns)
{
    double spent_ns = (double)(cpu_ns() - start_ns);
    printf("%-52s %8.1f ns  %10.0f /s\n", what, spent_ns / (double)count, (double)count * 1e9 / spent_ns);
}

static struct stream *create(struct stream_limits limits)
{
    struct stream *stream = stream_create("bench", &limits);
    if (!stream)
        abort();
    return stream;
}

/* As long as it is not full, each block is new memory: it is filled before it is measured. */
static void append(struct stream *stream, uint64_t count, unsigned batch_size)
{
    const struct batch batch = { .topic = slice_of("orders.region7.1234"), .messages = messages, .count = batch_size };
    for (uint64_t i = 0; i < count; i += batch_size)
        stream_append(stream, &batch, now_ms++ >> 10, NULL);
}

static void measure_append(const char *what, struct stream_limits limits, unsigned batch_size)
{
    struct stream *stream = create(limits);
    append(stream, APPENDS / 8, batch_size);
    uint64_t start_ns = cpu_ns();
    append(stream, APPENDS, batch_size);
    report(what, APPENDS, start_ns);
    stream_destroy(stream);
}

static void measure_new_memory(void)
{
    struct stream *stream = create(as_recent);
    uint64_t start_ns = cpu_ns(), count = as_recent.bytes_max / (PAYLOAD_SIZE + 64);
    append(stream, count, 100);
    report("append in batches of 100, into new memory", count, start_ns);
    stream_destroy(stream);
}

/* Each with an id of its own: another number in octal. */
static void measure_ids(void)
{
    static const char head[] = "NATS/1.0\r\nNats-Msg-Id: 000000000000\r\n\r\n";
    struct stream *stream = create(as_recent);
    const struct batch batch = { .topic = slice_of("orders.region7.1234"), .messages = messages, .count = 1 };
    memcpy(bodies[0], head, sizeof head - 1);
    messages[0].head_size = sizeof head - 1;
    uint64_t start_ns = cpu_ns(), count = APPENDS / 4;
    for (uint64_t i = 0; i < count; i++) {
        for (unsigned digit = 0; digit < 12; digit++)
            bodies[0][sizeof head - 6 - digit] = (char)('0' + (i >> (3 * digit) & 7));
        stream_append(stream, &batch, now_ms++ >> 10, NULL);
    }
    report("append one with an id", count, start_ns);
    messages[0].head_size = 0;
    stream_destroy(stream);
}

static uint64_t read_all(struct stream *stream)
{
    struct stream_run run;
    struct stream_message message;
    uint64_t after = 0, count = 0;
    while (stream_read(stream, after, 0, &run)) {
        for (; stream_run_next(&run, &message); count++)
            after = message.sequence;
        stream_release(&run);
    }
    return count;
}

static void measure_read(const char *what, struct stream_limits limits, unsigned message_count)
{
    struct stream *stream = create(limits);
    uint64_t count = 0;
    append(stream, message_count, 100);
    unsigned times = READS * (200000 / message_count);
    uint64_t start_ns = cpu_ns();
    for (unsigned i = 0; i < times; i++)
        count += read_all(stream);
    report(what, count, start_ns);
    stream_destroy(stream);
}

int main(void)
{
    struct stream_limits numbered = as_recent, by_topic = as_recent;
    numbered.messages_max = 10000;
    by_topic.messages_per_topic_max = 1000;
    for (unsigned i = 0; i < BATCH_MAX; i++)
        messages[i] = (struct message){ .body = bodies[i], .body_size = PAYLOAD_SIZE };
    printf("%d bytes a message; bounds as those of the stream recent\n", PAYLOAD_SIZE);
    measure_new_memory();
    measure_append("append one", as_recent, 1);
    measure_append("append in batches of 100", as_recent, 100);
    measure_append("append in batches of 500", as_recent, 500);
    measure_append("append in batches of 100, messages_max 10000", numbered, 100);
    measure_append("append in batches of 100, 1000 of a topic", by_topic, 100);
    measure_ids();
    measure_read("read, 200,000 in no cache", as_recent, 200000);
    measure_read("read, 2,000 that a cache holds", as_recent, 2000);
    return EXIT_SUCCESS;
}
