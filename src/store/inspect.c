#include "store/inspect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/deaths.h"
#include "store/trail.h"

enum { PATH_SIZE = 4096 };

/* A file of the directory, by its serial. */
struct entry {
    uint64_t serial;
    bool has_segment, has_dead;
    bool counts;                /* its head is good, and it is in its place */
    bool is_hidden;             /* its head is bad, though something stands in it */
    uint64_t size;
    struct segment_head head;
    uint64_t gone_first;        /* of its dead; 0: nothing is gone, or it is not known */
};

struct walk {
    const struct files *files;
    const char *directory;
    const struct inspect_visitor *visitor;
    struct entry *entries;      /* by serial */
    size_t count, room;
    int error;
    uint64_t last_sequence;     /* so far */
    uint64_t torn_bytes;
};

/* Telling. */

static int tell_trouble(const struct walk *walk, const char *name, enum inspect_trouble trouble)
{
    const struct inspect_visitor *visitor = walk->visitor;
    return visitor->trouble ? visitor->trouble(visitor->arg, name, trouble) : 0;
}

static int tell_trouble_of(const struct walk *walk, uint64_t serial, const char *suffix, enum inspect_trouble trouble)
{
    char name[SEGMENT_NAME_SIZE];
    segment_name(serial, suffix, name);
    return tell_trouble(walk, name, trouble);
}

/* Sequences up to this are missing. */
static int tell_damage(struct walk *walk, uint64_t last)
{
    const struct inspect_visitor *visitor = walk->visitor;
    uint64_t first = walk->last_sequence + 1;
    if (last < first)
        return 0;
    walk->last_sequence = last;
    return visitor->damage ? visitor->damage(visitor->arg, first, last) : 0;
}

/* Names. */

static bool add_entry(struct walk *walk, const struct entry *entry)
{
    if (walk->count == walk->room) {
        size_t room = walk->room ? 2 * walk->room : 64;
        struct entry *entries = realloc(walk->entries, room * sizeof *entries);
        if (!entries)
            return false;
        walk->entries = entries;
        walk->room = room;
    }
    walk->entries[walk->count++] = *entry;
    return true;
}

static void visit_name(void *arg, const char *name)
{
    struct walk *walk = arg;
    uint64_t serial = segment_name_parse(name, ".log"), dead_serial = segment_name_parse(name, ".dead");
    struct entry entry = { .serial = serial + dead_serial, .has_segment = serial, .has_dead = dead_serial };
    if (walk->error)
        return;
    if (!entry.serial)
        walk->error = tell_trouble(walk, name, INSPECT_UNKNOWN);
    else if (!add_entry(walk, &entry))
        walk->error = -ENOMEM;
}

static int compare(const void *a, const void *b)
{
    const struct entry *entry_a = a, *entry_b = b;
    return entry_a->serial < entry_b->serial ? -1 : entry_a->serial > entry_b->serial;
}

/* The two files of a segment become one entry. */
static int list(struct walk *walk)
{
    size_t count = 0;
    int error = walk->files->list(walk->files->arg, walk->directory, visit_name, walk);
    if (error || walk->error)
        return error ? error : walk->error;
    if (walk->count)
        qsort(walk->entries, walk->count, sizeof *walk->entries, compare);
    for (size_t i = 0; i < walk->count; i++) {
        const struct entry *entry = &walk->entries[i];
        struct entry *last = count ? &walk->entries[count - 1] : NULL;
        if (last && last->serial == entry->serial) {
            last->has_segment |= entry->has_segment;
            last->has_dead |= entry->has_dead;
        } else {
            walk->entries[count++] = *entry;
        }
    }
    walk->count = count;
    return 0;
}

/* Heads. */

static void path_of(const struct walk *walk, uint64_t serial, const char *suffix, char out[PATH_SIZE])
{
    char name[SEGMENT_NAME_SIZE];
    segment_name(serial, suffix, name);
    snprintf(out, PATH_SIZE, "%s/%s", walk->directory, name);
}

static int open_file(const struct walk *walk, uint64_t serial)
{
    char path[PATH_SIZE];
    path_of(walk, serial, ".log", path);
    return walk->files->open(walk->files->arg, path, FILES_READ);
}

static bool is_zero(const char *data, size_t size)
{
    size_t at = 0;
    while (at < size && !data[at])
        at++;
    return at == size;
}

/* What is not there, or cannot be read, is zeros. *ret_could: it could be read as far as the file goes. */
static void read_head(const struct walk *walk, int fd, char data[SEGMENT_HEAD_SIZE], bool *ret_could)
{
    size_t done = 0;
    ssize_t got = 1;
    memset(data, 0, SEGMENT_HEAD_SIZE);
    while (done < SEGMENT_HEAD_SIZE && got > 0) {
        got = walk->files->read(walk->files->arg, fd, data + done, SEGMENT_HEAD_SIZE - done, done);
        done += got > 0 ? (size_t)got : 0;
    }
    *ret_could = got >= 0;
}

static int judge_head(const struct walk *walk, struct entry *entry, const char data[SEGMENT_HEAD_SIZE], bool could)
{
    int error = segment_head_read(data, &entry->head);
    if (error == -EPROTONOSUPPORT)
        return error;
    if (!error && entry->head.serial == entry->serial) {
        entry->counts = true;
        return 0;
    }
    bool is_unborn = error && could && is_zero(data, SEGMENT_HEAD_SIZE);
    entry->is_hidden = !is_unborn;
    enum inspect_trouble trouble = is_unborn ? INSPECT_UNBORN : error ? INSPECT_HEADLESS : INSPECT_FOREIGN;
    return tell_trouble_of(walk, entry->serial, ".log", trouble);
}

static int look_at(const struct walk *walk, struct entry *entry)
{
    char data[SEGMENT_HEAD_SIZE];
    bool could;
    if (!entry->has_segment)
        return tell_trouble_of(walk, entry->serial, ".dead", INSPECT_DEAD_ALONE);
    int fd = open_file(walk, entry->serial);
    if (fd == -ENXIO || fd == -ELOOP) { /* a socket, a link: as with a directory, the segment was there once */
        entry->is_hidden = true;
        return tell_trouble_of(walk, entry->serial, ".log", INSPECT_HEADLESS);
    }
    if (fd < 0)
        return fd;
    int error = walk->files->size(walk->files->arg, fd, &entry->size);
    if (!error)
        read_head(walk, fd, data, &could);
    walk->files->close(walk->files->arg, fd);
    return error ? error : judge_head(walk, entry, data, could);
}

/* First sequences ascend; where one goes back, it is none of ours. */
static int look_at_all(struct walk *walk)
{
    uint64_t first_sequence = 0;
    int error = 0;
    for (size_t i = 0; !error && i < walk->count; i++) {
        struct entry *entry = &walk->entries[i];
        error = look_at(walk, entry);
        if (error || !entry->counts)
            continue;
        if (entry->head.first_sequence < first_sequence || !entry->head.first_sequence) {
            entry->counts = false;
            error = tell_trouble_of(walk, entry->serial, ".log", INSPECT_FOREIGN);
        }
        first_sequence = entry->counts ? entry->head.first_sequence : first_sequence;
    }
    return error;
}

/* What the segments behind have noted to be gone is gone. */
static int leave_out_gone(struct walk *walk)
{
    uint64_t gone_first = UINT64_MAX;
    int error = 0;
    for (size_t i = walk->count; !error && i > 0; i--) {
        struct entry *entry = &walk->entries[i - 1];
        char path[PATH_SIZE];
        struct deaths deaths;
        if (!entry->counts)
            continue;
        if (entry->head.first_sequence >= gone_first) {
            entry->counts = false;
            error = tell_trouble_of(walk, entry->serial, ".log", INSPECT_GONE);
            continue;
        }
        path_of(walk, entry->serial, ".dead", path);
        error = deaths_read_head(walk->files, path, segment_seed(entry->head.identity), &deaths);
        entry->gone_first = deaths.gone_first;
        gone_first = deaths.gone_first ? deaths.gone_first : UINT64_MAX;
    }
    return error;
}

/* Segments. */

/* The end of one segment, read. */
struct tail {
    struct walk *walk;
    struct inspect_segment *segment;
    struct deaths deaths;
    uint64_t limit;             /* its records have sequences before this; 0: it is the last */
    uint64_t end;               /* of the last record that counts */
    bool is_cut;                /* what comes is torn */
    bool is_damaged;            /* what is missing at the end is not */
};

/* Of the last segment: up to where its records had been synced, and whether anything is to be doubted: where records
 * are dead that are not there, something was written behind the mark, and lost again. */
static int survey(const struct tail *tail, int fd)
{
    struct inspect_segment *segment = tail->segment;
    struct trail trail;
    struct trail_item item;
    enum trail_kind kind;
    int error = trail_init(&trail, tail->walk->files, fd, segment->seed, segment->first_sequence);
    if (error)
        return error;
    segment->durable_sequence = segment->first_sequence - 1;
    while ((kind = trail_next(&trail, &item)) != TRAIL_END) {
        uint64_t durable = kind == TRAIL_BAD ? 0 : record_durable(item.record);
        if (durable > segment->durable_sequence)
            segment->durable_sequence = durable;
        segment->is_clean = kind == TRAIL_MARK;
        segment->is_unreadable |= kind == TRAIL_BAD && item.unreadable;
        segment->torn_bytes = item.at + (kind == TRAIL_BAD ? item.used : item.size); /* for now, where they end */
    }
    bool is_doubted = !segment->is_followed && !segment->is_unreadable;
    if (!is_doubted)
        segment->durable_sequence = trail.sequence - 1;
    segment->is_clean &= is_doubted && segment->durable_sequence + 1 == trail.sequence &&
                         deaths_last(&tail->deaths) < trail.sequence &&
                         tail->walk->visitor->last_sequence < trail.sequence;
    error = trail.error == -ENOMEM ? -ENOMEM : 0;
    trail_finish(&trail);
    return error;
}

/* Records are missing before this one. True where they had been durable, and it counts. */
static bool is_damage(const struct tail *tail, uint64_t sequence, bool unreadable)
{
    const struct inspect_visitor *visitor = tail->walk->visitor;
    return sequence - 1 <= tail->segment->durable_sequence || sequence - 1 <= visitor->last_sequence || unreadable ||
           visitor->kept_power;
}

static int visit_record(struct tail *tail, const struct trail_item *item, bool unreadable)
{
    struct walk *walk = tail->walk;
    struct inspect_segment *segment = tail->segment;
    uint64_t sequence = item->record->sequence;
    tail->is_cut = tail->limit && sequence >= tail->limit;
    if (!tail->is_cut && sequence > walk->last_sequence + 1)
        tail->is_cut = !is_damage(tail, sequence, unreadable);
    if (tail->is_cut)
        return 0;
    int error = tell_damage(walk, sequence - 1);
    walk->last_sequence = sequence;
    tail->end = item->at + item->size;
    if (sequence <= segment->durable_sequence)
        segment->durable_size = tail->end;
    if (error || !walk->visitor->record)
        return error;
    bool is_dead = deaths_has(&tail->deaths, sequence);
    return walk->visitor->record(walk->visitor->arg, segment, item->record, item->at, is_dead);
}

/* What had been durable and is not there; of all but the last segment, the next says what. Where the end cannot be
 * read, nobody knows how many records were in it: as many as can have been, so that no sequence is used twice. */
static int close_tail(struct tail *tail, const struct trail_item *bad, bool unreadable)
{
    struct inspect_segment *segment = tail->segment;
    struct walk *walk = tail->walk;
    uint64_t hidden_size = unreadable ? bad->size : segment->is_followed ? bad->used : 0;
    uint64_t last = walk->last_sequence + hidden_size / sizeof(struct record);
    if (!segment->is_last)
        return 0;
    last = segment->durable_sequence > last ? segment->durable_sequence : last;
    last = walk->visitor->last_sequence > last ? walk->visitor->last_sequence : last;
    tail->is_damaged = last > walk->last_sequence;
    return tell_damage(walk, last);
}

static int walk_records(struct tail *tail, int fd)
{
    struct trail trail;
    struct trail_item item, bad = { .size = 0 };
    enum trail_kind kind;
    bool unreadable = false;
    int error = trail_init(&trail, tail->walk->files, fd, tail->segment->seed, tail->segment->first_sequence);
    if (error)
        return error;
    while (!error && !tail->is_cut && (kind = trail_next(&trail, &item)) != TRAIL_END) {
        if (kind == TRAIL_RECORD)
            error = visit_record(tail, &item, unreadable);
        if (kind == TRAIL_MARK)
            tail->end = item.at + item.size;
        unreadable = kind == TRAIL_BAD && item.unreadable;
        if (unreadable && tail->segment->is_last && !tail->segment->is_unreadable)
            error = -EIO; /* it could be read a moment ago */
        bad = kind == TRAIL_BAD ? item : (struct trail_item){ .size = 0 };
    }
    if (!error && trail.error == -ENOMEM)
        error = -ENOMEM;
    trail_finish(&trail);
    return error ? error : close_tail(tail, &bad, unreadable);
}

static int walk_file(struct tail *tail, int fd)
{
    struct walk *walk = tail->walk;
    struct inspect_segment *segment = tail->segment;
    const struct inspect_visitor *visitor = walk->visitor;
    int error = segment->is_last ? survey(tail, fd) : 0;
    if (!error && visitor->begin)
        error = visitor->begin(visitor->arg, segment);
    if (!error)
        error = walk_records(tail, fd);
    segment->last_sequence = walk->last_sequence;
    segment->good_size = tail->end;
    bool is_torn = segment->is_last && !tail->is_damaged && segment->torn_bytes > tail->end;
    walk->torn_bytes = segment->torn_bytes = is_torn ? segment->torn_bytes - tail->end : 0;
    if (!error && visitor->end)
        error = visitor->end(visitor->arg, segment);
    return error;
}

static int read_deaths(const struct walk *walk, const struct inspect_segment *segment, struct deaths *ret_deaths)
{
    char path[PATH_SIZE], name[SEGMENT_NAME_SIZE];
    segment_name(segment->serial, ".dead", name);
    path_of(walk, segment->serial, ".dead", path);
    int error = deaths_read(walk->files, path, segment->seed, ret_deaths);
    if (!error && !ret_deaths->has_head)
        error = tell_trouble(walk, name, INSPECT_NO_DEAD);
    for (size_t i = 0; !error && i < ret_deaths->bad_count; i++)
        error = tell_trouble(walk, name, INSPECT_BAD_ENTRY);
    return error;
}

/* What lies between the segment before and this one has been removed, or it is missing. */
static int cross_gap(struct walk *walk, const struct inspect_segment *segment)
{
    uint64_t last = segment->first_sequence - 1;
    if (segment->gone_first && segment->gone_first <= last)
        last = segment->gone_first - 1;
    int error = tell_damage(walk, last);
    walk->last_sequence = segment->first_sequence - 1;
    return error;
}

static bool is_followed(const struct walk *walk, const struct entry *entry)
{
    while (++entry < walk->entries + walk->count)
        if (entry->is_hidden)
            return true;
    return false;
}

/* The next segment comes from the disk while this one is checked. */
static void read_ahead(const struct walk *walk, const struct entry *next)
{
    int fd = next && walk->files->will_read ? open_file(walk, next->serial) : -1;
    if (fd < 0)
        return;
    walk->files->will_read(walk->files->arg, fd);
    walk->files->close(walk->files->arg, fd);
}

/* Where a segment ends at the latest: what stands behind in it was written anew elsewhere, and perhaps has gone. 0: it
 * is the last. */
static uint64_t limit_of(const struct entry *next)
{
    if (!next)
        return 0;
    return next->gone_first && next->gone_first < next->head.first_sequence ? next->gone_first
                                                                            : next->head.first_sequence;
}

static int walk_segment(struct walk *walk, const struct entry *entry, const struct entry *next)
{
    struct inspect_segment segment = {
        .serial = entry->serial,
        .identity = entry->head.identity,
        .seed = segment_seed(entry->head.identity),
        .first_sequence = entry->head.first_sequence,
        .size = entry->size,
        .is_last = !next,
        .is_followed = !next && is_followed(walk, entry),
        .durable_sequence = next ? limit_of(next) - 1 : 0,
        .durable_size = SEGMENT_HEAD_SIZE,
    };
    struct tail tail = {
        .walk = walk,
        .segment = &segment,
        .limit = limit_of(next),
        .end = SEGMENT_HEAD_SIZE,
    };
    segment_name(segment.serial, ".log", segment.name);
    int error = read_deaths(walk, &segment, &tail.deaths);
    segment.gone_first = tail.deaths.gone_first;
    if (tail.deaths.is_unreadable && !tail.deaths.has_head && walk->last_sequence + 1 < segment.first_sequence)
        segment.gone_first = walk->last_sequence + 1; /* nobody knows better */
    segment.dead_size = tail.deaths.size;
    if (!error)
        error = cross_gap(walk, &segment);
    int fd = error ? error : open_file(walk, segment.serial);
    if (fd >= 0) {
        error = walk_file(&tail, fd);
        walk->files->close(walk->files->arg, fd);
    }
    deaths_finish(&tail.deaths);
    return fd < 0 ? fd : error;
}

/* The whole. */

static const struct entry *next_that_counts(const struct walk *walk, size_t at)
{
    for (; at < walk->count; at++)
        if (walk->entries[at].counts)
            return &walk->entries[at];
    return NULL;
}

/* Of a segment behind all others whose head cannot be read nobody knows which records were in it; and perhaps there is
 * none where there had been some. */
static int walk_hidden_end(struct walk *walk)
{
    uint64_t size = 0;
    for (size_t i = walk->count; i > 0 && !walk->entries[i - 1].counts; i--)
        if (walk->entries[i - 1].is_hidden && walk->entries[i - 1].size > SEGMENT_HEAD_SIZE)
            size += walk->entries[i - 1].size - SEGMENT_HEAD_SIZE;
    uint64_t last = walk->last_sequence + size / sizeof(struct record);
    return tell_damage(walk, walk->visitor->last_sequence > last ? walk->visitor->last_sequence : last);
}

static int walk_all(struct walk *walk)
{
    int error = list(walk);
    if (!error)
        error = look_at_all(walk);
    if (!error)
        error = leave_out_gone(walk);
    for (size_t i = 0; !error && i < walk->count; i++) {
        const struct entry *next = next_that_counts(walk, i + 1);
        if (!walk->entries[i].counts)
            continue;
        read_ahead(walk, next);
        error = walk_segment(walk, &walk->entries[i], next);
    }
    return error ? error : walk_hidden_end(walk);
}

int inspect_directory(const struct files *files, const char *directory, const struct inspect_visitor *visitor,
                      struct inspect_result *ret_result)
{
    struct walk walk = { .files = files, .directory = directory, .visitor = visitor };
    int error = walk_all(&walk);
    *ret_result = (struct inspect_result){
        .last_sequence = walk.last_sequence,
        .last_serial = walk.count ? walk.entries[walk.count - 1].serial : 0,
        .torn_bytes = walk.torn_bytes,
    };
    free(walk.entries);
    return error;
}
