#include "stream/duplicates.h"

#include <stdlib.h>

#include "util/hash.h"
#include "util/random.h"

enum { RING_MIN = 64 };

struct duplicate_entry {
    uint64_t hash[2];
    uint64_t sequence, time_ms;
};

/* With part of the hash here, the ring, which is in no cache, is looked at only where the id is likely to be found. */
struct duplicate_place {
    uint32_t number;    /* place in the ring + 1; 0: free */
    uint32_t hash_part; /* from which it is sought */
};

static struct duplicate_entry *entry_at(const struct duplicates *duplicates, uint32_t place)
{
    return &duplicates->ring[place & (duplicates->ring_room - 1)];
}

/* Ids that differ in their last byte alone, as those that are counted do, stand side by side in the table, so that the
 * next one is found where the caches have looked already. The other bytes say where; nobody who does not know the seeds
 * brings more than the 256 of such a family to one place. 60 and 60 bits of hash, and the byte itself. */
static void hash_id(const struct duplicates *duplicates, struct slice id, uint64_t hash[2])
{
    uint64_t last = id.size ? (unsigned char)id.data[--id.size] : 0;
    hash[0] = (hash_bytes(duplicates->seeds[0], id.data, id.size) & ~(uint64_t)15) | (last & 15);
    hash[1] = (hash_bytes(duplicates->seeds[1], id.data, id.size) & ~(uint64_t)15) | (last >> 4);
}

static bool is_hash_of(const struct duplicates *duplicates, struct duplicate_place place, const uint64_t hash[2])
{
    if (place.hash_part != (uint32_t)hash[0])
        return false;
    const struct duplicate_entry *entry = &duplicates->ring[place.number - 1];
    return entry->hash[0] == hash[0] && entry->hash[1] == hash[1];
}

/* Where the hash stands in the table, or the free place where it would. */
static struct duplicate_place *find(const struct duplicates *duplicates, const uint64_t hash[2])
{
    uint32_t mask = duplicates->table_size - 1, at = (uint32_t)hash[0] & mask;
    while (duplicates->table[at].number && !is_hash_of(duplicates, duplicates->table[at], hash))
        at = (at + 1) & mask;
    return &duplicates->table[at];
}

static void put(struct duplicates *duplicates, const uint64_t hash[2], uint32_t ring_place)
{
    *find(duplicates, hash) = (struct duplicate_place){ ring_place + 1, (uint32_t)hash[0] };
}

/* Closes the gap that a removal leaves (Knuth 6.4, algorithm R). */
static void table_remove(struct duplicates *duplicates, uint32_t hole)
{
    uint32_t mask = duplicates->table_size - 1;
    for (uint32_t at = (hole + 1) & mask; duplicates->table[at].number; at = (at + 1) & mask) {
        uint32_t home = duplicates->table[at].hash_part;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            duplicates->table[hole] = duplicates->table[at];
            hole = at;
        }
    }
    duplicates->table[hole].number = 0;
}

static void forget_oldest(struct duplicates *duplicates)
{
    const struct duplicate_entry *oldest = entry_at(duplicates, duplicates->head);
    table_remove(duplicates, (uint32_t)(find(duplicates, oldest->hash) - duplicates->table));
    duplicates->head = (duplicates->head + 1) & (duplicates->ring_room - 1);
    duplicates->count--;
}

void duplicates_expire(struct duplicates *duplicates, uint64_t now_ms, uint64_t window_ms)
{
    while (duplicates->count && entry_at(duplicates, duplicates->head)->time_ms + window_ms <= now_ms)
        forget_oldest(duplicates);
}

uint64_t duplicates_find(const struct duplicates *duplicates, struct slice id)
{
    uint64_t hash[2];
    if (!duplicates->count)
        return 0;
    hash_id(duplicates, id, hash);
    uint32_t number = find(duplicates, hash)->number;
    return number ? duplicates->ring[number - 1].sequence : 0;
}

/* Twice the room; the table is half full at most. */
static bool grow(struct duplicates *duplicates)
{
    uint32_t room = duplicates->ring_room ? 2 * duplicates->ring_room : RING_MIN;
    struct duplicates grown = { .ring_room = room, .table_size = 2 * room, .count = duplicates->count };
    memcpy(grown.seeds, duplicates->seeds, sizeof grown.seeds);
    if (!duplicates->ring_room)
        random_bytes(grown.seeds, sizeof grown.seeds);
    grown.ring = malloc(room * sizeof *grown.ring);
    grown.table = calloc(grown.table_size, sizeof *grown.table);
    if (!grown.ring || !grown.table) {
        duplicates_finish(&grown);
        return false;
    }
    for (uint32_t i = 0; i < grown.count; i++) {
        grown.ring[i] = *entry_at(duplicates, duplicates->head + i);
        put(&grown, grown.ring[i].hash, i);
    }
    duplicates_finish(duplicates);
    *duplicates = grown;
    return true;
}

bool duplicates_add(struct duplicates *duplicates, struct slice id, uint64_t sequence, uint64_t now_ms,
                    uint32_t count_max)
{
    struct duplicate_entry entry = { .sequence = sequence, .time_ms = now_ms };
    while (duplicates->count && duplicates->count >= count_max)
        forget_oldest(duplicates);
    if (duplicates->count == duplicates->ring_room && !grow(duplicates))
        return false;
    uint32_t place = (duplicates->head + duplicates->count) & (duplicates->ring_room - 1);
    hash_id(duplicates, id, entry.hash);
    put(duplicates, entry.hash, place);
    duplicates->ring[place] = entry;
    duplicates->count++;
    return true;
}

void duplicates_finish(struct duplicates *duplicates)
{
    free(duplicates->ring);
    free(duplicates->table);
    *duplicates = (struct duplicates){ .head = 0 };
}
