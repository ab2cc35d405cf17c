#include "sidecar/serve.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"
#include "http/problem.h"
#include "libposthorn/posthorn.h"
#include "net/loop.h"
#include "sidecar/application.h"
#include "sidecar/carry.h"
#include "util/log.h"
#include "wire/headers.h"

enum { PAIRS_MAX = 256 };

struct serve {
    struct loop *loop;
    const struct config_serve *config;
    char *section;
    char *to;                        /* without a slash at the end */
    struct application *application;
    struct ph_conn *conn;            /* NULL: there is none yet */
    struct ph_sub *sub;              /* NULL: nobody listens */
    struct ph_sub *drained;          /* the one before, by which the last still come */
    struct list in_hand;             /* with the application */
    struct list answered;            /* in this turn: to be logged, and let go, when the answers are on their way */
    struct list waiting;             /* for it, the oldest first */
    unsigned in_hand_count, waiting_count;
    struct timer timer;              /* for the oldest that waits */
    bool is_stopping;
    struct serve_facts facts;        /* the counts */
};

/* A request. */
struct request {
    struct visit visit;              /* first */
    struct list place;
    struct serve *serve;
    struct ph_message *message;      /* a copy */
    struct carried carried;
    uint64_t came_ms;
    const char *error;               /* why the answer could not be sent; NULL: it was */
};

/* Answering. */

static void request_destroy(struct request *request)
{
    list_remove(&request->place);
    visit_finish(&request->visit);
    carried_finish(&request->carried);
    ph_message_free(request->message);
    free(request);
}

static struct slice head_of(const struct ph_message *message)
{
    return slice_make(message->headers, message->headers_size);
}

/* One line a request, as servers of HTTP write it. */
static void log_access(const struct request *request, unsigned status, size_t size, const char *error)
{
    const struct serve *serve = request->serve;
    char target[LOG_QUOTE_SIZE], trace[LOG_QUOTE_SIZE];
    struct slice parent = { "", 0 };
    if (!serve->config->access_log)
        return;
    headers_find(head_of(request->message), "traceparent", &parent);
    log_info("served", "section=\"%s\" topic=%s method=%s target=%s status=%u in=%zu out=%zu duration=%" PRIu64
             "ms trace=%s error=\"%s\"", serve->section, request->message->topic,
             request->carried.bytes ? request->carried.method : "-",
             log_quote(slice_of(request->carried.bytes ? request->carried.url : ""), target), status,
             request->message->payload_size, size, loop_now_ms(serve->loop) - request->came_ms,
             log_quote(parent, trace), error ? error : "");
}

static int publish(struct request *request, const struct ph_headers *headers, struct slice body)
{
    const struct ph_message *message = request->message;
    if (!message->reply_size)
        return PH_OK;
    return ph_publish_with(request->serve->conn, message->reply, NULL, headers, body.data, body.size);
}

static int send_answer(struct request *request, unsigned status, const struct carry_pair *pairs, size_t count,
                       struct slice body)
{
    struct ph_headers *headers = ph_headers_create();
    bool is_head = request->carried.bytes && strcmp(request->carried.method, "HEAD") == 0;
    int error = headers ? carry_to_reply(headers, status, pairs, count, is_head) : PH_E_MEMORY;
    if (error == PH_OK)
        error = publish(request, headers, body);
    ph_headers_destroy(headers);
    return error;
}

/* An answer of our own, as the broker's HTTP gives them. */
static void answer_problem(struct request *request, enum problem_kind kind, const char *detail, bool is_soon)
{
    const struct carry_pair pairs[] = { { "Content-Type", "application/problem+json" }, { "Retry-After", "1" } };
    unsigned status = problem_infos[kind].status;
    char *text = malloc(problem_size_max(slice_of(detail)));
    size_t size = text ? (size_t)(problem_write(text, kind, slice_of(detail)) - text) : 0;
    int error = send_answer(request, status, pairs, is_soon ? 2 : 1, slice_make(text, size));
    log_access(request, status, size, error == PH_OK ? detail : ph_strerror(error));
    free(text);
}

static void refuse(struct request *request, enum problem_kind kind, const char *detail)
{
    request->serve->facts.refused++;
    answer_problem(request, kind, detail, kind == PROBLEM_UNAVAILABLE);
    request_destroy(request);
}

static size_t gather_pairs(const struct visit *visit, struct carry_pair pairs[PAIRS_MAX])
{
    struct curl_header *header = NULL;
    size_t count = 0;
    while (count < PAIRS_MAX && visit_next_header(visit, &header))
        pairs[count++] = (struct carry_pair){ header->name, header->value };
    return count;
}

static void answer_failure(struct request *request)
{
    const struct visit *visit = &request->visit;
    enum problem_kind kind = visit->is_missed      ? PROBLEM_UNAVAILABLE
                             : visit->is_timed_out ? PROBLEM_NO_REPLY
                                                   : PROBLEM_BAD_GATEWAY;
    char detail[128];
    snprintf(detail, sizeof detail, "The application has not answered: %s.", visit->error);
    request->serve->facts.failed++;
    answer_problem(request, kind, detail, visit->is_missed);
}

/* True: it is to be logged at the end of the turn. */
static bool pass_on(struct request *request)
{
    struct serve *serve = request->serve;
    const struct visit *visit = &request->visit;
    struct carry_pair pairs[PAIRS_MAX];
    int error = send_answer(request, visit->status, pairs, gather_pairs(visit, pairs),
                            slice_make(visit->answer, visit->answer_size));
    if (error == PH_E_PAYLOAD_SIZE) {
        serve->facts.failed++;
        answer_problem(request, PROBLEM_BAD_GATEWAY, "The application's answer is larger than a message may be.",
                       false);
        return false;
    }
    serve->facts.answered++;
    request->error = error == PH_OK ? NULL : ph_strerror(error);
    return true;
}

void serve_turn_end(struct serve *serve)
{
    while (!list_is_empty(&serve->answered)) {
        struct request *request = LIST_OWNER(serve->answered.next, struct request, place);
        log_access(request, request->visit.status, request->visit.answer_size, request->error);
        request_destroy(request);
    }
}

/* Asking. */

static void go_on(struct serve *serve);

static void on_done(struct visit *visit)
{
    struct request *request = (struct request *)visit;
    struct serve *serve = request->serve;
    bool is_missed = visit->is_missed;
    serve->in_hand_count--;
    if (visit->status && pass_on(request)) {
        list_remove(&request->place);
        list_append(&serve->answered, &request->place);
    } else {
        if (!visit->status)
            answer_failure(request);
        request_destroy(request);
    }
    if (is_missed)
        application_missed(serve->application);
    go_on(serve);
}

static int prepare(struct request *request)
{
    struct visit *visit = &request->visit;
    const struct serve *serve = request->serve;
    int error = 0;
    visit->method = request->carried.method;
    visit->url = request->carried.url;
    visit->content = slice_make(request->message->payload, request->message->payload_size);
    visit->timeout_ms = serve->config->timeout_ms - (loop_now_ms(serve->loop) - request->came_ms);
    visit->answer_max = ph_server(serve->conn)->payload_size_max;
    visit->wants_whole = true;
    visit->done = on_done;
    for (const char *line = NULL; !error && (line = carried_next_line(&request->carried, line));)
        error = visit_add_line(visit, line);
    return error;
}

static void ask(struct request *request)
{
    struct serve *serve = request->serve;
    list_append(&serve->in_hand, &request->place);
    if (prepare(request) != 0 || visit_start(serve->application, &request->visit) != 0) {
        refuse(request, PROBLEM_UNAVAILABLE, "The sidecar is short of memory.");
        return;
    }
    serve->in_hand_count++;
}

static struct request *take_waiting(struct serve *serve)
{
    struct request *request = LIST_OWNER(serve->waiting.next, struct request, place);
    list_remove(&request->place);
    serve->waiting_count--;
    return request;
}

static void set_timer(struct serve *serve)
{
    if (list_is_empty(&serve->waiting)) {
        timer_clear(&serve->loop->timers, &serve->timer);
        return;
    }
    const struct request *oldest = LIST_OWNER(serve->waiting.next, struct request, place);
    timer_set(&serve->loop->timers, &serve->timer, oldest->came_ms + serve->config->timeout_ms);
}

static bool is_late(const struct serve *serve, const struct list *place)
{
    return LIST_OWNER(place, struct request, place)->came_ms + serve->config->timeout_ms <= loop_now_ms(serve->loop);
}

/* The next, where those that were with the application are done, and none that has waited too long. */
static void go_on(struct serve *serve)
{
    while (serve->waiting_count && is_late(serve, serve->waiting.next))
        refuse(take_waiting(serve), PROBLEM_NO_REPLY, "The application was busy for as long as this may take.");
    while (serve->waiting_count && serve->in_hand_count < serve->config->concurrency)
        ask(take_waiting(serve));
    set_timer(serve);
}

static void on_timer(struct timer *timer, uint64_t now_ms)
{
    (void)now_ms;
    go_on(LIST_OWNER(timer, struct serve, timer));
}

/* What comes. */

static int carry(struct request *request, const char **ret_fault)
{
    const struct ph_message *message = request->message;
    const struct carry_source source = {
        .to = slice_of(request->serve->to),
        .pattern = slice_of(request->serve->config->topic),
        .topic = slice_make(message->topic, message->topic_size),
        .head = head_of(message),
    };
    return carry_to_request(&source, &request->carried, ret_fault);
}

static struct request *request_create(struct serve *serve, const struct ph_message *message)
{
    struct request *request = calloc(1, sizeof *request);
    if (!request)
        return NULL;
    list_init(&request->place);
    request->serve = serve;
    request->came_ms = loop_now_ms(serve->loop);
    request->message = ph_message_copy(message);
    if (request->message)
        return request;
    request_destroy(request);
    return NULL;
}

/* Where there is no memory for it, its caller waits in vain. */
static void on_message(struct ph_sub *sub, const struct ph_message *message, void *arg)
{
    struct serve *serve = arg;
    const char *fault = NULL;
    struct request *request = request_create(serve, message);
    (void)sub;
    if (!request)
        return;
    int error = carry(request, &fault);
    if (error)
        refuse(request, fault ? PROBLEM_BAD_REQUEST : PROBLEM_UNAVAILABLE,
               fault ? fault : "The sidecar is short of memory.");
    else if (serve->is_stopping || !application_is_there(serve->application))
        refuse(request, PROBLEM_UNAVAILABLE, "The application is away.");
    else if (serve->in_hand_count < serve->config->concurrency)
        ask(request);
    else if (serve->waiting_count < serve->config->queue_max) {
        list_append(&serve->waiting, &request->place);
        serve->waiting_count++;
        set_timer(serve);
    } else
        refuse(request, PROBLEM_UNAVAILABLE, "Too many requests wait for the application.");
}

/* Listening, as long as the application is there. */

static void listen_no_more(struct serve *serve)
{
    if (!serve->sub)
        return;
    ph_sub_destroy(serve->drained);
    serve->drained = serve->sub;
    serve->sub = NULL;
    ph_sub_drain(serve->drained);
}

static void look_whether_to_listen(struct serve *serve)
{
    bool wants = serve->conn && !serve->is_stopping && application_is_there(serve->application);
    if (!wants)
        listen_no_more(serve);
    if (!wants || serve->sub)
        return;
    int error = ph_subscribe(serve->conn, serve->config->topic, serve->config->group, on_message, serve, &serve->sub);
    if (error != PH_OK)
        log_error("serve_failed", "section=\"%s\" error=\"%s\"", serve->section, ph_strerror(error));
}

static void refuse_waiting(struct serve *serve, const char *why)
{
    while (serve->waiting_count)
        refuse(take_waiting(serve), PROBLEM_UNAVAILABLE, why);
    set_timer(serve);
}

static void on_changed(void *arg, bool is_there)
{
    struct serve *serve = arg;
    look_whether_to_listen(serve);
    if (!is_there)
        refuse_waiting(serve, "The application is away.");
}

void serve_open(struct serve *serve, struct ph_conn *conn)
{
    serve->conn = conn;
    look_whether_to_listen(serve);
}

void serve_quiesce(struct serve *serve)
{
    serve->is_stopping = true;
    look_whether_to_listen(serve);
    refuse_waiting(serve, "The sidecar stops.");
}

bool serve_is_quiet(const struct serve *serve)
{
    bool is_drained = !serve->drained || ph_sub_ended(serve->drained) || ph_state(serve->conn) != PH_STATE_CONNECTED;
    return !serve->in_hand_count && !serve->waiting_count && is_drained;
}

void serve_look(const struct serve *serve, struct serve_facts *ret_facts)
{
    *ret_facts = serve->facts;
    ret_facts->name = serve->config->name;
    ret_facts->is_application_there = application_is_there(serve->application);
    ret_facts->in_hand = serve->in_hand_count;
    ret_facts->waiting = serve->waiting_count;
}

/* Coming and going. */

static int name_it(struct serve *serve)
{
    char *section;
    size_t size = strlen(serve->config->to);
    if (asprintf(&section, "serve %s", serve->config->name) < 0)
        return -ENOMEM;
    serve->section = section;
    while (size && serve->config->to[size - 1] == '/')
        size--;
    serve->to = strndup(serve->config->to, size);
    return serve->to ? 0 : -ENOMEM;
}

static int make_application(struct serve *serve, struct transfers *transfers)
{
    const struct application_settings settings = {
        .section = serve->section,
        .to = serve->to,
        .health = serve->config->health,
        .health_interval_ms = serve->config->health_interval_ms,
        .changed = on_changed,
        .arg = serve,
    };
    return application_create(serve->loop, transfers, &settings, &serve->application);
}

int serve_create(struct loop *loop, struct transfers *transfers, const struct config_serve *config,
                 struct serve **ret_serve)
{
    struct serve *serve = calloc(1, sizeof *serve);
    if (!serve)
        return -ENOMEM;
    serve->loop = loop;
    serve->config = config;
    serve->timer.fire = on_timer;
    list_init(&serve->in_hand);
    list_init(&serve->answered);
    list_init(&serve->waiting);
    int error = name_it(serve);
    if (!error)
        error = make_application(serve, transfers);
    if (error)
        serve_destroy(serve);
    else
        *ret_serve = serve;
    return error;
}

void serve_destroy(struct serve *serve)
{
    if (!serve)
        return;
    ph_sub_destroy(serve->sub);
    ph_sub_destroy(serve->drained);
    serve_turn_end(serve);
    while (!list_is_empty(&serve->in_hand))
        request_destroy(LIST_OWNER(serve->in_hand.next, struct request, place));
    while (!list_is_empty(&serve->waiting))
        request_destroy(LIST_OWNER(serve->waiting.next, struct request, place));
    timer_clear(&serve->loop->timers, &serve->timer);
    application_destroy(serve->application);
    free(serve->section);
    free(serve->to);
    free(serve);
}
