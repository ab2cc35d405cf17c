#include "store/trail.h"

#include <errno.h>
#include <stdlib.h>

enum {
    CHUNK_SIZE = 1 << 20,
    PAGE_SIZE = 4096, /* what cannot be read is gone by pages */
    STEP = 8,         /* records begin at multiples of it */
};

int trail_init(struct trail *trail, const struct files *files, int fd, uint32_t seed, uint64_t first_sequence)
{
    uint64_t size;
    int error = files->size(files->arg, fd, &size);
    if (error)
        return error;
    *trail = (struct trail){
        .files = files,
        .fd = fd,
        .seed = seed,
        .size = size,
        .at = SEGMENT_HEAD_SIZE,
        .from = SEGMENT_HEAD_SIZE,
        .sequence = first_sequence,
    };
    return 0;
}

void trail_finish(struct trail *trail)
{
    free(trail->data);
    trail->data = NULL;
}

void trail_move(struct trail *trail, uint64_t at, uint64_t end, uint64_t first_sequence)
{
    trail->at = trail->from = at;
    trail->size = end;
    trail->sequence = first_sequence;
    trail->filled = 0;
    trail->unreadable_end = 0;
}

/* Reading. */

/* Returns how many bytes were read; fewer than asked for: an error, which is in *ret_error, or the end. */
static size_t read_all(const struct trail *trail, char *data, size_t size, uint64_t at, int *ret_error)
{
    size_t done = 0;
    *ret_error = 0;
    while (done < size) {
        ssize_t got = trail->files->read(trail->files->arg, trail->fd, data + done, size - done, at + done);
        if (got <= 0) {
            *ret_error = (int)got;
            break;
        }
        done += (size_t)got;
    }
    return done;
}

/* What cannot be read becomes zeros, a page at a time. */
static void read_around(struct trail *trail, char *data, size_t size, uint64_t at)
{
    int error;
    size_t done = read_all(trail, data, size, at, &error);
    while (done < size) {
        size_t part = PAGE_SIZE - (at + done) % PAGE_SIZE;
        part = part < size - done ? part : size - done;
        size_t got = read_all(trail, data + done, part, at + done, &error);
        memset(data + done + got, 0, part - got);
        done += part;
        if (got == part)
            continue;
        trail->unreadable_end = at + done;
        if (!trail->error)
            trail->error = error ? error : -EIO;
    }
}

static bool make_room(struct trail *trail, size_t size)
{
    if (size <= trail->room)
        return true;
    char *data = realloc(trail->data, size);
    if (!data) {
        trail->error = -ENOMEM;
        return false;
    }
    trail->data = data;
    trail->room = size;
    return true;
}

/* The bytes [at, at + size), which the file has, and never before those asked for last. NULL: out of memory. */
static const char *bytes_at(struct trail *trail, uint64_t at, size_t size)
{
    if (at + size <= trail->from + trail->filled)
        return trail->data + (at - trail->from);
    uint64_t left = trail->size - at;
    size_t wanted = left < size + CHUNK_SIZE ? (size_t)left : size + CHUNK_SIZE;
    if (!make_room(trail, wanted))
        return NULL;
    size_t kept = at < trail->from + trail->filled ? (size_t)(trail->from + trail->filled - at) : 0;
    if (kept)
        memmove(trail->data, trail->data + (at - trail->from), kept);
    trail->from = at;
    trail->filled = wanted;
    read_around(trail, trail->data + kept, wanted - kept, at + kept);
    return trail->data;
}

/* Finding. */

/* The record or mark at this place, if there is a good one with a sequence up to sequence_max. NULL: there is none. */
static const struct record *good_at(struct trail *trail, uint64_t at, uint64_t sequence_max)
{
    uint64_t left = trail->size - at;
    const char *bytes = left < sizeof(struct record) ? NULL : bytes_at(trail, at, sizeof(struct record));
    const struct record *record = (const void *)bytes;
    if (!record || !record_is_plausible(record, left))
        return NULL;
    uint64_t least = trail->sequence - (record->flags & RECORD_MARK);
    if (record->sequence < least || record->sequence > sequence_max)
        return NULL;
    record = (const void *)bytes_at(trail, at, record->size);
    return record && record_is_good(record, trail->seed) ? record : NULL;
}

/* Where the next step begins that is not all zeros, as the end of a file is that was allocated and not written; no
 * record begins with them. */
static uint64_t skip_zeros(struct trail *trail, uint64_t at)
{
    while (at < trail->size) {
        size_t size = trail->size - at < PAGE_SIZE ? (size_t)(trail->size - at) : PAGE_SIZE;
        const char *data = bytes_at(trail, at, size);
        for (size_t i = 0; data && i < size; i += STEP) {
            uint64_t word = 0;
            memcpy(&word, data + i, size - i < STEP ? size - i : STEP);
            if (word)
                return at + i;
        }
        at += size;
    }
    return trail->size;
}

/* From a place where there is no record to the next that has one, or to the end. */
static enum trail_kind skip(struct trail *trail, struct trail_item *ret_item)
{
    uint64_t start = trail->at, at = start, used = start;
    while ((at = skip_zeros(trail, at)) < trail->size) {
        uint64_t sequence_max = trail->sequence + (at - start) / sizeof(struct record);
        if (at > start && good_at(trail, at, sequence_max))
            break;
        at += trail->size - at < STEP ? trail->size - at : STEP;
        used = at;
    }
    *ret_item = (struct trail_item){
        .at = start,
        .size = at - start,
        .used = used - start,
        .unreadable = trail->unreadable_end > start,
    };
    trail->at = at;
    return TRAIL_BAD;
}

enum trail_kind trail_next(struct trail *trail, struct trail_item *ret_item)
{
    if (trail->at >= trail->size || trail->error == -ENOMEM)
        return TRAIL_END;
    const struct record *record = good_at(trail, trail->at, UINT64_MAX);
    if (!record)
        return trail->error == -ENOMEM ? TRAIL_END : skip(trail, ret_item);
    *ret_item = (struct trail_item){ .at = trail->at, .size = record->size, .record = record };
    trail->at += record->size;
    if (record->flags & RECORD_MARK)
        return TRAIL_MARK;
    trail->sequence = record->sequence + 1;
    return TRAIL_RECORD;
}
