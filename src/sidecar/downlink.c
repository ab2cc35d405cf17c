#include "sidecar/downlink.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"
#include "libposthorn/posthorn.h"
#include "net/loop.h"
#include "push/body.h"
#include "push/breaker.h"
#include "push/retry.h"
#include "sidecar/application.h"
#include "sidecar/contract.h"
#include "sidecar/durable.h"
#include "util/log.h"
#include "util/units.h"
#include "wire/headers.h"

enum {
    KEEP_SHARE = 3,                  /* as often within ack_wait the broker is told that somebody still works */
    ANSWER_MAX = 64 << 10,           /* more of an answer is not looked at */
    RETRY_AFTER_MAX_MS = 3600 * 1000,
    LINE_SIZE = 512, LINES = 4,
    WORD_SIZE = 256,
};

struct downlink {
    struct loop *loop;
    const struct config_deliver *config;
    char *section;
    struct application *application;
    struct durable *durable;
    struct breaker breaker;
    struct random random;
    uint64_t *delays_ms;             /* of the schedule */
    struct retry_schedule schedule;
    struct list parcels;             /* being posted */
    unsigned parcel_count;
    struct timer timer;              /* because of the breaker, or of what takes long */
    bool is_stopping;
    struct downlink_facts facts;     /* the counts */
};

/* A message that is being posted. */
struct parcel {
    struct visit visit;              /* first */
    struct list place;
    struct downlink *downlink;
    struct body body;
    char *reply;                     /* of its latest delivery */
    uint64_t sequence, delivery_count;
    uint64_t keep_ms;                /* when the broker is told next that somebody works on it */
    char lines[LINES][LINE_SIZE];
};

/* What is due. */

static uint64_t keep_due_ms(const struct downlink *downlink)
{
    uint64_t due_ms = UINT64_MAX;
    for (struct list *at = downlink->parcels.next; at != &downlink->parcels; at = at->next) {
        const struct parcel *parcel = LIST_OWNER(at, struct parcel, place);
        due_ms = parcel->keep_ms < due_ms ? parcel->keep_ms : due_ms;
    }
    return due_ms;
}

/* A timer that is set is left to fire, unless it is too late. */
static void wake_by(struct downlink *downlink, uint64_t due_ms)
{
    if (due_ms == UINT64_MAX || (downlink->timer.place && downlink->timer.due_ms <= due_ms))
        return;
    if (timer_set(&downlink->loop->timers, &downlink->timer, due_ms) != 0)
        log_error("delivery_stops", "section=\"%s\" error=\"out of memory\"", downlink->section);
}

/* How many the application may have at once beside those that it has. */
static unsigned count_wanted(struct downlink *downlink)
{
    unsigned used = downlink->parcel_count + durable_asked_count(downlink->durable);
    if (!breaker_admits(&downlink->breaker, used, loop_now_ms(downlink->loop)))
        return 0;
    if (downlink->breaker.state != BREAKER_CLOSED)
        return used ? 0 : 1;
    return downlink->breaker.allowance - used;
}

/* Asks for more; not for every single one where it may have many. */
static void fetch(struct downlink *downlink)
{
    uint64_t now_ms = loop_now_ms(downlink->loop);
    if (!durable_is_ready(downlink->durable) || downlink->is_stopping)
        return;
    unsigned wanted = application_is_there(downlink->application) ? count_wanted(downlink) : 0;
    unsigned asked = durable_asked_count(downlink->durable);
    if (wanted && (!asked || wanted * 4 >= downlink->breaker.allowance))
        durable_ask(downlink->durable, wanted);
    else if (asked && (!application_is_there(downlink->application) || downlink->breaker.state != BREAKER_CLOSED))
        durable_ask_no_more(downlink->durable);
    wake_by(downlink, breaker_due_ms(&downlink->breaker, now_ms));
}

static void keep(struct downlink *downlink, uint64_t now_ms)
{
    for (struct list *at = downlink->parcels.next; at != &downlink->parcels; at = at->next) {
        struct parcel *parcel = LIST_OWNER(at, struct parcel, place);
        if (parcel->keep_ms > now_ms)
            continue;
        durable_keep(downlink->durable, parcel->reply);
        parcel->keep_ms = now_ms + downlink->config->ack_wait_ms / KEEP_SHARE;
    }
}

static void on_timer(struct timer *timer, uint64_t now_ms)
{
    struct downlink *downlink = LIST_OWNER(timer, struct downlink, timer);
    keep(downlink, now_ms);
    fetch(downlink);
    wake_by(downlink, keep_due_ms(downlink));
}

/* What became of it. */

static void parcel_destroy(struct parcel *parcel)
{
    list_remove(&parcel->place);
    parcel->downlink->parcel_count--;
    visit_finish(&parcel->visit);
    body_finish(&parcel->body);
    free(parcel->reply);
    free(parcel);
}

static void give_back(struct downlink *downlink, const char *reply, uint64_t sequence)
{
    downlink->facts.given_back++;
    durable_say(downlink->durable, reply, sequence, "-NAK {\"begun\":false}");
}

static void bury(struct downlink *downlink, const char *reply, uint64_t sequence, const char *why)
{
    char word[WORD_SIZE];
    downlink->facts.dead++;
    log_warning("delivery_dead", "section=\"%s\" stream=%s sequence=%" PRIu64 " reason=\"%s\"", downlink->section,
                durable_stream(downlink->durable), sequence, why);
    snprintf(word, sizeof word, "+TERM %s", why);
    durable_say(downlink->durable, reply, sequence, word);
}

static const char *words_of(const struct visit *visit, char room[WORD_SIZE])
{
    if (visit->error)
        snprintf(room, WORD_SIZE, "%s", visit->error);
    else
        snprintf(room, WORD_SIZE, "answered %u", visit->status);
    return room;
}

/* What the application asks for by Retry-After holds for all that would be sent to it. */
static uint64_t pause_for(struct parcel *parcel)
{
    struct downlink *downlink = parcel->downlink;
    struct curl_header *header = NULL;
    uint64_t after_ms;
    while (parcel->visit.status && visit_next_header(&parcel->visit, &header)) {
        if (strcasecmp(header->name, "Retry-After") != 0 ||
            !retry_after_read(slice_of(header->value), loop_wall_ms(downlink->loop), &after_ms))
            continue;
        after_ms = after_ms < RETRY_AFTER_MAX_MS ? after_ms : RETRY_AFTER_MAX_MS;
        breaker_pause(&downlink->breaker, loop_now_ms(downlink->loop) + after_ms);
        return after_ms;
    }
    return 0;
}

static void try_again(struct parcel *parcel, uint64_t after_ms)
{
    struct downlink *downlink = parcel->downlink;
    char word[WORD_SIZE], why[WORD_SIZE];
    uint64_t delay_ms;
    if (!retry_next(&downlink->schedule, parcel->delivery_count, after_ms, &downlink->random, &delay_ms)) {
        bury(downlink, parcel->reply, parcel->sequence, words_of(&parcel->visit, why));
        return;
    }
    downlink->facts.retried++;
    snprintf(word, sizeof word, "-NAK {\"delay\":%" PRIu64 "}", delay_ms * 1000000);
    durable_say(downlink->durable, parcel->reply, parcel->sequence, word);
}

/* What it says of the application: one that answers is well, whatever it makes of the message. */
static enum breaker_result result_of(const struct visit *visit)
{
    if (retry_judge(visit->status, false) == RETRY_SLOWER)
        return BREAKER_SLOWER;
    return !visit->status || visit->status >= 500 ? BREAKER_FAILURE : BREAKER_SUCCESS;
}

static void settle(struct parcel *parcel)
{
    struct downlink *downlink = parcel->downlink;
    const struct visit *visit = &parcel->visit;
    uint64_t after_ms = pause_for(parcel);
    breaker_note(&downlink->breaker, result_of(visit), loop_now_ms(downlink->loop), &downlink->random);
    switch (contract_judge(visit->status, slice_make(visit->answer, visit->answer_size))) {
    case CONTRACT_DONE:
        downlink->facts.done++;
        downlink->facts.last_done_ms = loop_wall_ms(downlink->loop);
        durable_say(downlink->durable, parcel->reply, parcel->sequence, "+ACK");
        break;
    case CONTRACT_RETRY:
        try_again(parcel, after_ms);
        break;
    case CONTRACT_DROP:
        downlink->facts.dropped++;
        bury(downlink, parcel->reply, parcel->sequence, "dropped by the application");
        break;
    }
}

static void on_done(struct visit *visit)
{
    struct parcel *parcel = (struct parcel *)visit;
    struct downlink *downlink = parcel->downlink;
    downlink->facts.posted++;
    log_debug("delivery", "section=\"%s\" sequence=%" PRIu64 " attempt=%" PRIu64 " status=%u duration=%" PRIu64 "ms",
              downlink->section, parcel->sequence, parcel->delivery_count, visit->status, visit->duration_ms);
    if (visit->is_missed) {
        breaker_forget(&downlink->breaker);
        give_back(downlink, parcel->reply, parcel->sequence);
        parcel_destroy(parcel);
        application_missed(downlink->application);
    } else {
        settle(parcel);
        parcel_destroy(parcel);
    }
    fetch(downlink);
}

/* Posting. */

static int add_own_line(struct parcel *parcel, unsigned place, const char *name, struct slice value)
{
    if (!value.size || value.size > LINE_SIZE - 64)
        return 0;
    snprintf(parcel->lines[place], LINE_SIZE, "%s: %.*s", name, SLICE_ARGS(value));
    return visit_add_line(&parcel->visit, parcel->lines[place]);
}

static bool is_traceable(struct slice value)
{
    for (size_t i = 0; i < value.size; i++)
        if (value.data[i] < ' ' || value.data[i] > '~')
            return false;
    return true;
}

/* The context of a trace is the request's own too. */
static int add_trace(struct parcel *parcel, struct slice head)
{
    static const char *const names[] = { "traceparent", "tracestate" };
    struct slice value;
    int error = 0;
    for (unsigned i = 0; i < 2 && !error; i++)
        if (headers_find(head, names[i], &value) && is_traceable(value))
            error = add_own_line(parcel, i, names[i], value);
    return error;
}

static int add_numbers(struct parcel *parcel)
{
    char number[24];
    snprintf(number, sizeof number, "%" PRIu64, parcel->sequence);
    int error = add_own_line(parcel, 2, "Posthorn-Sequence", slice_of(number));
    snprintf(number, sizeof number, "%" PRIu64, parcel->delivery_count);
    return error ? error : add_own_line(parcel, 3, "Posthorn-Attempt", slice_of(number));
}

/* What curl would say by itself is left away. */
static int add_body_lines(struct parcel *parcel)
{
    static const char *const others[] = { "Accept:", "Expect:", "User-Agent: posthorn-sidecar" };
    bool has_type = false;
    int error = 0;
    for (const char *line = NULL; !error && (line = body_next_line(&parcel->body, line));) {
        has_type = has_type || strncasecmp(line, "Content-Type:", 13) == 0;
        error = visit_add_line(&parcel->visit, line);
    }
    for (unsigned i = 0; i < 3 && !error; i++)
        error = visit_add_line(&parcel->visit, others[i]);
    return error || has_type ? error : visit_add_line(&parcel->visit, "Content-Type:");
}

static int make_body(struct parcel *parcel, const struct durable_message *message)
{
    static const enum body_kind kinds[] = { BODY_PAYLOAD, BODY_CLOUDEVENTS, BODY_CLOUDEVENTS_STRUCTURED };
    char id[LINE_SIZE], origin[LINE_SIZE];
    const struct stream_message kept = {
        message->sequence, message->time_ms, message->topic, message->head, message->payload,
    };
    snprintf(id, sizeof id, "%.*s-%" PRIu64, SLICE_ARGS(message->stream), message->sequence);
    snprintf(origin, sizeof origin, "/streams/%.*s", SLICE_ARGS(message->stream));
    const struct body_source source = {
        .message = &kept, .stream_name = message->stream, .id = slice_of(id), .origin = slice_of(origin),
    };
    return body_make(kinds[parcel->downlink->config->body], &source, &parcel->body);
}

static int prepare(struct parcel *parcel, const struct durable_message *message)
{
    int error = make_body(parcel, message);
    if (!error)
        error = add_body_lines(parcel);
    if (!error)
        error = add_numbers(parcel);
    return error ? error : add_trace(parcel, message->head);
}

static int start(struct parcel *parcel)
{
    const struct downlink *downlink = parcel->downlink;
    struct visit *visit = &parcel->visit;
    visit->method = "POST";
    visit->url = downlink->config->to;
    visit->content = body_content(&parcel->body);
    visit->timeout_ms = downlink->config->timeout_ms;
    visit->answer_max = ANSWER_MAX;
    visit->done = on_done;
    return visit_start(downlink->application, visit);
}

/* Out of memory: it comes again. */
static void post(struct downlink *downlink, const struct durable_message *message)
{
    struct parcel *parcel = calloc(1, sizeof *parcel);
    if (!parcel) {
        give_back(downlink, message->reply, message->sequence);
        return;
    }
    parcel->downlink = downlink;
    parcel->sequence = message->sequence;
    parcel->delivery_count = message->delivery_count;
    parcel->keep_ms = loop_now_ms(downlink->loop) + downlink->config->ack_wait_ms / KEEP_SHARE;
    parcel->reply = strdup(message->reply);
    list_append(&downlink->parcels, &parcel->place);
    downlink->parcel_count++;
    if (parcel->reply && prepare(parcel, message) == 0 && start(parcel) == 0) {
        breaker_begin(&downlink->breaker);
        wake_by(downlink, parcel->keep_ms);
        return;
    }
    give_back(downlink, message->reply, message->sequence);
    parcel_destroy(parcel);
}

static struct parcel *find_parcel(const struct downlink *downlink, uint64_t sequence)
{
    for (struct list *at = downlink->parcels.next; at != &downlink->parcels; at = at->next) {
        struct parcel *parcel = LIST_OWNER(at, struct parcel, place);
        if (parcel->sequence == sequence)
            return parcel;
    }
    return NULL;
}

/* Delivered again while it is being posted: what becomes of it is said of the later delivery. */
static void take_over(struct parcel *parcel, const struct durable_message *message)
{
    char *reply = strdup(message->reply);
    if (!reply)
        return;
    free(parcel->reply);
    parcel->reply = reply;
    parcel->delivery_count = message->delivery_count;
}

static bool may_begin(struct downlink *downlink)
{
    return !downlink->is_stopping && application_is_there(downlink->application) &&
           breaker_admits(&downlink->breaker, downlink->parcel_count, loop_now_ms(downlink->loop));
}

/* What was delivered once more than it may be tried has ended whoever tried it. */
static void on_message(void *arg, const struct durable_message *message)
{
    struct downlink *downlink = arg;
    struct parcel *parcel = find_parcel(downlink, message->sequence);
    if (parcel)
        take_over(parcel, message);
    else if (message->delivery_count > downlink->schedule.count + 1)
        bury(downlink, message->reply, message->sequence, "never answered for");
    else if (may_begin(downlink))
        post(downlink, message);
    else
        give_back(downlink, message->reply, message->sequence);
    fetch(downlink);
}

static void on_ready(void *arg)
{
    fetch(arg);
}

static void on_changed(void *arg, bool is_there)
{
    (void)is_there;
    fetch(arg);
}

/* The connection, and the end. */

void downlink_connected(struct downlink *downlink, struct ph_conn *conn)
{
    durable_connected(downlink->durable, conn);
}

void downlink_disconnected(struct downlink *downlink)
{
    durable_disconnected(downlink->durable);
}

void downlink_quiesce(struct downlink *downlink)
{
    downlink->is_stopping = true;
    durable_quiesce(downlink->durable);
}

bool downlink_is_quiet(const struct downlink *downlink)
{
    return !downlink->parcel_count && durable_is_quiet(downlink->durable);
}

void downlink_look(const struct downlink *downlink, struct downlink_facts *ret_facts)
{
    *ret_facts = downlink->facts;
    ret_facts->name = downlink->config->name;
    ret_facts->stream = durable_stream(downlink->durable);
    ret_facts->is_ready = durable_is_ready(downlink->durable);
    ret_facts->is_application_there = application_is_there(downlink->application);
    ret_facts->in_hand = downlink->parcel_count;
    ret_facts->unstored = durable_unstored_count(downlink->durable);
}

/* Coming and going. */

static int name_section(struct downlink *downlink)
{
    char *section;
    if (asprintf(&section, "deliver %s", downlink->config->name) < 0)
        return -ENOMEM;
    downlink->section = section;
    return 0;
}

static int read_schedule(struct downlink *downlink, const struct config_list *retries)
{
    uint64_t ns;
    downlink->delays_ms = calloc(retries->item_count + 1, sizeof(uint64_t));
    if (!downlink->delays_ms)
        return -ENOMEM;
    downlink->schedule.delays_ms = downlink->delays_ms;
    for (size_t i = 0; i < retries->item_count; i++)
        if (units_parse_duration(retries->items[i], &ns))
            downlink->delays_ms[downlink->schedule.count++] = ns / 1000000;
    return 0;
}

static void init_breaker(struct downlink *downlink)
{
    struct breaker_settings settings = breaker_standard;
    settings.limit = downlink->config->mode ? 1 : downlink->config->concurrency;
    breaker_init(&downlink->breaker, &settings);
}

static int make_application(struct downlink *downlink, struct transfers *transfers)
{
    const struct application_settings settings = {
        .section = downlink->section,
        .to = downlink->config->to,
        .health = downlink->config->health,
        .health_interval_ms = downlink->config->health_interval_ms,
        .changed = on_changed,
        .arg = downlink,
    };
    return application_create(downlink->loop, transfers, &settings, &downlink->application);
}

static int make_durable(struct downlink *downlink)
{
    static const struct durable_ops ops = { .ready = on_ready, .message = on_message };
    const struct durable_settings settings = {
        .name = downlink->config->name,
        .pattern = downlink->config->pattern,
        .stream = downlink->config->stream,
        .is_ordered = downlink->config->mode,
        .begins_with_new = downlink->config->start,
        .ack_wait_ms = downlink->config->ack_wait_ms,
    };
    return durable_create(downlink->loop, &settings, &ops, downlink, &downlink->durable);
}

int downlink_create(struct loop *loop, struct transfers *transfers, const struct config_deliver *config,
                    struct downlink **ret_downlink)
{
    struct downlink *downlink = calloc(1, sizeof *downlink);
    uint64_t seed;
    if (!downlink)
        return -ENOMEM;
    downlink->loop = loop;
    downlink->config = config;
    downlink->timer.fire = on_timer;
    list_init(&downlink->parcels);
    random_bytes(&seed, sizeof seed);
    random_init(&downlink->random, seed);
    init_breaker(downlink);
    int error = name_section(downlink);
    if (!error)
        error = read_schedule(downlink, &config->retries);
    if (!error)
        error = make_application(downlink, transfers);
    if (!error)
        error = make_durable(downlink);
    if (error)
        downlink_destroy(downlink);
    else
        *ret_downlink = downlink;
    return error;
}

void downlink_destroy(struct downlink *downlink)
{
    if (!downlink)
        return;
    while (!list_is_empty(&downlink->parcels))
        parcel_destroy(LIST_OWNER(downlink->parcels.next, struct parcel, place));
    timer_clear(&downlink->loop->timers, &downlink->timer);
    durable_destroy(downlink->durable);
    application_destroy(downlink->application);
    free(downlink->delays_ms);
    free(downlink->section);
    free(downlink);
}
