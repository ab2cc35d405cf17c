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

static void drop_oldest(struct duplicates *duplicates)
{
    const struct duplicate_entry *oldest = entry_at(duplicates, duplicates->head);
    table_remove(duplicates, (uint32_t)(find(duplicates, oldest->hash) - duplicates->table));
    duplicates->head = (duplicates->head + 1) & (duplicates->ring_room - 1);
    duplicates->ring_count--;
    duplicates->dropped_count++;
    duplicates->last_name = duplicates->ring_count ? duplicates->last_name : 0;
}

/* Twice the room; the table is half full at most. */
static bool grow(struct duplicates *duplicates)
{
    uint32_t room = duplicates->ring_room ? 2 * duplicates->ring_room : RING_MIN;
    struct duplicates grown = *duplicates;
    grown.ring_room = room;
    grown.table_size = 2 * room;
    grown.head = 0;
    grown.ring = malloc(room * sizeof *grown.ring);
    grown.table = calloc(grown.table_size, sizeof *grown.table);
    if (!grown.ring || !grown.table) {
        free(grown.ring);
        free(grown.table);
        return false;
    }
    for (uint32_t i = 0; i < grown.ring_count; i++) {
        grown.ring[i] = *entry_at(duplicates, duplicates->head + i);
        put(&grown, grown.ring[i].hash, i);
    }
    free(duplicates->ring);
    free(duplicates->table);
    *duplicates = grown;
    return true;
}

/* By itself. */

static uint64_t find_alone(const struct duplicates *duplicates, struct slice id)
{
    uint64_t hash[2];
    if (!duplicates->ring_count)
        return 0;
    hash_id(duplicates, id, hash);
    uint32_t number = find(duplicates, hash)->number;
    return number ? duplicates->ring[number - 1].sequence : 0;
}

static bool add_alone(struct duplicates *duplicates, struct slice id, uint64_t sequence, uint64_t now_ms)
{
    struct duplicate_entry entry = { .sequence = sequence, .time_ms = now_ms };
    if (duplicates->ring_count == duplicates->ring_room && !grow(duplicates))
        return false;
    uint32_t place = (duplicates->head + duplicates->ring_count) & (duplicates->ring_room - 1);
    hash_id(duplicates, id, entry.hash);
    put(duplicates, entry.hash, place);
    duplicates->ring[place] = entry;
    duplicates->ring_count++;
    duplicates->added_count++;
    duplicates->last_name = 0;
    return true;
}

static void drop_newest(struct duplicates *duplicates)
{
    uint32_t place = (duplicates->head + duplicates->ring_count - 1) & (duplicates->ring_room - 1);
    table_remove(duplicates, (uint32_t)(find(duplicates, duplicates->ring[place].hash) - duplicates->table));
    duplicates->ring_count--;
    duplicates->added_count--;
    duplicates->last_name = 0;
}

/* In families. */

static uint64_t hash_name(const struct duplicates *duplicates, struct slice name)
{
    return hash_bytes(duplicates->seeds[1], name.data, name.size) | 1;
}

/* Two ids of a name, one right behind the other and the higher behind the lower, make a family. Whatever else has that
 * name stays in the ring, and is sought there while it may be there. NULL: there is none to be made. */
static struct family *found(struct duplicates *duplicates, const struct counted_id *id)
{
    if (!duplicates->last_name || id->number <= duplicates->last_number ||
        hash_name(duplicates, id->name) != duplicates->last_name)
        return NULL;
    struct family *family = families_add(&duplicates->families, id->name);
    if (!family)
        return NULL;
    const struct duplicate_entry last = *entry_at(duplicates, duplicates->head + duplicates->ring_count - 1);
    if (!family_add(family, duplicates->last_number, last.sequence, last.time_ms)) {
        families_drop(&duplicates->families, family);
        return NULL;
    }
    drop_newest(duplicates);
    family->since = duplicates->added_count;
    return family;
}

/* An id that is in no family may be of one soon. */
static void note_last(struct duplicates *duplicates, const struct counted_id *id)
{
    duplicates->last_name = hash_name(duplicates, id->name);
    duplicates->last_number = id->number;
}

/* All. */

uint64_t duplicates_find(struct duplicates *duplicates, struct slice id)
{
    struct counted_id counted;
    const struct family *family = NULL;
    if (duplicates->families.count && counted_read(id, &counted))
        family = families_find(&duplicates->families, counted.name);
    if (!family)
        return find_alone(duplicates, id);
    if (counted.number > family->highest)
        return duplicates->dropped_count < family->since ? find_alone(duplicates, id) : 0;
    uint64_t sequence = family_find(family, counted.number);
    return sequence ? sequence : find_alone(duplicates, id);
}

/* The family that remembers the oldest id; NULL: it stands alone. */
static struct family *find_oldest(struct duplicates *duplicates)
{
    struct family *oldest = NULL;
    uint64_t sequence = duplicates->ring_count ? entry_at(duplicates, duplicates->head)->sequence : UINT64_MAX;
    for (uint32_t i = 0; i < duplicates->families.count; i++) {
        struct family *family = &duplicates->families.all[i];
        if (family_first_sequence(family) >= sequence)
            continue;
        oldest = family;
        sequence = family_first_sequence(family);
    }
    return oldest;
}

static void forget_oldest(struct duplicates *duplicates)
{
    struct family *family = find_oldest(duplicates);
    if (family)
        families_drop_first(&duplicates->families, family);
    else
        drop_oldest(duplicates);
    duplicates->count--;
}

static uint64_t find_oldest_time(const struct duplicates *duplicates)
{
    uint64_t oldest_ms = duplicates->ring_count ? entry_at(duplicates, duplicates->head)->time_ms : UINT64_MAX;
    for (uint32_t i = 0; i < duplicates->families.count; i++) {
        uint64_t time_ms = family_first_time(&duplicates->families.all[i]);
        oldest_ms = time_ms < oldest_ms ? time_ms : oldest_ms;
    }
    return oldest_ms;
}

void duplicates_expire(struct duplicates *duplicates, uint64_t now_ms, uint64_t window_ms)
{
    if (!duplicates->count || duplicates->oldest_ms + window_ms > now_ms)
        return;
    for (uint32_t i = duplicates->families.count; i-- > 0;) {
        struct families *families = &duplicates->families;
        uint32_t before = families->count;
        while (families->count == before && family_first_time(&families->all[i]) + window_ms <= now_ms)
            duplicates->count -= families_drop_run(families, &families->all[i]);
    }
    while (duplicates->ring_count && entry_at(duplicates, duplicates->head)->time_ms + window_ms <= now_ms) {
        drop_oldest(duplicates);
        duplicates->count--;
    }
    duplicates->oldest_ms = find_oldest_time(duplicates);
}

static bool add(struct duplicates *duplicates, struct slice id, uint64_t sequence, uint64_t now_ms)
{
    struct counted_id counted;
    if (!counted_read(id, &counted))
        return add_alone(duplicates, id, sequence, now_ms);
    struct family *family = families_find(&duplicates->families, counted.name);
    if (!family)
        family = found(duplicates, &counted);
    if (family && counted.number > family->highest)
        return family_add(family, counted.number, sequence, now_ms);
    if (!add_alone(duplicates, id, sequence, now_ms))
        return false;
    if (!family)
        note_last(duplicates, &counted);
    return true;
}

bool duplicates_add(struct duplicates *duplicates, struct slice id, uint64_t sequence, uint64_t now_ms,
                    uint32_t count_max)
{
    while (duplicates->count && duplicates->count >= count_max)
        forget_oldest(duplicates);
    if (!duplicates->count || now_ms < duplicates->oldest_ms)
        duplicates->oldest_ms = now_ms;
    while (!duplicates->seeds[0])
        random_bytes(duplicates->seeds, sizeof duplicates->seeds);
    if (!add(duplicates, id, sequence, now_ms))
        return false;
    duplicates->count++;
    return true;
}

void duplicates_finish(struct duplicates *duplicates)
{
    families_finish(&duplicates->families);
    free(duplicates->ring);
    free(duplicates->table);
    *duplicates = (struct duplicates){ .head = 0 };
}
