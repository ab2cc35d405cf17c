/* Asks that send something to the receiver now, and are answered when that has ended. */
#include <errno.h>
#include <stdlib.h>

#include "core/topic.h"
#include "push/errand.h"
#include "push/probe.h"
#include "push/state.h"
#include "util/clock.h"

enum { TOPIC_SIZE = 1024 };

/* Examples. */

struct example {
    struct probe probe;              /* first */
    struct errand *errand;
};

static void on_example(struct probe *probe, const struct deliver_result *result)
{
    struct example *example = (struct example *)probe;
    struct errand *errand = example->errand;
    struct attempt attempt;
    if (result) {
        probe_describe(probe, result, &attempt);
        attempts_note(&probe->hook->attempts, &attempt);
        errand_answer_json(errand, WEBHOOK_GOOD, errand_attempt_json(&attempt));
    } else {
        errand_answer_gone(errand);
    }
    free(example);
    errand_finish(errand);
}

/* A topic of the pattern: "example" for each wildcard. False: there is no room. */
static bool make_topic(const char *pattern, char topic[TOPIC_SIZE])
{
    static const char word[] = "example";
    size_t size = 0;
    for (const char *at = pattern; *at; at++) {
        bool is_whole = (at == pattern || at[-1] == '.') && (!at[1] || at[1] == '.');
        bool is_wild = is_whole && (*at == '*' || *at == '>');
        size_t more = is_wild ? sizeof word - 1 : 1;
        if (size + more >= TOPIC_SIZE)
            return false;
        memcpy(topic + size, is_wild ? word : at, more);
        size += more;
    }
    topic[size] = '\0';
    return true;
}

/* 0, -ENOMEM, or -EINVAL. */
static int read_message(const cJSON *json, const struct hook *hook, char room[TOPIC_SIZE],
                        struct stream_message *ret_message)
{
    static const struct topic_limits widest = { .size_max = TOPIC_SIZE, .depth_max = TOPIC_DEPTH_LIMIT };
    const cJSON *topic = cJSON_GetObjectItemCaseSensitive(json, "topic");
    const cJSON *payload = cJSON_GetObjectItemCaseSensitive(json, "payload");
    if ((topic && !cJSON_IsString(topic)) || (payload && !cJSON_IsString(payload)) ||
        (!topic && !make_topic(hook->settings.pattern, room)))
        return -EINVAL;
    *ret_message = (struct stream_message){
        .time_ms = clock_wall_ms(),
        .topic = slice_of(topic ? topic->valuestring : room),
        .payload = slice_of(payload ? payload->valuestring : "{\"example\":true}"),
    };
    return topic_valid(ret_message->topic, &widest) && topic_is_writable(ret_message->topic) &&
                   !pattern_has_wildcard(ret_message->topic) ? 0 : -EINVAL;
}

static int send(struct example *example, struct hook *hook, const struct stream_message *message)
{
    struct request *request = &example->probe.request;
    probe_name(&example->probe, "example");
    const struct body_source source = {
        .message = message,
        .stream_name = slice_of("example"),
        .id = slice_of(request->id),
        .origin = slice_of("/streams/example"),
    };
    int error = body_make((enum body_kind)hook->settings.body, &source, &request->body);
    example->probe.done = on_example;
    return error ? error : probe_start(hook, &example->probe);
}

bool ask_example(struct errand *errand)
{
    char room[TOPIC_SIZE];
    struct stream_message message;
    struct hook *hook = errand_find(errand);
    cJSON *json = hook ? errand_read_body(errand) : NULL;
    if (!json)
        return false;
    struct example *example = calloc(1, sizeof *example);
    int error = example ? read_message(json, hook, room, &message) : -ENOMEM;
    if (!error) {
        example->errand = errand;
        error = send(example, hook, &message);
    }
    cJSON_Delete(json);
    if (errand_goes_on(errand, error, "topic is a topic without wildcards, payload is a string"))
        return true;
    free(example);
    return false;
}

/* Verification. */

struct verifying {
    struct verify_waiter waiter;     /* first */
    struct errand *errand;
};

static void on_verified(struct verify_waiter *waiter, bool is_gone)
{
    struct verifying *verifying = (struct verifying *)waiter;
    struct errand *errand = verifying->errand;
    const struct hook *hook = is_gone ? NULL : deliverer_find(errand->deliverer, errand->asked->name);
    free(verifying);
    if (hook)
        errand_answer_json(errand, WEBHOOK_GOOD, errand_document(errand->deliverer, hook));
    else
        errand_answer_gone(errand);
    if (!hook || !errand_await_stored(errand, &hook->settings, errand->asked->name))
        errand_finish(errand);
}

bool ask_verify(struct errand *errand)
{
    struct hook *hook = errand_find(errand);
    if (!hook || !errand_goes_on(errand, hook->settings.verify == WEBHOOK_VERIFY_NONE ? -EINVAL : 0,
                                 "verify is none: set it to options or challenge first"))
        return false;
    struct verifying *verifying = calloc(1, sizeof *verifying);
    if (!errand_goes_on(errand, verifying ? 0 : -ENOMEM, NULL))
        return false;
    verifying->errand = errand;
    verifying->waiter.done = on_verified;
    if (errand_goes_on(errand, hook_verify(hook, &verifying->waiter), NULL))
        return true;
    free(verifying);
    return false;
}
