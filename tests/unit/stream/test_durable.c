/*
 * Streams in files against a plain array, over a simulated disk: killed, cut off from power, full, failing and stopped
 * at random, and opened again. Nothing that was to be seen is lost, no sequence stands for two messages, what was taken
 * out for ever stays out, and ids are remembered.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../store/sim.h"
#include "../unit.h"
#include "kit.h"
#include "stream/state.h"
#include "util/random.h"

enum {
    STEPS = 6000,
    TOPICS = 5,
    BATCH_MAX = 7,
    IDS = 60,
    ENTRIES_MAX = STEPS * BATCH_MAX,
    SIZE_MAX_OF = 6000,
    SEGMENT_SIZE = 1 << 20,
};

enum fate {
    KEPT,
    TAKEN_OUT, /* it may come back */
    GONE,
};

struct entry {
    uint64_t time_ms;
    unsigned topic, size, id; /* id 0: none */
    uint64_t number;          /* the seed of its payload */
    enum fate fate;
    uint64_t taken_life;      /* how many crashes there had been when it was taken out */
};

struct model {
    struct random random;
    struct sim *sim;
    struct stream_engine *engine;
    struct stream *stream;
    char settings[256];
    bool is_always, is_failing;
    unsigned boot;
    uint64_t now_ms, number;
    uint64_t last, shown;      /* appended; seen by readers */
    uint64_t epoch;
    uint64_t crash_count, lost_count;
    struct entry entries[ENTRIES_MAX + 1];
};

static uint64_t model_wall_ms(void *arg)
{
    return ((struct model *)arg)->now_ms;
}

static void open_stream(struct model *model)
{
    char boot_id[16];
    snprintf(boot_id, sizeof boot_id, "boot-%u", model->boot);
    const struct stream_engine_options options = {
        .files = sim_files(model->sim), .directory = "data", .segment_size = SEGMENT_SIZE, .cache_size = 1 << 20,
        .boot_id = boot_id, .wall_ms = model_wall_ms, .arg = model,
    };
    ck_assert_int_eq(stream_engine_create(&options, &model->engine), 0);
    model->stream = kit_open(model->engine, model->settings);
}

static void close_stream(struct model *model)
{
    stream_destroy(model->stream);
    stream_engine_destroy(model->engine);
}

/* Reading. */

static char byte_of(uint64_t number, size_t at)
{
    return (char)(number * 37 + at * 11 + (at >> 9));
}

static void check_message(const struct model *model, const struct stream_message *message)
{
    const struct entry *entry = &model->entries[message->sequence];
    unit_assert(message->sequence <= model->last && message->time_ms == entry->time_ms);
    unit_assert(message->topic.size == 1 && *message->topic.data == (char)('a' + entry->topic));
    unit_assert(message->payload.size == entry->size);
    for (size_t i = 0; i < entry->size; i += 1 + i / 16)
        unit_assert(message->payload.data[i] == byte_of(entry->number, i));
    unit_assert((message->head.size > 0) == (entry->id > 0));
}

/* The next run; what is away is fetched. */
static bool read_run(struct model *model, uint64_t after, struct stream_run *run)
{
    enum stream_found found;
    while ((found = stream_read(model->stream, after, model->now_ms, run)) == STREAM_AWAY)
        stream_fetch(model->stream, 1);
    unit_assert(!run->gap_first);
    return found == STREAM_FOUND;
}

/* What has been passed over is not there, and not by accident. After a crash what was taken out may be back. */
static void pass(struct model *model, uint64_t first, uint64_t last)
{
    for (uint64_t sequence = first; sequence <= last; sequence++)
        unit_assert(model->entries[sequence].fate != KEPT);
}

static void read_from(struct model *model, uint64_t after, bool has_crashed)
{
    struct stream_run run;
    struct stream_message message;
    uint64_t seen = after;
    while (read_run(model, seen, &run)) {
        while (stream_run_next(&run, &message)) {
            struct entry *entry = &model->entries[message.sequence];
            pass(model, seen + 1, message.sequence - 1);
            check_message(model, &message);
            unit_assert(entry->fate == KEPT || (has_crashed && entry->fate == TAKEN_OUT));
            entry->fate = KEPT;
            seen = message.sequence;
        }
        seen = run.last_sequence > seen ? run.last_sequence : seen;
        stream_release(&run);
    }
    pass(model, seen + 1, stream_last(model->stream));
}

/* Appending. */

static void note_shown(struct model *model)
{
    uint64_t shown = stream_last(model->stream);
    unit_assert(shown >= model->shown && shown <= model->last);
    model->shown = shown;
}

static uint64_t sequence_of_id(const struct model *model, unsigned id)
{
    for (uint64_t sequence = model->last; sequence > 0; sequence--)
        if (model->entries[sequence].id == id)
            return sequence;
    return 0;
}

static void append(struct model *model)
{
    char body[64 + SIZE_MAX_OF], topic;
    unsigned place = random_below(&model->random, TOPICS), id = random_below(&model->random, 3) ? 0
                                                                  : 1 + random_below(&model->random, IDS);
    unsigned size = random_below(&model->random, random_below(&model->random, 10) ? 300 : SIZE_MAX_OF);
    uint64_t number = ++model->number, before = id ? sequence_of_id(model, id) : 0;
    int head_size = id ? sprintf(body, "NATS/1.0\r\nNats-Msg-Id: id-%u\r\n\r\n", id) : 0;
    for (size_t i = 0; i < size; i++)
        body[(size_t)head_size + i] = byte_of(number, i);
    topic = (char)('a' + place);
    const struct message message = { .body = body, .head_size = (uint32_t)head_size,
                                     .body_size = (uint32_t)head_size + size };
    struct receipt receipt;
    const struct batch batch = { .topic = { &topic, 1 }, .messages = &message, .count = 1, .receipts = &receipt };
    stream_append(model->stream, &batch, model->now_ms, NULL);
    bool may_be_forgotten = before && model->entries[before].fate != KEPT;
    if (receipt.duplicate) {
        unit_assert(before && receipt.sequence == before);
    } else if (receipt.sequence) {
        unit_assert((!before || may_be_forgotten) && receipt.sequence == model->last + 1);
        model->entries[++model->last] = (struct entry){ model->now_ms, place, size, id, number, KEPT, 0 };
    } else {
        unit_assert(receipt.verdict == RECEIPT_DISK_FULL || receipt.verdict == RECEIPT_FAILED);
        unit_assert(model->is_failing);
    }
}

static void append_some(struct model *model)
{
    for (unsigned count = 1 + random_below(&model->random, BATCH_MAX); count && model->last < ENTRIES_MAX - 1; count--)
        append(model);
}

/* Taking out. */

static void note_taken(struct model *model, uint64_t sequence)
{
    model->entries[sequence].fate = TAKEN_OUT;
    model->entries[sequence].taken_life = model->crash_count;
}

static void take_out(struct model *model)
{
    uint64_t sequence = 1 + random_below(&model->random, (uint32_t)model->last + 1);
    bool is_there = sequence <= model->shown && model->entries[sequence].fate == KEPT;
    bool was_there = stream_delete(model->stream, sequence) == 0;
    unit_assert(was_there == is_there || (was_there && model->stream->purges));
    if (is_there)
        note_taken(model, sequence);
}

static void purge(struct model *model)
{
    char topic = (char)('a' + random_below(&model->random, TOPICS));
    uint64_t below = 1 + random_below(&model->random, (uint32_t)model->last + 1);
    stream_purge(model->stream, slice_make(&topic, 1), below, 0);
    for (uint64_t sequence = 1; sequence < below; sequence++)
        if (model->entries[sequence].topic == (unsigned)(topic - 'a') && model->entries[sequence].fate == KEPT)
            note_taken(model, sequence);
}

/* What is taken out by now will not come back, once the stream says so. */
static void remember(struct model *model)
{
    kit_settle(model->stream);
    uint64_t ticket = stream_remember(model->stream);
    kit_settle(model->stream);
    if (stream_remembered(model->stream) < ticket) {
        unit_assert(model->is_failing);
        return;
    }
    for (uint64_t sequence = 1; sequence <= model->last; sequence++)
        if (model->entries[sequence].fate == TAKEN_OUT && model->entries[sequence].taken_life == model->crash_count)
            model->entries[sequence].fate = GONE;
}

/* Ends. */

static void check_again(struct model *model, bool power_was_cut)
{
    uint64_t last = stream_last(model->stream), epoch = stream_epoch(model->stream);
    struct cursor cursor = { model->epoch, last };
    unit_assert(last <= model->last);
    unit_assert(last >= model->shown || (power_was_cut && !model->is_always && epoch != model->epoch));
    unit_assert(epoch == model->epoch || (power_was_cut && !model->is_always));
    unit_assert(stream_locate(model->stream, &cursor) && cursor.epoch == epoch);
    if (last < model->shown) {
        cursor = (struct cursor){ model->epoch, last + 1 };
        unit_assert(!stream_locate(model->stream, &cursor));
        model->lost_count++;
    }
    model->epoch = epoch;
    model->last = model->shown = last;
    read_from(model, 0, true);
}

static void crash(struct model *model, bool power_is_cut)
{
    model->crash_count++;
    sim_power_off(model->sim);
    close_stream(model);
    sim_fail_syncs(model->sim, false);
    sim_set_space(model->sim, UINT64_MAX);
    model->is_failing = false;
    model->boot += power_is_cut;
    if (power_is_cut)
        sim_power_on(model->sim);
    else
        sim_process_ends(model->sim);
    open_stream(model);
    check_again(model, power_is_cut);
}

static void restart(struct model *model)
{
    if (model->is_failing)
        return;
    uint64_t last = model->last;
    close_stream(model);
    model->boot += random_below(&model->random, 2);
    open_stream(model);
    unit_assert(stream_last(model->stream) == last);
    check_again(model, false);
}

static void break_disk(struct model *model)
{
    if (random_below(&model->random, 2))
        sim_fail_syncs(model->sim, true);
    else
        sim_set_space(model->sim, 0);
    model->is_failing = true;
}

static void recover(struct model *model)
{
    struct stream_state state;
    sim_fail_syncs(model->sim, false);
    sim_set_space(model->sim, UINT64_MAX);
    kit_settle(model->stream);
    stream_get_state(model->stream, &state);
    if (state.health == STREAM_FAILED) {
        crash(model, random_below(&model->random, 2));
        return;
    }
    unit_assert(state.health == STREAM_WELL);
    model->is_failing = false;
    note_shown(model);
    unit_assert(model->shown == model->last);
}

static void step(struct model *model)
{
    unsigned draw = random_below(&model->random, 1000);
    model->now_ms += random_below(&model->random, 3);
    if (draw < 550)
        append_some(model);
    else if (draw < 800)
        stream_commit(model->stream, model->now_ms);
    else if (draw < 850)
        take_out(model);
    else if (draw < 860)
        purge(model);
    else if (draw < 880)
        remember(model);
    else if (draw < 940)
        read_from(model, random_below(&model->random, (uint32_t)model->last + 1), false);
    else if (draw < 950)
        stream_fetch(model->stream, model->now_ms);
    else if (draw < 955)
        break_disk(model);
    else if (draw < 975)
        recover(model);
    else if (draw < 985)
        restart(model);
    else
        crash(model, draw % 2);
    note_shown(model);
}

static void play(const char *sync, uint64_t seed)
{
    struct model *model = calloc(1, sizeof *model);
    random_init(&model->random, seed);
    model->sim = sim_create(seed);
    model->is_always = strcmp(sync, "always") == 0;
    model->now_ms = 1000000;
    snprintf(model->settings, sizeof model->settings, "{\"name\":\"S\",\"subjects\":[\">\"],\"sync\":\"%s\","
             "\"duplicate_window\":1000000000000}", sync);
    open_stream(model);
    model->epoch = stream_epoch(model->stream);
    for (unsigned i = 0; i < STEPS && model->last < ENTRIES_MAX - 100; i++)
        step(model);
    printf("%s: %u messages, %u crashes, %u with losses\n", sync, (unsigned)model->last, (unsigned)model->crash_count,
           (unsigned)model->lost_count);
    close_stream(model);
    sim_destroy(model->sim);
    free(model);
}

START_TEST(nothing_that_was_seen_is_lost)
{
    play("always", unit_seed("nothing_that_was_seen_is_lost"));
}
END_TEST

START_TEST(what_is_lost_is_told_where_not_all_is_synced)
{
    play("10ms", unit_seed("what_is_lost_is_told_where_not_all_is_synced"));
    play("never", unit_seed("what_is_lost_is_told_where_not_all_is_synced"));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        nothing_that_was_seen_is_lost,
        what_is_lost_is_told_where_not_all_is_synced,
        NULL,
    };
    return unit_run("durable", tests);
}
