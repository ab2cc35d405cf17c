/* Whether a message is kept, and how. */
#include "stream/engine_state.h"
#include "stream/expect.h"
#include "stream/state.h"
#include "wire/headers.h"

/* A message on its way into the stream. */
struct newcomer {
    struct slice topic;
    const struct message *message;
    struct expectations asks;
    bool has_asked;                   /* asks is not empty */
    bool is_judged;                   /* what it asks has been looked at */
    bool is_partial;                  /* as in struct batch */
    uint64_t now_ms;
    struct slice train_text;          /* the train of the one before, which comes by the same connection */
    struct train_entry *train;
};

/* Verdicts. */

/* The sequence of the last message of the topic, to be seen or not. False: it is not known now. */
static bool find_topic_sequence(struct stream *stream, struct slice topic, uint64_t *ret_sequence)
{
    struct topic_entry *entry = topics_find(&stream->topics, topic);
    if (stream->is_counting || stream->purges || (entry && entry->last_is_ceiling &&
                                                  stream_search_last(stream, entry) != STREAM_FOUND))
        return false;
    *ret_sequence = entry ? entry->last : 0;
    return true;
}

static enum receipt_verdict judge_sequences(struct stream *stream, const struct newcomer *newcomer, uint64_t *ret_found)
{
    const struct expectations *asks = &newcomer->asks;
    if (asks->topic_sequence.size) {
        if (!find_topic_sequence(stream, newcomer->topic, ret_found))
            return RECEIPT_NOT_READY;
        if (*ret_found != expectation_number(asks->topic_sequence))
            return RECEIPT_WRONG_SEQUENCE;
    }
    *ret_found = stream->appended_sequence;
    if (asks->last_sequence.size && expectation_number(asks->last_sequence) != stream->appended_sequence)
        return RECEIPT_WRONG_SEQUENCE;
    if (asks->last_id.size && stream_hash_id(stream, asks->last_id) != stream->last_id)
        return RECEIPT_WRONG_ID;
    return RECEIPT_KEPT;
}

static enum receipt_verdict judge_rollup(const struct stream *stream, const struct newcomer *newcomer)
{
    struct slice rollup = newcomer->asks.rollup;
    bool is_known = !rollup.size || slice_is(rollup, "sub") || slice_is(rollup, "all");
    bool may = stream->settings.allow_rollup && !stream->settings.deny_purge;
    if (newcomer->is_partial && slice_is(rollup, "all"))
        return RECEIPT_NO_RIGHT;
    return is_known && (!rollup.size || may) ? RECEIPT_KEPT : RECEIPT_NO_ROLLUP;
}

/* With discard = new. What takes the place of another of its topic goes over no bound but that of topics. */
static enum receipt_verdict judge_room(const struct stream *stream, const struct newcomer *newcomer)
{
    const struct stream_limits *limits = &stream->limits;
    const struct topic_entry *entry = topics_find(&stream->topics, newcomer->topic);
    struct log_state state;
    if (limits->messages_per_topic_max && entry && entry->count >= limits->messages_per_topic_max)
        return limits->refuse_new_per_topic ? RECEIPT_TOO_MANY_OF_TOPIC : RECEIPT_KEPT;
    log_get_state(stream->log, &state);
    if (limits->messages_max && state.live_count >= limits->messages_max)
        return RECEIPT_TOO_MANY;
    if (limits->bytes_max && state.byte_count + record_size(newcomer->topic, newcomer->message) > limits->bytes_max)
        return RECEIPT_TOO_MANY_BYTES;
    return RECEIPT_KEPT;
}

static enum receipt_verdict judge(struct stream *stream, const struct newcomer *newcomer, uint64_t *ret_found)
{
    const struct expectations *asks = &newcomer->asks;
    enum receipt_verdict verdict = RECEIPT_KEPT;
    if (stream->health != STREAM_WELL)
        return stream->health == STREAM_FULL ? RECEIPT_DISK_FULL : RECEIPT_FAILED;
    if (asks->topic_sequence.size || asks->last_sequence.size || asks->last_id.size)
        verdict = judge_sequences(stream, newcomer, ret_found);
    if (!verdict)
        verdict = judge_rollup(stream, newcomer);
    if (!verdict && stream->limits.message_size_max && newcomer->message->body_size > stream->limits.message_size_max)
        verdict = RECEIPT_TOO_LARGE;
    if (!verdict && stream->limits.refuse_new)
        verdict = judge_room(stream, newcomer);
    if (!verdict && stream->quota && !stream_quota_takes(stream, record_size(newcomer->topic, newcomer->message)))
        verdict = RECEIPT_OVER_QUOTA;
    return verdict;
}

/* Keeping. */

/* What memory may be missing for is set aside first: what is in the log is in the index. */
static bool prepare(struct stream *stream, const struct newcomer *newcomer, uint64_t sequence,
                    struct topic_entry **ret_entry)
{
    struct slice rollup = newcomer->asks.rollup, all = slice_make(NULL, 0);
    if (!stream->has_topics)
        return true;
    if (stream->limits.messages_per_topic_max && !stream_reserve_excess(stream))
        return false;
    *ret_entry = topics_add(&stream->topics, newcomer->topic, sequence);
    if (!*ret_entry)
        return false;
    if (!rollup.size || stream_add_rollup(stream, slice_is(rollup, "sub") ? newcomer->topic : all, sequence))
        return true;
    topics_drop(&stream->topics, *ret_entry, sequence);
    return false;
}

/* Where nothing has to be written, it is to be seen at once. */
static void show_at_once(struct stream *stream)
{
    stream->shown_bytes = stream->appended_bytes;
    stream->last_time_ms = stream->appended_time_ms;
    stream_show(stream, stream->appended_sequence);
}

/* Returns its sequence; 0: out of memory. */
static uint64_t keep(struct stream *stream, const struct newcomer *newcomer)
{
    uint64_t sequence = stream->appended_sequence + 1;
    struct topic_entry *entry = NULL;
    if (!prepare(stream, newcomer, sequence, &entry))
        return 0;
    const struct record *record =
        log_append(stream->log, sequence, newcomer->now_ms, newcomer->topic, newcomer->message);
    if (!record) {
        if (entry)
            topics_drop(&stream->topics, entry, sequence);
        stream_drop_rollup(stream, sequence);
        return 0;
    }
    stream->appended_sequence = sequence;
    stream->appended_bytes += record->size;
    stream->appended_time_ms = newcomer->now_ms;
    stream->last_id = stream_hash_id(stream, newcomer->asks.id);
    if (!stream->in_files)
        show_at_once(stream);
    if (entry && stream->limits.messages_per_topic_max)
        stream_bound_topic(stream, entry);
    return sequence;
}

static bool identifies(const struct stream *stream)
{
    return stream->limits.duplicate_window_ms && stream->limits.duplicate_ids_max;
}

/* The headers of a stream without settings say no more than an id. */
static void read_headers(const struct stream *stream, struct newcomer *newcomer)
{
    struct slice head = slice_make(newcomer->message->body, newcomer->message->head_size);
    if (newcomer->has_asked)
        newcomer->asks = (struct expectations){ .id = { NULL, 0 } }; /* which is large: mostly it is empty already */
    newcomer->has_asked = head.size && !newcomer->is_judged;
    if (!newcomer->has_asked)
        return;
    if (stream->has_settings)
        expectations_read(head, &newcomer->asks);
    else if (identifies(stream) && !headers_find(head, "Nats-Msg-Id", &newcomer->asks.id))
        newcomer->asks.id.size = 0;
}

/* Whether its id has been seen lately. */
static bool is_duplicate(struct stream *stream, const struct newcomer *newcomer, struct receipt *receipt)
{
    if (!newcomer->asks.id.size || !identifies(stream))
        return false;
    duplicates_expire(&stream->duplicates, newcomer->now_ms, stream->limits.duplicate_window_ms);
    receipt->sequence = duplicates_find(&stream->duplicates, newcomer->asks.id);
    receipt->duplicate = receipt->sequence != 0;
    stream->duplicate_count += receipt->duplicate;
    return receipt->duplicate;
}

/* Without memory for the id, the message may be kept twice. */
static void remember_id(struct stream *stream, const struct newcomer *newcomer, uint64_t sequence)
{
    if (newcomer->asks.id.size && identifies(stream))
        duplicates_add(&stream->duplicates, newcomer->asks.id, sequence, newcomer->now_ms,
                       stream->limits.duplicate_ids_max);
}

static struct receipt append_one(struct stream *stream, struct newcomer *newcomer)
{
    struct receipt receipt = { .stream = stream->name, .epoch = stream->epoch, .durable = stream->in_files };
    struct slice expected = slice_make(NULL, 0);
    read_headers(stream, newcomer);
    expected = newcomer->asks.stream;
    if (stream->settings.sealed)
        receipt.verdict = RECEIPT_SEALED;
    else if (expected.size && !slice_is(expected, stream->name))
        receipt.verdict = RECEIPT_WRONG_STREAM;
    else if (!is_duplicate(stream, newcomer, &receipt))
        receipt.verdict = judge(stream, newcomer, &receipt.found);
    if (receipt.verdict || receipt.duplicate)
        return receipt;
    receipt.sequence = keep(stream, newcomer);
    if (receipt.sequence)
        remember_id(stream, newcomer, receipt.sequence);
    else
        receipt.verdict = RECEIPT_NO_MEMORY;
    return receipt;
}

/* In trains. */

static enum receipt_verdict enter_train(struct stream *stream, struct newcomer *newcomer, const struct batch *batch,
                                        const struct train *train)
{
    if (newcomer->train && slice_equal(train->text, newcomer->train_text))
        return newcomer->train->is_stopped ? RECEIPT_BEHIND : RECEIPT_KEPT;
    enum receipt_verdict verdict =
        trains_enter(&stream->trains, train, batch->connection, batch->user, &newcomer->train);
    newcomer->train_text = train->text;
    if (verdict)
        newcomer->train = NULL;
    return verdict;
}

static struct receipt refuse(const struct stream *stream, enum receipt_verdict verdict)
{
    return (struct receipt){ .stream = stream->name, .epoch = stream->epoch, .verdict = verdict };
}

/* Where it names a train, and only one that comes by a connection can. */
static struct receipt append_in_order(struct stream *stream, struct newcomer *newcomer, const struct batch *batch)
{
    const struct message *message = newcomer->message;
    struct train train;
    if (!message->reply_size || !batch->connection || batch->is_judged ||
        !train_read(slice_make(message->reply, message->reply_size), &train))
        return append_one(stream, newcomer);
    enum receipt_verdict verdict = enter_train(stream, newcomer, batch, &train);
    if (verdict)
        return refuse(stream, verdict);
    struct receipt receipt = append_one(stream, newcomer);
    newcomer->train->is_stopped = receipt.verdict && !verdict_is_final(receipt.verdict);
    return receipt;
}

/* Nothing of the batch has been looked at. */
void stream_stop_trains(struct stream *stream, const struct batch *batch)
{
    struct newcomer newcomer = { .topic = batch->topic };
    struct train train;
    stream_lock(stream);
    for (unsigned i = 0; i < batch->count && batch->connection; i++) {
        const struct message *message = &batch->messages[i];
        if (train_read(slice_make(message->reply, message->reply_size), &train) &&
            enter_train(stream, &newcomer, batch, &train) == RECEIPT_KEPT)
            newcomer.train->is_stopped = true;
    }
    stream_unlock(stream);
}

/* The committer waits for what has come by now. */
static bool has_gathered(const struct stream *stream)
{
    return stream->gather_sequence && stream->appended_sequence >= stream->gather_sequence;
}

/* True where the committer is to be told that there is something to write. */
static bool note_appended(struct stream *stream, uint64_t now_ms, const struct stream_watch *own)
{
    if (!stream->in_files) {
        stream_run_purges(stream);
        stream_trim(stream, now_ms);
        stream_await_age(stream);
        stream_wake(stream, own);
        return false;
    }
    atomic_store_explicit(&stream->backlog, stream->appended_bytes - stream->shown_bytes, memory_order_relaxed);
    bool is_news = !stream->commit_is_due || has_gathered(stream);
    stream->commit_is_due = true;
    return is_news;
}

/* The committer is told without the stream's lock, which it wants at once. */
static void tell_committer(struct stream *stream)
{
    stream_lock(stream);
    bool gathered = has_gathered(stream);
    if (gathered)
        stream->gather_sequence = 0;
    stream_unlock(stream);
    if (gathered)
        pthread_cond_signal(&stream->gathered);
    else
        engine_commit_soon(stream->engine, stream);
}

unsigned stream_append(struct stream *stream, const struct batch *batch, uint64_t now_ms, struct stream_watch *own)
{
    unsigned kept = 0;
    bool is_news = false;
    struct newcomer newcomer = { .topic = batch->topic, .now_ms = now_ms, .is_judged = batch->is_judged,
                                 .is_partial = batch->is_partial };
    bool is_stopped = false;
    stream_lock(stream);
    for (unsigned i = 0; i < batch->count; i++) {
        newcomer.message = &batch->messages[i];
        struct receipt receipt = is_stopped ? refuse(stream, RECEIPT_BEHIND)
                                            : append_in_order(stream, &newcomer, batch);
        kept += receipt.sequence && !receipt.duplicate;
        is_stopped |= batch->in_order && receipt.verdict && !verdict_is_final(receipt.verdict);
        if (batch->receipts)
            batch->receipts[i] = receipt;
    }
    if (kept)
        is_news = note_appended(stream, now_ms, own);
    else if (!stream->in_files)
        stream_trim(stream, now_ms);
    stream_unlock(stream);
    if (is_news && own)
        own->owes_commit = true;
    else if (is_news)
        tell_committer(stream);
    return kept;
}

void stream_commit_soon(struct stream *stream, struct stream_watch *own)
{
    if (!own->owes_commit)
        return;
    own->owes_commit = false;
    tell_committer(stream);
}
