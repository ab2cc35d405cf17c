#include "scene.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "../stream/kit.h"
#include "../unit.h"
#include "push/sign.h"
#include "util/clock.h"
#include "wire/headers.h"

enum { DEADLINE_MS = 5000, CONNECTIONS_MAX = 128 };

/* The owner. */

static void tell_text(struct scene *scene, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void tell_text(struct scene *scene, const char *format, ...)
{
    size_t size = strlen(scene->told);
    va_list args;
    va_start(args, format);
    vsnprintf(scene->told + size, sizeof scene->told - size, format, args);
    va_end(args);
}

static bool bury(void *arg, struct hook_source *source, const struct stream_message *message, uint64_t attempt_count,
                 struct slice words)
{
    struct scene *scene = arg;
    (void)source;
    if (scene->keeps_no_dead)
        return false;
    tell_text(scene, "buried %" PRIu64 ":%" PRIu64 " %.*s; ", message->sequence, attempt_count, SLICE_ARGS(words));
    return true;
}

static void tell(void *arg, struct hook *hook, enum hook_event event, const char *reason)
{
    static const char *const words[HOOK_EVENT_COUNT] = { "failing",  "recovered",  "disabled", "stopped",
                                                           "verified", "unverified", "dead" };
    (void)hook;
    tell_text(arg, "%s %s; ", words[event], reason);
}

static const struct hook_ops ops = { .bury = bury, .tell = tell };

/* Turns. */

static bool on_turn(void *arg)
{
    struct scene *scene = arg;
    bool is_more = hooks_run(&scene->world);
    if (scene->is_done && scene->is_done(scene->arg))
        loop_stop(&scene->loop);
    return is_more;
}

static void on_deadline(struct timer *timer, uint64_t now_ms)
{
    (void)timer;
    (void)now_ms;
    ck_abort_msg("it takes too long");
}

void scene_run_until(struct scene *scene, bool (*is_done)(void *arg), void *arg)
{
    struct timer deadline = { .fire = on_deadline };
    timer_set(&scene->loop.timers, &deadline, clock_monotonic_ms() + DEADLINE_MS);
    scene->is_done = is_done;
    scene->arg = arg;
    scene->loop.stopping = false;
    loop_wake(&scene->loop); /* or it would sleep first */
    hook_is_ready(scene->hook);
    ck_assert_int_eq(loop_run(&scene->loop), 0);
    timer_clear(&scene->loop.timers, &deadline);
}

struct wish {
    struct scene *scene;
    uint64_t count;
};

static bool has_attempts(void *arg)
{
    const struct wish *wish = arg;
    return wish->scene->hook->attempts.total >= wish->count && !wish->scene->world.traffic.count;
}

void scene_run_attempts(struct scene *scene, uint64_t count)
{
    struct wish wish = { scene, count };
    scene_run_until(scene, has_attempts, &wish);
}

struct alarm {
    struct timer timer;
    bool is_over;
};

static void on_alarm(struct timer *timer, uint64_t now_ms)
{
    (void)now_ms;
    ((struct alarm *)timer)->is_over = true;
}

static bool is_over(void *arg)
{
    return ((struct alarm *)arg)->is_over;
}

void scene_run_for(struct scene *scene, uint64_t ms)
{
    struct alarm alarm = { { .fire = on_alarm }, false };
    timer_set(&scene->loop.timers, &alarm.timer, clock_monotonic_ms() + ms);
    scene_run_until(scene, is_over, &alarm);
}

/* Life. */

void scene_open(struct scene *scene)
{
    struct deliver_options options = { .guard = &scene->guard, .connections_max = CONNECTIONS_MAX };
    memset(scene, 0, sizeof *scene);
    ck_assert_int_eq(loop_init(&scene->loop), 0);
    scene->loop.hooks = (struct loop_hooks){ .arg = scene, .before_flush = on_turn };
    ck_assert(network_read("127.0.0.0/8", &scene->here));
    scene->guard = (struct guard){ &scene->here, 1 };
    hook_world_init(&scene->world, &scene->loop, CONNECTIONS_MAX);
    scene->world.signer = signer_create();
    scene->world.attempts_kept = 100;
    scene->world.origin = "here.example";
    scene->world.ops = &ops;
    scene->world.arg = scene;
    random_init(&scene->world.random, 4711);
    ck_assert_int_eq(deliver_create(&scene->loop, &options, &scene->world.deliver), 0);
    scene->stream = stream_create("S", &kit_limits);
    ck_assert_ptr_nonnull(scene->stream);
}

void scene_close(struct scene *scene)
{
    hook_destroy(scene->hook);
    hook_world_finish(&scene->world);
    deliver_destroy(scene->world.deliver);
    signer_destroy(scene->world.signer);
    stream_destroy(scene->stream);
    loop_finish(&scene->loop);
}

static void make(struct scene *scene, struct webhook_settings *settings, struct slice state)
{
    char room[WEBHOOK_FAULT_SIZE];
    ck_assert_int_eq(webhook_settings_complete(settings), 0);
    const char *wrong = webhook_settings_check(settings, room);
    ck_assert_msg(!wrong, "%s", wrong);
    ck_assert_int_eq(hook_create(&scene->world, settings, &scene->hook), 0);
    ck_assert_int_eq(hook_add_source(scene->hook, scene->stream, state, false, &scene->source), 0);
}

void scene_begin(struct scene *scene, const char *url, const char *text)
{
    char room[WEBHOOK_FAULT_SIZE];
    struct webhook_settings settings;
    struct secret secret;
    cJSON *json = cJSON_Parse(text ? text : "{}");
    webhook_settings_init(&settings);
    ck_assert_int_eq(webhook_set_text(&settings.name, "w"), 0);
    ck_assert_int_eq(webhook_set_text(&settings.url, url), 0);
    ck_assert_int_eq(webhook_set_text(&settings.pattern, "t.>"), 0);
    ck_assert_int_eq(webhook_set_text(&settings.start, "all"), 0);
    ck_assert(secret_read(slice_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), &secret));
    ck_assert_int_eq(webhook_secrets_add(&settings, &secret, 0), 0);
    ck_assert_msg(webhook_settings_from_json(&settings, json, WEBHOOK_JSON_SHOWN, room) == 0, "%s", room);
    cJSON_Delete(json);
    make(scene, &settings, slice_make(NULL, 0));
}

void scene_restart(struct scene *scene)
{
    struct webhook_settings settings;
    char *state = malloc(consumer_save_size(scene->source->consumer));
    size_t size = consumer_save(scene->source->consumer, hook_time(scene->hook), state);
    ck_assert_int_eq(webhook_settings_copy(&settings, &scene->hook->settings), 0);
    hook_destroy(scene->hook);
    ck_assert_uint_eq(scene->world.traffic.count, 0);
    make(scene, &settings, slice_make(state, size));
    free(state);
}

void scene_publish(struct scene *scene, const char *topic, const char *head, const char *payload)
{
    char body[4096];
    int size = snprintf(body, sizeof body, "%s%s\r\n", head ? head : "", payload);
    const struct message message = {
        .body = body,
        .head_size = (uint32_t)slice_of(head).size,
        .body_size = (uint32_t)size - 2,
    };
    const struct batch batch = { .topic = slice_of(topic), .messages = &message, .count = 1 };
    ck_assert_uint_eq(stream_append(scene->stream, &batch, clock_wall_ms(), NULL), 1);
}
