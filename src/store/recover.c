/* Opening a log: what inspect.h tells of its directory becomes spans and segments. */
#include <errno.h>
#include <stdlib.h>

#include "store/inspect.h"
#include "store/job.h"

enum { SPARE_LEAST = 2 };

struct recovery {
    struct log *log;
    void (*visit)(void *arg, const struct record *record, bool is_live);
    void *arg;
    struct segment *segment;
    struct span span;           /* of the records read last; size 0: none */
    uint32_t marks[BLOCK_MARKS_COUNT];
    uint64_t time_max_ms;
    uint64_t first_doubtful;    /* of what is to be written anew; 0: nothing is */
    uint64_t *unborn;           /* serials of files that are to be removed */
    size_t unborn_count, unborn_room;
};

/* Spans. */

/* What has been gathered becomes a span, where anything of it lives. */
static int close_span(struct recovery *recovery)
{
    struct log *log = recovery->log;
    struct span *span = &recovery->span;
    size_t size = span->size ? span_mark_count(span) * sizeof *span->marks : 0;
    bool is_live = span->size && span->live_count;
    struct span *copy = is_live && spans_reserve(&log->spans) ? malloc(sizeof *copy) : NULL;
    uint32_t *marks = copy ? malloc(size) : NULL;
    if (is_live && !marks) {
        free(copy);
        return -ENOMEM;
    }
    if (is_live) {
        memcpy(marks, recovery->marks, size);
        *copy = *span;
        copy->marks = marks;
        list_init(&copy->link);
        spans_push(&log->spans, copy);
        span->segment->span_count++;
        log->live_count += span->live_count;
        log->live_bytes += span->live_bytes;
    }
    span->size = 0;
    return 0;
}

static int open_span(struct recovery *recovery, uint64_t sequence, uint64_t at)
{
    int error = close_span(recovery);
    recovery->span = (struct span){
        .first_sequence = sequence,
        .is_closed = true,
        .time_max_ms = recovery->time_max_ms,
        .segment = recovery->segment,
        .at = at,
    };
    memset(recovery->marks, 0, sizeof recovery->marks);
    return error;
}

/* A record that stays where it is. */
static int gather(struct recovery *recovery, const struct record *record, uint64_t at, bool is_dead)
{
    struct span *span = &recovery->span;
    bool goes_on = span->size && span->last_sequence + 1 == record->sequence && span->at + span->size == at &&
                   span->size + (uint64_t)record->size <= BLOCK_SIZE;
    int error = goes_on ? 0 : open_span(recovery, record->sequence, at);
    if (error)
        return error;
    uint64_t place = record->sequence - span->first_sequence;
    span->last_sequence = record->sequence;
    span->size += record->size;
    span->time_max_ms = recovery->time_max_ms;
    span->live_count += !is_dead;
    span->live_bytes += is_dead ? 0 : record->size;
    if (is_dead)
        recovery->marks[place / 32] |= 1u << place % 32;
    return 0;
}

/* A record that is to be written anew. */
static int adopt(struct recovery *recovery, const struct record *record, bool is_dead)
{
    struct log *log = recovery->log;
    int error = close_span(recovery);
    struct span *span = spans_last(&log->spans);
    bool fits = span && !span->is_closed && span->last_sequence + 1 == record->sequence &&
                span->block->size - span->block->used >= record->size;
    if (!error && !fits)
        span = log_add_span(log, record->sequence, record->size);
    if (error || !span)
        return error ? error : -ENOMEM;
    memcpy(block_record(span->block, span->block->used), record, record->size);
    block_note(span->block, record);
    span->last_sequence = record->sequence;
    span->time_max_ms = recovery->time_max_ms;
    log->appended_bytes += record->size;
    log->rescue_sequence = record->sequence;
    if (!recovery->first_doubtful)
        recovery->first_doubtful = record->sequence;
    if (is_dead) {
        span_mark_dead(span, record->sequence);
        kills_add(&log->kills, record->sequence, record->sequence);
        log->remembers = true;
        return 0;
    }
    span->live_count++;
    span->live_bytes += record->size;
    log->live_count++;
    log->live_bytes += record->size;
    return 0;
}

/* What is told. */

static int begin(void *arg, const struct inspect_segment *found)
{
    struct recovery *recovery = arg;
    const struct segment segment = {
        .serial = found->serial,
        .identity = found->identity,
        .first_sequence = found->first_sequence,
        .seed = found->seed,
        .last_sequence = found->first_sequence - 1,
        .used = SEGMENT_HEAD_SIZE,
        .gone_first = found->gone_first,
        .is_sealed = !found->is_clean,
        .state = found->is_clean ? SEGMENT_OPEN : SEGMENT_SEALED,
        .is_durable = !found->is_last || found->is_clean,
        .entry_is_sure = !found->is_last || found->is_clean,
        .fd = -1,
        .allocated = found->size,
        .written = found->size,
        .dead_size = found->dead_size,
    };
    recovery->segment = log_add_segment(recovery->log, &segment);
    return recovery->segment ? 0 : -ENOMEM;
}

static int take_record(void *arg, const struct inspect_segment *segment, const struct record *record, uint64_t at,
                       bool is_dead)
{
    struct recovery *recovery = arg;
    struct log *log = recovery->log;
    if (record->time_ms > recovery->time_max_ms)
        recovery->time_max_ms = record->time_ms;
    bool is_doubtful = record->sequence > segment->durable_sequence;
    int error = is_doubtful ? adopt(recovery, record, is_dead) : gather(recovery, record, at, is_dead);
    if (error)
        return error;
    if (!is_doubtful)
        recovery->segment->last_sequence = record->sequence;
    if (!is_dead && !log->first_sequence)
        log->first_sequence = record->sequence;
    if (recovery->visit)
        recovery->visit(recovery->arg, record, !is_dead);
    return 0;
}

static int take_damage(void *arg, uint64_t first, uint64_t last)
{
    struct recovery *recovery = arg;
    if (recovery->segment)
        recovery->segment->is_damaged = true;
    return log_add_damage(recovery->log, first, last) ? 0 : -ENOMEM;
}

/* Where the end of the last segment was doubted, it is cut when that stands elsewhere; where nothing was worth it, now:
 * and should that fail, the head of the next segment says where this one ends. */
static void cut(struct log *log, const struct inspect_segment *found, struct segment *segment)
{
    char path[LOG_PATH_SIZE];
    if (segment->is_damaged || found->is_followed || found->is_unreadable || found->size <= segment->used)
        return;
    if (log->rescue_sequence) {
        log->cut = segment;
        return;
    }
    int fd = log->files->open(log->files->arg, log_path(log, segment->serial, ".log", path), FILES_WRITE);
    if (fd < 0)
        return;
    log->files->truncate(log->files->arg, fd, segment->used);
    log->files->close(log->files->arg, fd);
}

static int end(void *arg, const struct inspect_segment *found)
{
    struct recovery *recovery = arg;
    struct segment *segment = recovery->segment;
    int error = close_span(recovery);
    log_use_segment(recovery->log, segment, found->is_clean ? found->size : found->durable_size);
    if (found->is_last && !found->is_clean)
        cut(recovery->log, found, segment);
    recovery->log->rescue_serial = found->serial;
    recovery->log->rescue_from = found->durable_size;
    recovery->log->rescue_to = found->good_size;
    recovery->log->has_mark = found->is_clean;
    return error;
}

/* Entries of the dead that are found may never have been synced, and be asked for again: a mark says nothing of them,
 * for some may have been written since. */
static void doubt_dead_files(struct log *log)
{
    for (size_t i = 0; i < log->segment_count; i++)
        if (log->segments[i]->dead_size > DEAD_HEAD_SIZE)
            list_append(&log->doubted, &log->segments[i]->unsynced);
    log->has_doubted = !list_is_empty(&log->doubted);
}

/* Its follower notes it as gone, but perhaps that was never synced: it is noted anew before the files go. */
static int retire_again(struct log *log, uint64_t serial)
{
    const struct segment segment = { .serial = serial, .first_sequence = UINT64_MAX, .fd = -1 };
    struct segment *added = log_add_segment(log, &segment);
    if (!added)
        return -ENOMEM;
    log_retire_segment(log, added);
    return 0;
}

static int take_trouble(void *arg, const char *name, enum inspect_trouble trouble)
{
    struct recovery *recovery = arg;
    if (trouble == INSPECT_GONE)
        return retire_again(recovery->log, segment_name_parse(name, ".log"));
    if (trouble != INSPECT_UNBORN && trouble != INSPECT_DEAD_ALONE)
        return 0;
    if (recovery->unborn_count == recovery->unborn_room) {
        size_t room = recovery->unborn_room ? 2 * recovery->unborn_room : 16;
        uint64_t *unborn = realloc(recovery->unborn, room * sizeof *unborn);
        if (!unborn)
            return -ENOMEM;
        recovery->unborn = unborn;
        recovery->unborn_room = room;
    }
    recovery->unborn[recovery->unborn_count++] =
        segment_name_parse(name, trouble == INSPECT_DEAD_ALONE ? ".dead" : ".log");
    return 0;
}

/* Files that never counted, and those that were left of a segment. It is no harm if they stay. */
static void remove_unborn(const struct recovery *recovery)
{
    const struct log *log = recovery->log;
    char path[LOG_PATH_SIZE];
    for (size_t i = 0; i < recovery->unborn_count; i++) {
        log->files->remove(log->files->arg, log_path(log, recovery->unborn[i], ".log", path));
        log->files->remove(log->files->arg, log_path(log, recovery->unborn[i], ".dead", path));
    }
}

bool log_add_damage(struct log *log, uint64_t first, uint64_t last)
{
    struct log_damage *before = log->damage_count ? &log->damages[log->damage_count - 1] : NULL;
    if (before && before->last + 1 == first) {
        before->last = last;
        return true;
    }
    if (log->damage_count == log->damage_room) {
        size_t room = log->damage_room ? 2 * log->damage_room : 16;
        struct log_damage *damages = realloc(log->damages, room * sizeof *damages);
        if (!damages)
            return false;
        log->damages = damages;
        log->damage_room = room;
    }
    log->damages[log->damage_count++] = (struct log_damage){ first, last };
    return true;
}

/* The whole. */

static void take_result(struct log *log, const struct inspect_result *result, uint64_t first_doubtful)
{
    log->last_sequence = result->last_sequence;
    log->next_serial = result->last_serial + 1;
    log->torn_bytes = result->torn_bytes;
    log->written_sequence = result->last_sequence;
    if (first_doubtful) {
        log->written_sequence = first_doubtful - 1;
        log->rescue_end = result->last_sequence;
    }
    log->synced_sequence = log->written_sequence;
    log->front_told = log->first_sequence ? log->first_sequence : log->last_sequence + 1;
    doubt_dead_files(log);
    for (size_t i = log->segment_count; i > 0; i--)
        log_settle_segment(log, log->segments[i - 1]);
}

static int recover(struct log *log, void (*visit)(void *arg, const struct record *record, bool is_live), void *arg)
{
    struct recovery recovery = { .log = log, .visit = visit, .arg = arg };
    const struct inspect_visitor visitor = {
        .arg = &recovery,
        .begin = begin,
        .record = take_record,
        .damage = take_damage,
        .end = end,
        .trouble = take_trouble,
        .kept_power = log->options.kept_power,
        .last_sequence = log->options.last_sequence,
    };
    struct inspect_result result;
    int error = inspect_directory(log->files, log->directory, &visitor, &result);
    if (!error) {
        take_result(log, &result, recovery.first_doubtful);
        remove_unborn(&recovery);
    }
    free(recovery.unborn);
    return error;
}

/* What nothing proves to have been synced is written anew at once, as far as that is possible. */
static void rescue(struct log *log)
{
    int error;
    struct log_job *job = log->rescue_sequence ? log_commit_begin(log, true, &error) : NULL;
    if (!job)
        return;
    log_commit_run(job);
    log_commit_end(log, job);
}

static struct log *create(const struct files *files, const char *directory, const struct log_options *options)
{
    struct log *log = log_create_memory();
    char *copy = log ? strdup(directory) : NULL;
    if (!copy) {
        log_close(log);
        return NULL;
    }
    log->files = files;
    log->directory = copy;
    log->options = *options;
    log->spare_least = SPARE_LEAST;
    return log;
}

int log_open(const struct files *files, const char *directory, const struct log_options *options,
             void (*visit)(void *arg, const struct record *record, bool is_live), void *arg, struct log **ret_log)
{
    if (strlen(directory) + SEGMENT_NAME_SIZE >= LOG_PATH_SIZE)
        return -ENAMETOOLONG;
    struct log *log = create(files, directory, options);
    if (!log)
        return -ENOMEM;
    int error = files->make_directory(files->arg, directory);
    if (!error)
        error = recover(log, visit, arg);
    if (!error && !log->segment_count)
        error = log_sync_parent(files, directory); /* it is new, and might not outlive a power cut */
    if (error) {
        log_close(log);
        return error;
    }
    rescue(log);
    *ret_log = log;
    return 0;
}

void log_get_findings(const struct log *log, struct log_findings *ret_findings)
{
    *ret_findings = (struct log_findings){
        .last_sequence = log->last_sequence,
        .written_sequence = log_committed(log, log->written_sequence),
        .torn_bytes = log->torn_bytes,
        .damages = log->damages,
        .damage_count = log->damage_count,
    };
}
