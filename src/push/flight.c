/* An attempt: the request is made, signed and sent, and what came of it is told to the consumer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/loop.h"
#include "push/hook.h"
#include "push/letter.h"
#include "push/request.h"
#include "wire/format.h"

enum { WORDS_SIZE = 128, NAME_SIZE_MAX = 255, ORIGIN_SIZE = 16 + NAME_SIZE_MAX };

struct flight {
    struct request request;          /* first */
    struct traffic_part traffic;
    struct parcel *parcel;
    uint64_t sequence;               /* of the message in its stream: a letter's is not the parcel's */
};

static void flight_free(struct flight *flight)
{
    request_finish(&flight->request);
    free(flight);
}

/* Making the request. */

/* The message, of the stream of that name and epoch. */
static int make_request(struct flight *flight, const struct stream_message *message, struct slice stream,
                        uint64_t epoch)
{
    static const char streams[] = "/streams/";
    char room[ORIGIN_SIZE];
    struct request *request = &flight->request;
    struct hook *hook = flight->parcel->source->hook;
    char *end = format_bytes(room, streams, sizeof streams - 1);
    end = format_bytes(end, stream.data, stream.size < NAME_SIZE_MAX ? stream.size : NAME_SIZE_MAX);
    const struct body_source source = {
        .message = message,
        .stream_name = stream,
        .epoch = epoch,
        .id = slice_make(request->id, cursor_write((struct cursor){ epoch, message->sequence }, request->id)),
        .origin = slice_make(room, (size_t)(end - room)),
    };
    flight->sequence = message->sequence;
    int error = body_make((enum body_kind)hook->settings.body, &source, &request->body);
    return error ? error : request_make(request, hook);
}

/* As it was sent before it died. */
static int make_letter_request(struct flight *flight, const struct stream_message *letter)
{
    struct letter_content content;
    struct stream_message message;
    char *head = NULL;
    if (!letter_read(letter, &content))
        return -EINVAL;
    char *stream = strndup(content.stream.data, content.stream.size);
    int error = stream ? letter_open(letter, &content, &message, &head) : -ENOMEM;
    if (!error)
        error = make_request(flight, &message, slice_of(stream), content.cursor.epoch);
    flight->parcel->number = content.attempt_count + 1;
    free(head);
    free(stream);
    return error;
}

static int make_any_request(struct flight *flight, const struct stream_message *message)
{
    const struct hook_source *source = flight->parcel->source;
    if (source->replay)
        return make_letter_request(flight, message);
    return make_request(flight, message, slice_of(stream_name(source->stream)), stream_epoch(source->stream));
}

/* What came of it. */

static void count(struct hook_counts *counts, const struct deliver_result *result, enum retry_verdict verdict)
{
    unsigned bucket = 0;
    while (webhook_bucket_ms(bucket) && result->duration_ms > webhook_bucket_ms(bucket))
        bucket++;
    counts->results[verdict]++;
    counts->buckets[bucket]++;
    counts->duration_ms += result->duration_ms;
    counts->guarded += result->is_guarded;
}

static void note_attempt(const struct flight *flight, const struct deliver_result *result, enum retry_verdict verdict,
                         uint64_t next_ms)
{
    struct attempt attempt = {
        .time_ms = flight->request.wall_ms,
        .duration_ms = result->duration_ms,
        .sequence = flight->sequence,
        .number = flight->parcel->number,
        .next_ms = next_ms,
        .verdict = verdict,
        .status = result->status,
        .error = result->error,
        .answer = result->answer,
    };
    memcpy(attempt.id, flight->request.id, sizeof attempt.id);
    attempts_note(&flight->parcel->source->hook->attempts, &attempt);
    count(&flight->parcel->source->hook->counts, result, verdict);
}

static void tell(struct hook *hook, enum hook_event event, const char *reason)
{
    hook->world->ops->tell(hook->world->arg, hook, event, reason);
}

static const char *words_of(const struct deliver_result *result, char room[WORDS_SIZE])
{
    if (result->error)
        snprintf(room, WORDS_SIZE, "%s", result->error);
    else
        snprintf(room, WORDS_SIZE, "answered %u", result->status);
    return room;
}

static void note_success(struct hook *hook, uint64_t wall_ms)
{
    hook->counts.delivered++;
    hook->last_success_ms = wall_ms;
    hook->failing_since_ms = 0;
    if (breaker_note(&hook->breaker, BREAKER_SUCCESS, loop_now_ms(hook->world->loop), &hook->world->random))
        tell(hook, HOOK_RECOVERED, "the receiver answers again");
}

static void note_failure(struct hook *hook, enum retry_verdict verdict, const char *words)
{
    uint64_t now_ms = loop_now_ms(hook->world->loop), wall_ms = loop_wall_ms(hook->world->loop);
    enum breaker_result result = verdict == RETRY_SLOWER ? BREAKER_SLOWER : BREAKER_FAILURE;
    hook->counts.failed++;
    if (!hook->failing_since_ms)
        hook->failing_since_ms = wall_ms;
    if (breaker_note(&hook->breaker, result, now_ms, &hook->world->random))
        tell(hook, HOOK_FAILING, words);
    if (verdict == RETRY_GONE)
        hook_disable(hook, "the receiver answered 410: it wants no more");
    else if (hook->settings.disable_after_ms != UINT64_MAX &&
             wall_ms >= hook->failing_since_ms + hook->settings.disable_after_ms)
        hook_disable(hook, "the receiver has taken nothing for as long as disable_after says");
}

/* What a receiver asks for by Retry-After holds for all that would be sent to it. */
static uint64_t pause_for(struct hook *hook, const struct deliver_result *result)
{
    uint64_t most_ms = hook->settings.retry_after_max_ms;
    uint64_t after_ms = !result->has_retry_after ? 0
                        : result->retry_after_ms < most_ms ? result->retry_after_ms : most_ms;
    if (after_ms)
        breaker_pause(&hook->breaker, loop_now_ms(hook->world->loop) + after_ms);
    return after_ms;
}

/* One that is tried again keeps its place in its lane; where it has its own there is nothing to keep. */
static void leave(struct hook *hook, struct parcel *parcel, bool is_again)
{
    if (is_again && hook->settings.mode != WEBHOOK_PARALLEL) {
        lanes_wait(&hook->lanes, &parcel->entry);
        return;
    }
    lanes_remove(&hook->lanes, &parcel->entry);
    source_drop(parcel);
}

static void succeed(struct flight *flight, const struct deliver_result *result)
{
    struct parcel *parcel = flight->parcel;
    struct hook *hook = parcel->source->hook;
    note_attempt(flight, result, RETRY_DONE, 0);
    note_success(hook, flight->request.wall_ms + result->duration_ms);
    if (!parcel->is_extra)
        source_settle(parcel->source, CONSUMER_ACK, parcel->sequence, 0, slice_make(NULL, 0));
    if (parcel->source->replay)
        stream_delete(parcel->source->stream, parcel->sequence); /* it is no longer dead */
    leave(hook, parcel, false);
}

/* It is not sent again, or dead: what it was before it still is. */
static void fail_extra(struct flight *flight, const struct deliver_result *result, enum retry_verdict verdict)
{
    char words[WORDS_SIZE];
    struct parcel *parcel = flight->parcel;
    struct hook *hook = parcel->source->hook;
    pause_for(hook, result);
    note_attempt(flight, result, verdict, 0);
    note_failure(hook, verdict, words_of(result, words));
    leave(hook, parcel, false);
}

static void fail(struct flight *flight, const struct deliver_result *result, enum retry_verdict verdict)
{
    char words[WORDS_SIZE];
    struct parcel *parcel = flight->parcel;
    struct hook *hook = parcel->source->hook;
    struct retry_schedule schedule = webhook_schedule(&hook->settings);
    uint64_t delay_ms = 0, after_ms = pause_for(hook, result);
    bool is_again = verdict != RETRY_NEVER &&
                    retry_next(&schedule, parcel->number, after_ms, &hook->world->random, &delay_ms);
    is_again |= verdict == RETRY_GONE; /* it is not the message's fault, and others may be asked again */
    words_of(result, words);
    note_attempt(flight, result, verdict, is_again ? loop_wall_ms(hook->world->loop) + delay_ms : 0);
    note_failure(hook, verdict, words);
    source_settle(parcel->source, is_again ? CONSUMER_NAK : CONSUMER_TERM, parcel->sequence, delay_ms,
                  slice_of(is_again ? NULL : words));
    if (!is_again) {
        hook->counts.dead++;
        tell(hook, HOOK_DEAD, words);
    }
    leave(hook, parcel, is_again);
}

static void on_done(struct delivery *delivery, const struct deliver_result *result)
{
    struct flight *flight = (struct flight *)delivery;
    struct parcel *parcel = flight->parcel;
    struct hook *hook = parcel->source->hook;
    enum retry_verdict verdict = retry_judge(result->status, hook->settings.client_errors == WEBHOOK_CLIENT_DEAD);
    traffic_end(&hook->world->traffic, &flight->traffic);
    parcel->flight = NULL;
    if (verdict == RETRY_DONE)
        succeed(flight, result);
    else if (parcel->is_extra)
        fail_extra(flight, result, verdict);
    else
        fail(flight, result, verdict);
    flight_free(flight);
    hook_is_ready(hook);
}

int flight_start(struct parcel *parcel, const struct stream_message *message)
{
    struct hook *hook = parcel->source->hook;
    struct flight *flight = calloc(1, sizeof *flight);
    if (!flight)
        return -ENOMEM;
    flight->parcel = parcel;
    flight->request.delivery.done = on_done;
    if (make_any_request(flight, message) != 0 || request_start(&flight->request, hook) != 0) {
        flight_free(flight);
        return -ENOMEM;
    }
    parcel->flight = flight;
    hook->credit -= hook->credit > 0;
    lanes_start(&hook->lanes, &parcel->entry);
    breaker_begin(&hook->breaker);
    pace_begin(&hook->pace, loop_now_ms(hook->world->loop));
    traffic_begin(&hook->world->traffic, &flight->traffic);
    return 0;
}

void flight_cancel(struct parcel *parcel)
{
    if (!parcel->flight)
        return;
    traffic_end(&parcel->source->hook->world->traffic, &parcel->flight->traffic);
    flight_free(parcel->flight);
    parcel->flight = NULL;
    breaker_forget(&parcel->source->hook->breaker);
}
