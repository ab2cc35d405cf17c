#include "feed/frames.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_MIN = 1 << 10, MARKS_MIN = 8 };

/* The least power of two times `least` that holds size. */
static size_t room_for(size_t size, size_t least)
{
    while (least < size)
        least *= 2;
    return least;
}

/* Moves what is in use to the front of the memory, or into more of it. */
static bool make_room(struct frames *frames, size_t size)
{
    size_t used = frames_size(frames);
    if (frames->head >= used && used + size <= frames->room) {
        if (used)
            memcpy(frames->bytes, frames->bytes + frames->head, used);
        frames->head = 0;
        return true;
    }
    size_t room = room_for(used + size, ROOM_MIN);
    char *bytes = malloc(room);
    if (!bytes)
        return false;
    if (used)
        memcpy(bytes, frames->bytes + frames->head, used);
    free(frames->bytes);
    frames->bytes = bytes;
    frames->room = room;
    frames->head = 0;
    return true;
}

static bool make_mark_room(struct frames *frames)
{
    if (frames->mark_head && frames->mark_head >= frames->mark_count) {
        memcpy(frames->marks, frames->marks + frames->mark_head, frames->mark_count * sizeof *frames->marks);
        frames->mark_head = 0;
        return true;
    }
    size_t room = frames->mark_room ? 2 * frames->mark_room : MARKS_MIN;
    struct frame_mark *marks = realloc(frames->marks, room * sizeof *marks);
    if (!marks)
        return false;
    frames->marks = marks;
    frames->mark_room = room;
    return true;
}

char *frames_reserve(struct frames *frames, size_t size)
{
    if (frames->mark_head + frames->mark_count == frames->mark_room && !make_mark_room(frames))
        return NULL;
    if (frames->head + frames_size(frames) + size > frames->room && !make_room(frames, size))
        return NULL;
    return frames->bytes + frames->head + frames_size(frames);
}

void frames_commit(struct frames *frames, size_t size, uint64_t sequence)
{
    frames->end += size;
    frames->marks[frames->mark_head + frames->mark_count++] = (struct frame_mark){ sequence, frames->end };
}

bool frames_append(struct frames *frames, struct slice bytes, uint64_t sequence)
{
    char *at = frames_reserve(frames, bytes.size);
    if (!at)
        return false;
    memcpy(at, bytes.data, bytes.size);
    frames_commit(frames, bytes.size, sequence);
    return true;
}

void frames_trim(struct frames *frames, size_t size)
{
    while (frames->mark_count > 1 && frames_size(frames) > size) {
        uint64_t end = frames->marks[frames->mark_head].end;
        frames->head += (size_t)(end - frames->start);
        frames->start = end;
        frames->mark_head++;
        frames->mark_count--;
    }
}

void frames_clear(struct frames *frames)
{
    frames->start = frames->end;
    frames->head = frames->mark_head = frames->mark_count = 0;
}

void frames_free(struct frames *frames)
{
    free(frames->bytes);
    free(frames->marks);
    *frames = (struct frames){ .start = frames->end, .end = frames->end };
}

void frames_give(struct frames *frames, struct frames *spare)
{
    if (spare->bytes || !frames->bytes) {
        frames_free(frames);
        return;
    }
    free(spare->marks);
    spare->bytes = frames->bytes;
    spare->room = frames->room;
    spare->marks = frames->marks;
    spare->mark_room = frames->mark_room;
    frames->bytes = NULL;
    frames->marks = NULL;
    frames_free(frames);
}

/* How many marks, from the first, have a sequence (or an end) of at most limit; both ascend. */
static size_t count_up_to(const struct frames *frames, uint64_t limit, bool by_sequence)
{
    size_t low = 0, high = frames->mark_count; /* where there are none, there is no array either */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct frame_mark *mark = &frames->marks[frames->mark_head + middle];
        if ((by_sequence ? mark->sequence : mark->end) <= limit)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct frame_mark *frames_mark_before(const struct frames *frames, uint64_t offset)
{
    return frames->marks + frames->mark_head + count_up_to(frames, offset - 1, false);
}

uint64_t frames_offset_behind(const struct frames *frames, uint64_t sequence)
{
    size_t count = count_up_to(frames, sequence, true);
    return count ? frames->marks[frames->mark_head + count - 1].end : frames->start;
}
