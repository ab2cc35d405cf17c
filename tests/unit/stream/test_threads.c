/*
 * Several threads append to a stream, several read it, waiting for its wake-ups: each reader sees each sequence once,
 * in order and whole, or is told that it is gone; and nobody sleeps through the end.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "../unit.h"
#include "kit.h"

enum {
    APPENDERS = 3,
    READERS = 3,
    BATCHES = 3000, /* of each appender */
    BATCH = 5,
    TOTAL = APPENDERS * BATCHES * BATCH,
    PAYLOAD_SIZE_MAX = 600,
};

struct payload {
    uint32_t appender, number;
    unsigned char bytes[PAYLOAD_SIZE_MAX];
};

struct appender {
    pthread_t thread;
    struct stream *stream;
    uint32_t id;
};

struct reader {
    pthread_t thread;
    struct stream *stream;
    struct stream_watch watch;
    sem_t woken;
    uint64_t sequence, message_count, gone_count;
    uint32_t next[APPENDERS]; /* number that comes next of each, or a later one behind a gap */
};

static size_t size_of(uint32_t number)
{
    return 2 * sizeof(uint32_t) + number * 37 % PAYLOAD_SIZE_MAX;
}

static void *append_all(void *arg)
{
    const struct appender *appender = arg;
    struct payload payloads[BATCH];
    struct message messages[BATCH];
    struct receipt receipts[BATCH];
    const struct batch batch = { .topic = slice_of("t"), .messages = messages, .count = BATCH, .receipts = receipts };
    uint64_t last = 0;
    for (uint32_t number = 0; number < BATCHES * BATCH; number += BATCH) {
        for (uint32_t i = 0; i < BATCH; i++) {
            payloads[i] = (struct payload){ appender->id, number + i, { 0 } };
            memset(payloads[i].bytes, (int)(appender->id + number + i), sizeof payloads[i].bytes);
            messages[i] = (struct message){ .body = (char *)&payloads[i], .body_size = (uint32_t)size_of(number + i) };
        }
        unit_assert(stream_append(appender->stream, &batch, number, NULL) == BATCH);
        unit_assert(receipts[0].sequence > last && receipts[BATCH - 1].sequence == receipts[0].sequence + BATCH - 1);
        last = receipts[BATCH - 1].sequence;
        unit_assert(stream_last(appender->stream) >= last);
    }
    return NULL;
}

static void check(struct reader *reader, const struct stream_message *message, bool may_miss)
{
    struct payload payload;
    unit_assert(message->sequence == reader->sequence + 1);
    unit_assert(message->payload.size <= sizeof payload);
    memcpy(&payload, message->payload.data, message->payload.size);
    unit_assert(payload.appender < APPENDERS && message->payload.size == size_of(payload.number));
    for (size_t i = 0; i < message->payload.size - 2 * sizeof(uint32_t); i++)
        unit_assert(payload.bytes[i] == (unsigned char)(payload.appender + payload.number));
    uint32_t *next = &reader->next[payload.appender];
    unit_assert(payload.number == *next || (may_miss && payload.number > *next));
    *next = payload.number + 1;
    reader->sequence = message->sequence;
    reader->message_count++;
}

/* All that there is. */
static void read_on(struct reader *reader)
{
    struct stream_run run;
    struct stream_message message;
    bool found;
    do {
        found = stream_read(reader->stream, reader->sequence, 0, &run) == STREAM_FOUND;
        if (run.gap_first) {
            unit_assert(run.gap_first == reader->sequence + 1);
            reader->gone_count += run.gap_last - reader->sequence;
            reader->sequence = run.gap_last;
        }
        while (found && stream_run_next(&run, &message))
            check(reader, &message, reader->gone_count > 0);
        stream_release(&run);
    } while (found);
}

/* A wake-up that is lost lets this wait for ever, and check ends the test. */
static void *read_all(void *arg)
{
    struct reader *reader = arg;
    while (reader->sequence < TOTAL) {
        sem_wait(&reader->woken);
        unit_assert(stream_watch_take(&reader->watch));
        read_on(reader);
    }
    return NULL;
}

static void wake(void *arg)
{
    sem_post(arg);
}

static void start_reader(struct reader *reader, struct stream *stream)
{
    *reader = (struct reader){ .stream = stream, .watch = { .wake = wake, .arg = &reader->woken } };
    sem_init(&reader->woken, 0, 0);
    stream_watch(stream, &reader->watch);
    pthread_create(&reader->thread, NULL, read_all, reader);
}

static void play(struct stream_limits limits)
{
    struct stream *stream = kit_create(limits);
    struct reader readers[READERS];
    struct appender appenders[APPENDERS];
    for (unsigned i = 0; i < READERS; i++)
        start_reader(&readers[i], stream);
    for (unsigned i = 0; i < APPENDERS; i++) {
        appenders[i] = (struct appender){ .stream = stream, .id = i };
        pthread_create(&appenders[i].thread, NULL, append_all, &appenders[i]);
    }
    for (unsigned i = 0; i < APPENDERS; i++)
        pthread_join(appenders[i].thread, NULL);
    for (unsigned i = 0; i < READERS; i++) {
        pthread_join(readers[i].thread, NULL);
        unit_assert(readers[i].message_count + readers[i].gone_count == TOTAL);
        unit_assert(readers[i].gone_count == 0 || limits.bytes_max < kit_limits.bytes_max);
        stream_unwatch(stream, &readers[i].watch);
        sem_destroy(&readers[i].woken);
    }
    stream_destroy(stream);
}

START_TEST(every_reader_sees_every_message_once_and_whole)
{
    play(kit_limits);
}
END_TEST

START_TEST(readers_of_a_small_stream_are_told_of_every_gap)
{
    play((struct stream_limits){ .bytes_max = 2 * BLOCK_SIZE, .messages_max = 100 });
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_reader_sees_every_message_once_and_whole, readers_of_a_small_stream_are_told_of_every_gap, NULL,
    };
    return unit_run("threads", tests);
}
