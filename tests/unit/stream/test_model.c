/*
 * A stream against a plain array that knows everything that was ever appended: whatever is done to it, each read shows
 * what the array says, and each state agrees.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"
#include "kit.h"
#include "util/random.h"

enum {
    STEPS = 40000,
    TOPICS = 7,
    BATCH_MAX = 9,
    PAYLOAD_SIZE_MAX = 3000,
    LARGE_SIZE = 1000, /* what a message is larger than a block, at most */
    RUNS = 4,
};

enum fate { KEPT, SUPERSEDED, LOST };

struct entry {
    uint64_t time_ms, number; /* the seed of its payload */
    unsigned topic, size;     /* of the payload */
    unsigned record_size;
    enum fate fate;
};

struct held {
    struct stream_run run;
    uint64_t sequence; /* up to which it has been read; the run is held while it is below run.last_sequence */
};

struct model {
    struct random random;
    struct stream *stream;
    struct stream_limits limits;
    struct entry *entries;           /* [1, last] */
    uint64_t last, lost, duplicates; /* sequences; how many were duplicates */
    uint64_t now_ms;
    struct held held[RUNS];
};

static char topic_of(unsigned topic)
{
    return (char)('a' + topic);
}

static char byte_of(uint64_t number, size_t at)
{
    return (char)(number * 31 + at * 7 + (at >> 8));
}

/* What must go. How blocks are filled the array does not know: bounds of bytes are tried in test_stream. */

static void lose(struct model *model, uint64_t sequence)
{
    if (model->entries[sequence].fate != KEPT)
        return;
    model->entries[sequence].fate = LOST;
    model->lost = sequence;
}

static uint64_t kept_count(const struct model *model, int topic, uint64_t *ret_bytes)
{
    uint64_t count = 0;
    *ret_bytes = 0;
    for (uint64_t sequence = model->lost + 1; sequence <= model->last; sequence++) {
        const struct entry *entry = &model->entries[sequence];
        if (entry->fate != KEPT || (topic >= 0 && entry->topic != (unsigned)topic))
            continue;
        count++;
        *ret_bytes += entry->record_size;
    }
    return count;
}

/* The oldest that is kept, of the topic or of all (-1). */
static uint64_t oldest(const struct model *model, int topic)
{
    for (uint64_t sequence = model->lost + 1; sequence <= model->last; sequence++)
        if (model->entries[sequence].fate == KEPT && (topic < 0 || model->entries[sequence].topic == (unsigned)topic))
            return sequence;
    return 0;
}

static void lose_old(struct model *model)
{
    uint64_t sequence;
    while (model->limits.age_max_ms && (sequence = oldest(model, -1)) &&
           model->entries[sequence].time_ms + model->limits.age_max_ms < model->now_ms)
        lose(model, sequence);
}

static void lose_many(struct model *model)
{
    uint64_t bytes;
    while (model->limits.messages_max && kept_count(model, -1, &bytes) > model->limits.messages_max)
        lose(model, oldest(model, -1));
}

static void supersede(struct model *model, unsigned topic)
{
    uint64_t bytes;
    while (model->limits.messages_per_topic_max &&
           kept_count(model, (int)topic, &bytes) > model->limits.messages_per_topic_max)
        model->entries[oldest(model, (int)topic)].fate = SUPERSEDED;
}

/* What the stream lost for want of bytes; it must then be within them, but for a last block. */
static void lose_blocks(struct model *model)
{
    uint64_t bytes, lost = kit_state(model->stream).lost_sequence;
    for (uint64_t sequence = model->lost + 1; sequence <= lost; sequence++)
        lose(model, sequence);
    unit_assert(model->lost >= lost);
    kept_count(model, -1, &bytes);
    unit_assert(bytes <= model->limits.bytes_max || bytes <= BLOCK_SIZE + LARGE_SIZE);
}

/* With each append, kept or not. */
static void bound(struct model *model)
{
    lose_old(model);
    lose_many(model);
    lose_blocks(model);
}

/* Steps. */

static unsigned draw_size(struct model *model)
{
    if (random_below(&model->random, 500) == 0)
        return BLOCK_SIZE + random_below(&model->random, LARGE_SIZE - 100);
    return random_below(&model->random, random_below(&model->random, 3) ? 300 : PAYLOAD_SIZE_MAX);
}

static void note(struct model *model, unsigned topic, unsigned size, unsigned head_size, uint64_t number)
{
    unsigned record_size = ((unsigned)sizeof(struct record) + 1 + head_size + size + 7) & ~7u;
    model->entries[++model->last] = (struct entry){ model->now_ms, number, topic, size, record_size, KEPT };
    supersede(model, topic);
}

static void append(struct model *model)
{
    unsigned count = 1 + random_below(&model->random, BATCH_MAX), topic = random_below(&model->random, TOPICS);
    struct message messages[BATCH_MAX];
    struct receipt receipts[BATCH_MAX];
    char *bodies[BATCH_MAX], name = topic_of(topic);
    const struct batch batch = {
        .topic = slice_make(&name, 1), .messages = messages, .count = count, .receipts = receipts,
    };
    uint64_t last = model->last;
    for (unsigned i = 0; i < count; i++) {
        unsigned size = draw_size(model);
        bodies[i] = malloc(size + 1);
        for (unsigned k = 0; k < size; k++)
            bodies[i][k] = byte_of(last + 1 + i, k);
        messages[i] = (struct message){ .body = bodies[i], .body_size = size };
        note(model, topic, size, 0, last + 1 + i);
    }
    unit_assert(stream_append(model->stream, &batch, model->now_ms, NULL) == count);
    for (unsigned i = 0; i < count; i++) {
        unit_assert(receipts[i].sequence == last + 1 + i && !receipts[i].duplicate);
        free(bodies[i]);
    }
    bound(model);
}

/* One of few ids, so that it is often there already; when, is test_duplicates' to say. */
static void append_with_id(struct model *model)
{
    char id[8], name[2] = { topic_of(random_below(&model->random, TOPICS)) };
    snprintf(id, sizeof id, "%u", random_below(&model->random, 40));
    struct receipt receipt = kit_append(model->stream, name, "", id, model->now_ms);
    model->duplicates += receipt.duplicate;
    if (!receipt.duplicate) {
        unit_assert(receipt.sequence == model->last + 1);
        note(model, (unsigned)(name[0] - 'a'), 0, (unsigned)(29 + strlen(id)), 0);
    }
    unit_assert(receipt.sequence <= model->last);
    bound(model);
}

static void check_message(const struct model *model, const struct stream_message *message)
{
    const struct entry *entry = &model->entries[message->sequence];
    unit_assert(message->time_ms == entry->time_ms);
    unit_assert(message->topic.size == 1 && *message->topic.data == topic_of(entry->topic));
    unit_assert(message->payload.size == entry->size);
    for (size_t i = 0; i < entry->size; i += 1 + i / 16)
        unit_assert(message->payload.data[i] == byte_of(entry->number, i));
}

static uint64_t next_kept(const struct model *model, uint64_t after)
{
    for (uint64_t sequence = after + 1; sequence <= model->last; sequence++)
        if (model->entries[sequence].fate == KEPT)
            return sequence;
    return 0;
}

static void check_gap(const struct model *model, const struct stream_run *run, uint64_t after)
{
    bool is_gap = after < model->lost;
    unit_assert(run->gap_first == (is_gap ? after + 1 : 0));
    unit_assert(run->gap_last == (is_gap ? model->lost : 0));
}

/* From anywhere, or near to where the gap ends, to the end. */
static void read_all(struct model *model)
{
    uint64_t after = random_below(&model->random, (uint32_t)model->last + 2), sequence;
    if (random_below(&model->random, 2))
        after = model->lost + random_below(&model->random, 3);
    struct stream_run run;
    struct stream_message message;
    lose_old(model);
    while (stream_read(model->stream, after, model->now_ms, &run) == STREAM_FOUND) {
        check_gap(model, &run, after);
        while (stream_run_next(&run, &message)) {
            sequence = next_kept(model, after);
            unit_assert(message.sequence == sequence);
            check_message(model, &message);
            after = sequence;
        }
        unit_assert(after <= run.last_sequence);
        stream_release(&run);
    }
    check_gap(model, &run, after);
    unit_assert(next_kept(model, after) == 0);
}

/* A run that was taken long ago: what was not superseded is there, lost since or not. */
static void read_held(struct model *model, struct held *held)
{
    struct stream_message message;
    if (!held->run.block) {
        lose_old(model); /* as stream_read does */
        if (stream_read(model->stream, 0, model->now_ms, &held->run) != STREAM_FOUND)
            return;
    }
    for (unsigned budget = random_below(&model->random, 20); budget; budget--) {
        uint64_t before = held->sequence;
        if (!stream_run_next(&held->run, &message)) {
            stream_release(&held->run);
            held->sequence = 0;
            return;
        }
        for (uint64_t sequence = before + 1; before && sequence < message.sequence; sequence++)
            unit_assert(model->entries[sequence].fate == SUPERSEDED);
        check_message(model, &message);
        held->sequence = message.sequence;
    }
}

static void set_limits(struct model *model)
{
    struct stream_limits *limits = &model->limits;
    limits->bytes_max = (1 + random_below(&model->random, 8)) * BLOCK_SIZE;
    limits->messages_max = random_below(&model->random, 3) ? 0 : 1 + random_below(&model->random, 500);
    limits->messages_per_topic_max = random_below(&model->random, 3) ? 0 : 1 + random_below(&model->random, 30);
    limits->age_max_ms = random_below(&model->random, 3) ? 0 : 1 + random_below(&model->random, 300);
    limits->duplicate_window_ms = random_below(&model->random, 100);
    limits->duplicate_ids_max = random_below(&model->random, 60);
    stream_set_limits(model->stream, limits);
}

static void check_state(struct model *model)
{
    uint64_t bytes, count = kept_count(model, -1, &bytes), first = oldest(model, -1);
    struct stream_state state = kit_state(model->stream);
    unit_assert(state.message_count == count);
    unit_assert(state.byte_count == bytes);
    unit_assert(state.last_sequence == model->last && stream_last(model->stream) == model->last);
    unit_assert(state.first_sequence == (count ? first : model->last + 1));
    unit_assert(state.lost_sequence == model->lost);
    unit_assert(state.duplicate_count == model->duplicates);
    unit_assert(state.first_time_ms == (count ? model->entries[first].time_ms : 0));
    unit_assert(state.last_time_ms == (count ? model->entries[model->last].time_ms : 0));
}

static void check_time(struct model *model)
{
    uint64_t time_ms = model->now_ms - random_below(&model->random, 400);
    uint64_t sequence = stream_sequence_before(model->stream, time_ms), next = oldest(model, -1);
    while (next && model->entries[next].time_ms < time_ms)
        next = next_kept(model, next);
    unit_assert(next_kept(model, sequence) == next);
}

static void step(struct model *model)
{
    static void (*const checks[])(struct model *model) = { check_state, check_time, read_all };
    unsigned draw = random_below(&model->random, 1000);
    model->now_ms += random_below(&model->random, 3);
    if (draw < 600)
        append(model);
    else if (draw < 800)
        append_with_id(model);
    else if (draw < 850)
        checks[draw % 3](model);
    else if (draw < 990)
        read_held(model, &model->held[draw % RUNS]);
    else if (draw < 993)
        set_limits(model);
    else if (draw == 999)
        model->now_ms += 500;
}

START_TEST(a_stream_is_what_an_array_would_be)
{
    struct model model = { .now_ms = 1000 };
    random_init(&model.random, unit_seed("a_stream_is_what_an_array_would_be"));
    model.entries = calloc((size_t)STEPS * BATCH_MAX + 1, sizeof *model.entries);
    model.stream = kit_create(kit_limits);
    set_limits(&model);
    for (unsigned i = 0; i < STEPS; i++)
        step(&model);
    check_state(&model);
    read_all(&model);
    for (unsigned i = 0; i < RUNS; i++)
        stream_release(&model.held[i].run);
    stream_destroy(model.stream);
    free(model.entries);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { a_stream_is_what_an_array_would_be, NULL };
    return unit_run("model", tests);
}
