/* Log files followed on a loop, as a worker does it: into a stream in files, with the reader's thread. */
#include "sidecar/tail.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit.h"
#include "broker/keeper.h"
#include "config/config.h"
#include "stream/engine.h"
#include "util/clock.h"
#include "wire/headers.h"

enum { DEADLINE_MS = 20000, TEXT_SIZE = 8 << 20 };

static struct counters counters;
static struct broker broker;
static struct loop loop;
static struct stream_engine *engine;
static struct stream_registry *registry;
static struct keepers *keepers;
static struct tails *tails;
static char directory[64];           /* of the logs; below it data/, with streams and positions */
static char got[TEXT_SIZE];          /* "payload|payload|" */
static char heads[TEXT_SIZE];

static char glob[128], *globs[] = { glob }, excluded[] = "*.gz", *exclude[] = { excluded };
static char name[] = "app", topic[] = "logs.app";
static struct config_tail config;

static uint64_t wall_ms(void *arg)
{
    (void)arg;
    return clock_wall_ms();
}

static void wake(void *arg)
{
    (void)arg;
    loop_wake(&loop);
}

/* The loop. */

static bool (*is_done)(void);

static bool on_turn(void *arg)
{
    (void)arg;
    bool is_more = tails && tails_turn(tails);
    keepers_turn(keepers);
    if (is_done())
        loop_stop(&loop);
    return is_more;
}

static void on_deadline(struct timer *timer, uint64_t now_ms)
{
    (void)timer;
    (void)now_ms;
    ck_abort_msg("it takes too long; got %s", got);
}

static void run_until(bool (*wanted)(void))
{
    struct timer deadline = { .fire = on_deadline };
    timer_set(&loop.timers, &deadline, clock_monotonic_ms() + DEADLINE_MS);
    is_done = wanted;
    loop.stopping = false;
    loop_wake(&loop);
    ck_assert_int_eq(loop_run(&loop), 0);
    timer_clear(&loop.timers, &deadline);
}

/* What the stream has. */

static struct stream *the_stream(void)
{
    return keeper_stream(keepers_find(keepers, slice_of("LOGS")));
}

static uint64_t count_wanted;

static bool has_count(void)
{
    return stream_last(the_stream()) >= count_wanted;
}

static void read_stream(void)
{
    uint64_t after = 0;
    size_t size = 0, head_size = 0;
    struct stream_run run;
    struct stream_message message;
    got[0] = heads[0] = '\0';
    for (enum stream_found found; (found = stream_read(the_stream(), after, clock_wall_ms(), &run)) != STREAM_NONE;) {
        if (found == STREAM_AWAY) {
            usleep(1000); /* it is being fetched */
            continue;
        }
        while (stream_run_next(&run, &message)) {
            size += (size_t)snprintf(got + size, sizeof got - size, "%.*s|", SLICE_ARGS(message.payload));
            head_size +=
                (size_t)snprintf(heads + head_size, sizeof heads - head_size, "%.*s", SLICE_ARGS(message.head));
            after = message.sequence;
        }
        stream_release(&run);
    }
}

static const char *wait_for(uint64_t count)
{
    count_wanted = count;
    run_until(has_count);
    read_stream();
    ck_assert_uint_eq(stream_last(the_stream()), count);
    return got;
}

/* Files. */

static const char *path_of(const char *file)
{
    static char path[2][128];
    static unsigned turn;
    char *out = path[turn++ % 2];
    snprintf(out, sizeof path[0], "%s/%s", directory, file);
    return out;
}

static void append(const char *file, const char *text)
{
    FILE *out = fopen(path_of(file), "a");
    ck_assert_ptr_nonnull(out);
    ck_assert_int_ge(fputs(text, out), 0);
    ck_assert_int_eq(fclose(out), 0);
}

static void move(const char *from, const char *to)
{
    ck_assert_int_eq(rename(path_of(from), path_of(to)), 0);
}

static void copy(const char *from, const char *to)
{
    char command[512];
    snprintf(command, sizeof command, "cp '%s/%s' '%s/%s'", directory, from, directory, to);
    ck_assert_int_eq(system(command), 0);
}

static void cut(const char *file)
{
    ck_assert_int_eq(truncate(path_of(file), 0), 0);
}

/* What comes from now on is new to the reader. */
static void wait_for_first_look(void)
{
    uint64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
    while (access(path_of("data/tails"), F_OK) != 0) {
        ck_assert_uint_lt(clock_monotonic_ms(), deadline_ms);
        usleep(1000);
    }
}

/* The scene. */

static void start(void)
{
    char data[128];
    snprintf(data, sizeof data, "%s/data", directory);
    ck_assert_int_eq(tails_create(&broker, &loop, &config, 1, data, &tails), 0);
}

static bool is_settled(void)
{
    return tails_are_settled(tails);
}

static void stop(void)
{
    tails_quiesce(tails);
    run_until(is_settled);
    tails_destroy(tails);
    tails = NULL;
}

static void add_stream(uint64_t messages_max)
{
    struct stream_settings settings;
    settings_init(&settings);
    settings.discard = STREAM_DISCARD_NEW;
    settings.messages_max = messages_max;
    ck_assert_int_eq(settings_set_text(&settings.name, "LOGS"), 0);
    ck_assert_int_eq(settings_add_topic(&settings, "logs.>"), 0);
    ck_assert_int_eq(stream_registry_add(registry, &settings, NULL), 0);
    settings_finish(&settings);
    ck_assert_int_eq(keepers_sync(keepers), 0);
}

static void scene_open(uint64_t messages_max)
{
    const struct broker_limits limits = { .topic = { 4096, 16 } };
    char data[128];
    snprintf(directory, sizeof directory, "/tmp/test_tail.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(data, sizeof data, "%s/data", directory);
    ck_assert_int_eq(mkdir(data, 0700), 0);
    const struct stream_engine_options options = {
        .directory = data, .segment_size = 1 << 20, .cache_size = 1 << 20, .boot_id = "",
    };
    ck_assert_int_eq(stream_engine_create(&options, &engine), 0);
    ck_assert_int_eq(stream_engine_start(engine), 0);
    registry = stream_registry_create(engine);
    ck_assert_int_eq(loop_init(&loop), 0);
    loop.hooks = (struct loop_hooks){ .before_flush = on_turn };
    ck_assert_int_eq(broker_init(&broker, &counters, NULL, &limits), 0);
    broker.hooks.wall_ms = wall_ms;
    broker.keepers = keepers = keepers_create(&broker, registry, wake, NULL);
    add_stream(messages_max);
    snprintf(glob, sizeof glob, "%s/*.log", directory);
    config = (struct config_tail){
        .name = name, .paths = { globs, 1 }, .exclude = { exclude, 1 }, .topic = topic,
        .record_wait_ms = 50, .record_size_max = 100000, .poll_ms = 60000, /* inotify is what is tried */
    };
}

static void scene_close(void)
{
    char command[128];
    tails_destroy(tails);
    tails = NULL;
    keepers_destroy(keepers);
    broker_finish(&broker);
    loop_finish(&loop);
    stream_registry_destroy(registry);
    stream_engine_destroy(engine);
    snprintf(command, sizeof command, "rm -r '%s'", directory);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(lines_become_messages_as_they_come)
{
    scene_open(0);
    append("a.log", "one\ntwo\n");
    append("a.txt", "not this\n");
    start();
    ck_assert_str_eq(wait_for(2), "one|two|");
    append("a.log", "three\nfo");
    ck_assert_str_eq(wait_for(3), "one|two|three|");
    append("a.log", "ur\n");
    ck_assert_str_eq(wait_for(4), "one|two|three|four|");
    append("b.log", "five\n");
    ck_assert_str_eq(wait_for(5), "one|two|three|four|five|");
    scene_close();
}
END_TEST

START_TEST(a_start_goes_on_where_the_last_has_stopped)
{
    scene_open(0);
    append("a.log", "one\ntwo\nth");
    start();
    wait_for(2);
    stop();
    append("a.log", "ree\nfour\n");
    append("b.log", "five\n");
    start();
    ck_assert_str_eq(wait_for(5), "one|two|three|four|five|");
    stop();
    start();
    append("a.log", "six\n");
    ck_assert_str_eq(wait_for(6), "one|two|three|four|five|six|");
    scene_close();
}
END_TEST

START_TEST(from_the_end_what_is_there_is_left_out_and_new_files_are_not)
{
    scene_open(0);
    config.from = 1;
    append("a.log", "old\n");
    start();
    wait_for_first_look();
    append("b.log", "new\n");
    wait_for(1);
    append("a.log", "one\n");
    ck_assert_str_eq(wait_for(2), "new|one|");
    stop();
    append("c.log", "two\n");
    start();
    ck_assert_str_eq(wait_for(3), "new|one|two|");
    scene_close();
}
END_TEST

START_TEST(a_renamed_file_is_read_to_its_end)
{
    scene_open(0);
    append("a.log", "one\n");
    start();
    wait_for(1);
    FILE *writer = fopen(path_of("a.log"), "a");
    move("a.log", "a.log.1");
    fputs("two\n", writer);
    fflush(writer);
    ck_assert_str_eq(wait_for(2), "one|two|");
    append("a.log", "three\n");
    ck_assert_str_eq(wait_for(3), "one|two|three|");
    fputs("four\n", writer);
    fclose(writer);
    ck_assert_str_eq(wait_for(4), "one|two|three|four|");
    scene_close();
}
END_TEST

START_TEST(a_file_renamed_while_nobody_looked_is_found)
{
    scene_open(0);
    append("a.log", "one\n");
    start();
    wait_for(1);
    stop();
    append("a.log", "two\n");
    move("a.log", "a.log.1");
    append("a.log", "three\n");
    start();
    wait_for(3);
    ck_assert_ptr_nonnull(strstr(got, "two|"));
    ck_assert_ptr_nonnull(strstr(got, "three|"));
    scene_close();
}
END_TEST

#define LONG_LINE "a line that is long enough to know a file by, and then some more of it, since chance is no proof"

START_TEST(what_was_copied_and_cut_is_read_from_the_copy)
{
    scene_open(0);
    append("a.log", LONG_LINE "\n");
    start();
    wait_for(1);
    stop();
    append("a.log", "unread\n");
    copy("a.log", "a.log.1");
    cut("a.log");
    append("a.log", "anew\n");
    start();
    wait_for(3);
    ck_assert_ptr_nonnull(strstr(got, "unread|"));
    ck_assert_ptr_nonnull(strstr(got, "anew|"));
    stop();
    start();
    append("a.log", "and on\n");
    wait_for(4);
    scene_close();
}
END_TEST

START_TEST(a_cut_file_begins_anew)
{
    scene_open(0);
    append("a.log", LONG_LINE "\n");
    start();
    wait_for(1);
    copy("a.log", "a.log.1");
    cut("a.log");
    append("a.log", "one\n");
    ck_assert_str_eq(wait_for(2), LONG_LINE "|one|");
    cut("a.log");
    append("a.log", "two\n"); /* as long as what was there */
    ck_assert_str_eq(wait_for(3), LONG_LINE "|one|two|");
    scene_close();
}
END_TEST

START_TEST(a_removed_file_is_read_to_its_last_line_without_newline)
{
    scene_open(0);
    append("a.log", "one\n");
    start();
    wait_for(1);
    FILE *writer = fopen(path_of("a.log"), "a");
    ck_assert_int_eq(unlink(path_of("a.log")), 0);
    append("a.log", "another\n");
    fputs("two\nlast", writer);
    fclose(writer);
    wait_for(4);
    ck_assert_ptr_nonnull(strstr(got, "two|"));
    ck_assert_ptr_nonnull(strstr(got, "last|"));
    ck_assert_ptr_nonnull(strstr(got, "another|"));
    scene_close();
}
END_TEST

START_TEST(records_of_several_lines_end_when_the_next_begins_or_nothing_comes)
{
    scene_open(0);
    char begins[] = "^[0-9]";
    config.record_begins = begins;
    append("a.log", "1 error\n at x\n at y\n2 info\n");
    start();
    ck_assert_str_eq(wait_for(2), "1 error\n at x\n at y|2 info|");
    scene_close();
}
END_TEST

START_TEST(headers_say_where_it_comes_from_and_what_it_is)
{
    struct slice value;
    scene_open(0);
    config.format = 1;
    config.show_path = 1;
    append("a.log", "{\"a\":1}\n");
    start();
    wait_for(1);
    ck_assert(headers_find(slice_of(heads), "Content-Type", &value) && slice_is(value, "application/json"));
    ck_assert(headers_find(slice_of(heads), "Posthorn-Path", &value) && slice_is(value, path_of("a.log")));
    ck_assert(headers_find(slice_of(heads), "Nats-Msg-Id", &value));
    append("a.log", "no object\n");
    wait_for(2);
    ck_assert_ptr_null(strstr(strstr(heads, "Content-Type") + 1, "Content-Type"));
    scene_close();
}
END_TEST

/* As after kill -9: what was published is, but its position was not yet stored. */
START_TEST(what_is_read_again_after_a_crash_has_the_same_id)
{
    scene_open(0);
    append("a.log", "one\n");
    start();
    wait_for(1);
    stop();
    copy("data/tails", "data/tails.old");
    append("a.log", "two\nthree\n");
    start();
    wait_for(3);
    stop();
    move("data/tails.old", "data/tails");
    append("a.log", "four\n");
    start();
    ck_assert_str_eq(wait_for(4), "one|two|three|four|"); /* the stream knows what it has */
    scene_close();
}
END_TEST

static bool has_waited(void)
{
    return counters.tail_waits > 2;
}

START_TEST(a_full_stream_holds_back_and_loses_nothing)
{
    scene_open(3);
    append("a.log", "1\n2\n3\n4\n5\n");
    start();
    run_until(has_waited);
    read_stream();
    ck_assert_str_eq(got, "1|2|3|");
    stream_purge(the_stream(), slice_make(NULL, 0), 3, 0);
    wait_for(5);
    ck_assert_str_eq(got, "3|4|5|");
    scene_close();
}
END_TEST

START_TEST(damaged_positions_are_laid_aside)
{
    scene_open(0);
    append("a.log", "one\n");
    append("data/tails", "nonsense\n");
    start();
    ck_assert_str_eq(wait_for(1), "one|");
    ck_assert_int_eq(access(path_of("data/tails.damaged"), F_OK), 0);
    scene_close();
}
END_TEST

/* Many lines, long ones among them, while the file is rotated again and again: each comes once, in order. */
START_TEST(much_is_read_in_bounded_pieces)
{
    enum { COUNT = 60000 };
    static char line[300001];
    scene_open(0);
    config.record_size_max = 1 << 20;
    start();
    memset(line, 'x', sizeof line - 1);
    for (unsigned i = 0; i < COUNT; i++) {
        char text[32];
        if (i % 10000 == 9999) {
            char to[32];
            snprintf(to, sizeof to, "a.log.%u", i / 10000);
            move("a.log", to);
        }
        snprintf(text, sizeof text, "%u\n", i);
        append("a.log", text);
    }
    append("a.log", line);
    append("a.log", "\n");
    wait_for(COUNT + 1);
    static bool seen[COUNT];
    unsigned count = 0;
    for (char *at = got, *end; (end = strchr(at, '|')); at = end + 1)
        if (*at != 'x') {
            unsigned i = (unsigned)strtoul(at, NULL, 10);
            unit_assert(i < COUNT && !seen[i]);
            seen[i] = true;
            count++;
        }
    ck_assert_uint_eq(count, COUNT);
    scene_close();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        lines_become_messages_as_they_come,
        a_start_goes_on_where_the_last_has_stopped,
        from_the_end_what_is_there_is_left_out_and_new_files_are_not,
        a_renamed_file_is_read_to_its_end,
        a_file_renamed_while_nobody_looked_is_found,
        what_was_copied_and_cut_is_read_from_the_copy,
        a_cut_file_begins_anew,
        a_removed_file_is_read_to_its_last_line_without_newline,
        records_of_several_lines_end_when_the_next_begins_or_nothing_comes,
        headers_say_where_it_comes_from_and_what_it_is,
        what_is_read_again_after_a_crash_has_the_same_id,
        a_full_stream_holds_back_and_loses_nothing,
        damaged_positions_are_laid_aside,
        much_is_read_in_bounded_pieces,
        NULL,
    };
    return unit_run("tail", tests);
}
