#include "store/deaths.h"

#include <errno.h>
#include <stdlib.h>

/* Of the file up to size_max bytes, in memory that the caller frees. What cannot be read is zeros. 0 or -errno. */
static int read_file(const struct files *files, int fd, uint64_t size_max, char **ret_data, uint64_t *ret_size,
                     bool *ret_is_unreadable)
{
    ssize_t got = 1;
    uint64_t size = 0;
    int error = files->size(files->arg, fd, &size);
    size = size < size_max ? size : size_max;
    char *data = error ? NULL : calloc(1, size + DEAD_HEAD_SIZE);
    if (!data)
        return error ? error : -ENOMEM;
    for (uint64_t at = 0; at < size && got > 0; at += got > 0 ? (uint64_t)got : 0)
        got = files->read(files->arg, fd, data + at, size - at, at);
    *ret_is_unreadable = got < 0;
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
    const struct deaths_range *range_a = a, *range_b = b;
    return range_a->first < range_b->first ? -1 : range_a->first > range_b->first;
}

static void put_together(struct deaths *deaths)
{
    size_t count = 0;
    qsort(deaths->ranges, deaths->count, sizeof *deaths->ranges, compare);
    for (size_t i = 0; i < deaths->count; i++) {
        struct deaths_range *last = count ? &deaths->ranges[count - 1] : NULL, range = deaths->ranges[i];
        if (last && (range.first <= last->last || range.first == last->last + 1))
            last->last = range.last > last->last ? range.last : last->last;
        else
            deaths->ranges[count++] = range;
    }
    deaths->count = count;
}

/* Each entry stands for itself: a bad one costs no other. */
static int read_entries(const char *data, uint64_t size, uint32_t seed, struct deaths *deaths)
{
    size_t count = size > DEAD_HEAD_SIZE ? (size_t)(size - DEAD_HEAD_SIZE) / sizeof(struct dead_entry) : 0;
    deaths->size = DEAD_HEAD_SIZE;
    deaths->ranges = count ? malloc(count * sizeof *deaths->ranges) : NULL;
    if (count && !deaths->ranges)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        struct dead_entry entry;
        memcpy(&entry, data + DEAD_HEAD_SIZE + i * sizeof entry, sizeof entry);
        if (dead_entry_is_good(&entry, seed)) {
            deaths->ranges[deaths->count++] = (struct deaths_range){ entry.first, entry.last };
            deaths->size = DEAD_HEAD_SIZE + (i + 1) * sizeof entry;
        } else if (!is_zero(&entry)) {
            deaths->bad_count++;
        }
    }
    if (deaths->count)
        put_together(deaths);
    return 0;
}

/* Entries go on behind all that there may be. */
static uint64_t size_of_unreadable(uint64_t file_size)
{
    uint64_t size = file_size > DEAD_HEAD_SIZE ? file_size - DEAD_HEAD_SIZE : 0, each = sizeof(struct dead_entry);
    return DEAD_HEAD_SIZE + (size + each - 1) / each * each;
}

static int read_up_to(const struct files *files, const char *path, uint32_t seed, uint64_t size_max,
                      struct deaths *ret_deaths)
{
    struct deaths deaths = { .ranges = NULL };
    struct dead_head head;
    char *data;
    uint64_t size;
    int fd = files->open(files->arg, path, FILES_READ);
    *ret_deaths = deaths;
    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    int error = read_file(files, fd, size_max, &data, &size, &deaths.is_unreadable);
    files->close(files->arg, fd);
    if (error)
        return error;
    deaths.has_head = dead_head_read(data, seed, &head);
    if (deaths.has_head)
        deaths.gone_first = head.gone_first;
    error = read_entries(data, size, seed, &deaths);
    if (!deaths.has_head && !deaths.count)
        deaths.size = 0;
    if (deaths.is_unreadable)
        deaths.size = size_of_unreadable(size);
    free(data);
    if (error)
        deaths_finish(&deaths);
    *ret_deaths = deaths;
    return error;
}

int deaths_read(const struct files *files, const char *path, uint32_t seed, struct deaths *ret_deaths)
{
    return read_up_to(files, path, seed, UINT64_MAX, ret_deaths);
}

int deaths_read_head(const struct files *files, const char *path, uint32_t seed, struct deaths *ret_deaths)
{
    return read_up_to(files, path, seed, DEAD_HEAD_SIZE, ret_deaths);
}

bool deaths_has(struct deaths *deaths, uint64_t sequence)
{
    while (deaths->next < deaths->count && deaths->ranges[deaths->next].last < sequence)
        deaths->next++;
    return deaths->next < deaths->count && deaths->ranges[deaths->next].first <= sequence;
}

uint64_t deaths_last(const struct deaths *deaths)
{
    return deaths->count ? deaths->ranges[deaths->count - 1].last : 0;
}

void deaths_finish(struct deaths *deaths)
{
    free(deaths->ranges);
    *deaths = (struct deaths){ .ranges = NULL };
}
