#include "stream/duplicates.h"

#include <stdlib.h>

#include "util/hash.h"
#include "util/random.h"

enum { RING_MIN = 64 };

struct duplicate_entry {
    uint64_t hash[2];
    uint64_t sequence, time_ms;
};

static struct duplicate_entry *entry_at(const struct duplicates *duplicates, uint32_t place)
{
    return &duplicates->ring[place & (duplicates->ring_room - 1)];
}

static void hash_id(const struct duplicates *duplicates, struct slice id, uint64_t hash[2])
{
    hash[0] = hash_bytes(duplicates->seeds[0], id.data, id.size);
    hash[1] = hash_bytes(duplicates->seeds[1], id.data, id.size);
}

/* Where the hash stands in the table, or the free place where it would. */
static uint32_t table_place(const struct duplicates *duplicates, const uint64_t hash[2])
{
    uint32_t mask = duplicates->table_size - 1, at = (uint32_t)hash[0] & mask;
    while (duplicates->table[at]) {
        const struct duplicate_entry *entry = &duplicates->ring[duplicates->table[at] - 1];
        if (entry->hash[0] == hash[0] && entry->hash[1] == hash[1])
            break;
        at = (at + 1) & mask;
    }
    return at;
}

/* Closes the gap that a removal leaves (Knuth 6.4, algorithm R). */
static void table_remove(struct duplicates *duplicates, uint32_t hole)
{
    uint32_t mask = duplicates->table_size - 1;
    for (uint32_t at = (hole + 1) & mask; duplicates->table[at]; at = (at + 1) & mask) {
        uint32_t home = (uint32_t)duplicates->ring[duplicates->table[at] - 1].hash[0];
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            duplicates->table[hole] = duplicates->table[at];
            hole = at;
        }
    }
    duplicates->table[hole] = 0;
}

static void forget_oldest(struct duplicates *duplicates)
{
    table_remove(duplicates, table_place(duplicates, entry_at(duplicates, duplicates->head)->hash));
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
    uint32_t place = duplicates->table[table_place(duplicates, hash)];
    return place ? duplicates->ring[place - 1].sequence : 0;
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
        grown.table[table_place(&grown, grown.ring[i].hash)] = i + 1;
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
    uint32_t at = table_place(duplicates, entry.hash);
    duplicates->ring[place] = entry;
    duplicates->table[at] = place + 1;
    duplicates->count++;
    return true;
}

void duplicates_finish(struct duplicates *duplicates)
{
    free(duplicates->ring);
    free(duplicates->table);
    *duplicates = (struct duplicates){ .head = 0 };
}
