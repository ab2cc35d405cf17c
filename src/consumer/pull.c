/* Pull: requests, who is served next, and what requests are told. */
#include <errno.h>

#include "consumer/state.h"

static void tell(struct consumer *consumer, struct slice reply, const struct consumer_status *status)
{
    consumer->ops->status(consumer->arg, reply, status);
}

/* Tells a request that it has ended, with what it has not got, and forgets it. */
static void end_request(struct consumer *consumer, struct waiting_request *request, enum consumer_status_kind kind)
{
    const struct consumer_status status = {
        .kind = kind,
        .has_pending = kind == CONSUMER_STATUS_TIMEOUT || kind == CONSUMER_STATUS_TOO_LARGE ||
                       kind == CONSUMER_STATUS_COMPLETED,
        .pending_messages = request->left,
        .pending_bytes = request->bytes_left == UINT64_MAX ? 0 : request->bytes_left,
    };
    tell(consumer, waiting_reply(request), &status);
    waiting_remove(&consumer->waiting, request);
}

static enum consumer_interest interest_in(const struct consumer *consumer, const struct waiting_request *request)
{
    return consumer->ops->interest(consumer->arg, waiting_reply(request), slice_make(NULL, 0));
}

void pull_prune(struct consumer *consumer)
{
    struct waiting_request *next, *request = waiting_first(&consumer->waiting);
    for (; request; request = next) {
        next = waiting_after(&consumer->waiting, request);
        if (interest_in(consumer, request) == CONSUMER_NOBODY)
            waiting_remove(&consumer->waiting, request);
    }
}

/* Coming. */

static bool over(int64_t max, uint64_t asked)
{
    return max > 0 && asked > (uint64_t)max;
}

/* True where it is refused. */
static bool refuse_request(struct consumer *consumer, const struct consumer_request *request)
{
    const struct consumer_settings *settings = &consumer->settings;
    uint64_t heartbeat_ms = request->idle_heartbeat_ms, max_expires_ms = settings->max_expires_ms;
    const struct {
        bool is_refused;
        struct consumer_status status;
    } rows[] = {
        { consumer_settings_is_push(settings), { .kind = CONSUMER_STATUS_PUSH } },
        { heartbeat_ms && (!request->expires_ms || heartbeat_ms > request->expires_ms / 2),
          { .kind = CONSUMER_STATUS_BAD_REQUEST, .detail = "heartbeat value too large" } },
        { over(settings->max_batch, request->batch),
          { .kind = CONSUMER_STATUS_MAX_BATCH, .limit = (uint64_t)settings->max_batch } },
        { max_expires_ms && request->expires_ms > max_expires_ms,
          { .kind = CONSUMER_STATUS_MAX_EXPIRES, .limit = max_expires_ms } },
        { over(settings->max_bytes, request->max_bytes),
          { .kind = CONSUMER_STATUS_MAX_BYTES, .limit = (uint64_t)settings->max_bytes } },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].is_refused) {
            tell(consumer, request->reply, &rows[i].status);
            return true;
        }
    return false;
}

/* Those that nobody listens for any more make room. */
static bool has_room(struct consumer *consumer)
{
    size_t max = (size_t)consumer->settings.max_waiting;
    if (consumer->waiting.count >= max)
        pull_prune(consumer);
    return consumer->waiting.count < max;
}

int consumer_add_request(struct consumer *consumer, const struct consumer_request *request, struct consumer_time time)
{
    consumer->used_ms = time.now_ms;
    if (refuse_request(consumer, request))
        return 0;
    if (!has_room(consumer)) {
        tell(consumer, request->reply, &(struct consumer_status){ .kind = CONSUMER_STATUS_MAX_WAITING });
        return 0;
    }
    struct waiting_request *waiter = waiting_add(&consumer->waiting, request->reply, request->no_wait);
    if (!waiter)
        return -ENOMEM;
    waiter->left = request->batch ? request->batch : 1;
    waiter->expires_ms = request->expires_ms ? time.now_ms + request->expires_ms : UINT64_MAX;
    waiter->bytes_left = request->max_bytes ? request->max_bytes : UINT64_MAX;
    waiter->heartbeat_ms = request->idle_heartbeat_ms;
    waiter->heartbeat_due_ms = waiter->heartbeat_ms ? time.now_ms + waiter->heartbeat_ms : UINT64_MAX;
    waiting_note(&consumer->waiting, waiter);
    return 0;
}

void consumer_dismiss(struct consumer *consumer, enum consumer_status_kind kind)
{
    struct waiting_request *request;
    while ((request = waiting_first(&consumer->waiting)))
        end_request(consumer, request, kind);
}

/* Serving. Each is served in turn, so that several workers share what there is; and as much at once as is its share. */

/* The next that can be served. Those that cannot be served at all go, those that are busy are passed over: *left counts
 * how many are still to be looked at. */
static struct waiting_request *next_request(struct consumer *consumer, const struct turn *turn, size_t *left)
{
    struct waiting_request *request;
    for (; *left && (request = waiting_first(&consumer->waiting)); --*left) {
        if (request->expires_ms <= turn->time.now_ms) {
            end_request(consumer, request, CONSUMER_STATUS_TIMEOUT);
            continue;
        }
        enum consumer_interest interest = interest_in(consumer, request);
        if (interest == CONSUMER_LISTENS)
            return request;
        if (interest == CONSUMER_NOBODY)
            waiting_remove(&consumer->waiting, request);
        else
            waiting_put_last(&consumer->waiting, request);
    }
    return NULL;
}

static uint64_t share_of(struct consumer *consumer, const struct turn *turn, const struct waiting_request *request)
{
    size_t count = consumer->waiting.count;
    if (count == 1)
        return request->left;
    uint64_t share = (consumer->pending.due_count + count_about(consumer, turn->time) + count - 1) / count;
    return share < request->left ? (share ? share : 1) : request->left;
}

static void account(struct consumer *consumer, const struct turn *turn, struct waiting_request *request,
                    const struct gathered *gathered)
{
    request->left -= gathered->count;
    request->delivered += gathered->count;
    if (request->bytes_left != UINT64_MAX)
        request->bytes_left -= gathered->bytes;
    if (request->heartbeat_ms)
        request->heartbeat_due_ms = turn->time.now_ms + request->heartbeat_ms;
    if (request->left && request->bytes_left)
        waiting_put_last(&consumer->waiting, request);
    else if (!request->left && request->bytes_left && request->bytes_left != UINT64_MAX)
        end_request(consumer, request, CONSUMER_STATUS_COMPLETED);
    else
        waiting_remove(&consumer->waiting, request);
}

static enum gather_stop serve(struct consumer *consumer, struct turn *turn, struct waiting_request *request)
{
    struct gathered gathered;
    const struct gather_limits limits = {
        .messages = share_of(consumer, turn, request),
        .bytes = request->bytes_left,
        .window = UINT64_MAX,
    };
    gather(consumer, turn, &limits, &gathered);
    if (gathered.count) {
        gather_deliver(consumer, waiting_reply(request), &gathered);
        account(consumer, turn, request, &gathered);
        return GATHER_FULL;
    }
    if (gathered.stop == GATHER_TOO_LARGE) {
        end_request(consumer, request, CONSUMER_STATUS_TOO_LARGE);
        return GATHER_FULL;
    }
    return gathered.stop;
}

/* There is nothing now for those who do not wait. */
static void end_no_wait(struct consumer *consumer, enum gather_stop stop)
{
    struct waiting_request *next, *request = waiting_first(&consumer->waiting);
    for (; request && consumer->waiting.no_wait_count; request = next) {
        next = waiting_after(&consumer->waiting, request);
        bool is_over = request->no_wait && (request->expires_ms == UINT64_MAX || request->delivered) &&
                       (stop == GATHER_END || request->expires_ms == UINT64_MAX);
        if (is_over)
            end_request(consumer, request, request->delivered ? CONSUMER_STATUS_TIMEOUT : CONSUMER_STATUS_NO_MESSAGES);
    }
}

static void heartbeat(struct consumer *consumer, const struct turn *turn, struct waiting_request *request)
{
    const struct consumer_status status = {
        .kind = CONSUMER_STATUS_HEARTBEAT,
        .last_consumer = consumer->consumer_sequence,
        .last_stream = consumer->position,
    };
    if (turn->time.now_ms < request->heartbeat_due_ms)
        return;
    tell(consumer, waiting_reply(request), &status);
    request->heartbeat_due_ms = turn->time.now_ms + request->heartbeat_ms;
}

static void watch_times(struct consumer *consumer, struct turn *turn)
{
    struct waiting *waiting = &consumer->waiting;
    if (turn->time.now_ms >= waiting->due_ms) {
        waiting->due_ms = UINT64_MAX;
        struct waiting_request *next, *request = waiting_first(waiting);
        for (; request; request = next) {
            next = waiting_after(waiting, request);
            if (request->expires_ms <= turn->time.now_ms) {
                end_request(consumer, request, CONSUMER_STATUS_TIMEOUT);
            } else if (interest_in(consumer, request) == CONSUMER_NOBODY) {
                waiting_remove(waiting, request);
            } else {
                heartbeat(consumer, turn, request);
                waiting_note(waiting, request);
            }
        }
    }
    turn_until(turn, waiting->due_ms);
}

void pull_run(struct consumer *consumer, struct turn *turn)
{
    enum { BUSY_MS = 5 };
    struct waiting_request *request;
    enum gather_stop stop = GATHER_FULL;
    size_t left = consumer->waiting.count;
    while (stop == GATHER_FULL && (request = next_request(consumer, turn, &left)) && turn_goes_on(turn))
        stop = serve(consumer, turn, request);
    if (stop == GATHER_END || stop == GATHER_BLOCKED || stop == GATHER_LATER)
        end_no_wait(consumer, stop);
    if (stop == GATHER_FULL && !left && consumer->waiting.count) /* all that are left are busy */
        turn_until(turn, turn->time.now_ms + BUSY_MS);
    turn->is_away |= stop == GATHER_AWAY;
    watch_times(consumer, turn);
}
