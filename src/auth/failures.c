#include "auth/failures.h"

#include <stdlib.h>

#include "util/hash.h"

enum {
    SET_COUNT = 512, /* a power of two */
    SET_SIZE = 4,
    DOUBLINGS_MAX = 16,
};

struct row {
    unsigned char place[FAILURES_PLACE_SIZE_MAX];
    uint8_t place_size; /* 0: nobody's */
    uint16_t under_way;
    uint32_t count;     /* of failures */
    uint64_t last_ms;   /* of them, or of the last begun */
};

struct failures {
    uint64_t seed;
    size_t row_count; /* in use */
    struct row rows[SET_COUNT][SET_SIZE];
};

struct failures *failures_create(uint64_t seed)
{
    struct failures *failures = calloc(1, sizeof *failures);
    if (failures)
        failures->seed = seed;
    return failures;
}

void failures_destroy(struct failures *failures)
{
    free(failures);
}

bool failures_are_none(const struct failures *failures)
{
    return failures->row_count == 0;
}

static struct row *set_of(struct failures *failures, struct slice place)
{
    return failures->rows[hash_bytes(failures->seed, place.data, place.size) & (SET_COUNT - 1)];
}

static struct slice place_of(const struct row *row)
{
    return slice_make((const char *)row->place, row->place_size);
}

static struct row *find(struct failures *failures, struct slice place)
{
    struct row *set = set_of(failures, place);
    for (unsigned i = 0; i < SET_SIZE; i++)
        if (set[i].place_size && slice_equal(place_of(&set[i]), place))
            return &set[i];
    return NULL;
}

static bool is_better_to_lose(const struct row *a, const struct row *b)
{
    if (!a->place_size || !b->place_size)
        return !a->place_size;
    return a->count != b->count ? a->count < b->count : a->last_ms < b->last_ms;
}

/* A row for a place that has none: a free one, or that of the place which has failed least. NULL: all have something
 * under way. */
static struct row *take(struct failures *failures, struct slice place)
{
    struct row *set = set_of(failures, place), *row = NULL;
    for (unsigned i = 0; i < SET_SIZE; i++)
        if (!set[i].under_way && (!row || is_better_to_lose(&set[i], row)))
            row = &set[i];
    if (!row)
        return NULL;
    failures->row_count += !row->place_size;
    *row = (struct row){ .place_size = (uint8_t)place.size };
    memcpy(row->place, place.data, place.size);
    return row;
}

/* Forgets a place of which nothing has been heard for long. */
static struct row *look(struct failures *failures, struct slice place, uint64_t now_ms)
{
    struct row *row = find(failures, place);
    if (row && row->count && now_ms - row->last_ms >= FAILURES_MEMORY_MS)
        row->count = 0;
    return row;
}

static void let_go_if_spent(struct failures *failures, struct row *row)
{
    if (row->under_way || row->count)
        return;
    *row = (struct row){ .place_size = 0 };
    failures->row_count--;
}

static struct slice cut(struct slice place)
{
    return slice_make(place.data, place.size < FAILURES_PLACE_SIZE_MAX ? place.size : FAILURES_PLACE_SIZE_MAX);
}

bool failures_begin(struct failures *failures, struct slice place, uint64_t now_ms)
{
    place = cut(place);
    if (!place.size)
        return true;
    struct row *row = look(failures, place, now_ms);
    row = row ? row : take(failures, place);
    if (!row || row->under_way >= FAILURES_UNDER_WAY_MAX)
        return false;
    row->under_way++;
    if (!row->count)
        row->last_ms = now_ms;
    return true;
}

void failures_end(struct failures *failures, struct slice place)
{
    struct row *row = find(failures, cut(place));
    if (!row || !row->under_way)
        return;
    row->under_way--;
    let_go_if_spent(failures, row);
}

uint64_t failures_add(struct failures *failures, struct slice place, uint64_t delay_max_ms, uint64_t now_ms)
{
    place = cut(place);
    struct row *row = place.size ? look(failures, place, now_ms) : NULL;
    row = row || !place.size ? row : take(failures, place);
    if (!row)
        return 0;
    row->last_ms = now_ms;
    if (row->count++ < FAILURES_FREE)
        return 0;
    uint32_t doublings = row->count - FAILURES_FREE - 1;
    uint64_t delay_ms = (uint64_t)FAILURES_DELAY_MIN_MS << (doublings < DOUBLINGS_MAX ? doublings : DOUBLINGS_MAX);
    return delay_ms < delay_max_ms ? delay_ms : delay_max_ms;
}
