#include "stream/counted.h"

#include <stdlib.h>

#include "util/decimal.h"

enum {
    RING_MIN = 16,
    STEPS_MIN = 64,
    DIGITS_MAX = 18,                 /* of a number, so that none is too large */
};

/* So many numbers, with sequences one behind the other. */
struct counted_run {
    uint64_t number;                 /* the first, while it leaves none out; else what steps count from */
    uint64_t sequence;               /* of the first */
    uint64_t time_ms;
    uint64_t steps;                  /* the place of the first one's step */
    uint32_t count;
    bool leaves_out;                 /* numbers; else there are no steps */
};

bool counted_read(struct slice id, struct counted_id *ret_id)
{
    uint64_t number = 0, scale = 1;
    size_t first = id.size, end = id.size;
    for (size_t at = end; at > 0 && end - at < DIGITS_MAX; at--, scale *= 10) {
        unsigned digit = decimal_digit(id.data[at - 1]);
        if (digit > 9)
            break;
        number += digit * scale;
        if (digit || first == end)
            first = at - 1;
    }
    *ret_id = (struct counted_id){ slice_make(id.data, first), number };
    return first < end && first <= FAMILY_NAME_MAX;
}

/* Families. */

struct family *families_find(struct families *families, struct slice name)
{
    if (families->count && family_has_name(&families->all[families->newest], name))
        return &families->all[families->newest];
    for (uint32_t i = 0; i < families->count; i++)
        if (family_has_name(&families->all[i], name)) {
            families->newest = i;
            return &families->all[i];
        }
    return NULL;
}

struct family *families_add(struct families *families, struct slice name)
{
    if (families->count == FAMILIES_MAX)
        return NULL;
    if (!families->all && !(families->all = malloc(FAMILIES_MAX * sizeof *families->all)))
        return NULL;
    families->newest = families->count++;
    struct family *family = &families->all[families->newest];
    *family = (struct family){ .name_size = name.size };
    memcpy(family->name, name.data, name.size);
    return family;
}

static void free_rings(struct family *family)
{
    free(family->ring);
    free(family->steps);
}

void families_drop(struct families *families, struct family *family)
{
    free_rings(family);
    *family = families->all[--families->count];
    families->newest = 0;
}

void families_finish(struct families *families)
{
    for (uint32_t i = 0; i < families->count; i++)
        free_rings(&families->all[i]);
    free(families->all);
    *families = (struct families){ .count = 0 };
}

/* Numbers of one. */

static struct counted_run *run_at(const struct family *family, uint32_t place)
{
    return &family->ring[(family->head + place) & (family->room - 1)];
}

static bool grow(struct family *family)
{
    uint32_t room = family->room ? 2 * family->room : RING_MIN;
    struct counted_run *ring = malloc(room * sizeof *ring);
    if (!ring)
        return false;
    for (uint32_t i = 0; i < family->run_count; i++)
        ring[i] = *run_at(family, i);
    free(family->ring);
    family->ring = ring;
    family->room = room;
    family->head = 0;
    return true;
}

static uint32_t *step_at(const struct family *family, uint64_t place)
{
    return &family->steps[place & (family->steps_room - 1)];
}

/* Room for two steps. False: out of memory. */
static bool reserve_steps(struct family *family)
{
    if (family->steps_room && family->steps_end - family->steps_first + 2 <= family->steps_room)
        return true;
    uint64_t room = family->steps_room ? 2 * family->steps_room : STEPS_MIN;
    uint32_t *steps = malloc(room * sizeof *steps);
    if (!steps)
        return false;
    for (uint64_t place = family->steps_first; place < family->steps_end; place++)
        steps[place & (room - 1)] = *step_at(family, place);
    free(family->steps);
    family->steps = steps;
    family->steps_room = room;
    return true;
}

/* Where the number stands in the run, which begins at or before it; count: it does not. */
static uint32_t place_in(const struct family *family, const struct counted_run *run, uint64_t number)
{
    uint64_t distance = number - run->number;
    if (!run->leaves_out)
        return distance < run->count ? (uint32_t)distance : run->count;
    uint32_t low = 0, high = run->count; /* it is not before low, and before high if anywhere */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (*step_at(family, run->steps + middle) < distance)
            low = middle + 1;
        else
            high = middle;
    }
    return low < run->count && *step_at(family, run->steps + low) == distance ? low : run->count;
}

uint64_t family_find(const struct family *family, uint64_t number)
{
    uint32_t low = 0, high = family->run_count; /* those before low begin at number or before, those from high behind */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (run_at(family, middle)->number <= number)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low)
        return 0;
    const struct counted_run *run = run_at(family, low - 1);
    uint32_t place = place_in(family, run, number);
    return place < run->count ? run->sequence + place : 0;
}

/* The number becomes the last of the run. False: it is to begin another. */
static bool join(struct family *family, struct counted_run *run, uint64_t number)
{
    uint64_t distance = number - run->number;
    bool is_next = distance == run->count;
    if (!run->leaves_out && (is_next || run->count > 1)) {
        run->count += is_next;
        return is_next;
    }
    if (distance > UINT32_MAX || !reserve_steps(family))
        return false;
    if (!run->leaves_out) {
        run->leaves_out = true;
        run->steps = family->steps_end;
        *step_at(family, family->steps_end++) = 0;
    }
    *step_at(family, family->steps_end++) = (uint32_t)distance;
    run->count++;
    return true;
}

bool family_add(struct family *family, uint64_t number, uint64_t sequence, uint64_t time_ms)
{
    struct counted_run *last = family->run_count ? run_at(family, family->run_count - 1) : NULL;
    bool is_near = last && last->sequence + last->count == sequence && last->time_ms == time_ms;
    if (!is_near || !join(family, last, number)) {
        if (family->run_count == family->room && !grow(family))
            return false;
        *run_at(family, family->run_count++) =
            (struct counted_run){ .number = number, .sequence = sequence, .time_ms = time_ms, .count = 1 };
    }
    family->highest = number;
    return true;
}

uint64_t family_first_sequence(const struct family *family)
{
    return run_at(family, 0)->sequence;
}

uint64_t family_first_time(const struct family *family)
{
    return run_at(family, 0)->time_ms;
}

uint32_t families_drop_run(struct families *families, struct family *family)
{
    uint32_t count = run_at(family, 0)->count;
    family->steps_first += run_at(family, 0)->leaves_out ? count : 0;
    family->head = (family->head + 1) & (family->room - 1);
    if (--family->run_count == 0)
        families_drop(families, family);
    return count;
}

void families_drop_first(struct families *families, struct family *family)
{
    struct counted_run *run = run_at(family, 0);
    if (run->count == 1) {
        families_drop_run(families, family);
        return;
    }
    run->sequence++;
    run->count--;
    if (!run->leaves_out) {
        run->number++;
        return;
    }
    run->steps++;
    family->steps_first++;
}
