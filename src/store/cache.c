/* Which blocks are in memory: those that nobody has written yet, the newest, and of the rest the last to be used. */
#include "store/state.h"

#include <stdlib.h>

enum {
    READ_AHEAD_COUNT = 4,       /* spans behind the one that somebody has come to, and is likely to want next */
    CACHED_LEAST = 8,           /* spans that stay in any case: what was fetched stays until it has been read */
};

static struct span *span_of(struct list *link)
{
    return LIST_OWNER(link, struct span, link);
}

/* Blocks. */

/* Who has twice as much memory as a slab holds takes the next by the slab: that is half more at most. NULL: it is not
 * to, or there is none. */
static struct block *cut_block(struct log *log, uint64_t first_sequence)
{
    struct block *block = log->slab ? slab_cut(log->slab, first_sequence) : NULL;
    if (block || log->block_bytes < 2 * SLAB_SIZE)
        return block;
    slab_unref(log->slab);
    log->slab = slab_create();
    return log->slab ? slab_cut(log->slab, first_sequence) : NULL;
}

struct block *cache_take_block(struct log *log, uint64_t first_sequence, uint32_t size)
{
    struct block *block = NULL;
    if (size == BLOCK_SIZE && log->spare_count) {
        block = log->spare[--log->spare_count];
        block_reuse(block, first_sequence);
    } else if (size == BLOCK_SIZE) {
        block = cut_block(log, first_sequence);
    }
    if (!block)
        block = block_create(first_sequence, size);
    if (block)
        log->block_bytes += block->size;
    return block;
}

/* How many blocks may wait to be used again: half as many as are in use, so that a queue, whose oldest go as new ones
 * come, works in the memory that it has. */
static size_t spare_max(const struct log *log)
{
    size_t half = log->block_bytes / BLOCK_SIZE / 2, most = half < LOG_SPARE_MAX ? half : LOG_SPARE_MAX;
    return most > log->spare_least ? most : log->spare_least;
}

/* Nobody can come to hold a block that is in no span: one reference is ours alone, and the block is used again. */
void cache_give_block(struct log *log, struct block *block)
{
    log->block_bytes -= block->size;
    if (block->size == BLOCK_SIZE && log->spare_count < spare_max(log) && block_is_ours(block))
        log->spare[log->spare_count++] = block;
    else
        block_unref(block);
}

/* Spans. */

void cache_add(struct log *log, struct span *span)
{
    log->cached_bytes += span->block->size;
    log->cached_count++;
    list_append(&log->cached, &span->link);
}

void cache_remove(struct log *log, struct span *span)
{
    if (list_is_empty(&span->link))
        return;
    if (span->block) {
        log->cached_bytes -= span->block->size;
        log->cached_count--;
    }
    list_remove(&span->link);
    span->is_wanted = false;
}

void cache_want(struct log *log, struct span *span)
{
    if (span->is_wanted || span->is_fetched)
        return;
    span->is_wanted = true;
    list_append(&log->wanted, &span->link);
}

void cache_touch(struct log *log, size_t place, bool is_first)
{
    struct span *span = spans_at(&log->spans, place);
    if (!span->block) {
        cache_want(log, span);
    } else if (!list_is_empty(&span->link)) {
        list_remove(&span->link);
        list_append(&log->cached, &span->link);
    }
    for (size_t ahead = 1; is_first && ahead <= READ_AHEAD_COUNT; ahead++) {
        span = spans_at(&log->spans, place + ahead);
        if (span && !span->block && span->live_count)
            cache_want(log, span);
    }
}

/* Keeps the marks. False: out of memory. */
static bool let_go(struct log *log, struct span *span)
{
    size_t count = span_mark_count(span);
    uint32_t *marks = malloc(count * sizeof *marks);
    if (!marks)
        return false;
    for (size_t i = 0; i < count; i++)
        marks[i] = block_dead_word(span->block, i);
    cache_remove(log, span);
    cache_give_block(log, span->block);
    span->block = NULL;
    span->marks = marks;
    if (log->first_sequence >= span->first_sequence && log->first_sequence <= span->last_sequence)
        log->first_at = LOG_AT_UNKNOWN;
    return true;
}

void cache_trim(struct log *log)
{
    while (log->cached_bytes > log->options.cache_size && log->cached_count > CACHED_LEAST)
        if (!let_go(log, span_of(log->cached.next)))
            break;
    while (log->spare_count > spare_max(log))
        block_unref(log->spare[--log->spare_count]);
}

void log_set_cache_size(struct log *log, uint64_t cache_size)
{
    log->options.cache_size = cache_size;
    cache_trim(log);
}

bool log_is_wanted(const struct log *log)
{
    return !list_is_empty(&log->wanted);
}
