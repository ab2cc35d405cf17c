#include "line/webhooks.h"

#include <stdio.h>
#include <stdlib.h>

#include "broker/asked.h"
#include "broker/session.h"
#include "core/topic.h"
#include "net/loop.h"
#include "util/json.h"
#include "util/list.h"

enum {
    REQUEST_SIZE_MAX = 64 << 10, /* of a request's payload */
    REQUESTS_MAX = 1000,         /* that the office has, of one worker */
    QUIET_MAX_MS = 1000,         /* what is under way may take so long when the server stops */
};

#define PREFIX "$POSTHORN.API.webhook."

/* What can be asked: the token behind the prefix, and whether the name of a webhook follows. */
static const struct ask_row {
    const char *token;
    enum webhook_ask ask;
    bool has_name;
} ask_rows[] = {
    { "list", WEBHOOK_LIST, false },
    { "create", WEBHOOK_CREATE, false },
    { "get", WEBHOOK_GET, true },
    { "change", WEBHOOK_CHANGE, true },
    { "remove", WEBHOOK_REMOVE, true },
    { "enable", WEBHOOK_ENABLE, true },
    { "disable", WEBHOOK_DISABLE, true },
    { "rotate", WEBHOOK_ROTATE, true },
    { "attempts", WEBHOOK_ATTEMPTS, true },
    { "recover", WEBHOOK_RECOVER, true },
    { "resend", WEBHOOK_RESEND, true },
    { "example", WEBHOOK_EXAMPLE, true },
    { "dead", WEBHOOK_DEAD, true },
    { "replay", WEBHOOK_REPLAY, true },
    { "secrets", WEBHOOK_SECRETS, true },
    { "verify", WEBHOOK_VERIFY, true },
};

/* What is refused before the office is asked, and what it answered cannot be sent. */
enum fault {
    FAULT_NONE,
    FAULT_MAY_NOT,
    FAULT_UNKNOWN,
    FAULT_NO_NAME,
    FAULT_NAME,
    FAULT_TOO_LARGE,
    FAULT_TOO_MANY,
    FAULT_NO_OFFICE,
    FAULT_ANSWER_TOO_LARGE,
};

static const struct {
    unsigned code;
    const char *sentence;
} faults[] = {
    [FAULT_MAY_NOT] = { 403, "the user may not ask this of webhooks: it takes the right to manage, or to monitor" },
    [FAULT_UNKNOWN] = { 404, "there is nothing of that name to ask of webhooks" },
    [FAULT_NO_NAME] = { 400, "the topic is to end with the name of a webhook" },
    [FAULT_NAME] = { 400, "the topic names more than what is asked for needs" },
    [FAULT_TOO_LARGE] = { 413, "a request has at most 64 KiB" },
    [FAULT_TOO_MANY] = { 429, "too many requests are under way" },
    [FAULT_NO_OFFICE] = { 503, "this daemon sends no webhooks" },
    [FAULT_ANSWER_TOO_LARGE] = { 413, "the answer is larger than a message may be: ask for less" },
};

struct line_webhooks {
    struct sink sink;
    struct loop *loop;
    struct broker *broker;
    size_t answer_size_max;
    struct list fresh;               /* requests that have come in this turn */
    struct list away;                /* those that the office has, and somebody waits for */
    unsigned away_count;             /* of all that it has */
    struct timer quiet_timer;        /* when nobody is to wait any more */
};

struct request {
    struct webhook_call call;
    struct list place;
    struct line_webhooks *webhooks;
    struct asked *asked;             /* until the audit is told; NULL: it is not, or has been */
    bool is_answered;
    struct slice topic, reply, payload; /* in text */
    size_t size;                     /* of text */
    enum fault fault;
    char text[];
};

/* Life. A request may hold a secret. */

static void request_free(struct request *request)
{
    list_remove(&request->place);
    rights_unref(request->call.rights);
    asked_forget(request->asked);
    explicit_bzero(request->text, request->size);
    free(request);
}

static char *append(char *at, struct slice text, struct slice *ret_copy)
{
    *ret_copy = slice_make(at, text.size);
    if (text.size)
        memcpy(at, text.data, text.size);
    return at + text.size;
}

/* NULL: out of memory. */
static struct request *request_create(struct line_webhooks *webhooks, struct slice topic, const struct message *message)
{
    struct slice reply = slice_make(message->reply, message->reply_size);
    struct slice payload = slice_make(message->body + message->head_size, message->body_size - message->head_size);
    bool is_large = payload.size > REQUEST_SIZE_MAX;
    size_t size = topic.size + reply.size + (is_large ? 0 : payload.size);
    struct request *request = malloc(sizeof *request + size);
    if (!request)
        return NULL;
    *request = (struct request){ .webhooks = webhooks, .size = size, .fault = is_large ? FAULT_TOO_LARGE : FAULT_NONE };
    list_init(&request->place);
    char *at = append(request->text, topic, &request->topic);
    at = append(at, reply, &request->reply);
    append(at, is_large ? slice_make(NULL, 0) : payload, &request->payload);
    return request;
}

/* What is asked on this worker. What comes from another has been taken there. */
static unsigned take_requests(struct sink *sink, const struct batch *batch)
{
    struct line_webhooks *webhooks = LIST_OWNER(sink, struct line_webhooks, sink);
    struct session *session = (struct session *)batch->origin; /* NULL: the server asks itself */
    struct request *request;
    unsigned count = 0;
    for (; !batch->hops && count < batch->count; count++) {
        request = request_create(webhooks, batch->topic, &batch->messages[count]);
        if (!request)
            break;
        request->call.rights = session ? rights_ref(session->rights) : NULL;
        request->asked = session ? asked_open(session, batch->topic) : NULL;
        list_append(&webhooks->fresh, &request->place);
    }
    loop_again(webhooks->loop);
    return count;
}

static const struct sink_ops sink_ops = { .deliver = take_requests };

/* Telling the audit, once. */

/* failure: why it was not done; NULL: it was. */
static void tell(struct request *request, const char *failure)
{
    asked_done(request->asked, request->webhooks->broker, failure);
    request->asked = NULL;
}

static void tell_refusal(struct request *request, enum right right)
{
    asked_refused(request->asked, request->webhooks->broker, right);
    request->asked = NULL;
}

/* Answering. */

/* Text is followed by CR LF, which do not count. */
static void send_text(struct request *request, const char *text, size_t size)
{
    const struct message message = { .body = text, .body_size = (uint32_t)size };
    if (request->reply.size)
        broker_send(request->webhooks->broker, request->reply, &message, 1);
    request->is_answered = true;
}

static void answer_error(struct request *request, unsigned code, const char *sentence)
{
    static const char no_memory[] = "{\"error\":{\"code\":503,\"description\":\"out of memory\"}}\r\n";
    struct slice words = slice_of(sentence);
    char *text = malloc(64 + json_string_size(words)), *at;
    if (!text) {
        send_text(request, no_memory, sizeof no_memory - 3);
        return;
    }
    at = text + sprintf(text, "{\"error\":{\"code\":%u,\"description\":", code);
    at = json_write_string(at, words);
    memcpy(at, "}}\r\n", 4);
    send_text(request, text, (size_t)(at + 2 - text));
    free(text);
}

static void answer_fault(struct request *request, enum fault fault)
{
    answer_error(request, faults[fault].code, faults[fault].sentence);
}

static void answer_document(struct request *request, const char *json)
{
    size_t size = strlen(json);
    if (size > request->webhooks->answer_size_max) {
        answer_fault(request, FAULT_ANSWER_TOO_LARGE);
        return;
    }
    char *text = malloc(size + 2);
    if (!text) {
        answer_error(request, webhook_verdict_code(WEBHOOK_SHORT), "out of memory");
        return;
    }
    memcpy(text, json, size);
    memcpy(text + size, "\r\n", 2);
    send_text(request, text, size);
    explicit_bzero(text, size);
    free(text);
}

static bool is_good(const struct webhook_call *call)
{
    return call->verdict == WEBHOOK_GOOD || call->verdict == WEBHOOK_MADE;
}

static const char *sentence_of(const struct webhook_call *call)
{
    return call->text ? call->text : webhook_verdict_sentence(call->verdict);
}

static void answer(struct request *request)
{
    const struct webhook_call *call = &request->call;
    if (is_good(call))
        answer_document(request, call->text ? call->text : "{}");
    else
        answer_error(request, webhook_verdict_code(call->verdict), sentence_of(call));
}

/* Who may ask for it, and yet not of this webhook, may not read all that it sends. */
static void tell_verdict(struct request *request)
{
    const struct webhook_call *call = &request->call;
    if (call->verdict == WEBHOOK_FORBIDDEN)
        tell_refusal(request, RIGHT_SUBSCRIBE);
    else
        tell(request, is_good(call) ? NULL : sentence_of(call));
}

static void on_finished(struct webhook_call *call)
{
    struct request *request = LIST_OWNER(call, struct request, call);
    request->webhooks->away_count--;
    tell_verdict(request);
    if (!request->is_answered)
        answer(request);
    webhook_text_free(call->text);
    request_free(request);
}

/* Asking. */

static const struct ask_row *find_ask(struct slice token)
{
    for (size_t i = 0; i < sizeof ask_rows / sizeof *ask_rows; i++)
        if (slice_is(token, ask_rows[i].token))
            return &ask_rows[i];
    return NULL;
}

/* Fills in what the topic asks for. */
static enum fault read_topic(struct request *request)
{
    struct slice topic = request->topic, token, name = slice_make(NULL, 0);
    size_t cursor = sizeof PREFIX - 1;
    const struct ask_row *row = topic_next_token(topic, &cursor, &token) ? find_ask(token) : NULL;
    if (!row)
        return FAULT_UNKNOWN;
    bool has_name = topic_next_token(topic, &cursor, &name);
    if (row->has_name && !has_name)
        return FAULT_NO_NAME;
    if (has_name && (!row->has_name || cursor <= topic.size))
        return FAULT_NAME;
    request->call.ask = row->ask;
    request->call.name = name;
    request->call.body = request->payload;
    request->call.finished = on_finished;
    return FAULT_NONE;
}

static enum fault check_right(const struct request *request)
{
    const struct webhook_call *call = &request->call;
    return rights_give(call->rights, webhook_right(call->ask)) ? FAULT_NONE : FAULT_MAY_NOT;
}

static void request_begin(struct request *request)
{
    struct line_webhooks *webhooks = request->webhooks;
    enum fault fault = request->fault ? request->fault : read_topic(request);
    if (!fault)
        fault = check_right(request);
    if (!fault && webhooks->away_count >= REQUESTS_MAX)
        fault = FAULT_TOO_MANY;
    if (!fault && !webhook_ask(&webhooks->broker->webhooks, &request->call))
        fault = FAULT_NO_OFFICE;
    if (fault) {
        if (fault == FAULT_MAY_NOT)
            tell_refusal(request, webhook_right(request->call.ask));
        else
            tell(request, faults[fault].sentence);
        answer_fault(request, fault);
        request_free(request);
        return;
    }
    webhooks->away_count++;
    list_append(&webhooks->away, &request->place);
}

void line_webhooks_turn(struct line_webhooks *webhooks)
{
    struct list fresh;
    list_init(&fresh);
    list_splice(&fresh, &webhooks->fresh); /* what comes meanwhile is for the next turn */
    while (!list_is_empty(&fresh)) {
        struct request *request = LIST_OWNER(fresh.next, struct request, place);
        list_remove(&request->place);
        request_begin(request);
    }
    webhooks->broker->stall_ms = 0; /* nobody's whom it could hold back */
}

/* Stopping. */

static void on_quiet(struct timer *timer, uint64_t now_ms)
{
    struct line_webhooks *webhooks = LIST_OWNER(timer, struct line_webhooks, quiet_timer);
    (void)now_ms;
    while (!list_is_empty(&webhooks->away)) {
        struct request *request = LIST_OWNER(webhooks->away.next, struct request, place);
        list_remove(&request->place);
        answer_error(request, webhook_verdict_code(WEBHOOK_STOPPING), webhook_verdict_sentence(WEBHOOK_STOPPING));
    }
}

void line_webhooks_quiesce(struct line_webhooks *webhooks)
{
    timer_set(&webhooks->loop->timers, &webhooks->quiet_timer, loop_now_ms(webhooks->loop) + QUIET_MAX_MS);
}

bool line_webhooks_are_busy(const struct line_webhooks *webhooks)
{
    return !list_is_empty(&webhooks->fresh) || !list_is_empty(&webhooks->away);
}

/* Life. */

void line_webhooks_set_limit(struct line_webhooks *webhooks, size_t answer_size_max)
{
    webhooks->answer_size_max = answer_size_max;
}

struct line_webhooks *line_webhooks_create(struct loop *loop, struct broker *broker, size_t answer_size_max)
{
    struct line_webhooks *webhooks = malloc(sizeof *webhooks);
    if (!webhooks)
        return NULL;
    *webhooks = (struct line_webhooks){
        .sink = { .ops = &sink_ops, .weight = 1 },
        .loop = loop,
        .broker = broker,
        .answer_size_max = answer_size_max,
        .quiet_timer = { .fire = on_quiet },
    };
    list_init(&webhooks->fresh);
    list_init(&webhooks->away);
    if (router_add(broker->router, &webhooks->sink, slice_of("$POSTHORN.API.webhook.>"), slice_make(NULL, 0)) == 0)
        return webhooks;
    free(webhooks);
    return NULL;
}

void line_webhooks_destroy(struct line_webhooks *webhooks)
{
    if (!webhooks)
        return;
    while (!list_is_empty(&webhooks->fresh))
        request_free(LIST_OWNER(webhooks->fresh.next, struct request, place));
    timer_clear(&webhooks->loop->timers, &webhooks->quiet_timer);
    router_remove(webhooks->broker->router, &webhooks->sink);
    free(webhooks);
}
