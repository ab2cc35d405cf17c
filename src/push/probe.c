#include "push/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAME_SIZE = 16 };

/* Takes it out. */
static void end(struct probe *probe)
{
    list_remove(&probe->member);
    traffic_end(&probe->hook->world->traffic, &probe->traffic);
}

static void on_done(struct delivery *delivery, const struct deliver_result *result)
{
    struct probe *probe = (struct probe *)delivery;
    end(probe);
    request_finish(&probe->request);
    probe->done(probe, result);
}

void probe_name(struct probe *probe, const char *word)
{
    char chance[NAME_SIZE + 1];
    random_name(chance, NAME_SIZE);
    snprintf(probe->request.id, sizeof probe->request.id, "%s-%s", word, chance);
}

int probe_start(struct hook *hook, struct probe *probe)
{
    probe->request.delivery.done = on_done;
    if (request_make(&probe->request, hook) != 0 || request_start(&probe->request, hook) != 0) {
        request_finish(&probe->request);
        return -ENOMEM;
    }
    probe->hook = hook;
    list_append(&hook->probes, &probe->member);
    traffic_begin(&hook->world->traffic, &probe->traffic);
    return 0;
}

int probe_set_json(struct probe *probe, const char *text)
{
    static const char line[] = "Content-Type: application/json";
    struct body *body = &probe->request.body;
    size_t size = strlen(text);
    char *bytes = malloc(sizeof line + size);
    if (!bytes)
        return -ENOMEM;
    memcpy(bytes, line, sizeof line);
    memcpy(bytes + sizeof line, text, size);
    *body = (struct body){ bytes, sizeof line, size };
    return 0;
}

void probe_describe(const struct probe *probe, const struct deliver_result *result, struct attempt *ret_attempt)
{
    *ret_attempt = (struct attempt){
        .time_ms = probe->request.wall_ms,
        .duration_ms = result->duration_ms,
        .number = 1,
        .verdict = retry_judge(result->status, false),
        .status = result->status,
        .error = result->error,
        .answer = result->answer,
    };
    memcpy(ret_attempt->id, probe->request.id, sizeof ret_attempt->id);
}

void probe_cancel(struct probe *probe)
{
    end(probe);
    request_finish(&probe->request);
    probe->done(probe, NULL);
}

void probes_cancel(struct hook *hook)
{
    while (!list_is_empty(&hook->probes))
        probe_cancel(LIST_OWNER(hook->probes.next, struct probe, member));
}
