#include "server/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/keeper.h"
#include "broker/session.h"
#include "config/config.h"
#include "feed/feed.h"
#include "jetstream/jetstream.h"
#include "net/conn.h"
#include "net/loop.h"
#include "push/deliverer.h"
#include "server/entrance.h"
#include "server/mail.h"
#include "server/peer.h"
#include "server/post.h"
#include "stream/registry.h"
#include "util/log.h"
#include "util/random.h"

enum {
    DISMISS_TICK_MS = 20,
    STOP_GRACE_MS = 5000, /* for output that waits, when stopping */
};

struct worker {
    unsigned number, worker_count;
    struct post_office *office;
    struct loop loop;
    struct broker broker;
    struct jetstream *jetstream;
    struct line *line;
    struct keeper_recent keeper; /* of the stream `recent` */
    struct feed *feed;     /* its readers; NULL: it is off */
    struct http *http;     /* NULL: off */
    const struct worker_guest *guest_ops; /* NULL: there is no guest */
    void *guest;
    struct deliverer *deliverer; /* whose notes are published here; NULL: not here */
    struct stream_registry *registry;
    uint64_t generation;   /* of the registry, of which the deliverer has been told */
    struct survey *answered; /* surveys that are back */
    struct peer_copies copies;
    struct peer *peers; /* one a worker; our own place is not used */
    pthread_t thread;
    bool retiring;   /* its guest is to end what it has begun; answers when that is done */
    bool quiescing;  /* asked to be quiet; answers when nothing is parked */

    /* Closing the clients of a lame duck, spread over a time. */
    struct timer dismiss_timer;
    uint64_t dismiss_start_ms, dismiss_duration_ms;
    uint64_t dismiss_count, dismissed_count;

    struct timer expiry_timer; /* when the time of a session's token is over */
    uint64_t expiry_ms;        /* for which it is set, of the wall clock */

    /* Stopping. */
    bool stopping, stop_forced;
    struct timer stop_timer;
};

/* Writing to the supervisor, who is the last member of the post. */

static void tell_supervisor(struct worker *worker, enum mail_kind kind)
{
    struct mail *mail = post_begin(worker->office, worker->worker_count, sizeof *mail);
    if (!mail)
        return;
    mail->kind = kind;
    post_end(worker->office);
}

static void on_client_closed(void *arg, const struct address *peer)
{
    struct worker *worker = arg;
    struct mail_closed *mail = post_begin(worker->office, worker->worker_count, sizeof *mail);
    if (!mail)
        return;
    *mail = (struct mail_closed){ .mail.kind = MAIL_CLOSED, .peer = *peer };
    post_end(worker->office);
}

/* Ties to the other workers. */

static void announce_interest(void *arg, struct slice pattern, struct slice group, int delta)
{
    struct worker *worker = arg;
    for (unsigned i = 0; i < worker->worker_count; i++)
        if (i != worker->number)
            peer_announce(&worker->peers[i], pattern, group, delta);
}

/* Before a byte leaves by any socket, all that its receiver may come to know of is in the mailboxes; while something
 * is parked, none leaves. */
static bool before_send(void *arg)
{
    struct worker *worker = arg;
    post_send(worker->office);
    worker->broker.parked = post_is_parked(worker->office);
    return !worker->broker.parked;
}

/* Reading mail. */

static struct session *any_session(struct worker *worker)
{
    return worker->broker.sessions;
}

static void accept_connection(struct worker *worker, const struct mail_connection *mail)
{
    char text[ADDRESS_TEXT_SIZE];
    int error = mail->front_end == FRONT_HTTP
                    ? http_accept(worker->http, mail->fd, &mail->peer, mail->id, mail->is_local, mail->refused)
                    : line_accept(worker->line, mail->fd, &mail->peer, mail->id, mail->refused);
    if (error) {
        log_error("accept_failed", "address=%s error=\"%s\"", address_text(&mail->peer, text), strerror(-error));
        close(mail->fd);
        on_client_closed(worker, &mail->peer);
        return;
    }
    log_debug("client_connected", "client=%llu address=%s worker=%u", (unsigned long long)mail->id,
              address_text(&mail->peer, text), worker->number);
}

static struct broker_limits limits_of(const struct config *config)
{
    return (struct broker_limits){
        .topic = { (uint32_t)config->line.topic_size_max, config->line.topic_depth_max },
        .subscriptions_max = config->line.subscriptions_max,
        .address = address_limits_of(&config->server),
    };
}

static void configure(struct worker *worker, const struct mail_configure *mail)
{
    struct broker_limits limits = limits_of(mail->config);
    broker_reconfigure(&worker->broker, mail->users, &limits);
    line_reconfigure(worker->line, mail->config, mail->tls);
    if (worker->http)
        http_reconfigure(worker->http, mail->config, mail->tls);
    if (worker->guest)
        worker->guest_ops->reconfigure(worker->guest, mail->config);
    tell_supervisor(worker, MAIL_CONFIGURED);
}

static void tell_of_server(struct worker *worker, const struct mail_audit *mail)
{
    audit_tell(&worker->broker, &(struct audit_entry){
        .event = AUDIT_SERVER,
        .outcome = mail->failed ? AUDIT_FAILED : AUDIT_DONE,
        .action = mail->action,
        .reason = mail->reason,
    });
}

/* Closes as many as are due by now, so that the last goes when the time is over. */
static void dismiss_some(struct timer *timer, uint64_t now_ms)
{
    struct worker *worker = (struct worker *)((char *)timer - offsetof(struct worker, dismiss_timer));
    uint64_t passed_ms = now_ms - worker->dismiss_start_ms, due = worker->dismiss_count;
    if (passed_ms < worker->dismiss_duration_ms)
        due = due * passed_ms / worker->dismiss_duration_ms;
    struct session *session = any_session(worker);
    for (; session && worker->dismissed_count < due; session = session->next)
        if (!session->dismissed) {
            session->dismissed = true;
            worker->dismissed_count++;
            session->ops->notice(session, NOTICE_SHUTDOWN);
        }
    if (any_session(worker))
        timer_set(&worker->loop.timers, timer, now_ms + DISMISS_TICK_MS);
}

static void dismiss(struct worker *worker, const struct mail_dismiss *mail)
{
    for (struct session *session = any_session(worker); session; session = session->next)
        worker->dismiss_count++;
    worker->dismiss_start_ms = loop_now_ms(&worker->loop);
    worker->dismiss_duration_ms = mail->duration_ms;
    dismiss_some(&worker->dismiss_timer, loop_now_ms(&worker->loop));
}

static void drop_all(struct timer *timer, uint64_t now_ms)
{
    struct worker *worker = (struct worker *)((char *)timer - offsetof(struct worker, stop_timer));
    (void)now_ms;
    log_warning("stop_forced", "worker=%u", worker->number);
    worker->stop_forced = true;
    broker_notify(&worker->broker, NOTICE_ABANDON);
}

static void stop(struct worker *worker)
{
    worker->stopping = true;
    timer_clear(&worker->loop.timers, &worker->dismiss_timer);
    uint64_t grace_ms = STOP_GRACE_MS + (worker->http ? worker->http->config->http.drain_duration_ms : 0);
    timer_set(&worker->loop.timers, &worker->stop_timer, loop_now_ms(&worker->loop) + grace_ms);
    broker_notify(&worker->broker, NOTICE_SHUTDOWN);
}

static void read_supervisor_mail(struct worker *worker, const struct mail *mail)
{
    switch ((enum mail_kind)mail->kind) {
    case MAIL_CONNECTION:
        accept_connection(worker, (const struct mail_connection *)mail);
        break;
    case MAIL_CONFIGURE:
        configure(worker, (const struct mail_configure *)mail);
        break;
    case MAIL_ALIVE:
        tell_supervisor(worker, MAIL_ALIVE);
        break;
    case MAIL_AUDIT:
        tell_of_server(worker, (const struct mail_audit *)mail);
        break;
    case MAIL_LAME_DUCK:
        line_set_lame_duck(worker->line);
        break;
    case MAIL_RETIRE:
        worker->guest_ops->retire(worker->guest); /* only those who have a guest are told */
        worker->retiring = true;
        break;
    case MAIL_DISMISS:
        dismiss(worker, (const struct mail_dismiss *)mail);
        break;
    case MAIL_QUIESCE:
        broker_notify(&worker->broker, NOTICE_QUIESCE);
        jetstream_quiesce(worker->jetstream);
        line_quiesce(worker->line);
        if (worker->guest)
            worker->guest_ops->quiesce(worker->guest);
        worker->quiescing = true;
        break;
    case MAIL_STOP:
        stop(worker); /* all were quiet before this was written, so the last that they mailed has been read */
        break;
    default:
        break;
    }
}

/* Surveys. */

static void pass_on(struct worker *worker, uint32_t asker, struct survey *survey)
{
    struct mail_survey *mail =
        post_begin(worker->office, (worker->number + 1) % worker->worker_count, sizeof *mail);
    if (!mail) {
        log_error("survey_lost", "worker=%u error=\"out of memory\"", worker->number);
        return;
    }
    *mail = (struct mail_survey){ .mail.kind = MAIL_SURVEY, .asker = asker, .survey = survey };
    post_end(worker->office);
    worker->broker.parked = post_is_parked(worker->office);
}

static void survey_is_back(struct worker *worker, struct survey *survey)
{
    survey->next = worker->answered;
    worker->answered = survey;
}

static void show_address(const struct address *address, char *out)
{
    address_text(address, out);
}

static void send_survey(void *arg, struct survey *survey)
{
    struct worker *worker = arg;
    survey->visit(survey, &worker->broker);
    if (worker->worker_count == 1)
        survey_is_back(worker, survey);
    else
        pass_on(worker, worker->number, survey);
}

static void read_survey(struct worker *worker, const struct mail_survey *mail)
{
    if (mail->asker == worker->number) {
        survey_is_back(worker, mail->survey);
        return;
    }
    mail->survey->visit(mail->survey, &worker->broker);
    pass_on(worker, mail->asker, mail->survey);
}

/* Done may send another survey, which then waits for the next turn. */
static void finish_surveys(struct worker *worker)
{
    struct survey *survey = worker->answered;
    worker->answered = NULL;
    while (survey) {
        struct survey *next = survey->next;
        survey->done(survey);
        survey = next;
    }
}

static void read_peer_mail(struct worker *worker, unsigned from, const struct mail *mail)
{
    if (mail->kind == MAIL_BATCH)
        peer_read_batch(&worker->peers[from], (const struct mail_batch *)mail);
    else if (mail->kind == MAIL_SURVEY)
        read_survey(worker, (const struct mail_survey *)mail);
    else if (mail->kind == MAIL_SLOW)
        peer_read_slow(&worker->peers[from], (const struct mail_slow *)mail);
    else if (mail->kind == MAIL_INTEREST && peer_read_interest(&worker->peers[from], (const void *)mail) != 0)
        log_error("interest_lost", "worker=%u peer=%u error=\"out of memory\"", worker->number, from);
}

static void read_record(void *arg, unsigned from, const void *record)
{
    struct worker *worker = arg;
    if (from == worker->worker_count)
        read_supervisor_mail(worker, record);
    else
        read_peer_mail(worker, from, record);
}

static void read_mail(struct worker *worker)
{
    if (!post_has_mail(worker->office))
        return;
    worker->loop.event_count += post_read(worker->office, read_record, worker);
}

/* Mail is read between a recv and the look at its bytes: what their sender could have known of has then happened. */
static void on_received(void *arg)
{
    read_mail(arg);
}

static void on_woken(void *arg)
{
    struct worker *worker = arg;
    post_woke(worker->office);
    read_mail(worker);
}

/* The thread of webhooks is in no survey: this worker tells it what surveys tell the workers. */
static void tell_of_streams(struct worker *worker)
{
    uint64_t generation = worker->deliverer ? stream_registry_generation(worker->registry) : 0;
    if (generation != worker->generation)
        deliverer_look(worker->deliverer);
    worker->generation = generation;
}

/* What it has to say: it has no broker of its own. */
static void publish_notes(struct worker *worker)
{
    struct deliverer_note *note;
    while (worker->deliverer && !worker->stopping && (note = deliverer_take_note(worker->deliverer))) {
        const struct message message = { .body = note->payload.data, .body_size = (uint32_t)note->payload.size };
        struct receipt receipt;
        broker_publish_one(&worker->broker, note->topic, &message, &receipt);
        free(note);
    }
}

static bool before_flush(void *arg)
{
    struct worker *worker = arg;
    finish_surveys(worker);
    tell_of_streams(worker);
    publish_notes(worker);
    gate_desk_turn(&worker->broker.gate, worker->broker.users);
    webhook_desk_turn(&worker->broker.webhooks);
    line_turn(worker->line);
    bool guest_has_more = worker->guest && worker->guest_ops->turn(worker->guest);
    bool more = jetstream_turn(worker->jetstream);
    more |= worker->http && http_turn(worker->http);
    audit_turn(&worker->broker);
    return more || guest_has_more || worker->answered;
}

static bool guest_is_busy(const struct worker *worker)
{
    return worker->guest && !worker->stop_forced && worker->guest_ops->is_busy(worker->guest);
}

/* Sessions end with their tokens. */

enum { EXPIRY_WAIT_MAX_MS = 60000 }; /* the wall clock may be set */

static void on_expiry_timer(struct timer *timer, uint64_t now_ms)
{
    struct worker *worker = (struct worker *)((char *)timer - offsetof(struct worker, expiry_timer));
    (void)now_ms;
    worker->expiry_ms = UINT64_MAX;
    broker_expire(&worker->broker, loop_wall_ms(&worker->loop));
}

static void watch_expiry(struct worker *worker)
{
    uint64_t expires_ms = worker->broker.expires_ms, wall_ms;
    if (expires_ms == worker->expiry_ms)
        return;
    worker->expiry_ms = expires_ms;
    wall_ms = loop_wall_ms(&worker->loop);
    uint64_t wait_ms = expires_ms > wall_ms ? expires_ms - wall_ms : 0;
    if (expires_ms != UINT64_MAX)
        timer_set(&worker->loop.timers, &worker->expiry_timer,
                  loop_now_ms(&worker->loop) + (wait_ms < EXPIRY_WAIT_MAX_MS ? wait_ms : EXPIRY_WAIT_MAX_MS));
}

static void on_turn_end(void *arg)
{
    struct worker *worker = arg;
    watch_expiry(worker);
    line_turn_end(worker->line);
    peer_copies_clear(&worker->copies);
    before_send(worker);
    jetstream_turn_end(worker->jetstream);
    if (worker->guest)
        worker->guest_ops->turn_end(worker->guest);
    if (worker->retiring && !worker->guest_ops->is_retiring(worker->guest)) {
        worker->retiring = false;
        tell_supervisor(worker, MAIL_RETIRED);
        post_send(worker->office);
    }
    bool is_busy = worker->broker.parked || jetstream_is_busy(worker->jetstream) || line_is_busy(worker->line) ||
                   guest_is_busy(worker);
    if (worker->quiescing && !is_busy) {
        worker->quiescing = false;
        tell_supervisor(worker, MAIL_QUIET);
        post_send(worker->office);
    }
    if (worker->stopping && !any_session(worker) && !guest_is_busy(worker))
        loop_stop(&worker->loop);
}

static bool before_sleep(void *arg)
{
    struct worker *worker = arg;
    return !worker->loop.stopping && post_may_sleep(worker->office);
}

/* Life. */

static void *run(void *arg)
{
    struct worker *worker = arg;
    char name[16];
    snprintf(name, sizeof name, "worker-%u", worker->number);
    pthread_setname_np(pthread_self(), name);
    int error = loop_run(&worker->loop);
    if (error)
        log_error("worker_failed", "worker=%u error=\"%s\"", worker->number, strerror(-error));
    jetstream_leave(worker->jetstream);
    tell_supervisor(worker, MAIL_STOPPED);
    post_send(worker->office);
    return NULL;
}

static uint64_t wall_ms(void *arg)
{
    struct worker *worker = arg;
    return loop_wall_ms(&worker->loop);
}

/* The stream has advanced; any thread. */
static void wake(void *arg)
{
    const struct worker *worker = arg;
    loop_wake(&worker->loop);
}

/* Keeps what is published here, and serves those who read it. */
static int open_recent(struct worker *worker, struct stream *recent)
{
    const struct feed_host host = { worker, wall_ms, wake };
    uint64_t seed;
    random_bytes(&seed, sizeof seed);
    worker->feed = feed_create(recent, &host, seed);
    if (!worker->feed)
        return -ENOMEM;
    return keeper_recent_init(&worker->keeper, &worker->broker, recent, slice_of(">"), feed_watch(worker->feed));
}

static int open_http(struct worker *worker, const struct worker_setup *setup)
{
    if (!setup->config->http.enabled)
        return 0;
    int error = setup->recent ? open_recent(worker, setup->recent) : 0;
    if (error)
        return error;
    worker->http = http_create(&worker->loop, &worker->broker, worker->feed, setup->http_identity, setup->config,
                               setup->tls);
    if (!worker->http)
        return -ENOMEM;
    http_on_closed(worker->http, on_client_closed, worker);
    return 0;
}

static int open_jetstream(struct worker *worker, const struct worker_setup *setup)
{
    const struct jetstream_setup own = {
        .number = worker->number,
        .worker_count = worker->worker_count,
        .loop = &worker->loop,
        .broker = &worker->broker,
        .registry = setup->registry,
        .meta = setup->meta,
        .clerk = setup->clerk,
        .roll = setup->roll,
        .stored = setup->stored,
    };
    return jetstream_create(&own, &worker->jetstream);
}

static int open_guest(struct worker *worker, const struct worker_setup *setup)
{
    const struct worker_place place = {
        .loop = &worker->loop,
        .broker = &worker->broker,
        .http = worker->http,
        .registry = setup->registry,
        .meta = setup->meta,
        .directory = setup->directory,
        .config = setup->config,
        .server_name = setup->line_identity->server_name,
    };
    worker->guest_ops = setup->guest;
    return setup->guest ? setup->guest->open(&place, &worker->guest) : 0;
}

static void take_notes_of(struct worker *worker, struct deliverer *deliverer)
{
    worker->deliverer = deliverer;
    if (deliverer)
        deliverer_set_outlet(deliverer, wake, worker);
}

static int worker_init(struct worker *worker, const struct worker_setup *setup)
{
    struct broker_limits limits = limits_of(setup->config);
    int error = loop_init(&worker->loop);
    if (error)
        return error;
    error = broker_init(&worker->broker, &worker->loop.counters, setup->users, &limits);
    if (error)
        return error;
    worker->broker.accounts = setup->accounts;
    worker->broker.places = setup->places;
    worker->broker.hooks = (struct broker_hooks){
        .arg = worker, .wall_ms = wall_ms, .survey = send_survey, .show_address = show_address,
    };
    worker->loop.spin_ns = setup->config->server.spin_ns;
    worker->line = line_create(&worker->loop, &worker->broker, setup->line_identity, setup->config, setup->tls);
    worker->peers = calloc(worker->worker_count, sizeof *worker->peers);
    if (!worker->line || !worker->peers)
        return -ENOMEM;
    line_on_closed(worker->line, on_client_closed, worker);
    take_notes_of(worker, setup->deliverer);
    worker->registry = setup->registry;
    gate_desk_init(&worker->broker.gate, setup->gate, wake, worker);
    webhook_desk_init(&worker->broker.webhooks, setup->webhooks, wake, worker);
    error = open_jetstream(worker, setup);
    if (!error)
        error = open_http(worker, setup);
    return error ? error : open_guest(worker, setup);
}

int worker_create(const struct worker_setup *setup, struct worker **ret_worker)
{
    struct worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return -ENOMEM;
    worker->number = setup->number;
    worker->worker_count = setup->worker_count;
    worker->office = post_open(setup->post, setup->number, &worker->loop);
    worker->loop.wake_fd = -1;
    worker->dismiss_timer.fire = dismiss_some;
    worker->stop_timer.fire = drop_all;
    worker->expiry_timer.fire = on_expiry_timer;
    worker->expiry_ms = UINT64_MAX;
    int error = worker_init(worker, setup);
    if (error) {
        worker_destroy(worker);
        return error;
    }
    *ret_worker = worker;
    return 0;
}

static void tie(struct worker *worker)
{
    worker->loop.hooks = (struct loop_hooks){
        .arg = worker,
        .received = on_received,
        .before_send = before_send,
        .before_flush = before_flush,
        .turn_end = on_turn_end,
        .before_sleep = before_sleep,
        .woken = on_woken,
    };
    for (unsigned i = 0; i < worker->worker_count; i++)
        if (i != worker->number)
            peer_init(&worker->peers[i], i, &worker->loop, &worker->broker, worker->office, &worker->copies);
    if (worker->worker_count > 1)
        worker->broker.hooks.interest = announce_interest;
}

int worker_start(struct worker *worker)
{
    tie(worker);
    int error = jetstream_start(worker->jetstream);
    if (error)
        return error;
    post_send(worker->office); /* whose consumers live here */
    return -pthread_create(&worker->thread, NULL, run, worker);
}

void worker_join(struct worker *worker)
{
    pthread_join(worker->thread, NULL);
}

const struct counters *worker_counters(const struct worker *worker)
{
    return &worker->loop.counters;
}

void worker_destroy(struct worker *worker)
{
    if (!worker)
        return;
    webhook_desk_turn(&worker->broker.webhooks);
    peer_copies_clear(&worker->copies);
    if (worker->guest)
        worker->guest_ops->close(worker->guest);
    for (unsigned i = 0; worker->peers && i < worker->worker_count; i++)
        peer_finish(&worker->peers[i]);
    http_destroy(worker->http);
    keeper_recent_finish(&worker->keeper);
    feed_destroy(worker->feed);
    jetstream_destroy(worker->jetstream);
    line_destroy(worker->line);
    broker_finish(&worker->broker);
    loop_finish(&worker->loop);
    free(worker->peers);
    free(worker);
}
