#include "broker/keeper.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "broker/access.h"
#include "broker/acks.h"
#include "broker/session.h"
#include "util/list.h"
#include "wire/headers.h"

enum {
    BACKLOG_FREE = 8 << 20,   /* bytes that may wait to be written before publishers are slowed down */
    BACKLOG_MUCH = 128 << 20, /* and where they are slowed down most */
    STALL_MAX_MS = 100,
    DETAIL_SIZE_MAX = 256,
};

/* `recent`. */

/* Keeps a stretch of a batch, for nobody who asks. */
static void keep_stretch(struct keeper_recent *keeper, const struct batch *batch, unsigned first, unsigned end)
{
    struct batch stretch = *batch;
    stretch.messages += first;
    stretch.count = end - first;
    if (stretch.receipts && stretch.receipts->stream) {
        stretch.receipts = NULL; /* who asked has been told by the stream that keeps the topic */
        stretch.is_judged = true;
    }
    if (stretch.count)
        keeper->broker->counters->messages_kept +=
            stream_append(keeper->stream, &stretch, broker_wall_ms(keeper->broker), keeper->own);
}

static bool is_refused(const struct batch *batch, unsigned i)
{
    const struct receipt *receipt = batch->receipts ? &batch->receipts[i] : NULL;
    return receipt && receipt->stream && (!receipt->sequence || receipt->duplicate);
}

static unsigned keep_accepted(struct sink *sink, const struct batch *batch)
{
    unsigned first = 0;
    if (topic_is_private(batch->topic))
        return 0;
    for (unsigned i = 0; i < batch->count; i++)
        if (is_refused(batch, i)) {
            keep_stretch((struct keeper_recent *)sink, batch, first, i);
            first = i + 1;
        }
    keep_stretch((struct keeper_recent *)sink, batch, first, batch->count);
    return 0;
}

static const struct sink_ops recent_ops = { .deliver = keep_accepted };

int keeper_recent_init(struct keeper_recent *keeper, struct broker *broker, struct stream *stream,
                       struct slice pattern, struct stream_watch *own)
{
    *keeper = (struct keeper_recent){
        .sink = { .ops = &recent_ops, .keeper = SINK_KEEPS_ACCEPTED, .weight = 1 },
        .broker = broker,
        .stream = stream,
        .own = own,
    };
    int error = router_add(broker->router, &keeper->sink, pattern, slice_make(NULL, 0));
    if (error)
        keeper->stream = NULL;
    return error;
}

void keeper_recent_finish(struct keeper_recent *keeper)
{
    if (keeper->stream)
        router_remove(keeper->broker->router, &keeper->sink);
    keeper->stream = NULL;
}

/* Streams with settings. */

struct keeper_sink {
    struct sink sink; /* first */
    struct keeper *keeper;
    bool takes_private; /* its pattern asks for private topics by name */
};

struct keeper {
    struct keepers *keepers;
    struct stream *stream;         /* a reference */
    struct keeper_sink *sinks;     /* one a topic */
    unsigned sink_count;
    bool by_interest;              /* it keeps nothing that no consumer wants */
    struct stream_watch watch;
    struct ack_words words;
    struct acks acks, refusals;    /* of what is to be committed first; of what can be said at once */
    struct keeper_waiter *waiters, **last_waiter;
    int attendants;
    void *guest;                   /* of the hooks' owner */
    struct list place;             /* in keepers->busy, while somebody waits or attends */
    struct list owing;             /* in keepers->owing, while something is to be committed */
};

struct keepers {
    struct broker *broker;
    struct stream_registry *registry;
    uint64_t generation;           /* of the registry, when it was last looked at */
    void (*wake)(void *arg);
    void *arg;
    struct keepers_hooks hooks;
    struct keeper **list;          /* by name */
    size_t count;
    struct list busy;
    struct list owing;
    struct acks own;               /* of what has come to no stream */
    char *text;                    /* room for one answer */
    size_t text_size;
};

/* Publishing. */

static bool has_something_to_say(const struct keeper *keeper)
{
    return !acks_is_empty(&keeper->acks) || !acks_is_empty(&keeper->refusals) || keeper->waiters;
}

static void make_busy(struct keeper *keeper)
{
    if (list_is_empty(&keeper->place))
        list_append(&keeper->keepers->busy, &keeper->place);
}

/* Room to remember whom to answer is set aside first: what is appended can be acknowledged. */
static bool reserve(struct keeper *keeper, const struct batch *batch)
{
    size_t size = 0;
    for (unsigned i = 0; i < batch->count; i++)
        size += batch->messages[i].reply_size ? ack_size(batch->messages[i].reply_size) : 0;
    return !size || (acks_reserve(&keeper->acks, size) && acks_reserve(&keeper->refusals, size));
}

static void note(struct acks *acks, struct slice reply, const struct receipt *receipt)
{
    struct ack ack = { .reply_size = (uint32_t)reply.size, .duplicate = receipt->duplicate };
    ack.sequence = receipt->sequence ? receipt->sequence : receipt->found;
    ack.verdict = receipt->sequence ? RECEIPT_KEPT : (uint8_t)receipt->verdict;
    acks_add(acks, &ack, reply.data);
}

void keeper_answer(struct keeper *keeper, struct slice reply, const struct receipt *receipt)
{
    if (!acks_reserve(&keeper->refusals, ack_size((uint32_t)reply.size)))
        return;
    note(&keeper->refusals, reply, receipt);
    make_busy(keeper);
}

/* The more waits to be written, the longer whoever publishes waits, by the square. */
static void slow_publishers_down(const struct keeper *keeper)
{
    uint64_t backlog = stream_backlog(keeper->stream);
    struct broker *broker = keeper->keepers->broker;
    if (backlog <= BACKLOG_FREE)
        return;
    uint64_t percent = backlog < BACKLOG_MUCH ? (backlog - BACKLOG_FREE) * 100 / (BACKLOG_MUCH - BACKLOG_FREE) : 100;
    unsigned stall_ms = 1 + (unsigned)(percent * percent * STALL_MAX_MS / 10000);
    if (stall_ms > broker->stall_ms)
        broker->stall_ms = stall_ms;
}

static void refuse_all(const struct keeper *keeper, const struct batch *batch)
{
    stream_stop_trains(keeper->stream, batch);
    for (unsigned i = 0; i < batch->count; i++)
        batch->receipts[i] = (struct receipt){ .stream = stream_name(keeper->stream), .verdict = RECEIPT_NO_MEMORY };
}

static void count_refusals(struct broker *broker, const struct batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++)
        broker->counters->quota_refusals += batch->receipts[i].verdict == RECEIPT_OVER_QUOTA;
}

static bool rolls_up_all(const struct batch *batch)
{
    struct slice value;
    for (unsigned i = 0; i < batch->count; i++)
        if (batch->messages[i].head_size &&
            headers_find(slice_make(batch->messages[i].body, batch->messages[i].head_size), "Nats-Rollup", &value) &&
            slice_is(value, "all"))
            return true;
    return false;
}

/* What is rolled up is gone: all of it for those alone who may publish to all of it. */
static bool is_partial(const struct keeper *keeper, const struct batch *batch)
{
    const struct session *session = batch->origin;
    return session && session->rights && stream_allows_rollup(keeper->stream) && rolls_up_all(batch) &&
           !access_may_publish_all(session->rights, keeper->stream);
}

/* The id of the last message is for those who may read it. */
static struct receipt told(const struct keeper *keeper, const struct batch *batch, const struct receipt *receipt)
{
    const struct session *session = batch->origin;
    struct receipt told = *receipt;
    if (receipt->verdict == RECEIPT_WRONG_ID && session &&
        !access_may_consume(session->rights, keeper->stream, NULL, 0))
        told.found = 0;
    return told;
}

static void note_refusal(struct keeper *keeper, const struct batch *batch, unsigned i)
{
    const struct receipt refusal = told(keeper, batch, &batch->receipts[i]);
    note(&keeper->refusals, slice_make(batch->messages[i].reply, batch->messages[i].reply_size), &refusal);
}

static unsigned keep(struct sink *sink, const struct batch *batch)
{
    const struct keeper_sink *at = (const struct keeper_sink *)sink;
    struct batch partial;
    struct keeper *keeper = at->keeper;
    struct broker *broker = keeper->keepers->broker;
    if (!at->takes_private && topic_is_private(batch->topic))
        return 0;
    if (!reserve(keeper, batch)) {
        refuse_all(keeper, batch);
        return 0;
    }
    if (is_partial(keeper, batch)) {
        partial = *batch;
        partial.is_partial = true;
        batch = &partial;
    }
    unsigned kept = stream_append(keeper->stream, batch, broker_wall_ms(broker), &keeper->watch);
    broker->counters->messages_kept += kept;
    if (kept < batch->count)
        count_refusals(broker, batch);
    for (unsigned i = 0; i < batch->count; i++) {
        const struct message *message = &batch->messages[i];
        if (message->reply_size && batch->receipts[i].sequence)
            note(&keeper->acks, slice_make(message->reply, message->reply_size), &batch->receipts[i]);
        else if (message->reply_size)
            note_refusal(keeper, batch, i);
    }
    if (has_something_to_say(keeper))
        make_busy(keeper);
    if (keeper->watch.owes_commit && list_is_empty(&keeper->owing))
        list_append(&keeper->keepers->owing, &keeper->owing);
    slow_publishers_down(keeper);
    return batch->count;
}

static const struct sink_ops keeper_ops = { .deliver = keep };

/* Answering. */

/* The id that stands where another was expected; empty: it is not known any more. Lies in room. */
static struct slice found_id(struct stream *stream, uint64_t sequence, char room[DETAIL_SIZE_MAX])
{
    struct stream_run run;
    struct stream_message message;
    struct slice id = slice_make(NULL, 0);
    if (!sequence || stream_read_at(stream, sequence, &run) != STREAM_FOUND)
        return id;
    if (stream_run_next(&run, &message) && headers_find(message.head, "Nats-Msg-Id", &id)) {
        id.size = id.size < DETAIL_SIZE_MAX ? id.size : DETAIL_SIZE_MAX;
        id.data = memcpy(room, id.data, id.size);
    }
    stream_release(&run);
    return id;
}

/* Where memory is short it is not answered: its publisher hears nothing, as when the answer is lost on the way. */
static void answer(struct keeper *keeper, const struct ack *ack, struct slice reply)
{
    struct keepers *keepers = keeper->keepers;
    char room[DETAIL_SIZE_MAX];
    struct slice detail = slice_make(NULL, 0);
    if (ack->verdict == RECEIPT_WRONG_ID)
        detail = found_id(keeper->stream, ack->sequence, room);
    size_t size = ack_write_size_max(&keeper->words, detail);
    if (size > keepers->text_size) {
        char *text = realloc(keepers->text, size);
        if (!text)
            return;
        keepers->text = text;
        keepers->text_size = size;
    }
    char *end = ack_write(keepers->text, &keeper->words, ack, detail);
    const struct message message = { .body = keepers->text, .body_size = (uint32_t)(end - keepers->text) };
    broker_send(keepers->broker, reply, &message, 1);
}

static void answer_acks(struct keeper *keeper, struct acks *acks, uint64_t last)
{
    struct slice reply;
    const struct ack *ack;
    while ((ack = acks_first(acks, &reply)) && ack->sequence <= last) {
        uint32_t run = 1 + acks_drop_run(acks, last);
        struct ack whole = *acks_first(acks, &reply);
        whole.run = run;
        answer(keeper, &whole, reply);
        acks_drop_first(acks);
    }
}

/* What no stream answers. */
static void answer_own(struct keepers *keepers)
{
    static const char delivered[] = "{\"delivered\":true}\r\n";
    static const struct ack_words words = { .text = (char *)"\"\"", .name_size = 2 }; /* no stream's name */
    char text[ACK_REFUSAL_SIZE_MAX];
    struct slice reply;
    const struct ack *ack;
    while ((ack = acks_first(&keepers->own, &reply))) {
        struct message message = { .body = delivered, .body_size = sizeof delivered - 3 };
        if (ack->verdict) {
            message.body = text;
            message.body_size = (uint32_t)(ack_write(text, &words, ack, slice_make(NULL, 0)) - text);
        }
        broker_send(keepers->broker, reply, &message, 1);
        acks_drop_first(&keepers->own);
    }
}

void keepers_answer(struct keepers *keepers, struct slice reply, enum receipt_verdict verdict)
{
    const struct ack ack = { .reply_size = (uint32_t)reply.size, .verdict = (uint8_t)verdict };
    if (acks_reserve(&keepers->own, ack_size(ack.reply_size)))
        acks_add(&keepers->own, &ack, reply.data);
}

static void unlink_waiter(struct keeper_waiter *waiter)
{
    struct keeper *keeper = waiter->keeper;
    *waiter->link = waiter->next;
    if (waiter->next)
        waiter->next->link = waiter->link;
    else
        keeper->last_waiter = waiter->link;
    waiter->keeper = NULL;
}

/* Whoever is called may wait anew, publish, and leave. */
static void call_waiters(struct keeper *keeper, uint64_t last, bool committed)
{
    while (keeper->waiters && keeper->waiters->sequence <= last) {
        struct keeper_waiter *waiter = keeper->waiters;
        unlink_waiter(waiter);
        waiter->done(waiter, committed);
    }
}

/* What waits will not be committed any more. */
static void fail_all(struct keeper *keeper)
{
    struct slice reply;
    const struct ack *ack;
    while ((ack = acks_first(&keeper->acks, &reply))) {
        const struct ack failed = { .verdict = RECEIPT_FAILED };
        answer(keeper, &failed, reply);
        acks_drop_first(&keeper->acks);
    }
    call_waiters(keeper, UINT64_MAX, false);
}

static bool has_failed(struct stream *stream)
{
    struct stream_state state;
    stream_get_state(stream, &state);
    return state.health == STREAM_FAILED;
}

/* Where there is no consumer at all, and nobody else who needs it, nothing is wanted: it goes before its publishers are
 * told that it was kept. */
static void drop_unwanted(const struct keeper *keeper, uint64_t last)
{
    if (keeper->by_interest && !stream_consumer_count(keeper->stream) && stream_held(keeper->stream) == UINT64_MAX)
        stream_purge(keeper->stream, slice_make(NULL, 0), last + 1, 0);
}

static void keeper_turn(struct keeper *keeper)
{
    bool advanced = stream_watch_take(&keeper->watch);
    uint64_t last = stream_last(keeper->stream);
    drop_unwanted(keeper, last);
    answer_acks(keeper, &keeper->refusals, UINT64_MAX);
    answer_acks(keeper, &keeper->acks, last);
    call_waiters(keeper, last, true);
    bool waiting = !acks_is_empty(&keeper->acks) || keeper->waiters;
    if (advanced && waiting && has_failed(keeper->stream))
        fail_all(keeper);
    if (advanced && keeper->attendants && keeper->keepers->hooks.advanced)
        keeper->keepers->hooks.advanced(keeper->keepers->hooks.arg, keeper);
    if (!keeper->attendants && !has_something_to_say(keeper))
        list_remove(&keeper->place);
}

static void pay(struct keeper *keeper)
{
    list_remove(&keeper->owing);
    stream_commit_soon(keeper->stream, &keeper->watch);
}

void keepers_commit(struct keepers *keepers)
{
    while (!list_is_empty(&keepers->owing))
        pay(LIST_OWNER(keepers->owing.next, struct keeper, owing));
}

void keepers_turn(struct keepers *keepers)
{
    keepers_commit(keepers);
    struct list turned;
    keepers_sync(keepers);
    list_init(&turned);
    list_splice(&turned, &keepers->busy); /* whoever is called may make others busy, and those may go */
    while (!list_is_empty(&turned)) {
        struct keeper *keeper = LIST_OWNER(turned.next, struct keeper, place);
        list_remove(&keeper->place);
        list_append(&keepers->busy, &keeper->place);
        keeper_turn(keeper);
    }
    answer_own(keepers);
    keepers->broker->stall_ms = 0; /* answers are nobody's whom they could hold back */
}

bool keeper_wait(struct keepers *keepers, struct keeper_waiter *waiter, const struct receipt *receipt)
{
    struct keeper *keeper = receipt->sequence ? keepers_find(keepers, slice_of(receipt->stream)) : NULL;
    waiter->keeper = NULL;
    if (!keeper || receipt->sequence <= stream_last(keeper->stream))
        return false;
    waiter->keeper = keeper;
    waiter->sequence = receipt->sequence;
    waiter->next = NULL;
    waiter->link = keeper->last_waiter;
    *keeper->last_waiter = waiter;
    keeper->last_waiter = &waiter->next;
    make_busy(keeper);
    return true;
}

void keeper_unwait(struct keeper_waiter *waiter)
{
    if (waiter->keeper)
        unlink_waiter(waiter);
}

void keeper_attend(struct keeper *keeper, int delta)
{
    keeper->attendants += delta;
    if (keeper->attendants)
        make_busy(keeper);
}

void keeper_set_guest(struct keeper *keeper, void *guest)
{
    keeper->guest = guest;
}

void *keeper_guest(const struct keeper *keeper)
{
    return keeper->guest;
}

bool keepers_have_waiting(const struct keepers *keepers)
{
    if (!acks_is_empty(&keepers->own))
        return true;
    for (const struct list *at = keepers->busy.next; at != &keepers->busy; at = at->next)
        if (has_something_to_say(LIST_OWNER(at, struct keeper, place)))
            return true;
    return false;
}

struct stream *keeper_stream(const struct keeper *keeper)
{
    return keeper->stream;
}

/* Tying. */

static void untie_topics(struct keeper *keeper)
{
    for (unsigned i = 0; i < keeper->sink_count; i++)
        router_remove(keeper->keepers->broker->router, &keeper->sinks[i].sink);
    free(keeper->sinks);
    keeper->sinks = NULL;
    keeper->sink_count = 0;
}

/* 0 or -ENOMEM. */
static int tie_topics(struct keeper *keeper, char **topics, unsigned count)
{
    keeper->sinks = calloc(count ? count : 1, sizeof *keeper->sinks);
    if (!keeper->sinks)
        return -ENOMEM;
    for (unsigned i = 0; i < count; i++) {
        struct keeper_sink *sink = &keeper->sinks[i];
        sink->sink = (struct sink){ .ops = &keeper_ops, .keeper = SINK_KEEPS, .weight = 1 };
        sink->keeper = keeper;
        sink->takes_private = topic_is_private(slice_of(topics[i]));
        int error = router_add(keeper->keepers->broker->router, &sink->sink, slice_of(topics[i]), slice_make(NULL, 0));
        if (error)
            return error;
        keeper->sink_count++;
    }
    return 0;
}

static bool is_tied_to(const struct keeper *keeper, const struct stream_settings *settings)
{
    char pattern[UINT16_MAX];
    if (keeper->sink_count != settings->topic_count)
        return false;
    for (unsigned i = 0; i < keeper->sink_count; i++) {
        size_t size = router_pattern(&keeper->sinks[i].sink, pattern, sizeof pattern);
        if (!slice_equal(slice_make(pattern, size), slice_of(settings->topics[i])))
            return false;
    }
    return true;
}

/* 0 or -ENOMEM. */
static int tie_anew(struct keeper *keeper)
{
    struct stream_settings settings;
    int error = stream_get_settings(keeper->stream, &settings);
    if (error)
        return error;
    keeper->by_interest = settings.retention == STREAM_INTEREST;
    if (!is_tied_to(keeper, &settings)) {
        untie_topics(keeper);
        error = tie_topics(keeper, settings.topics, settings.topic_count);
    }
    settings_finish(&settings);
    return error;
}

static void untie(struct keeper *keeper)
{
    struct keepers *keepers = keeper->keepers;
    if (keepers->hooks.untied)
        keepers->hooks.untied(keepers->hooks.arg, keeper);
    untie_topics(keeper);
    stream_unwatch(keeper->stream, &keeper->watch);
    answer_acks(keeper, &keeper->refusals, UINT64_MAX);
    answer_acks(keeper, &keeper->acks, stream_last(keeper->stream));
    fail_all(keeper);
    pay(keeper);
    list_remove(&keeper->place);
    acks_finish(&keeper->acks);
    acks_finish(&keeper->refusals);
    ack_words_finish(&keeper->words);
    stream_destroy(keeper->stream);
    free(keeper);
}

/* Takes a reference of its own. NULL: out of memory. */
static struct keeper *tie(struct keepers *keepers, struct stream *stream)
{
    struct keeper *keeper = calloc(1, sizeof *keeper);
    if (!keeper)
        return NULL;
    keeper->keepers = keepers;
    keeper->last_waiter = &keeper->waiters;
    keeper->watch.wake = keepers->wake;
    keeper->watch.arg = keepers->arg;
    list_init(&keeper->place);
    list_init(&keeper->owing);
    if (ack_words_init(&keeper->words, stream_name(stream)) != 0) {
        free(keeper);
        return NULL;
    }
    keeper->stream = stream_ref(stream);
    stream_watch(stream, &keeper->watch);
    if (keepers->hooks.tied)
        keepers->hooks.tied(keepers->hooks.arg, keeper);
    return keeper;
}

/* The keepers of these streams, which are in the order of their names as the keepers are. Those of streams that are
 * gone are untied. Returns how many there are; fewer than streams where memory is short. */
static size_t merge(struct keepers *keepers, struct stream **streams, size_t count, struct keeper **ret_list)
{
    size_t old = 0, made = 0;
    for (size_t i = 0; i < count; i++) {
        struct keeper *keeper = NULL;
        while (old < keepers->count && strcmp(stream_name(keepers->list[old]->stream), stream_name(streams[i])) < 0)
            untie(keepers->list[old++]);
        if (old < keepers->count && keepers->list[old]->stream == streams[i])
            keeper = keepers->list[old++];
        else
            keeper = tie(keepers, streams[i]);
        if (keeper)
            ret_list[made++] = keeper;
    }
    while (old < keepers->count)
        untie(keepers->list[old++]);
    return made;
}

static int sync_with(struct keepers *keepers, struct stream **streams, size_t count)
{
    struct keeper **list = malloc((count ? count : 1) * sizeof *list);
    if (!list)
        return -ENOMEM;
    size_t made = merge(keepers, streams, count, list);
    int error = made < count ? -ENOMEM : 0;
    free(keepers->list);
    keepers->list = list;
    keepers->count = made;
    for (size_t i = 0; i < made; i++)
        if (tie_anew(list[i]) != 0)
            error = -ENOMEM;
    return error;
}

int keepers_sync(struct keepers *keepers)
{
    uint64_t generation = stream_registry_generation(keepers->registry);
    if (generation == keepers->generation)
        return 0;
    size_t count = 0;
    struct stream **streams = stream_registry_list(keepers->registry, &count);
    int error = streams || !count ? sync_with(keepers, streams, count) : -ENOMEM;
    for (size_t i = 0; streams && i < count; i++)
        stream_destroy(streams[i]);
    free(streams);
    if (!error)
        keepers->generation = generation;
    return error;
}

static int compare_name(const void *name, const void *place)
{
    const struct slice *wanted = name;
    const char *found = stream_name((*(struct keeper *const *)place)->stream);
    int order = strncmp(wanted->data, found, wanted->size);
    return order ? order : -(found[wanted->size] != '\0');
}

struct keeper *keepers_find(struct keepers *keepers, struct slice name)
{
    struct keeper **place = NULL;
    if (keepers->count && name.size)
        place = bsearch(&name, keepers->list, keepers->count, sizeof *keepers->list, compare_name);
    return place ? *place : NULL;
}

struct keepers *keepers_create(struct broker *broker, struct stream_registry *registry, void (*wake)(void *arg),
                               void *arg)
{
    struct keepers *keepers = calloc(1, sizeof *keepers);
    if (!keepers)
        return NULL;
    *keepers = (struct keepers){ .broker = broker, .registry = registry, .wake = wake, .arg = arg };
    keepers->generation = UINT64_MAX;
    list_init(&keepers->busy);
    list_init(&keepers->owing);
    return keepers;
}

void keepers_set_hooks(struct keepers *keepers, const struct keepers_hooks *hooks)
{
    keepers->hooks = *hooks;
}

void keepers_destroy(struct keepers *keepers)
{
    if (!keepers)
        return;
    for (size_t i = 0; i < keepers->count; i++)
        untie(keepers->list[i]);
    acks_finish(&keepers->own);
    free(keepers->list);
    free(keepers->text);
    free(keepers);
}
