/*
 * A consumer against an array that knows what became of each message. Whatever clients do, and however often it is
 * saved and loaded: each message that matches is delivered in order, again and again until it is acknowledged, given up
 * or deleted, never when it should not be, and none is lost.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../store/sim.h"
#include "../stream/kit.h"
#include "../unit.h"
#include "consumer/consumer.h"
#include "util/random.h"

enum {
    STEPS = 12000,
    WORLDS = 12,
    WORLDS_IN_FILES = 4,
    STEPS_IN_FILES = 3000,
    SIZE_IN_FILES = 30000, /* of a message: what is not acknowledged is more than stays in memory */
    TOPICS = 5,
    PUBLISH_MAX = 6,
    REQUESTS = 6,
    BACKLOG_MAX = 200,
    MESSAGES_MAX = STEPS * PUBLISH_MAX + 1,
    ACK_WAIT_MS = 1000,
    DELAY_MAX_MS = 1500,
};

/* What is known of one message. */
struct entry {
    enum { NEW, OUT, DUE, TERMINATED, DONE, DEAD, DELETED } fate;
    bool matches;
    uint64_t deadline_ms; /* while it is out */
    uint64_t delivery_count;
    uint64_t consumer_sequence; /* of the first delivery */
};

/* One of the requests, by the number in its reply topic. */
struct request {
    uint64_t left, expires_ms;
    bool no_wait;
};

struct world {
    struct random random;
    struct sim *sim;       /* of a stream in files; NULL: in memory */
    struct stream_engine *engine;
    size_t message_size;
    struct stream *stream;
    struct consumer *consumer;
    struct consumer_settings settings;
    struct consumer_time time;
    struct entry *entries; /* by sequence */
    uint64_t last;         /* sequence */
    uint64_t first_unsettled; /* all before it are done with, so that checks are quick */
    uint64_t consumer_sequence;
    struct request requests[REQUESTS];
    uint64_t delivered_count, dead_count, done_count, restart_count, away_count;
};

static bool chance(struct world *world, uint32_t one_in)
{
    return random_below(&world->random, one_in) == 0;
}

static bool is_pending(const struct entry *entry)
{
    return entry->fate == OUT || entry->fate == DUE || entry->fate == TERMINATED;
}

static bool is_exhausted(const struct world *world, const struct entry *entry)
{
    return world->settings.max_deliver > 0 && entry->delivery_count >= (uint64_t)world->settings.max_deliver;
}

static uint64_t wait_ms(const struct world *world, uint64_t delivery_count)
{
    const struct consumer_settings *settings = &world->settings;
    if (!settings->backoff_count)
        return settings->ack_wait_ms;
    uint64_t step = delivery_count <= settings->backoff_count ? delivery_count : settings->backoff_count;
    return settings->backoff_ms[step - 1];
}

/* It has had its last delivery, and its time is over: it is dead, though that may not have been told. */
static bool is_given_up(const struct world *world, const struct entry *entry)
{
    return is_exhausted(world, entry) &&
           (entry->fate == DUE || (entry->fate == OUT && entry->deadline_ms <= world->time.now_ms));
}

static bool is_due(const struct world *world, const struct entry *entry)
{
    return !is_exhausted(world, entry) &&
           (entry->fate == DUE || (entry->fate == OUT && entry->deadline_ms <= world->time.now_ms));
}

/* Counting. */

struct sums {
    uint64_t pending, new_count, due, first_new, oldest, redelivered;
};

static struct sums sum(const struct world *world)
{
    struct sums sums = { 0 };
    for (uint64_t sequence = world->first_unsettled; sequence <= world->last; sequence++) {
        const struct entry *entry = &world->entries[sequence];
        if (!entry->matches)
            continue;
        sums.pending += is_pending(entry);
        sums.redelivered += is_pending(entry) && entry->delivery_count > 1;
        sums.new_count += entry->fate == NEW;
        sums.due += is_due(world, entry);
        if (entry->fate == NEW && !sums.first_new)
            sums.first_new = sequence;
        if (is_pending(entry) && !sums.oldest)
            sums.oldest = sequence;
    }
    return sums;
}

static void settle_first(struct world *world)
{
    while (world->first_unsettled <= world->last) {
        const struct entry *entry = &world->entries[world->first_unsettled];
        if (entry->matches && (entry->fate == NEW || is_pending(entry)))
            break;
        world->first_unsettled++;
    }
}

/* What the consumer says. */

static struct request *request_of(struct world *world, struct slice reply)
{
    unit_assert(reply.size == 2 && reply.data[0] == 'r');
    return &world->requests[reply.data[1] - '0'];
}

static void check_message(const struct stream_message *message)
{
    uint64_t number;
    unit_assert(message->payload.size >= sizeof number);
    memcpy(&number, message->payload.data, sizeof number);
    unit_assert(number == message->sequence);
}

static void check_new(const struct world *world, const struct consumer_delivery *delivery, struct sums sums)
{
    unit_assert(delivery->delivery_count == 1);
    unit_assert(delivery->message.sequence == sums.first_new);
    unit_assert(sums.due == 0);
    unit_assert(sums.pending < (uint64_t)world->settings.max_ack_pending);
}

static void check_again(const struct world *world, const struct consumer_delivery *delivery,
                        const struct entry *entry)
{
    unit_assert(is_due(world, entry));
    unit_assert(delivery->delivery_count == entry->delivery_count + 1);
}

static void take(struct world *world, const struct consumer_delivery *delivery)
{
    struct entry *entry = &world->entries[delivery->message.sequence];
    struct sums sums = sum(world);
    check_message(&delivery->message);
    unit_assert(entry->matches);
    unit_assert(delivery->consumer_sequence == ++world->consumer_sequence);
    if (entry->fate == NEW) {
        check_new(world, delivery, sums);
        entry->consumer_sequence = delivery->consumer_sequence;
        sums.new_count--;
    } else {
        check_again(world, delivery, entry);
    }
    entry->fate = OUT;
    entry->delivery_count = delivery->delivery_count;
    entry->deadline_ms = world->time.now_ms + wait_ms(world, entry->delivery_count);
    unit_assert((delivery->pending == 0) == (sums.new_count == 0));
    unit_assert(world->settings.filter_count || delivery->pending == sums.new_count);
    world->delivered_count++;
}

static void on_deliver(void *arg, struct slice topic, const struct consumer_delivery *deliveries, unsigned count)
{
    struct world *world = arg;
    struct request *request = request_of(world, topic);
    unit_assert(request->left >= count && request->expires_ms > world->time.now_ms);
    request->left -= count;
    for (unsigned i = 0; i < count; i++)
        take(world, &deliveries[i]);
}

static void on_status(void *arg, struct slice topic, const struct consumer_status *status)
{
    struct world *world = arg;
    struct request *request = request_of(world, topic);
    unit_assert(status->kind == CONSUMER_STATUS_TIMEOUT || status->kind == CONSUMER_STATUS_NO_MESSAGES);
    unit_assert(request->no_wait || request->expires_ms <= world->time.now_ms);
    unit_assert(!status->has_pending || status->pending_messages == request->left);
    request->left = 0;
}

static enum consumer_interest on_interest(void *arg, struct slice topic, struct slice group)
{
    (void)arg;
    (void)group;
    return topic.data[0] == 'r' ? CONSUMER_LISTENS : CONSUMER_NOBODY;
}

static bool on_dead(void *arg, const struct stream_message *message, enum consumer_death death,
                    uint64_t delivery_count, struct slice words)
{
    struct world *world = arg;
    struct entry *entry = &world->entries[message->sequence];
    (void)words;
    check_message(message);
    unit_assert(is_pending(entry) && entry->delivery_count == delivery_count);
    if (death == CONSUMER_TERMINATED)
        unit_assert(entry->fate == TERMINATED);
    else
        unit_assert(is_given_up(world, entry));
    entry->fate = DEAD;
    world->dead_count++;
    return true;
}

static const struct consumer_ops ops = {
    .deliver = on_deliver, .status = on_status, .interest = on_interest, .dead = on_dead,
};

/* Steps. */

static void publish(struct world *world)
{
    char topic[] = { 't', '.', (char)('0' + random_below(&world->random, TOPICS)), '\0' };
    unsigned count = 1 + random_below(&world->random, PUBLISH_MAX);
    if (world->last + 1 - world->first_unsettled > BACKLOG_MAX)
        return; /* so that looking at all is quick */
    for (unsigned i = 0; i < count; i++) {
        kit_fill(world->stream, topic, 1, world->message_size, world->time.wall_ms);
        kit_settle(world->stream);
    }
    bool matches = world->settings.filter_count == 0;
    for (unsigned i = 0; i < world->settings.filter_count; i++)
        matches |= strcmp(world->settings.filters[i], topic) == 0;
    for (unsigned i = 0; i < count; i++)
        world->entries[++world->last] = (struct entry){ .fate = NEW, .matches = matches };
}

static void ask(struct world *world)
{
    unsigned number = random_below(&world->random, REQUESTS);
    char reply[] = { 'r', (char)('0' + number), '\0' };
    struct request *request = &world->requests[number];
    if (request->left && request->expires_ms > world->time.now_ms)
        return;
    const struct consumer_request asked = {
        .reply = slice_of(reply),
        .batch = 1 + random_below(&world->random, 20),
        .expires_ms = random_below(&world->random, 3) * 400,
        .no_wait = chance(world, 4),
    };
    if (request->left) /* it has expired, and has not heard so */
        return;
    *request = (struct request){ asked.batch, world->time.now_ms + asked.expires_ms, asked.no_wait };
    if (!asked.expires_ms)
        request->expires_ms = UINT64_MAX;
    unit_assert(consumer_add_request(world->consumer, &asked, world->time) == 0);
}

static void check_info(struct world *world, struct sums sums)
{
    struct consumer_info info;
    consumer_get_info(world->consumer, world->time, &info);
    const struct entry *oldest = &world->entries[sums.oldest];
    uint64_t floor = sums.oldest ? oldest->consumer_sequence - 1 : world->consumer_sequence;
    unit_assert(info.ack_pending_count == sums.pending && info.redelivered_count == sums.redelivered);
    unit_assert(info.delivered.consumer_sequence == world->consumer_sequence);
    unit_assert(info.ack_floor.consumer_sequence == floor);
    unit_assert(!sums.oldest || info.ack_floor.stream_sequence == sums.oldest - 1);
    unit_assert(sums.oldest || info.ack_floor.stream_sequence == info.delivered.stream_sequence);
    unit_assert((info.pending_count == 0) == (sums.new_count == 0));
    unit_assert(!sums.first_new || info.delivered.stream_sequence < sums.first_new);
}

static bool anybody_waits(const struct world *world)
{
    for (unsigned i = 0; i < REQUESTS; i++)
        if (world->requests[i].left)
            return true;
    return false;
}

/* Nobody is left waiting for what there is, and nothing that is over is forgotten. */
static void run(struct world *world)
{
    uint64_t deadline_ms, budget = 1 + random_below(&world->random, 40);
    enum consumer_want want;
    do {
        want = consumer_run(world->consumer, world->time, (unsigned)budget, &deadline_ms);
        if (want == CONSUMER_AWAY) {
            kit_settle(world->stream);
            world->away_count++;
        }
    } while (want == CONSUMER_MORE || want == CONSUMER_AWAY);
    settle_first(world);
    struct sums sums = sum(world);
    unit_assert(want == CONSUMER_IDLE && deadline_ms > world->time.now_ms);
    unit_assert(sums.pending <= (uint64_t)world->settings.max_ack_pending);
    for (uint64_t sequence = world->first_unsettled; sequence <= world->last; sequence++) {
        struct entry *entry = &world->entries[sequence];
        if (entry->matches && entry->fate == OUT && entry->deadline_ms > world->time.now_ms)
            unit_assert(deadline_ms <= entry->deadline_ms);
        unit_assert(entry->fate != TERMINATED);
        if (entry->fate == OUT && entry->deadline_ms <= world->time.now_ms)
            entry->fate = DUE;
        unit_assert(entry->fate != DUE || !is_exhausted(world, entry));
    }
    if (anybody_waits(world))
        unit_assert(sums.due == 0 &&
                    (sums.new_count == 0 || sums.pending == (uint64_t)world->settings.max_ack_pending));
    check_info(world, sums);
}

/* One that is pending, mostly. */
static uint64_t pick(struct world *world)
{
    uint64_t span = world->last - world->first_unsettled + 1;
    if (world->first_unsettled > world->last)
        return 0;
    return world->first_unsettled + random_below(&world->random, (uint32_t)(span < 100 ? span : 100));
}

static bool say(struct world *world, enum consumer_ack_kind kind, uint64_t sequence, uint64_t delay_ms)
{
    const struct entry *entry = &world->entries[sequence];
    const struct consumer_ack ack = {
        .kind = kind,
        .sequence = sequence,
        .consumer_sequence = entry->consumer_sequence,
        .delivery_count = entry->delivery_count,
        .delay_ms = delay_ms,
    };
    return consumer_acknowledge(world->consumer, &ack, world->time);
}

static void settle(struct world *world, uint64_t sequence)
{
    struct entry *entry = &world->entries[sequence];
    if (entry->matches && is_pending(entry)) {
        entry->fate = DONE;
        world->done_count++;
    }
}

static void acknowledge(struct world *world, uint64_t sequence)
{
    bool is_all = world->settings.ack_policy == CONSUMER_ACK_ALL;
    bool is_told = say(world, CONSUMER_ACK, sequence, 0);
    if (world->entries[sequence].fate != DEAD) /* nobody acknowledges all by what is dead */
        unit_assert(is_told || !is_pending(&world->entries[sequence]));
    if (!is_told)
        return;
    for (uint64_t each = is_all ? world->first_unsettled : sequence; each <= sequence; each++)
        settle(world, each);
}

static void refuse(struct world *world, uint64_t sequence)
{
    struct entry *entry = &world->entries[sequence];
    uint64_t delay_ms = chance(world, 2) ? 0 : 1 + random_below(&world->random, DELAY_MAX_MS);
    bool is_told = say(world, CONSUMER_NAK, sequence, delay_ms);
    unit_assert(!is_told || entry->fate == OUT);
    if (is_told && (is_exhausted(world, entry) || !delay_ms))
        entry->fate = DUE;
    else if (is_told)
        entry->deadline_ms = world->time.now_ms + delay_ms;
}

static void go_on(struct world *world, uint64_t sequence)
{
    struct entry *entry = &world->entries[sequence];
    if (is_given_up(world, entry))
        return;
    bool is_told = say(world, CONSUMER_PROGRESS, sequence, 0);
    unit_assert(is_told == (entry->fate == OUT || entry->fate == DUE));
    if (is_told) {
        entry->fate = OUT;
        entry->deadline_ms = world->time.now_ms + wait_ms(world, entry->delivery_count);
    }
}

static void terminate(struct world *world, uint64_t sequence)
{
    struct entry *entry = &world->entries[sequence];
    if (is_given_up(world, entry))
        return;
    bool is_told = say(world, CONSUMER_TERM, sequence, 0);
    unit_assert(is_told == (entry->fate == OUT || entry->fate == DUE));
    if (is_told)
        entry->fate = TERMINATED;
}

static void answer(struct world *world)
{
    static void (*const kinds[])(struct world *world, uint64_t sequence) = {
        acknowledge, acknowledge, acknowledge, acknowledge, refuse, go_on, terminate,
    };
    uint64_t sequence = pick(world);
    if (sequence)
        kinds[random_below(&world->random, sizeof kinds / sizeof *kinds)](world, sequence);
}

static void delete(struct world *world)
{
    uint64_t sequence = pick(world);
    if (!sequence || stream_delete(world->stream, sequence) != 0)
        return;
    world->entries[sequence].fate = DELETED;
    kit_settle(world->stream);
    consumer_recheck(world->consumer);
}

static void let_time_pass(struct world *world)
{
    uint64_t ms = random_below(&world->random, chance(world, 10) ? 3000 : 100);
    world->time.now_ms += ms;
    world->time.wall_ms += ms;
}

static void restart(struct world *world)
{
    char *state = malloc(consumer_save_size(world->consumer));
    size_t size = consumer_save(world->consumer, world->time, state);
    const uint64_t shift_ms = 1000000;
    consumer_destroy(world->consumer);
    world->time.now_ms += shift_ms;
    for (uint64_t sequence = 1; sequence <= world->last; sequence++)
        world->entries[sequence].deadline_ms += shift_ms;
    memset(world->requests, 0, sizeof world->requests);
    unit_assert(consumer_create(world->stream, &world->settings, &ops, world, world->time, &world->consumer) == 0);
    unit_assert(consumer_load(world->consumer, slice_make(state, size), world->time) == 0);
    free(state);
    world->restart_count++;
}

static void step(struct world *world)
{
    unsigned draw = random_below(&world->random, 1000);
    if (draw < 150)
        publish(world);
    else if (draw < 300)
        ask(world);
    else if (draw < 750)
        answer(world);
    else if (draw < 770)
        delete(world);
    else if (draw < 900)
        let_time_pass(world);
    else if (draw < 905)
        restart(world);
    if (chance(world, 2))
        run(world);
}

/* Worlds. */

static void set_filters(struct consumer_settings *settings, unsigned count)
{
    settings->filters = count ? calloc(count, sizeof *settings->filters) : NULL;
    settings->filter_count = count;
    for (unsigned i = 0; i < count; i++) {
        char filter[] = { 't', '.', (char)('0' + 2 * i), '\0' };
        settings->filters[i] = strdup(filter);
    }
}

static void set_up(struct world *world, unsigned number)
{
    struct consumer_settings *settings = &world->settings;
    consumer_settings_init(settings);
    settings->name = strdup("c");
    settings->durable = true;
    settings->ack_policy = number % 4 == 3 ? CONSUMER_ACK_ALL : CONSUMER_ACK_EXPLICIT;
    settings->ack_wait_ms = ACK_WAIT_MS;
    settings->max_ack_pending = 1 + random_below(&world->random, number % 2 ? 10 : 60);
    settings->max_deliver = number % 3 ? (int64_t)(1 + random_below(&world->random, 5)) : -1;
    set_filters(settings, number % 3);
    if (number % 5 == 4 && settings->max_deliver != 1) {
        settings->backoff_ms = calloc(2, sizeof *settings->backoff_ms);
        settings->backoff_count = 2;
        settings->backoff_ms[0] = 50;
        settings->backoff_ms[1] = 500;
    }
    consumer_settings_complete(settings);
}

/* Clients that acknowledge all they get: in the end nothing is left. */
static void drain(struct world *world)
{
    for (unsigned round = 0; sum(world).new_count || sum(world).pending; round++) {
        unit_assert(round < 100000);
        for (unsigned i = 0; i < REQUESTS; i++)
            ask(world);
        run(world);
        for (uint64_t sequence = world->first_unsettled; sequence <= world->last; sequence++)
            if (world->entries[sequence].fate == OUT && chance(world, 2))
                acknowledge(world, sequence);
        let_time_pass(world);
        settle_first(world);
    }
}

static void live(struct world *world, unsigned number, unsigned steps)
{
    world->time = (struct consumer_time){ 1000, 100000 };
    world->first_unsettled = 1;
    world->entries = calloc(MESSAGES_MAX, sizeof *world->entries);
    set_up(world, number);
    unit_assert(consumer_create(world->stream, &world->settings, &ops, world, world->time, &world->consumer) == 0);
    for (unsigned i = 0; i < steps; i++)
        step(world);
    drain(world);
    ck_assert_uint_gt(world->delivered_count, 20);
    ck_assert_uint_gt(world->restart_count, 1);
    for (uint64_t sequence = 1; sequence <= world->last; sequence++)
        unit_assert(!world->entries[sequence].matches || world->entries[sequence].fate >= DONE);
    consumer_destroy(world->consumer);
    consumer_settings_finish(&world->settings);
    stream_destroy(world->stream);
    free(world->entries);
}

START_TEST(each_message_is_delivered_until_it_is_settled)
{
    struct world world = { .message_size = sizeof(uint64_t) };
    random_init(&world.random, unit_seed("each_message_is_delivered_until_it_is_settled") + (uint64_t)_i);
    world.stream = kit_open(NULL, "{\"name\":\"s\",\"subjects\":[\"t.>\"],\"storage\":\"memory\"}");
    live(&world, (unsigned)_i, STEPS);
}
END_TEST

START_TEST(and_so_it_is_where_messages_come_from_disk)
{
    struct world world = { .message_size = SIZE_IN_FILES, .sim = sim_create(1) };
    const struct stream_engine_options options = {
        .files = sim_files(world.sim), .directory = "data", .segment_size = 1 << 20, .boot_id = "",
    };
    random_init(&world.random, unit_seed("and_so_it_is_where_messages_come_from_disk") + (uint64_t)_i);
    ck_assert_int_eq(stream_engine_create(&options, &world.engine), 0);
    world.stream = kit_open(world.engine, "{\"name\":\"s\",\"subjects\":[\"t.>\"],\"max_msgs\":1000000}");
    live(&world, (unsigned)_i, STEPS_IN_FILES);
    ck_assert_uint_gt(world.away_count, 0);
    stream_engine_destroy(world.engine);
    sim_destroy(world.sim);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model");
    TCase *tcase = tcase_create("model");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, each_message_is_delivered_until_it_is_settled, 0, WORLDS);
    tcase_add_loop_test(tcase, and_so_it_is_where_messages_come_from_disk, 0, WORLDS_IN_FILES);
    suite_add_tcase(suite, tcase);
    return unit_run_suite(suite, CK_FORK_GETENV);
}
