#include "stream/topics.h"

#include <stdlib.h>

#include "util/hash.h"
#include "util/random.h"

enum { TABLE_MIN = 64, RING_MIN = 4 };

struct topic_entry {
    struct topic_entry *next;
    uint64_t hash;
    uint64_t *ring;            /* sequences, the oldest at head */
    uint32_t head, count, room; /* room: a power of two, or 0 */
    uint32_t name_size;
    char name[];
};

static struct topic_entry **find(const struct topics *topics, uint64_t hash, struct slice topic)
{
    struct topic_entry **place = &topics->table[hash & (topics->table_size - 1)];
    while (*place && !((*place)->hash == hash && slice_equal(slice_make((*place)->name, (*place)->name_size), topic)))
        place = &(*place)->next;
    return place;
}

static uint64_t hash_of(const struct topics *topics, struct slice topic)
{
    return hash_bytes(topics->seed, topic.data, topic.size);
}

static bool grow_table(struct topics *topics)
{
    struct topics grown = { .table_size = topics->table_size ? 2 * topics->table_size : TABLE_MIN };
    grown.table = calloc(grown.table_size, sizeof *grown.table);
    if (!grown.table)
        return false;
    grown.count = topics->count;
    grown.seed = topics->seed;
    if (!topics->table_size)
        random_bytes(&grown.seed, sizeof grown.seed);
    for (size_t i = 0; i < topics->table_size; i++)
        while (topics->table[i]) {
            struct topic_entry *entry = topics->table[i];
            struct topic_entry **place = &grown.table[entry->hash & (grown.table_size - 1)];
            topics->table[i] = entry->next;
            entry->next = *place;
            *place = entry;
        }
    free(topics->table);
    *topics = grown;
    return true;
}

static struct topic_entry *find_or_make(struct topics *topics, struct slice topic)
{
    if (topics->count == topics->table_size && !grow_table(topics))
        return NULL;
    uint64_t hash = hash_of(topics, topic);
    struct topic_entry **place = find(topics, hash, topic);
    if (*place)
        return *place;
    struct topic_entry *entry = malloc(sizeof *entry + topic.size);
    if (!entry)
        return NULL;
    *entry = (struct topic_entry){ .hash = hash, .name_size = (uint32_t)topic.size };
    memcpy(entry->name, topic.data, topic.size);
    *place = entry;
    topics->count++;
    return entry;
}

static bool grow_ring(struct topic_entry *entry)
{
    uint32_t room = entry->room ? 2 * entry->room : RING_MIN;
    uint64_t *ring = malloc(room * sizeof *ring);
    if (!ring)
        return false;
    for (uint32_t i = 0; i < entry->count; i++)
        ring[i] = entry->ring[(entry->head + i) & (entry->room - 1)];
    free(entry->ring);
    entry->ring = ring;
    entry->room = room;
    entry->head = 0;
    return true;
}

static void remove_entry(struct topics *topics, struct topic_entry **place)
{
    struct topic_entry *entry = *place;
    *place = entry->next;
    free(entry->ring);
    free(entry);
    topics->count--;
}

bool topics_add(struct topics *topics, struct slice topic, uint64_t sequence)
{
    struct topic_entry *entry = find_or_make(topics, topic);
    if (!entry)
        return false;
    if (entry->count == entry->room && !grow_ring(entry)) {
        if (!entry->count)
            remove_entry(topics, find(topics, entry->hash, topic));
        return false;
    }
    entry->ring[(entry->head + entry->count++) & (entry->room - 1)] = sequence;
    return true;
}

void topics_drop(struct topics *topics, struct slice topic, uint64_t sequence)
{
    struct topic_entry **place = topics->table_size ? find(topics, hash_of(topics, topic), topic) : NULL;
    if (!place || !*place || (*place)->ring[(*place)->head] != sequence)
        return;
    (*place)->head = ((*place)->head + 1) & ((*place)->room - 1);
    if (--(*place)->count == 0)
        remove_entry(topics, place);
}

uint64_t topics_excess(const struct topics *topics, struct slice topic, uint64_t max)
{
    const struct topic_entry *entry = topics->table_size ? *find(topics, hash_of(topics, topic), topic) : NULL;
    return entry && entry->count > max ? entry->ring[entry->head] : 0;
}

void topics_finish(struct topics *topics)
{
    for (size_t i = 0; i < topics->table_size; i++)
        while (topics->table[i])
            remove_entry(topics, &topics->table[i]);
    free(topics->table);
    *topics = (struct topics){ .table = NULL };
}
