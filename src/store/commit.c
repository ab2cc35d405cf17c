/* What is to be written, and what has been: the two ends of a job of the committer, under the lock. */
#include <errno.h>
#include <stdlib.h>

#include "store/job.h"
#include "util/random.h"

/* How many records may be killed at the front by bounds before that is written down: a restart would find the same. */
enum { FRONT_STEP = 1024 };

/* Beginning. */

static uint64_t unwritten(const struct log *log)
{
    return log->appended_bytes - log->written_bytes;
}

/* Nothing before this is live, as far as it has a place in a segment. */
static uint64_t front_of(const struct log *log, uint64_t placed_sequence)
{
    uint64_t front = log->first_sequence ? log->first_sequence : log->last_sequence + 1;
    return front <= placed_sequence ? front : placed_sequence + 1;
}

static bool front_is_due(const struct log *log, uint64_t front, bool now)
{
    return front > log->front_told && (now || front - log->front_told >= FRONT_STEP);
}

bool log_needs_commit(const struct log *log)
{
    if (!log->files || log->failure)
        return false;
    return unwritten(log) || log->rescue_sequence || log->kills.count || log->kills.is_lost || log->retired_count ||
           (log->remembers && (log->has_unsynced || log->has_doubted)) ||
           front_is_due(log, front_of(log, log->written_sequence), log->remembers);
}

static struct segment *new_segment(struct log *log, const struct span *span)
{
    struct segment segment = {
        .serial = log->next_serial,
        .first_sequence = span->first_sequence,
        .last_sequence = span->first_sequence - 1,
        .used = SEGMENT_HEAD_SIZE,
        .is_rescue = span->first_sequence <= log->rescue_sequence,
        .fd = -1,
    };
    random_bytes(&segment.identity, sizeof segment.identity);
    segment.seed = segment_seed(segment.identity);
    struct segment *added = log_add_segment(log, &segment);
    log->next_serial += added != NULL;
    return added;
}

/* What a rescue writes stays together. Else what is missing before a span begins a segment, whose head proves it. */
static bool has_room(const struct log *log, const struct segment *segment, const struct span *span)
{
    bool is_rescued = span->first_sequence <= log->rescue_sequence;
    bool follows = segment->last_sequence + 1 == span->first_sequence;
    bool fits = segment->used == SEGMENT_HEAD_SIZE || segment->used + span->block->size <= log->options.segment_size;
    return !segment->is_sealed && (is_rescued || (follows && fits));
}

/* A place for a span that is written for the first time. False: out of memory. */
static bool place_span(struct log *log, struct span *span)
{
    struct segment *segment = log->segment_count ? log->segments[log->segment_count - 1] : NULL;
    if (span->segment)
        return true;
    if (!segment || !has_room(log, segment, span))
        segment = new_segment(log, span);
    if (!segment)
        return false;
    span->segment = segment;
    span->is_behind_gap = segment->last_sequence + 1 < span->first_sequence;
    span->at = segment->used + (span->is_behind_gap ? sizeof(struct record) : 0);
    segment->span_count++;
    return true;
}

static void add_piece(struct log *log, struct log_job *job, struct span *span)
{
    struct segment *segment = span->segment;
    uint32_t to = span->block->used;
    job->pieces[job->piece_count++] = (struct piece){
        .span = span,
        .block = block_ref(span->block),
        .segment = segment,
        .from = span->size,
        .to = to,
        .at = span->at + span->size,
        .last_sequence = span->last_sequence,
        .is_behind_gap = span->is_behind_gap && !span->size,
    };
    log_use_segment(log, segment, span->at + to);
    segment->last_sequence = span->last_sequence;
}

/* All that waits, or as much as goes with one job. False: out of memory. */
static bool take_pieces(struct log *log, struct log_job *job)
{
    struct span *span;
    size_t place = spans_find(&log->spans, log->written_sequence + 1), count = log->spans.count - place;
    if (log->rescue_sequence) /* comes first, and alone */
        count = log->written_sequence < log->rescue_sequence
                    ? spans_find(&log->spans, log->rescue_sequence) + 1 - place
                    : 0;
    else if (count > JOB_PIECES_MAX && !job->rests)
        count = JOB_PIECES_MAX;
    job->pieces = count ? malloc(count * sizeof *job->pieces) : NULL;
    if (count && !job->pieces)
        return false;
    for (; job->piece_count < count && (span = spans_at(&log->spans, place)); place++) {
        if (!place_span(log, span))
            return false;
        add_piece(log, job, span);
    }
    job->rests &= place == log->spans.count;
    return true;
}

/* Kills. */

/* The place of the first segment that ends with this sequence or a later one. */
static size_t find_segment(const struct log *log, uint64_t sequence)
{
    size_t low = 0, high = log->segment_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (log->segments[middle]->last_sequence < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool add_kill(struct log_job *job, size_t *room, struct kill kill)
{
    if (job->kill_count == *room) {
        size_t more = *room ? 2 * *room : 16;
        struct kill *kills = realloc(job->kills, more * sizeof *kills);
        if (!kills)
            return false;
        job->kills = kills;
        *room = more;
    }
    job->kills[job->kill_count++] = kill;
    return true;
}

/* A range by segments. What was in a segment that is gone needs no word. */
static bool add_range(const struct log *log, struct log_job *job, size_t *room, struct log_range range)
{
    for (size_t i = find_segment(log, range.first); i < log->segment_count; i++) {
        struct segment *segment = log->segments[i];
        struct kill kill = {
            .segment = segment,
            .first = range.first > segment->first_sequence ? range.first : segment->first_sequence,
            .last = range.last < segment->last_sequence ? range.last : segment->last_sequence,
        };
        if (segment->first_sequence > range.last)
            break;
        if (!add_kill(job, room, kill))
            return false;
    }
    return true;
}

/* Whatever is not live: memory ran out when that was to be noted. */
static bool add_all(const struct log *log, struct log_job *job, size_t *room, uint64_t placed_sequence)
{
    uint64_t next = 1;
    for (size_t i = 0; i <= log->spans.count && next <= placed_sequence; i++) {
        const struct span *span = spans_at(&log->spans, i);
        uint64_t end = span ? span->last_sequence : placed_sequence;
        uint64_t live = span && span->live_count ? span_next_live(span, span->first_sequence) : end + 1;
        for (; live <= end && live <= placed_sequence; live = span_next_live(span, live + 1)) {
            if (live > next && !add_range(log, job, room, (struct log_range){ next, live - 1 }))
                return false;
            next = live + 1;
        }
    }
    return next > placed_sequence || add_range(log, job, room, (struct log_range){ next, placed_sequence });
}

/* Those that have a place in a segment come first, and are taken; the others wait. */
static void sort_out(struct kills *kills, uint64_t placed_sequence)
{
    for (size_t i = 0; i < kills->count; i++) {
        struct log_range range = kills->ranges[i];
        if (range.last > placed_sequence)
            continue;
        kills->ranges[i] = kills->ranges[kills->taken];
        kills->ranges[kills->taken++] = range;
    }
}

static bool take_kills(struct log *log, struct log_job *job)
{
    struct kills *kills = &log->kills;
    size_t room = 0;
    uint64_t placed = log->segment_count ? log->segments[log->segment_count - 1]->last_sequence : 0;
    uint64_t front = front_of(log, placed);
    sort_out(kills, placed);
    job->retells = kills->is_lost;
    job->remembers = (log->remembers || job->rests) && kills->taken == kills->count;
    job->doubts = log->remembers;
    for (size_t i = 0; i < kills->taken; i++)
        if (!add_range(log, job, &room, kills->ranges[i]))
            return false;
    if (job->retells && !add_all(log, job, &room, placed))
        return false;
    job->front = log->front_told;
    if (!front_is_due(log, front, job->remembers))
        return true;
    job->front = front;
    return add_range(log, job, &room, (struct log_range){ log->front_told ? log->front_told : 1, front - 1 });
}

/* Removals. */

static struct segment *follower_of(const struct log *log, const struct segment *segment)
{
    size_t place = 0;
    while (log->segments[place]->serial < segment->serial) /* the last is never retired */
        place++;
    return log->segments[place];
}

/* Where the last segment has no file yet, or a rescue that is not complete, for want of room perhaps, that cannot note
 * what is gone: the newest of those that are to be removed does, and stays for now. It is put behind the others. NULL:
 * all may go. */
static struct segment *spare_one(const struct log *log)
{
    size_t last = log->retired_count - 1, newest = 0;
    if (log->segments[0]->state != SEGMENT_UNBORN && !log->segments[0]->is_rescue)
        return NULL;
    for (size_t i = 1; i <= last; i++)
        newest = log->retired[i]->serial > log->retired[newest]->serial ? i : newest;
    struct segment *spared = log->retired[newest];
    log->retired[newest] = log->retired[last];
    log->retired[last] = spared;
    return spared;
}

static bool take_removals(struct log *log, struct log_job *job)
{
    if (!log->retired_count)
        return true;
    job->removals = malloc(log->retired_count * sizeof *job->removals);
    if (!job->removals)
        return false;
    struct segment *spared = spare_one(log);
    for (size_t i = 0; i < log->retired_count - (spared != NULL); i++) {
        struct segment *segment = log->retired[i], *follower = spared ? spared : follower_of(log, segment);
        uint64_t gone_first = segment->gone_first ? segment->gone_first : segment->first_sequence;
        if (!follower->gone_first || gone_first < follower->gone_first)
            follower->gone_first = gone_first;
        job->removals[job->removal_count++] = (struct removal){ .segment = segment, .follower = follower };
    }
    for (size_t i = 0; i < job->removal_count; i++)
        job->removals[i].gone_first = job->removals[i].follower->gone_first;
    return true;
}

/* The whole. */

static void job_free(struct log_job *job)
{
    for (size_t i = 0; i < job->piece_count; i++)
        block_unref(job->pieces[i].block);
    free(job->pieces);
    free(job->kills);
    free(job->removals);
    free(job);
}

enum log_job_kind { LOG_JOB_WRITES, LOG_JOB_CLEARS, LOG_JOB_RESTS };

static struct segment *open_segment(const struct log *log)
{
    for (size_t i = log->segment_count; i > 0; i--)
        if (log->segments[i - 1]->state == SEGMENT_OPEN)
            return log->segments[i - 1];
    return NULL;
}

static struct log_job *begin(struct log *log, enum log_job_kind kind, bool sync, int *ret_error)
{
    struct log_job *job = calloc(1, sizeof *job);
    *ret_error = job ? 0 : -ENOMEM;
    if (!job)
        return NULL;
    log_settle_damaged(log);
    job->log = log;
    job->sync = sync;
    job->rests = kind == LOG_JOB_RESTS;
    job->clears = kind == LOG_JOB_CLEARS;
    job->open = open_segment(log);
    job->cut_size = log->cut ? log->cut->used : 0;
    job->written_sequence = log->written_sequence;
    job->synced_sequence = log->synced_sequence;
    if ((!job->clears && !take_pieces(log, job)) || !take_kills(log, job) || !take_removals(log, job)) {
        log->kills.taken = 0;
        job_free(job);
        *ret_error = -ENOMEM;
        return NULL;
    }
    log->remembers = log->remembers && !job->remembers;
    log->kills.is_lost = false;
    return job;
}

struct log_job *log_commit_begin(struct log *log, bool sync, int *ret_error)
{
    *ret_error = log->failure;
    bool is_unsynced = sync && log->files && log->synced_sequence < log->written_sequence;
    bool is_due = !log->failure && (is_unsynced || log_needs_commit(log));
    return is_due ? begin(log, LOG_JOB_WRITES, sync, ret_error) : NULL;
}

struct log_job *log_clear_begin(struct log *log, int *ret_error)
{
    *ret_error = log->failure;
    return log->files && !log->failure && log->retired_count ? begin(log, LOG_JOB_CLEARS, true, ret_error) : NULL;
}

struct log_job *log_rest_begin(struct log *log, int *ret_error)
{
    *ret_error = log->failure;
    if (!log->files || log->failure || !log->last_sequence)
        return NULL;
    if (log->has_mark && !log_needs_commit(log) && !log->has_unsynced &&
        front_of(log, log->written_sequence) == log->front_told)
        return NULL;
    if (log->spans.count)
        spans_last(&log->spans)->is_closed = true;
    return begin(log, LOG_JOB_RESTS, true, ret_error);
}

/* Ending. */

static void end_pieces(struct log *log, const struct log_job *job)
{
    for (size_t i = 0; i < job->pieces_written; i++) {
        const struct piece *piece = &job->pieces[i];
        piece->span->size = piece->to;
        log->written_bytes += piece->to - piece->from;
        log_settle_span(log, spans_find(&log->spans, piece->last_sequence));
    }
    if (job->pieces_written)
        log->has_mark = false;
}

static void end_segments(struct log *log)
{
    for (size_t i = log->segment_count; i > 0; i--) {
        struct segment *segment = log->segments[i - 1];
        bool was_sealed = segment->is_sealed;
        segment->is_sealed = segment->state == SEGMENT_SEALED;
        log_settle_segment(log, segment);
        if (was_sealed)
            break;
    }
}

static void end_kills(struct log *log, const struct log_job *job)
{
    struct kills *kills = &log->kills;
    if (job->kills_written) {
        kills->count -= kills->taken;
        for (size_t i = 0; i < kills->count; i++)
            kills->ranges[i] = kills->ranges[kills->taken + i];
        log->front_told = job->front;
    } else {
        log->remembers |= job->remembers;
        kills->is_lost |= job->retells;
    }
    kills->taken = 0;
}

static void end_removals(struct log *log, const struct log_job *job)
{
    for (size_t i = 0; i < job->removals_done; i++)
        log_free_segment(log, job->removals[i].segment);
    log->retired_count -= job->removals_done;
    for (size_t i = 0; i < log->retired_count; i++)
        log->retired[i] = log->retired[job->removals_done + i];
}

uint64_t log_committed(const struct log *log, uint64_t sequence)
{
    return log->is_settled && sequence < log->rescue_end ? log->rescue_end : sequence;
}

uint64_t log_commit_end(struct log *log, struct log_job *job)
{
    bool sync = job->sync;
    log->written_sequence = job->written_sequence;
    log->synced_sequence = job->synced_sequence;
    log->failure = job->failure;
    log->is_settled |= job->has_settled;
    end_pieces(log, job);
    end_segments(log);
    end_kills(log, job);
    end_removals(log, job);
    if (job->has_marked) {
        log->has_mark = true;
        struct segment *last = log->segments[log->segment_count - 1];
        log_use_segment(log, last, last->used + sizeof(struct record));
    }
    if (log->rescue_sequence && log->synced_sequence >= log->rescue_sequence) {
        log->rescue_sequence = 0;
        log->is_settled = false;
        log->cut = NULL;
        if (log->written_sequence < log->rescue_end)
            log->written_sequence = log->synced_sequence = log->rescue_end;
    }
    log->has_unsynced = !list_is_empty(&log->unsynced);
    log->has_doubted = !list_is_empty(&log->doubted);
    cache_trim(log);
    job_free(job);
    return log_committed(log, sync ? log->synced_sequence : log->written_sequence);
}

bool log_has_failed(const struct log *log)
{
    return log->failure != 0;
}
