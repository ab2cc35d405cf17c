#include "stream/trains.h"

#include <stdlib.h>

#include "util/hash.h"
#include "util/random.h"

static uint64_t name_publisher(const struct trains *trains, struct slice publisher, struct slice user)
{
    return hash_bytes(hash_bytes(trains->seed, user.data, user.size), publisher.data, publisher.size);
}

static struct train_entry *find(const struct trains *trains, uint64_t publisher)
{
    for (uint32_t i = 0; i < trains->count; i++)
        if (trains->entries[i].publisher == publisher)
            return &trains->entries[i];
    return NULL;
}

static bool grow(struct trains *trains)
{
    uint32_t room = trains->room ? trains->room * 2 : 4;
    struct train_entry *entries = reallocarray(trains->entries, room, sizeof *entries);
    if (!entries)
        return false;
    trains->entries = entries;
    trains->room = room;
    return true;
}

static struct train_entry *find_silent(const struct trains *trains)
{
    struct train_entry *silent = trains->entries;
    for (uint32_t i = 1; i < trains->count; i++)
        if (trains->entries[i].used < silent->used)
            silent = &trains->entries[i];
    return silent;
}

/* NULL: out of memory. */
static struct train_entry *add(struct trains *trains, uint64_t publisher)
{
    struct train_entry *entry;
    if (trains->count == TRAINS_MAX)
        entry = find_silent(trains);
    else if (trains->count == trains->room && !grow(trains))
        return NULL;
    else
        entry = &trains->entries[trains->count++];
    *entry = (struct train_entry){ .publisher = publisher };
    return entry;
}

/* Below, at, or above the one that is known. */
static int compare(const struct train_entry *entry, uint64_t connection, uint64_t number)
{
    if (connection != entry->connection)
        return connection < entry->connection ? -1 : 1;
    return number < entry->number ? -1 : number > entry->number;
}

enum receipt_verdict trains_enter(struct trains *trains, const struct train *train, uint64_t connection,
                                  struct slice user, struct train_entry **ret_entry)
{
    if (!trains->seed)
        random_bytes(&trains->seed, sizeof trains->seed);
    uint64_t publisher = name_publisher(trains, train->publisher, user);
    struct train_entry *entry = find(trains, publisher);
    if (!entry)
        entry = add(trains, publisher);
    if (!entry)
        return RECEIPT_NO_MEMORY;
    entry->used = ++trains->tick;
    int order = compare(entry, connection, train->number);
    if (order > 0) {
        entry->connection = connection;
        entry->number = train->number;
        entry->is_stopped = false;
    }
    *ret_entry = entry;
    return order < 0 || entry->is_stopped ? RECEIPT_BEHIND : RECEIPT_KEPT;
}

void trains_finish(struct trains *trains)
{
    free(trains->entries);
    *trains = (struct trains){ .count = 0 };
}
