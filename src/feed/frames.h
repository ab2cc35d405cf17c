/*
 * frames: formatted messages, one behind the other in one run of bytes, so that any stretch of them is one send; and of
 * each the offset at which it ends. Offsets count from the beginning of time: what has been dropped at the front stays
 * counted.
 *
 *   bytes   ....dropped....[event][event][event]
 *           0              start          ^     end
 *                                         marks[1].end
 *
 * Belongs to the worker's thread.
 */
#ifndef FEED_FRAMES_H
#define FEED_FRAMES_H

#include "util/slice.h"

struct frame_mark {
    uint64_t sequence; /* of the message */
    uint64_t end;      /* offset behind its last byte */
};

/* Zero is the empty run. */
struct frames {
    char *bytes;       /* those from start to end begin at bytes + head */
    size_t head, room;
    uint64_t start, end;
    struct frame_mark *marks;
    size_t mark_head, mark_count, mark_room; /* marks[mark_head..] are in use */
};

static inline size_t frames_size(const struct frames *frames)
{
    return (size_t)(frames->end - frames->start);
}

/* The bytes at an offset within start .. end. */
static inline const char *frames_at(const struct frames *frames, uint64_t offset)
{
    return frames->bytes + frames->head + (offset - frames->start);
}

/* Room for size bytes at the end, to be filled and claimed by frames_commit; NULL: out of memory. */
char *frames_reserve(struct frames *frames, size_t size);
void frames_commit(struct frames *frames, size_t size, uint64_t sequence);

/* Copies the bytes of a message behind the others. False: out of memory. */
bool frames_append(struct frames *frames, struct slice bytes, uint64_t sequence);

/* Drops whole messages from the front until at most size bytes are left; the last message stays in any case. */
void frames_trim(struct frames *frames, size_t size);

/* Drops all; the memory stays. */
void frames_clear(struct frames *frames);

/* Frees the memory; offsets go on. */
void frames_free(struct frames *frames);

/* Moves the memory of an empty run to another one that has none; where that has some already, frees it. */
void frames_give(struct frames *frames, struct frames *spare);

/* The mark of the message that has the byte before offset (offset > start). */
const struct frame_mark *frames_mark_before(const struct frames *frames, uint64_t offset);

/* The offset behind the last message whose sequence is at most this one; start where there is none. */
uint64_t frames_offset_behind(const struct frames *frames, uint64_t sequence);

#endif
