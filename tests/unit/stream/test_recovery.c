/* What a stream in files says of itself when it is opened again over files that somebody has been at. */
#include <stdio.h>
#include <stdlib.h>

#include "../store/sim.h"
#include "../unit.h"
#include "kit.h"
#include "stream/state.h"

enum { MESSAGES = 1500, BODY_SIZE = 1000, SEGMENT_SIZE = 1 << 20 };

static struct {
    struct sim *sim;
    struct stream_engine *engine;
    struct stream *stream;
    const char *sync, *boot_id;
} at;

static void open_stream(void)
{
    char settings[128];
    const struct stream_engine_options options = {
        .files = sim_files(at.sim), .directory = "data", .segment_size = SEGMENT_SIZE, .cache_size = 1 << 20,
        .boot_id = at.boot_id,
    };
    snprintf(settings, sizeof settings, "{\"name\":\"S\",\"subjects\":[\">\"],\"sync\":\"%s\"}", at.sync);
    ck_assert_int_eq(stream_engine_create(&options, &at.engine), 0);
    at.stream = kit_open(at.engine, settings);
}

static void close_stream(void)
{
    stream_destroy(at.stream);
    stream_engine_destroy(at.engine);
}

static void begin(const char *sync)
{
    at.sim = sim_create(1);
    at.sync = sync;
    at.boot_id = "b";
    open_stream();
}

static void end(void)
{
    close_stream();
    sim_destroy(at.sim);
}

/* Two segments. */
static void fill(void)
{
    kit_fill_any(at.stream, "t", MESSAGES, BODY_SIZE, 1000);
    while (stream_last(at.stream) < MESSAGES)
        kit_settle(at.stream);
}

static void remove_file(const char *path)
{
    const struct files *files = sim_files(at.sim);
    ck_assert_int_eq(files->remove(files->arg, path), 0);
}

static void lose_last_segment(void)
{
    remove_file("data/streams/S/0000000002.log");
    remove_file("data/streams/S/0000000002.dead");
}

static void empty_last_segment(void)
{
    const struct files *files = sim_files(at.sim);
    int fd = files->open(files->arg, "data/streams/S/0000000002.log", FILES_WRITE);
    ck_assert_int_eq(files->truncate(files->arg, fd, 0), 0);
    files->close(files->arg, fd);
}

static void lose_all_segments(void)
{
    lose_last_segment();
    remove_file("data/streams/S/0000000001.log");
    remove_file("data/streams/S/0000000001.dead");
}

static struct kit_seen read_all(void)
{
    for (uint64_t after = 0; after < stream_last(at.stream); after += 100) { /* all is in memory then */
        struct stream_run run;
        while (stream_read(at.stream, after, 1000, &run) == STREAM_AWAY)
            kit_settle(at.stream);
        stream_release(&run);
    }
    return kit_read(at.stream, 0, 1000);
}

static void expect_gap(uint64_t last, uint64_t epoch)
{
    struct kit_seen seen = read_all();
    ck_assert_uint_eq(stream_last(at.stream), last);
    ck_assert_uint_eq(stream_epoch(at.stream), epoch);
    ck_assert_uint_eq(seen.gap_count, 1);
    ck_assert_uint_eq(seen.gap_last, MESSAGES);
    ck_assert_uint_eq(seen.message_count, seen.gap_first - 1 + last - MESSAGES);
}

static void (*const losses[])(void) = { lose_last_segment, empty_last_segment, lose_all_segments };

/* In peace, and not. */
static void lose(void (*loss)(void), bool in_peace)
{
    begin("always");
    fill();
    uint64_t epoch = stream_epoch(at.stream);
    close_stream(); /* it says where it ends */
    open_stream();
    if (!in_peace)
        sim_power_off(at.sim);
    close_stream();
    if (!in_peace)
        sim_process_ends(at.sim);
    loss();
    for (unsigned life = 0; life < 4; life++) {
        open_stream();
        expect_gap(MESSAGES + life, epoch);
        kit_fill_any(at.stream, "t", 1, BODY_SIZE, 1000);
        kit_settle(at.stream);
        expect_gap(MESSAGES + life + 1, epoch);
        if (life % 2)
            sim_power_off(at.sim);
        close_stream();
        if (life % 2)
            sim_power_on(at.sim);
    }
    open_stream();
    end();
}

START_TEST(sequences_go_on_behind_an_end_that_is_missing)
{
    for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++) {
        lose(losses[i], true);
        lose(losses[i], false);
    }
}
END_TEST

/* Also where nothing is ever appended to what is left. */
START_TEST(an_end_that_is_missing_stays_missed)
{
    begin("never");
    fill();
    uint64_t epoch = stream_epoch(at.stream);
    close_stream();
    lose_last_segment();
    for (unsigned life = 0; life < 3; life++) {
        open_stream();
        expect_gap(MESSAGES, epoch);
        close_stream();
    }
    open_stream();
    end();
}
END_TEST

/* Whoever does not sync loses its end with the machine: that is no damage, and the epoch says it. */
START_TEST(what_was_never_synced_is_not_missed)
{
    begin("never");
    fill();
    uint64_t epoch = stream_epoch(at.stream);
    sim_power_off(at.sim);
    close_stream();
    sim_power_on(at.sim);
    at.boot_id = "c";
    open_stream();
    ck_assert_uint_ne(stream_epoch(at.stream), epoch);
    ck_assert_uint_eq(read_all().gap_count, 0);
    end();
}
END_TEST

static uint64_t size_of_all(void)
{
    static const char *const names[] = { "epochs", "0000000001.log", "0000000001.dead", "0000000002.log",
                                         "0000000002.dead" };
    uint64_t all = 0, size;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[64];
        snprintf(path, sizeof path, "data/streams/S/%s", names[i]);
        all += sim_bytes(at.sim, path, &size) ? size : 0;
    }
    return all;
}

/* The last commit is all that the next life doubts, and cannot write anew. */
static void fill_by_steps(void)
{
    for (uint64_t last = 0; last < MESSAGES; last = stream_last(at.stream)) {
        kit_fill_any(at.stream, "t", 100, BODY_SIZE, 1000);
        kit_settle(at.stream);
    }
}

static void make_room_by_a_purge(uint64_t space)
{
    uint64_t size;
    begin("always");
    fill_by_steps();
    sim_power_off(at.sim);
    close_stream();
    sim_process_ends(at.sim);
    sim_set_space(at.sim, size_of_all() + space);
    open_stream();
    ck_assert_int_eq(kit_state(at.stream).health, STREAM_FULL);
    ck_assert_int_eq(kit_publish(at.stream, "t", "x", NULL, 1000).verdict, RECEIPT_DISK_FULL);
    stream_purge(at.stream, slice_make(NULL, 0), 0, 0);
    for (unsigned i = 0; i < 4; i++)
        kit_settle(at.stream);
    ck_assert_ptr_null(sim_bytes(at.sim, "data/streams/S/0000000001.log", &size));
    ck_assert_int_eq(kit_state(at.stream).health, STREAM_WELL);
    ck_assert_uint_eq(kit_publish(at.stream, "t", "x", NULL, 1000).sequence, MESSAGES + 1);
    kit_settle(at.stream);
    ck_assert_uint_eq(stream_last(at.stream), MESSAGES + 1);
    end();
}

/* The disk is full of the stream itself: a new life cannot even be noted; or it can be, but what it doubts has a file
 * and not the room to be written there. What is taken out is what helps. */
START_TEST(what_is_taken_out_makes_room_for_a_life_that_found_none)
{
    make_room_by_a_purge(0);
    make_room_by_a_purge(16 << 10);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        sequences_go_on_behind_an_end_that_is_missing,
        an_end_that_is_missing_stays_missed,
        what_was_never_synced_is_not_missed,
        what_is_taken_out_makes_room_for_a_life_that_found_none,
        NULL,
    };
    return unit_run("recovery", tests);
}
