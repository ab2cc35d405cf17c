/* Settings of streams: what is refused, how they look as JSON, and that they come back from it. */
#include "stream/settings.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "../unit.h"

static struct stream_settings read_good(const char *text)
{
    struct stream_settings settings;
    char room[256] = "";
    cJSON *json = cJSON_Parse(text);
    ck_assert_msg(settings_from_json(&settings, json, room) == 0, "%s: %s", text, room);
    cJSON_Delete(json);
    return settings;
}

static void expect_shown(const struct stream_settings *settings, const char *expected)
{
    cJSON *json = settings_to_json(settings);
    char *text = cJSON_PrintUnformatted(json);
    ck_assert_str_eq(text, expected);
    free(text);
    cJSON_Delete(json);
}

START_TEST(what_is_shown_is_what_clients_expect)
{
    struct stream_settings settings = read_good("{\"name\":\"S\",\"subjects\":[\"s.>\"],\"unknown\":[1],"
                                                "\"owner\":\"x\"}");
    ck_assert_ptr_null(settings.owner); /* nobody makes streams for others */
    expect_shown(&settings,
                 "{\"name\":\"S\",\"subjects\":[\"s.>\"],\"retention\":\"limits\",\"max_consumers\":-1,\"max_msgs\":-1,"
                 "\"max_bytes\":-1,\"max_age\":0,\"max_msgs_per_subject\":-1,\"max_msg_size\":-1,\"discard\":\"old\","
                 "\"storage\":\"file\",\"num_replicas\":1,\"duplicate_window\":120000000000,\"compression\":\"none\","
                 "\"allow_direct\":false,\"mirror_direct\":false,\"sealed\":false,\"deny_delete\":false,"
                 "\"deny_purge\":false,\"allow_rollup_hdrs\":false,\"consumer_limits\":{},\"sync\":\"always\"}");
    settings_finish(&settings);
}
END_TEST

static const char all_fields[] =
    "{\"name\":\"KV_b\",\"description\":\"a bucket\",\"subjects\":[\"$KV.b.>\",\"x\"],\"retention\":\"workqueue\","
    "\"max_consumers\":3,\"max_msgs\":9007199254740991,\"max_bytes\":1048576,\"max_age\":31536000000000000,"
    "\"max_msgs_per_subject\":64,\"max_msg_size\":1000,\"discard\":\"new\",\"storage\":\"memory\",\"num_replicas\":1,"
    "\"duplicate_window\":1000000,\"compression\":\"none\",\"allow_direct\":true,\"mirror_direct\":false,"
    "\"discard_new_per_subject\":true,\"sealed\":true,\"deny_delete\":true,\"deny_purge\":true,"
    "\"allow_rollup_hdrs\":true,\"consumer_limits\":{},\"metadata\":{\"a\":\"b\"},\"sync\":\"90s\"}";

START_TEST(every_field_comes_back)
{
    struct stream_settings settings = read_good(all_fields);
    expect_shown(&settings, all_fields);
    ck_assert_uint_eq(settings.age_max_ms, 31536000000u);
    ck_assert_uint_eq(settings.duplicate_window_ms, 1);
    ck_assert_uint_eq(settings.sync_interval_ms, 90000);
    ck_assert_int_eq(settings.retention, STREAM_WORKQUEUE);
    settings_finish(&settings);
}
END_TEST

START_TEST(what_is_not_given_has_a_default)
{
    struct stream_settings settings = read_good("{\"name\":\"S\",\"max_age\":1000000000,\"max_msgs\":-1,"
                                                "\"max_bytes\":0,\"mirror\":null,\"sources\":[],"
                                                "\"description\":\"\",\"metadata\":{},"
                                                "\"consumer_limits\":{\"max_ack_pending\":0},\"no_ack\":false,"
                                                "\"placement\":{\"cluster\":\"x\"},\"compression\":\"s2\"}");
    char room[256];
    ck_assert_uint_eq(settings.topic_count, 1);
    ck_assert_str_eq(settings.topics[0], "S");
    ck_assert_uint_eq(settings.duplicate_window_ms, 1000); /* no longer than messages are kept */
    ck_assert_uint_eq(settings.messages_max + settings.bytes_max, 0);
    ck_assert_ptr_null(settings.description);
    ck_assert_ptr_null(settings.metadata);
    ck_assert_ptr_null(settings_check(&settings, room));
    settings_finish(&settings);
}
END_TEST

START_TEST(what_is_not_done_is_refused)
{
    static const struct { const char *text, *sentence; } table[] = {
        { "[]", "\"config\" is to be an object" },
        { "{\"mirror\":{\"name\":\"S\"}}", "streams that mirror another are not supported" },
        { "{\"sources\":[{\"name\":\"S\"}]}", "streams with sources are not supported" },
        { "{\"num_replicas\":3}", "replicas > 1 are not supported: there is one server" },
        { "{\"num_replicas\":-1}", "\"num_replicas\" cannot be negative" },
        { "{\"first_seq\":10}", "first_seq is not supported: a stream begins with 1" },
        { "{\"republish\":{\"src\":\"a\",\"dest\":\"b\"}}", "republish is not supported" },
        { "{\"subject_transform\":{\"src\":\"a\",\"dest\":\"b\"}}", "subject_transform is not supported" },
        { "{\"consumer_limits\":{\"max_ack_pending\":5}}", "consumer_limits are not supported" },
        { "{\"no_ack\":true}", "no_ack is not supported: a stream acknowledges what asks for it" },
        { "{\"name\":5}", "\"name\" is to be a text" },
        { "{\"subjects\":\"a\"}", "\"subjects\" is to be a list of patterns" },
        { "{\"subjects\":[1]}", "\"subjects\" is to be a list of patterns" },
        { "{\"retention\":\"often\"}", "\"retention\" is to be workqueue, limits or interest" },
        { "{\"storage\":1}", "\"storage\" is to be file or memory" },
        { "{\"max_msgs\":1.5}", "\"max_msgs\" is to be a whole number" },
        { "{\"max_msgs\":1e300}", "\"max_msgs\" is to be a whole number" },
        { "{\"max_age\":\"1s\"}", "\"max_age\" is to be a whole number" },
        { "{\"max_age\":-1}", "\"max_age\" is to be a number of nanoseconds, and not below 0" },
        { "{\"sealed\":\"yes\"}", "\"sealed\" is to be true or false" },
        { "{\"sync\":\"0s\"}", "\"sync\" is to be always, never, or a duration such as 1s" },
        { "{\"sync\":1}", "\"sync\" is to be always, never, or a duration such as 1s" },
        { "{\"metadata\":{\"a\":1}}", "\"metadata\" is to be an object of texts" },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct stream_settings settings;
        char room[256] = "";
        cJSON *json = cJSON_Parse(table[i].text);
        ck_assert_int_eq(settings_from_json(&settings, json, room), -EINVAL);
        ck_assert_str_eq(room, table[i].sentence);
        settings_finish(&settings);
        cJSON_Delete(json);
    }
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
    static const struct { const char *text, *sentence; } table[] = {
        { "{}", "a stream needs a name" },
        { "{\"name\":\"a.b\"}", "the name of a stream has no '.', '*', '>', '/', '\\', blank or control character" },
        { "{\"name\":\"a b\"}", "the name of a stream has no '.', '*', '>', '/', '\\', blank or control character" },
        { "{\"name\":\"..\"}", "the name of a stream has no '.', '*', '>', '/', '\\', blank or control character" },
        { "{\"name\":\"S\",\"subjects\":[\"a..b\"]}", "\"a..b\" is no pattern of topics" },
        { "{\"name\":\"S\",\"subjects\":[\"a b\"]}", "\"a b\" is no pattern of topics" },
        { "{\"name\":\"S\",\"subjects\":[\"a.*\",\"a.b\"]}", "the topics \"a.*\" and \"a.b\" overlap" },
        { "{\"name\":\"S\",\"subjects\":[\"$JS.API.x\"]}", "\"$JS.API.x\" overlaps with topics of the server's own" },
        { "{\"name\":\"S\",\"subjects\":[\"$POSTHORN.>\"]}",
          "\"$POSTHORN.>\" overlaps with topics of the server's own" },
        { "{\"name\":\"S\",\"discard_new_per_subject\":true}", "discard new per topic requires discard = new" },
        { "{\"name\":\"S\",\"discard_new_per_subject\":true,\"discard\":\"new\"}",
          "discard new per topic requires a maximum of messages per topic" },
        { "{\"name\":\"S\",\"max_age\":1000000,\"duplicate_window\":2000000}",
          "the duplicate window cannot be longer than the maximum age" },
        { "{\"name\":\"S\",\"allow_rollup_hdrs\":true,\"deny_purge\":true}",
          "roll-ups require the permission to purge" },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct stream_settings settings = read_good(table[i].text);
        char room[256] = "";
        const char *wrong = settings_check(&settings, room);
        ck_assert_ptr_nonnull(wrong);
        ck_assert_str_eq(wrong, table[i].sentence);
        settings_finish(&settings);
    }
}
END_TEST

START_TEST(some_things_cannot_be_changed)
{
    static const struct { const char *from, *to; bool allowed; } table[] = {
        { "{\"name\":\"S\"}", "{\"name\":\"T\"}", false },
        { "{\"name\":\"S\"}", "{\"name\":\"S\",\"storage\":\"memory\"}", false },
        { "{\"name\":\"S\"}", "{\"name\":\"S\",\"retention\":\"interest\"}", false },
        { "{\"name\":\"S\",\"max_consumers\":1}", "{\"name\":\"S\"}", false },
        { "{\"name\":\"S\",\"sealed\":true}", "{\"name\":\"S\"}", false },
        { "{\"name\":\"S\",\"deny_delete\":true}", "{\"name\":\"S\"}", false },
        { "{\"name\":\"S\",\"deny_purge\":true}", "{\"name\":\"S\"}", false },
        { "{\"name\":\"S\"}", "{\"name\":\"S\",\"subjects\":[\".\"]}", false },
        { "{\"name\":\"S\"}", "{\"name\":\"S\",\"subjects\":[\"x\"],\"max_msgs\":3,\"sync\":\"never\"}", true },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct stream_settings from = read_good(table[i].from), to = read_good(table[i].to);
        char room[256];
        ck_assert_msg((settings_check_change(&from, &to, room) == NULL) == table[i].allowed, "%s", table[i].to);
        settings_finish(&from);
        settings_finish(&to);
    }
}
END_TEST

START_TEST(copies_are_equal_and_others_are_not)
{
    static const char *const others[] = {
        "{\"name\":\"T\"}", "{\"name\":\"S\",\"subjects\":[\"s\"]}", "{\"name\":\"S\",\"max_msgs\":1}",
        "{\"name\":\"S\",\"sync\":\"1s\"}", "{\"name\":\"S\",\"metadata\":{\"a\":\"b\"}}",
        "{\"name\":\"S\",\"allow_direct\":true}", "{\"name\":\"S\",\"description\":\"x\"}",
    };
    struct stream_settings all = read_good(all_fields), copy, plain = read_good("{\"name\":\"S\"}");
    ck_assert_int_eq(settings_copy(&copy, &all), 0);
    ck_assert(settings_equal(&all, &copy));
    settings_finish(&copy);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct stream_settings other = read_good(others[i]);
        ck_assert(!settings_equal(&plain, &other));
        settings_finish(&other);
    }
    settings_finish(&all);
    settings_finish(&plain);
}
END_TEST

START_TEST(what_is_stored_comes_back)
{
    struct stream_settings settings = read_good("{\"name\":\"S\",\"max_bytes\":5}"), loaded;
    char room[256] = "";
    settings.from_configuration = true;
    settings.created_ms = 1795448711954;
    ck_assert_int_eq(settings_set_text(&settings.owner, "ann"), 0);
    settings.duplicate_window_ms = 0; /* as a configuration may say */
    char *text = settings_save(&settings);
    ck_assert_int_eq(settings_load(&loaded, slice_of(text), room), 0);
    ck_assert(settings_equal(&settings, &loaded));
    ck_assert(loaded.from_configuration);
    ck_assert_uint_eq(loaded.created_ms, settings.created_ms);
    ck_assert_str_eq(loaded.owner, "ann");
    ck_assert_ptr_null(settings_owner(&loaded)); /* it is the configuration's */
    loaded.from_configuration = false;
    ck_assert_str_eq(settings_owner(&loaded), "ann");
    settings_finish(&loaded);
    ck_assert_int_eq(settings_load(&loaded, slice_make(text, 5), room), -EINVAL);
    settings_finish(&loaded);
    settings_finish(&settings);
    free(text);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_is_shown_is_what_clients_expect,
        every_field_comes_back,
        what_is_not_given_has_a_default,
        what_is_not_done_is_refused,
        what_makes_no_sense_is_refused,
        some_things_cannot_be_changed,
        copies_are_equal_and_others_are_not,
        what_is_stored_comes_back,
        NULL,
    };
    return unit_run("settings", tests);
}
