#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "consumer/json.h"
#include "jetstream/answer.h"
#include "jetstream/home.h"
#include "util/log.h"

enum {
    SAVE_BYTES_PER_MS = 64 << 10, /* a large position is put the more seldom */
    RETRY_MS = 1000,
    WINDOW_START = 256 << 10,
};

void seat_is_ready(struct seat *seat)
{
    struct jetstream *jetstream = seat->home->jetstream;
    if (list_is_empty(&seat->place))
        list_append(&jetstream->ready, &seat->place);
}

static void on_timer(struct timer *timer, uint64_t now_ms)
{
    (void)now_ms;
    seat_is_ready(LIST_OWNER(timer, struct seat, timer));
}

/* What is stored. */

char *seat_key(const char *stream, const char *consumer)
{
    char *key;
    return asprintf(&key, "%s.%s", stream, consumer) < 0 ? NULL : key;
}

char *seat_settings_text(const struct consumer_settings *settings)
{
    cJSON *json = answer_add_moment(consumer_settings_to_json(settings), "created", settings->created_ms);
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    return text;
}

static void forget(const struct seat *seat)
{
    struct jetstream *jetstream = seat->home->jetstream;
    struct slice key = slice_of(seat->key), nothing = slice_make(NULL, 0);
    if (!seat->home->keeps_settings)
        return;
    if (meta_put_copy(jetstream->meta, "consumer", key, nothing) != 0 ||
        meta_put_copy(jetstream->meta, "position", key, nothing) != 0)
        log_error("consumer_not_forgotten", "key=%s error=\"out of memory\"", seat->key);
}

/* Coming and going. */

static void seat_free(struct seat *seat)
{
    list_remove(&seat->place);
    acks_finish(&seat->answers);
    free(seat->prefix);
    free(seat->state);
    free(seat->key);
    free(seat);
}

static int seat_name(struct seat *seat)
{
    const char *stream = seat->home->name, *consumer = consumer_get_settings(seat->consumer)->name;
    int size = asprintf(&seat->prefix, "$JS.ACK.%s.%s.", stream, consumer);
    if (size < 0) {
        seat->prefix = NULL;
        return -ENOMEM;
    }
    seat->prefix_size = (size_t)size;
    seat->key = seat_key(stream, consumer);
    seat->name = slice_of(consumer);
    return seat->key ? 0 : -ENOMEM;
}

/* So that other workers know what it reads. */
static int list_seat(const struct seat *seat, const struct consumer_settings *settings)
{
    const char *const *filters = (const char *const *)settings->filters;
    return roll_put(seat->home->jetstream->roll, seat->key, filters, settings->filter_count);
}

static int seat_fill(struct seat *seat, const struct consumer_settings *settings, struct slice state)
{
    struct home *home = seat->home;
    const struct consumer_ops *ops = home->retention == STREAM_LIMITS ? &seat_ops : &seat_retaining_ops;
    struct consumer_time time = jetstream_time(home->jetstream);
    int error = consumer_create(home->stream, settings, ops, seat, time, &seat->consumer);
    if (!error && state.size && consumer_load(seat->consumer, state, time) == -EBADMSG)
        log_error("position_lost", "stream=%s consumer=%s action=\"it begins anew\"", home->name, settings->name);
    if (!error)
        error = seat_name(seat);
    if (!error)
        error = list_seat(seat, settings);
    if (!error && (error = home_add_seat(home, seat)))
        roll_remove(home->jetstream->roll, seat->key);
    return error;
}

static void place_push(struct seat *seat)
{
    bool push = consumer_settings_is_push(consumer_get_settings(seat->consumer));
    list_remove(&seat->pushing);
    if (push)
        list_append(&seat->home->jetstream->pushing, &seat->pushing);
}

int seat_create(struct home *home, const struct consumer_settings *settings, struct slice state,
                struct seat **ret_seat)
{
    struct seat *seat = calloc(1, sizeof *seat);
    if (!seat)
        return -ENOMEM;
    seat->home = home;
    seat->timer.fire = on_timer;
    list_init(&seat->place);
    list_init(&seat->unsaved);
    list_init(&seat->pushing);
    seat->window = WINDOW_START;
    int error = seat_fill(seat, settings, state);
    if (error) {
        consumer_destroy(seat->consumer);
        seat_free(seat);
        return error;
    }
    place_push(seat);
    seat_is_ready(seat);
    *ret_seat = seat;
    return 0;
}

int seat_change(struct seat *seat, const struct consumer_settings *settings)
{
    int error = list_seat(seat, settings);
    if (!error)
        error = consumer_set_settings(seat->consumer, settings, jetstream_time(seat->home->jetstream));
    if (error) {
        roll_remove(seat->home->jetstream->roll, seat->key);
        return error;
    }
    seat->name = slice_of(consumer_get_settings(seat->consumer)->name);
    place_push(seat);
    seat_is_ready(seat);
    retention_begin(seat->home);
    return 0;
}

/* Those who acknowledged last are answered: there is nothing left that could be lost. */
static void answer_all(struct seat *seat, uint64_t save_count)
{
    struct slice reply;
    const struct ack *ack;
    char nothing[] = "\r\n";
    const struct message message = { .body = nothing };
    while ((ack = acks_first(&seat->answers, &reply)) && ack->sequence <= save_count) {
        broker_send(seat->home->jetstream->broker, reply, &message, 1);
        acks_drop_first(&seat->answers);
    }
}

void seat_destroy(struct seat *seat, bool forget_it)
{
    struct home *home = seat->home;
    home_remove_seat(home, seat);
    roll_remove(home->jetstream->roll, seat->key);
    timer_clear(&home->jetstream->loop->timers, &seat->timer);
    list_remove(&seat->place);
    list_remove(&seat->unsaved);
    list_remove(&seat->pushing);
    dead_forget(seat);
    if (forget_it) {
        consumer_dismiss(seat->consumer, CONSUMER_STATUS_DELETED);
        answer_all(seat, UINT64_MAX);
        forget(seat);
        retention_begin(home);
    }
    consumer_destroy(seat->consumer);
    seat->consumer = NULL;
    seat->home = NULL;
    list_append(&home->jetstream->leaving, &seat->place);
    seat_is_back(seat);
}

void seat_is_back(struct seat *seat)
{
    if (seat->home)
        seat_is_ready(seat);
    else if (!seat->saving && !seat->echoing)
        seat_free(seat);
}

void seats_finish(struct jetstream *jetstream)
{
    while (!list_is_empty(&jetstream->leaving))
        seat_free(LIST_OWNER(jetstream->leaving.next, struct seat, place));
}

/* Running. */

/* When it is to be run again at the latest: when it says so, or when whom it delivers to can take more. */
static void set_timer(struct seat *seat, uint64_t deadline_ms)
{
    struct jetstream *jetstream = seat->home->jetstream;
    if (seat->stalled_until_ms > loop_now_ms(jetstream->loop) && seat->stalled_until_ms < deadline_ms)
        deadline_ms = seat->stalled_until_ms;
    if (deadline_ms == UINT64_MAX)
        timer_clear(&jetstream->loop->timers, &seat->timer);
    else if (timer_set(&jetstream->loop->timers, &seat->timer, deadline_ms) != 0)
        jetstream_wake_by(jetstream, deadline_ms);
}

static void go_inactive(struct seat *seat)
{
    log_debug("consumer_inactive", "stream=%s consumer=%s", seat->home->name, seat->name.data);
    seat_destroy(seat, true);
}

/* True where it wants to go on at once. */
static bool seat_run(struct seat *seat)
{
    struct jetstream *jetstream = seat->home->jetstream;
    uint64_t deadline_ms = UINT64_MAX;
    enum consumer_want want = consumer_run(seat->consumer, jetstream_time(jetstream), SEAT_BUDGET, &deadline_ms);
    if (want == CONSUMER_INACTIVE) {
        go_inactive(seat);
        return false;
    }
    seat_has_changed(seat, slice_make(NULL, 0));
    if (want == CONSUMER_MORE)
        return true;
    set_timer(seat, deadline_ms);
    return false;
}

/* Those that were ready when it began; a few, so that sockets are looked at in between. */
bool seats_run(struct jetstream *jetstream)
{
    struct list turn;
    if (jetstream->is_quiet)
        return false;
    if (jetstream->broker->parked) {
        jetstream_wake_by(jetstream, loop_now_ms(jetstream->loop) + 1);
        return false;
    }
    list_init(&turn);
    list_splice(&turn, &jetstream->ready);
    for (unsigned i = 0; i < TURN_BUDGET && !list_is_empty(&turn); i++) {
        struct seat *seat = LIST_OWNER(turn.next, struct seat, place);
        list_remove(&seat->place);
        if (seat_run(seat))
            seat_is_ready(seat);
    }
    list_splice(&turn, &jetstream->ready); /* the rest comes first in the next turn */
    list_splice(&jetstream->ready, &turn);
    return !list_is_empty(&jetstream->ready);
}

static bool listens(const struct seat *seat)
{
    const struct consumer_settings *settings = consumer_get_settings(seat->consumer);
    return seat_ops.interest((void *)seat, slice_of(settings->deliver_topic), slice_of(settings->deliver_group)) !=
           CONSUMER_NOBODY;
}

void seats_look_for_listeners(struct jetstream *jetstream)
{
    uint64_t changes = router_changes(jetstream->broker->router);
    if (changes == jetstream->router_changes)
        return;
    jetstream->router_changes = changes;
    for (struct list *at = jetstream->pushing.next; at != &jetstream->pushing; at = at->next) {
        struct seat *seat = LIST_OWNER(at, struct seat, pushing);
        bool bound = listens(seat);
        if (bound != seat->is_bound)
            seat_is_ready(seat);
        seat->is_bound = bound;
    }
}

/* Storing positions. */

static void save_soon(struct seat *seat, uint64_t due_ms)
{
    struct jetstream *jetstream = seat->home->jetstream;
    if (list_is_empty(&seat->unsaved))
        list_append(&jetstream->unsaved, &seat->unsaved);
    if (due_ms < jetstream->save_due_ms)
        jetstream->save_due_ms = due_ms;
}

static uint64_t save_due(const struct seat *seat)
{
    return seat->saved_ms + SAVE_INTERVAL_MS + seat->state_room / SAVE_BYTES_PER_MS;
}

static bool is_stored(const struct seat *seat)
{
    return seat->home->is_stored && !consumer_get_settings(seat->consumer)->memory_storage;
}

static bool is_dirty(const struct seat *seat)
{
    return is_stored(seat) && (seat->save_failed || consumer_is_dirty(seat->consumer));
}

/* The save under way may lack what this one tells; the next will not. */
static void note_answer(struct seat *seat, struct slice reply)
{
    const struct ack ack = { .sequence = seat->save_count + 1, .reply_size = (uint32_t)reply.size };
    if (acks_reserve(&seat->answers, ack_size(ack.reply_size)))
        acks_add(&seat->answers, &ack, reply.data);
}

void seat_has_changed(struct seat *seat, struct slice reply)
{
    bool dirty = is_dirty(seat);
    if (reply.size)
        note_answer(seat, reply);
    if (dirty)
        save_soon(seat, acks_is_empty(&seat->answers) ? save_due(seat) : 0);
    else if (!seat->saving)
        answer_all(seat, UINT64_MAX); /* there is nothing that could be lost */
}

/* Once, until it is stored again: each acknowledgement that waits tries anew. */
static void tell_failure(struct seat *seat, int error)
{
    if (!seat->failure_told)
        log_error("position_not_stored",
                  "key=%s error=\"%s\" meaning=\"it is tried again; until then a restart delivers anew\"", seat->key,
                  strerror(-error));
    seat->failure_told = true;
}

/* A save that failed is tried again with the next; nobody is answered for it. */
static void save_finished(struct meta_job *job)
{
    struct seat *seat = LIST_OWNER(job, struct seat, job);
    seat->saving = false;
    if (!seat->home) {
        seat_is_back(seat);
        return;
    }
    if (seat->home->jetstream->is_ending)
        return;
    if (job->error) {
        tell_failure(seat, job->error);
        seat->save_failed = true;
        save_soon(seat, loop_now_ms(seat->home->jetstream->loop) + RETRY_MS);
        return;
    }
    seat->failure_told = false;
    answer_all(seat, seat->save_count);
    seat_has_changed(seat, slice_make(NULL, 0));
}

/* Writes the state down. False: out of memory. */
static bool write_state(struct seat *seat, size_t *ret_size)
{
    size_t size = consumer_save_size(seat->consumer);
    if (size > seat->state_room) {
        char *state = realloc(seat->state, size);
        if (!state)
            return false;
        seat->state = state;
        seat->state_room = size;
    }
    *ret_size = consumer_save(seat->consumer, jetstream_time(seat->home->jetstream), seat->state);
    return true;
}

static void save(struct seat *seat)
{
    struct jetstream *jetstream = seat->home->jetstream;
    size_t size;
    if (!write_state(seat, &size)) {
        save_soon(seat, loop_now_ms(jetstream->loop) + SAVE_INTERVAL_MS);
        return;
    }
    seat->saving = true;
    seat->save_failed = false;
    seat->save_count++;
    seat->saved_ms = loop_now_ms(jetstream->loop);
    seat->job = (struct meta_job){
        .desk = &jetstream->desk,
        .finished = save_finished,
        .kind = "position",
        .key = slice_of(seat->key),
        .value = slice_make(seat->state, size),
    };
    meta_put(jetstream->meta, &seat->job);
}

/* One under way is waited for: it tells what has changed since. */
void seats_save(struct jetstream *jetstream)
{
    struct list due;
    uint64_t now_ms = loop_now_ms(jetstream->loop);
    if (jetstream->save_due_ms > now_ms)
        return;
    jetstream->save_due_ms = UINT64_MAX;
    list_init(&due);
    list_splice(&due, &jetstream->unsaved);
    while (!list_is_empty(&due)) {
        struct seat *seat = LIST_OWNER(due.next, struct seat, unsaved);
        list_remove(&seat->unsaved);
        bool waited_for = !acks_is_empty(&seat->answers);
        if (seat->saving)
            continue;
        if (waited_for || save_due(seat) <= now_ms)
            save(seat);
        else
            save_soon(seat, save_due(seat));
    }
}

void seat_put_position(struct seat *seat)
{
    size_t size;
    if (is_dirty(seat) && (!write_state(seat, &size) ||
                           meta_put_copy(seat->home->jetstream->meta, "position", slice_of(seat->key),
                                         slice_make(seat->state, size)) != 0))
        log_error("position_not_stored", "key=%s error=\"out of memory\"", seat->key);
}

void seats_save_last(struct jetstream *jetstream)
{
    for (struct list *at = jetstream->homes.next; at != &jetstream->homes; at = at->next) {
        const struct home *home = LIST_OWNER(at, struct home, place);
        for (size_t i = 0; i < home->table_size; i++)
            for (struct seat *seat = home->table[i]; seat; seat = seat->next)
                seat_put_position(seat);
    }
}
