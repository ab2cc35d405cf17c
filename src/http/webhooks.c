/* /v1/webhooks: asked of whoever sends them, over the worker's desk (broker/webhooks.h). What is asked and what comes
 * back are JSON documents, and pass here as they are. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/session.h"
#include "http/api.h"
#include "http/calls.h"
#include "http/exchange.h"
#include "http/monitor.h"
#include "http/routes.h"

/* One call, from its handler until it is back: it is not called off when its client leaves. */
struct question {
    struct webhook_call call;        /* first */
    struct exchange *exchange;       /* held; NULL: its client has left */
    size_t size;                     /* of texts */
    char texts[];                    /* name and body, which may hold a secret */
};

enum {
    HEADERS_SIZE = 160,              /* a name has 64 bytes at most */
    DEAD_MAX = 100,                  /* that are shown at once */
};

static const char no_store[] = "Cache-Control: no-store\r\n";

/* What goes well, where it is not 200 with a document. */
static const unsigned statuses[WEBHOOK_ASK_COUNT] = {
    [WEBHOOK_CREATE] = 201,
    [WEBHOOK_REMOVE] = 204,
    [WEBHOOK_RESEND] = 202,          /* begun, not done, as is the next */
    [WEBHOOK_REPLAY] = 202,
};

/* What does not; the detail where the call has no sentence. */
static const struct {
    enum problem_kind kind;
    const char *detail;
} faults[] = {
    [WEBHOOK_BAD] = { PROBLEM_BAD_BODY, "The body is not what this call takes." },
    [WEBHOOK_FORBIDDEN] = { PROBLEM_FORBIDDEN, "The user has no right to subscribe to all that the webhook sends." },
    [WEBHOOK_MISSING] = { PROBLEM_NO_WEBHOOK, "There is no such webhook." },
    [WEBHOOK_NO_MESSAGE] = { PROBLEM_NO_MESSAGE, "The webhook has no such message." },
    [WEBHOOK_TAKEN] = { PROBLEM_WEBHOOK_EXISTS, "The name is taken: use PATCH to change it." },
    [WEBHOOK_CONFIGURED] = { PROBLEM_CONFIGURED, "The configuration has this webhook." },
    [WEBHOOK_NOT_STORED] = { PROBLEM_UNAVAILABLE, "It could not be stored." },
    [WEBHOOK_SHORT] = { PROBLEM_UNAVAILABLE, "The server is short of memory." },
    [WEBHOOK_STOPPING] = { PROBLEM_UNAVAILABLE, "The server stops." },
};

/* Answering. */

static void answer_good(struct exchange *exchange, const struct webhook_call *call)
{
    char headers[HEADERS_SIZE];
    struct slice text = slice_of(call->text), name = fields_member(text, "name");
    unsigned status = statuses[call->ask] ? statuses[call->ask] : 200;
    snprintf(headers, sizeof headers, "%s", no_store);
    if (call->verdict == WEBHOOK_MADE && name.size > 2)
        snprintf(headers, sizeof headers, "%sLocation: /v1/webhooks/%.*s\r\n", no_store, (int)name.size - 2,
                 name.data + 1);
    if (text.size)
        answer(exchange, status, "application/json", text, headers);
    else
        answer_empty(exchange, status == 200 ? 204 : status, headers);
}

static void answer_fault(struct exchange *exchange, const struct webhook_call *call)
{
    enum problem_kind kind = faults[call->verdict].kind;
    if (kind == PROBLEM_FORBIDDEN)
        session_deny(exchange->session, right_name(RIGHT_SUBSCRIBE), slice_of(exchange->audited));
    bool is_of_settings = call->ask == WEBHOOK_CREATE || call->ask == WEBHOOK_CHANGE;
    if (kind == PROBLEM_BAD_BODY && is_of_settings)
        kind = PROBLEM_BAD_SETTINGS;
    answer_problem(exchange, kind, kind == PROBLEM_UNAVAILABLE ? "Retry-After: 1\r\n" : NULL, "%s",
                   call->text ? call->text : faults[call->verdict].detail);
}

static void question_free(struct question *question)
{
    webhook_text_free(question->call.text);
    rights_unref(question->call.rights);
    explicit_bzero(question->texts, question->size);
    free(question);
}

static void on_finished(struct webhook_call *call)
{
    struct question *question = (struct question *)call;
    if (question->exchange && call->verdict <= WEBHOOK_MADE)
        answer_good(question->exchange, call);
    else if (question->exchange)
        answer_fault(question->exchange, call);
    question_free(question);
}

/* Holding. */

static void on_abandoned(void *arg)
{
    struct question *question = arg;
    question->exchange = NULL;
}

/* What waits for the disk is there in a moment; for a receiver the server does not wait. */
static void on_stopping(void *arg)
{
    struct question *question = arg;
    enum webhook_ask ask = question->call.ask;
    struct exchange *exchange = question->exchange;
    if (ask != WEBHOOK_EXAMPLE && ask != WEBHOOK_VERIFY)
        return;
    question->exchange = NULL;
    answer_problem(exchange, PROBLEM_UNAVAILABLE, NULL, "The server stops.");
}

static const struct hold_ops hold_ops = { .abandoned = on_abandoned, .stopping = on_stopping };

/* Asking. */

static struct slice copy(char **at, struct slice text)
{
    struct slice copied = slice_make(*at, text.size);
    if (text.size)
        memcpy(*at, text.data, text.size);
    *at += text.size;
    return copied;
}

static struct question *question_make(struct exchange *exchange, enum webhook_ask ask, struct slice name,
                                      struct slice body)
{
    struct question *question = calloc(1, sizeof *question + name.size + body.size);
    if (!question)
        return NULL;
    char *at = question->texts;
    question->exchange = exchange;
    question->size = name.size + body.size;
    question->call = (struct webhook_call){ .finished = on_finished, .ask = ask };
    question->call.rights = rights_ref(exchange->session->rights);
    question->call.name = copy(&at, name);
    question->call.body = copy(&at, body);
    return question;
}

/* The call is not answered from within webhook_ask. */
static void ask_with(struct exchange *exchange, enum webhook_ask what, struct slice body)
{
    struct question *question = question_make(exchange, what, exchange->parameter, body);
    if (!question) {
        calls_short_of_memory(exchange);
    } else if (webhook_ask(&exchange->http->broker->webhooks, &question->call)) {
        exchange_hold(exchange, &hold_ops, question);
    } else {
        question_free(question);
        answer_problem(exchange, PROBLEM_UNAVAILABLE, NULL, "This server sends no webhooks.");
    }
}

static void ask(struct exchange *exchange, enum webhook_ask what)
{
    struct slice body = slice_make(NULL, 0);
    if (exchange->route->method == HTTP_GET || api_read_object(exchange, &body))
        ask_with(exchange, what, body);
}

void webhooks_list(struct exchange *exchange)
{
    char body[80];
    uint64_t offset = 0, limit = WEBHOOK_PAGE_MAX;
    if (!monitor_parameter(exchange, "offset", INT32_MAX, &offset) ||
        !monitor_parameter(exchange, "limit", WEBHOOK_PAGE_MAX, &limit))
        return;
    snprintf(body, sizeof body, "{\"offset\":%" PRIu64 ",\"limit\":%" PRIu64 "}", offset, limit);
    ask_with(exchange, WEBHOOK_LIST, slice_of(body));
}

void webhooks_create(struct exchange *exchange)
{
    ask(exchange, WEBHOOK_CREATE);
}

void webhooks_get(struct exchange *exchange)
{
    ask(exchange, WEBHOOK_GET);
}

void webhooks_change(struct exchange *exchange)
{
    ask(exchange, WEBHOOK_CHANGE);
}

void webhooks_delete(struct exchange *exchange)
{
    ask(exchange, WEBHOOK_REMOVE);
}

void webhooks_enable(struct exchange *exchange)
{
    ask(exchange, WEBHOOK_ENABLE);
}

void webhooks_disable(struct exchange *exchange)
{
    ask(exchange, WEBHOOK_DISABLE);
}

void webhooks_rotate(struct exchange *exchange)
{
    ask(exchange, WEBHOOK_ROTATE);
}

void webhooks_secrets(struct exchange *exchange)
{
    ask(exchange, WEBHOOK_SECRETS);
}

void webhooks_verify(struct exchange *exchange)
{
    ask(exchange, WEBHOOK_VERIFY);
}

void webhooks_attempts(struct exchange *exchange)
{
    ask(exchange, WEBHOOK_ATTEMPTS);
}

void webhooks_example(struct exchange *exchange)
{
    ask(exchange, WEBHOOK_EXAMPLE);
}

void webhooks_recover(struct exchange *exchange)
{
    ask(exchange, WEBHOOK_RECOVER);
}

void webhooks_resend(struct exchange *exchange)
{
    ask(exchange, WEBHOOK_RESEND);
}

void webhooks_dead(struct exchange *exchange)
{
    char body[48];
    uint64_t limit = DEAD_MAX;
    if (!monitor_parameter(exchange, "limit", DEAD_MAX, &limit))
        return;
    snprintf(body, sizeof body, "{\"limit\":%" PRIu64 "}", limit);
    ask_with(exchange, WEBHOOK_DEAD, slice_of(body));
}

void webhooks_replay(struct exchange *exchange)
{
    ask(exchange, WEBHOOK_REPLAY);
}
