/*
 * Histories on their way into meta, so that counts and attempts outlive the daemon: of each webhook about once a second
 * while it is at work, and a bounded number at a time. What was done in the last second before a kill is not in them.
 */
#include <errno.h>
#include <stdlib.h>

#include "push/history.h"
#include "push/state.h"
#include "util/log.h"

enum {
    INTERVAL_MS = 1000,
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
    struct put *put = malloc(sizeof *put + name.size + history_size_max(hook));
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
    list_remove(&hook->unkept);
    hook->kept_ms = loop_now_ms(&deliverer->loop);
    if (!put)
        return; /* with the next change */
    hook->kept_stamp = stamp_of(hook);
    deliverer->histories_under_way++;
    meta_put(deliverer->meta, &put->job);
}

/* They stand in the order in which they became due, or nearly so. */
void chronicles_save(struct deliverer *deliverer)
{
    uint64_t now_ms = loop_now_ms(&deliverer->loop);
    while (!list_is_empty(&deliverer->unkept) && deliverer->histories_under_way < UNDER_WAY_MAX) {
        struct hook *hook = LIST_OWNER(deliverer->unkept.next, struct hook, unkept);
        if (hook->kept_ms + INTERVAL_MS > now_ms) {
            deliverer_wake_by(deliverer, hook->kept_ms + INTERVAL_MS);
            return;
        }
        keep(deliverer, hook);
    }
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
