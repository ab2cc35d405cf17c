/*
 * Whether the receiver wants what will be sent to it: it is asked before anything is, again when that was in vain, less
 * and less often, and anew when the URL changes.
 *
 *   options     OPTIONS by CloudEvents' web hooks 1.0: WebHook-Request-Origin is to be answered by
 *               WebHook-Allowed-Origin with the same or "*"; WebHook-Allowed-Rate, so many a minute, is kept to
 *   challenge   POST {"type":"webhook.challenge","challenge":"WORD"}, signed like all; the answer, 2xx, is WORD, or
 *               {"challenge":"WORD"}
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/loop.h"
#include "push/probe.h"
#include "util/json_tree.h"

enum { WORD_SIZE = 32, LINE_SIZE = 320, RETRY_MIN_MS = 5000, RETRY_MAX_MS = 3600 * 1000 };

struct verification {
    struct question *question;       /* under way; NULL: none is */
    struct list waiters;
    uint64_t due_ms;                 /* not before then again */
    unsigned failure_count;          /* in a row */
};

struct question {
    struct probe probe;              /* first */
    enum webhook_verify verify;
    char word[WORD_SIZE + 1];
    char origin_line[LINE_SIZE], rate_line[LINE_SIZE];
    bool is_allowed;                 /* by the headers of the answer */
    uint64_t allowed_rate;           /* a minute; 0: any number */
};

/* What is answered. */

/* A positive number a minute; else "*", which is any. */
static uint64_t rate_of(const char *value)
{
    uint64_t rate = 0;
    for (; value && *value >= '0' && *value <= '9' && rate < WEBHOOK_RATE_MAX * (uint64_t)60; value++)
        rate = 10 * rate + (uint64_t)(*value - '0');
    return rate;
}

static void look(struct delivery *delivery)
{
    struct question *question = (struct question *)delivery;
    const char *origin = delivery_header(delivery, "WebHook-Allowed-Origin");
    question->is_allowed =
        origin && (strcmp(origin, "*") == 0 || strcasecmp(origin, question->probe.hook->world->origin) == 0);
    question->allowed_rate = rate_of(delivery_header(delivery, "WebHook-Allowed-Rate"));
}

static struct slice trim(struct slice text)
{
    while (text.size && strchr(" \t\r\n", text.data[text.size - 1]))
        text.size--;
    for (; text.size && strchr(" \t\r\n", *text.data); text.size--)
        text.data++;
    return text;
}

static bool says_the_word(const struct question *question, struct slice answer)
{
    if (slice_is(trim(answer), question->word))
        return true;
    cJSON *json = json_tree_parse(answer, JSON_TREE_DEPTH);
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, "challenge");
    bool is_said = cJSON_IsString(item) && strcmp(item->valuestring, question->word) == 0;
    cJSON_Delete(json);
    return is_said;
}

/* Why it does not want it; NULL: it does. */
static const char *refusal(const struct question *question, const struct deliver_result *result)
{
    if (result->error)
        return result->error;
    if (result->status < 200 || result->status > 299)
        return "the receiver does not answer 2xx";
    if (question->verify == WEBHOOK_VERIFY_OPTIONS)
        return question->is_allowed ? NULL : "the receiver does not allow our origin";
    return says_the_word(question, result->answer) ? NULL : "the receiver does not say the challenge again";
}

/* What comes of it. */

static void tell_waiters(struct verification *verification, bool is_gone)
{
    while (!list_is_empty(&verification->waiters)) {
        struct verify_waiter *waiter = LIST_OWNER(verification->waiters.next, struct verify_waiter, place);
        list_remove(&waiter->place);
        waiter->done(waiter, is_gone);
    }
}

static void tell(struct hook *hook, enum hook_event event, const char *reason)
{
    hook->world->ops->tell(hook->world->arg, hook, event, reason);
}

static void accept(struct hook *hook, const struct question *question)
{
    bool was_verified = hook->settings.verified_ms;
    hook->verification->failure_count = 0;
    hook->settings.verified_ms = loop_wall_ms(hook->world->loop);
    hook->settings.allowed_rate = question->allowed_rate;
    pace_set(&hook->pace, hook->settings.rate, hook->settings.allowed_rate);
    tell(hook, HOOK_VERIFIED, was_verified ? "the receiver says again that it wants it"
                                           : "the receiver says that it wants it");
}

/* Each time twice as long, and up to a fifth longer. */
static void refuse(struct hook *hook, const char *reason)
{
    struct verification *verification = hook->verification;
    unsigned count = verification->failure_count++;
    uint64_t delay_ms = count < 10 ? (uint64_t)RETRY_MIN_MS << count : RETRY_MAX_MS;
    delay_ms = delay_ms < RETRY_MAX_MS ? delay_ms : RETRY_MAX_MS;
    verification->due_ms =
        loop_now_ms(hook->world->loop) + delay_ms + random_next(&hook->world->random) % (delay_ms / 5 + 1);
    bool is_new = hook->settings.verified_ms || count == 0;
    hook->settings.verified_ms = 0;
    if (is_new)
        tell(hook, HOOK_UNVERIFIED, reason);
}

static void on_done(struct probe *probe, const struct deliver_result *result)
{
    struct question *question = (struct question *)probe;
    struct hook *hook = probe->hook;
    struct attempt attempt;
    hook->verification->question = NULL;
    if (result) {
        const char *reason = refusal(question, result);
        probe_describe(probe, result, &attempt);
        attempt.verdict = reason ? RETRY_AGAIN : RETRY_DONE;
        attempt.error = reason;
        attempts_note(&hook->attempts, &attempt);
        if (reason)
            refuse(hook, reason);
        else
            accept(hook, question);
        tell_waiters(hook->verification, false);
        hook_is_ready(hook);
    }
    free(question);
}

/* Asking. */

static int fill_options(struct question *question, const struct hook *hook)
{
    struct delivery *delivery = &question->probe.request.delivery;
    delivery->method = "OPTIONS";
    delivery->look = look;
    snprintf(question->origin_line, LINE_SIZE, "WebHook-Request-Origin: %s", hook->world->origin);
    int error = delivery_add_line(delivery, question->origin_line);
    if (error || !hook->settings.rate)
        return error;
    snprintf(question->rate_line, LINE_SIZE, "WebHook-Request-Rate: %" PRIu64, 60 * hook->settings.rate);
    return delivery_add_line(delivery, question->rate_line);
}

static int fill_challenge(struct question *question)
{
    char text[128];
    random_name(question->word, WORD_SIZE);
    snprintf(text, sizeof text, "{\"type\":\"webhook.challenge\",\"challenge\":\"%s\"}", question->word);
    return probe_set_json(&question->probe, text);
}

static int ask(struct hook *hook)
{
    struct question *question = calloc(1, sizeof *question);
    if (!question)
        return -ENOMEM;
    question->verify = (enum webhook_verify)hook->settings.verify;
    question->probe.done = on_done;
    probe_name(&question->probe, "verify");
    int error = question->verify == WEBHOOK_VERIFY_OPTIONS ? fill_options(question, hook) : fill_challenge(question);
    if (!error)
        error = probe_start(hook, &question->probe);
    else
        request_finish(&question->probe.request);
    if (error)
        free(question);
    else
        hook->verification->question = question;
    return error;
}

static bool reserve(struct hook *hook)
{
    if (!hook->verification && (hook->verification = calloc(1, sizeof *hook->verification)))
        list_init(&hook->verification->waiters);
    return hook->verification;
}

bool verify_run(struct hook *hook, uint64_t *deadline_ms)
{
    uint64_t now_ms = loop_now_ms(hook->world->loop);
    if (webhook_is_verified(&hook->settings))
        return true;
    if (hook->verification && hook->verification->question)
        return false;
    if (!reserve(hook) || (hook->verification->due_ms <= now_ms && ask(hook) != 0))
        *deadline_ms = now_ms + RETRY_MIN_MS;
    else if (hook->verification->due_ms > now_ms && hook->verification->due_ms < *deadline_ms)
        *deadline_ms = hook->verification->due_ms;
    return false;
}

int hook_verify(struct hook *hook, struct verify_waiter *waiter)
{
    if (!reserve(hook) || (!hook->verification->question && ask(hook) != 0))
        return -ENOMEM;
    list_append(&hook->verification->waiters, &waiter->place);
    return 0;
}

/* One that is under way asks what is no longer the question. */
void verify_reset(struct hook *hook)
{
    struct verification *verification = hook->verification;
    if (!verification || webhook_is_verified(&hook->settings))
        return;
    verification->due_ms = 0;
    verification->failure_count = 0;
    if (verification->question) {
        struct question *question = verification->question;
        probe_cancel(&question->probe);
    }
}

void verify_free(struct hook *hook)
{
    if (hook->verification)
        tell_waiters(hook->verification, true);
    free(hook->verification);
    hook->verification = NULL;
}
