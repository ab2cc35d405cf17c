#include "sidecar/call.h"

#include <inttypes.h>
#include <stdlib.h>

#include "config/config.h"
#include "http/access.h"
#include "http/calls.h"
#include "http/exchange.h"
#include "http/http.h"
#include "libposthorn/posthorn.h"
#include "metrics/prometheus.h"
#include "net/loop.h"
#include "sidecar/carry.h"
#include "sidecar/lines.h"
#include "sidecar/service.h"
#include "sidecar/trace.h"
#include "sidecar/uplink.h"
#include "util/list.h"
#include "util/log.h"
#include "wire/format.h"
#include "wire/headers.h"

enum {
    PAUSE_MIN_MS = 25, /* before the first retry; twice as long before each further one, up to the bound */
    PAUSE_MAX_MS = 1000,
    AWAY_PAUSE_MS = 50, /* before a retry looks whether the broker is back */
};

struct caller {
    struct loop *loop;
    struct uplink *uplink;
    const struct config_call *config;
    struct services services;
    unsigned waiting_count;
    struct list answered;       /* in this turn: to be logged, and let go, when the answers are on their way */
    struct {
        uint64_t calls, failures, retries, refusals; /* refusals: by a breaker */
    } counts;
};

/* One call, from the handler to the answer; longer where its client has gone while a reply may come. */
struct outcall {
    struct caller *caller;
    struct list place;          /* in caller->answered */
    unsigned status;            /* there */
    struct service *service;
    struct exchange *exchange;  /* held; NULL: its client has gone */
    struct timer timer;         /* until the next attempt */
    uint64_t began_ms, due_ms;
    unsigned attempt_count;
    bool is_idempotent;
    const char *method;
    const char *topic, *target; /* in texts */
    char trace[TRACE_SIZE];
    struct ph_headers *headers;
    size_t body_size, answer_size;
    char *body;                 /* in texts */
    char texts[];
};

/* The end. */

static void outcall_free(struct outcall *outcall)
{
    timer_clear(&outcall->caller->loop->timers, &outcall->timer);
    service_leave(outcall->service);
    ph_headers_destroy(outcall->headers);
    free(outcall);
}

static void write_line(const struct outcall *outcall, unsigned status)
{
    char target[LOG_QUOTE_SIZE];
    const struct caller *caller = outcall->caller;
    if (caller->config->access_log)
        log_info("call", "service=%s method=%s target=%s status=%u attempts=%u duration_ms=%" PRIu64
                 " bytes_in=%zu bytes_out=%zu trace=%s", outcall->service->name, outcall->method,
                 log_quote(slice_of(outcall->target), target), status, outcall->attempt_count,
                 loop_now_ms(caller->loop) - outcall->began_ms, outcall->body_size, outcall->answer_size,
                 outcall->trace);
}

/* Lets the exchange go, which is to be answered; NULL: its client has gone. */
static struct exchange *let_go(struct outcall *outcall, unsigned status)
{
    struct exchange *exchange = outcall->exchange;
    outcall->caller->waiting_count -= exchange != NULL;
    outcall->caller->counts.failures += exchange && status >= 500;
    outcall->exchange = NULL;
    return exchange;
}

/* The same, and logs it. */
static struct exchange *conclude(struct outcall *outcall, unsigned status)
{
    struct exchange *exchange = let_go(outcall, status);
    if (exchange)
        write_line(outcall, status);
    return exchange;
}

void caller_turn_end(struct caller *caller)
{
    while (!list_is_empty(&caller->answered)) {
        struct outcall *outcall = LIST_OWNER(caller->answered.next, struct outcall, place);
        list_remove(&outcall->place);
        write_line(outcall, outcall->status);
        outcall_free(outcall);
    }
}

static void refuse(struct outcall *outcall, enum problem_kind kind, const char *detail)
{
    struct exchange *exchange = conclude(outcall, problem_infos[kind].status);
    if (exchange)
        answer_problem(exchange, kind, NULL, "%s", detail);
    outcall_free(outcall);
}

static void refuse_open(struct outcall *outcall, uint64_t pause_ms)
{
    char line[48];
    struct exchange *exchange = conclude(outcall, problem_infos[PROBLEM_CIRCUIT_OPEN].status);
    outcall->caller->counts.refusals++;
    snprintf(line, sizeof line, "Retry-After: %" PRIu64 "\r\n", pause_ms / 1000 + 1);
    if (exchange)
        answer_problem(exchange, PROBLEM_CIRCUIT_OPEN, line, "%s has failed too often; it is called again in a while.",
                       outcall->service->name);
    outcall_free(outcall);
}

/* The answer. */

/* What a message says is its sender's word: a browser is not to run it as a page of this server, unless the sender says
 * himself what a page may do. */
static const char guard_line[] = "Content-Security-Policy: sandbox; default-src 'none'\r\n";

static char *put_lines(char *out, struct slice head, bool is_head, struct slice *ret_type)
{
    struct slice policy;
    if (!headers_find(head, "Content-Security-Policy", &policy))
        out = format_bytes(out, guard_line, sizeof guard_line - 1);
    lines_write(head, is_head, out, ret_type);
    out += strlen(out);
    if (is_head && ret_type->size) /* which the answer to HEAD is otherwise without */
        out = headers_add(out, slice_of("Content-Type"), *ret_type);
    *out = '\0';
    return out + 1;
}

static void write_answer(struct exchange *exchange, unsigned status, struct slice head, struct slice body)
{
    struct buffer *buffer = &calls_of(exchange)->lines;
    struct slice type;
    buffer->size = 0;
    char *out = buffer_reserve(buffer, sizeof guard_line + lines_size_max(head) + 2 * head.size + 1);
    if (!out) {
        calls_short_of_memory(exchange);
        return;
    }
    char *text = put_lines(out, head, exchange->is_head, &type);
    *(type.size ? format_slice(text, type) : text) = '\0';
    if (exchange->is_head || status == 204 || status == 304)
        answer_empty(exchange, status, out);
    else
        answer(exchange, status, type.size ? text : NULL, body, out);
}

static void take_reply(struct outcall *outcall, const struct ph_message *message, unsigned status)
{
    struct slice head = slice_make(message->headers, message->headers_size);
    outcall->answer_size = message->payload_size;
    outcall->status = status;
    struct exchange *exchange = let_go(outcall, status);
    if (!exchange) {
        outcall_free(outcall);
        return;
    }
    list_append(&outcall->caller->answered, &outcall->place);
    write_answer(exchange, status, head, slice_make(message->payload, message->payload_size));
}

/* Attempts. */

static void attempt(struct outcall *outcall);

static void on_timer(struct timer *timer, uint64_t now_ms)
{
    (void)now_ms;
    attempt(LIST_OWNER(timer, struct outcall, timer));
}

/* True where it is tried again, after a pause that grows; some are shorter, so that they do not come together. */
static bool try_again(struct outcall *outcall, bool had)
{
    struct caller *caller = outcall->caller;
    uint64_t now_ms = loop_now_ms(caller->loop), most_ms = PAUSE_MIN_MS << (outcall->attempt_count - 1);
    uint64_t pause_ms = most_ms < PAUSE_MAX_MS ? most_ms : PAUSE_MAX_MS;
    pause_ms -= random_below(&caller->services.random, (uint32_t)pause_ms / 2 + 1);
    if (!outcall->exchange || outcall->attempt_count > caller->config->retries || (had && !outcall->is_idempotent) ||
        now_ms + pause_ms >= outcall->due_ms || !budget_spend(&outcall->service->budget))
        return false;
    caller->counts.retries++;
    return timer_set(&caller->loop->timers, &outcall->timer, now_ms + pause_ms) == 0;
}

/* What an attempt without an answer is to the client. */
static const struct failure {
    int error;
    enum problem_kind kind;
    const char *detail;
    bool had; /* somebody may have had the request */
} failures[] = {
    { PH_E_NO_RESPONDERS, PROBLEM_NO_RESPONDERS, "Nobody answers calls to this service.", false },
    { PH_E_TIMEOUT, PROBLEM_NO_REPLY, "The service did not answer in time.", true },
    { PH_E_PAYLOAD_SIZE, PROBLEM_TOO_LARGE, "The broker does not take so large a message.", false },
    { PH_E_FULL, PROBLEM_UNAVAILABLE, "Too much waits for the broker.", false },
    { PH_E_CLOSED, PROBLEM_UNAVAILABLE, "The sidecar stops.", true },
    { PH_E_DISCONNECTED, PROBLEM_BAD_GATEWAY, "The connection to the broker broke; the service may have been asked.",
      true },
    { PH_E_MEMORY, PROBLEM_UNAVAILABLE, "The sidecar is short of memory.", false },
};

static const struct failure *failure_of(int error)
{
    static const struct failure other = { PH_E_SYSTEM, PROBLEM_UNAVAILABLE, "The request could not be sent.", false };
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
        if (failures[i].error == error)
            return &failures[i];
    return &other;
}

/* What may go better the next time. */
static bool is_worth_a_retry(int error)
{
    return error == PH_E_NO_RESPONDERS || error == PH_E_TIMEOUT || error == PH_E_DISCONNECTED;
}

/* What the service, or its absence, is to blame for. */
static bool blames_service(int error)
{
    return error == PH_E_NO_RESPONDERS || error == PH_E_TIMEOUT;
}

static void note(struct outcall *outcall, bool failed)
{
    struct caller *caller = outcall->caller;
    struct service *service = outcall->service;
    if (!service_note(&caller->services, service, failed, loop_now_ms(caller->loop)))
        return;
    if (failed)
        log_warning("circuit_opened", "service=%s", service->name);
    else
        log_info("circuit_closed", "service=%s", service->name);
}

static void fail(struct outcall *outcall, int error)
{
    const struct failure *failure = failure_of(error);
    if (!is_worth_a_retry(error) || !try_again(outcall, failure->had))
        refuse(outcall, failure->kind, failure->detail);
}

static bool is_gateway_failure(unsigned status)
{
    return status >= 502 && status <= 504;
}

static void on_answer(struct ph_conn *conn, int error, const struct ph_message *message, void *arg)
{
    struct outcall *outcall = arg;
    unsigned status = 0;
    (void)conn;
    if (error == PH_OK) {
        status = lines_status(slice_make(message->headers, message->headers_size));
        status = status ? status : 200;
    }
    if (error == PH_OK || blames_service(error))
        note(outcall, error != PH_OK || is_gateway_failure(status));
    else
        breaker_forget(&outcall->service->breaker);
    if (error != PH_OK)
        fail(outcall, error);
    else if (!is_gateway_failure(status) || !try_again(outcall, true))
        take_reply(outcall, message, status);
}

static void send(struct outcall *outcall, uint64_t now_ms)
{
    struct caller *caller = outcall->caller;
    uint64_t left_ms = outcall->due_ms > now_ms ? outcall->due_ms - now_ms : 1;
    uint64_t most_ms = caller->config->try_timeout_ms;
    bool may_retry = outcall->is_idempotent && outcall->attempt_count <= caller->config->retries;
    uint64_t timeout_ms = may_retry && most_ms < left_ms ? most_ms : left_ms;
    int error = ph_request_start(uplink_conn(caller->uplink), outcall->topic, outcall->headers, outcall->body,
                                 outcall->body_size, (int)timeout_ms, on_answer, outcall);
    if (!error)
        return;
    breaker_forget(&outcall->service->breaker);
    fail(outcall, error);
}

/* Whoever has been asked already waits for the broker to come back, as long as his time lasts. */
static bool waits_for_broker(struct outcall *outcall, uint64_t now_ms)
{
    uint64_t due_ms = now_ms + AWAY_PAUSE_MS;
    return outcall->attempt_count && due_ms < outcall->due_ms &&
           timer_set(&outcall->caller->loop->timers, &outcall->timer, due_ms) == 0;
}

static void attempt(struct outcall *outcall)
{
    struct caller *caller = outcall->caller;
    uint64_t now_ms = loop_now_ms(caller->loop);
    if (!uplink_is_up(caller->uplink)) {
        if (waits_for_broker(outcall, now_ms))
            return;
        refuse(outcall, PROBLEM_BROKER_AWAY, "The sidecar has no connection to the broker.");
    } else if (!service_admits(&caller->services, outcall->service, now_ms)) {
        refuse_open(outcall, service_pause_ms(outcall->service, now_ms));
    } else {
        outcall->attempt_count++;
        send(outcall, now_ms);
    }
}

/* The client. */

enum { STATUS_ABANDONED = 499 }; /* in the log alone */

/* Where an attempt is under way its answer frees the call. */
static void leave(struct outcall *outcall)
{
    if (outcall->timer.place)
        outcall_free(outcall);
}

static void on_abandoned(void *arg)
{
    struct outcall *outcall = arg;
    conclude(outcall, STATUS_ABANDONED);
    leave(outcall);
}

static void on_stopping(void *arg)
{
    struct outcall *outcall = arg;
    struct exchange *exchange = conclude(outcall, problem_infos[PROBLEM_UNAVAILABLE].status);
    answer_problem(exchange, PROBLEM_UNAVAILABLE, NULL, "The sidecar stops.");
    leave(outcall);
}

static const struct hold_ops hold_ops = { .abandoned = on_abandoned, .stopping = on_stopping };

static bool is_idempotent(enum http_method method)
{
    return method != HTTP_POST && method != HTTP_PATCH;
}

/* As text with a NUL, which the library wants. */
static int add_header(struct ph_headers *headers, struct buffer *room, struct slice name, struct slice value)
{
    room->size = 0;
    char *out = buffer_reserve(room, name.size + value.size + 2);
    if (!out)
        return PH_E_MEMORY;
    char *text = format_slice(out, name);
    *text++ = '\0';
    *(value.size ? format_slice(text, value) : text) = '\0';
    return ph_headers_add(headers, out, text);
}

static void take_trace(struct outcall *outcall, const struct http_request *request)
{
    struct slice trace;
    if (http_header(request, TRACE_HEADER, &trace) && trace_is_valid(trace))
        memcpy(outcall->trace, trace.data, TRACE_SIZE - 1);
    else
        trace_make(outcall->trace);
}

/* The headers that travel; a trace that is none is not passed on. */
static int add_headers(struct outcall *outcall, const struct http_request *request, struct buffer *room)
{
    struct slice connection = slice_make(NULL, 0);
    http_header(request, "Connection", &connection);
    int error = ph_headers_add(outcall->headers, CARRY_METHOD, outcall->method);
    if (!error)
        error = ph_headers_add(outcall->headers, CARRY_TARGET, outcall->target);
    if (!error)
        error = ph_headers_add(outcall->headers, TRACE_HEADER, outcall->trace);
    for (unsigned i = 0; i < request->header_count && !error; i++) {
        const struct http_header *header = &request->headers[i];
        if (carry_goes_along(header->name, connection) && !http_name_is(header->name, TRACE_HEADER))
            error = add_header(outcall->headers, room, header->name, header->value);
    }
    return error;
}

static struct outcall *outcall_create(struct caller *caller, const struct exchange *exchange,
                                      const struct called *called)
{
    const struct http_request *request = exchange->request;
    struct slice prefix = slice_of(caller->config->topic), body = exchange->body;
    size_t topic_size = called_topic_size(prefix, called), target_size = called_target_size(called, request->query);
    struct outcall *outcall = calloc(1, sizeof *outcall + topic_size + target_size + body.size);
    if (!outcall)
        return NULL;
    char *target = outcall->texts + topic_size;
    outcall->caller = caller;
    outcall->method = http_method_names[request->method];
    outcall->is_idempotent = is_idempotent(request->method);
    outcall->topic = outcall->texts;
    outcall->target = target;
    outcall->body = target + target_size;
    outcall->body_size = body.size;
    outcall->timer.fire = on_timer;
    called_write_topic(outcall->texts, prefix, called, outcall->method);
    called_write_target(target, called, request->query);
    if (body.size)
        memcpy(outcall->body, body.data, body.size);
    take_trace(outcall, request);
    outcall->headers = ph_headers_create();
    if (outcall->headers && add_headers(outcall, request, &calls_of(exchange)->text) == PH_OK)
        outcall->service = service_enter(&caller->services, called->service);
    if (outcall->service)
        return outcall;
    ph_headers_destroy(outcall->headers);
    free(outcall);
    return NULL;
}

void caller_call(struct caller *caller, struct exchange *exchange)
{
    struct called called;
    called_find(slice_of(caller->config->path), exchange->request->path, &called);
    if (!called.service.size) {
        answer_problem(exchange, PROBLEM_NOT_FOUND, NULL, "The name of a service follows %s: letters, digits, - and _.",
                       caller->config->path);
        return;
    }
    struct outcall *outcall = outcall_create(caller, exchange, &called);
    if (!outcall) {
        calls_short_of_memory(exchange);
        return;
    }
    if (!access_publish(exchange, slice_of(outcall->topic))) {
        outcall_free(outcall);
        return;
    }
    outcall->exchange = exchange;
    outcall->began_ms = loop_now_ms(caller->loop);
    outcall->due_ms = outcall->began_ms + caller->config->timeout_ms;
    caller->waiting_count++;
    caller->counts.calls++;
    budget_earn(&outcall->service->budget);
    exchange_hold(exchange, &hold_ops, outcall);
    attempt(outcall);
}

bool caller_takes(const struct caller *caller, struct slice path)
{
    struct called called;
    return caller->config->enabled && called_find(slice_of(caller->config->path), path, &called);
}

unsigned caller_waiting(const struct caller *caller)
{
    return caller->waiting_count;
}

/* Figures. */

void caller_put_metrics(const struct caller *caller, FILE *out)
{
    const struct {
        struct prometheus_family family;
        uint64_t value;
    } numbers[] = {
        { { "calls_total", "Calls of other services by the application", "counter" }, caller->counts.calls },
        { { "call_failures_total", "Those that ended with a status of 500 or more", "counter" },
          caller->counts.failures },
        { { "call_retries_total", "Attempts beyond the first", "counter" }, caller->counts.retries },
        { { "call_refusals_total", "Calls refused by a circuit breaker", "counter" }, caller->counts.refusals },
        { { "calls_waiting", "Calls that wait for their answers", "gauge" }, caller->waiting_count },
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        prometheus_put_family(out, &numbers[i].family);
        prometheus_put_sample(out, numbers[i].family.name, NULL, NULL, (double)numbers[i].value);
    }
}

/* Life. */

struct caller *caller_create(struct loop *loop, struct uplink *uplink, const struct config_call *config)
{
    struct caller *caller = calloc(1, sizeof *caller);
    if (!caller)
        return NULL;
    *caller = (struct caller){ .loop = loop, .uplink = uplink, .config = config };
    list_init(&caller->answered);
    services_init(&caller->services, config->breaker_failures, config->breaker_pause_ms, config->retry_budget);
    return caller;
}

void caller_reconfigure(struct caller *caller, const struct config_call *config)
{
    caller->config = config;
    services_change(&caller->services, config->breaker_failures, config->breaker_pause_ms, config->retry_budget);
}

void caller_destroy(struct caller *caller)
{
    if (!caller)
        return;
    caller_turn_end(caller);
    services_finish(&caller->services);
    free(caller);
}
