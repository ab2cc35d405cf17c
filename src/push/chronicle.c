/*
 * Histories on their way into meta, so that counts and attempts outlive the daemon: once a second those of all webhooks
 * that were at work, and where many are, more seldom, in parts of a bounded number. What was done in the last seconds
 * before a kill is not in them.
 */
#include <errno.h>
#include <stdlib.h>

#include "push/history.h"
#include "push/state.h"
#include "util/log.h"

enum {
    INTERVAL_MS = 1000,              /* and a few for each that waits */
    INTERVAL_EACH_MS = 4,
    INTERVAL_MAX_MS = 5000,
    UNDER_WAY_MAX = 256,             /* the others wait for these */
};

static const char history_kind[] = "webhook_history";

struct put {
    struct meta_job job;             /* first */
    struct deliverer *deliverer;
    char bytes[];                    /* key, then value */
};

/* Changes with whatever is kept. */
static uint64_t stamp_of(const struct hook *hook)
{
    const struct hook_counts *counts = &hook->counts;
    return hook->attempts.total + counts->delivered + counts->failed + counts->dead + counts->passed + counts->lost;
}

void chronicle_has_changed(struct deliverer *deliverer, struct hook *hook)
{
    if (!deliverer->meta || hook->kept_stamp == stamp_of(hook) || !list_is_empty(&hook->unkept))
        return;
    list_append(&deliverer->unkept, &hook->unkept);
    deliverer->unkept_count++;
}

void chronicle_leave(struct deliverer *deliverer, struct hook *hook)
{
    if (list_is_empty(&hook->unkept))
        return;
    list_remove(&hook->unkept);
    deliverer->unkept_count--;
}

static void on_put(struct meta_job *job)
{
    struct put *put = (struct put *)job;
    if (job->error)
        log_error("webhook_history_not_stored", "webhook=%.*s error=\"%s\"", SLICE_ARGS(job->key),
                  strerror(-job->error));
    put->deliverer->histories_under_way--;
    free(put);
}

/* NULL: out of memory. */
static struct put *make_put(struct deliverer *deliverer, const struct hook *hook)
{
    struct slice name = slice_of(hook->settings.name);
    struct put *put = malloc(sizeof *put + name.size + history_size(hook));
    if (!put)
        return NULL;
    memcpy(put->bytes, name.data, name.size);
    size_t size = history_write(hook, put->bytes + name.size);
    put->deliverer = deliverer;
    put->job = (struct meta_job){
        .desk = &deliverer->desk,
        .finished = on_put,
        .kind = history_kind,
        .key = slice_make(put->bytes, name.size),
        .value = slice_make(put->bytes + name.size, size),
    };
    return put;
}

static void keep(struct deliverer *deliverer, struct hook *hook)
{
    struct put *put = make_put(deliverer, hook);
    chronicle_leave(deliverer, hook);
    if (!put)
        return; /* with the next change */
    hook->kept_stamp = stamp_of(hook);
    deliverer->histories_under_way++;
    meta_put(deliverer->meta, &put->job);
}

static uint64_t due_ms(const struct deliverer *deliverer)
{
    uint64_t interval_ms = INTERVAL_MS + (uint64_t)INTERVAL_EACH_MS * deliverer->unkept_count;
    return deliverer->kept_ms + (interval_ms < INTERVAL_MAX_MS ? interval_ms : INTERVAL_MAX_MS);
}

/* Puts them together, since a commit costs much the same for one as for many. */
static void keep_some(struct deliverer *deliverer)
{
    for (; deliverer->unkept_left && deliverer->histories_under_way < UNDER_WAY_MAX; deliverer->unkept_left--)
        if (!list_is_empty(&deliverer->unkept))
            keep(deliverer, LIST_OWNER(deliverer->unkept.next, struct hook, unkept));
}

void chronicles_save(struct deliverer *deliverer)
{
    uint64_t now_ms = loop_now_ms(&deliverer->loop);
    if (deliverer->histories_under_way || list_is_empty(&deliverer->unkept))
        return; /* the turn that takes the last of them back comes here again */
    if (!deliverer->unkept_left && due_ms(deliverer) > now_ms) {
        deliverer_wake_by(deliverer, due_ms(deliverer));
        return;
    }
    if (!deliverer->unkept_left) {
        deliverer->kept_ms = now_ms;
        deliverer->unkept_left = deliverer->unkept_count;
    }
    keep_some(deliverer);
}

void chronicles_save_last(struct deliverer *deliverer)
{
    for (size_t i = 0; deliverer->meta && i < deliverer->hook_count; i++)
        if (deliverer->hooks[i]->kept_stamp != stamp_of(deliverer->hooks[i]))
            keep(deliverer, deliverer->hooks[i]);
}

void chronicle_forget(struct deliverer *deliverer, const struct hook *hook)
{
    deliverer_forget(deliverer, history_kind, hook->settings.name);
}

void chronicle_carry_over(struct hook *hook, struct hook *from)
{
    hook->counts = from->counts;
    hook->last_success_ms = from->last_success_ms;
    attempts_finish(&hook->attempts);
    hook->attempts = from->attempts;
    attempts_init(&from->attempts, from->attempts.max);
}

static int load(void *arg, struct slice key, struct slice value)
{
    struct hook *hook = deliverer_find(arg, key);
    if (hook && !history_read(hook, value))
        log_error("webhook_history_unreadable", "webhook=%.*s", SLICE_ARGS(key));
    if (hook)
        hook->kept_stamp = stamp_of(hook);
    return 0;
}

int chronicles_load(struct deliverer *deliverer)
{
    return meta_load(deliverer->meta, history_kind, load, deliverer);
}
