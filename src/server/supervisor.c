#include "server/supervisor.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "auth/accounts.h"
#include "auth/gate.h"
#include "auth/limits.h"
#include "auth/passes.h"
#include "auth/users.h"
#include "config/config.h"
#include "net/loop.h"
#include "push/deliverer.h"
#include "server/admission.h"
#include "server/entrance.h"
#include "server/health.h"
#include "server/identity.h"
#include "server/mail.h"
#include "server/notify.h"
#include "server/post.h"
#include "server/privileges.h"
#include "server/reload.h"
#include "server/signals.h"
#include "server/storage.h"
#include "server/worker.h"
#include "stream/queue.h"
#include "stream/stream.h"
#include "util/log.h"

enum {
    WORKERS_AUTO_MAX = 8,
    READY_SIZE = 4096,
    HEALTH_INTERVAL_MS = 1000,
};

enum phase {
    PHASE_SERVING,
    PHASE_RETIRING,   /* guests end what they have begun; the clients are served until they have gone */
    PHASE_LAME_DUCK,  /* the clients have been told */
    PHASE_DISMISSING, /* they are being closed */
    PHASE_QUIESCING,  /* workers finish what they have read */
    PHASE_STOPPING,
};

struct supervisor {
    struct reload reload;
    enum phase phase;
    struct loop loop;
    struct post *post;
    struct post_office *office;
    unsigned worker_count; /* and our own number in the post */
    struct worker **workers;
    struct accounts *accounts; /* of users, for all workers */
    struct accounts *places;   /* of addresses, in the same way */
    const struct worker_guest *guest; /* NULL: none */
    struct admission *admission;
    struct gate *gate;         /* ends before the workers do, who write to it */
    struct entrance *entrance; /* NULL: closed */
    uint64_t last_client_id;
    struct stream *recent;     /* NULL: off */
    struct storage storage;
    struct health health;
    struct identity identity;

    /* Answers that are awaited from the workers. */
    unsigned retired_left, quiet_left, stopped_left, alive_left;

    struct timer phase_timer, quiet_timer, watchdog_timer, health_timer;
    struct signals signals;
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

/* One worker tells of what the daemon does. */
static void tell_audit(void *arg, const char *action, const char *reason)
{
    struct supervisor *supervisor = arg;
    struct mail_audit mail = { .mail.kind = MAIL_AUDIT, .failed = reason != NULL };
    snprintf(mail.action, sizeof mail.action, "%s", action);
    snprintf(mail.reason, sizeof mail.reason, "%s", reason ? reason : "");
    tell(supervisor, 0, &mail, sizeof mail);
}

static void send_mail(void *arg)
{
    struct supervisor *supervisor = arg;
    post_send(supervisor->office);
}

/* Stopping. */

static void stop_listening(struct supervisor *supervisor)
{
    entrance_close(supervisor->entrance);
    supervisor->entrance = NULL;
}

static void begin_stop(struct supervisor *supervisor)
{
    if (supervisor->phase >= PHASE_QUIESCING)
        return;
    supervisor->phase = PHASE_QUIESCING;
    log_info("stopping", "connections=%u", admission_count(supervisor->admission));
    tell_audit(supervisor, "stop", NULL);
    notify_stopping();
    stop_listening(supervisor);
    timer_clear(&supervisor->loop.timers, &supervisor->phase_timer);
    timer_clear(&supervisor->loop.timers, &supervisor->quiet_timer);
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

/* Clients that come and go are not gone yet. */
static void await_quiet(struct supervisor *supervisor)
{
    uint64_t quiet_ms = supervisor->reload.config->server.stop_quiet_ms;
    if (supervisor->phase != PHASE_RETIRING)
        return;
    if (supervisor->retired_left == 0 && admission_count(supervisor->admission) == 0)
        timer_set(&supervisor->loop.timers, &supervisor->quiet_timer, loop_now_ms(&supervisor->loop) + quiet_ms);
    else
        timer_clear(&supervisor->loop.timers, &supervisor->quiet_timer);
}

static void on_quiet_timer(struct timer *timer, uint64_t now_ms)
{
    (void)now_ms;
    begin_stop((struct supervisor *)((char *)timer - offsetof(struct supervisor, quiet_timer)));
}

/* Whoever has no guest, and whoever is told a second time, stops at once. */
static void begin_retiring(struct supervisor *supervisor)
{
    uint64_t grace_ms = supervisor->reload.config->server.stop_grace_ms;
    if (!supervisor->guest || !grace_ms || supervisor->phase != PHASE_SERVING) {
        begin_stop(supervisor);
        return;
    }
    supervisor->phase = PHASE_RETIRING;
    log_info("retiring", "connections=%u grace_ms=%" PRIu64, admission_count(supervisor->admission), grace_ms);
    notify_stopping();
    supervisor->retired_left = tell_all_kind(supervisor, MAIL_RETIRE);
    timer_set(&supervisor->loop.timers, &supervisor->phase_timer, loop_now_ms(&supervisor->loop) + grace_ms);
    await_quiet(supervisor);
}

static void on_retired(struct supervisor *supervisor)
{
    supervisor->retired_left--;
    await_quiet(supervisor);
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
    uint64_t grace_ms = supervisor->reload.config->server.lame_duck_grace_ms;
    supervisor->phase = PHASE_LAME_DUCK;
    tell_audit(supervisor, "lame-duck", NULL);
    log_info("lame_duck", "connections=%u grace_ms=%" PRIu64, admission_count(supervisor->admission), grace_ms);
    stop_listening(supervisor);
    tell_all_kind(supervisor, MAIL_LAME_DUCK);
    timer_set(&supervisor->loop.timers, &supervisor->phase_timer, loop_now_ms(&supervisor->loop) + grace_ms);
    stop_when_empty(supervisor);
}

/* The grace is over. */
static void on_phase_timer(struct timer *timer, uint64_t now_ms)
{
    struct supervisor *supervisor = (struct supervisor *)((char *)timer - offsetof(struct supervisor, phase_timer));
    const struct mail_dismiss mail = { { MAIL_DISMISS }, supervisor->reload.config->server.lame_duck_duration_ms };
    (void)now_ms;
    if (supervisor->phase == PHASE_RETIRING) {
        log_warning("stop_grace_over", "connections=%u", admission_count(supervisor->admission));
        begin_stop(supervisor);
        return;
    }
    supervisor->phase = PHASE_DISMISSING;
    tell_all(supervisor, &mail, sizeof mail);
    stop_when_empty(supervisor);
}

/* Admission. */

static void on_accepted(void *arg, enum front_end front_end, bool is_local, int fd, const struct address *peer)
{
    struct supervisor *supervisor = arg;
    unsigned worker;
    enum admission_verdict verdict = admission_enter(supervisor->admission, peer, &worker);
    await_quiet(supervisor);
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

static int accept_config(void *arg, const struct config *config, char sentence[RELOAD_SENTENCE_SIZE])
{
    struct supervisor *supervisor = arg;
    return storage_reload(&supervisor->storage, config, sentence);
}

/* What a user may keep, asked by whoever changes streams. */
static void quota_of(void *arg, const char *owner, struct quota_limits *ret_limits)
{
    const struct user_limits *limits = users_limits(arg, owner);
    if (limits)
        *ret_limits = (struct quota_limits){ limits->streams_max, limits->stored_bytes_max };
}

static void take_quotas(struct supervisor *supervisor)
{
    stream_registry_set_quotas(supervisor->storage.registry, quota_of, supervisor->reload.users);
}

static unsigned install_config(void *arg)
{
    struct supervisor *supervisor = arg;
    const struct config *config = supervisor->reload.config;
    const struct mail_configure mail = { { MAIL_CONFIGURE }, config, supervisor->reload.users, supervisor->reload.tls };
    const struct admission_limits limits = admission_limits_of(config);
    apply_log(config);
    take_quotas(supervisor);
    gate_reset(supervisor->gate, config->server.auth_delay_max_ms);
    admission_set_limits(supervisor->admission, &limits);
    if (supervisor->recent) {
        const struct stream_limits recent_limits = recent_limits_of(config);
        stream_set_limits(supervisor->recent, &recent_limits);
    }
    return tell_all(supervisor, &mail, sizeof mail);
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

static void on_health_timer(struct timer *timer, uint64_t now_ms)
{
    struct supervisor *supervisor = (struct supervisor *)((char *)timer - offsetof(struct supervisor, health_timer));
    health_watch(&supervisor->health, supervisor->storage.registry, supervisor->storage.meta);
    timer_set(&supervisor->loop.timers, timer, now_ms + HEALTH_INTERVAL_MS);
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
        await_quiet(supervisor);
        break;
    case MAIL_RETIRED:
        on_retired(supervisor);
        break;
    case MAIL_CONFIGURED:
        reload_confirmed(&supervisor->reload);
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

/* Signals. */

static void on_signal(void *arg, int number)
{
    struct supervisor *supervisor = arg;
    switch (number) {
    case SIGHUP:
        reload_run(&supervisor->reload);
        break;
    case SIGUSR2:
        begin_lame_duck(supervisor);
        break;
    default:
        begin_retiring(supervisor);
    }
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
    if (config->program == PROGRAM_SIDECAR)
        return 1; /* its guest is one */
    if (config->server.workers)
        return config->server.workers;
    return processors < 1 ? 1 : processors > WORKERS_AUTO_MAX ? WORKERS_AUTO_MAX : (unsigned)processors;
}

static int make_recent(struct supervisor *supervisor)
{
    const struct config *config = supervisor->reload.config;
    const struct stream_limits limits = recent_limits_of(config);
    if (!config->recent.enabled || !config->http.enabled || config->program == PROGRAM_SIDECAR)
        return 0;
    supervisor->recent = stream_create("recent", &limits);
    return supervisor->recent ? 0 : -ENOMEM;
}

static int make_workers(struct supervisor *supervisor)
{
    supervisor->post = post_create(supervisor->worker_count + 1);
    supervisor->identity.http.queues = queues_create();
    supervisor->identity.http.passes = passes_create();
    supervisor->workers = calloc(supervisor->worker_count, sizeof(struct worker *));
    supervisor->accounts = accounts_create();
    supervisor->places = accounts_create();
    if (!supervisor->post || !supervisor->identity.http.queues || !supervisor->identity.http.passes ||
        !supervisor->accounts || !supervisor->places || !supervisor->workers)
        return -ENOMEM;
    supervisor->office = post_open(supervisor->post, supervisor->worker_count, &supervisor->loop);
    for (unsigned i = 0; i < supervisor->worker_count; i++) {
        const struct worker_setup setup = {
            .number = i,
            .worker_count = supervisor->worker_count,
            .post = supervisor->post,
            .line_identity = &supervisor->identity.line,
            .http_identity = &supervisor->identity.http,
            .config = supervisor->reload.config,
            .users = supervisor->reload.users,
            .accounts = supervisor->accounts,
            .places = supervisor->places,
            .tls = supervisor->reload.tls,
            .gate = supervisor->gate,
            .recent = supervisor->recent,
            .registry = supervisor->storage.registry,
            .directory = supervisor->storage.directory,
            .meta = supervisor->storage.meta,
            .clerk = supervisor->storage.clerk,
            .roll = supervisor->storage.roll,
            .stored = supervisor->storage.consumers,
            .webhooks = supervisor->storage.deliverer ? &supervisor->storage.webhooks : NULL,
            .guest = supervisor->guest,
            .deliverer = i == 0 ? supervisor->storage.deliverer : NULL,
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
    malloc_trim(0); /* what was needed to read what is stored goes back to the system */
    log_info("ready", "name=%s workers=%u", supervisor->identity.server_name, supervisor->worker_count);
    tell_audit(supervisor, "start", NULL);
    entrance_describe(supervisor->entrance, ready, sizeof ready);
    printf("ready %s\n", ready);
    fflush(stdout);
    notify_ready("serving");
    if (notify_watchdog_ms())
        on_watchdog(&supervisor->watchdog_timer, loop_now_ms(&supervisor->loop));
}

/* The steps of the start return 0, or an exit code of sysexits(3), having logged why. */

static int failed(int error)
{
    if (error)
        log_error("failed", "error=\"%s\"", strerror(-error));
    return error ? EX_OSERR : 0;
}

static int open_entrance(struct supervisor *supervisor)
{
    int error =
        entrance_open(&supervisor->loop, supervisor->reload.config, on_accepted, supervisor, &supervisor->entrance);
    return error && error != -ENOMEM ? EX_UNAVAILABLE : failed(error);
}

static int open_storage(struct supervisor *supervisor)
{
    char sentence[RELOAD_SENTENCE_SIZE];
    supervisor->storage.recent = supervisor->recent;
    int code = storage_open(&supervisor->storage, supervisor->reload.config, sentence);
    if (code)
        log_error("start_refused", "error=\"%s\"", sentence);
    else
        take_quotas(supervisor);
    return code;
}

static int open_workers(struct supervisor *supervisor)
{
    int error = make_workers(supervisor);
    if (!error)
        error = signals_take(&supervisor->signals, supervisor->loop.base, on_signal, supervisor);
    return failed(error);
}

static void set_hooks(struct supervisor *supervisor)
{
    supervisor->loop.hooks = (struct loop_hooks){
        .arg = supervisor,
        .turn_end = send_mail,
        .before_sleep = before_sleep,
        .woken = on_woken,
    };
    supervisor->reload.worker_count = supervisor->worker_count;
    supervisor->reload.hooks = (struct reload_hooks){
        .arg = supervisor,
        .accept = accept_config,
        .tell = tell_audit,
        .install = install_config,
    };
    supervisor->phase_timer.fire = on_phase_timer;
    supervisor->quiet_timer.fire = on_quiet_timer;
    supervisor->watchdog_timer.fire = on_watchdog;
    supervisor->health_timer.fire = on_health_timer;
}

static int supervisor_init(struct supervisor *supervisor)
{
    const struct config *config = supervisor->reload.config;
    const struct admission_limits limits = admission_limits_of(config);
    int error = loop_init(&supervisor->loop);
    if (error)
        return error;
    supervisor->worker_count = count_workers(config);
    supervisor->admission = admission_create(supervisor->worker_count, &limits);
    supervisor->gate = gate_create();
    set_hooks(supervisor);
    if (!supervisor->admission || !supervisor->gate)
        return -ENOMEM;
    gate_reset(supervisor->gate, config->server.auth_delay_max_ms);
    return 0;
}

/* Whoever looks for a free port learns of it before the store is touched. */
static int start(struct supervisor *supervisor)
{
    int code = failed(supervisor_init(supervisor));
    if (!code)
        code = open_entrance(supervisor);
    if (!code)
        code = failed(make_recent(supervisor));
    if (!code)
        code = open_storage(supervisor);
    if (code)
        return code;
    identity_set(&supervisor->identity, supervisor->reload.config, supervisor->entrance, &supervisor->storage,
                 supervisor->worker_count);
    code = open_workers(supervisor);
    if (!code)
        code = failed(start_workers(supervisor));
    if (!code && supervisor->storage.deliverer)
        code = failed(deliverer_start(supervisor->storage.deliverer));
    return code;
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
    storage_settle(&supervisor->storage);
    gate_destroy(supervisor->gate);
    for (unsigned i = 0; supervisor->workers && i < supervisor->worker_count; i++)
        worker_destroy(supervisor->workers[i]);
    signals_finish(&supervisor->signals);
    accounts_destroy(supervisor->accounts);
    accounts_destroy(supervisor->places);
    post_destroy(supervisor->post);
    stream_destroy(supervisor->recent);
    storage_close(&supervisor->storage);
    health_finish(&supervisor->health);
    queues_destroy(supervisor->identity.http.queues);
    passes_destroy(supervisor->identity.http.passes);
    admission_destroy(supervisor->admission);
    loop_finish(&supervisor->loop);
    reload_finish(&supervisor->reload);
    free(supervisor->workers);
    free(supervisor);
}

static int serve(struct supervisor *supervisor)
{
    say_ready(supervisor);
    on_health_timer(&supervisor->health_timer, loop_now_ms(&supervisor->loop));
    int error = loop_run(&supervisor->loop);
    for (unsigned i = 0; i < supervisor->worker_count; i++)
        worker_join(supervisor->workers[i]);
    log_counters(supervisor);
    return failed(error);
}

static int begin(struct supervisor *supervisor, struct config *config, const struct reload_source *source)
{
    char sentence[RELOAD_SENTENCE_SIZE];
    int error = reload_init(&supervisor->reload, config, source, sentence);
    if (error != -EINVAL)
        return failed(error);
    log_error("start_refused", "error=\"%s\"", sentence);
    return EX_CONFIG;
}

int supervisor_run(struct config *config, const struct reload_source *source, const struct worker_guest *guest)
{
    struct supervisor *supervisor = calloc(1, sizeof *supervisor);
    if (!supervisor) {
        config_destroy(config);
        return EX_OSERR;
    }
    supervisor->loop.wake_fd = -1;
    supervisor->signals.fd = -1;
    supervisor->guest = guest;
    apply_log(config);
    privileges_give_up(config);
    raise_descriptor_limit();
    int code = begin(supervisor, config, source);
    if (!code)
        code = start(supervisor);
    if (!code)
        code = failed(entrance_start(supervisor->entrance));
    if (!code)
        code = serve(supervisor);
    supervisor_finish(supervisor);
    return code;
}
