/* The configuration laid over the streams that are there. */
#include "server/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"
#include "../unit.h"

static struct plan plan;
static char sentence[RELOAD_SENTENCE_SIZE];

/* A stream that is there, with the defaults but for what the test changes. */
static struct stream_settings *there(const char *name, const char *topic)
{
    struct stream_settings settings;
    settings_init(&settings);
    settings.created_ms = 1000;
    ck_assert_int_eq(settings_set_text(&settings.name, name), 0);
    ck_assert_int_eq(settings_add_topic(&settings, topic), 0);
    ck_assert_int_eq(plan_add(&plan, &settings), 0);
    settings_finish(&settings);
    return &plan.items[plan.count - 1].settings;
}

static int lay_where(const char *text, bool can_keep)
{
    struct config *config;
    struct config_error error;
    int rc = config_parse(PROGRAM_BROKER, "x.ini", slice_of(text), NULL, 0, &config, &error);
    ck_assert_msg(rc == 0, "%s", error.sentence);
    int result = plan_lay(&plan, config, can_keep, 2000, sentence);
    config_destroy(config);
    return result;
}

static void lay(const char *text)
{
    ck_assert_msg(lay_where(text, true) == 0, "%s", sentence);
}

static void expect_refusal(const char *text, const char *wanted)
{
    ck_assert_int_eq(lay_where(text, true), -EINVAL);
    ck_assert_str_eq(sentence, wanted);
}

static const struct plan_item *item(const char *name)
{
    for (size_t i = 0; i < plan.count; i++)
        if (strcmp(plan.items[i].settings.name, name) == 0)
            return &plan.items[i];
    ck_abort_msg("no stream %s", name);
}

static void tear_down(void)
{
    plan_finish(&plan);
}

START_TEST(what_nobody_names_stays)
{
    there("old", "old.>");
    lay("");
    ck_assert_uint_eq(plan.count, 1);
    ck_assert_int_eq(item("old")->step, PLAN_KEEP);
}
END_TEST

START_TEST(what_is_named_for_the_first_time_is_added)
{
    there("old", "old.>");
    lay("[stream a]\ntopics = a.*, b\ndescription = letters\nstorage = memory\nsync = 5s\nretention = interest\n"
        "age_max = 1h\nbytes_max = 1MiB\nmessages_max = 7\nmessages_per_topic_max = 3\nmessage_size_max = 4KiB\n"
        "consumers_max = 2\ndiscard = new\ndiscard_new_per_topic = yes\nduplicate_window = 1m\nallow_rollup = yes\n"
        "allow_direct = yes\ndeny_delete = yes\n[stream c]\ntopics = c\nsync = never\nage_max = 1s\n");
    const struct stream_settings *a = &item("a")->settings, *c = &item("c")->settings;
    ck_assert_int_eq(item("a")->step, PLAN_ADD);
    ck_assert_int_eq(item("old")->step, PLAN_KEEP);
    ck_assert_uint_eq(a->topic_count, 2);
    ck_assert_str_eq(a->topics[1], "b");
    ck_assert_str_eq(a->description, "letters");
    ck_assert_int_eq(a->storage, STREAM_MEMORY);
    ck_assert_int_eq(a->sync, LOG_SYNC_INTERVAL);
    ck_assert_uint_eq(a->sync_interval_ms, 5000);
    ck_assert_int_eq(a->retention, STREAM_INTEREST);
    ck_assert_uint_eq(a->age_max_ms, 3600000);
    ck_assert_uint_eq(a->bytes_max, 1 << 20);
    ck_assert_uint_eq(a->messages_max, 7);
    ck_assert_uint_eq(a->messages_per_topic_max, 3);
    ck_assert_uint_eq(a->message_size_max, 4096);
    ck_assert_uint_eq(a->consumers_max, 2);
    ck_assert_int_eq(a->discard, STREAM_DISCARD_NEW);
    ck_assert_uint_eq(a->duplicate_window_ms, 60000);
    ck_assert(a->discard_new_per_topic && a->allow_rollup && a->allow_direct && a->deny_delete && !a->deny_purge);
    ck_assert(a->from_configuration);
    ck_assert_uint_eq(a->created_ms, 2000);
    ck_assert_int_eq(c->sync, LOG_SYNC_NEVER);
    ck_assert_int_eq(c->storage, STREAM_FILE);
    ck_assert_uint_eq(c->duplicate_window_ms, 1000); /* never longer than a message is kept */
    ck_assert_ptr_null(c->description);
}
END_TEST

START_TEST(what_is_as_it_is_named_stays)
{
    there("a", "a.>")->from_configuration = true;
    lay("[stream a]\ntopics = a.>\n");
    ck_assert_int_eq(item("a")->step, PLAN_KEEP);
    ck_assert_uint_eq(plan.count, 1);
}
END_TEST

START_TEST(what_is_named_otherwise_is_changed_and_keeps_its_birth)
{
    struct stream_settings *a = there("a", "a.>");
    a->from_configuration = true;
    ck_assert_int_eq(settings_set_text(&a->metadata, "{\"k\":1}"), 0);
    ck_assert_int_eq(settings_set_text(&a->owner, "ann"), 0);
    lay("[stream a]\ntopics = a.>, b\nage_max = 1h\n");
    ck_assert_int_eq(item("a")->step, PLAN_CHANGE);
    ck_assert_uint_eq(item("a")->settings.topic_count, 2);
    ck_assert_uint_eq(item("a")->settings.age_max_ms, 3600000);
    ck_assert_uint_eq(item("a")->settings.created_ms, 1000);
    ck_assert_str_eq(item("a")->settings.metadata, "{\"k\":1}");
    ck_assert_str_eq(item("a")->settings.owner, "ann");
}
END_TEST

/* Even where nothing else changes, the API may not change it any more. */
START_TEST(what_the_api_made_belongs_to_the_configuration_that_names_it)
{
    there("a", "a.>");
    lay("[stream a]\ntopics = a.>\n");
    ck_assert_int_eq(item("a")->step, PLAN_CHANGE);
    ck_assert(item("a")->settings.from_configuration);
}
END_TEST

START_TEST(what_is_named_no_more_stays_and_is_released)
{
    there("a", "a.>")->from_configuration = true;
    there("b", "b")->from_configuration = true;
    lay("[stream b]\ntopics = b\n");
    ck_assert_int_eq(item("a")->step, PLAN_RELEASE);
    ck_assert(!item("a")->settings.from_configuration);
    ck_assert_int_eq(item("b")->step, PLAN_KEEP);
}
END_TEST

START_TEST(what_cannot_be_changed_is_explained)
{
    there("a", "a.>");
    expect_refusal("[stream a]\ntopics = a.>\nstorage = memory\n",
                   "[stream a]: the storage of a stream cannot be changed; let the configuration say of it what the "
                   "stream was made with, or take it out of the configuration, and remove the stream with its "
                   "messages: posthorn stream remove a");
}
END_TEST

START_TEST(what_makes_no_sense_is_explained)
{
    expect_refusal("[stream a]\ntopics = a.>, $JS.x\n",
                   "[stream a]: \"$JS.x\" overlaps with topics of the server's own; posthornd.ini(5) says what may "
                   "stand there");
    plan_finish(&plan);
    expect_refusal("[stream a]\ntopics = a\nallow_rollup = yes\ndeny_purge = yes\n",
                   "[stream a]: roll-ups require the permission to purge; posthornd.ini(5) says what may stand there");
}
END_TEST

START_TEST(a_topic_that_a_stored_stream_keeps_is_explained)
{
    there("old", "x");
    there("older", "orders.*");
    expect_refusal("[stream a]\ntopics = a, orders.>\n",
                   "[stream a]: orders.> overlaps orders.*, which the stream older keeps; give it other topics, or "
                   "remove that stream with its messages, which the configuration does not name: posthorn stream "
                   "remove older");
}
END_TEST

START_TEST(topics_may_move_between_streams_of_the_configuration)
{
    there("a", "x")->from_configuration = true;
    there("b", "y")->from_configuration = true;
    lay("[stream a]\ntopics = y\n[stream b]\ntopics = x\n");
    ck_assert_int_eq(item("a")->step, PLAN_CHANGE);
    ck_assert_int_eq(item("b")->step, PLAN_CHANGE);
}
END_TEST

START_TEST(without_a_directory_there_are_streams_in_memory_alone)
{
    ck_assert_int_eq(lay_where("[stream a]\ntopics = a\nstorage = memory\n", false), 0);
    plan_finish(&plan);
    ck_assert_int_eq(lay_where("[stream a]\ntopics = a\n", false), -EINVAL);
    ck_assert_str_eq(sentence, "[stream a]: there is no directory for its files; name one, as server.data_dir, or say "
                               "storage = memory");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_nobody_names_stays,
        what_is_named_for_the_first_time_is_added,
        what_is_as_it_is_named_stays,
        what_is_named_otherwise_is_changed_and_keeps_its_birth,
        what_the_api_made_belongs_to_the_configuration_that_names_it,
        what_is_named_no_more_stays_and_is_released,
        what_cannot_be_changed_is_explained,
        what_makes_no_sense_is_explained,
        a_topic_that_a_stored_stream_keeps_is_explained,
        topics_may_move_between_streams_of_the_configuration,
        without_a_directory_there_are_streams_in_memory_alone,
    };
    Suite *suite = suite_create("plan");
    TCase *tcase = tcase_create("plan");
    tcase_add_checked_fixture(tcase, NULL, tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return unit_run_suite(suite, CK_FORK_GETENV);
}
