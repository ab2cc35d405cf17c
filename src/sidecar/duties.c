#include "sidecar/duties.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "http/document.h"
#include "metrics/prometheus.h"
#include "net/loop.h"
#include "sidecar/downlink.h"
#include "sidecar/serve.h"
#include "sidecar/uplink.h"
#include "util/log.h"

struct duties {
    struct loop *loop;
    struct uplink *uplink;
    struct transfers *transfers;
    struct uplink_watcher watcher;
    struct list list;                /* in the order of the configuration */
    struct list leaving;             /* that end, and are not quiet yet */
};

/* One of them: either a downlink or a serve. */
struct duty {
    struct list place;
    const char *section;             /* "deliver" or "serve" */
    void *config;                    /* a copy of its section */
    struct downlink *downlink;
    struct serve *serve;
};

static void duty_destroy(struct duty *duty)
{
    list_remove(&duty->place);
    downlink_destroy(duty->downlink);
    serve_destroy(duty->serve);
    config_free_copy(duty->section, duty->config);
    free(duty);
}

static void duty_quiesce(struct duty *duty)
{
    if (duty->downlink)
        downlink_quiesce(duty->downlink);
    else
        serve_quiesce(duty->serve);
}

static bool duty_is_quiet(const struct duty *duty)
{
    return duty->downlink ? downlink_is_quiet(duty->downlink) : serve_is_quiet(duty->serve);
}

static struct duty *duty_of(const struct list *place)
{
    return LIST_OWNER(place, struct duty, place);
}

/* Beginning. */

static int start(struct duties *duties, struct duty *duty)
{
    int error;
    if (strcmp(duty->section, "deliver") == 0) {
        error = downlink_create(duties->loop, duties->transfers, duty->config, &duty->downlink);
        if (!error && uplink_is_up(duties->uplink))
            downlink_connected(duty->downlink, uplink_conn(duties->uplink));
        return error;
    }
    error = serve_create(duties->loop, duties->transfers, duty->config, &duty->serve);
    if (!error)
        serve_open(duty->serve, uplink_conn(duties->uplink));
    return error;
}

static int add(struct duties *duties, const char *section, const void *config)
{
    struct duty *duty = calloc(1, sizeof *duty);
    if (!duty)
        return -ENOMEM;
    list_append(&duties->list, &duty->place);
    duty->section = section;
    duty->config = config_copy(section, config);
    int error = duty->config ? start(duties, duty) : -ENOMEM;
    if (error)
        duty_destroy(duty);
    return error;
}

/* The one that says the same, from the old ones to the list. False: there is none. */
static bool take_over(struct duties *duties, struct list *old, const char *section, const void *config)
{
    for (struct list *at = old->next; at != old; at = at->next) {
        const struct duty *duty = duty_of(at);
        if (strcmp(duty->section, section) != 0 || !config_is_same(section, duty->config, config))
            continue;
        list_remove(at);
        list_append(&duties->list, at);
        return true;
    }
    return false;
}

static int begin_one(struct duties *duties, struct list *old, const char *section, const void *config)
{
    return take_over(duties, old, section, config) ? 0 : add(duties, section, config);
}

static int begin(struct duties *duties, struct list *old, const struct config *config)
{
    int error = 0;
    for (size_t i = 0; i < config->deliver_count && !error; i++)
        error = begin_one(duties, old, "deliver", &config->delivers[i]);
    for (size_t i = 0; i < config->serve_count && !error; i++)
        error = begin_one(duties, old, "serve", &config->serves[i]);
    return error;
}

/* Ending. */

static void sweep(struct duties *duties)
{
    struct list *next;
    for (struct list *at = duties->leaving.next; at != &duties->leaving; at = next) {
        next = at->next;
        if (duty_is_quiet(duty_of(at)))
            duty_destroy(duty_of(at));
    }
}

void duties_quiesce(struct duties *duties)
{
    for (struct list *at = duties->list.next; at != &duties->list; at = at->next)
        duty_quiesce(duty_of(at));
}

bool duties_are_busy(const struct duties *duties)
{
    for (struct list *at = duties->list.next; at != &duties->list; at = at->next)
        if (!duty_is_quiet(duty_of(at)))
            return true;
    return !list_is_empty(&duties->leaving);
}

void duties_turn(struct duties *duties)
{
    sweep(duties);
}

static void end_turn(const struct list *list)
{
    for (const struct list *at = list->next; at != list; at = at->next)
        if (duty_of(at)->serve)
            serve_turn_end(duty_of(at)->serve);
}

void duties_turn_end(struct duties *duties)
{
    end_turn(&duties->list);
    end_turn(&duties->leaving);
}

/* What is told. */

static void put_downlink(struct document *document, const struct downlink *downlink)
{
    struct downlink_facts facts;
    downlink_look(downlink, &facts);
    document_open(document, NULL, '{');
    document_text(document, "name", slice_of(facts.name));
    document_text(document, "stream", slice_of(facts.stream));
    document_flag(document, "ready", facts.is_ready);
    document_flag(document, "application", facts.is_application_there);
    document_number(document, "in_hand", facts.in_hand);
    document_number(document, "unstored", facts.unstored);
    document_number(document, "done", facts.done);
    document_number(document, "retried", facts.retried);
    document_number(document, "dead", facts.dead);
    document_number(document, "given_back", facts.given_back);
    document_close(document, '}');
}

static void put_serve(struct document *document, const struct serve *serve)
{
    struct serve_facts facts;
    serve_look(serve, &facts);
    document_open(document, NULL, '{');
    document_text(document, "name", slice_of(facts.name));
    document_flag(document, "application", facts.is_application_there);
    document_number(document, "in_hand", facts.in_hand);
    document_number(document, "waiting", facts.waiting);
    document_number(document, "answered", facts.answered);
    document_number(document, "failed", facts.failed);
    document_number(document, "refused", facts.refused);
    document_close(document, '}');
}

void duties_put_progress(const struct duties *duties, struct document *document)
{
    document_open(document, "deliver", '[');
    for (const struct list *at = duties->list.next; at != &duties->list; at = at->next)
        if (duty_of(at)->downlink)
            put_downlink(document, duty_of(at)->downlink);
    document_close(document, ']');
    document_open(document, "serve", '[');
    for (const struct list *at = duties->list.next; at != &duties->list; at = at->next)
        if (duty_of(at)->serve)
            put_serve(document, duty_of(at)->serve);
    document_close(document, ']');
}

static double number_of(const void *facts, size_t offset)
{
    uint64_t number;
    memcpy(&number, (const char *)facts + offset, sizeof number);
    return (double)number;
}

static const struct row {
    struct prometheus_family family;
    size_t offset;
} downlink_rows[] = {
    { { "deliver_done_total", "Messages that the application has taken", "counter" },
      offsetof(struct downlink_facts, done) },
    { { "deliver_posted_total", "Attempts to post a message to the application", "counter" },
      offsetof(struct downlink_facts, posted) },
    { { "deliver_retried_total", "Messages that are to be posted again later", "counter" },
      offsetof(struct downlink_facts, retried) },
    { { "deliver_dead_total", "Messages that have become dead letters", "counter" },
      offsetof(struct downlink_facts, dead) },
    { { "deliver_given_back_total", "Messages given back to the broker, not begun", "counter" },
      offsetof(struct downlink_facts, given_back) },
}, serve_rows[] = {
    { { "serve_answered_total", "Requests that the application has answered", "counter" },
      offsetof(struct serve_facts, answered) },
    { { "serve_failed_total", "Requests that it has not answered so that it could be passed on", "counter" },
      offsetof(struct serve_facts, failed) },
    { { "serve_refused_total", "Requests answered without asking it", "counter" },
      offsetof(struct serve_facts, refused) },
};

static void put_downlink_row(const struct duties *duties, FILE *out, const struct row *row)
{
    struct downlink_facts facts;
    prometheus_put_family(out, &row->family);
    for (const struct list *at = duties->list.next; at != &duties->list; at = at->next) {
        if (!duty_of(at)->downlink)
            continue;
        downlink_look(duty_of(at)->downlink, &facts);
        prometheus_put_sample(out, row->family.name, "name", facts.name, number_of(&facts, row->offset));
    }
}

static void put_serve_row(const struct duties *duties, FILE *out, const struct row *row)
{
    struct serve_facts facts;
    prometheus_put_family(out, &row->family);
    for (const struct list *at = duties->list.next; at != &duties->list; at = at->next) {
        if (!duty_of(at)->serve)
            continue;
        serve_look(duty_of(at)->serve, &facts);
        prometheus_put_sample(out, row->family.name, "name", facts.name, number_of(&facts, row->offset));
    }
}

void duties_put_metrics(const struct duties *duties, FILE *out)
{
    for (size_t i = 0; i < sizeof downlink_rows / sizeof *downlink_rows; i++)
        put_downlink_row(duties, out, &downlink_rows[i]);
    for (size_t i = 0; i < sizeof serve_rows / sizeof *serve_rows; i++)
        put_serve_row(duties, out, &serve_rows[i]);
}

/* Coming and going. */

static void on_uplink_changed(struct uplink_watcher *watcher, bool is_up)
{
    struct duties *duties = LIST_OWNER(watcher, struct duties, watcher);
    struct list *const lists[] = { &duties->list, &duties->leaving };
    for (unsigned i = 0; i < 2; i++)
        for (struct list *at = lists[i]->next; at != lists[i]; at = at->next) {
            struct downlink *downlink = duty_of(at)->downlink;
            if (downlink && is_up)
                downlink_connected(downlink, uplink_conn(duties->uplink));
            else if (downlink)
                downlink_disconnected(downlink);
        }
}

/* What cannot begin for want of memory is left out until the next reload. */
void duties_reconfigure(struct duties *duties, const struct config *config)
{
    struct list old;
    list_init(&old);
    list_splice(&old, &duties->list);
    int error = begin(duties, &old, config);
    if (error)
        log_error("duties_incomplete", "error=\"%s\"", strerror(-error));
    for (struct list *at = old.next; at != &old; at = at->next)
        duty_quiesce(duty_of(at));
    list_splice(&duties->leaving, &old);
}

int duties_create(struct loop *loop, struct uplink *uplink, struct transfers *transfers, const struct config *config,
                  struct duties **ret_duties)
{
    struct duties *duties = calloc(1, sizeof *duties);
    if (!duties)
        return -ENOMEM;
    duties->loop = loop;
    duties->uplink = uplink;
    duties->transfers = transfers;
    list_init(&duties->list);
    list_init(&duties->leaving);
    duties->watcher.changed = on_uplink_changed;
    uplink_watch(uplink, &duties->watcher);
    int error = begin(duties, &duties->leaving, config);
    if (error)
        duties_destroy(duties);
    else
        *ret_duties = duties;
    return error;
}

void duties_destroy(struct duties *duties)
{
    if (!duties)
        return;
    uplink_unwatch(&duties->watcher);
    list_splice(&duties->list, &duties->leaving);
    while (!list_is_empty(&duties->list))
        duty_destroy(duty_of(duties->list.next));
    free(duties);
}
