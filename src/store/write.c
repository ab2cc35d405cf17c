/*
 * Writing what a job of the committer carries. The order is what makes it outlive a power cut:
 *
 *   a segment is synced before the first record of the next is written, so that the head of the next proves it whole
 *   a segment counts when it and its directory have been synced
 *   records that recovery doubted stand in a new segment without a head, until they are synced
 *   a follower notes that a segment is gone before it goes, and its dead go after it
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/job.h"

enum {
    ALLOCATE_LEAST = 64 << 10,
    ALLOCATE_MOST = 4 << 20,
    DEAD_FILE_SIZE = 4096,      /* at first: so that the heads can be written, and some entries, on a full disk */
    COPY_SIZE = 64 << 10,
    ENTRIES_COUNT = 128,        /* written at once */
    RUN_SIZE = 512 << 10,       /* of records: while one run goes to the disk, the next is made ready */
    SMALL_SIZE = 32 << 10,      /* of a write before which zeros are written ahead, where there are none */
    ZEROS_SIZE = 256 << 10,     /* so many at once */
    ZEROS_PART = 4096,
};

/* After an error of sync nobody knows what is on the disk, and to ask once more would get a lie. */
static int sync_error(struct log_job *job, int error)
{
    if (error)
        job->failure = error;
    return error;
}

static int sync_file(struct log_job *job, int fd)
{
    const struct files *files = job->log->files;
    return sync_error(job, files->sync(files->arg, fd));
}

static int sync_directory(struct log_job *job)
{
    const struct files *files = job->log->files;
    return sync_error(job, files->sync_directory(files->arg, job->log->directory));
}

static int write_all(const struct files *files, int fd, struct iovec *parts, int count, uint64_t at)
{
    while (count) {
        ssize_t done = files->write(files->arg, fd, parts, count, at);
        if (done <= 0)
            return done ? (int)done : -EIO;
        at += (uint64_t)done;
        for (; count && (size_t)done >= parts->iov_len; parts++, count--)
            done -= (ssize_t)parts->iov_len;
        if (count) {
            parts->iov_base = (char *)parts->iov_base + done;
            parts->iov_len -= (size_t)done;
        }
    }
    return 0;
}

static int write_at(const struct files *files, int fd, void *data, size_t size, uint64_t at)
{
    struct iovec part = { .iov_base = data, .iov_len = size };
    return write_all(files, fd, &part, 1, at);
}

/* The file of the dead. */

static int make_dead_file(const struct log *log, const struct segment *segment, int fd)
{
    const struct files *files = log->files;
    char head[DEAD_HEAD_SIZE];
    dead_head_write(head, segment->seed, segment->gone_first, segment->first_sequence - 1);
    int error = files->truncate(files->arg, fd, 0);
    if (!error)
        error = files->allocate(files->arg, fd, DEAD_FILE_SIZE);
    return error ? error : write_at(files, fd, head, sizeof head, 0);
}

/* Made where there is none. The descriptor or -errno. */
static int open_dead_file(struct log *log, struct segment *segment)
{
    char path[LOG_PATH_SIZE];
    const struct files *files = log->files;
    int fd = files->open(files->arg, log_path(log, segment->serial, ".dead", path), FILES_CREATE);
    if (fd < 0 || segment->dead_size)
        return fd;
    int error = make_dead_file(log, segment, fd);
    if (error) {
        files->close(files->arg, fd);
        return error;
    }
    segment->dead_size = DEAD_HEAD_SIZE;
    segment->entry_is_sure = false;
    return fd;
}

static int sync_dead_file(struct log_job *job, struct segment *segment)
{
    const struct files *files = job->log->files;
    int fd = open_dead_file(job->log, segment);
    if (fd < 0)
        return fd;
    int error = sync_file(job, fd);
    files->close(files->arg, fd);
    if (!error && !segment->entry_is_sure)
        error = sync_directory(job);
    if (error)
        return error;
    segment->entry_is_sure = true;
    list_remove(&segment->unsynced);
    return 0;
}

/* Segments. */

static int write_head(const struct log *log, const struct segment *segment)
{
    char head[SEGMENT_HEAD_SIZE];
    segment_head_write(head, segment->serial, segment->identity, segment->first_sequence);
    return write_at(log->files, segment->fd, head, sizeof head, 0);
}

/* Room for bytes up to here, and for some more, so that most commits need none. */
static int make_room(const struct log *log, struct segment *segment, uint64_t end)
{
    uint64_t size = segment->allocated < ALLOCATE_LEAST ? ALLOCATE_LEAST : segment->allocated;
    if (end <= segment->allocated)
        return 0;
    size += size < ALLOCATE_MOST ? size : ALLOCATE_MOST;
    if (size > log->options.segment_size)
        size = log->options.segment_size;
    if (size < end)
        size = end;
    int error = log->files->allocate(log->files->arg, segment->fd, size);
    if ((error == -ENOSPC || error == -EDQUOT) && size > end) {
        size = end;
        error = log->files->allocate(log->files->arg, segment->fd, size);
    }
    if (!error)
        segment->allocated = size;
    return error;
}

/*
 * Most file systems note with each sync which parts of the allocated room have been written to for the first time:
 * that is a write of its own, and takes as long as that of the data. So small writes go over zeros, which were noted
 * once for many. Should zeros fail to be written, nothing is lost but time.
 */
static void write_zeros(const struct log *log, struct segment *segment, uint64_t end, size_t size)
{
    static const char zeros[ZEROS_PART];
    struct iovec parts[ZEROS_SIZE / ZEROS_PART];
    uint64_t left = segment->allocated - end;
    int count = 0;
    if (size > SMALL_SIZE || end <= segment->zeroed)
        return;
    for (left = left < ZEROS_SIZE ? left : ZEROS_SIZE; left; count++) {
        parts[count].iov_base = (char *)zeros;
        parts[count].iov_len = left < ZEROS_PART ? left : ZEROS_PART;
        left -= parts[count].iov_len;
    }
    if (count && write_all(log->files, segment->fd, parts, count, end) == 0)
        segment->zeroed = end + ZEROS_SIZE < segment->allocated ? end + ZEROS_SIZE : segment->allocated;
}

static int fill_new_segment(struct log *log, struct segment *segment)
{
    int error = log->files->truncate(log->files->arg, segment->fd, 0); /* of an attempt that failed */
    segment->allocated = 0;
    if (!error)
        error = make_room(log, segment, SEGMENT_HEAD_SIZE);
    if (!error && !segment->is_rescue)
        error = write_head(log, segment);
    int fd = error ? error : open_dead_file(log, segment);
    if (fd < 0)
        return fd;
    log->files->close(log->files->arg, fd);
    return 0;
}

/* Opens a segment to be written to, and makes it where it is new. */
static int open_segment(struct log *log, struct segment *segment)
{
    char path[LOG_PATH_SIZE];
    const struct files *files = log->files;
    bool is_new = segment->state == SEGMENT_UNBORN;
    if (segment->fd >= 0)
        return 0;
    enum files_open how = is_new ? FILES_CREATE : FILES_WRITE;
    int fd = files->open(files->arg, log_path(log, segment->serial, ".log", path), how);
    if (fd < 0)
        return fd;
    segment->fd = fd;
    int error = is_new ? fill_new_segment(log, segment) : 0;
    if (error) {
        files->close(files->arg, fd);
        segment->fd = -1;
        return error;
    }
    if (is_new)
        segment->written = SEGMENT_HEAD_SIZE;
    segment->state = SEGMENT_OPEN;
    return 0;
}

/* What recovery doubted stands elsewhere now. Should this not be done, the head of the next segment says as much. */
static void cut(struct log_job *job)
{
    char path[LOG_PATH_SIZE];
    struct log *log = job->log;
    if (!log->cut)
        return;
    int fd = log->files->open(log->files->arg, log_path(log, log->cut->serial, ".log", path), FILES_WRITE);
    if (fd < 0)
        return;
    log->files->truncate(log->files->arg, fd, job->cut_size);
    log->files->sync(log->files->arg, fd);
    log->files->close(log->files->arg, fd);
}

static int finish_rescue(struct log_job *job, struct segment *segment)
{
    int error = write_head(job->log, segment);
    if (!error)
        error = sync_file(job, segment->fd);
    if (error)
        return error;
    segment->is_rescue = false;
    cut(job);
    return 0;
}

/* All that has been written is durable then; of a rescue, as soon as it is complete, what is dead in it included. */
static int make_durable(struct log_job *job, struct segment *segment)
{
    if (segment->is_rescue && (!job->kills_written || job->written_sequence < job->log->rescue_sequence))
        return 0;
    int error = sync_file(job, segment->fd);
    if (!error && !segment->is_durable)
        error = sync_dead_file(job, segment); /* and the directory */
    if (!error && segment->is_rescue)
        error = finish_rescue(job, segment);
    if (error)
        return error;
    segment->is_durable = true;
    job->synced_sequence = job->written_sequence;
    return 0;
}

static int seal(struct log_job *job, struct segment *segment)
{
    const struct files *files = job->log->files;
    int error = open_segment(job->log, segment);
    if (!error)
        error = files->truncate(files->arg, segment->fd, segment->written);
    if (!error)
        error = make_durable(job, segment);
    if (error)
        return error;
    assert(!segment->is_rescue); /* which goes alone */
    files->close(files->arg, segment->fd);
    segment->fd = -1;
    segment->state = SEGMENT_SEALED;
    return 0;
}

/* Records. */

static void seal_records(const struct piece *piece, uint64_t durable_sequence)
{
    for (uint32_t at = piece->from; at < piece->to;) {
        struct record *record = block_record(piece->block, at);
        record_seal(record, piece->segment->seed, durable_sequence);
        at += record->size;
    }
}

static size_t piece_size(const struct piece *piece)
{
    return piece->to - piece->from;
}

/* How many of the pieces that wait are written together: they follow one another in one segment. */
static size_t run_of(const struct log_job *job)
{
    const struct piece *pieces = &job->pieces[job->pieces_written];
    size_t left = job->piece_count - job->pieces_written, count = 1, size = piece_size(pieces);
    while (count < left && count < JOB_PIECES_MAX && size < RUN_SIZE && pieces[count].segment == pieces->segment)
        size += piece_size(&pieces[count++]);
    return count;
}

/* Those that wait for the sync wait for the disk alone then. */
static void will_sync(const struct log_job *job, uint64_t at, uint64_t end)
{
    const struct files *files = job->log->files;
    if (job->sync && files->will_sync && end - at >= RUN_SIZE)
        files->will_sync(files->arg, job->open->fd, at, end - at);
}

/* What goes to the disk of a piece. Where sequences are missing before it, a mark precedes it, which proves that those
 * are not torn. Returns the parts taken. */
static int fill_parts(const struct piece *piece, struct record *mark, struct iovec parts[2])
{
    int count = 0;
    if (piece->is_behind_gap) {
        *mark = record_make_mark(piece->segment->seed, block_record(piece->block, piece->from)->sequence - 1);
        parts[count++] = (struct iovec){ mark, sizeof *mark };
    }
    parts[count++] = (struct iovec){ piece->block->bytes + piece->from, piece_size(piece) };
    return count;
}

static int write_run(struct log_job *job, const struct piece *pieces, int count)
{
    struct iovec parts[2 * JOB_PIECES_MAX];
    struct record marks[JOB_PIECES_MAX];
    struct segment *segment = pieces->segment;
    uint64_t start = pieces->at - (pieces->is_behind_gap ? sizeof *marks : 0);
    uint64_t end = pieces[count - 1].at + piece_size(&pieces[count - 1]);
    int part_count = 0, error = make_room(job->log, segment, end);
    if (!error && (size_t)count == job->piece_count)
        write_zeros(job->log, segment, end, end - start);
    for (int i = 0; i < count && !error; i++) {
        seal_records(&pieces[i], job->synced_sequence);
        part_count += fill_parts(&pieces[i], &marks[i], parts + part_count);
    }
    if (!error)
        error = write_all(job->log->files, segment->fd, parts, part_count, start);
    if (error)
        return error;
    will_sync(job, start, end);
    segment->written = end;
    job->pieces_written += (size_t)count;
    job->written_sequence = pieces[count - 1].last_sequence;
    return 0;
}

static int write_pieces(struct log_job *job)
{
    int error = 0;
    while (!error && job->pieces_written < job->piece_count) {
        const struct piece *pieces = &job->pieces[job->pieces_written];
        size_t count = run_of(job);
        if (job->open && job->open != pieces->segment)
            error = seal(job, job->open);
        if (error)
            break;
        job->open = pieces->segment;
        error = open_segment(job->log, job->open);
        if (!error)
            error = write_run(job, pieces, (int)count);
    }
    return error;
}

/* The same bytes over those of a file that were found there. */
static int write_over(const struct log *log, int fd, uint64_t from, uint64_t to)
{
    char bytes[COPY_SIZE];
    while (from < to) {
        size_t size = to - from < sizeof bytes ? (size_t)(to - from) : sizeof bytes;
        ssize_t got = log->files->read(log->files->arg, fd, bytes, size, from);
        int error = got > 0 ? write_at(log->files, fd, bytes, (size_t)got, from) : got ? (int)got : -EIO;
        if (error)
            return error;
        from += (uint64_t)got;
    }
    return 0;
}

/* Where what recovery doubted cannot be written anew, for want of room mostly, it is made sure where it stands, so that
 * it may be seen. It is written over, since a sync alone may lie: what it is to sync may have been given up before. The
 * next life doubts it again. */
static int settle_doubts(struct log_job *job)
{
    char path[LOG_PATH_SIZE];
    const struct log *log = job->log;
    if (!log->rescue_sequence || log->is_settled || job->written_sequence >= log->rescue_sequence)
        return 0;
    int fd = log->files->open(log->files->arg, log_path(log, log->rescue_serial, ".log", path), FILES_WRITE);
    int error = fd < 0 ? fd : write_over(log, fd, log->rescue_from, log->rescue_to);
    if (!error)
        error = sync_file(job, fd);
    if (!error)
        error = sync_directory(job);
    if (fd >= 0)
        log->files->close(log->files->arg, fd);
    job->has_settled = !error;
    return error;
}

static int sync_pieces(struct log_job *job)
{
    struct segment *segment = job->open;
    bool is_due = job->sync || (segment && segment->is_rescue);
    if (!is_due || job->synced_sequence == job->written_sequence || !segment || segment->state != SEGMENT_OPEN)
        return 0;
    int error = open_segment(job->log, segment);
    return error ? error : make_durable(job, segment);
}

/* Kills. */

static int compare_kills(const void *a, const void *b)
{
    const struct kill *kill_a = a, *kill_b = b;
    return kill_a->first < kill_b->first ? -1 : kill_a->first > kill_b->first;
}

/* By sequence, and so by segment; neighbours are put together. */
static void sort_kills(struct log_job *job)
{
    size_t count = 0;
    if (job->kill_count)
        qsort(job->kills, job->kill_count, sizeof *job->kills, compare_kills);
    for (size_t i = 0; i < job->kill_count; i++) {
        struct kill *last = count ? &job->kills[count - 1] : NULL, kill = job->kills[i];
        if (last && last->segment == kill.segment && kill.first <= last->last + 1)
            last->last = kill.last > last->last ? kill.last : last->last;
        else
            job->kills[count++] = kill;
    }
    job->kill_count = count;
}

/* Entries of kills of one segment, behind those that are there. */
static int write_entries(struct log *log, int fd, const struct kill *kills, size_t count)
{
    struct segment *segment = kills->segment;
    struct dead_entry entries[ENTRIES_COUNT];
    for (size_t done = 0, part; done < count; done += part) {
        part = count - done < ENTRIES_COUNT ? count - done : ENTRIES_COUNT;
        for (size_t i = 0; i < part; i++)
            entries[i] = dead_entry_make(segment->seed, kills[done + i].first, kills[done + i].last);
        int error = write_at(log->files, fd, entries, part * sizeof *entries, segment->dead_size);
        if (error)
            return error;
        segment->dead_size += part * sizeof *entries;
    }
    return 0;
}

static int write_segment_kills(struct log *log, const struct kill *kills, size_t count)
{
    struct segment *segment = kills->segment;
    int fd = open_dead_file(log, segment);
    if (fd < 0)
        return fd;
    list_remove(&segment->unsynced);
    list_append(&log->unsynced, &segment->unsynced);
    int error = write_entries(log, fd, kills, count);
    log->files->close(log->files->arg, fd);
    return error;
}

static int sync_dead_files(struct log_job *job, struct list *segments)
{
    int error = 0;
    while (!error && !list_is_empty(segments))
        error = sync_dead_file(job, LIST_OWNER(segments->next, struct segment, unsynced));
    return error;
}

/* All that was ever written and not synced: what is to be remembered may stand on it. Where nobody has asked, the next
 * life doubts what this one does. */
static int sync_kills(struct log_job *job)
{
    int error = sync_dead_files(job, &job->log->unsynced);
    return error || !job->doubts ? error : sync_dead_files(job, &job->log->doubted);
}

static int write_kills(struct log_job *job)
{
    int error = 0;
    sort_kills(job);
    for (size_t at = 0, count; !error && at < job->kill_count; at += count) {
        for (count = 1; at + count < job->kill_count; count++)
            if (job->kills[at + count].segment != job->kills[at].segment)
                break;
        error = write_segment_kills(job->log, &job->kills[at], count);
    }
    if (!error && job->remembers)
        error = sync_kills(job);
    job->kills_written = !error;
    return error;
}

/* Removals. */

static int note_gone(struct log_job *job, const struct removal *removal)
{
    struct segment *follower = removal->follower;
    char head[DEAD_HEAD_SIZE];
    int fd = open_dead_file(job->log, follower);
    if (fd < 0)
        return fd;
    dead_head_write(head, follower->seed, removal->gone_first, follower->first_sequence - 1);
    int error = write_at(job->log->files, fd, head, sizeof head, 0);
    job->log->files->close(job->log->files->arg, fd);
    return error ? error : sync_dead_file(job, follower);
}

static int remove_file(const struct log *log, const struct segment *segment, const char *suffix)
{
    char path[LOG_PATH_SIZE];
    int error = log->files->remove(log->files->arg, log_path(log, segment->serial, suffix, path));
    return error == -ENOENT ? 0 : error;
}

/* One that recovery found, and that was perhaps never synced. */
static int sync_sealed(struct log_job *job, struct segment *segment)
{
    char path[LOG_PATH_SIZE];
    const struct files *files = job->log->files;
    int fd = files->open(files->arg, log_path(job->log, segment->serial, ".log", path), FILES_WRITE);
    if (fd < 0)
        return fd;
    int error = sync_file(job, fd);
    files->close(files->arg, fd);
    if (!error)
        error = sync_dead_file(job, segment);
    segment->is_durable = !error;
    return error;
}

/* What follows has to be sure before, or it would be forgotten that there ever was something. */
static int secure(struct log_job *job, struct segment *follower)
{
    if (follower->state == SEGMENT_UNBORN)
        return -EAGAIN;
    int error = 0;
    if (!follower->is_durable)
        error = follower->is_sealed ? sync_sealed(job, follower) : make_durable(job, follower);
    return error || follower->is_durable ? error : -EAGAIN;
}

static int note_removals(struct log_job *job)
{
    int error = 0;
    for (size_t i = 0; !error && i < job->removal_count; i++) {
        const struct removal *removal = &job->removals[i];
        if (i && removal->follower == removal[-1].follower)
            continue;
        error = secure(job, removal->follower);
        if (!error)
            error = note_gone(job, removal);
    }
    return error;
}

static int remove_segments(struct log_job *job)
{
    int error = note_removals(job);
    for (size_t i = 0; !error && i < job->removal_count; i++)
        error = remove_file(job->log, job->removals[i].segment, ".log");
    if (!error && job->removal_count)
        error = sync_directory(job);
    for (size_t i = 0; !error && i < job->removal_count; i++) {
        error = remove_file(job->log, job->removals[i].segment, ".dead");
        job->removals_done += !error;
    }
    return error;
}

/* The end. */

/* A mark, and nothing behind it. */
static int mark_end(struct log_job *job)
{
    const struct files *files = job->log->files;
    struct segment *segment = job->open;
    if (!job->rests || !segment || segment->state != SEGMENT_OPEN || segment->fd < 0)
        return 0;
    struct record mark = record_make_mark(segment->seed, job->synced_sequence);
    uint64_t end = segment->written + sizeof mark;
    int error = write_at(files, segment->fd, &mark, sizeof mark, segment->written);
    if (!error)
        error = files->truncate(files->arg, segment->fd, end);
    if (!error)
        error = sync_file(job, segment->fd);
    if (error)
        return error;
    segment->written = segment->allocated = end;
    job->has_marked = true;
    return 0;
}

typedef int step_fn(struct log_job *job);

static int run_steps(struct log_job *job, step_fn *const *steps, size_t count)
{
    int first_error = 0;
    for (size_t i = 0; !job->failure && i < count; i++) {
        int error = steps[i](job);
        first_error = first_error ? first_error : error;
    }
    return first_error;
}

/* What was written is synced though more could not be, and segments go also where the disk is full: then above all. */
int log_commit_run(struct log_job *job)
{
    static step_fn *const all[] = { write_pieces, settle_doubts, write_kills, sync_pieces, remove_segments };
    static step_fn *const clearing[] = { write_kills, remove_segments };
    if (job->clears)
        return run_steps(job, clearing, sizeof clearing / sizeof *clearing);
    int error = run_steps(job, all, sizeof all / sizeof *all);
    return error ? error : mark_end(job);
}
