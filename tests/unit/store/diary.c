#include "diary.h"

#include <stdlib.h>

#include "../unit.h"

enum { SIZE_LARGE = 2 * BLOCK_SIZE, STARTS = 1 << 16 };

/* Bytes: of random ones, from a start that the number says. */

static char bytes[STARTS + SIZE_LARGE];

static void make_bytes(void)
{
    struct random random;
    random_init(&random, 1);
    for (size_t at = 0; at < sizeof bytes; at++)
        bytes[at] = (char)random_next(&random);
}

static const char *body_of(uint64_t number)
{
    return bytes + number % STARTS;
}

static void check_record(const struct diary *diary, const struct record *record)
{
    unit_assert(record->sequence > 0 && record->sequence < diary->room);
    const struct entry *entry = &diary->entries[record->sequence];
    const char *topic = record_topic(record);
    unit_assert(record->topic_size == 1 && *topic == (char)('a' + entry->number % 26));
    unit_assert(record->body_size == entry->size && record->head_size == entry->size / 3);
    unit_assert(memcmp(topic + 1, body_of(entry->number), entry->size) == 0);
}

/* Life. */

static void make_room(struct diary *diary, uint64_t sequence)
{
    while (sequence >= diary->room)
        diary->room *= 2;
    diary->entries = realloc(diary->entries, diary->room * sizeof *diary->entries);
}

void diary_init(struct diary *diary, uint64_t seed)
{
    *diary = (struct diary){
        .sim = sim_create(seed),
        .options = { .segment_size = 3 * BLOCK_SIZE, .cache_size = 2 * BLOCK_SIZE },
        .room = 1024,
        .time_ms = 1000000,
        .size_max = 3000,
    };
    random_init(&diary->random, seed * 31 + 7);
    if (!bytes[0])
        make_bytes();
    diary->entries = calloc(diary->room, sizeof *diary->entries);
    const struct files *files = sim_files(diary->sim);
    ck_assert_int_eq(files->make_directory(files->arg, "data"), 0);
    ck_assert_int_eq(files->sync_directory(files->arg, ""), 0);
}

void diary_finish(struct diary *diary)
{
    log_close(diary->log);
    sim_destroy(diary->sim);
    free(diary->entries);
}

static void visit(void *arg, const struct record *record, bool is_live)
{
    struct diary *diary = arg;
    if (!is_live)
        return;
    unit_assert(record->sequence > diary->seen_last);
    check_record(diary, record);
    unit_assert(diary->fails || diary->entries[record->sequence].fate != FATE_GONE);
    diary->entries[record->sequence].is_seen = true;
    diary->seen_last = record->sequence;
    diary->seen_count++;
}

bool diary_is_damaged(const struct diary *diary, uint64_t sequence)
{
    struct log_findings findings;
    log_get_findings(diary->log, &findings);
    for (size_t i = 0; i < findings.damage_count; i++)
        if (sequence >= findings.damages[i].first && sequence <= findings.damages[i].last)
            return true;
    return false;
}

static void check_entry(struct diary *diary, uint64_t sequence)
{
    struct entry *entry = &diary->entries[sequence];
    unit_assert(entry->is_seen || entry->fate != FATE_LIVE || entry->is_undead ||
                (entry->is_damaged && diary_is_damaged(diary, sequence)));
    unit_assert(entry->is_damaged || !diary_is_damaged(diary, sequence));
    entry->is_remembered = false; /* who asked for it has heard nothing */
    if (entry->is_seen)
        entry->fate = FATE_LIVE;
    else if (entry->fate == FATE_LIVE)
        entry->fate = FATE_KILLED;
}

/* What had been committed is there; what had not may be, up to where the log ends now. */
static void check_all(struct diary *diary)
{
    struct log_findings findings;
    struct log_state state;
    log_get_findings(diary->log, &findings);
    log_get_state(diary->log, &state);
    ck_assert_uint_ge(findings.last_sequence, diary->committed);
    ck_assert_uint_le(findings.last_sequence, diary->last);
    ck_assert_uint_eq(state.live_count, diary->seen_count);
    diary->last = findings.last_sequence;
    diary->committed = findings.written_sequence;
    for (uint64_t sequence = 1; sequence <= diary->last; sequence++)
        check_entry(diary, sequence);
}

/* Where calls fail, some of it may not be readable until it is opened anew, so that what lives is missing and what is
 * dead is there; and sequences go on behind what there may have been. */
static void take_over(struct diary *diary)
{
    struct log_findings findings;
    log_get_findings(diary->log, &findings);
    unit_assert(findings.last_sequence >= diary->committed);
    make_room(diary, findings.last_sequence);
    for (uint64_t sequence = diary->last + 1; sequence <= findings.last_sequence; sequence++)
        diary->entries[sequence] = (struct entry){ .fate = FATE_KILLED, .is_damaged = true };
    diary->last = findings.last_sequence;
    for (uint64_t sequence = 1; sequence <= diary->last; sequence++) {
        struct entry *entry = &diary->entries[sequence];
        entry->is_remembered = false;
        if (!entry->is_seen || entry->fate != FATE_KILLED)
            continue;
        entry->fate = FATE_LIVE;
        entry->is_undead = true;
    }
}

int diary_open(struct diary *diary)
{
    unit_assert(!diary->log);
    diary->seen_count = diary->seen_last = 0;
    for (uint64_t sequence = 0; sequence <= diary->last; sequence++)
        diary->entries[sequence].is_seen = false;
    int error = log_open(sim_files(diary->sim), DIARY_DIRECTORY, &diary->options, visit, diary, &diary->log);
    if (error)
        diary->log = NULL;
    else if (diary->fails)
        take_over(diary);
    else
        check_all(diary);
    return error;
}

static void ignore(void *arg, const struct record *record, bool is_live)
{
    (void)arg, (void)record, (void)is_live;
}

void diary_try_to_open(struct diary *diary)
{
    if (log_open(sim_files(diary->sim), DIARY_DIRECTORY, &diary->options, ignore, NULL, &diary->log))
        diary->log = NULL;
}

void diary_drop(struct diary *diary)
{
    log_close(diary->log);
    diary->log = NULL;
    sim_process_ends(diary->sim);
}

void diary_lose_power(struct diary *diary)
{
    sim_power_off(diary->sim);
    log_close(diary->log);
    diary->log = NULL;
    sim_power_on(diary->sim);
}

/* Appending and committing. */

void diary_append(struct diary *diary, uint32_t size)
{
    uint64_t sequence = diary->last + 1, number = ++diary->number;
    char topic = (char)('a' + number % 26);
    const struct message message = { .body = body_of(number), .head_size = size / 3, .body_size = size };
    make_room(diary, sequence);
    unit_assert(log_append(diary->log, sequence, diary->time_ms++, slice_make(&topic, 1), &message));
    diary->entries[sequence] = (struct entry){ .number = number, .size = size };
    diary->last = sequence;
}

void diary_append_some(struct diary *diary, unsigned count)
{
    while (count--) {
        bool is_large = random_below(&diary->random, 300) == 0;
        diary_append(diary, random_below(&diary->random, is_large ? SIZE_LARGE : diary->size_max));
    }
}

/* What was remembered when the job began is gone. */
static void forget(struct diary *diary)
{
    for (uint64_t sequence = 1; sequence <= diary->last; sequence++) {
        struct entry *entry = &diary->entries[sequence];
        if (entry->is_remembered && entry->fate == FATE_KILLED && !diary_is_damaged(diary, sequence))
            entry->fate = FATE_GONE;
        entry->is_remembered = false;
    }
}

static int run(struct diary *diary, struct log_job *job, bool sync)
{
    int error = log_commit_run(job);
    uint64_t committed = log_commit_end(diary->log, job);
    unit_assert(committed <= diary->last);
    if (sync) {
        unit_assert(committed >= diary->committed);
        unit_assert(error || committed >= diary->committed);
        diary->committed = committed;
    }
    if (!error && !log_needs_commit(diary->log))
        forget(diary);
    return error;
}

int diary_commit(struct diary *diary, bool sync)
{
    int error;
    struct log_job *job = log_commit_begin(diary->log, sync, &error);
    if (!job && !error && sync)
        diary->committed = diary->last; /* there is nothing left to do */
    return job ? run(diary, job, sync) : error;
}

int diary_commit_all(struct diary *diary, bool sync)
{
    int error = 0;
    while (!error && log_needs_commit(diary->log))
        error = diary_commit(diary, sync);
    if (!error)
        error = diary_commit(diary, sync);
    unit_assert(error || !sync || diary->committed == diary->last);
    return error;
}

int diary_rest(struct diary *diary)
{
    int error = diary_commit_all(diary, true);
    if (error)
        return error;
    struct log_job *job = log_rest_begin(diary->log, &error);
    if (job)
        error = run(diary, job, true);
    unit_assert(error || diary->committed == diary->last);
    if (!error)
        diary_drop(diary);
    return error;
}

/* Killing. */

void diary_kill(struct diary *diary, uint64_t sequence)
{
    bool was_live = sequence && sequence <= diary->last && diary->entries[sequence].fate == FATE_LIVE;
    bool was_killed = log_kill(diary->log, sequence);
    unit_assert(was_killed == was_live || diary->fails);
    if (was_killed && was_live)
        diary->entries[sequence].fate = FATE_KILLED;
}

static void note_killed_before(struct diary *diary, uint64_t sequence)
{
    for (uint64_t at = 1; at < sequence && at <= diary->last; at++)
        if (diary->entries[at].fate == FATE_LIVE)
            diary->entries[at].fate = FATE_KILLED;
}

void diary_kill_before(struct diary *diary, uint64_t sequence)
{
    log_kill_before(diary->log, sequence);
    note_killed_before(diary, sequence);
}

void diary_take_before(struct diary *diary, uint64_t sequence)
{
    log_take_before(diary->log, sequence);
    note_killed_before(diary, sequence);
}

void diary_remember(struct diary *diary)
{
    log_remember(diary->log);
    for (uint64_t at = 1; at <= diary->last; at++)
        diary->entries[at].is_remembered |= diary->entries[at].fate == FATE_KILLED;
}

/* Reading. */

/* 0, or the error of a fetch that is to be tried again. */
static int fetch(struct diary *diary)
{
    int error;
    struct log_fetch *job = log_fetch_begin(diary->log, &error);
    unit_assert(job);
    error = log_fetch_run(job);
    log_fetch_end(diary->log, job);
    return error;
}

static uint64_t next_live(const struct diary *diary, uint64_t sequence)
{
    while (sequence <= diary->last && diary->entries[sequence].fate != FATE_LIVE)
        sequence++;
    return sequence;
}

/* What lives in [from, to) is not there: it has to be damaged. Where calls fail, all may be until it is opened anew. */
static void check_gap(const struct diary *diary, uint64_t from, uint64_t to)
{
    for (uint64_t at = next_live(diary, from); at < to; at = next_live(diary, at + 1))
        unit_assert(diary_is_damaged(diary, at) && (diary->entries[at].is_damaged || diary->fails));
}

static enum log_found find(struct diary *diary, uint64_t sequence, struct log_place *ret_place)
{
    enum log_found found;
    for (unsigned tries = 0; tries < 100 && (found = log_find(diary->log, sequence, ret_place)) == LOG_AWAY; tries++)
        fetch(diary);
    unit_assert(found != LOG_AWAY);
    return found;
}

void diary_read(struct diary *diary, uint64_t sequence, uint64_t count)
{
    struct log_place place;
    for (; count; count--) {
        if (find(diary, sequence, &place) == LOG_ABSENT) {
            check_gap(diary, sequence, diary->last + 1);
            return;
        }
        const struct record *record = block_record(place.block, place.at);
        check_gap(diary, sequence, record->sequence);
        unit_assert(diary->entries[record->sequence].fate == FATE_LIVE || diary->fails);
        check_record(diary, record);
        sequence = record->sequence + 1;
    }
}

/* Anything. */

static uint64_t any_sequence(struct diary *diary)
{
    return 1 + random_below(&diary->random, (uint32_t)diary->last + 1);
}

static int act(struct diary *diary, uint32_t what)
{
    bool sync = random_below(&diary->random, 4) != 0;
    if (what < 40)
        diary_append_some(diary, 1 + random_below(&diary->random, 40));
    else if (what < 70)
        return diary_commit(diary, sync);
    else if (what < 80)
        diary_kill(diary, any_sequence(diary));
    else if (what < 88)
        for (unsigned i = random_below(&diary->random, 50); i > 0; i--)
            diary_kill(diary, any_sequence(diary));
    else if (what < 91)
        diary_take_before(diary, log_first(diary->log) + random_below(&diary->random, 60));
    else if (what < 93)
        diary_kill_before(diary, log_first(diary->log) + random_below(&diary->random, 60));
    else if (what < 94)
        diary_kill_before(diary, any_sequence(diary));
    else if (what < 96)
        diary_remember(diary);
    else
        diary_read(diary, any_sequence(diary), random_below(&diary->random, 50));
    return 0;
}

/* Bytes of what is away are guessed, but none is taken off twice. */
static void check_bytes(const struct diary *diary)
{
    struct log_state state;
    uint64_t most = 0;
    log_get_state(diary->log, &state);
    for (uint64_t at = 1; at <= diary->last; at++)
        most += record_size(slice_make("", 1), &(struct message){ .body_size = diary->entries[at].size });
    unit_assert(state.byte_count <= most && (state.live_count || !state.byte_count));
}

int diary_step(struct diary *diary)
{
    int error = act(diary, random_below(&diary->random, 100));
    if (!diary->fails)
        check_bytes(diary);
    return error;
}
