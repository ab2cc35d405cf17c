#include "store/spans.h"

#include <stdlib.h>

/* A bit for each dead record of 32, as block_dead_word has it. */
static uint32_t dead_word(const struct span *span, size_t word)
{
    return span->block ? block_dead_word(span->block, word) : span->marks[word];
}

bool span_is_dead(const struct span *span, uint64_t sequence)
{
    uint64_t place = sequence - span->first_sequence;
    return dead_word(span, place / 32) >> place % 32 & 1;
}

void span_mark_dead(struct span *span, uint64_t sequence)
{
    uint64_t place = sequence - span->first_sequence;
    if (span->block)
        block_mark_dead(span->block, sequence);
    else
        span->marks[place / 32] |= 1u << place % 32;
}

size_t span_mark_count(const struct span *span)
{
    return (span->last_sequence - span->first_sequence) / 32 + 1;
}

uint64_t span_next_live(const struct span *span, uint64_t sequence)
{
    uint64_t at = sequence - span->first_sequence, end = span->last_sequence + 1 - span->first_sequence;
    while (at < end) {
        uint32_t live = ~dead_word(span, at / 32) >> at % 32;
        if (live) {
            at += (unsigned)__builtin_ctz(live);
            break;
        }
        at = (at / 32 + 1) * 32;
    }
    return span->first_sequence + (at < end ? at : end);
}

uint64_t span_last_live(const struct span *span, uint64_t sequence)
{
    for (uint64_t end = sequence - span->first_sequence + 1; end > 0; end = (end - 1) / 32 * 32) {
        uint64_t word = (end - 1) / 32;
        uint32_t live = ~dead_word(span, word) & (UINT32_MAX >> (32 * (word + 1) - end));
        if (live)
            return span->first_sequence + 32 * word + 31 - (unsigned)__builtin_clz(live);
    }
    return 0;
}

uint32_t span_count_live(const struct span *span, uint64_t from, uint64_t to)
{
    uint64_t at = from - span->first_sequence, end = to - span->first_sequence;
    uint32_t count = 0;
    while (at < end) {
        uint64_t next = (at / 32 + 1) * 32 < end ? (at / 32 + 1) * 32 : end;
        uint32_t live = ~dead_word(span, at / 32) >> at % 32;
        count += (unsigned)__builtin_popcountll((uint64_t)live & ((1ull << (next - at)) - 1));
        at = next;
    }
    return count;
}

static struct span **place_of(const struct spans *spans, size_t place)
{
    return &spans->ring[(spans->head + place) & (spans->room - 1)];
}

/* Sums. */

static void add(struct spans *spans, size_t number, uint64_t count)
{
    spans->summed_count += count;
    for (; number <= spans->number_max; number += number & -number)
        spans->sums[number - 1] += count;
}

static uint64_t sum_up_to(const struct spans *spans, size_t number)
{
    uint64_t sum = 0;
    for (; number > 0; number -= number & -number)
        sum += spans->sums[number - 1];
    return sum;
}

void spans_discount(struct spans *spans, struct span *span, uint32_t count)
{
    span->live_count -= count;
    if (span != spans_last(spans))
        add(spans, span->number, -(uint64_t)count);
}

uint64_t spans_count_live(const struct spans *spans, size_t place)
{
    if (place >= spans->count)
        return 0;
    const struct span *last = spans_last(spans), *before = place ? spans_at(spans, place - 1) : NULL;
    return spans->summed_count - (before ? sum_up_to(spans, before->number) : 0) + last->live_count;
}

/* Numbers for twice as many as there are. */
static bool number_anew(struct spans *spans)
{
    size_t number_max = 2 * spans->count + 16;
    uint64_t *sums = calloc(number_max, sizeof *sums);
    if (!sums)
        return false;
    free(spans->sums);
    spans->sums = sums;
    spans->number_max = number_max;
    spans->last_number = spans->count;
    spans->summed_count = 0;
    for (size_t i = 0; i < spans->count; i++) {
        struct span *span = spans_at(spans, i);
        span->number = i + 1;
        if (i + 1 < spans->count)
            add(spans, span->number, span->live_count);
    }
    return true;
}

/* The queue. */

static bool widen(struct spans *spans)
{
    size_t room = spans->room ? 2 * spans->room : 16;
    struct span **ring = malloc(room * sizeof *ring);
    if (!ring)
        return false;
    for (size_t i = 0; i < spans->count; i++)
        ring[i] = spans_at(spans, i);
    free(spans->ring);
    spans->ring = ring;
    spans->room = room;
    spans->head = 0;
    return true;
}

bool spans_reserve(struct spans *spans)
{
    return (spans->count < spans->room || widen(spans)) &&
           (spans->last_number < spans->number_max || number_anew(spans));
}

void spans_push(struct spans *spans, struct span *span)
{
    const struct span *last = spans_last(spans);
    if (last)
        add(spans, last->number, last->live_count);
    span->number = ++spans->last_number;
    *place_of(spans, spans->count++) = span;
}

/* The last is in no sum. */
static void take_from_sums(struct spans *spans, size_t place)
{
    const struct span *span = spans_at(spans, place + 1 < spans->count ? place : place - 1);
    if (span)
        add(spans, span->number, -(uint64_t)span->live_count);
}

/* Those on its shorter side move up: mostly there are none. */
struct span *spans_take(struct spans *spans, size_t place)
{
    struct span *span = spans_at(spans, place);
    take_from_sums(spans, place);
    if (place < spans->count / 2) {
        for (; place > 0; place--)
            *place_of(spans, place) = spans_at(spans, place - 1);
        spans->head = (spans->head + 1) & (spans->room - 1);
    } else {
        for (; place + 1 < spans->count; place++)
            *place_of(spans, place) = spans_at(spans, place + 1);
    }
    spans->count--;
    return span;
}

size_t spans_find(const struct spans *spans, uint64_t sequence)
{
    size_t low = 0, high = spans->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (spans_at(spans, middle)->last_sequence < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t spans_find_time(const struct spans *spans, uint64_t time_ms)
{
    size_t low = 0, high = spans->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (spans_at(spans, middle)->time_max_ms < time_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void spans_finish(struct spans *spans)
{
    free(spans->ring);
    free(spans->sums);
    *spans = (struct spans){ .ring = NULL };
}
