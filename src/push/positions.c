/* How far each webhook has come in each of its streams: what has changed is put into meta, ten times a second where few
 * have changed, and more seldom where many have. All of it together, and then nothing until that is there: a commit
 * costs much the same for one as for many. */
#include <errno.h>
#include <stdlib.h>

#include "push/state.h"
#include "util/log.h"

enum {
    SAVE_INTERVAL_MS = 100,          /* and a millisecond for each that waits */
    SAVE_INTERVAL_MAX_MS = 1000,
    SAVE_BYTES_PER_MS = 64 << 10,    /* a large position is put the more seldom */
};

static const char position_kind[] = "webhook_position";

/* A position as it was stored. */
struct stored {
    struct stored *next;
    char *key;
    struct slice state;
};

/* When they are put next. */
static uint64_t batch_due(const struct deliverer *deliverer)
{
    uint64_t interval_ms = SAVE_INTERVAL_MS + deliverer->unsaved_count;
    return deliverer->saved_ms + (interval_ms < SAVE_INTERVAL_MAX_MS ? interval_ms : SAVE_INTERVAL_MAX_MS);
}

/* This one is looked at when it is due, and they are. */
static void await(const struct keeping *keeping)
{
    struct deliverer *deliverer = keeping->deliverer;
    uint64_t batch_ms = batch_due(deliverer);
    uint64_t due_ms = keeping->due_ms > batch_ms ? keeping->due_ms : batch_ms;
    if (due_ms < deliverer->save_due_ms)
        deliverer->save_due_ms = due_ms;
}

void position_leave(struct keeping *keeping)
{
    if (list_is_empty(&keeping->unsaved))
        return;
    list_remove(&keeping->unsaved);
    keeping->deliverer->unsaved_count--;
}

static bool is_dirty(const struct keeping *keeping)
{
    return keeping->is_stored && (keeping->save_failed || consumer_is_dirty(keeping->source->consumer));
}

void position_has_changed(struct keeping *keeping)
{
    tie_move_hold(keeping);
    if (!is_dirty(keeping) || !list_is_empty(&keeping->unsaved))
        return;
    list_append(&keeping->deliverer->unsaved, &keeping->unsaved);
    keeping->deliverer->unsaved_count++;
    await(keeping);
}

/* False: out of memory. */
static bool write_state(struct keeping *keeping, size_t *ret_size)
{
    size_t size = consumer_save_size(keeping->source->consumer);
    if (size > keeping->state_room) {
        char *state = realloc(keeping->state, size);
        if (!state)
            return false;
        keeping->state = state;
        keeping->state_room = size;
    }
    *ret_size = consumer_save(keeping->source->consumer, hook_time(keeping->source->hook), keeping->state);
    return true;
}

void keeping_free(struct keeping *keeping)
{
    free(keeping->key);
    free(keeping->state);
    free(keeping);
}

/* Once, until it is stored again. */
static void tell_failure(struct keeping *keeping, int error)
{
    if (!keeping->failure_told)
        log_error("position_not_stored",
                  "key=%s error=\"%s\" meaning=\"it is tried again; until then a restart sends anew\"", keeping->key,
                  strerror(-error));
    keeping->failure_told = true;
}

/* One that failed is tried again with the next. */
static void on_saved(struct meta_job *job)
{
    struct keeping *keeping = LIST_OWNER(job, struct keeping, job);
    keeping->is_saving = false;
    keeping->deliverer->saves_under_way--;
    if (!keeping->source) {
        keeping_free(keeping);
        return;
    }
    if (job->error) {
        tell_failure(keeping, job->error);
        keeping->save_failed = true;
        keeping->due_ms = loop_now_ms(&keeping->deliverer->loop) + DELIVERER_RETRY_MS;
    } else {
        keeping->failure_told = false;
    }
    position_has_changed(keeping);
}

static void save(struct keeping *keeping)
{
    struct deliverer *deliverer = keeping->deliverer;
    size_t size;
    bool is_written = write_state(keeping, &size);
    keeping->due_ms = deliverer->saved_ms + SAVE_INTERVAL_MS + keeping->state_room / SAVE_BYTES_PER_MS;
    if (!is_written) {
        position_has_changed(keeping);
        return;
    }
    keeping->is_saving = true;
    deliverer->saves_under_way++;
    keeping->save_failed = false;
    keeping->job = (struct meta_job){
        .desk = &deliverer->desk,
        .finished = on_saved,
        .kind = position_kind,
        .key = slice_of(keeping->key),
        .value = slice_make(keeping->state, size),
    };
    meta_put(deliverer->meta, &keeping->job);
}

/* Those that are not due yet stay. */
static void save_all(struct deliverer *deliverer, uint64_t now_ms)
{
    struct list batch;
    list_init(&batch);
    list_splice(&batch, &deliverer->unsaved);
    deliverer->saved_ms = now_ms;
    while (!list_is_empty(&batch)) {
        struct keeping *keeping = LIST_OWNER(batch.next, struct keeping, unsaved);
        position_leave(keeping);
        if (keeping->due_ms > now_ms)
            position_has_changed(keeping);
        else
            save(keeping);
    }
}

void positions_save(struct deliverer *deliverer)
{
    uint64_t now_ms = loop_now_ms(&deliverer->loop);
    if (deliverer->saves_under_way)
        return; /* the turn that takes the last of them back comes here again */
    if (deliverer->save_due_ms <= now_ms) {
        deliverer->save_due_ms = UINT64_MAX;
        if (batch_due(deliverer) <= now_ms)
            save_all(deliverer, now_ms);
        else if (deliverer->unsaved_count)
            deliverer->save_due_ms = batch_due(deliverer); /* more have come since that was last asked */
    }
    deliverer_wake_by(deliverer, deliverer->save_due_ms);
}

/* In bytes of its own, to be freed: those of a save may be under way. Size 0: out of memory. */
static struct slice copy_state(struct keeping *keeping)
{
    char *state = malloc(consumer_save_size(keeping->source->consumer));
    return state ? slice_make(state, consumer_save(keeping->source->consumer, hook_time(keeping->source->hook), state))
                 : slice_make(NULL, 0);
}

void position_put(struct keeping *keeping)
{
    if (!is_dirty(keeping))
        return;
    struct slice state = copy_state(keeping);
    if (!state.size ||
        meta_put_copy(keeping->deliverer->meta, position_kind, slice_of(keeping->key), state) != 0)
        log_error("position_not_stored", "key=%s error=\"out of memory\"", keeping->key);
    free((char *)state.data);
}

void position_forget(const struct keeping *keeping)
{
    if (keeping->is_stored)
        deliverer_forget(keeping->deliverer, position_kind, keeping->key);
}

/* What is laid aside, or was stored. */

static void stored_free(struct stored *stored)
{
    if (!stored)
        return;
    free((char *)stored->state.data);
    free(stored->key);
    free(stored);
}

struct slice position_take(struct deliverer *deliverer, const char *key)
{
    struct slice state = slice_make(NULL, 0);
    struct stored **place = &deliverer->stored;
    while (*place && strcmp((*place)->key, key) != 0)
        place = &(*place)->next;
    struct stored *stored = *place;
    if (stored) {
        *place = stored->next;
        if (!stored->next)
            deliverer->last_stored = place;
        state = stored->state;
        stored->state = slice_make(NULL, 0);
    }
    stored_free(stored);
    return state;
}

/* Takes the state. 0 or -ENOMEM. */
static int lay_aside(struct deliverer *deliverer, struct slice key, struct slice state)
{
    struct stored *stored = state.size ? calloc(1, sizeof *stored) : NULL;
    if (stored)
        stored->key = strndup(key.data, key.size);
    if (!stored || !stored->key) {
        free((char *)state.data);
        free(stored);
        return -ENOMEM;
    }
    stored->state = state;
    *deliverer->last_stored = stored; /* webhooks are loaded in the same order, and find theirs first */
    deliverer->last_stored = &stored->next;
    return 0;
}

/* Whoever takes it up has nothing to put: so what has changed is put first. */
void position_keep(struct keeping *keeping)
{
    position_put(keeping);
    lay_aside(keeping->deliverer, slice_of(keeping->key), copy_state(keeping));
}

static int load_position(void *arg, struct slice key, struct slice value)
{
    char *state = value.size ? malloc(value.size) : NULL;
    if (!state)
        return value.size ? -ENOMEM : 0;
    memcpy(state, value.data, value.size);
    return lay_aside(arg, key, slice_make(state, value.size));
}

int positions_load(struct deliverer *deliverer)
{
    return meta_load(deliverer->meta, position_kind, load_position, deliverer);
}

void positions_finish(struct deliverer *deliverer)
{
    while (deliverer->stored) {
        struct stored *stored = deliverer->stored;
        deliverer->stored = stored->next;
        stored_free(stored);
    }
}
