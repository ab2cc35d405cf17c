/*
 * trail: reads a segment file from its first record to its end, and finds its way behind bytes that are no record.
 * Belongs to whoever reads.
 */
#ifndef STORE_TRAIL_H
#define STORE_TRAIL_H

#include "store/files.h"
#include "store/segment.h"

enum trail_kind {
    TRAIL_RECORD,
    TRAIL_MARK,
    TRAIL_BAD,                   /* up to the next record or mark, or to the end of the file */
    TRAIL_END,
};

struct trail_item {
    uint64_t at, size;          /* in the file */
    const struct record *record; /* borrowed until the next item; of records and marks */
    uint64_t used;              /* of a bad stretch: its bytes up to the last that is not 0 */
    bool unreadable;            /* of a bad stretch: not all of it could be read */
};

struct trail {
    const struct files *files;
    int fd;
    uint32_t seed;
    uint64_t size;              /* of the file */
    uint64_t at;                /* of the next item */
    uint64_t sequence;          /* the next record has this one, or a later one */
    char *data;                 /* bytes [from, from + filled) of the file */
    uint64_t from;
    size_t filled, room;
    uint64_t unreadable_end;    /* bytes before this, as far as they are in data, could not be read in part */
    int error;                  /* the first of reading */
};

/* Over the file behind fd, which stays the caller's. 0 or -errno. */
int trail_init(struct trail *trail, const struct files *files, int fd, uint32_t seed, uint64_t first_sequence);
void trail_finish(struct trail *trail);

/* Goes on with these bytes of the file alone, [at, end), where the first record has this sequence. */
void trail_move(struct trail *trail, uint64_t at, uint64_t end, uint64_t first_sequence);

/* The next item. Where memory runs out it ends, and trail->error says so. */
enum trail_kind trail_next(struct trail *trail, struct trail_item *ret_item);

#endif
