#include "push/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/loop.h"
#include "push/hook.h"
#include "push/sign.h"
#include "util/hash.h"
#include "wire/format.h"

static int add_body_lines(struct request *request)
{
    int error = 0;
    for (const char *line = NULL; !error && (line = body_next_line(&request->body, line));)
        error = delivery_add_line(&request->delivery, line);
    return error;
}

/* Copied, since the settings may change meanwhile. */
static int add_own_lines(struct request *request, const struct webhook_pairs *headers)
{
    size_t size = 1;
    int error = 0;
    for (unsigned i = 0; i < headers->count; i++)
        size += strlen(headers->names[i]) + strlen(headers->values[i]) + sizeof ": ";
    char *at = headers->count ? malloc(size) : NULL;
    request->own_lines = at;
    if (headers->count && !at)
        return -ENOMEM;
    for (unsigned i = 0; i < headers->count && !error; i++) {
        error = delivery_add_line(&request->delivery, at);
        at += sprintf(at, "%s: %s", headers->names[i], headers->values[i]) + 1;
    }
    return error;
}

/* Those that still sign: the newest, and during a rotation those before it. */
static int sign(struct request *request, const struct hook *hook)
{
    static const char name[] = "webhook-signature: ";
    struct secret secrets[WEBHOOK_SECRETS_MAX] = { { .size = 0 } };
    const struct sign_text text = {
        slice_of(request->id), request->wall_ms / 1000, body_content(&request->body),
    };
    unsigned count = 0;
    for (unsigned i = 0; i < hook->settings.secret_count; i++)
        if (!hook->settings.secrets[i].until_ms || hook->settings.secrets[i].until_ms > request->wall_ms)
            secrets[count++] = hook->settings.secrets[i].secret;
    request->signature_line = malloc(sizeof name + SIGN_SIZE_MAX(count));
    int error = request->signature_line ? 0 : -ENOMEM;
    if (!error) {
        memcpy(request->signature_line, name, sizeof name);
        error = sign_write(hook->world->signer, secrets, count, &text, request->signature_line + sizeof name - 1);
    }
    for (unsigned i = 0; i < count; i++)
        secret_wipe(&secrets[i]);
    return error ? error : delivery_add_line(&request->delivery, request->signature_line);
}

static int add_standard_lines(struct request *request)
{
    static const char id_name[] = "webhook-id: ", time_name[] = "webhook-timestamp: ";
    char *out = format_bytes(request->id_line, id_name, sizeof id_name - 1);
    format_bytes(out, request->id, strlen(request->id) + 1);
    out = format_bytes(request->time_line, time_name, sizeof time_name - 1);
    *format_number(out, request->wall_ms / 1000) = '\0';
    int error = delivery_add_line(&request->delivery, request->id_line);
    return error ? error : delivery_add_line(&request->delivery, request->time_line);
}

int request_make(struct request *request, const struct hook *hook)
{
    request->wall_ms = loop_wall_ms(hook->world->loop);
    int error = add_standard_lines(request);
    if (!error)
        error = sign(request, hook);
    if (!error)
        error = add_own_lines(request, &hook->settings.headers);
    return error ? error : add_body_lines(request);
}

/* Webhooks that send to the same host and port do so by the same connections. */
static uint64_t receiver_of(const struct hook *hook)
{
    const char *url = hook->settings.url, *host = strstr(url, "://");
    size_t size = host ? (size_t)(host - url) + 3 : 0;
    return hash_bytes(hook->world->hash_seed, url, size + strcspn(url + size, "/?#"));
}

/* curl copies the URL. */
int request_start(struct request *request, struct hook *hook)
{
    request->delivery.url = hook->settings.url;
    request->delivery.content = body_content(&request->body);
    request->delivery.timeout_ms = hook->settings.timeout_ms;
    request->delivery.key = receiver_of(hook);
    return delivery_start(hook->world->deliver, &request->delivery);
}

void request_finish(struct request *request)
{
    delivery_cancel(&request->delivery);
    body_finish(&request->body);
    webhook_text_free(request->own_lines);
    free(request->signature_line);
}
