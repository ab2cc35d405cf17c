#include "sidecar/uplink.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "config/config.h"
#include "libposthorn/posthorn.h"
#include "net/loop.h"
#include "sidecar/origin.h"
#include "sidecar/trunk.h"
#include "util/log.h"
#include "util/text.h"

enum { TELL_INTERVAL_MS = 10000 }; /* at least, between two lines about why the broker is away */

struct uplink {
    struct loop *loop;
    struct broker *broker;
    const char *server_name;
    struct ph_conn *conn;
    struct origin origin;
    struct trunks trunks;
    struct list watchers;
    struct event *event; /* of the connection's socket */
    int watched_fd;      /* for which event is made; -1: none */
    short watched;         /* POLLIN and POLLOUT, as the connection asked */
    struct timer timer;    /* for what the connection does as time passes, and for a stall */
    uint64_t stall_end_ms; /* nothing is read until then: somebody here does not keep up; 0: it is */
    struct list flushes;   /* clients that wait until the broker has dealt with what was said here */
    uint64_t known_serial; /* how much had been said when it last said that it has */
    uint64_t asked_serial; /* ... when it was last asked; above known_serial: the answer is under way */
    bool is_up;
    uint64_t since_ms;
    char why[256];         /* when it was last lost */
    char fault[256];       /* why the last round has failed, since it was up; "": none has */
    char told[256];        /* that of them which was logged last */
    uint64_t told_ms;
    struct uplink_counts counts;
};

/* Flushing. */

/* Done may wait again. */
static void finish_flushes(struct uplink *uplink, uint64_t serial)
{
    struct list now;
    list_init(&now);
    list_splice(&now, &uplink->flushes);
    while (!list_is_empty(&now)) {
        struct broker_flush *flush = LIST_OWNER(now.next, struct broker_flush, list);
        list_remove(&flush->list);
        if (flush->serial <= serial)
            flush->done(flush);
        else
            list_append(&uplink->flushes, &flush->list);
    }
}

static void ask(struct uplink *uplink);

static void on_flushed(struct ph_conn *conn, int error, void *arg)
{
    struct uplink *uplink = arg;
    (void)conn;
    if (error || !uplink->is_up)
        return; /* whoever waited has been told when it went down */
    uplink->known_serial = uplink->asked_serial;
    finish_flushes(uplink, uplink->known_serial);
    if (!list_is_empty(&uplink->flushes))
        ask(uplink);
}

/* Out of memory: nobody is kept waiting for it. */
static void ask(struct uplink *uplink)
{
    if (uplink->asked_serial > uplink->known_serial)
        return;
    uplink->asked_serial = uplink->trunks.said_count;
    if (ph_flush_start(uplink->conn, on_flushed, uplink) == PH_OK)
        return;
    uplink->known_serial = uplink->asked_serial;
    finish_flushes(uplink, UINT64_MAX);
}

/* A broker that is away will know of all trunks when it is back. */
bool uplink_flush(struct uplink *uplink, struct broker_flush *flush)
{
    if (!uplink->is_up || uplink->known_serial == uplink->trunks.said_count)
        return false;
    flush->serial = uplink->trunks.said_count;
    list_append(&uplink->flushes, &flush->list);
    ask(uplink);
    return true;
}

/* The trunks have been opened once more, and not been asked for: the count goes on, so that somebody asks. */
static void flush_anew(struct uplink *uplink, bool is_up)
{
    uplink->known_serial = uplink->asked_serial = uplink->trunks.said_count;
    uplink->trunks.said_count += is_up;
    finish_flushes(uplink, UINT64_MAX);
}

/* Up and down. */

static void change(struct uplink *uplink, bool is_up)
{
    uplink->is_up = is_up;
    uplink->fault[0] = uplink->told[0] = '\0';
    uplink->since_ms = loop_now_ms(uplink->loop);
    flush_anew(uplink, is_up);
    struct list *member = uplink->watchers.next, *next;
    for (; member != &uplink->watchers; member = next) {
        struct uplink_watcher *watcher = LIST_OWNER(member, struct uplink_watcher, list);
        next = member->next;
        watcher->changed(watcher, is_up);
    }
}

static void come_up(struct uplink *uplink)
{
    const struct ph_server *server = ph_server(uplink->conn);
    uplink->counts.connects++;
    log_info("uplink_up", "address=%s server=%s version=%s", server->address, server->name, server->version);
    change(uplink, true);
}

static void go_down(struct uplink *uplink, const char *why)
{
    uplink->counts.failures++;
    log_warning("uplink_down", "error=\"%s\"", why);
    snprintf(uplink->why, sizeof uplink->why, "%s", why);
    change(uplink, false);
}

/* Rounds that fail are many while the broker is away, and mostly alike: what is news is told, and not too often. */
static void tell_fault(struct uplink *uplink)
{
    uint64_t now_ms = loop_now_ms(uplink->loop);
    bool is_first = !*uplink->told, is_other = strcmp(uplink->told, uplink->fault) != 0;
    if (!is_first && !(is_other && now_ms - uplink->told_ms >= TELL_INTERVAL_MS)) {
        log_debug("uplink_away", "error=\"%s\"", uplink->fault);
        return;
    }
    log_warning("uplink_away", "error=\"%s\"", uplink->fault);
    memcpy(uplink->told, uplink->fault, sizeof uplink->told);
    uplink->told_ms = now_ms;
}

static void fail(struct uplink *uplink, const char *why)
{
    if (uplink->is_up) {
        log_warning("uplink_error", "error=\"%s\"", why);
        return;
    }
    uplink->counts.failures++;
    snprintf(uplink->fault, sizeof uplink->fault, "%s", why);
    tell_fault(uplink);
}

static void stop_watching(struct uplink *uplink)
{
    if (uplink->event)
        event_free(uplink->event);
    uplink->event = NULL;
    uplink->watched_fd = -1;
    uplink->watched = 0;
}

static void on_event(struct ph_conn *conn, const struct ph_event *event, void *arg)
{
    struct uplink *uplink = arg;
    (void)conn;
    switch (event->kind) {
    case PH_EVENT_CONNECTED:
    case PH_EVENT_RECONNECTED:
        come_up(uplink);
        break;
    case PH_EVENT_DISCONNECTED:
        go_down(uplink, event->text);
        break;
    case PH_EVENT_ERROR:
        fail(uplink, event->text);
        break;
    case PH_EVENT_LAME_DUCK:
        log_info("uplink_lame_duck", "address=%s", event->text);
        break;
    case PH_EVENT_FD_CLOSES:
        stop_watching(uplink);
        break;
    default:
        break;
    }
}

/* In the loop. */

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct uplink *uplink = arg;
    (void)fd;
    uplink->loop->event_count++;
    ph_process(uplink->conn, (short)((what & EV_READ ? POLLIN : 0) | (what & EV_WRITE ? POLLOUT : 0)));
}

static void on_timer(struct timer *timer, uint64_t now_ms)
{
    struct uplink *uplink = LIST_OWNER(timer, struct uplink, timer);
    if (uplink->stall_end_ms && now_ms >= uplink->stall_end_ms)
        uplink->stall_end_ms = 0;
    ph_process(uplink->conn, 0);
}

/* Whoever publishes here waits for those who do not keep up. What comes by the uplink was published far away: it is not
 * read. */
static void look_for_stall(struct uplink *uplink)
{
    if (uplink->broker->stall_ms)
        uplink->stall_end_ms = loop_now_ms(uplink->loop) + uplink->broker->stall_ms;
    uplink->broker->stall_ms = 0;
}

/* Level-triggered, as the connection wants it. */
static void watch_socket(struct uplink *uplink)
{
    int fd = ph_fd(uplink->conn);
    short wanted = ph_events(uplink->conn);
    if (uplink->stall_end_ms)
        wanted &= ~POLLIN;
    if (fd == uplink->watched_fd && wanted == uplink->watched)
        return;
    stop_watching(uplink);
    if (fd < 0 || !wanted)
        return;
    short what = (short)(EV_PERSIST | (wanted & POLLIN ? EV_READ : 0) | (wanted & POLLOUT ? EV_WRITE : 0));
    uplink->event = event_new(uplink->loop->base, fd, what, on_socket, uplink);
    if (!uplink->event || event_add(uplink->event, NULL) != 0) {
        stop_watching(uplink);
        loop_again(uplink->loop); /* out of memory: tried again */
        return;
    }
    uplink->watched_fd = fd;
    uplink->watched = wanted;
}

/* A timer that is set too early only looks again. */
static void set_timer(struct uplink *uplink)
{
    int wait_ms = ph_timeout_ms(uplink->conn);
    uint64_t due_ms = wait_ms < 0 ? UINT64_MAX : loop_now_ms(uplink->loop) + (uint64_t)wait_ms;
    if (uplink->stall_end_ms && uplink->stall_end_ms < due_ms)
        due_ms = uplink->stall_end_ms;
    if (due_ms != UINT64_MAX && (!uplink->timer.place || due_ms < uplink->timer.due_ms) &&
        timer_set(&uplink->loop->timers, &uplink->timer, due_ms) != 0)
        loop_again(uplink->loop);
}

void uplink_turn(struct uplink *uplink)
{
    look_for_stall(uplink);
    ph_write(uplink->conn);
    watch_socket(uplink);
    set_timer(uplink);
}

/* Options. */

/* The addresses as the library reads them. NULL: out of memory. */
static char *join_urls(const struct config_list *list)
{
    size_t size = 1;
    for (size_t i = 0; i < list->item_count; i++)
        size += strlen(list->items[i]) + 1;
    char *text = malloc(size), *at = text;
    for (size_t i = 0; text && i < list->item_count; i++)
        at += sprintf(at, "%s%s", i ? "," : "", list->items[i]);
    return text;
}

static const char *or_none(const char *path)
{
    return *path ? path : NULL;
}

static struct ph_options options_of(struct uplink *uplink, const struct config_uplink *config, const char *url)
{
    bool has_key = *config->nkey_file || *config->creds_file;
    return (struct ph_options){
        .size = sizeof(struct ph_options),
        .url = url,
        .user = has_key ? NULL : config->user,
        .password = has_key ? NULL : config->password,
        .token = has_key ? NULL : config->token,
        .nkey_file = or_none(config->nkey_file),
        .creds_file = or_none(config->creds_file),
        .tls_ca = or_none(config->ca),
        .tls_cert = or_none(config->certificate),
        .tls_key = or_none(config->key),
        .tls_first = config->handshake_first,
        .tls_insecure = !config->verify,
        .name = *config->name ? config->name : uplink->server_name,
        .connect_timeout_ms = (int)config->connect_timeout_ms,
        .ping_interval_ms = (int)config->ping_interval_ms,
        .pings_outstanding_max = (int)config->pings_outstanding_max,
        .reconnect_wait_ms = (int)config->reconnect_wait_ms,
        .reconnect_wait_max_ms = (int)config->reconnect_wait_max_ms,
        .output_size_max = config->pending_size_max,
        .shuffle = config->shuffle,
        .connect_retry = true,
        .no_resend = true,
        .on_event = on_event,
        .event_arg = uplink,
    };
}

static int errno_of(int error)
{
    return error == PH_E_MEMORY ? -ENOMEM : error == PH_E_SYSTEM ? -EMFILE : -EINVAL;
}

void uplink_reconfigure(struct uplink *uplink, const struct config *config)
{
    char *url = join_urls(&config->uplink.url);
    const struct ph_options options = options_of(uplink, &config->uplink, url);
    int error = url ? ph_set_options(uplink->conn, &options) : PH_E_MEMORY;
    if (error)
        log_error("uplink_unchanged", "error=\"%s\"", ph_strerror(error));
    free(url);
}

/* Life. */

static int begin(struct uplink *uplink, const struct config_uplink *config)
{
    char *url = join_urls(&config->url);
    if (!url)
        return -ENOMEM;
    const struct ph_options options = options_of(uplink, config, url);
    int error = ph_create(&options, &uplink->conn);
    free(url);
    if (!error)
        error = ph_start(uplink->conn);
    return error ? errno_of(error) : 0;
}

int uplink_create(const struct uplink_setup *setup, struct uplink **ret_uplink)
{
    struct uplink *uplink = calloc(1, sizeof *uplink);
    if (!uplink)
        return -ENOMEM;
    uplink->loop = setup->loop;
    uplink->broker = setup->broker;
    uplink->server_name = setup->server_name;
    uplink->watched_fd = -1;
    uplink->timer.fire = on_timer;
    list_init(&uplink->watchers);
    list_init(&uplink->flushes);
    int error = begin(uplink, &setup->config->uplink);
    origin_init(&uplink->origin);
    trunks_init(&uplink->trunks, setup->broker, &uplink->origin, uplink->conn);
    if (error) {
        uplink_destroy(uplink);
        return error;
    }
    *ret_uplink = uplink;
    return 0;
}

void uplink_destroy(struct uplink *uplink)
{
    if (!uplink)
        return;
    while (!list_is_empty(&uplink->watchers))
        list_remove(uplink->watchers.next);
    while (!list_is_empty(&uplink->flushes))
        list_remove(uplink->flushes.next);
    stop_watching(uplink);
    timer_clear(&uplink->loop->timers, &uplink->timer);
    trunks_finish(&uplink->trunks);
    origin_finish(&uplink->origin);
    ph_destroy(uplink->conn);
    free(uplink);
}

/* For the others. */

struct ph_conn *uplink_conn(const struct uplink *uplink)
{
    return uplink->conn;
}

struct origin *uplink_origin(struct uplink *uplink)
{
    return &uplink->origin;
}

bool uplink_is_up(const struct uplink *uplink)
{
    return uplink->is_up;
}

const char *uplink_why(const struct uplink *uplink)
{
    return uplink->why;
}

const char *uplink_fault(const struct uplink *uplink)
{
    return uplink->is_up ? "" : *uplink->fault ? uplink->fault : uplink->why;
}

uint64_t uplink_since_ms(const struct uplink *uplink)
{
    return uplink->since_ms;
}

bool uplink_has_output(const struct uplink *uplink)
{
    struct ph_statistics now = PH_STATISTICS_INIT;
    return uplink->is_up && ph_statistics(uplink->conn, &now) == PH_OK && now.output_size > 0;
}

void uplink_watch(struct uplink *uplink, struct uplink_watcher *watcher)
{
    list_append(&uplink->watchers, &watcher->list);
}

void uplink_unwatch(struct uplink_watcher *watcher)
{
    list_remove(&watcher->list);
}

static const struct {
    int error, number;
} numbers[] = {
    { PH_E_DISCONNECTED, -ENOTCONN }, { PH_E_CLOSED, -ENOTCONN }, { PH_E_PAYLOAD_SIZE, -EMSGSIZE },
    { PH_E_FULL, -ENOBUFS },          { PH_E_MEMORY, -ENOMEM },
};

int uplink_publish(struct uplink *uplink, struct slice topic, const struct message *message)
{
    const struct ph_raw raw = {
        .topic = topic.data,
        .reply = message->reply,
        .topic_size = topic.size,
        .reply_size = message->reply_size,
        .body = message->body,
        .headers_size = message->head_size,
        .body_size = message->body_size,
    };
    int error = ph_publish_raw(uplink->conn, &raw);
    uplink->counts.messages_out += !error;
    uplink->trunks.said_count += !error;
    for (size_t i = 0; error && i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i].error == error)
            return numbers[i].number;
    return error ? -EIO : 0;
}

void uplink_interest(struct uplink *uplink, struct slice pattern, struct slice group, int delta)
{
    if (delta < 0) {
        trunks_leave(&uplink->trunks, pattern, group);
        return;
    }
    int error = trunks_join(&uplink->trunks, pattern, group);
    if (error)
        log_error("interest_lost", "pattern=\"%.*s\" error=\"%s\"", SLICE_ARGS(pattern), strerror(-error));
}

struct uplink_counts uplink_counts(const struct uplink *uplink)
{
    struct uplink_counts counts = uplink->counts;
    counts.messages_in = uplink->trunks.messages_in;
    counts.trunk_count = uplink->trunks.count;
    return counts;
}
