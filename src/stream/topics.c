#include "stream/topics.h"

#include <stdlib.h>

#include "util/hash.h"
#include "util/random.h"

enum { TABLE_MIN = 64, RING_MIN = 4 };

struct topic_ring {
    uint32_t head, room; /* room: a power of two */
    uint64_t sequences[];
};

static uint64_t *ring_place(const struct topic_entry *entry, uint64_t place)
{
    struct topic_ring *ring = entry->ring;
    return &ring->sequences[(ring->head + place) & (ring->room - 1)];
}

/* The table grows by linear hashing: with every topic beyond its size one chain is split in two. */

/* The chain of a hash: of its lowest bits, as many as name a chain that is there. */
static struct topic_entry **chain_of(const struct topics *topics, uint32_t hash)
{
    size_t mask = SIZE_MAX >> __builtin_clzll(topics->size - 1), place = hash & mask;
    return &topics->table[place < topics->size ? place : place & (mask >> 1)];
}

static bool make_room(struct topics *topics)
{
    if (topics->size < topics->room)
        return true;
    size_t room = topics->room ? 2 * topics->room : TABLE_MIN;
    struct topic_entry **table = malloc(room * sizeof *table);
    if (!table)
        return false;
    if (topics->size)
        memcpy(table, topics->table, topics->size * sizeof *table);
    free(topics->table);
    topics->table = table;
    topics->room = room;
    return true;
}

static bool begin_table(struct topics *topics)
{
    if (!make_room(topics))
        return false;
    random_bytes(&topics->seed, sizeof topics->seed);
    memset(topics->table, 0, TABLE_MIN * sizeof *topics->table);
    topics->size = TABLE_MIN;
    return true;
}

/* One chain more, from the one that had its topics so far. Without memory chains are longer. */
static void split_chain(struct topics *topics)
{
    if (topics->size >= UINT32_MAX || !make_room(topics))
        return;
    size_t mask = SIZE_MAX >> __builtin_clzll(topics->size);
    struct topic_entry **from = &topics->table[topics->size & (mask >> 1)], **to = &topics->table[topics->size];
    *to = NULL;
    while (*from) {
        struct topic_entry *entry = *from;
        if ((entry->hash & mask) == topics->size) {
            *from = entry->next;
            entry->next = *to;
            *to = entry;
        } else {
            from = &entry->next;
        }
    }
    topics->size++;
}

static uint32_t hash_of(const struct topics *topics, struct slice topic)
{
    return (uint32_t)hash_bytes(topics->seed, topic.data, topic.size);
}

/* Where the entry hangs, or where it would. */
static struct topic_entry **find(const struct topics *topics, uint32_t hash, struct slice topic)
{
    struct topic_entry **place = chain_of(topics, hash);
    while (*place && !((*place)->hash == hash && slice_equal(topic_entry_name(*place), topic)))
        place = &(*place)->next;
    return place;
}

static void remove_entry(struct topics *topics, struct topic_entry *entry)
{
    struct topic_entry **place = chain_of(topics, entry->hash);
    while (*place != entry)
        place = &(*place)->next;
    *place = entry->next;
    free(entry->ring);
    free(entry);
    topics->count--;
}

struct topic_entry *topics_find(const struct topics *topics, struct slice topic)
{
    struct topic_entry *entry = topics->size ? *find(topics, hash_of(topics, topic), topic) : NULL;
    return entry && entry->count ? entry : NULL;
}

static struct topic_entry *find_or_make(struct topics *topics, struct slice topic)
{
    if (!topics->size && !begin_table(topics))
        return NULL;
    uint32_t hash = hash_of(topics, topic);
    struct topic_entry **place = find(topics, hash, topic);
    if (*place)
        return *place;
    struct topic_entry *entry = malloc(sizeof *entry + topic.size);
    if (!entry)
        return NULL;
    *entry = (struct topic_entry){ .hash = hash, .name_size = (uint16_t)topic.size };
    memcpy(entry->name, topic.data, topic.size);
    *place = entry;
    if (++topics->count > topics->size)
        split_chain(topics);
    return entry;
}

/* Messages of a topic. */

/* Room for one more sequence. */
static bool grow_ring(struct topic_entry *entry)
{
    uint32_t room = entry->ring ? 2 * entry->ring->room : RING_MIN;
    struct topic_ring *ring = malloc(sizeof *ring + room * sizeof *ring->sequences);
    if (!ring)
        return false;
    ring->head = 0;
    ring->room = room;
    for (uint64_t i = 0; i < entry->count; i++)
        ring->sequences[i] = topics_at(entry, i);
    free(entry->ring);
    entry->ring = ring;
    return true;
}

static bool make_place(const struct topics *topics, struct topic_entry *entry)
{
    if (!topics->keeps_sequences || (!entry->ring && entry->count < 2))
        return true;
    return (entry->ring && entry->count < entry->ring->room) || grow_ring(entry);
}

struct topic_entry *topics_add(struct topics *topics, struct slice topic, uint64_t sequence)
{
    struct topic_entry *entry = find_or_make(topics, topic);
    if (!entry || !make_place(topics, entry))
        return NULL;
    if (entry->ring)
        *ring_place(entry, entry->count) = sequence;
    if (!entry->count) {
        entry->first = sequence;
        entry->first_is_floor = false;
    }
    entry->last = sequence;
    entry->last_is_ceiling = false;
    entry->count++;
    return entry;
}

/* The place of the first sequence that is not before this one. */
static uint64_t ring_find(const struct topic_entry *entry, uint64_t sequence)
{
    uint64_t low = 0, high = entry->count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (*ring_place(entry, middle) < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Mostly it is the oldest. */
static void ring_drop(struct topic_entry *entry, uint64_t sequence)
{
    uint64_t place = ring_find(entry, sequence);
    if (place == entry->count || *ring_place(entry, place) != sequence)
        return;
    if (place < entry->count / 2) {
        for (; place > 0; place--)
            *ring_place(entry, place) = *ring_place(entry, place - 1);
        entry->ring->head = (entry->ring->head + 1) & (entry->ring->room - 1);
    } else {
        for (; place + 1 < entry->count; place++)
            *ring_place(entry, place) = *ring_place(entry, place + 1);
    }
    entry->count--;
    if (!entry->count)
        return;
    entry->first = *ring_place(entry, 0);
    entry->last = *ring_place(entry, entry->count - 1);
    if (entry->count == 1) {
        free(entry->ring);
        entry->ring = NULL;
    }
}

/* Of one message that is left both ends are known where one is. */
static void bounds_drop(struct topic_entry *entry, uint64_t sequence)
{
    entry->count--;
    if (sequence == entry->first) {
        entry->first = sequence + 1;
        entry->first_is_floor = true;
    } else if (sequence == entry->last) {
        entry->last = sequence - 1;
        entry->last_is_ceiling = true;
    }
    if (entry->count != 1 || entry->first_is_floor == entry->last_is_ceiling)
        return;
    if (entry->first_is_floor)
        entry->first = entry->last;
    else
        entry->last = entry->first;
    entry->first_is_floor = entry->last_is_ceiling = false;
}

void topics_drop(struct topics *topics, struct topic_entry *entry, uint64_t sequence)
{
    if (entry->ring)
        ring_drop(entry, sequence);
    else
        bounds_drop(entry, sequence);
    if (!entry->count && !entry->is_marked)
        remove_entry(topics, entry);
}

void topics_unmark(struct topics *topics, struct topic_entry *entry)
{
    entry->is_marked = false;
    if (!entry->count)
        remove_entry(topics, entry);
}

uint64_t topics_at(const struct topic_entry *entry, uint64_t place)
{
    if (place >= entry->count)
        return 0;
    if (entry->ring)
        return *ring_place(entry, place);
    if (place == 0 && !entry->first_is_floor)
        return entry->first;
    return place + 1 == entry->count && !entry->last_is_ceiling ? entry->last : 0;
}

uint64_t topics_last_up_to(const struct topic_entry *entry, uint64_t sequence)
{
    if (entry->count && !entry->last_is_ceiling && entry->last <= sequence)
        return entry->last;
    if (entry->ring) {
        uint64_t place = ring_find(entry, sequence + 1);
        return place ? *ring_place(entry, place - 1) : 0;
    }
    bool both_are_known = entry->count == 2 && !entry->first_is_floor && !entry->last_is_ceiling;
    return both_are_known && entry->first <= sequence ? entry->first : 0;
}

void topics_forget_sequences(struct topics *topics)
{
    topics->keeps_sequences = false;
    for (size_t i = 0; i < topics->size; i++)
        for (struct topic_entry *entry = topics->table[i]; entry; entry = entry->next) {
            free(entry->ring);
            entry->ring = NULL;
        }
}

void topics_finish(struct topics *topics)
{
    for (size_t i = 0; i < topics->size; i++)
        while (topics->table[i])
            remove_entry(topics, topics->table[i]);
    free(topics->table);
    *topics = (struct topics){ .keeps_sequences = topics->keeps_sequences };
}
