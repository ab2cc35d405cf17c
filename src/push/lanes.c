#include "push/lanes.h"

#include <errno.h>
#include <stdlib.h>

enum { TABLE_SIZE_MIN = 8 };

struct lane {
    struct lane *next;               /* in its place of the table */
    uint64_t key;
    struct list entries;             /* never empty */
};

void lanes_init(struct lanes *lanes)
{
    *lanes = (struct lanes){ .table = NULL };
    list_init(&lanes->ready);
}

void lanes_finish(struct lanes *lanes)
{
    for (size_t i = 0; i < lanes->table_size; i++)
        for (struct lane *next, *lane = lanes->table[i]; lane; lane = next) {
            next = lane->next;
            free(lane);
        }
    free(lanes->table);
    lanes_init(lanes);
}

/* The table. */

static struct lane **place_of(const struct lanes *lanes, uint64_t key)
{
    return &lanes->table[key & (lanes->table_size - 1)];
}

static struct lane *find(const struct lanes *lanes, uint64_t key)
{
    struct lane *lane = lanes->table_size ? *place_of(lanes, key) : NULL;
    while (lane && lane->key != key)
        lane = lane->next;
    return lane;
}

static void enter(struct lanes *lanes, struct lane *lane)
{
    struct lane **place = place_of(lanes, lane->key);
    lane->next = *place;
    *place = lane;
}

static bool grow(struct lanes *lanes)
{
    struct lanes old = *lanes;
    lanes->table_size = old.table_size ? 2 * old.table_size : TABLE_SIZE_MIN;
    lanes->table = calloc(lanes->table_size, sizeof(struct lane *));
    if (!lanes->table) {
        lanes->table = old.table;
        lanes->table_size = old.table_size;
        return false;
    }
    for (size_t i = 0; i < old.table_size; i++)
        for (struct lane *next, *lane = old.table[i]; lane; lane = next) {
            next = lane->next;
            enter(lanes, lane);
        }
    free(old.table);
    return true;
}

static struct lane *find_or_make(struct lanes *lanes, uint64_t key)
{
    struct lane *lane = find(lanes, key);
    if (lane || (lanes->lane_count == lanes->table_size && !grow(lanes)))
        return lane;
    lane = malloc(sizeof *lane);
    if (!lane)
        return NULL;
    lane->key = key;
    list_init(&lane->entries);
    enter(lanes, lane);
    lanes->lane_count++;
    return lane;
}

/* One that is idle, and most are, keeps no table. */
static void forget(struct lanes *lanes, struct lane *lane)
{
    struct lane **place = place_of(lanes, lane->key);
    while (*place != lane)
        place = &(*place)->next;
    *place = lane->next;
    free(lane);
    if (--lanes->lane_count == 0) {
        free(lanes->table);
        lanes->table = NULL;
        lanes->table_size = 0;
    }
}

/* Entries. */

static unsigned *counter(struct lanes *lanes, enum lane_state state)
{
    return state == LANE_QUEUED ? &lanes->queued_count
           : state == LANE_FLYING ? &lanes->flying_count : &lanes->waiting_count;
}

static bool is_head(const struct lane_entry *entry)
{
    return !entry->lane || entry->lane->entries.next == &entry->member;
}

static void set_state(struct lanes *lanes, struct lane_entry *entry, enum lane_state state)
{
    --*counter(lanes, entry->state);
    ++*counter(lanes, state);
    entry->state = state;
    list_remove(&entry->place);
    if (state == LANE_QUEUED && is_head(entry))
        list_append(&lanes->ready, &entry->place);
}

static void add(struct lanes *lanes, struct lane_entry *entry, struct lane *lane, enum lane_state state)
{
    list_init(&entry->member);
    list_init(&entry->place);
    entry->lane = lane;
    if (lane)
        list_append(&lane->entries, &entry->member);
    entry->state = state;
    ++*counter(lanes, state);
    set_state(lanes, entry, state);
}

void lanes_add(struct lanes *lanes, struct lane_entry *entry)
{
    add(lanes, entry, NULL, LANE_QUEUED);
}

int lanes_add_keyed(struct lanes *lanes, struct lane_entry *entry, uint64_t key, enum lane_state state)
{
    struct lane *lane = find_or_make(lanes, key);
    if (!lane)
        return -ENOMEM;
    add(lanes, entry, lane, state);
    return 0;
}

struct lane_entry *lanes_next_of_key(const struct lanes *lanes, uint64_t key, const struct lane_entry *entry)
{
    const struct lane *lane = entry ? entry->lane : find(lanes, key);
    const struct list *next = !lane ? NULL : entry ? entry->member.next : lane->entries.next;
    return !lane || next == &lane->entries ? NULL : LIST_OWNER(next, struct lane_entry, member);
}

struct lane_entry *lanes_first(const struct lanes *lanes)
{
    return list_is_empty(&lanes->ready) ? NULL : LIST_OWNER(lanes->ready.next, struct lane_entry, place);
}

void lanes_start(struct lanes *lanes, struct lane_entry *entry)
{
    set_state(lanes, entry, LANE_FLYING);
}

void lanes_wait(struct lanes *lanes, struct lane_entry *entry)
{
    set_state(lanes, entry, LANE_WAITING);
}

void lanes_return(struct lanes *lanes, struct lane_entry *entry)
{
    set_state(lanes, entry, LANE_QUEUED);
}

static void advance(struct lanes *lanes, struct lane *lane)
{
    if (list_is_empty(&lane->entries)) {
        forget(lanes, lane);
        return;
    }
    struct lane_entry *head = LIST_OWNER(lane->entries.next, struct lane_entry, member);
    if (head->state == LANE_QUEUED && list_is_empty(&head->place))
        list_append(&lanes->ready, &head->place);
}

void lanes_remove(struct lanes *lanes, struct lane_entry *entry)
{
    struct lane *lane = entry->lane;
    --*counter(lanes, entry->state);
    list_remove(&entry->place);
    list_remove(&entry->member);
    entry->lane = NULL;
    if (lane)
        advance(lanes, lane);
}
