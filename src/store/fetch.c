/* Bringing spans that are away. */
#include <errno.h>
#include <stdlib.h>

#include "store/trail.h"
#include "store/state.h"

enum { FETCH_COUNT = 8 };       /* spans at once */

struct fetched {
    struct span *span;          /* not touched without the lock */
    struct block *block;
    uint64_t serial, at, first_sequence, last_sequence;
    uint32_t seed, size;
    uint32_t lost_count;        /* records that are bad */
    bool is_done;
};

struct log_fetch {
    struct log *log;
    struct fetched spans[FETCH_COUNT];
    size_t count;
};

/* Beginning. */

static bool take(struct log *log, struct log_fetch *fetch)
{
    struct span *span = LIST_OWNER(log->wanted.next, struct span, link);
    uint32_t size = span->size > BLOCK_SIZE ? span->size : BLOCK_SIZE;
    struct block *block = cache_take_block(log, span->first_sequence, size);
    if (!block)
        return false;
    cache_remove(log, span);
    span->is_fetched = true;
    fetch->spans[fetch->count++] = (struct fetched){
        .span = span,
        .block = block,
        .serial = span->segment->serial,
        .at = span->at,
        .first_sequence = span->first_sequence,
        .last_sequence = span->last_sequence,
        .seed = span->segment->seed,
        .size = span->size,
    };
    return true;
}

struct log_fetch *log_fetch_begin(struct log *log, int *ret_error)
{
    *ret_error = 0;
    if (!log_is_wanted(log))
        return NULL;
    struct log_fetch *fetch = calloc(1, sizeof *fetch);
    if (fetch)
        fetch->log = log;
    while (fetch && fetch->count < FETCH_COUNT && log_is_wanted(log) && take(log, fetch))
        ;
    if (!fetch || !fetch->count) {
        free(fetch);
        *ret_error = -ENOMEM;
        return NULL;
    }
    return fetch;
}

/* Reading. */

/* In the place of bad records stand empty ones without a topic, so that sequences are contiguous. Each takes no more
 * than what it stands for. */
static void fill(struct fetched *fetched, uint64_t end_sequence)
{
    struct block *block = fetched->block;
    while (block->last_sequence + 1 < end_sequence) {
        struct record *record = block_record(block, block->used);
        *record = (struct record){ .size = sizeof *record, .sequence = block->last_sequence + 1 };
        block_note(block, record);
        fetched->lost_count++;
    }
}

static void copy(struct fetched *fetched, const struct record *record)
{
    struct block *block = fetched->block;
    if (record->sequence > fetched->last_sequence)
        return;
    fill(fetched, record->sequence);
    memcpy(block_record(block, block->used), record, record->size);
    block_note(block, record);
}

/* 0 or -ENOMEM. */
static int read_span(struct trail *trail, struct fetched *fetched)
{
    struct trail_item item;
    enum trail_kind kind;
    trail->seed = fetched->seed;
    trail_move(trail, fetched->at, fetched->at + fetched->size, fetched->first_sequence);
    while ((kind = trail_next(trail, &item)) != TRAIL_END)
        if (kind == TRAIL_RECORD)
            copy(fetched, item.record);
    if (trail->error == -ENOMEM)
        return -ENOMEM;
    fill(fetched, fetched->last_sequence + 1);
    fetched->is_done = true;
    return 0;
}

/* A segment that is not there, or cannot be opened for what is wrong with the disk, is damaged as a whole. */
static bool is_passing(int error)
{
    return error == -ENOMEM || error == -EMFILE || error == -ENFILE;
}

static int open_segment(const struct log *log, uint64_t serial, struct trail *trail)
{
    char path[LOG_PATH_SIZE];
    trail->fd = log->files->open(log->files->arg, log_path(log, serial, ".log", path), FILES_READ);
    return trail->fd < 0 ? trail->fd : 0;
}

/* Spans of one segment, as many as follow one another. Returns how many; 0: an error that passes. */
static size_t read_segment(struct log_fetch *fetch, size_t from, struct trail *trail, int *ret_error)
{
    size_t at = from;
    int error = open_segment(fetch->log, fetch->spans[from].serial, trail);
    if (error && !is_passing(error)) {
        fill(&fetch->spans[from], fetch->spans[from].last_sequence + 1);
        fetch->spans[from].is_done = true;
        return 1;
    }
    while (!error && at < fetch->count && fetch->spans[at].serial == fetch->spans[from].serial) {
        error = read_span(trail, &fetch->spans[at]);
        at += !error;
    }
    if (trail->fd >= 0)
        fetch->log->files->close(fetch->log->files->arg, trail->fd);
    *ret_error = error;
    return at - from;
}

int log_fetch_run(struct log_fetch *fetch)
{
    struct trail trail = { .files = fetch->log->files };
    int error = 0;
    for (size_t at = 0; !error && at < fetch->count;)
        at += read_segment(fetch, at, &trail, &error);
    trail_finish(&trail);
    return error;
}

/* Ending. */

static bool is_lost(const struct record *record)
{
    return !record->topic_size;
}

/* Bad records are dead, and the gap is told. */
static void bury(struct log *log, struct span *span)
{
    const struct block *block = span->block;
    for (uint32_t at = 0; at < block->used; at += block_record(block, at)->size) {
        uint64_t sequence = block_record(block, at)->sequence;
        if (!is_lost(block_record(block, at)) || span_is_dead(span, sequence))
            continue;
        span_mark_dead(span, sequence);
        if (sequence < log->first_sequence)
            continue;
        span->segment->is_damaged = true;
        log_add_damage(log, sequence, sequence); /* without memory for it, it is a gap that nobody is told of */
        log_discount(log, span, 1, span->live_bytes / span->live_count);
    }
}

/* What was guessed while it was away is known now. */
static void count_bytes(struct log *log, struct span *span)
{
    const struct block *block = span->block;
    uint64_t bytes = 0;
    for (uint32_t at = 0; at < block->used; at += block_record(block, at)->size) {
        const struct record *record = block_record(block, at);
        if (record->sequence >= log->first_sequence && !block_is_dead(block, record->sequence))
            bytes += record->size;
    }
    log->live_bytes += bytes - span->live_bytes;
    span->live_bytes = bytes;
}

static void move_marks(struct span *span, struct block *block)
{
    for (uint64_t sequence = span->first_sequence; sequence <= span->last_sequence; sequence++)
        if (span_is_dead(span, sequence))
            block_mark_dead(block, sequence);
    free(span->marks);
    span->marks = NULL;
    span->block = block;
}

static void take_block(struct log *log, const struct fetched *fetched)
{
    struct span *span = fetched->span;
    move_marks(span, fetched->block);
    cache_add(log, span);
    if (fetched->lost_count)
        bury(log, span);
    if (span->live_count < fetched->block->record_count)
        count_bytes(log, span);
    if (!span->live_count)
        log_drop_span(log, spans_find(&log->spans, fetched->first_sequence));
    if (fetched->lost_count)
        log_find_first(log, log->first_sequence);
}

void log_fetch_end(struct log *log, struct log_fetch *fetch)
{
    for (size_t i = 0; i < fetch->count; i++) {
        struct fetched *fetched = &fetch->spans[i];
        struct span *span = fetched->span;
        span->is_fetched = false;
        if (fetched->is_done && !span->is_gone) {
            take_block(log, fetched);
            continue;
        }
        cache_give_block(log, fetched->block);
        if (span->is_gone)
            free(span);
        else
            cache_want(log, span);
    }
    free(fetch);
    cache_trim(log);
}
