#include "sidecar/tail_file.h"

#include <inttypes.h>
#include <stdio.h>

#include "util/crc32c.h"

static bool begins_alike(const struct tail_position *position, const struct tail_sight *sight)
{
    return sight->head.size >= position->head_size &&
           crc32c(0, sight->head.data, position->head_size) == position->head_sum;
}

static bool is_long_enough(const struct tail_position *position, const struct tail_sight *sight)
{
    return sight->size >= position->offset && sight->size >= position->head_size;
}

enum tail_fate tail_judge(const struct tail_position *position, const struct tail_sight *sight)
{
    if (sight->inode == position->inode && sight->device == position->device) {
        if (!is_long_enough(position, sight))
            return TAIL_TRUNCATED;
        return begins_alike(position, sight) ? TAIL_SAME : TAIL_REPLACED;
    }
    bool is_sure = position->head_size >= TAIL_HEAD_SURE && position->offset - position->since >= TAIL_HEAD_SURE;
    return is_sure && is_long_enough(position, sight) && begins_alike(position, sight) ? TAIL_COPY : TAIL_OTHER;
}

void tail_learn_head(struct tail_position *position, struct slice head, uint64_t read)
{
    uint64_t size = read < head.size ? read : head.size;
    position->head_size = (uint32_t)(size < TAIL_HEAD_MAX ? size : TAIL_HEAD_MAX);
    position->head_sum = crc32c(0, head.data, position->head_size);
}

size_t tail_write_position(char out[TAIL_LINE_SIZE_MAX], struct slice tail, const struct tail_position *position,
                           struct slice path)
{
    return (size_t)snprintf(out, TAIL_LINE_SIZE_MAX,
                            "%.*s %016" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu32 " %" PRIu32
                            " %" PRIu32 " %.*s",
                            SLICE_ARGS(tail), position->id, position->device, position->inode, position->offset,
                            position->since, position->sum, position->head_size, position->head_sum, SLICE_ARGS(path));
}

/* The next word of a line, which is cut off it. */
static struct slice take_word(struct slice *rest)
{
    const char *blank = rest->size ? memchr(rest->data, ' ', rest->size) : NULL;
    struct slice word = slice_make(rest->data, blank ? (size_t)(blank - rest->data) : rest->size);
    size_t used = word.size + (blank != NULL);
    *rest = slice_make(rest->data + used, rest->size - used);
    return word;
}

static bool take_number(struct slice *rest, unsigned base, uint64_t *ret_number)
{
    static const char digits[] = "0123456789abcdef";
    struct slice word = take_word(rest);
    uint64_t number = 0;
    for (size_t i = 0; i < word.size; i++) {
        const char *digit = memchr(digits, word.data[i], base);
        if (!digit || number > (UINT64_MAX - (uint64_t)(digit - digits)) / base)
            return false;
        number = number * base + (uint64_t)(digit - digits);
    }
    *ret_number = number;
    return word.size > 0;
}

bool tail_read_position(struct slice line, struct slice *ret_tail, struct tail_position *ret_position,
                        struct slice *ret_path)
{
    struct tail_position position;
    uint64_t sum, head_size, head_sum;
    *ret_tail = take_word(&line);
    if (!take_number(&line, 16, &position.id) || !take_number(&line, 10, &position.device) ||
        !take_number(&line, 10, &position.inode) || !take_number(&line, 10, &position.offset) ||
        !take_number(&line, 10, &position.since) || !take_number(&line, 10, &sum) ||
        !take_number(&line, 10, &head_size) || !take_number(&line, 10, &head_sum))
        return false;
    if (!ret_tail->size || head_size > TAIL_HEAD_MAX || head_sum > UINT32_MAX || sum > UINT32_MAX ||
        position.since > position.offset || !line.size || line.size >= TAIL_PATH_MAX)
        return false;
    position.sum = (uint32_t)sum;
    position.head_size = (uint32_t)head_size;
    position.head_sum = (uint32_t)head_sum;
    *ret_position = position;
    *ret_path = line;
    return true;
}
