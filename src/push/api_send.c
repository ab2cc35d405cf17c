/* Sending again: from a moment on, or one message. */
#include <errno.h>

#include "push/errand.h"

bool ask_recover(struct errand *errand)
{
    char room[WEBHOOK_FAULT_SIZE];
    struct webhook_settings settings;
    struct hook *hook = errand_find(errand);
    cJSON *json = hook ? errand_read_body(errand) : NULL;
    const cJSON *start = json ? cJSON_GetObjectItemCaseSensitive(json, "start") : NULL;
    bool waits = false;
    if (!json)
        return false;
    int error = webhook_settings_copy(&settings, &hook->settings);
    if (!error)
        error = cJSON_IsString(start) ? webhook_set_text(&settings.start, start->valuestring) : -EINVAL;
    if (!error && webhook_settings_check(&settings, room))
        error = -EINVAL;
    if (!error)
        error = deliverer_recover(errand->deliverer, &settings);
    if (errand_goes_on(errand, error, "start is all, a cursor, or a time such as 2026-01-31T12:00:00Z")) {
        hook = deliverer_find(errand->deliverer, errand->asked->name);
        errand_answer_json(errand, WEBHOOK_GOOD, errand_document(errand->deliverer, hook));
        waits = errand_await_stored(errand, &hook->settings, errand->asked->name);
    }
    webhook_settings_finish(&settings);
    cJSON_Delete(json);
    return waits;
}

/* An id is a cursor: its epoch names the stream. */
static int resend(struct hook *hook, const cJSON *id)
{
    struct cursor cursor;
    if (!cJSON_IsString(id) || !cursor_parse(slice_of(id->valuestring), &cursor))
        return -EINVAL;
    for (struct list *at = hook->sources.next; at != &hook->sources; at = at->next) {
        struct hook_source *source = LIST_OWNER(at, struct hook_source, place);
        struct cursor own = cursor;
        if (stream_locate(source->stream, &own))
            return hook_resend(source, own.sequence);
    }
    return -ENOENT;
}

bool ask_resend(struct errand *errand)
{
    struct hook *hook = errand_find(errand);
    cJSON *json = hook ? errand_read_body(errand) : NULL;
    if (!json)
        return false;
    int error = resend(hook, cJSON_GetObjectItemCaseSensitive(json, "id"));
    if (error == -ENOENT)
        errand_answer(errand, WEBHOOK_NO_MESSAGE, "no stream of this webhook keeps a message of that id");
    else if (error == -EAGAIN)
        errand_answer(errand, WEBHOOK_SHORT, "the message is being fetched from disk: ask again");
    else if (errand_goes_on(errand, error, "id is what an attempt, or the header webhook-id, calls the message"))
        errand_answer(errand, WEBHOOK_GOOD, NULL);
    cJSON_Delete(json);
    return false;
}
