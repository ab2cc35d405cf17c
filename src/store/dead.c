#include "store/dead.h"

#include <errno.h>
#include <stdlib.h>

/* Of the file up to size_max bytes, in memory that the caller frees. What cannot be read is zeros. 0 or -errno. */
static int read_file(const struct files *files, int fd, uint64_t size_max, char **ret_data, uint64_t *ret_size)
{
    uint64_t size = 0;
    int error = files->size(files->arg, fd, &size);
    size = size < size_max ? size : size_max;
    char *data = error ? NULL : calloc(1, size + DEAD_HEAD_SIZE);
    if (!data)
        return error ? error : -ENOMEM;
    for (uint64_t at = 0; at < size;) {
        ssize_t got = files->read(files->arg, fd, data + at, size - at, at);
        if (got <= 0)
            break;
        at += (uint64_t)got;
    }
    *ret_data = data;
    *ret_size = size;
    return 0;
}

static bool is_zero(const struct dead_entry *entry)
{
    static const struct dead_entry zero;
    return memcmp(entry, &zero, sizeof zero) == 0;
}

static int compare(const void *a, const void *b)
{
    const struct dead_range *range_a = a, *range_b = b;
    return range_a->first < range_b->first ? -1 : range_a->first > range_b->first;
}

static void put_together(struct dead *dead)
{
    size_t count = 0;
    qsort(dead->ranges, dead->count, sizeof *dead->ranges, compare);
    for (size_t i = 0; i < dead->count; i++) {
        struct dead_range *last = count ? &dead->ranges[count - 1] : NULL, range = dead->ranges[i];
        if (last && (range.first <= last->last || range.first == last->last + 1))
            last->last = range.last > last->last ? range.last : last->last;
        else
            dead->ranges[count++] = range;
    }
    dead->count = count;
}

/* Each entry stands for itself: a bad one costs no other. */
static int read_entries(const char *data, uint64_t size, uint32_t seed, struct dead *dead)
{
    size_t count = size > DEAD_HEAD_SIZE ? (size_t)(size - DEAD_HEAD_SIZE) / sizeof(struct dead_entry) : 0;
    dead->size = DEAD_HEAD_SIZE;
    dead->ranges = count ? malloc(count * sizeof *dead->ranges) : NULL;
    if (count && !dead->ranges)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        struct dead_entry entry;
        memcpy(&entry, data + DEAD_HEAD_SIZE + i * sizeof entry, sizeof entry);
        if (dead_entry_is_good(&entry, seed)) {
            dead->ranges[dead->count++] = (struct dead_range){ entry.first, entry.last };
            dead->size = DEAD_HEAD_SIZE + (i + 1) * sizeof entry;
        } else if (!is_zero(&entry)) {
            dead->bad_count++;
        }
    }
    if (dead->count)
        put_together(dead);
    return 0;
}

static int read_up_to(const struct files *files, const char *path, uint32_t seed, uint64_t size_max,
                      struct dead *ret_dead)
{
    struct dead dead = { .ranges = NULL };
    struct dead_head head;
    char *data;
    uint64_t size;
    int fd = files->open(files->arg, path, FILES_READ);
    *ret_dead = dead;
    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    int error = read_file(files, fd, size_max, &data, &size);
    files->close(files->arg, fd);
    if (error)
        return error;
    dead.has_head = dead_head_read(data, seed, &head);
    if (dead.has_head)
        dead.gone_first = head.gone_first;
    error = read_entries(data, size, seed, &dead);
    if (!dead.has_head && !dead.count)
        dead.size = 0;
    free(data);
    if (error)
        dead_finish(&dead);
    *ret_dead = dead;
    return error;
}

int dead_read(const struct files *files, const char *path, uint32_t seed, struct dead *ret_dead)
{
    return read_up_to(files, path, seed, UINT64_MAX, ret_dead);
}

int dead_read_head(const struct files *files, const char *path, uint32_t seed, struct dead *ret_dead)
{
    return read_up_to(files, path, seed, DEAD_HEAD_SIZE, ret_dead);
}

bool dead_has(struct dead *dead, uint64_t sequence)
{
    while (dead->next < dead->count && dead->ranges[dead->next].last < sequence)
        dead->next++;
    return dead->next < dead->count && dead->ranges[dead->next].first <= sequence;
}

void dead_finish(struct dead *dead)
{
    free(dead->ranges);
    *dead = (struct dead){ .ranges = NULL };
}
