#include "jetstream/roll.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "util/hash.h"
#include "util/random.h"

enum { TABLE_MIN = 64 };

struct entry {
    struct entry *next;          /* in its place of the table */
    uint64_t hash;
    struct slice key;            /* behind the array, as the patterns */
    size_t count;
    const char *patterns[];
};

struct roll {
    pthread_mutex_t lock;
    uint64_t seed;
    struct entry **table;        /* a power of two of places */
    size_t size, count;
};

int roll_create(struct roll **ret_roll)
{
    struct roll *roll = calloc(1, sizeof *roll);
    if (!roll)
        return -ENOMEM;
    roll->size = TABLE_MIN;
    roll->table = calloc(TABLE_MIN, sizeof(struct entry *));
    if (!roll->table) {
        free(roll);
        return -ENOMEM;
    }
    random_bytes(&roll->seed, sizeof roll->seed);
    pthread_mutex_init(&roll->lock, NULL);
    *ret_roll = roll;
    return 0;
}

void roll_destroy(struct roll *roll)
{
    if (!roll)
        return;
    for (size_t i = 0; i < roll->size; i++)
        while (roll->table[i]) {
            struct entry *entry = roll->table[i];
            roll->table[i] = entry->next;
            free(entry);
        }
    pthread_mutex_destroy(&roll->lock);
    free(roll->table);
    free(roll);
}

/* Under the lock. */

static struct entry **place_of(const struct roll *roll, uint64_t hash)
{
    return &roll->table[hash & (roll->size - 1)];
}

/* Where the entry of this key is linked, or would be. */
static struct entry **find(const struct roll *roll, struct slice key)
{
    uint64_t hash = hash_bytes(roll->seed, key.data, key.size);
    struct entry **place = place_of(roll, hash);
    while (*place && ((*place)->hash != hash || !slice_equal((*place)->key, key)))
        place = &(*place)->next;
    return place;
}

static void drop(struct roll *roll, struct slice key)
{
    struct entry **place = find(roll, key), *entry = *place;
    if (!entry)
        return;
    *place = entry->next;
    roll->count--;
    free(entry);
}

/* Where memory is short it stays as it is, and is slower. */
static void grow(struct roll *roll)
{
    size_t old_size = roll->size;
    struct entry **old = roll->table, **table = calloc(2 * old_size, sizeof(struct entry *));
    if (!table)
        return;
    roll->table = table;
    roll->size = 2 * old_size;
    for (size_t i = 0; i < old_size; i++)
        while (old[i]) {
            struct entry *entry = old[i], **place = place_of(roll, entry->hash);
            old[i] = entry->next;
            entry->next = *place;
            *place = entry;
        }
    free(old);
}

static void put(struct roll *roll, struct entry *entry)
{
    drop(roll, entry->key);
    if (roll->count >= roll->size)
        grow(roll);
    entry->hash = hash_bytes(roll->seed, entry->key.data, entry->key.size);
    struct entry **place = place_of(roll, entry->hash);
    entry->next = *place;
    *place = entry;
    roll->count++;
}

/* NULL: out of memory. */
static struct entry *make(const char *key, const char *const *patterns, size_t count)
{
    size_t size = strlen(key) + 1;
    for (size_t i = 0; i < count; i++)
        size += strlen(patterns[i]) + 1;
    struct entry *entry = malloc(sizeof *entry + count * sizeof(char *) + size);
    if (!entry)
        return NULL;
    char *at = (char *)&entry->patterns[count];
    entry->count = count;
    entry->key = slice_make(at, strlen(key));
    at = stpcpy(at, key) + 1;
    for (size_t i = 0; i < count; i++) {
        entry->patterns[i] = at;
        at = stpcpy(at, patterns[i]) + 1;
    }
    return entry;
}

int roll_put(struct roll *roll, const char *key, const char *const *patterns, size_t count)
{
    struct entry *entry = roll ? make(key, patterns, count) : NULL;
    if (!entry)
        return roll ? -ENOMEM : 0;
    pthread_mutex_lock(&roll->lock);
    put(roll, entry);
    pthread_mutex_unlock(&roll->lock);
    return 0;
}

void roll_remove(struct roll *roll, const char *key)
{
    if (!roll)
        return;
    pthread_mutex_lock(&roll->lock);
    drop(roll, slice_of(key));
    pthread_mutex_unlock(&roll->lock);
}

bool roll_ask(struct roll *roll, struct slice key, roll_judge *judge, void *arg)
{
    if (!roll)
        return judge(arg, NULL, 0);
    pthread_mutex_lock(&roll->lock);
    const struct entry *entry = *find(roll, key);
    bool answer = entry ? judge(arg, entry->patterns, entry->count) : judge(arg, NULL, 0);
    pthread_mutex_unlock(&roll->lock);
    return answer;
}
