/* What is shown of a webhook: its settings, and how it does. */
#include <stdio.h>
#include <stdlib.h>

#include "push/errand.h"
#include "util/moment.h"

/* Each is false where memory has run out. */

bool json_add(cJSON *json, const char *name, cJSON *item)
{
    if (item && cJSON_AddItemToObject(json, name, item))
        return true;
    cJSON_Delete(item);
    return false;
}

bool json_add_slice(cJSON *json, const char *name, struct slice text)
{
    char *copy = strndup(text.data ? text.data : "", text.size);
    bool is_added = copy && json_add(json, name, cJSON_CreateString(copy));
    free(copy);
    return is_added;
}

bool json_add_number(cJSON *json, const char *name, uint64_t number)
{
    return json_add(json, name, cJSON_CreateNumber((double)number));
}

bool json_add_moment(cJSON *json, const char *name, uint64_t time_ms)
{
    char text[MOMENT_SIZE + 1];
    *moment_write(text, time_ms) = '\0';
    return !time_ms || json_add(json, name, cJSON_CreateString(text));
}

static const char *state_of(const struct hook *hook)
{
    if (!hook->settings.enabled)
        return "disabled";
    if (!webhook_is_verified(&hook->settings))
        return "unverified";
    return hook->failing_since_ms ? "failing" : "active";
}

static bool add_counts(cJSON *json, const struct hook *hook)
{
    const struct hook_counts *counts = &hook->counts;
    uint64_t retrying = 0, waiting = 0;
    for (struct list *at = hook->sources.next; at != &hook->sources; at = at->next) {
        struct consumer_info info;
        consumer_get_info(LIST_OWNER(at, struct hook_source, place)->consumer, hook_time(hook), &info);
        retrying += info.ack_pending_count;
        waiting += info.pending_count;
    }
    return json_add_number(json, "delivered", counts->delivered) && json_add_number(json, "failed", counts->failed) &&
           json_add_number(json, "dead", counts->dead) && json_add_number(json, "filtered", counts->passed) &&
           json_add_number(json, "lost", counts->lost) &&
           json_add_number(json, "in_flight", hook->lanes.flying_count) &&
           json_add_number(json, "unsettled", retrying) && json_add_number(json, "waiting", waiting);
}

static bool add_streams(cJSON *json, const struct hook *hook)
{
    cJSON *streams = cJSON_CreateArray();
    if (!json_add(json, "streams", streams))
        return false;
    for (struct list *at = hook->sources.next; at != &hook->sources; at = at->next) {
        const struct hook_source *source = LIST_OWNER(at, struct hook_source, place);
        cJSON *name = cJSON_CreateString(stream_name(source->stream));
        if (!name || !cJSON_AddItemToArray(streams, name))
            return false;
    }
    return true;
}

/* What a webhook takes is taken from the others. */
static bool add_queue(cJSON *json, const struct hook *hook)
{
    char warning[512];
    for (struct list *at = hook->sources.next; at != &hook->sources; at = at->next) {
        const struct hook_source *source = LIST_OWNER(at, struct hook_source, place);
        if (!source->is_queue || !stream_consumer_count(source->stream))
            continue;
        snprintf(warning, sizeof warning, "the stream %.255s is a work queue, and has other consumers too: each of its "
                 "messages goes out of it as soon as the first of them is done with it",
                 stream_name(source->stream));
        return json_add(json, "warning", cJSON_CreateString(warning));
    }
    return true;
}

static bool add_durable(cJSON *json, const struct deliverer *deliverer, const struct hook *hook)
{
    char warning[640];
    bool is_durable = deliverer_is_durable(deliverer, hook);
    snprintf(warning, sizeof warning, "no stream in files keeps all of %.200s, so that what waits to be sent is lost "
             "when the daemon stops, or when it waits for long: add a stream with the topics %.200s",
             hook->settings.pattern, hook->settings.pattern);
    return json_add(json, "durable", cJSON_CreateBool(is_durable)) &&
           (is_durable ? add_queue(json, hook) : json_add(json, "warning", cJSON_CreateString(warning)));
}

void errand_drop_shown(cJSON *json)
{
    static const char *const names[] = {
        "id", "durable", "warning", "state", "failing_since", "last_success", "streams", "delivered", "failed", "dead",
        "filtered", "lost", "in_flight", "unsettled", "waiting",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cJSON_DeleteItemFromObjectCaseSensitive(json, names[i]);
}

/* NULL: out of memory. */
cJSON *errand_document(const struct deliverer *deliverer, const struct hook *hook)
{
    cJSON *json = webhook_settings_to_json(&hook->settings, WEBHOOK_JSON_SHOWN);
    if (json && json_add(json, "id", cJSON_CreateString(hook->settings.name)) &&
        add_durable(json, deliverer, hook) && json_add(json, "state", cJSON_CreateString(state_of(hook))) &&
        json_add_moment(json, "failing_since", hook->failing_since_ms) &&
        json_add_moment(json, "last_success", hook->last_success_ms) && add_streams(json, hook) &&
        add_counts(json, hook))
        return json;
    webhook_json_delete(json);
    return NULL;
}
