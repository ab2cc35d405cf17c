#include "server/supervisor.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "auth/users.h"
#include "config/config.h"
#include "net/loop.h"
#include "server/admission.h"
#include "server/entrance.h"
#include "server/mail.h"
#include "server/notify.h"
#include "server/post.h"
#include "server/worker.h"
#include "stream/queue.h"
#include "stream/stream.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/random.h"

enum {
    WORKERS_AUTO_MAX = 8,
    SERVER_ID_SIZE = 56, /* as long as the public keys that others use here */
    READY_SIZE = 4096,
};

enum phase {
    PHASE_SERVING,
    PHASE_LAME_DUCK,  /* the clients have been told */
    PHASE_DISMISSING, /* they are being closed */
    PHASE_QUIESCING,  /* workers finish what they have read */
    PHASE_STOPPING,
};

struct supervisor {
    struct config *config;
    const struct supervisor_source *source;
    struct users *users;
    enum phase phase;
    struct loop loop;
    struct post *post;
    struct post_office *office;
    unsigned worker_count; /* and our own number in the post */
    struct worker **workers;
    struct admission *admission;
    struct entrance *entrance; /* NULL: closed */
    uint64_t last_client_id;
    struct stream *recent;     /* NULL: off */
    struct line_identity line_identity;
    struct http_identity http_identity;
    char server_id[SERVER_ID_SIZE + 1];
    char server_name[256], line_host[300], http_host[300]; /* the listeners go before the last client does */

    /* Answers that are awaited from the workers. */
    unsigned quiet_left, stopped_left, configured_left, alive_left;
    bool reload_again; /* SIGHUP came while one was under way */
    struct config *old_config;
    struct users *old_users;

    struct timer phase_timer, watchdog_timer;
    struct event *signal_event;
    int signal_fd;
};

/* Mail. */

/* Copies a record to a worker. False where there is no memory even for that. */
static bool tell(struct supervisor *supervisor, unsigned worker, const void *record, size_t size)
{
    void *room = post_begin(supervisor->office, worker, size);
    if (!room) {
        log_error("mail_lost", "worker=%u error=\"out of memory\"", worker);
        return false;
    }
    memcpy(room, record, size);
    post_end(supervisor->office);
    return true;
}

static unsigned tell_all(struct supervisor *supervisor, const void *record, size_t size)
{
    unsigned told = 0;
    for (unsigned i = 0; i < supervisor->worker_count; i++)
        told += tell(supervisor, i, record, size);
    return told;
}

static unsigned tell_all_kind(struct supervisor *supervisor, enum mail_kind kind)
{
    const struct mail mail = { kind };
    return tell_all(supervisor, &mail, sizeof mail);
}

static void send_mail(void *arg)
{
    struct supervisor *supervisor = arg;
    post_send(supervisor->office);
}

/* Admission. */

static void on_accepted(void *arg, enum front_end front_end, bool is_local, int fd, const struct address *peer)
{
    struct supervisor *supervisor = arg;
    unsigned worker;
    enum admission_verdict verdict = admission_enter(supervisor->admission, peer, &worker);
    if (verdict == ADMISSION_IGNORED) {
        close(fd);
        return;
    }
    const struct mail_connection mail = {
        .mail.kind = MAIL_CONNECTION,
        .fd = fd,
        .id = ++supervisor->last_client_id,
        .peer = *peer,
        .front_end = (uint8_t)front_end,
        .is_local = is_local,
        .refused = verdict == ADMISSION_REFUSED,
    };
    if (!tell(supervisor, worker, &mail, sizeof mail)) {
        admission_leave(supervisor->admission, peer, worker);
        close(fd);
    }
}

static void stop_listening(struct supervisor *supervisor)
{
    entrance_close(supervisor->entrance);
    supervisor->entrance = NULL;
}

/* Stopping. */

static void begin_stop(struct supervisor *supervisor)
{
    if (supervisor->phase >= PHASE_QUIESCING)
        return;
    supervisor->phase = PHASE_QUIESCING;
    log_info("stopping", "connections=%u", admission_count(supervisor->admission));
    notify_stopping();
    stop_listening(supervisor);
    timer_clear(&supervisor->loop.timers, &supervisor->phase_timer);
    supervisor->quiet_left = tell_all_kind(supervisor, MAIL_QUIESCE);
}

static void on_quiet(struct supervisor *supervisor)
{
    if (--supervisor->quiet_left)
        return;
    supervisor->phase = PHASE_STOPPING;
    supervisor->stopped_left = tell_all_kind(supervisor, MAIL_STOP);
}

static void on_stopped(struct supervisor *supervisor)
{
    if (--supervisor->stopped_left == 0)
        loop_stop(&supervisor->loop);
}

static void stop_when_empty(struct supervisor *supervisor)
{
    bool leaving = supervisor->phase == PHASE_LAME_DUCK || supervisor->phase == PHASE_DISMISSING;
    if (leaving && admission_count(supervisor->admission) == 0)
        begin_stop(supervisor);
}

static void begin_lame_duck(struct supervisor *supervisor)
{
    if (supervisor->phase != PHASE_SERVING)
        return;
    uint64_t grace_ms = supervisor->config->server.lame_duck_grace_ms;
    supervisor->phase = PHASE_LAME_DUCK;
    log_info("lame_duck", "connections=%u grace_ms=%" PRIu64, admission_count(supervisor->admission), grace_ms);
    stop_listening(supervisor);
    tell_all_kind(supervisor, MAIL_LAME_DUCK);
    timer_set(&supervisor->loop.timers, &supervisor->phase_timer, loop_now_ms(&supervisor->loop) + grace_ms);
    stop_when_empty(supervisor);
}

/* The grace of a lame duck is over. */
static void on_phase_timer(struct timer *timer, uint64_t now_ms)
{
    struct supervisor *supervisor = (struct supervisor *)((char *)timer - offsetof(struct supervisor, phase_timer));
    const struct mail_dismiss mail = { { MAIL_DISMISS }, supervisor->config->server.lame_duck_duration_ms };
    (void)now_ms;
    supervisor->phase = PHASE_DISMISSING;
    tell_all(supervisor, &mail, sizeof mail);
    stop_when_empty(supervisor);
}

/* The stream `recent`, for those who read by HTTP. */

static struct stream_limits recent_limits_of(const struct config *config)
{
    const struct config_recent *recent = &config->recent;
    return (struct stream_limits){
        .bytes_max = recent->bytes_max,
        .messages_max = recent->messages_max,
        .messages_per_topic_max = recent->messages_per_topic_max,
        .age_max_ms = recent->age_max_ms,
        .duplicate_window_ms = recent->duplicate_window_ms,
        .duplicate_ids_max = recent->duplicate_ids_max,
    };
}

/* Reloading. */

static struct admission_limits admission_limits_of(const struct config *config)
{
    return (struct admission_limits){ config->server.connections_max, config->server.connections_per_address_max };
}

static void apply_log(const struct config *config)
{
    int error = log_set_target(config->server.log);
    if (error)
        log_error("log_failed", "path=%s error=\"%s\"", config->server.log, strerror(-error));
    log_set_level((enum log_level)config->server.log_level);
}

/* Names the options that only a restart changes, and keeps them as they are. 0 or -ENOMEM. */
static int keep_what_needs_restart(const struct config *old_config, struct config *new_config)
{
    char *names = NULL;
    int error = config_changes_needing_restart(old_config, new_config, &names);
    if (!error)
        error = config_carry_over(old_config, new_config);
    if (!error && names)
        log_warning("reload_incomplete", "options=\"%s\" action=\"restart to change them\"", names);
    free(names);
    return error;
}

/* The old configuration lives until every worker has let go of it. */
static void install(struct supervisor *supervisor, struct config *config, struct users *users)
{
    const struct mail_configure mail = { { MAIL_CONFIGURE }, config, users };
    const struct admission_limits limits = admission_limits_of(config);
    supervisor->old_config = supervisor->config;
    supervisor->old_users = supervisor->users;
    supervisor->config = config;
    supervisor->users = users;
    apply_log(config);
    admission_set_limits(supervisor->admission, &limits);
    if (supervisor->recent) {
        const struct stream_limits recent_limits = recent_limits_of(config);
        stream_set_limits(supervisor->recent, &recent_limits);
    }
    supervisor->configured_left = tell_all(supervisor, &mail, sizeof mail);
    if (supervisor->configured_left < supervisor->worker_count) {
        supervisor->old_config = NULL; /* whoever could not be told goes on with these, so they stay */
        supervisor->old_users = NULL;
    }
}

static void reload_failed(const char *why)
{
    log_error("reload_failed", "error=\"%s\" action=\"nothing has changed\"", why);
    notify_ready("serving; the last reload failed, nothing has changed");
}

static void reload(struct supervisor *supervisor)
{
    const struct supervisor_source *source = supervisor->source;
    struct config_error why = { .sentence = "out of memory" };
    struct config *config = NULL;
    if (supervisor->configured_left) {
        supervisor->reload_again = true;
        return;
    }
    notify_reloading(clock_monotonic_ns());
    int error = config_load(source->path, source->overrides, source->override_count, &config, &why);
    if (!error)
        error = keep_what_needs_restart(supervisor->config, config);
    struct users *users = error ? NULL : users_create(config);
    if (!users) {
        config_destroy(config);
        reload_failed(why.sentence);
        return;
    }
    install(supervisor, config, users);
}

static void on_configured(struct supervisor *supervisor)
{
    if (--supervisor->configured_left)
        return;
    config_destroy(supervisor->old_config);
    users_destroy(supervisor->old_users);
    supervisor->old_config = NULL;
    supervisor->old_users = NULL;
    log_info("reloaded", "file=%s", supervisor->source->path ? supervisor->source->path : "-");
    notify_ready("serving");
    if (supervisor->reload_again) {
        supervisor->reload_again = false;
        reload(supervisor);
    }
}

/* Being alive. */

static void on_watchdog(struct timer *timer, uint64_t now_ms)
{
    struct supervisor *supervisor = (struct supervisor *)((char *)timer - offsetof(struct supervisor, watchdog_timer));
    if (supervisor->alive_left)
        log_warning("worker_busy", "count=%u", supervisor->alive_left);
    else
        supervisor->alive_left = tell_all_kind(supervisor, MAIL_ALIVE);
    timer_set(&supervisor->loop.timers, timer, now_ms + notify_watchdog_ms() / 3);
}

static void on_alive(struct supervisor *supervisor)
{
    if (supervisor->alive_left && --supervisor->alive_left == 0)
        notify_alive();
}

/* Reading mail. */

static void read_record(void *arg, unsigned worker, const void *record)
{
    struct supervisor *supervisor = arg;
    const struct mail *mail = record;
    switch ((enum mail_kind)mail->kind) {
    case MAIL_CLOSED:
        admission_leave(supervisor->admission, &((const struct mail_closed *)mail)->peer, worker);
        stop_when_empty(supervisor);
        break;
    case MAIL_CONFIGURED:
        on_configured(supervisor);
        break;
    case MAIL_ALIVE:
        on_alive(supervisor);
        break;
    case MAIL_QUIET:
        on_quiet(supervisor);
        break;
    case MAIL_STOPPED:
        on_stopped(supervisor);
        break;
    default:
        break;
    }
}

static void on_woken(void *arg)
{
    struct supervisor *supervisor = arg;
    post_woke(supervisor->office);
    if (post_has_mail(supervisor->office))
        post_read(supervisor->office, read_record, supervisor);
}

static bool before_sleep(void *arg)
{
    struct supervisor *supervisor = arg;
    return !supervisor->loop.stopping && post_may_sleep(supervisor->office);
}

/* Signals. They are blocked in every thread and read from a descriptor (signalfd(2)), so that they come between turns,
 * none is missed, and one more at the end does no harm. */

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    struct supervisor *supervisor = arg;
    struct signalfd_siginfo signal_info;
    (void)what;
    while (read(fd, &signal_info, sizeof signal_info) == (ssize_t)sizeof signal_info)
        switch (signal_info.ssi_signo) {
        case SIGHUP:
            reload(supervisor);
            break;
        case SIGUSR2:
            begin_lame_duck(supervisor);
            break;
        default:
            begin_stop(supervisor);
        }
}

static int take_signals(struct supervisor *supervisor)
{
    sigset_t ours;
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&ours);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGHUP);
    sigaddset(&ours, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &ours, NULL);
    supervisor->signal_fd = signalfd(-1, &ours, SFD_NONBLOCK | SFD_CLOEXEC);
    if (supervisor->signal_fd < 0)
        return -errno;
    supervisor->signal_event =
        event_new(supervisor->loop.base, supervisor->signal_fd, EV_READ | EV_PERSIST, on_signal, supervisor);
    return supervisor->signal_event && event_add(supervisor->signal_event, NULL) == 0 ? 0 : -ENOMEM;
}

/* Starting. */

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static unsigned count_workers(const struct config *config)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (config->server.workers)
        return config->server.workers;
    return processors < 1 ? 1 : processors > WORKERS_AUTO_MAX ? WORKERS_AUTO_MAX : (unsigned)processors;
}

static void set_name(struct supervisor *supervisor)
{
    const char *name = supervisor->config->server.name;
    random_name(supervisor->server_id, SERVER_ID_SIZE);
    if (name && *name)
        snprintf(supervisor->server_name, sizeof supervisor->server_name, "%s", name);
    else if (gethostname(supervisor->server_name, sizeof supervisor->server_name - 1) != 0)
        strcpy(supervisor->server_name, "posthorn");
}

/* Copies where a front end listens first. Returns the port; 0: nowhere, or not by TCP. */
static unsigned copy_where(const struct listener *listener, char *host, size_t size)
{
    snprintf(host, size, "%s", listener ? listener_host(listener) : "");
    return listener ? listener_port(listener) : 0;
}

static void set_identity(struct supervisor *supervisor)
{
    const struct listener *line = entrance_first(supervisor->entrance, FRONT_LINE);
    const struct listener *http = entrance_first(supervisor->entrance, FRONT_HTTP);
    set_name(supervisor);
    supervisor->line_identity = (struct line_identity){
        .server_id = supervisor->server_id,
        .server_name = supervisor->server_name,
        .host = supervisor->line_host,
        .port = copy_where(line, supervisor->line_host, sizeof supervisor->line_host),
    };
    supervisor->http_identity = (struct http_identity){
        .server_id = supervisor->server_id,
        .server_name = supervisor->server_name,
        .line_host = supervisor->line_host,
        .line_port = supervisor->line_identity.port,
        .http_host = supervisor->http_host,
        .http_port = copy_where(http, supervisor->http_host, sizeof supervisor->http_host),
        .start_time_ms = clock_read_ns(CLOCK_REALTIME) / 1000000,
        .worker_count = supervisor->worker_count,
    };
    random_bytes(supervisor->http_identity.reply_key, sizeof supervisor->http_identity.reply_key);
}

static int make_recent(struct supervisor *supervisor)
{
    const struct config *config = supervisor->config;
    const struct stream_limits limits = recent_limits_of(config);
    if (!config->recent.enabled || !config->http.enabled)
        return 0;
    supervisor->recent = stream_create("recent", &limits);
    return supervisor->recent ? 0 : -ENOMEM;
}

static int make_workers(struct supervisor *supervisor)
{
    supervisor->post = post_create(supervisor->worker_count + 1);
    supervisor->http_identity.queues = queues_create();
    supervisor->workers = calloc(supervisor->worker_count, sizeof(struct worker *));
    if (!supervisor->post || !supervisor->http_identity.queues || !supervisor->workers)
        return -ENOMEM;
    supervisor->office = post_open(supervisor->post, supervisor->worker_count, &supervisor->loop);
    for (unsigned i = 0; i < supervisor->worker_count; i++) {
        const struct worker_setup setup = {
            .number = i,
            .worker_count = supervisor->worker_count,
            .post = supervisor->post,
            .line_identity = &supervisor->line_identity,
            .http_identity = &supervisor->http_identity,
            .config = supervisor->config,
            .users = supervisor->users,
            .recent = supervisor->recent,
        };
        int error = worker_create(&setup, &supervisor->workers[i]);
        if (error)
            return error;
    }
    return 0;
}

/* No signal is a worker's: their threads begin with all of them blocked. */
static int start_workers(struct supervisor *supervisor)
{
    sigset_t all, old;
    int error = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (unsigned i = 0; i < supervisor->worker_count && !error; i++)
        error = worker_start(supervisor->workers[i]);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return error;
}

static void say_ready(struct supervisor *supervisor)
{
    char ready[READY_SIZE] = "";
    log_info("ready", "name=%s workers=%u", supervisor->server_name, supervisor->worker_count);
    entrance_describe(supervisor->entrance, ready, sizeof ready);
    printf("ready %s\n", ready);
    fflush(stdout);
    notify_ready("serving");
    if (notify_watchdog_ms())
        on_watchdog(&supervisor->watchdog_timer, loop_now_ms(&supervisor->loop));
}

static int supervisor_init(struct supervisor *supervisor, bool *ret_unbound)
{
    const struct admission_limits limits = admission_limits_of(supervisor->config);
    int error = loop_init(&supervisor->loop);
    if (error)
        return error;
    supervisor->users = users_create(supervisor->config);
    supervisor->worker_count = count_workers(supervisor->config);
    supervisor->admission = admission_create(supervisor->worker_count, &limits);
    if (!supervisor->users || !supervisor->admission)
        return -ENOMEM;
    error = entrance_open(&supervisor->loop, supervisor->config, on_accepted, supervisor, &supervisor->entrance);
    *ret_unbound = error && error != -ENOMEM;
    if (error)
        return error;
    set_identity(supervisor);
    if ((error = make_recent(supervisor)) != 0 || (error = make_workers(supervisor)) != 0)
        return error;
    supervisor->loop.hooks = (struct loop_hooks){
        .arg = supervisor,
        .turn_end = send_mail,
        .before_sleep = before_sleep,
        .woken = on_woken,
    };
    supervisor->phase_timer.fire = on_phase_timer;
    supervisor->watchdog_timer.fire = on_watchdog;
    return take_signals(supervisor);
}

/* The end. */

static void log_counters(const struct supervisor *supervisor)
{
    struct counters sum = { 0 };
    for (unsigned i = 0; i < supervisor->worker_count; i++)
        counters_add(&sum, worker_counters(supervisor->workers[i]));
    log_info("stopped", "connections=%" PRIu64 " messages_in=%" PRIu64 " messages_out=%" PRIu64
             " slow_consumers=%" PRIu64, sum.connections_opened, sum.messages_in, sum.messages_out,
             sum.slow_consumers);
}

static void supervisor_finish(struct supervisor *supervisor)
{
    stop_listening(supervisor);
    for (unsigned i = 0; supervisor->workers && i < supervisor->worker_count; i++)
        worker_destroy(supervisor->workers[i]);
    if (supervisor->signal_event)
        event_free(supervisor->signal_event);
    if (supervisor->signal_fd >= 0)
        close(supervisor->signal_fd);
    post_destroy(supervisor->post);
    stream_destroy(supervisor->recent);
    queues_destroy(supervisor->http_identity.queues);
    admission_destroy(supervisor->admission);
    loop_finish(&supervisor->loop);
    users_destroy(supervisor->users);
    users_destroy(supervisor->old_users);
    config_destroy(supervisor->config);
    config_destroy(supervisor->old_config);
    free(supervisor->workers);
    free(supervisor);
}

int supervisor_run(struct config *config, const struct supervisor_source *source, bool *ret_unbound)
{
    struct supervisor *supervisor = calloc(1, sizeof *supervisor);
    *ret_unbound = false;
    if (!supervisor) {
        config_destroy(config);
        return -ENOMEM;
    }
    supervisor->config = config;
    supervisor->source = source;
    supervisor->loop.wake_fd = -1;
    supervisor->signal_fd = -1;
    apply_log(config);
    raise_descriptor_limit();
    int error = supervisor_init(supervisor, ret_unbound);
    if (!error)
        error = start_workers(supervisor);
    if (!error && (error = entrance_start(supervisor->entrance)) == 0) {
        say_ready(supervisor);
        error = loop_run(&supervisor->loop);
        for (unsigned i = 0; i < supervisor->worker_count; i++)
            worker_join(supervisor->workers[i]);
        log_counters(supervisor);
    }
    if (error && !*ret_unbound)
        log_error("failed", "error=\"%s\"", strerror(-error));
    supervisor_finish(supervisor);
    return error;
}
