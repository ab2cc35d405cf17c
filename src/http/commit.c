#include "http/commit.h"

#include <stdlib.h>

#include "broker/keeper.h"
#include "http/calls.h"
#include "http/fields.h"
#include "http/problem.h"
#include "util/json.h"
#include "wire/format.h"

enum {
    WAIT_MS = 30000,   /* a disk that is full holds publishers up; they hear of it sooner than their proxies give up */
    STOPPING_MS = 2000 /* when the server stops, so much is waited for the disk */
};

static const char failed_detail[] = "The stream failed, or was removed, before the message was on disk.";

/* One stream for which an exchange waits. */
struct commit_stream {
    struct keeper_waiter waiter; /* first */
    struct commit *commit;
    struct receipt receipt;      /* of the last message for it; its name is the commit's */
    uint64_t committed_sequence; /* what is behind it has failed */
    bool has_failed;
};

struct commit {
    struct exchange *exchange;
    bool is_batch;
    unsigned waiting_count, stream_count;
    struct slice text;           /* of the answer, behind the streams */
    struct commit_stream streams[];
};

/* The list. */

static bool is_same_stream(const struct receipt *a, const struct receipt *b)
{
    return a->stream == b->stream;
}

bool commit_note(struct commit_list *list, const struct receipt *receipt)
{
    unsigned i = 0;
    while (i < list->count && !is_same_stream(&list->receipts[i], receipt))
        i++;
    if (i == list->room) {
        unsigned room = list->room ? 2 * list->room : 8;
        struct receipt *receipts = realloc(list->receipts, room * sizeof *receipts);
        if (!receipts)
            return false;
        list->receipts = receipts;
        list->room = room;
    }
    if (i == list->count || list->receipts[i].sequence < receipt->sequence)
        list->receipts[i] = *receipt;
    list->count += i == list->count;
    return true;
}

void commit_list_finish(struct commit_list *list)
{
    free(list->receipts);
    *list = (struct commit_list){ 0 };
}

/* Ending. */

static struct exchange *commit_end(struct commit *commit)
{
    struct exchange *exchange = commit->exchange;
    for (unsigned i = 0; i < commit->stream_count; i++)
        keeper_unwait(&commit->streams[i].waiter);
    free(commit);
    return exchange;
}

/* Was this result's message to be committed by a stream that has failed before? */
static bool has_failed(const struct commit *commit, struct slice result)
{
    char name[256];
    size_t size;
    struct slice stream = fields_member(result, "stream");
    uint64_t sequence = (uint64_t)fields_number(fields_member(result, "seq"), 0);
    if (!slice_is(fields_member(result, "durable"), "true") || stream.size > sizeof name ||
        !json_read_string(stream, name, &size))
        return false;
    for (unsigned i = 0; i < commit->stream_count; i++)
        if (commit->streams[i].has_failed && sequence > commit->streams[i].committed_sequence &&
            slice_is(slice_make(name, size), commit->streams[i].receipt.stream))
            return true;
    return false;
}

static void append_result(struct document *document, const struct commit *commit, struct slice result)
{
    char problem[1024];
    struct slice detail = slice_make(failed_detail, sizeof failed_detail - 1);
    if (has_failed(commit, result))
        result = slice_make(problem, (size_t)(problem_write(problem, PROBLEM_STREAM_FAILED, detail) - problem));
    document_value(document, NULL, result);
}

/* The results anew, each that has failed a problem. */
static void write_results(struct document *document, const struct commit *commit)
{
    struct slice results = fields_member(commit->text, "results"), result;
    size_t cursor = 0;
    document_open(document, NULL, '{');
    document_open(document, "results", '[');
    while (json_next_element(results, &cursor, &result))
        append_result(document, commit, result);
    document_close(document, ']');
    document_close(document, '}');
}

static void answer_failed(struct commit *commit)
{
    struct document document = { .failed = false };
    if (!commit->is_batch) {
        answer_problem(commit_end(commit), PROBLEM_STREAM_FAILED, NULL, "%s", failed_detail);
        return;
    }
    write_results(&document, commit);
    document_answer(&document, commit_end(commit));
}

static void answer_all(struct commit *commit)
{
    bool failed = false;
    for (unsigned i = 0; i < commit->stream_count; i++)
        failed |= commit->streams[i].has_failed;
    if (failed) {
        answer_failed(commit);
        return;
    }
    struct exchange *exchange = commit->exchange;
    commit->stream_count = 0; /* nobody is waited for any more */
    answer(exchange, 200, "application/json", commit->text, NULL);
    commit_end(commit);
}

/* Waiting. */

/* What had been committed before the stream failed is kept; where the stream is gone, nothing is. */
static void note_failure(struct commit_stream *stream)
{
    struct keepers *keepers = stream->commit->exchange->http->broker->keepers;
    struct keeper *keeper = keepers_find(keepers, slice_of(stream->receipt.stream));
    stream->has_failed = true;
    stream->committed_sequence = keeper ? stream_last(keeper_stream(keeper)) : 0;
}

static void on_done(struct keeper_waiter *waiter, bool committed)
{
    struct commit_stream *stream = (struct commit_stream *)waiter;
    struct commit *commit = stream->commit;
    if (!committed)
        note_failure(stream);
    if (--commit->waiting_count == 0)
        answer_all(commit);
}

static void on_abandoned(void *arg)
{
    commit_end(arg);
}

static void on_deadline(void *arg, uint64_t now_ms)
{
    (void)now_ms;
    answer_problem(commit_end(arg), PROBLEM_NO_REPLY, NULL,
                   "It is not on disk yet; whether it will be is not known. Send it again, with an Idempotency-Key.");
}

static void on_stopping(void *arg)
{
    struct exchange *exchange = ((struct commit *)arg)->exchange;
    exchange_set_deadline(exchange, loop_now_ms(exchange->http->loop) + STOPPING_MS);
}

static const struct hold_ops hold_ops = {
    .abandoned = on_abandoned,
    .stopping = on_stopping,
    .deadline = on_deadline,
};

static size_t names_size(const struct commit_list *list)
{
    size_t size = 0;
    for (unsigned i = 0; i < list->count; i++)
        size += strlen(list->receipts[i].stream) + 1;
    return size;
}

/* Copies the list and the text. NULL: out of memory. */
static struct commit *commit_create(const struct commit_list *list, struct slice text)
{
    size_t streams_size = list->count * sizeof(struct commit_stream);
    struct commit *commit = malloc(sizeof *commit + streams_size + text.size + names_size(list));
    if (!commit)
        return NULL;
    char *at = (char *)commit->streams + streams_size;
    *commit = (struct commit){ .stream_count = list->count, .text = slice_make(at, text.size) };
    at = format_slice(at, text);
    for (unsigned i = 0; i < list->count; i++) {
        commit->streams[i] = (struct commit_stream){ .commit = commit, .receipt = list->receipts[i] };
        commit->streams[i].receipt.stream = strcpy(at, list->receipts[i].stream);
        at += strlen(at) + 1;
    }
    return commit;
}

/* Nobody is called from within. */
static void begin_to_wait(struct commit *commit, struct keepers *keepers)
{
    for (unsigned i = 0; i < commit->stream_count; i++) {
        struct commit_stream *stream = &commit->streams[i];
        stream->waiter.done = on_done;
        commit->waiting_count += keeper_wait(keepers, &stream->waiter, &stream->receipt);
    }
}

bool commit_wait(struct exchange *exchange, struct commit_list *list, struct slice text, bool is_batch)
{
    struct http *http = exchange->http;
    struct commit *commit = list->count ? commit_create(list, text) : NULL;
    bool is_short = list->count && !commit;
    list->count = 0;
    if (is_short)
        calls_short_of_memory(exchange);
    if (!commit)
        return is_short;
    begin_to_wait(commit, http->broker->keepers);
    if (!commit->waiting_count) {
        free(commit);
        return false;
    }
    commit->exchange = exchange;
    commit->is_batch = is_batch;
    exchange_hold(exchange, &hold_ops, commit);
    exchange_set_deadline(exchange, loop_now_ms(http->loop) + WAIT_MS);
    return true;
}
