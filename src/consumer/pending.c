#include "consumer/pending.h"

#include <assert.h>
#include <stdlib.h>

#include "util/hash.h"

enum { ROOM_MIN = 4, CHUNK_COUNT_MIN = 4, CHUNK_COUNT_MAX = 64 };

/* The deadline stands beside the entry, so that the heap is seldom left to compare two. */
struct pending_place {
    uint64_t deadline_ms;
    struct pending_entry *entry;
};

struct pending_chunk {
    struct pending_chunk *next;
    struct pending_entry entries[];
};

void pending_init(struct pending *pending)
{
    *pending = (struct pending){ .table = NULL };
    list_init(&pending->order);
    list_init(&pending->due);
    list_init(&pending->dead);
    list_init(&pending->unused);
}

void pending_finish(struct pending *pending)
{
    while (pending_oldest(pending))
        pending_remove(pending, pending_oldest(pending));
    while (pending->chunks) {
        struct pending_chunk *chunk = pending->chunks;
        pending->chunks = chunk->next;
        free(chunk);
    }
    free(pending->table);
    free(pending->heap);
    pending_init(pending);
}

void pending_move(struct pending *to, struct pending *from)
{
    struct list *const lists_to[] = { &to->order, &to->due, &to->dead, &to->unused };
    struct list *const lists_from[] = { &from->order, &from->due, &from->dead, &from->unused };
    *to = *from;
    for (size_t i = 0; i < sizeof lists_to / sizeof *lists_to; i++) {
        list_init(lists_to[i]);
        list_splice(lists_to[i], lists_from[i]);
    }
    pending_init(from);
}

/* The table. Sequences may come in strides, as a filter lets them through: so they are mixed. */

static size_t mask_of(const struct pending *pending)
{
    return 2 * pending->room - 1;
}

static size_t home_of(const struct pending *pending, uint64_t sequence)
{
    return (size_t)(hash_mix(sequence, HASH_PRIME_A) & mask_of(pending));
}

static size_t table_find(const struct pending *pending, uint64_t sequence)
{
    size_t at = home_of(pending, sequence);
    while (pending->table[at] && pending->table[at]->sequence != sequence)
        at = (at + 1) & mask_of(pending);
    return at;
}

/* Closes the hole: what stands behind it and could stand in it moves up. */
static void table_remove(struct pending *pending, uint64_t sequence)
{
    size_t mask = mask_of(pending), hole = table_find(pending, sequence);
    for (size_t at = (hole + 1) & mask; pending->table[at]; at = (at + 1) & mask) {
        size_t home = home_of(pending, pending->table[at]->sequence);
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        pending->table[hole] = pending->table[at];
        hole = at;
    }
    pending->table[hole] = NULL;
}

/* The heap. Of equal deadlines the lower sequence comes first. */

static bool is_before(struct pending_place a, struct pending_place b)
{
    return a.deadline_ms < b.deadline_ms ||
           (a.deadline_ms == b.deadline_ms && a.entry->sequence < b.entry->sequence);
}

static void heap_put(struct pending *pending, size_t at, struct pending_place place)
{
    pending->heap[at] = place;
    place.entry->place = (uint32_t)at;
}

static size_t heap_rise(struct pending *pending, size_t at, struct pending_place place)
{
    for (; at && is_before(place, pending->heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap_put(pending, at, pending->heap[(at - 1) / 2]);
    return at;
}

static size_t heap_sink(struct pending *pending, size_t at, struct pending_place place)
{
    size_t child;
    while ((child = 2 * at + 1) < pending->out_count) {
        if (child + 1 < pending->out_count && is_before(pending->heap[child + 1], pending->heap[child]))
            child++;
        if (!is_before(pending->heap[child], place))
            break;
        heap_put(pending, at, pending->heap[child]);
        at = child;
    }
    return at;
}

static void heap_add(struct pending *pending, struct pending_entry *entry)
{
    struct pending_place place = { entry->deadline_ms, entry };
    heap_put(pending, heap_rise(pending, pending->out_count++, place), place);
}

static void heap_remove(struct pending *pending, size_t at)
{
    struct pending_place last = pending->heap[--pending->out_count];
    if (at == pending->out_count)
        return;
    at = heap_sink(pending, at, last);
    heap_put(pending, heap_rise(pending, at, last), last);
}

/* Room. */

static bool grow_table(struct pending *pending, size_t room)
{
    struct pending_entry **old = pending->table, **table = calloc(2 * room, sizeof *table);
    if (!table)
        return false;
    pending->table = table;
    pending->room = room;
    for (struct pending_entry *entry = pending_oldest(pending); entry; entry = pending_after(pending, entry))
        table[table_find(pending, entry->sequence)] = entry;
    free(old);
    return true;
}

static bool grow(struct pending *pending)
{
    size_t room = pending->room ? 2 * pending->room : ROOM_MIN;
    struct pending_place *heap = reallocarray(pending->heap, room, sizeof *heap);
    if (!heap)
        return false;
    pending->heap = heap;
    return grow_table(pending, room);
}

/* As many again as there are: most have few. */
static bool add_chunk(struct pending *pending)
{
    size_t count = pending->count < CHUNK_COUNT_MIN ? CHUNK_COUNT_MIN
                   : pending->count < CHUNK_COUNT_MAX ? pending->count : CHUNK_COUNT_MAX;
    struct pending_chunk *chunk = malloc(sizeof *chunk + count * sizeof *chunk->entries);
    if (!chunk)
        return false;
    chunk->next = pending->chunks;
    pending->chunks = chunk;
    for (size_t i = 0; i < count; i++)
        list_append(&pending->unused, &chunk->entries[i].order);
    return true;
}

bool pending_reserve(struct pending *pending)
{
    return (pending->count < pending->room || grow(pending)) &&
           (!list_is_empty(&pending->unused) || add_chunk(pending));
}

void pending_rest(struct pending *pending)
{
    if (!pending->count && pending->room)
        pending_finish(pending);
}

/* Entries. */

static void enter_state(struct pending *pending, struct pending_entry *entry, enum pending_state state)
{
    entry->state = state;
    if (state == PENDING_OUT) {
        heap_add(pending, entry);
    } else {
        list_append(state == PENDING_DUE ? &pending->due : &pending->dead, &entry->line);
        pending->due_count += state == PENDING_DUE;
        pending->dead_count += state == PENDING_DEAD;
    }
}

static void leave_state(struct pending *pending, struct pending_entry *entry)
{
    if (entry->state == PENDING_OUT) {
        heap_remove(pending, entry->place);
    } else {
        list_remove(&entry->line);
        pending->due_count -= entry->state == PENDING_DUE;
        pending->dead_count -= entry->state == PENDING_DEAD;
    }
}

struct pending_entry *pending_add(struct pending *pending, uint64_t sequence, uint64_t consumer_sequence,
                                  uint64_t deadline_ms)
{
    struct list *unused = pending->unused.prev; /* the last to be given back: it is in the cache */
    struct pending_entry *entry = LIST_OWNER(unused, struct pending_entry, order);
    assert(list_is_empty(&pending->order) ||
           LIST_OWNER(pending->order.prev, struct pending_entry, order)->sequence < sequence);
    list_remove(unused);
    *entry = (struct pending_entry){
        .sequence = sequence,
        .consumer_sequence = consumer_sequence,
        .deadline_ms = deadline_ms,
        .delivery_count = 1,
    };
    list_append(&pending->order, &entry->order);
    pending->table[table_find(pending, sequence)] = entry;
    pending->count++;
    enter_state(pending, entry, PENDING_OUT);
    return entry;
}

void pending_remove(struct pending *pending, struct pending_entry *entry)
{
    leave_state(pending, entry);
    table_remove(pending, entry->sequence);
    list_remove(&entry->order);
    list_append(&pending->unused, &entry->order);
    pending->count--;
    pending->redelivered_count -= entry->delivery_count > 1;
    free(entry->words);
}

struct pending_entry *pending_find(const struct pending *pending, uint64_t sequence)
{
    return pending->count ? pending->table[table_find(pending, sequence)] : NULL;
}

void pending_set_out(struct pending *pending, struct pending_entry *entry, uint64_t deadline_ms)
{
    leave_state(pending, entry);
    entry->deadline_ms = deadline_ms;
    enter_state(pending, entry, PENDING_OUT);
}

void pending_set_due(struct pending *pending, struct pending_entry *entry)
{
    leave_state(pending, entry);
    enter_state(pending, entry, PENDING_DUE);
}

void pending_set_dead(struct pending *pending, struct pending_entry *entry)
{
    leave_state(pending, entry);
    enter_state(pending, entry, PENDING_DEAD);
}

void pending_set_count(struct pending *pending, struct pending_entry *entry, uint32_t delivery_count)
{
    pending->redelivered_count -= entry->delivery_count > 1;
    pending->redelivered_count += delivery_count > 1;
    entry->delivery_count = delivery_count;
}

static struct pending_entry *first_of(const struct list *line)
{
    return list_is_empty(line) ? NULL : LIST_OWNER(line->next, struct pending_entry, line);
}

struct pending_entry *pending_oldest(const struct pending *pending)
{
    const struct list *order = &pending->order;
    return list_is_empty(order) ? NULL : LIST_OWNER(order->next, struct pending_entry, order);
}

struct pending_entry *pending_next_out(const struct pending *pending)
{
    return pending->out_count ? pending->heap[0].entry : NULL;
}

struct pending_entry *pending_next_due(const struct pending *pending)
{
    return first_of(&pending->due);
}

struct pending_entry *pending_next_dead(const struct pending *pending)
{
    return first_of(&pending->dead);
}

struct pending_entry *pending_after(const struct pending *pending, const struct pending_entry *entry)
{
    struct list *next = entry->order.next;
    return next == &pending->order ? NULL : LIST_OWNER(next, struct pending_entry, order);
}

struct pending_entry *pending_after_dead(const struct pending *pending, const struct pending_entry *entry)
{
    struct list *next = entry->line.next;
    return next == &pending->dead ? NULL : LIST_OWNER(next, struct pending_entry, line);
}
