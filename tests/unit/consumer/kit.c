#include "kit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "../store/sim.h"
#include "../stream/kit.h"
#include "../unit.h"

enum { BUDGET = 50, ROUNDS_MAX = 100000 };

/* What the consumer says. */

__attribute__((format(printf, 2, 3))) static void say(struct owner *owner, const char *format, ...)
{
    va_list arguments;
    char *at = owner->said + owner->said_size;
    size_t room = OWNER_SAID_SIZE - owner->said_size;
    va_start(arguments, format);
    int size = snprintf(at, room, "%s", owner->said_size ? ", " : "");
    size += vsnprintf(at + size, room - (size_t)size, format, arguments);
    va_end(arguments);
    unit_assert((size_t)size < room);
    owner->said_size += (size_t)size;
}

static void check_delivery(const struct consumer_delivery *delivery)
{
    const struct stream_message *message = &delivery->message;
    unit_assert(message->sequence && delivery->consumer_sequence && delivery->delivery_count);
    unit_assert(!message->head.size || message->head.data + message->head.size == message->payload.data);
}

static void say_delivery(struct owner *owner, struct slice topic, const struct consumer_delivery *delivery)
{
    const struct stream_message *message = &delivery->message;
    char what[512] = "";
    if (owner->shows_topics)
        snprintf(what, sizeof what, " %.*s", SLICE_ARGS(message->topic));
    if (owner->shows_bytes)
        snprintf(what, sizeof what, " %.*s|%.*s", SLICE_ARGS(message->head), SLICE_ARGS(message->payload));
    say(owner, "%.*s %" PRIu64 ":%" PRIu64 ":%" PRIu64 "+%" PRIu64 "%s", SLICE_ARGS(topic), message->sequence,
        delivery->consumer_sequence, delivery->delivery_count, delivery->pending, what);
}

static void deliver(void *arg, struct slice topic, const struct consumer_delivery *deliveries, unsigned count)
{
    struct owner *owner = arg;
    unit_assert(count >= 1 && count <= CONSUMER_BATCH_MAX);
    owner->call_count++;
    for (unsigned i = 0; i < count; i++) {
        check_delivery(&deliveries[i]);
        say_delivery(owner, topic, &deliveries[i]);
        owner->delivered_bytes += deliveries[i].message.payload.size;
        owner->delivered_count++;
    }
}

static void status(void *arg, struct slice topic, const struct consumer_status *status)
{
    struct owner *owner = arg;
    int code = consumer_status_code(status->kind);
    if (status->kind == CONSUMER_STATUS_HEARTBEAT)
        say(owner, "%.*s %d %" PRIu64 " %" PRIu64 "%s", SLICE_ARGS(topic), code, status->last_consumer,
            status->last_stream, status->stalled_id ? " stalled" : "");
    else if (status->has_pending)
        say(owner, "%.*s %d %" PRIu64 " %" PRIu64, SLICE_ARGS(topic), code, status->pending_messages,
            status->pending_bytes);
    else if (status->limit)
        say(owner, "%.*s %d %s %" PRIu64, SLICE_ARGS(topic), code, consumer_status_text(status->kind),
            status->limit);
    else
        say(owner, "%.*s %d %s", SLICE_ARGS(topic), code,
            status->detail ? status->detail : consumer_status_text(status->kind));
}

static enum consumer_interest interest(void *arg, struct slice topic, struct slice group)
{
    const struct owner *owner = arg;
    const char *wanted_group = owner->settings.deliver_group;
    unit_assert(slice_equal(group, slice_of(wanted_group)));
    if (owner->busy && slice_is(topic, owner->busy))
        return CONSUMER_BUSY;
    for (unsigned i = 0; i < OWNER_NOBODY_MAX; i++)
        if (owner->nobody[i] && slice_is(topic, owner->nobody[i]))
            return CONSUMER_NOBODY;
    return CONSUMER_LISTENS;
}

static bool dead(void *arg, const struct stream_message *message, enum consumer_death death, uint64_t delivery_count,
                 struct slice words)
{
    struct owner *owner = arg;
    owner->asked_dead_count++;
    if (owner->keeps_no_dead)
        return false;
    say(owner, "dead %" PRIu64 ":%" PRIu64 " %s%s%.*s", message->sequence, delivery_count,
        death == CONSUMER_TERMINATED ? "term" : "max", words.size ? " " : "", SLICE_ARGS(words));
    return true;
}

static void done_with(void *arg, uint64_t sequence)
{
    say(arg, "done %" PRIu64, sequence);
}

static const struct consumer_ops ops = {
    .deliver = deliver, .status = status, .interest = interest, .dead = dead, .done_with = done_with,
};
static const struct consumer_ops ops_of_limits = {
    .deliver = deliver, .status = status, .interest = interest, .dead = dead,
};

/* Life. */

void owner_set_text(char **place, const char *text)
{
    free(*place);
    *place = text ? strdup(text) : NULL;
}

static void open_stream(struct owner *owner, const char *storage, const char *settings)
{
    char text[512];
    snprintf(text, sizeof text, "{\"name\":\"s\",\"subjects\":[\"t.>\"],\"storage\":\"%s\"%s%s}", storage,
             settings ? "," : "", settings ? settings : "");
    owner->stream = kit_open(owner->engine, text);
    consumer_settings_init(&owner->settings);
    owner_set_text(&owner->settings.name, "c");
    owner->settings.durable = true;
    owner->settings.ack_policy = CONSUMER_ACK_EXPLICIT;
}

void owner_open(struct owner *owner, const char *settings)
{
    *owner = (struct owner){ .time = { .now_ms = 1000, .wall_ms = 100000 } };
    open_stream(owner, "memory", settings);
}

void owner_open_files(struct owner *owner, const char *settings)
{
    *owner = (struct owner){ .time = { .now_ms = 1000, .wall_ms = 100000 }, .sim = sim_create(1) };
    const struct stream_engine_options options = {
        .files = sim_files(owner->sim), .directory = "data", .segment_size = 1 << 20, .boot_id = "",
    };
    ck_assert_int_eq(stream_engine_create(&options, &owner->engine), 0);
    open_stream(owner, "file", settings);
}

void owner_add_filter(struct owner *owner, const char *filter)
{
    struct consumer_settings *settings = &owner->settings;
    settings->filters = realloc(settings->filters, (settings->filter_count + 1) * sizeof *settings->filters);
    settings->filters[settings->filter_count++] = strdup(filter);
}

static void check_settings(struct owner *owner)
{
    char room[CONSUMER_FAULT_TEXT_SIZE] = "";
    struct stream_settings settings;
    ck_assert_int_eq(stream_get_settings(owner->stream, &settings), 0);
    enum consumer_fault fault = consumer_settings_check(&owner->settings, &settings, room);
    ck_assert_msg(fault == CONSUMER_GOOD, "%s", room);
    settings_finish(&settings);
}

/* Only streams that keep messages for their consumers want to know what is done with. */
static const struct consumer_ops *ops_for(struct owner *owner)
{
    struct stream_settings settings;
    ck_assert_int_eq(stream_get_settings(owner->stream, &settings), 0);
    bool is_for_consumers = settings.retention != STREAM_LIMITS;
    settings_finish(&settings);
    return is_for_consumers ? &ops : &ops_of_limits;
}

void owner_begin(struct owner *owner)
{
    consumer_settings_complete(&owner->settings);
    check_settings(owner);
    ck_assert_int_eq(consumer_create(owner->stream, &owner->settings, ops_for(owner), owner, owner->time,
                                     &owner->consumer), 0);
}

void owner_close(struct owner *owner)
{
    consumer_destroy(owner->consumer);
    consumer_settings_finish(&owner->settings);
    stream_destroy(owner->stream);
    stream_engine_destroy(owner->engine);
    if (owner->sim)
        sim_destroy(owner->sim);
}

void owner_restart(struct owner *owner)
{
    char *state = malloc(consumer_save_size(owner->consumer));
    size_t size = consumer_save(owner->consumer, owner->time, state);
    char *exact = malloc(size); /* so that AddressSanitizer sees its end */
    memcpy(exact, state, size);
    free(state);
    unit_assert(!consumer_is_dirty(owner->consumer));
    consumer_destroy(owner->consumer);
    owner->time.now_ms += 5000000; /* another clock */
    owner_begin(owner);
    ck_assert_int_eq(consumer_load(owner->consumer, slice_make(exact, size), owner->time), 0);
    free(exact);
}

/* Doing. */

void owner_publish(struct owner *owner, const char *topic, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char payload[24];
        snprintf(payload, sizeof payload, "%" PRIu64, stream_last(owner->stream) + 1);
        kit_append(owner->stream, topic, payload, NULL, owner->time.wall_ms);
    }
    kit_settle(owner->stream);
}

void owner_publish_bytes(struct owner *owner, const char *topic, size_t size)
{
    kit_fill(owner->stream, topic, 1, size, owner->time.wall_ms);
    kit_settle(owner->stream);
}

static uint64_t number_in(const char *text, const char *name)
{
    const char *at = text ? strstr(text, name) : NULL;
    return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

void owner_ask(struct owner *owner, const char *reply, uint64_t batch, const char *text)
{
    const struct consumer_request request = {
        .reply = slice_of(reply),
        .batch = batch,
        .expires_ms = number_in(text, "expires="),
        .max_bytes = number_in(text, "bytes="),
        .idle_heartbeat_ms = number_in(text, "heartbeat="),
        .no_wait = text && strstr(text, "nowait"),
    };
    ck_assert_int_eq(consumer_add_request(owner->consumer, &request, owner->time), 0);
}

bool owner_answer(struct owner *owner, enum consumer_ack_kind kind, uint64_t sequence, uint64_t delay_ms)
{
    const struct consumer_ack ack = { .kind = kind, .sequence = sequence, .delay_ms = delay_ms };
    return consumer_acknowledge(owner->consumer, &ack, owner->time);
}

bool owner_ack(struct owner *owner, uint64_t sequence)
{
    return owner_answer(owner, CONSUMER_ACK, sequence, 0);
}

static void run(struct owner *owner)
{
    unsigned rounds = 0;
    do {
        unit_assert(rounds++ < ROUNDS_MAX);
        owner->want = consumer_run(owner->consumer, owner->time, BUDGET, &owner->deadline_ms);
    } while (owner->want == CONSUMER_MORE);
    if (owner->want == CONSUMER_INACTIVE)
        say(owner, "inactive");
    unit_assert(owner->want == CONSUMER_INACTIVE || owner->deadline_ms > owner->time.now_ms);
}

static const char *said(struct owner *owner)
{
    owner->said[owner->said_size] = '\0';
    owner->said_size = 0;
    return owner->said;
}

const char *owner_run(struct owner *owner)
{
    run(owner);
    return said(owner);
}

bool owner_is_away(const struct owner *owner)
{
    return owner->want == CONSUMER_AWAY;
}

const char *owner_run_with_disk(struct owner *owner, unsigned *ret_count)
{
    *ret_count = 0;
    for (run(owner); owner_is_away(owner); run(owner)) {
        unit_assert(++*ret_count < ROUNDS_MAX);
        kit_settle(owner->stream);
    }
    return said(owner);
}

const char *owner_wait(struct owner *owner, uint64_t ms)
{
    owner->time.now_ms += ms;
    owner->time.wall_ms += ms;
    return owner_run(owner);
}

struct consumer_info owner_info(struct owner *owner)
{
    struct consumer_info info;
    consumer_get_info(owner->consumer, owner->time, &info);
    return info;
}

const char *owner_facts(struct owner *owner)
{
    static char text[256];
    struct consumer_info info = owner_info(owner);
    snprintf(text, sizeof text,
             "delivered %" PRIu64 "/%" PRIu64 " floor %" PRIu64 "/%" PRIu64 " pending %" PRIu64 " redelivered %" PRIu64
             " waiting %" PRIu64 " left %" PRIu64,
             info.delivered.consumer_sequence, info.delivered.stream_sequence, info.ack_floor.consumer_sequence,
             info.ack_floor.stream_sequence, info.ack_pending_count, info.redelivered_count, info.waiting_count,
             info.pending_count);
    return text;
}
