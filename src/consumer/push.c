/*
 * Push: messages go to the deliver topic as long as somebody listens there.
 *
 * With flow control no more bytes are under way than a window takes. When it is half full the client is asked to
 * answer as soon as it has come so far; each answer opens the window and makes it larger. A client that waits in vain
 * since the question was lost finds it again in a heartbeat.
 */
#include "consumer/state.h"

enum {
    WINDOW_MIN = 2 << 20,
    WINDOW_MAX = 32 << 20,
    LOOK_MS = 100,               /* until it is asked again whether somebody listens */
    BUSY_MS = 5,
    BITS_PER_BYTE = 8,
};

void push_init(struct push *push)
{
    *push = (struct push){ .window = WINDOW_MIN, .last_flow_id = push->last_flow_id };
}

static void tell(struct consumer *consumer, const struct consumer_status *status)
{
    consumer->ops->status(consumer->arg, slice_of(consumer->settings.deliver_topic), status);
}

/* Flow control. */

static bool is_stalled(const struct consumer *consumer)
{
    return consumer->settings.flow_control && consumer->push.under_way > consumer->push.window;
}

static void ask_for_answer(struct consumer *consumer)
{
    struct push *push = &consumer->push;
    if (push->flow_id || push->under_way <= push->window / 2)
        return;
    push->flow_id = ++push->last_flow_id;
    push->flow_bytes = push->under_way;
    tell(consumer, &(struct consumer_status){ .kind = CONSUMER_STATUS_FLOW_CONTROL, .flow_id = push->flow_id });
}

void consumer_flow_answered(struct consumer *consumer, uint64_t flow_id)
{
    struct push *push = &consumer->push;
    if (!flow_id || flow_id != push->flow_id)
        return;
    push->under_way -= push->flow_bytes;
    push->window = push->window < WINDOW_MAX / 2 ? 2 * push->window : WINDOW_MAX;
    push->flow_id = push->flow_bytes = 0;
}

/* Delivering. */

static struct gather_limits limits_of(const struct consumer *consumer)
{
    const struct push *push = &consumer->push;
    uint64_t rate = consumer->settings.rate_limit_bps;
    return (struct gather_limits){
        .messages = CONSUMER_BATCH_MAX,
        .bytes = UINT64_MAX,
        .window = consumer->settings.flow_control ? push->window - push->under_way : UINT64_MAX,
        .rate = rate && rate < BITS_PER_BYTE ? 1 : rate / BITS_PER_BYTE,
    };
}

static enum gather_stop serve(struct consumer *consumer, struct turn *turn)
{
    struct gathered gathered;
    const struct gather_limits limits = limits_of(consumer);
    gather(consumer, turn, &limits, &gathered);
    if (!gathered.count)
        return gathered.stop;
    gather_deliver(consumer, slice_of(consumer->settings.deliver_topic), &gathered);
    consumer->push.heartbeat_due_ms = turn->time.now_ms + consumer->settings.idle_heartbeat_ms;
    if (consumer->settings.flow_control) {
        consumer->push.under_way += gathered.bytes;
        ask_for_answer(consumer);
    }
    return GATHER_FULL;
}

static void heartbeat(struct consumer *consumer, struct turn *turn)
{
    struct push *push = &consumer->push;
    const struct consumer_status status = {
        .kind = CONSUMER_STATUS_HEARTBEAT,
        .last_consumer = consumer->consumer_sequence,
        .last_stream = consumer->position,
        .stalled_id = push->flow_id,
    };
    if (!consumer->settings.idle_heartbeat_ms)
        return;
    if (turn->time.now_ms >= push->heartbeat_due_ms) {
        tell(consumer, &status);
        push->heartbeat_due_ms = turn->time.now_ms + consumer->settings.idle_heartbeat_ms;
    }
    turn_until(turn, push->heartbeat_due_ms);
}

/* Whoever comes has been asked nothing yet. */
static void begin(struct consumer *consumer, const struct turn *turn)
{
    if (consumer->push.is_active)
        return;
    push_init(&consumer->push);
    consumer->push.is_active = true;
    consumer->push.heartbeat_due_ms = turn->time.now_ms + consumer->settings.idle_heartbeat_ms;
}

enum consumer_interest push_interest(const struct consumer *consumer)
{
    return consumer->ops->interest(consumer->arg, slice_of(consumer->settings.deliver_topic),
                                   slice_of(consumer->settings.deliver_group));
}

static void deliver(struct consumer *consumer, struct turn *turn)
{
    enum gather_stop stop = GATHER_FULL;
    while (stop == GATHER_FULL && !is_stalled(consumer) && turn_goes_on(turn)) {
        if (push_interest(consumer) != CONSUMER_LISTENS) { /* it has taken as much as it can for now */
            turn_until(turn, turn->time.now_ms + BUSY_MS);
            break;
        }
        stop = serve(consumer, turn);
    }
    turn->is_away |= stop == GATHER_AWAY;
}

void push_run(struct consumer *consumer, struct turn *turn)
{
    enum consumer_interest interest = push_interest(consumer);
    if (interest == CONSUMER_NOBODY) {
        consumer->push.is_active = false;
        turn_until(turn, turn->time.now_ms + LOOK_MS);
        return;
    }
    consumer->used_ms = turn->time.now_ms;
    begin(consumer, turn);
    if (interest == CONSUMER_LISTENS)
        deliver(consumer, turn);
    else
        turn_until(turn, turn->time.now_ms + BUSY_MS);
    heartbeat(consumer, turn);
}
