#include "push/deliverer.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>

#include "broker/webhooks.h"
#include "push/sign.h"
#include "push/state.h"
#include "stream/registry.h"
#include "util/log.h"

enum {
    FAILING_MS = 60000,              /* after which it is stored that a webhook fails */
    STOP_MS = 2000,                  /* that what is under way gets at the end */
    REST_MS = 5000,                  /* without a request, after which it rests */
};

static const char settings_kind[] = DELIVERER_SETTINGS_KIND;

/* Calls of front ends. */

void deliverer_give_back(struct deliverer *deliverer, struct webhook_call *call)
{
    struct webhook_desk *desk = call->desk;
    call->next = NULL;
    pthread_mutex_lock(&deliverer->mutex);
    *desk->last = call;
    desk->last = &call->next;
    desk->wake(desk->arg);
    pthread_mutex_unlock(&deliverer->mutex);
}

struct webhook_call *deliverer_take_back(struct deliverer *deliverer, struct webhook_desk *desk)
{
    pthread_mutex_lock(&deliverer->mutex);
    struct webhook_call *call = desk->calls;
    if (call) {
        desk->calls = call->next;
        if (!desk->calls)
            desk->last = &desk->calls;
    }
    pthread_mutex_unlock(&deliverer->mutex);
    return call;
}

bool deliverer_await(struct deliverer *deliverer, struct meta_job *job)
{
    if (!deliverer->meta)
        return false;
    job->desk = &deliverer->desk;
    meta_put(deliverer->meta, job);
    return true;
}

/* Storing settings. */

void deliverer_store(struct deliverer *deliverer, const struct webhook_settings *settings)
{
    char *text = deliverer->meta ? webhook_settings_save(settings) : NULL;
    if (deliverer->meta &&
        (!text || meta_put_copy(deliverer->meta, settings_kind, slice_of(settings->name), slice_of(text)) != 0))
        log_error("webhook_not_stored", "webhook=%s error=\"out of memory\"", settings->name);
    webhook_text_free(text);
}

void deliverer_forget(struct deliverer *deliverer, const char *kind, const char *key)
{
    if (deliverer->meta && meta_put_copy(deliverer->meta, kind, slice_of(key), slice_make(NULL, 0)) != 0)
        log_error("webhook_not_forgotten", "key=%s error=\"out of memory\"", key);
}

/* Hooks. */

static int compare_names(struct slice name, const char *other)
{
    size_t size = strlen(other);
    int order = memcmp(name.data, other, name.size < size ? name.size : size);
    return order ? order : (name.size > size) - (name.size < size);
}

/* Where it is among the hooks, which are in the order of their names; or would be. */
static bool find_place(const struct deliverer *deliverer, struct slice name, size_t *ret_place)
{
    size_t first = 0, end = deliverer->hook_count;
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        int order = compare_names(name, deliverer->hooks[middle]->settings.name);
        *ret_place = middle;
        if (!order)
            return true;
        if (order < 0)
            end = middle;
        else
            first = middle + 1;
    }
    *ret_place = first;
    return false;
}

struct hook *deliverer_find(const struct deliverer *deliverer, struct slice name)
{
    size_t place;
    return find_place(deliverer, name, &place) ? deliverer->hooks[place] : NULL;
}

static void put_in(struct deliverer *deliverer, size_t place, struct hook *hook)
{
    struct hook **at = deliverer->hooks + place;
    memmove(at + 1, at, (deliverer->hook_count - place) * sizeof(struct hook *));
    *at = hook;
    deliverer->hook_count++;
}

static void take_out(struct deliverer *deliverer, size_t place)
{
    struct hook **at = deliverer->hooks + place;
    deliverer->hook_count--;
    memmove(at, at + 1, (deliverer->hook_count - place) * sizeof(struct hook *));
}

void deliverer_visit(const struct deliverer *deliverer, void (*visit)(void *arg, struct hook *hook), void *arg)
{
    for (size_t i = 0; i < deliverer->hook_count; i++)
        visit(arg, deliverer->hooks[i]);
}

static bool reserve_hook(struct deliverer *deliverer)
{
    if (deliverer->hook_count < deliverer->hook_room)
        return true;
    size_t room = deliverer->hook_room ? 2 * deliverer->hook_room : 8;
    struct hook **hooks = reallocarray(deliverer->hooks, room, sizeof(struct hook *));
    if (!hooks)
        return false;
    deliverer->hooks = hooks;
    deliverer->hook_room = room;
    return true;
}

static void drop_hook(struct deliverer *deliverer, struct hook *hook)
{
    tally_forget(deliverer, hook);
    chronicle_leave(deliverer, hook);
    while (!list_is_empty(&hook->sources))
        ties_drop_source(LIST_OWNER(hook->sources.next, struct hook_source, place)->owner);
    hook_destroy(hook);
}

/* Another pattern or order needs another hook, which goes on where this one is, or begins anew. */
static int replace(struct deliverer *deliverer, size_t place, struct webhook_settings *settings, bool goes_on)
{
    struct hook *hook, *old = deliverer->hooks[place];
    int error = hook_create(&deliverer->world, settings, &hook);
    if (error)
        return error;
    for (struct list *at = old->sources.next; goes_on && at != &old->sources; at = at->next)
        position_keep(LIST_OWNER(at, struct hook_source, place)->owner);
    struct spare *spare = ties_spare(old);
    chronicle_carry_over(hook, old);
    drop_hook(deliverer, old);
    deliverer->hooks[place] = hook;
    ties_resolve(deliverer, hook, true);
    ties_spare_no_more(spare);
    return 0;
}

static int change(struct deliverer *deliverer, size_t place, struct webhook_settings *settings)
{
    struct hook *hook = deliverer->hooks[place];
    bool is_enabled = settings->enabled && !hook->settings.enabled;
    if (!hook_can_change(hook, settings))
        return replace(deliverer, place, settings, true);
    hook_change(hook, settings);
    if (is_enabled)
        hook_enable(hook);
    return 0;
}

static int add(struct deliverer *deliverer, size_t place, struct webhook_settings *settings, bool is_new)
{
    struct hook *hook;
    if (!reserve_hook(deliverer))
        return -ENOMEM;
    int error = hook_create(&deliverer->world, settings, &hook);
    if (error)
        return error;
    put_in(deliverer, place, hook);
    ties_resolve(deliverer, hook, is_new);
    return 0;
}

/* Where it begins is stored first: puts are committed in order. */
static void store_hook(struct deliverer *deliverer, const struct hook *hook)
{
    for (struct list *at = hook->sources.next; at != &hook->sources; at = at->next)
        position_put(LIST_OWNER(at, struct hook_source, place)->owner);
    deliverer_store(deliverer, &hook->settings);
}

int deliverer_put(struct deliverer *deliverer, struct webhook_settings *settings)
{
    size_t place;
    bool is_there = find_place(deliverer, slice_of(settings->name), &place);
    if (is_there)
        webhook_carry_verification(settings, &deliverer->hooks[place]->settings);
    int error = is_there ? change(deliverer, place, settings) : add(deliverer, place, settings, true);
    if (!error)
        store_hook(deliverer, deliverer->hooks[place]);
    return error;
}

int deliverer_recover(struct deliverer *deliverer, struct webhook_settings *settings)
{
    size_t place;
    if (!find_place(deliverer, slice_of(settings->name), &place))
        return -ENOENT;
    int error = replace(deliverer, place, settings, false);
    if (!error)
        store_hook(deliverer, deliverer->hooks[place]);
    return error;
}

int deliverer_remove(struct deliverer *deliverer, struct slice name)
{
    size_t place;
    if (!find_place(deliverer, name, &place))
        return -ENOENT;
    struct hook *hook = deliverer->hooks[place];
    for (struct list *at = hook->sources.next; at != &hook->sources; at = at->next)
        position_forget(LIST_OWNER(at, struct hook_source, place)->owner);
    deliverer_forget(deliverer, settings_kind, hook->settings.name);
    chronicle_forget(deliverer, hook);
    drop_hook(deliverer, hook);
    take_out(deliverer, place);
    return 0;
}

/* What is stored. */

static int load(struct deliverer *deliverer, struct webhook_settings *settings)
{
    size_t place;
    find_place(deliverer, slice_of(settings->name), &place);
    return add(deliverer, place, settings, false);
}

static int load_settings(void *arg, struct slice key, struct slice value)
{
    struct deliverer *deliverer = arg;
    struct webhook_settings settings;
    char room[WEBHOOK_FAULT_SIZE], quoted[LOG_QUOTE_SIZE];
    webhook_settings_init(&settings);
    int error = webhook_settings_load(&settings, value, room);
    if (!error)
        error = webhook_settings_complete(&settings);
    const char *wrong = error == -EINVAL ? room : error ? NULL : webhook_settings_check(&settings, room);
    if (wrong)
        log_error("webhook_unreadable", "webhook=%.*s reason=%s", SLICE_ARGS(key), log_quote(slice_of(wrong), quoted));
    else if (!error)
        error = load(deliverer, &settings);
    webhook_settings_finish(&settings);
    return error == -ENOMEM ? error : 0;
}

int deliverer_load(struct deliverer *deliverer)
{
    if (!deliverer->meta)
        return 0;
    int error = positions_load(deliverer);
    if (!error)
        error = meta_load(deliverer->meta, settings_kind, load_settings, deliverer);
    return error ? error : chronicles_load(deliverer);
}

/* Turns. */

static void run_calls(struct deliverer *deliverer)
{
    pthread_mutex_lock(&deliverer->mutex);
    struct deliverer_call *next, *call = deliverer->calls;
    deliverer->calls = NULL;
    deliverer->last_call = &deliverer->calls;
    bool is_stopping = deliverer->is_stopping;
    pthread_mutex_unlock(&deliverer->mutex);
    for (; call; call = next) {
        next = call->next;
        call->run(call, deliverer);
    }
    if (is_stopping && !deliverer->stop_ms) {
        deliverer->world.traffic.max = 0;
        deliverer->stop_ms = loop_now_ms(&deliverer->loop) + STOP_MS;
    }
}

static void take_jobs(struct deliverer *deliverer)
{
    struct meta_job *job;
    while (deliverer->meta && (job = meta_done(deliverer->meta, &deliverer->desk)))
        job->finished(job);
}

/* That it fails is stored when it has for a while, and that it does no more: so one that is out of order for days is
 * disabled though the daemon was restarted meanwhile. */
static void note_failing(struct deliverer *deliverer, struct hook *hook)
{
    uint64_t since_ms = hook->failing_since_ms, wall_ms = loop_wall_ms(&deliverer->loop);
    bool is_settled = !since_ms || wall_ms >= since_ms + FAILING_MS;
    if (!is_settled || since_ms == hook->settings.failing_since_ms)
        return;
    hook->settings.failing_since_ms = since_ms;
    deliverer_store(deliverer, &hook->settings);
}

/* Whatever ran may have changed positions. */
static void on_ran(void *arg, struct hook *hook)
{
    note_failing(arg, hook);
    chronicle_has_changed(arg, hook);
    tally_tell(arg, hook);
    for (struct list *at = hook->sources.next; at != &hook->sources; at = at->next)
        position_has_changed(LIST_OWNER(at, struct hook_source, place)->owner);
}

/* What it needed while it was busy goes back to the system. */
static void on_rest(struct timer *timer, uint64_t now_ms)
{
    struct deliverer *deliverer = LIST_OWNER(timer, struct deliverer, rest_timer);
    const struct traffic *traffic = &deliverer->world.traffic;
    if (traffic->begun == deliverer->begun_before && !traffic->count)
        malloc_trim(0);
    else
        timer_set(&deliverer->loop.timers, timer, now_ms + REST_MS);
    deliverer->begun_before = traffic->begun;
}

static void await_rest(struct deliverer *deliverer)
{
    if (deliverer->world.traffic.begun != deliverer->begun_before && !deliverer->rest_timer.place)
        timer_set(&deliverer->loop.timers, &deliverer->rest_timer, loop_now_ms(&deliverer->loop) + REST_MS);
}

void deliverer_wake_by(struct deliverer *deliverer, uint64_t due_ms)
{
    if (due_ms < deliverer->due_ms)
        deliverer->due_ms = due_ms;
}

/* A timer that is set too early fires, and the turn says anew what is due. */
static void arm_timer(struct deliverer *deliverer)
{
    struct timer *timer = &deliverer->timer;
    if (deliverer->due_ms != UINT64_MAX && (!timer->place || timer->due_ms > deliverer->due_ms))
        timer_set(&deliverer->loop.timers, timer, deliverer->due_ms);
}

static bool on_turn(void *arg)
{
    struct deliverer *deliverer = arg;
    deliverer->due_ms = UINT64_MAX;
    run_calls(deliverer);
    take_jobs(deliverer);
    ties_look_at_registry(deliverer);
    graves_look(deliverer);
    bool is_more = ties_look_at_streams(deliverer);
    is_more |= scans_run(deliverer);
    is_more |= hooks_run(&deliverer->world);
    positions_save(deliverer);
    chronicles_save(deliverer);
    await_rest(deliverer);
    if (deliverer->stop_ms &&
        (!deliverer->world.traffic.count || loop_now_ms(&deliverer->loop) >= deliverer->stop_ms))
        loop_stop(&deliverer->loop);
    if (deliverer->stop_ms)
        deliverer_wake_by(deliverer, deliverer->stop_ms);
    arm_timer(deliverer);
    return is_more;
}

/* The turn looks at what is due. */
static void on_timer(struct timer *timer, uint64_t now_ms)
{
    (void)timer;
    (void)now_ms;
}

static void on_wake(void *arg)
{
    const struct deliverer *deliverer = arg;
    loop_wake(&deliverer->loop);
}

static void *run(void *arg)
{
    struct deliverer *deliverer = arg;
    pthread_setname_np(pthread_self(), "deliverer");
    int error = loop_run(&deliverer->loop);
    if (error)
        log_error("deliverer_failed", "error=\"%s\"", strerror(-error));
    return NULL;
}

/* Life. */

static const struct hook_ops ops = { graves_bury, notes_tell, ties_next, on_ran };

static int copy_origin(struct deliverer *deliverer, const struct deliverer_options *options)
{
    char *origin = strdup(options->origin ? options->origin : "posthorn");
    if (!origin)
        return -ENOMEM;
    free(deliverer->origin);
    deliverer->origin = origin;
    deliverer->world.origin = origin;
    return 0;
}

static int copy_networks(struct deliverer *deliverer, const struct deliverer_options *options)
{
    struct network *allowed = calloc(options->allowed_count + 1, sizeof *allowed);
    if (!allowed)
        return -ENOMEM;
    if (options->allowed_count)
        memcpy(allowed, options->allowed, options->allowed_count * sizeof *allowed);
    free(deliverer->allowed);
    deliverer->allowed = allowed;
    deliverer->guard = (struct guard){ allowed, options->allowed_count };
    return 0;
}

static struct deliver_options deliver_options_of(struct deliverer *deliverer, const struct deliverer_options *options)
{
    return (struct deliver_options){ &deliverer->guard, options->ca, options->proxy, options->connections_max };
}

int deliverer_change(struct deliverer *deliverer, const struct deliverer_options *options)
{
    const struct deliver_options own = deliver_options_of(deliverer, options);
    int error = copy_networks(deliverer, options);
    if (!error)
        error = copy_origin(deliverer, options);
    if (!error)
        error = deliver_change(deliverer->world.deliver, &own);
    if (!error && !deliverer->stop_ms)
        deliverer->world.traffic.max = options->connections_max;
    return error;
}

static int open_world(struct deliverer *deliverer, const struct deliverer_options *options)
{
    struct hook_world *world = &deliverer->world;
    const struct deliver_options own = deliver_options_of(deliverer, options);
    uint64_t seed;
    random_bytes(&seed, sizeof seed);
    random_init(&world->random, seed);
    random_bytes(&world->hash_seed, sizeof world->hash_seed);
    world->attempts_kept = options->attempts_kept;
    world->ops = &ops;
    world->arg = deliverer;
    world->signer = signer_create();
    int error = world->signer ? copy_networks(deliverer, options) : -ENOMEM;
    if (!error)
        error = copy_origin(deliverer, options);
    return error ? error : deliver_create(&deliverer->loop, &own, &world->deliver);
}

int deliverer_create(const struct deliverer_setup *setup, struct deliverer **ret_deliverer)
{
    struct deliverer *deliverer = calloc(1, sizeof *deliverer);
    if (!deliverer)
        return -ENOMEM;
    pthread_mutex_init(&deliverer->mutex, NULL);
    deliverer->last_call = &deliverer->calls;
    deliverer->last_note = &deliverer->notes;
    deliverer->last_stored = &deliverer->stored;
    deliverer->registry = setup->registry;
    deliverer->recent = setup->recent;
    deliverer->meta = setup->meta;
    deliverer->desk = (struct meta_desk){ .wake = on_wake, .arg = deliverer };
    deliverer->timer.fire = on_timer;
    deliverer->rest_timer.fire = on_rest;
    deliverer->generation = stream_registry_generation(setup->registry);
    list_init(&deliverer->ties);
    list_init(&deliverer->graves);
    list_init(&deliverer->scans);
    list_init(&deliverer->unsaved);
    deliverer->save_due_ms = UINT64_MAX;
    list_init(&deliverer->unkept);
    hook_world_init(&deliverer->world, &deliverer->loop, setup->options.connections_max);
    int error = loop_init(&deliverer->loop);
    if (!error)
        error = open_world(deliverer, &setup->options);
    if (error) {
        deliverer_destroy(deliverer);
        return error;
    }
    deliverer->loop.hooks = (struct loop_hooks){ .arg = deliverer, .before_flush = on_turn };
    *ret_deliverer = deliverer;
    return 0;
}

int deliverer_start(struct deliverer *deliverer)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&deliverer->thread, NULL, run, deliverer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    deliverer->is_started = error == 0;
    loop_wake(&deliverer->loop); /* or it would sleep first */
    return -error;
}

void deliverer_call(struct deliverer *deliverer, struct deliverer_call *call)
{
    call->next = NULL;
    pthread_mutex_lock(&deliverer->mutex);
    *deliverer->last_call = call;
    deliverer->last_call = &call->next;
    pthread_mutex_unlock(&deliverer->mutex);
    loop_wake(&deliverer->loop);
}

/* Every turn looks. */
void deliverer_look(struct deliverer *deliverer)
{
    loop_wake(&deliverer->loop);
}

void deliverer_stop(struct deliverer *deliverer)
{
    if (!deliverer || !deliverer->is_started)
        return;
    pthread_mutex_lock(&deliverer->mutex);
    deliverer->is_stopping = true;
    pthread_mutex_unlock(&deliverer->mutex);
    loop_wake(&deliverer->loop);
    pthread_join(deliverer->thread, NULL);
    deliverer->is_started = false;
    chronicles_save_last(deliverer);
    for (struct list *at = deliverer->ties.next; at != &deliverer->ties; at = at->next) {
        struct tie *tie = LIST_OWNER(at, struct tie, place);
        for (struct list *member = tie->keepings.next; member != &tie->keepings; member = member->next)
            position_put(LIST_OWNER(member, struct keeping, member));
    }
}

void deliverer_settle(struct deliverer *deliverer)
{
    struct meta_job *job;
    if (!deliverer)
        return;
    scans_cancel(deliverer);
    while (deliverer->hook_count) /* so that none begins another save */
        drop_hook(deliverer, deliverer->hooks[--deliverer->hook_count]);
    while (deliverer->meta && (job = meta_done(NULL, &deliverer->desk)))
        job->finished(job);
    for (struct deliverer_call *next, *call = deliverer->calls; call; call = next) {
        next = call->next;
        call->abandon(call);
    }
    deliverer->calls = NULL;
    deliverer->last_call = &deliverer->calls;
}

void deliverer_destroy(struct deliverer *deliverer)
{
    if (!deliverer)
        return;
    deliverer_settle(deliverer);
    notes_finish(deliverer);
    positions_finish(deliverer);
    hook_world_finish(&deliverer->world);
    deliver_destroy(deliverer->world.deliver);
    signer_destroy(deliverer->world.signer);
    timer_clear(&deliverer->loop.timers, &deliverer->timer);
    timer_clear(&deliverer->loop.timers, &deliverer->rest_timer);
    loop_finish(&deliverer->loop);
    pthread_mutex_destroy(&deliverer->mutex);
    free(deliverer->allowed);
    free(deliverer->origin);
    free(deliverer->hooks);
    free(deliverer);
}
