/* The webhooks of the configuration, and what becomes of those that are there. */
#include "server/webhooks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../unit.h"
#include "config/config.h"
#include "stream/engine.h"
#include "stream/registry.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define HOOK "[webhook w]\nurl = https://example.org/\npattern = t.>\n"

static char sentence[RELOAD_SENTENCE_SIZE];
static struct stream_engine *engine;
static struct stream_registry *registry;
static struct deliverer *deliverer;

static int make(const char *text, struct webhooks_plan **ret_plan)
{
    struct config *config;
    struct config_error error;
    int rc = config_parse(PROGRAM_BROKER, "x.ini", slice_of(text), NULL, 0, &config, &error);
    ck_assert_msg(rc == 0, "%s", error.sentence);
    int result = webhooks_plan_make(config, ret_plan, sentence);
    config_destroy(config);
    return result;
}

static struct webhooks_plan *plan_of(const char *text)
{
    struct webhooks_plan *plan = NULL;
    ck_assert_msg(make(text, &plan) == 0, "%s", sentence);
    return plan;
}

static void refused(const char *text, const char *wanted)
{
    struct webhooks_plan *plan;
    ck_assert_int_eq(make(text, &plan), -EINVAL);
    ck_assert_str_eq(sentence, wanted);
}

static void apply(const char *text)
{
    struct webhooks_plan *plan = plan_of(text);
    webhooks_plan_apply(plan, deliverer);
    webhooks_plan_free(plan);
}

static void begin(void)
{
    const struct stream_engine_options options = { .segment_size = 1 << 20, .cache_size = 1 << 20, .boot_id = "" };
    ck_assert_int_eq(stream_engine_create(&options, &engine), 0);
    registry = stream_registry_create(engine);
    const struct deliverer_setup setup = { .registry = registry, .options = { .connections_max = 1 } };
    ck_assert_int_eq(deliverer_create(&setup, &deliverer), 0);
}

static void finish(void)
{
    deliverer_destroy(deliverer);
    stream_registry_destroy(registry);
    stream_engine_destroy(engine);
}

static struct hook *hook(const char *name)
{
    struct hook *found = deliverer_find(deliverer, slice_of(name));
    ck_assert_ptr_nonnull(found);
    return found;
}

START_TEST(every_option_becomes_a_setting)
{
    struct webhooks_plan *plan = plan_of(
        "[webhooks]\nallow_networks = 10.0.0.0/8, ::1\nca = /ca.pem\nproxy = http://p:1\nconnections_max = 7\n"
        "attempts_kept = 3\norigin = events.example\n"
        HOOK "filter = A=b, C=d=e\nstart = all\nmode = keyed\nkey = header:K\nbody = envelope\n"
        "secrets = " SECRET "\nauthorization = Bearer x\nheaders = X-A=1\nconcurrency = 3\nrate = 9\ntimeout = 2s\n"
        "retries = 1s, 2m\nretry_after_max = 3m\nclient_errors = dead\ndisable_after = never\nverify = options\n"
        "enabled = no\ndescription = some words\n");
    char *text = webhook_settings_save(&plan->items[0]);
    ck_assert_str_eq(text,
        "{\"name\":\"w\",\"url\":\"https://example.org/\",\"pattern\":\"t.>\",\"filter\":{\"A\":\"b\",\"C\":\"d=e\"},"
        "\"start\":\"all\",\"mode\":\"keyed\",\"key\":\"header:K\",\"body\":\"envelope\","
        "\"headers\":{\"Authorization\":\"Bearer x\",\"X-A\":\"1\"},\"concurrency\":3,\"rate\":9,\"timeout\":\"2s\","
        "\"retries\":[\"1s\",\"2m\"],\"retry_after_max\":\"3m\",\"client_errors\":\"dead\",\"disable_after\":\"never\","
        "\"verify\":\"options\",\"enabled\":false,\"description\":\"some words\",\"configured\":true,"
        "\"secrets\":[{\"secret\":\"" SECRET "\"}]}");
    ck_assert_uint_eq(plan->options.allowed_count, 2);
    ck_assert_uint_eq(plan->options.allowed[0].bits, 8);
    ck_assert_str_eq(plan->options.ca, "/ca.pem");
    ck_assert_str_eq(plan->options.proxy, "http://p:1");
    ck_assert_uint_eq(plan->options.connections_max, 7);
    ck_assert_uint_eq(plan->options.attempts_kept, 3);
    ck_assert_str_eq(plan->options.origin, "events.example");
    webhook_text_free(text);
    webhooks_plan_free(plan);
}
END_TEST

START_TEST(secrets_are_read_from_a_file)
{
    char path[64], text[256];
    snprintf(path, sizeof path, "%s/secret.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_gt(dprintf(fd, "  " SECRET "\n\nwhsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=\n"), 0);
    snprintf(text, sizeof text, HOOK "secret_file = %s\n", path);
    struct webhooks_plan *plan = plan_of(text);
    ck_assert_uint_eq(plan->items[0].secret_count, 2);
    ck_assert(!plan->has_made_secret[0]);
    webhooks_plan_free(plan);
    ck_assert_int_gt(dprintf(fd, "nonsense\n"), 0);
    refused(text, "[webhook w]: secret_file has one secret a line, whsec_... or whsk_..., 8 at most");
    close(fd);
    unlink(path);
    refused(HOOK "secret_file = /nowhere/secret\n",
            "[webhook w]: secret_file /nowhere/secret cannot be read: No such file or directory");
}
END_TEST

START_TEST(what_is_wrong_is_explained)
{
    refused(HOOK "headers = Host=x\n",
            "[webhook w]: the header Host cannot be set: Authorization, Accept, Accept-Language, User-Agent, Api-Key "
            "can, and X-..., but for those of proxies and clouds");
    refused(HOOK "start = tomorrow\n",
            "[webhook w]: start is new, all, a cursor, or a time such as 2026-01-31T12:00:00Z");
    refused(HOOK "secrets = whsec_abc\n",
            "[webhook w]: one of secrets is none: whsec_ and 24 to 64 bytes as base64, or whsk_ and a key of ed25519; "
            "and there are 8 at most");
    ck_assert_ptr_null(strstr(sentence, "abc"));
}
END_TEST

START_TEST(a_secret_that_was_made_stays)
{
    char first[SECRET_TEXT_SIZE], second[SECRET_TEXT_SIZE];
    begin();
    apply(HOOK);
    secret_write(&hook("w")->settings.secrets[0].secret, first);
    ck_assert_uint_ne(hook("w")->settings.created_ms, 0);
    apply(HOOK "rate = 5\n");
    ck_assert_uint_eq(hook("w")->settings.rate, 5);
    secret_write(&hook("w")->settings.secrets[0].secret, second);
    ck_assert_str_eq(first, second);
    apply(HOOK "secrets = " SECRET "\n");
    ck_assert_str_eq(secret_write(&hook("w")->settings.secrets[0].secret, second), SECRET);
    ck_assert_uint_eq(hook("w")->settings.secret_count, 1);
    finish();
}
END_TEST

START_TEST(what_is_named_no_more_stays_and_is_released)
{
    begin();
    apply(HOOK "[webhook v]\nurl = http://example.org/\npattern = u.>\n");
    apply("[webhook v]\nurl = http://example.org/\npattern = u.>\n");
    ck_assert(!hook("w")->settings.from_configuration);
    ck_assert(hook("v")->settings.from_configuration);
    apply(HOOK);
    ck_assert(hook("w")->settings.from_configuration);
    finish();
}
END_TEST

START_TEST(one_that_was_disabled_for_its_receiver_stays_so)
{
    begin();
    apply(HOOK);
    hook_disable(hook("w"), "the receiver is gone");
    apply(HOOK "rate = 5\n");
    ck_assert(!hook("w")->settings.enabled);
    ck_assert_str_eq(hook("w")->settings.disabled_reason, "the receiver is gone");
    finish();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_option_becomes_a_setting,
        secrets_are_read_from_a_file,
        what_is_wrong_is_explained,
        a_secret_that_was_made_stays,
        what_is_named_no_more_stays_and_is_released,
        one_that_was_disabled_for_its_receiver_stays_so,
        NULL,
    };
    return unit_run("webhooks", tests);
}
