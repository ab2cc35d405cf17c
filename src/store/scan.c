#include "store/scan.h"

#include <errno.h>
#include <stdlib.h>

enum {
    CHUNK_SIZE = 1 << 20,
    PAGE_SIZE = 4096, /* what cannot be read is gone by pages */
    STEP = 8,         /* records begin at multiples of it */
};

int scan_init(struct scan *scan, const struct files *files, int fd, uint32_t seed, uint64_t first_sequence)
{
    uint64_t size;
    int error = files->size(files->arg, fd, &size);
    if (error)
        return error;
    *scan = (struct scan){
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

void scan_finish(struct scan *scan)
{
    free(scan->data);
    scan->data = NULL;
}

void scan_move(struct scan *scan, uint64_t at, uint64_t end, uint64_t first_sequence)
{
    scan->at = scan->from = at;
    scan->size = end;
    scan->sequence = first_sequence;
    scan->filled = 0;
    scan->unreadable_end = 0;
}

/* Reading. */

/* Returns how many bytes were read; fewer than asked for: an error, which is in *ret_error, or the end. */
static size_t read_all(const struct scan *scan, char *data, size_t size, uint64_t at, int *ret_error)
{
    size_t done = 0;
    *ret_error = 0;
    while (done < size) {
        ssize_t got = scan->files->read(scan->files->arg, scan->fd, data + done, size - done, at + done);
        if (got <= 0) {
            *ret_error = (int)got;
            break;
        }
        done += (size_t)got;
    }
    return done;
}

/* What cannot be read becomes zeros, a page at a time. */
static void read_around(struct scan *scan, char *data, size_t size, uint64_t at)
{
    int error;
    size_t done = read_all(scan, data, size, at, &error);
    while (done < size) {
        size_t part = PAGE_SIZE - (at + done) % PAGE_SIZE;
        part = part < size - done ? part : size - done;
        size_t got = read_all(scan, data + done, part, at + done, &error);
        memset(data + done + got, 0, part - got);
        done += part;
        if (got == part)
            continue;
        scan->unreadable_end = at + done;
        if (!scan->error)
            scan->error = error ? error : -EIO;
    }
}

static bool make_room(struct scan *scan, size_t size)
{
    if (size <= scan->room)
        return true;
    char *data = realloc(scan->data, size);
    if (!data) {
        scan->error = -ENOMEM;
        return false;
    }
    scan->data = data;
    scan->room = size;
    return true;
}

/* The bytes [at, at + size), which the file has, and never before those asked for last. NULL: out of memory. */
static const char *bytes_at(struct scan *scan, uint64_t at, size_t size)
{
    if (at + size <= scan->from + scan->filled)
        return scan->data + (at - scan->from);
    if (!make_room(scan, size + CHUNK_SIZE))
        return NULL;
    size_t kept = at < scan->from + scan->filled ? (size_t)(scan->from + scan->filled - at) : 0;
    if (kept)
        memmove(scan->data, scan->data + (at - scan->from), kept);
    uint64_t left = scan->size - at - kept;
    size_t more = left < size + CHUNK_SIZE - kept ? (size_t)left : size + CHUNK_SIZE - kept;
    scan->from = at;
    scan->filled = kept + more;
    read_around(scan, scan->data + kept, more, at + kept);
    return scan->data;
}

/* Finding. */

/* The record or mark at this place, if there is a good one with a sequence up to sequence_max. NULL: there is none. */
static const struct record *good_at(struct scan *scan, uint64_t at, uint64_t sequence_max)
{
    uint64_t left = scan->size - at;
    const char *bytes = left < sizeof(struct record) ? NULL : bytes_at(scan, at, sizeof(struct record));
    const struct record *record = (const void *)bytes;
    if (!record || !record_is_plausible(record, left))
        return NULL;
    uint64_t least = scan->sequence - (record->flags & RECORD_MARK);
    if (record->sequence < least || record->sequence > sequence_max)
        return NULL;
    record = (const void *)bytes_at(scan, at, record->size);
    return record && record_is_good(record, scan->seed) ? record : NULL;
}

static bool is_zero(struct scan *scan, uint64_t at, size_t size)
{
    static const char zeros[STEP];
    const char *data = bytes_at(scan, at, size);
    return !data || memcmp(data, zeros, size) == 0;
}

/* From a place where there is no record to the next that has one, or to the end. */
static enum scan_kind skip(struct scan *scan, struct scan_item *ret_item)
{
    uint64_t start = scan->at, at = start, used = start;
    do {
        size_t step = scan->size - at < STEP ? (size_t)(scan->size - at) : STEP;
        if (!is_zero(scan, at, step))
            used = at + step;
        at += step;
    } while (at < scan->size && scan->error != -ENOMEM &&
             !good_at(scan, at, scan->sequence + (at - start) / sizeof(struct record)));
    *ret_item = (struct scan_item){
        .at = start,
        .size = at - start,
        .used = used - start,
        .unreadable = scan->unreadable_end > start,
    };
    scan->at = at;
    return SCAN_BAD;
}

enum scan_kind scan_next(struct scan *scan, struct scan_item *ret_item)
{
    if (scan->at >= scan->size || scan->error == -ENOMEM)
        return SCAN_END;
    const struct record *record = good_at(scan, scan->at, UINT64_MAX);
    if (!record)
        return scan->error == -ENOMEM ? SCAN_END : skip(scan, ret_item);
    *ret_item = (struct scan_item){ .at = scan->at, .size = record->size, .record = record };
    scan->at += record->size;
    if (record->flags & RECORD_MARK)
        return SCAN_MARK;
    scan->sequence = record->sequence + 1;
    return SCAN_RECORD;
}
