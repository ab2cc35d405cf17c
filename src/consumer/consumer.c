#include "consumer/consumer.h"

#include <errno.h>
#include <stdlib.h>

#include "consumer/state.h"

enum {
    STALE_MAX = 65536,         /* so many messages may be passed over before it counts as a change */
    FLOW_IDS_PER_MS = 1000,
    PLACE_AGAIN_MS = 100,
};

/* Life. */

static void note_names(struct consumer *consumer)
{
    consumer->reply_prefix_size = sizeof "$JS.ACK.." - 1 + strlen(stream_name(consumer->stream)) +
                                  strlen(consumer->settings.name);
}

static void init(struct consumer *consumer, struct consumer_time time)
{
    struct stream_state state;
    stream_get_state(consumer->stream, &state);
    pending_init(&consumer->pending);
    waiting_init(&consumer->waiting);
    /* No answer from an earlier life is taken for one of this. */
    consumer->push.last_flow_id = time.wall_ms * FLOW_IDS_PER_MS;
    push_init(&consumer->push);
    consumer->begin_first = state.first_sequence ? state.first_sequence : 1;
    consumer->begin_last = consumer->replay_end = state.last_sequence;
    consumer->position = state.last_sequence;
    consumer->used_ms = time.now_ms;
    consumer->is_dirty = true;
    note_names(consumer);
    consumer_place_start(consumer, time);
}

int consumer_create(struct stream *stream, const struct consumer_settings *settings, const struct consumer_ops *ops,
                    void *arg, struct consumer_time time, struct consumer **ret_consumer)
{
    struct consumer *consumer = calloc(1, sizeof *consumer);
    if (!consumer)
        return -ENOMEM;
    if (consumer_settings_copy(&consumer->settings, settings) != 0 || !supply_set_filters(consumer)) {
        consumer_settings_finish(&consumer->settings);
        free(consumer);
        return -ENOMEM;
    }
    consumer->stream = stream;
    consumer->ops = ops;
    consumer->arg = arg;
    init(consumer, time);
    *ret_consumer = consumer;
    return 0;
}

void consumer_destroy(struct consumer *consumer)
{
    if (!consumer)
        return;
    supply_stop(consumer);
    free(consumer->supply.filters);
    pending_finish(&consumer->pending);
    waiting_finish(&consumer->waiting);
    lasts_finish(&consumer->lasts);
    consumer_settings_finish(&consumer->settings);
    free(consumer->heads);
    free(consumer);
}

const struct consumer_settings *consumer_get_settings(const struct consumer *consumer)
{
    return &consumer->settings;
}

int consumer_set_settings(struct consumer *consumer, const struct consumer_settings *settings,
                          struct consumer_time time)
{
    struct consumer_settings copy;
    if (consumer_settings_copy(&copy, settings) != 0)
        return -ENOMEM;
    struct consumer_settings old = consumer->settings;
    consumer->settings = copy;
    if (!supply_set_filters(consumer)) {
        consumer->settings = old;
        consumer_settings_finish(&copy);
        return -ENOMEM;
    }
    consumer_settings_finish(&old);
    consumer->push.is_active = false; /* it may be another topic */
    consumer->used_ms = time.now_ms;
    note_names(consumer);
    if (consumer->is_placed)
        consumer_resume_lasts(consumer, consumer->lasts.until, time);
    return 0;
}

/* What is due. */

void consumer_expire(struct consumer *consumer, struct pending_entry *entry)
{
    if (entry->is_terminated || consumer_is_exhausted(consumer, entry))
        pending_set_dead(&consumer->pending, entry);
    else
        pending_set_due(&consumer->pending, entry);
}

static void expire(struct consumer *consumer, struct turn *turn)
{
    struct pending_entry *entry;
    while ((entry = pending_next_out(&consumer->pending)) && entry->deadline_ms <= turn->time.now_ms &&
           turn_goes_on(turn)) {
        turn_spend(turn);
        consumer_expire(consumer, entry);
    }
    if ((entry = pending_next_out(&consumer->pending)))
        turn_until(turn, entry->deadline_ms);
}

static bool is_inactive(struct consumer *consumer, struct turn *turn)
{
    uint64_t threshold_ms = consumer->settings.inactive_threshold_ms;
    if (!threshold_ms)
        return false;
    if (turn->time.now_ms >= consumer->used_ms + threshold_ms) {
        pull_prune(consumer);
        if (!consumer->waiting.count)
            return true;
        consumer->used_ms = turn->time.now_ms;
    }
    turn_until(turn, consumer->used_ms + threshold_ms);
    return false;
}

static void deliver(struct consumer *consumer, struct turn *turn)
{
    if (!consumer_place_start(consumer, turn->time)) { /* or memory is short: then nobody wakes us */
        turn->is_away = true;
        turn_until(turn, turn->time.now_ms + PLACE_AGAIN_MS);
    } else if (consumer_settings_is_push(&consumer->settings))
        push_run(consumer, turn);
    else
        pull_run(consumer, turn);
}

enum consumer_want consumer_run(struct consumer *consumer, struct consumer_time time, unsigned budget,
                                uint64_t *ret_deadline_ms)
{
    struct turn turn = { .time = time, .budget = budget, .deadline_ms = UINT64_MAX };
    struct block *held[HELD_MAX];
    consumer->supply.held = held;
    expire(consumer, &turn);
    dead_run(consumer, &turn);
    deliver(consumer, &turn);
    supply_stop(consumer);
    consumer->supply.held = NULL;
    /* What was delivered has deadlines of its own, which may come first. */
    const struct pending_entry *entry = pending_next_out(&consumer->pending);
    if (entry)
        turn_until(&turn, entry->deadline_ms);
    bool is_over = is_inactive(consumer, &turn);
    *ret_deadline_ms = turn.deadline_ms;
    if (is_over)
        return CONSUMER_INACTIVE;
    if (turn.is_spent)
        return CONSUMER_MORE;
    return turn.is_away ? CONSUMER_AWAY : CONSUMER_IDLE;
}

void consumer_rest(struct consumer *consumer)
{
    pending_rest(&consumer->pending);
    free(consumer->heads);
    consumer->heads = NULL;
    consumer->heads_room = consumer->heads_size = 0;
}

/* Pending messages that are no longer there. */

void consumer_forget_lost(struct consumer *consumer)
{
    struct pending_entry *entry;
    struct stream_state state;
    stream_get_state(consumer->stream, &state);
    while ((entry = pending_oldest(&consumer->pending)) && entry->sequence < state.first_sequence)
        consumer_settle(consumer, entry, false);
}

void consumer_recheck(struct consumer *consumer)
{
    struct pending_entry *next, *entry;
    struct stream_run run;
    consumer_forget_lost(consumer);
    count_anew(consumer);
    for (entry = pending_oldest(&consumer->pending); entry; entry = next) {
        next = pending_after(&consumer->pending, entry);
        enum stream_found found = stream_read_at(consumer->stream, entry->sequence, &run);
        if (found == STREAM_FOUND)
            stream_release(&run);
        else if (found == STREAM_NONE)
            consumer_settle(consumer, entry, false);
    }
}

bool consumer_needs(const struct consumer *consumer, uint64_t sequence, struct slice topic)
{
    if (pending_find(&consumer->pending, sequence))
        return true;
    if (sequence <= consumer->position && consumer->is_placed)
        return false;
    if (sequence <= consumer->lasts.until)
        return lasts_have(&consumer->lasts, sequence);
    return supply_matches(consumer, topic);
}

/* INFO. */

struct consumer_place consumer_ack_floor(const struct consumer *consumer)
{
    const struct pending_entry *oldest = pending_oldest(&consumer->pending);
    return (struct consumer_place){
        .consumer_sequence = oldest ? oldest->consumer_sequence - 1 : consumer->consumer_sequence,
        .stream_sequence = oldest ? oldest->sequence - 1 : consumer->position,
        .last_active_ms = consumer->acked_wall_ms,
    };
}

uint64_t consumer_floor(const struct consumer *consumer)
{
    return consumer->is_placed ? consumer_ack_floor(consumer).stream_sequence : 0;
}

uint64_t consumer_unsettled(const struct consumer *consumer)
{
    return consumer->pending.count;
}

void consumer_get_info(struct consumer *consumer, struct consumer_time time, struct consumer_info *ret_info)
{
    bool is_push = consumer_settings_is_push(&consumer->settings);
    consumer_place_start(consumer, time);
    consumer_forget_lost(consumer);
    pull_prune(consumer);
    *ret_info = (struct consumer_info){
        .delivered = {
            .consumer_sequence = consumer->consumer_sequence,
            .stream_sequence = consumer->position,
            .last_active_ms = consumer->delivered_wall_ms,
        },
        .ack_floor = consumer_ack_floor(consumer),
        .ack_pending_count = consumer->pending.count,
        .redelivered_count = consumer->pending.redelivered_count,
        .waiting_count = consumer->waiting.count,
        .pending_count = count_exactly(consumer, time),
        .push_bound = is_push && push_interest(consumer) != CONSUMER_NOBODY,
    };
}

bool consumer_is_dirty(const struct consumer *consumer)
{
    return consumer->is_placed && (consumer->is_dirty || consumer->position >= consumer->saved_position + STALE_MAX);
}
