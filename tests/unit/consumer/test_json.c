#include "consumer/json.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../unit.h"

/* Reads a text and gives it back as it is written. */
static const char *again(const char *text)
{
    static char written[4096];
    char room[CONSUMER_FAULT_TEXT_SIZE];
    struct consumer_settings settings;
    cJSON *json = cJSON_Parse(text);
    ck_assert_ptr_nonnull(json);
    consumer_settings_init(&settings);
    ck_assert_int_eq(consumer_settings_from_json(&settings, json, room), 0);
    cJSON *back = consumer_settings_to_json(&settings);
    ck_assert(cJSON_PrintPreallocated(back, written, sizeof written, false));
    cJSON_Delete(back);
    cJSON_Delete(json);
    consumer_settings_finish(&settings);
    return written;
}

/* What a text is refused with. */
static const char *refused(const char *text)
{
    static char room[CONSUMER_FAULT_TEXT_SIZE];
    struct consumer_settings settings;
    cJSON *json = cJSON_Parse(text);
    ck_assert_ptr_nonnull(json);
    consumer_settings_init(&settings);
    ck_assert_int_eq(consumer_settings_from_json(&settings, json, room), -EINVAL);
    consumer_settings_finish(&settings);
    cJSON_Delete(json);
    return room;
}

#define REST ",\"ack_policy\":\"none\",\"replay_policy\":\"instant\",\"num_replicas\":0}"

START_TEST(what_is_not_set_is_left_out)
{
    static const char *const empty =
        "{\"name\":\"\",\"description\":null,\"filter_subject\":\"\",\"filter_subjects\":[],\"backoff\":[]}";
    ck_assert_str_eq(again("{}"), "{\"deliver_policy\":\"all\"" REST);
    ck_assert_str_eq(again(empty), "{\"deliver_policy\":\"all\"" REST);
}
END_TEST

START_TEST(every_member_comes_back)
{
    static const char *const whole =
        "{\"durable_name\":\"D\",\"name\":\"D\",\"description\":\"some\",\"deliver_policy\":\"by_start_time\","
        "\"opt_start_seq\":7,\"opt_start_time\":\"2026-11-23T15:45:11.651Z\",\"ack_policy\":\"explicit\","
        "\"ack_wait\":30000000000,\"max_deliver\":-1,\"backoff\":[1000000000,2000000000],\"filter_subject\":\"a.>\","
        "\"replay_policy\":\"original\",\"rate_limit_bps\":8000,\"sample_freq\":\"50%\",\"max_waiting\":5,"
        "\"max_ack_pending\":100,\"idle_heartbeat\":5000000000,\"flow_control\":true,\"headers_only\":true,"
        "\"max_batch\":10,\"max_expires\":60000000000,\"max_bytes\":1024,\"deliver_subject\":\"to\","
        "\"deliver_group\":\"g\",\"inactive_threshold\":5000000000,\"mem_storage\":true,\"metadata\":{\"a\":\"b\"},"
        "\"num_replicas\":0}";
    ck_assert_str_eq(again(whole), whole);
}
END_TEST

START_TEST(one_filter_and_several_have_members_of_their_own)
{
    ck_assert_ptr_nonnull(strstr(again("{\"filter_subjects\":[\"a\",\"b\"]}"), ",\"filter_subjects\":[\"a\",\"b\"]"));
    ck_assert_ptr_nonnull(strstr(again("{\"filter_subjects\":[\"a\"]}"), ",\"filter_subject\":\"a\""));
}
END_TEST

START_TEST(a_durable_name_makes_it_durable)
{
    ck_assert_ptr_nonnull(strstr(again("{\"durable_name\":\"D\"}"), "\"durable_name\":\"D\",\"name\":\"D\""));
    ck_assert_ptr_null(strstr(again("{\"name\":\"E\"}"), "durable_name"));
}
END_TEST

START_TEST(durations_are_whole_milliseconds_and_never_none)
{
    ck_assert_ptr_nonnull(strstr(again("{\"ack_wait\":1}"), "\"ack_wait\":1000000,"));
    ck_assert_ptr_nonnull(strstr(again("{\"ack_wait\":1500000}"), "\"ack_wait\":2000000,"));
    ck_assert_ptr_nonnull(strstr(again("{\"inactive_threshold\":31536000000000000}"),
                                 "\"inactive_threshold\":31536000000000000,"));
}
END_TEST

START_TEST(what_has_the_wrong_type_is_named)
{
    static const struct {
        const char *text, *member;
    } rows[] = {
        { "{\"name\":1}", "name" },
        { "{\"durable_name\":true}", "durable_name" },
        { "{\"ack_policy\":\"wrong\"}", "ack_policy" },
        { "{\"deliver_policy\":3}", "deliver_policy" },
        { "{\"ack_wait\":-1}", "ack_wait" },
        { "{\"ack_wait\":\"30s\"}", "ack_wait" },
        { "{\"max_deliver\":1.5}", "max_deliver" },
        { "{\"max_deliver\":1e17}", "max_deliver" },
        { "{\"opt_start_seq\":-1}", "opt_start_seq" },
        { "{\"opt_start_time\":\"yesterday\"}", "opt_start_time" },
        { "{\"backoff\":5}", "backoff" },
        { "{\"backoff\":[1,\"x\"]}", "backoff" },
        { "{\"filter_subjects\":\"a\"}", "filter_subjects" },
        { "{\"filter_subjects\":[\"a\",1]}", "filter_subjects" },
        { "{\"filter_subject\":1}", "filter_subject" },
        { "{\"flow_control\":\"yes\"}", "flow_control" },
        { "{\"metadata\":[]}", "metadata" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *sentence = refused(rows[i].text);
        ck_assert_msg(strncmp(sentence, rows[i].member, strlen(rows[i].member)) == 0, "%s: %s", rows[i].text, sentence);
    }
}
END_TEST

START_TEST(what_is_not_known_is_let_pass)
{
    ck_assert_str_eq(again("{\"pause_until\":\"tomorrow\",\"direct\":true,\"num_replicas\":1}"),
                     "{\"deliver_policy\":\"all\"" REST);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_is_not_set_is_left_out,
        every_member_comes_back,
        one_filter_and_several_have_members_of_their_own,
        a_durable_name_makes_it_durable,
        durations_are_whole_milliseconds_and_never_none,
        what_has_the_wrong_type_is_named,
        what_is_not_known_is_let_pass,
        NULL,
    };
    return unit_run("consumer json", tests);
}
