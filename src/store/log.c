#include "store/state.h"

#include <stdio.h>
#include <stdlib.h>

enum { SPARE_LEAST = 8 };

struct log *log_create_memory(void)
{
    struct log *log = calloc(1, sizeof *log);
    if (!log)
        return NULL;
    log->spare_least = SPARE_LEAST;
    log->first_at = LOG_AT_UNKNOWN;
    list_init(&log->cached);
    list_init(&log->wanted);
    list_init(&log->unsynced);
    list_init(&log->doubted);
    return log;
}

const char *log_path(const struct log *log, uint64_t serial, const char *suffix, char out[LOG_PATH_SIZE])
{
    char name[SEGMENT_NAME_SIZE] = "";
    if (suffix)
        segment_name(serial, suffix, name);
    snprintf(out, LOG_PATH_SIZE, suffix ? "%s/%s" : "%s", log->directory, name);
    return out;
}

/* Spans. */

/* In files a span stays until it is written, so that the sequences in a segment have no holes. */
static bool has_to_stay(const struct log *log, const struct span *span)
{
    return log->files && (!span->is_closed || (span->block && span->size < span->block->used));
}

void log_retire_segment(struct log *log, struct segment *segment)
{
    size_t place = 0;
    while (log->segments[place] != segment)
        place++;
    log->segment_count--;
    log->file_bytes -= segment->used;
    for (; place < log->segment_count; place++)
        log->segments[place] = log->segments[place + 1];
    log->retired[log->retired_count++] = segment; /* there is room for all */
}

void log_settle_segment(struct log *log, struct segment *segment)
{
    bool is_last = segment == log->segments[log->segment_count - 1];
    if (segment->is_sealed && !segment->span_count && !segment->is_damaged && !is_last)
        log_retire_segment(log, segment);
}

void log_settle_damaged(struct log *log)
{
    while (log->segment_count > 1 && log->segments[1]->first_sequence <= log->killed_before) {
        struct segment *segment = log->segments[0];
        if (!segment->is_sealed || segment->span_count)
            return;
        log_retire_segment(log, segment);
    }
}

static void leave_segment(struct log *log, struct segment *segment)
{
    if (--segment->span_count == 0)
        log_settle_segment(log, segment);
}

static void free_span(struct log *log, struct span *span)
{
    cache_remove(log, span);
    if (span->block)
        cache_give_block(log, span->block);
    free(span->marks);
    span->block = NULL;
    span->marks = NULL;
    span->is_gone = true;
    if (!span->is_fetched)
        free(span);
}

bool log_drop_span(struct log *log, size_t place)
{
    if (has_to_stay(log, spans_at(&log->spans, place)))
        return false;
    struct span *span = spans_take(&log->spans, place);
    if (span->segment)
        leave_segment(log, span->segment);
    free_span(log, span);
    return true;
}

struct span *log_add_span(struct log *log, uint64_t sequence, uint32_t size)
{
    struct span *span = spans_reserve(&log->spans) ? malloc(sizeof *span) : NULL;
    struct block *block = span ? cache_take_block(log, sequence, size > BLOCK_SIZE ? size : BLOCK_SIZE) : NULL;
    if (!block) {
        free(span);
        return NULL;
    }
    struct span *before = spans_last(&log->spans);
    *span = (struct span){
        .first_sequence = sequence,
        .last_sequence = sequence - 1,
        .time_max_ms = before ? before->time_max_ms : 0,
        .block = block,
    };
    list_init(&span->link);
    spans_push(&log->spans, span);
    if (before) {
        before->is_closed = true;
        log_settle_span(log, log->spans.count - 2);
    }
    return span;
}

void log_settle_span(struct log *log, size_t place)
{
    struct span *span = spans_at(&log->spans, place);
    if (!log->files || has_to_stay(log, span))
        return;
    if (!span->live_count)
        log_drop_span(log, place);
    else if (span->block && list_is_empty(&span->link))
        cache_add(log, span);
}

struct segment *log_add_segment(struct log *log, const struct segment *segment)
{
    size_t room = log->segment_room ? 2 * log->segment_room : 16;
    if (log->segment_count + log->retired_count >= log->segment_room) {
        struct segment **segments = realloc(log->segments, room * sizeof(struct segment *));
        log->segments = segments ? segments : log->segments;
        struct segment **retired = segments ? realloc(log->retired, room * sizeof(struct segment *)) : NULL;
        log->retired = retired ? retired : log->retired;
        if (!retired)
            return NULL;
        log->segment_room = room;
    }
    struct segment *copy = malloc(sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *segment;
    log->file_bytes += copy->used;
    list_init(&copy->unsynced);
    log->segments[log->segment_count++] = copy;
    return copy;
}

void log_use_segment(struct log *log, struct segment *segment, uint64_t used)
{
    log->file_bytes += used - segment->used;
    segment->used = used;
}

void log_free_segment(struct log *log, struct segment *segment)
{
    list_remove(&segment->unsynced);
    if (segment->fd >= 0)
        log->files->close(log->files->arg, segment->fd);
    if (log->cut == segment)
        log->cut = NULL;
    free(segment);
}

void log_close(struct log *log)
{
    if (!log)
        return;
    while (log->spans.count)
        free_span(log, spans_take(&log->spans, log->spans.count - 1));
    while (log->spare_count)
        block_unref(log->spare[--log->spare_count]);
    slab_unref(log->slab);
    spans_finish(&log->spans);
    while (log->segment_count)
        log_free_segment(log, log->segments[--log->segment_count]);
    while (log->retired_count)
        log_free_segment(log, log->retired[--log->retired_count]);
    free(log->segments);
    free(log->retired);
    kills_finish(&log->kills);
    free(log->damages);
    free(log->directory);
    free(log);
}

/* Appending. */

struct record *log_append(struct log *log, uint64_t sequence, uint64_t time_ms, struct slice topic,
                          const struct message *message)
{
    struct span *span = spans_last(&log->spans);
    bool goes_on = span && !span->is_closed && span->last_sequence + 1 == sequence;
    struct record *record = goes_on ? block_append(span->block, sequence, time_ms, topic, message) : NULL;
    if (!record) {
        span = log_add_span(log, sequence, record_size(topic, message));
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
    log->appended_bytes += record->size;
    return record;
}

/* Finding. */

enum log_found log_find(struct log *log, uint64_t sequence, struct log_place *ret_place)
{
    struct span *span;
    if (!log->first_sequence)
        return LOG_ABSENT;
    if (sequence < log->first_sequence)
        sequence = log->first_sequence;
    for (size_t place = spans_find(&log->spans, sequence); (span = spans_at(&log->spans, place)); place++) {
        uint64_t from = sequence > span->first_sequence ? sequence : span->first_sequence;
        uint64_t found = span->live_count ? span_next_live(span, from) : span->last_sequence + 1;
        if (found > span->last_sequence)
            continue;
        if (log->files)
            cache_touch(log, place, from == span->first_sequence || found == log->first_sequence);
        if (!span->block)
            return LOG_AWAY;
        *ret_place = (struct log_place){ .block = span->block, .at = block_find(span->block, found) };
        return LOG_FOUND;
    }
    return LOG_ABSENT;
}

enum log_found log_find_back(struct log *log, uint64_t sequence, struct log_place *ret_place)
{
    size_t place = spans_find(&log->spans, sequence);
    if (!log->first_sequence || sequence < log->first_sequence)
        return LOG_ABSENT;
    for (place += place < log->spans.count; place > 0; place--) {
        const struct span *span = spans_at(&log->spans, place - 1);
        uint64_t from = sequence < span->last_sequence ? sequence : span->last_sequence;
        uint64_t found = span->live_count && from >= span->first_sequence ? span_last_live(span, from) : 0;
        if (found < log->first_sequence)
            continue;
        if (log->files)
            cache_touch(log, place - 1, false);
        if (!span->block)
            return LOG_AWAY;
        *ret_place = (struct log_place){ .block = span->block, .at = block_find(span->block, found) };
        return LOG_FOUND;
    }
    return LOG_ABSENT;
}

uint64_t log_next(const struct log *log, uint64_t sequence)
{
    const struct span *span;
    if (!log->first_sequence || sequence <= log->first_sequence)
        return log->first_sequence;
    for (size_t place = spans_find(&log->spans, sequence); (span = spans_at(&log->spans, place)); place++) {
        uint64_t from = sequence > span->first_sequence ? sequence : span->first_sequence;
        uint64_t found = span->live_count ? span_next_live(span, from) : span->last_sequence + 1;
        if (found <= span->last_sequence)
            return found;
    }
    return 0;
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
    if (sequence <= span->first_sequence)
        return spans_count_live(&log->spans, place);
    return span_count_live(span, sequence, span->last_sequence + 1) + spans_count_live(&log->spans, place + 1);
}

/* Times ascend as sequences do, as far as the clock has not been set back. */
static uint64_t find_time(const struct span *span, uint64_t time_ms)
{
    uint64_t low = span->first_sequence, high = span->block ? span->last_sequence : low;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (block_record(span->block, block_find(span->block, middle))->time_ms < time_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint64_t log_sequence_before_time(const struct log *log, uint64_t time_ms)
{
    const struct span *span = spans_at(&log->spans, spans_find_time(&log->spans, time_ms));
    uint64_t found = span ? find_time(span, time_ms) : log->last_sequence + 1;
    return found < log->first_sequence ? log->first_sequence : found;
}

bool log_first_span(const struct log *log, struct log_span_facts *ret_facts)
{
    if (!log->first_sequence)
        return false;
    const struct span *span = spans_at(&log->spans, spans_find(&log->spans, log->first_sequence));
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
        .room_count = log->files ? log->file_bytes : log->block_bytes,
        .unwritten_count = log->files ? log->appended_bytes - log->written_bytes : 0,
        .cached_count = log->cached_bytes,
        .segment_count = log->segment_count,
    };
}

/* Killing. */

void log_discount(struct log *log, struct span *span, uint32_t count, uint64_t bytes)
{
    spans_discount(&log->spans, span, count);
    span->live_bytes -= bytes;
    log->live_count -= count;
    log->live_bytes -= bytes;
}

void log_find_first(struct log *log, uint64_t sequence)
{
    struct span *span;
    size_t place = 0;
    log->first_at = LOG_AT_UNKNOWN;
    log->first_sequence = 0;
    while ((span = spans_at(&log->spans, place))) {
        if (span->live_count) {
            uint64_t from = span->first_sequence > sequence ? span->first_sequence : sequence;
            log->first_sequence = span_next_live(span, from);
            return;
        }
        place += !log_drop_span(log, place);
    }
}

/* The bytes of one record of a span; where it is away, of the middling one. */
static uint64_t bytes_of(const struct span *span, uint64_t sequence)
{
    if (span->block)
        return block_record(span->block, block_find(span->block, sequence))->size;
    return span->live_bytes / span->live_count;
}

bool log_kill(struct log *log, uint64_t sequence)
{
    size_t place = spans_find(&log->spans, sequence);
    struct span *span = spans_at(&log->spans, place);
    if (!span || !log->first_sequence || sequence < log->first_sequence || sequence < span->first_sequence ||
        span_is_dead(span, sequence))
        return false;
    log_discount(log, span, 1, bytes_of(span, sequence));
    span_mark_dead(span, sequence);
    if (log->files)
        kills_add(&log->kills, sequence, sequence);
    if (sequence == log->first_sequence)
        log_find_first(log, sequence + 1);
    else if (!span->live_count)
        log_drop_span(log, place);
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

/* The bytes of count live records in [from, to). Far from one another, and with nothing dead between them, the places
 * of two records say how many lie between: what was written so long ago is in no cache. */
static uint64_t bytes_between(const struct block *block, uint64_t from, uint64_t to, uint32_t count, uint32_t *at)
{
    if (to - from < BLOCK_INDEX_STEP || count < to - from)
        return walk(block, to, at);
    uint32_t start = *at;
    *at = block_find(block, to);
    return *at - start;
}

/* All of a span before a sequence, which the span has. */
static void kill_in_span(struct log *log, struct span *span, uint64_t to)
{
    const struct block *block = span->block;
    uint64_t from = log->first_sequence > span->first_sequence ? log->first_sequence : span->first_sequence;
    uint32_t count = from < to ? span_count_live(span, from, to) : 0, at = LOG_AT_UNKNOWN;
    if (!count)
        return;
    if (block) {
        bool is_known = from == log->first_sequence && log->first_at != LOG_AT_UNKNOWN;
        at = is_known ? log->first_at : block_find(block, from);
        log_discount(log, span, count, bytes_between(block, from, to, count, &at));
    } else {
        log_discount(log, span, count, span->live_bytes * count / span->live_count);
    }
    log_find_first(log, to);
    if (log->first_sequence == to)
        log->first_at = at;
}

void log_kill_before(struct log *log, uint64_t sequence)
{
    struct span *span;
    size_t place = 0;
    if (sequence > log->killed_before)
        log->killed_before = sequence;
    if (!log->first_sequence || sequence <= log->first_sequence)
        return;
    while ((span = spans_at(&log->spans, place)) && span->last_sequence < sequence) {
        log_discount(log, span, span->live_count, span->live_bytes);
        place += !log_drop_span(log, place);
    }
    if (span && span->first_sequence < sequence)
        kill_in_span(log, span, sequence);
    if (log->first_sequence < sequence)
        log_find_first(log, sequence);
}

void log_take_before(struct log *log, uint64_t sequence)
{
    uint64_t first = log->first_sequence, end = sequence <= log->last_sequence ? sequence : log->last_sequence + 1;
    if (log->files && first && first < end)
        kills_add(&log->kills, first, end - 1);
    log_kill_before(log, sequence);
}

void log_remember(struct log *log)
{
    log->remembers = true;
}
