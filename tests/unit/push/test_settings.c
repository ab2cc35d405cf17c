#include "push/settings.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

static char room[WEBHOOK_FAULT_SIZE];

/* Reads what somebody registers, over what a webhook cannot do without. */
static void read_good(struct webhook_settings *settings, const char *text)
{
    struct secret secret;
    cJSON *json = cJSON_Parse(text);
    webhook_settings_init(settings);
    ck_assert_int_eq(webhook_set_text(&settings->name, "w"), 0);
    ck_assert_int_eq(webhook_set_text(&settings->url, "https://example.org/"), 0);
    ck_assert_int_eq(webhook_set_text(&settings->pattern, "a.>"), 0);
    ck_assert(secret_read(slice_of(SECRET), &secret));
    ck_assert_int_eq(webhook_secrets_add(settings, &secret, 0), 0);
    ck_assert_msg(webhook_settings_from_json(settings, json, WEBHOOK_JSON_SHOWN, room) == 0, "%s: %s", text, room);
    ck_assert_int_eq(webhook_settings_complete(settings), 0);
    cJSON_Delete(json);
}

/* What a text is refused with, when it is read or when it is checked; "": it is good. */
static const char *refused(const char *text)
{
    struct webhook_settings settings;
    cJSON *json = cJSON_Parse(text);
    ck_assert_msg(json != NULL, "%s", text);
    webhook_settings_init(&settings);
    room[0] = '\0';
    int error = webhook_settings_from_json(&settings, json, WEBHOOK_JSON_SHOWN, room);
    webhook_settings_finish(&settings);
    cJSON_Delete(json);
    if (error)
        return room;
    read_good(&settings, text);
    const char *wrong = webhook_settings_check(&settings, room);
    webhook_settings_finish(&settings);
    return wrong ? wrong : "";
}

START_TEST(what_is_not_set_gets_defaults)
{
    struct webhook_settings settings;
    read_good(&settings, "{}");
    ck_assert_str_eq(settings.start, "new");
    ck_assert_int_eq(settings.mode, WEBHOOK_PARALLEL);
    ck_assert_int_eq(settings.body, BODY_PAYLOAD);
    ck_assert_uint_eq(settings.timeout_ms, 15000);
    ck_assert_uint_eq(settings.disable_after_ms, 432000000);
    ck_assert_uint_eq(settings.rate, 0);
    ck_assert_ptr_null(settings.key);
    ck_assert(settings.enabled);
    ck_assert_ptr_eq(webhook_schedule(&settings).delays_ms, retry_standard.delays_ms);
    ck_assert_ptr_null(webhook_settings_check(&settings, room));
    webhook_settings_finish(&settings);
    read_good(&settings, "{\"mode\":\"keyed\"}");
    ck_assert_str_eq(settings.key, "topic");
    webhook_settings_finish(&settings);
}
END_TEST

#define WHOLE \
    "{\"name\":\"billing\",\"url\":\"https://example.org/hook?x=1\",\"pattern\":\"orders.>\"," \
    "\"filter\":{\"A\":\"b\"},\"start\":\"2k9x0d3m1ta-7b\",\"mode\":\"keyed\",\"key\":\"header:Tenant\"," \
    "\"body\":\"cloudevents-structured\"," \
    "\"headers\":{\"Authorization\":\"Bearer x\",\"X-A\":\"1\"},\"concurrency\":3,\"rate\":100,\"timeout\":\"20s\"," \
    "\"retries\":[\"1s\",\"1m\"],\"retry_after_max\":\"10m\",\"client_errors\":\"dead\",\"disable_after\":\"never\"," \
    "\"verify\":\"challenge\",\"enabled\":false,\"description\":\"some\",\"metadata\":{\"a\":[1]}"

START_TEST(every_member_comes_back)
{
    static const char *const stored = WHOLE ",\"disabled_reason\":\"gone\",\"disabled\":\"2026-01-31T12:00:00.000Z\","
        "\"verified\":\"2026-01-30T12:30:00.000Z\",\"allowed_rate\":120,\"configured\":true,"
        "\"created\":\"2026-01-30T12:00:00.000Z\","
        "\"failing_since\":\"2026-01-30T13:00:00.000Z\",\"secrets\":[{\"secret\":\"" SECRET "\"},"
        "{\"secret\":\"whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg==\","
        "\"until\":\"2026-02-01T12:00:00.000Z\"}]}";
    struct webhook_settings settings, copy;
    webhook_settings_init(&settings);
    ck_assert_int_eq(webhook_settings_load(&settings, slice_of(stored), room), 0);
    ck_assert_int_eq(webhook_settings_copy(&copy, &settings), 0);
    char *text = webhook_settings_save(&copy);
    ck_assert_str_eq(text, stored);
    ck_assert(webhook_settings_equal(&settings, &copy));
    copy.secret_count = 1;
    ck_assert(!webhook_settings_equal(&settings, &copy));
    copy.secret_count = 2;
    webhook_text_free(text);
    webhook_settings_finish(&copy);
    webhook_settings_finish(&settings);
}
END_TEST

START_TEST(secrets_are_not_shown)
{
    struct webhook_settings settings;
    read_good(&settings, WHOLE "}");
    cJSON *json = webhook_settings_to_json(&settings, WEBHOOK_JSON_SHOWN);
    char *text = cJSON_PrintUnformatted(json);
    ck_assert_str_eq(text, WHOLE ",\"configured\":false}");
    cJSON_free(text);
    webhook_json_delete(json);
    webhook_settings_finish(&settings);
}
END_TEST

START_TEST(the_standard_schedule_is_shown_and_not_stored)
{
    struct webhook_settings settings;
    read_good(&settings, "{}");
    cJSON *json = webhook_settings_to_json(&settings, WEBHOOK_JSON_SHOWN);
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(json, "retries")), 9);
    char *text = webhook_settings_save(&settings);
    ck_assert_ptr_null(strstr(text, "retries"));
    webhook_text_free(text);
    webhook_json_delete(json);
    webhook_settings_finish(&settings);
    read_good(&settings, "{\"retries\":[]}");
    ck_assert_uint_eq(webhook_schedule(&settings).count, 0);
    webhook_settings_finish(&settings);
}
END_TEST

START_TEST(null_takes_back_what_was_set)
{
    struct webhook_settings settings;
    read_good(&settings, WHOLE "}");
    cJSON *json = cJSON_Parse("{\"filter\":null,\"key\":null,\"mode\":null,\"retries\":null,\"rate\":null,"
                              "\"timeout\":null,\"metadata\":null,\"headers\":{\"Accept\":\"b\"}}");
    ck_assert_int_eq(webhook_settings_from_json(&settings, json, WEBHOOK_JSON_SHOWN, room), 0);
    ck_assert_int_eq(webhook_settings_complete(&settings), 0);
    ck_assert_uint_eq(settings.filter.count, 0);
    ck_assert_uint_eq(settings.headers.count, 1);
    ck_assert_str_eq(settings.headers.names[0], "Accept");
    ck_assert_int_eq(settings.mode, WEBHOOK_PARALLEL);
    ck_assert_ptr_null(settings.key);
    ck_assert_ptr_null(settings.metadata);
    ck_assert_uint_eq(settings.rate, 0);
    ck_assert_uint_eq(settings.timeout_ms, 15000);
    ck_assert_uint_eq(webhook_schedule(&settings).count, 9);
    cJSON_Delete(json);
    webhook_settings_finish(&settings);
}
END_TEST

START_TEST(nobody_sets_what_is_the_daemons)
{
    struct webhook_settings settings;
    read_good(&settings, "{\"configured\":true,\"created\":\"2026-01-31T12:00:00Z\",\"disabled_reason\":\"x\"}");
    ck_assert(!settings.from_configuration);
    ck_assert_uint_eq(settings.created_ms, 0);
    ck_assert_ptr_null(settings.disabled_reason);
    webhook_settings_finish(&settings);
    ck_assert_str_eq(refused("{\"secrets\":[]}"), "there is no setting secrets");
}
END_TEST

START_TEST(what_is_of_the_wrong_kind_is_named)
{
    ck_assert_str_eq(refused("{\"url\":7}"), "url is a string, or null");
    ck_assert_str_eq(refused("{\"mode\":\"fast\"}"), "mode is one of parallel, keyed, ordered");
    ck_assert_str_eq(refused("{\"rate\":1.5}"), "rate is a whole number, or null");
    ck_assert_str_eq(refused("{\"rate\":-1}"), "rate is a whole number, or null");
    ck_assert_ptr_nonnull(strstr(refused("{\"timeout\":15}"), "timeout is a duration"));
    ck_assert_ptr_nonnull(strstr(refused("{\"timeout\":\"1us\"}"), "timeout is a duration"));
    ck_assert_ptr_nonnull(strstr(refused("{\"retries\":[\"1s\",5]}"), "retries is a list"));
    ck_assert_ptr_nonnull(strstr(refused("{\"filter\":{\"a\":1}}"), "filter is an object"));
    ck_assert_ptr_nonnull(strstr(refused("{\"filter\":[\"a\"]}"), "filter is an object"));
    ck_assert_str_eq(refused("{\"enabled\":null}"), "enabled is true or false");
    ck_assert_str_eq(refused("{\"urll\":1}"), "there is no setting urll");
    ck_assert_str_eq(refused("[]"), "a webhook is a JSON object");
}
END_TEST

START_TEST(a_url_is_one_that_may_be_sent_to)
{
    static const struct { const char *url, *wrong; } bad[] = {
        { "ftp://example.org/", "begins with" },
        { "file:///etc/passwd", "names no host" },
        { "file://localhost/etc/passwd", "begins with" },
        { "gopher://example.org/", "begins with" }, { "example.org", "none such as" },
        { "https://", "none such as" }, { "https:///x", "names no host" },
        { "https://a:b@example.org/", "user and password" }, { "https://a@example.org/", "user and password" },
        { "https://example.org/#x", "no fragment" }, { "https://example.org/a b", "printable" },
        { "https://example.org/\\u00e4", "printable" }, { "https://example.org/\\n", "printable" },
        { "https://example.org:99999/", "none such as" }, { "https://exa mple.org/", "printable" },
    };
    char text[256];
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, "{\"url\":\"%s\"}", bad[i].url);
        const char *wrong = refused(text);
        ck_assert_msg(strstr(wrong, bad[i].wrong) != NULL, "%s: %s", text, wrong);
    }
    ck_assert_str_eq(refused("{\"url\":\"http://[::1]:8080/x?y=z\"}"), "");
    ck_assert_str_eq(refused("{\"url\":\"http://2130706433/\"}"), ""); /* the guard looks at what it connects to */
}
END_TEST

START_TEST(what_does_not_hold_together_is_refused)
{
    static const struct { const char *text, *wrong; } bad[] = {
        { "{\"name\":null}", "has a name" }, { "{\"name\":\"a.b\"}", "letters" }, { "{\"url\":null}", "has a url" },
        { "{\"pattern\":null}", "has a pattern" }, { "{\"pattern\":\"a..b\"}", "pattern is none" },
        { "{\"start\":\"now\"}", "start is" }, { "{\"key\":\"topic\"}", "needs the mode" },
        { "{\"mode\":\"keyed\",\"key\":\"x\"}", "key is topic" },
        { "{\"mode\":\"keyed\",\"key\":\"header:\"}", "names no header" },
        { "{\"headers\":{\"Host\":\"x\"}}", "Host cannot be set" },
        { "{\"headers\":{\"X-Forwarded-For\":\"x\"}}", "X-Forwarded-For cannot be set" },
        { "{\"headers\":{\"x-aws-ec2-metadata-token\":\"x\"}}", "cannot be set" },
        { "{\"headers\":{\"webhook-signature\":\"x\"}}", "cannot be set" },
        { "{\"headers\":{\"X-A\":\"x\\r\\nHost: y\"}}", "in one line" },
        { "{\"headers\":{\"X-A\":\"\"}}", "in one line" },
        { "{\"headers\":{\"X-A:\":\"x\"}}", "in one line" }, { "{\"filter\":{\"a b\":\"x\"}}", "in one line" },
        { "{\"concurrency\":1025}", "concurrency is at most 1024" },
        { "{\"timeout\":\"6m\"}", "timeout is at most 5m" },
        { "{\"timeout\":\"never\"}", "timeout is at most 5m" }, { "{\"retries\":[\"31d\"]}", "at most 30d" },
    };
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *wrong = refused(bad[i].text);
        ck_assert_msg(strstr(wrong, bad[i].wrong) != NULL, "%s: %s", bad[i].text, wrong);
    }
    static const char *const good[] = {
        "{\"start\":\"all\"}", "{\"start\":\"2026-01-31T12:00:00Z\"}", "{\"start\":\"a-0\"}",
        "{\"mode\":\"keyed\",\"key\":\"header:Tenant\"}", "{\"headers\":{\"AUTHORIZATION\":\"x\"}}",
    };
    for (unsigned i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_str_eq(refused(good[i]), "");
}
END_TEST

START_TEST(secrets_are_needed_and_never_the_public_half)
{
    struct webhook_settings settings;
    read_good(&settings, "{}");
    settings.secrets[0].secret.kind = SECRET_PUBLIC;
    ck_assert_ptr_nonnull(strstr(webhook_settings_check(&settings, room), "for the receiver"));
    settings.secret_count = 0;
    ck_assert_str_eq(webhook_settings_check(&settings, room), "a webhook has a secret");
    struct secret secret;
    ck_assert(secret_read(slice_of(SECRET), &secret));
    for (unsigned i = 0; i < WEBHOOK_SECRETS_MAX; i++)
        ck_assert_int_eq(webhook_secrets_add(&settings, &secret, 0), 0);
    ck_assert_int_eq(webhook_secrets_add(&settings, &secret, 0), -E2BIG);
    webhook_settings_finish(&settings);
}
END_TEST

START_TEST(what_was_stored_badly_is_refused)
{
    struct webhook_settings settings;
    static const char *const bad[] = { "", "{", "[]", "{\"secrets\":[{\"secret\":\"x\"}]}", "{\"secrets\":[7]}" };
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        webhook_settings_init(&settings);
        ck_assert_int_eq(webhook_settings_load(&settings, slice_of(bad[i]), room), -EINVAL);
        webhook_settings_finish(&settings);
    }
    webhook_settings_init(&settings);
    ck_assert_int_eq(webhook_settings_load(&settings, slice_of("{\"of_a_newer_daemon\":1}"), room), 0);
    webhook_settings_finish(&settings);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_is_not_set_gets_defaults,
        every_member_comes_back,
        secrets_are_not_shown,
        the_standard_schedule_is_shown_and_not_stored,
        null_takes_back_what_was_set,
        nobody_sets_what_is_the_daemons,
        what_is_of_the_wrong_kind_is_named,
        a_url_is_one_that_may_be_sent_to,
        what_does_not_hold_together_is_refused,
        secrets_are_needed_and_never_the_public_half,
        what_was_stored_badly_is_refused,
        NULL,
    };
    return unit_run("settings", tests);
}
