/*
 * past: the lives that a stream in files has had, so that cursors of earlier ones are known: its epochs, each with the
 * last sequence that is still there, and how the last life ended. A small file in the stream's directory, replaced
 * whole.
 *
 *     posthorn stream 1
 *     clean 0
 *     unsynced 0
 *     boot 6ee9...
 *     first 18
 *     last 1234
 *     lost 17
 *     old 0123456789abcdef 1000
 *     epoch fedcba9876543210
 *     crc 01234567
 */
#ifndef STREAM_PAST_H
#define STREAM_PAST_H

#include "store/files.h"
#include "stream/cursor.h"

enum { PAST_EPOCHS_MAX = 16, PAST_BOOT_ID_SIZE = 64 };

struct past {
    uint64_t epoch;              /* of this life, or the last */
    struct cursor old[PAST_EPOCHS_MAX]; /* the earlier ones, the oldest first: each with its last sequence */
    unsigned old_count;
    bool is_clean;               /* it has stopped, and all was synced */
    bool shows_unsynced;         /* readers see what may be lost with the machine */
    char boot_id[PAST_BOOT_ID_SIZE]; /* the run of the machine; "": not known */
    uint64_t first_sequence;     /* of the oldest message kept, when it was written */
    uint64_t last_sequence;      /* of the newest */
    uint64_t lost_sequence;      /* the last that had made room for newer ones */
};

/* At random, and not 0. */
uint64_t past_draw_epoch(void);

/* 0; -ENOENT: there is none; -EBADMSG: it is not whole; or another -errno. */
int past_read(const struct files *files, const char *directory, struct past *ret_past);

/* When it returns, it is synced. 0 or -errno: then the one before is still there. */
int past_write(const struct files *files, const char *directory, const struct past *past);

/* Ends a life: from now on another epoch counts. The oldest are forgotten where there are too many. */
void past_turn(struct past *past, uint64_t last_sequence);

/* A cursor of an earlier epoch that is still good becomes one of today's; one of today's stays. */
bool past_locate(const struct past *past, struct cursor *cursor);

#endif
