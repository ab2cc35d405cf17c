#include "store/state.h"

#include <assert.h>
#include <stdlib.h>

struct log *log_create_memory(void)
{
    return calloc(1, sizeof(struct log));
}

/* Blocks. */

static struct block *take_block(struct log *log, uint64_t first_sequence, uint32_t size)
{
    struct block *block;
    if (size == BLOCK_SIZE && log->spare_count) {
        block = log->spare[--log->spare_count];
        block_reuse(block, first_sequence);
    } else {
        block = block_create(first_sequence, size);
    }
    if (block)
        log->block_bytes += block->size;
    return block;
}

/* Nobody can come to hold a block that is in no span: one reference is ours alone, and the block is used again. */
static void give_block(struct log *log, struct block *block)
{
    log->block_bytes -= block->size;
    if (block->size == BLOCK_SIZE && log->spare_count < LOG_SPARE_MAX && block_is_ours(block))
        log->spare[log->spare_count++] = block;
    else
        block_unref(block);
}

static void drop_span(struct log *log, size_t place)
{
    struct span *span = spans_take(&log->spans, place);
    give_block(log, span->block);
    free(span);
}

void log_close(struct log *log)
{
    if (!log)
        return;
    while (log->spans.count)
        drop_span(log, log->spans.count - 1);
    while (log->spare_count)
        block_unref(log->spare[--log->spare_count]);
    spans_finish(&log->spans);
    free(log);
}

/* Appending. */

/* A new last span, for a record of that size at least. */
static struct span *add_span(struct log *log, uint64_t sequence, uint32_t size)
{
    struct span *span = spans_reserve(&log->spans) ? malloc(sizeof *span) : NULL;
    struct block *block = span ? take_block(log, sequence, size > BLOCK_SIZE ? size : BLOCK_SIZE) : NULL;
    if (!block) {
        free(span);
        return NULL;
    }
    const struct span *before = spans_last(&log->spans);
    *span = (struct span){
        .first_sequence = sequence,
        .last_sequence = sequence - 1,
        .time_max_ms = before ? before->time_max_ms : 0,
        .block = block,
    };
    spans_push(&log->spans, span);
    return span;
}

struct record *log_append(struct log *log, uint64_t sequence, uint64_t time_ms, struct slice topic,
                          const struct message *message)
{
    struct span *span = spans_last(&log->spans);
    struct record *record = span ? block_append(span->block, sequence, time_ms, topic, message) : NULL;
    if (!record) {
        span = add_span(log, sequence, record_size(topic, message));
        if (!span)
            return NULL;
        record = block_append(span->block, sequence, time_ms, topic, message);
    }
    if (!log->first_sequence) {
        log->first_sequence = sequence;
        log->first_at = LOG_AT_UNKNOWN;
    }
    log->last_sequence = span->last_sequence = sequence;
    span->live_count++;
    span->live_bytes += record->size;
    if (time_ms > span->time_max_ms)
        span->time_max_ms = time_ms;
    log->live_count++;
    log->live_bytes += record->size;
    return record;
}

/* Finding. */

enum log_found log_find(struct log *log, uint64_t sequence, struct log_place *ret_place)
{
    const struct span *span;
    if (sequence < log->first_sequence)
        sequence = log->first_sequence;
    for (size_t place = spans_find(&log->spans, sequence); (span = spans_at(&log->spans, place)); place++) {
        uint64_t from = sequence > span->first_sequence ? sequence : span->first_sequence;
        uint64_t found = span->live_count ? span_next_live(span, from) : span->last_sequence + 1;
        if (found > span->last_sequence)
            continue;
        *ret_place = (struct log_place){ .block = span->block, .at = block_find(span->block, found) };
        return LOG_FOUND;
    }
    return LOG_ABSENT;
}

uint64_t log_first(const struct log *log)
{
    return log->first_sequence;
}

uint64_t log_count_from(const struct log *log, uint64_t sequence)
{
    size_t place = spans_find(&log->spans, sequence);
    const struct span *span = spans_at(&log->spans, place);
    if (!span)
        return 0;
    if (sequence <= log->first_sequence)
        return log->live_count;
    uint64_t count = sequence <= span->first_sequence
                         ? span->live_count
                         : span_count_live(span, sequence, span->last_sequence + 1);
    while ((span = spans_at(&log->spans, ++place)))
        count += span->live_count;
    return count;
}

/* Times ascend as sequences do, as far as the clock has not been set back. */
uint64_t log_sequence_before_time(const struct log *log, uint64_t time_ms)
{
    const struct span *span = spans_at(&log->spans, spans_find_time(&log->spans, time_ms));
    if (!span)
        return log->last_sequence + 1;
    uint64_t low = span->first_sequence, high = span->last_sequence;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (block_record(span->block, block_find(span->block, middle))->time_ms < time_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low < log->first_sequence ? log->first_sequence : low;
}

bool log_first_span(const struct log *log, struct log_span_facts *ret_facts)
{
    const struct span *span = log->first_sequence
                                  ? spans_at(&log->spans, spans_find(&log->spans, log->first_sequence))
                                  : NULL;
    if (!span)
        return false;
    *ret_facts = (struct log_span_facts){
        .first_sequence = span->first_sequence,
        .last_sequence = span->last_sequence,
        .live_count = span->live_count,
        .byte_count = span->live_bytes,
        .time_max_ms = span->time_max_ms,
    };
    return true;
}

void log_get_state(const struct log *log, struct log_state *ret_state)
{
    *ret_state = (struct log_state){
        .live_count = log->live_count,
        .byte_count = log->live_bytes,
        .room_count = log->block_bytes,
    };
}

/* Killing. */

static void discount(struct log *log, struct span *span, uint32_t count, uint64_t bytes)
{
    span->live_count -= count;
    span->live_bytes -= bytes;
    log->live_count -= count;
    log->live_bytes -= bytes;
}

/* The first live record from this sequence on, of whose place `at` is known to be that of the sequence itself. */
static void find_first(struct log *log, uint64_t sequence, uint32_t at)
{
    const struct span *span;
    while ((span = spans_at(&log->spans, 0)) && !span->live_count)
        drop_span(log, 0);
    uint64_t from = span && span->first_sequence > sequence ? span->first_sequence : sequence;
    log->first_sequence = span ? span_next_live(span, from) : 0;
    log->first_at = log->first_sequence == sequence ? at : LOG_AT_UNKNOWN;
}

bool log_kill(struct log *log, uint64_t sequence)
{
    size_t place = spans_find(&log->spans, sequence);
    struct span *span = spans_at(&log->spans, place);
    if (!span || sequence < log->first_sequence || sequence < span->first_sequence ||
        block_is_dead(span->block, sequence))
        return false;
    discount(log, span, 1, block_record(span->block, block_find(span->block, sequence))->size);
    block_mark_dead(span->block, sequence);
    if (sequence == log->first_sequence)
        find_first(log, sequence + 1, LOG_AT_UNKNOWN);
    else if (!span->live_count)
        drop_span(log, place);
    return true;
}

/* The bytes of the live records of a block in [from, to); *at is the place of from, and becomes that of to. */
static uint64_t walk(const struct block *block, uint64_t to, uint32_t *at)
{
    uint64_t bytes = 0;
    for (const struct record *record; (record = block_record(block, *at))->sequence < to; *at += record->size)
        if (!block_is_dead(block, record->sequence))
            bytes += record->size;
    return bytes;
}

/* All of a span before a sequence, which the span has. Far from one another, and with nothing dead between them, the
 * places of two records say how many bytes lie between; what was written so long ago is in no cache. */
static void kill_in_span(struct log *log, struct span *span, uint64_t to)
{
    const struct block *block = span->block;
    uint64_t from = log->first_sequence > span->first_sequence ? log->first_sequence : span->first_sequence, bytes;
    uint32_t at = from == log->first_sequence && log->first_at != LOG_AT_UNKNOWN ? log->first_at
                                                                                  : block_find(block, from);
    uint32_t count = span_count_live(span, from, to);
    if (to - from < BLOCK_INDEX_STEP || count < to - from) {
        bytes = walk(block, to, &at);
    } else {
        uint32_t end = block_find(block, to);
        bytes = end - at;
        at = end;
    }
    discount(log, span, count, bytes);
    find_first(log, to, at);
}

void log_kill_before(struct log *log, uint64_t sequence)
{
    struct span *span;
    if (!log->first_sequence || sequence <= log->first_sequence)
        return;
    while ((span = spans_at(&log->spans, 0)) && span->last_sequence < sequence) {
        discount(log, span, span->live_count, span->live_bytes);
        drop_span(log, 0);
    }
    if (span && span->first_sequence < sequence)
        kill_in_span(log, span, sequence);
    else
        find_first(log, sequence, LOG_AT_UNKNOWN);
}
