/*
 * Fuzz target: a state of a consumer, as it is stored. Bytes that are taken must make a consumer that works and saves
 * a state that is taken again and says the same; others must change nothing. The input is the state, in which the epoch
 * of the stream stands as eight bytes 0xee.
 */
#include <stdlib.h>
#include <string.h>

#include "consumer/consumer.h"
#include "fuzz.h"

enum { MESSAGES = 40, EPOCH_MARK = 0xee };

static const struct consumer_time start = { 1000, 100000 };

/* What was delivered last, and how often anything was. */
struct seen {
    uint64_t sequence, count;
};

static void deliver(void *arg, struct slice topic, const struct consumer_delivery *deliveries, unsigned count)
{
    struct seen *seen = arg;
    (void)topic;
    for (unsigned i = 0; i < count; i++) {
        seen->sequence = deliveries[i].message.sequence;
        fuzz_require(seen->sequence >= 1 && seen->sequence <= MESSAGES);
        seen->count++;
    }
}

static void status(void *arg, struct slice topic, const struct consumer_status *words)
{
    (void)arg;
    (void)topic;
    fuzz_require(consumer_status_text(words->kind));
}

static enum consumer_interest interest(void *arg, struct slice topic, struct slice group)
{
    (void)arg;
    (void)topic;
    (void)group;
    return CONSUMER_LISTENS;
}

static const struct consumer_ops ops = { .deliver = deliver, .status = status, .interest = interest };

static struct stream *open_stream(void)
{
    char *topics[] = { "t.>" };
    struct stream_settings settings;
    struct stream *stream;
    const struct message message = { .body = "x\r\n", .body_size = 1 };
    struct batch batch = { .messages = &message, .count = 1 };
    settings_init(&settings);
    settings.name = "s";
    settings.topics = topics;
    settings.topic_count = 1;
    settings.storage = STREAM_MEMORY;
    fuzz_require(stream_open(NULL, &settings, &stream) == 0);
    for (unsigned i = 0; i < MESSAGES; i++) {
        batch.topic = i % 3 ? slice_of("t.a") : slice_of("t.b");
        fuzz_require(stream_append(stream, &batch, 100000, NULL) == 1);
    }
    fuzz_require(stream_purge(stream, slice_of(""), 5, 0) == 4);
    return stream;
}

static struct consumer *create(struct stream *stream, struct seen *seen)
{
    char *filters[] = { "t.a" }, name[] = "c";
    struct consumer_settings settings;
    struct consumer *consumer;
    consumer_settings_init(&settings);
    settings.name = name;
    settings.durable = true;
    settings.filters = filters;
    settings.filter_count = 1;
    settings.ack_policy = CONSUMER_ACK_EXPLICIT;
    settings.max_deliver = 3;
    consumer_settings_complete(&settings);
    fuzz_require(consumer_create(stream, &settings, &ops, seen, start, &consumer) == 0);
    return consumer;
}

/* The number of a stream's epoch is drawn anew each time: the mark stands for it. */
static char *with_epoch(const uint8_t *data, size_t size, uint64_t epoch, size_t *ret_size)
{
    char *state = malloc(size + 16), *out = state;
    for (size_t at = 0; at < size;) {
        unsigned marks = 0;
        while (at + marks < size && marks < 8 && data[at + marks] == EPOCH_MARK)
            marks++;
        if (marks < 8) {
            *out++ = (char)data[at++];
            continue;
        }
        for (uint64_t rest = epoch; rest || out == state; rest >>= 7)
            *out++ = (char)((rest & 0x7f) | (rest >= 0x80 ? 0x80 : 0));
        memcpy(out, data + at + 8, size - at - 8);
        out += size - at - 8;
        break;
    }
    *ret_size = (size_t)(out - state);
    return state;
}

static char *save(struct consumer *consumer, size_t *ret_size)
{
    size_t room = consumer_save_size(consumer);
    char *state = malloc(room);
    *ret_size = consumer_save(consumer, start, state);
    fuzz_require(*ret_size <= room);
    return state;
}

static void check_saved(struct stream *stream, struct consumer *consumer)
{
    struct seen seen = { 0, 0 };
    size_t size, again_size;
    char *state = save(consumer, &size);
    struct consumer *other = create(stream, &seen);
    fuzz_require(consumer_load(other, slice_make(state, size), start) == 0);
    char *again = save(other, &again_size);
    fuzz_require(size == again_size && memcmp(state, again, size) == 0);
    consumer_destroy(other);
    free(state);
    free(again);
}

/* It delivers what it has to, no message more often than three times. */
static void use(struct consumer *consumer, const struct seen *seen)
{
    const struct consumer_request request = { .reply = slice_of("in"), .batch = 1000 };
    struct consumer_time time = start;
    uint64_t deadline_ms;
    fuzz_require(consumer_add_request(consumer, &request, time) == 0);
    for (unsigned turn = 0; turn < 10; turn++) {
        while (consumer_run(consumer, time, 100, &deadline_ms) == CONSUMER_MORE)
            continue;
        const struct consumer_ack ack = { .kind = CONSUMER_ACK, .sequence = seen->sequence };
        consumer_acknowledge(consumer, &ack, time);
        time.now_ms += 40000;
    }
    fuzz_require(seen->count <= 3 * MESSAGES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct stream *stream;
    struct seen seen = { 0, 0 };
    struct consumer_info info;
    size_t state_size;
    if (!stream)
        stream = open_stream();
    char *state = with_epoch(data, size, stream_epoch(stream), &state_size);
    struct consumer *consumer = create(stream, &seen);
    int result = consumer_load(consumer, slice_make(state, state_size), start);
    free(state);
    consumer_get_info(consumer, start, &info);
    fuzz_require(info.delivered.stream_sequence <= MESSAGES);
    fuzz_require(info.ack_floor.stream_sequence <= info.delivered.stream_sequence);
    fuzz_require(info.ack_floor.consumer_sequence <= info.delivered.consumer_sequence);
    if (result == 0)
        check_saved(stream, consumer);
    else
        fuzz_require(info.delivered.consumer_sequence == 0 && info.ack_pending_count == 0);
    use(consumer, &seen);
    consumer_destroy(consumer);
    return 0;
}
