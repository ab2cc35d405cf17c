#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "push/state.h"
#include "util/log.h"
#include "util/moment.h"

/* Notes. */

void deliverer_set_outlet(struct deliverer *deliverer, void (*wake)(void *arg), void *arg)
{
    deliverer->wake_outlet = wake;
    deliverer->outlet = arg;
}

void note_add(struct deliverer *deliverer, struct slice topic, struct slice payload)
{
    struct deliverer_note *note = malloc(sizeof *note + topic.size + payload.size + 2);
    if (!note || !deliverer->wake_outlet) {
        free(note);
        return;
    }
    char *bytes = (char *)(note + 1);
    memcpy(bytes, topic.data, topic.size);
    memcpy(bytes + topic.size, payload.data, payload.size);
    memcpy(bytes + topic.size + payload.size, "\r\n", 2);
    *note = (struct deliverer_note){ NULL, slice_make(bytes, topic.size),
                                     slice_make(bytes + topic.size, payload.size) };
    pthread_mutex_lock(&deliverer->mutex);
    *deliverer->last_note = note;
    deliverer->last_note = &note->next;
    deliverer->wake_outlet(deliverer->outlet);
    pthread_mutex_unlock(&deliverer->mutex);
}

struct deliverer_note *deliverer_take_note(struct deliverer *deliverer)
{
    pthread_mutex_lock(&deliverer->mutex);
    struct deliverer_note *note = deliverer->notes;
    if (note) {
        deliverer->notes = note->next;
        if (!deliverer->notes)
            deliverer->last_note = &deliverer->notes;
    }
    pthread_mutex_unlock(&deliverer->mutex);
    return note;
}

/* What hooks tell: into the log, and as a message under $POSTHORN.webhook. */

static const struct {
    const char *token, *log;
    enum log_level level;
} tellings[HOOK_EVENT_COUNT] = {
    [HOOK_FAILING] = { "failing", "webhook_failing", LOG_LEVEL_WARNING },
    [HOOK_RECOVERED] = { "recovered", "webhook_recovered", LOG_LEVEL_INFO },
    [HOOK_DISABLED] = { "disabled", "webhook_disabled", LOG_LEVEL_ERROR },
    [HOOK_STOPPED] = { "disabled", "webhook_disabled", LOG_LEVEL_INFO },
    [HOOK_VERIFIED] = { "verified", "webhook_verified", LOG_LEVEL_INFO },
    [HOOK_UNVERIFIED] = { "unverified", "webhook_unverified", LOG_LEVEL_WARNING },
    [HOOK_DEAD] = { "dead", "webhook_message_dead", LOG_LEVEL_WARNING },
};

static char *telling_text(const struct hook *hook, enum hook_event event, const char *reason, uint64_t wall_ms)
{
    char time[MOMENT_SIZE + 1];
    cJSON *json = cJSON_CreateObject();
    *moment_write(time, wall_ms) = '\0';
    bool is_good = json && cJSON_AddStringToObject(json, "event", tellings[event].token) &&
                   cJSON_AddStringToObject(json, "webhook", hook->settings.name) &&
                   cJSON_AddStringToObject(json, "url", hook->settings.url) &&
                   cJSON_AddStringToObject(json, "reason", reason) && cJSON_AddStringToObject(json, "time", time);
    char *text = is_good ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    return text;
}

void notes_tell(void *arg, struct hook *hook, enum hook_event event, const char *reason)
{
    struct deliverer *deliverer = arg;
    char topic[64], quoted[LOG_QUOTE_SIZE];
    log_event(tellings[event].level, tellings[event].log, "webhook=%s reason=%s", hook->settings.name,
              log_quote(slice_of(reason), quoted));
    char *text = telling_text(hook, event, reason, loop_wall_ms(&deliverer->loop));
    snprintf(topic, sizeof topic, "$POSTHORN.webhook.%s", tellings[event].token);
    if (text)
        note_add(deliverer, slice_of(topic), slice_of(text));
    cJSON_free(text);
    if (event >= HOOK_DISABLED && event <= HOOK_UNVERIFIED)
        deliverer_store(deliverer, &hook->settings);
}

void notes_finish(struct deliverer *deliverer)
{
    struct deliverer_note *note;
    while ((note = deliverer_take_note(deliverer)))
        free(note);
}
