/*
 * Fuzz target: whatever lies in the directory of a log, it opens, or says that it is of a newer daemon; what it shows
 * is in order and whole, the checker says the same, and what is appended then is there when it is opened again.
 *
 * The input is a list of changes to two good segments and the files of their dead, 5 bytes each: where in which file
 * (3, the file in the two lowest bits), a byte, and what to do with it (see enum change). So the sums, which no fuzzer
 * guesses, can be made right again.
 */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "store/inspect.h"
#include "store/log.h"

enum {
    FILES = 12,
    FILE_SIZE_MAX = 1 << 20,
    RECORDS = 6,                /* in each segment */
    IDENTITY = 77,
    CHANGE_SIZE = 5,
};

enum change {
    CHANGE_XOR,                 /* the byte there */
    CHANGE_SET,
    CHANGE_CUT,                 /* the file ends there */
    CHANGE_GROW,                /* it ends byte * 64 behind there, with zeros */
    CHANGE_SEAL_RECORD,         /* the sum of the record there is made right, in a segment */
    CHANGE_SEAL_HEAD,           /* the sums of the head */
    CHANGE_SEAL_ENTRY,          /* the sum of the entry there, in a file of the dead */
    CHANGE_COUNT,
};

/* A file system in memory. */

struct file {
    char name[64];              /* "": free */
    unsigned char *bytes;
    uint64_t size;
};

static struct file files[FILES];

static int fake_open(void *arg, const char *path, enum files_open how)
{
    const char *name = strrchr(path, '/') + 1;
    int free_file = -1;
    (void)arg;
    for (int i = 0; i < FILES; i++) {
        if (strcmp(files[i].name, name) == 0)
            return i;
        if (!*files[i].name)
            free_file = i;
    }
    if (how != FILES_CREATE)
        return -ENOENT;
    fuzz_require(free_file >= 0);
    snprintf(files[free_file].name, sizeof files[free_file].name, "%s", name);
    files[free_file].size = 0;
    return free_file;
}

static int fake_close(void *arg, int fd)
{
    (void)arg, (void)fd;
    return 0;
}

static ssize_t fake_read(void *arg, int fd, void *data, size_t size, uint64_t at)
{
    uint64_t left = at < files[fd].size ? files[fd].size - at : 0;
    (void)arg;
    size = size < left ? size : (size_t)left;
    memcpy(data, files[fd].bytes + (size ? at : 0), size);
    return (ssize_t)size;
}

static int fake_truncate(void *arg, int fd, uint64_t size)
{
    (void)arg;
    if (size > FILE_SIZE_MAX)
        return -ENOSPC;
    if (size > files[fd].size)
        memset(files[fd].bytes + files[fd].size, 0, size - files[fd].size);
    files[fd].size = size;
    return 0;
}

static int fake_allocate(void *arg, int fd, uint64_t size)
{
    return size <= files[fd].size ? 0 : fake_truncate(arg, fd, size);
}

static ssize_t fake_write(void *arg, int fd, const struct iovec *parts, int part_count, uint64_t at)
{
    ssize_t done = 0;
    for (int i = 0; i < part_count; i++) {
        if (fake_allocate(arg, fd, at + (uint64_t)done + parts[i].iov_len))
            return done ? done : -ENOSPC;
        memcpy(files[fd].bytes + at + done, parts[i].iov_base, parts[i].iov_len);
        done += (ssize_t)parts[i].iov_len;
    }
    return done;
}

static int fake_size(void *arg, int fd, uint64_t *ret_size)
{
    (void)arg;
    *ret_size = files[fd].size;
    return 0;
}

static int fake_sync(void *arg, int fd)
{
    (void)arg, (void)fd;
    return 0;
}

static int fake_directory(void *arg, const char *path)
{
    (void)arg, (void)path;
    return 0;
}

static int fake_remove(void *arg, const char *path)
{
    int fd = fake_open(arg, path, FILES_READ);
    if (fd < 0)
        return fd;
    *files[fd].name = '\0';
    return 0;
}

static int fake_list(void *arg, const char *path, void (*visit)(void *visit_arg, const char *name), void *visit_arg)
{
    (void)arg, (void)path;
    for (int i = 0; i < FILES; i++)
        if (*files[i].name)
            visit(visit_arg, files[i].name);
    return 0;
}

static const struct files table = {
    .open = fake_open,
    .close = fake_close,
    .read = fake_read,
    .write = fake_write,
    .allocate = fake_allocate,
    .truncate = fake_truncate,
    .size = fake_size,
    .sync = fake_sync,
    .sync_directory = fake_directory,
    .make_directory = fake_directory,
    .remove = fake_remove,
    .list = fake_list,
};

/* What is changed. */

static uint32_t seed_of(unsigned file)
{
    return segment_seed(IDENTITY + file / 2);
}

static void put_segment(unsigned file, uint64_t serial, uint64_t first_sequence)
{
    uint64_t at = SEGMENT_HEAD_SIZE, last = first_sequence - 1;
    files[file].size = SEGMENT_HEAD_SIZE + 4096;
    segment_name(serial, ".log", files[file].name);
    memset(files[file].bytes, 0, files[file].size);
    segment_head_write((char *)files[file].bytes, serial, IDENTITY + file / 2, first_sequence);
    for (unsigned i = 0; i < RECORDS; i++) {
        struct record *record = (void *)(files[file].bytes + at);
        *record = (struct record){ .sequence = ++last, .time_ms = 1000, .topic_size = 1 };
        record->body_size = 8 * i - (i > 0);
        record->size = (uint32_t)(sizeof *record + 1 + record->body_size + 7) & ~7u;
        memset(record + 1, 't', 1 + record->body_size);
        record_seal(record, seed_of(file), last - 1 - i % 3);
        at += record->size;
    }
}

static void put_dead(unsigned file, uint64_t serial, uint64_t gone_first, uint64_t first_sequence)
{
    files[file].size = 4096;
    segment_name(serial, ".dead", files[file].name);
    memset(files[file].bytes, 0, files[file].size);
    dead_head_write((char *)files[file].bytes, seed_of(file), gone_first, first_sequence - 1);
    struct dead_entry entry = dead_entry_make(seed_of(file), first_sequence + 1, first_sequence + 2);
    memcpy(files[file].bytes + DEAD_HEAD_SIZE, &entry, sizeof entry);
}

static void put_good_files(void)
{
    for (int i = 0; i < FILES; i++) {
        if (!files[i].bytes)
            files[i].bytes = malloc(FILE_SIZE_MAX);
        *files[i].name = '\0';
    }
    put_segment(0, 3, 100);
    put_dead(1, 3, 1, 100);
    put_segment(2, 4, 100 + RECORDS);
    put_dead(3, 4, 0, 100 + RECORDS);
}

static void seal_record(unsigned file, uint64_t at)
{
    struct record record;
    at &= ~(uint64_t)7;
    if (at + sizeof record > files[file].size)
        return;
    memcpy(&record, files[file].bytes + at, sizeof record);
    if (record.size < sizeof record || at + record.size > files[file].size)
        return;
    struct record *there = (void *)(files[file].bytes + at);
    record_seal(there, seed_of(file), record.sequence - record.commit_lag);
}

static void seal_head(unsigned file)
{
    struct segment_head head;
    struct dead_head dead;
    memcpy(&head, files[file].bytes, sizeof head);
    memcpy(&dead, files[file].bytes, sizeof dead);
    if (file % 2 == 0 && files[file].size >= SEGMENT_HEAD_SIZE)
        segment_head_write((char *)files[file].bytes, head.serial, head.identity, head.first_sequence);
    if (file % 2 == 1 && files[file].size >= DEAD_HEAD_SIZE)
        dead_head_write((char *)files[file].bytes, seed_of(file), dead.gone_first, dead.gone_last);
}

static void seal_entry(unsigned file, uint64_t at)
{
    struct dead_entry entry;
    if (at + sizeof entry > files[file].size)
        return;
    memcpy(&entry, files[file].bytes + at, sizeof entry);
    entry = dead_entry_make(seed_of(file), entry.first, entry.last);
    memcpy(files[file].bytes + at, &entry, sizeof entry);
}

static void apply(const uint8_t *data)
{
    uint32_t place = (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16;
    unsigned file = place % 4;
    uint64_t at = files[file].size ? place / 4 % files[file].size : 0;
    uint8_t byte = data[3];
    unsigned change = data[4] % CHANGE_COUNT;
    if (change <= CHANGE_SET && files[file].size)
        files[file].bytes[at] = change == CHANGE_XOR ? files[file].bytes[at] ^ byte : byte;
    if (change == CHANGE_CUT || change == CHANGE_GROW)
        fake_truncate(NULL, (int)file, change == CHANGE_CUT ? at : at + 64u * byte);
    if (change == CHANGE_SEAL_RECORD)
        seal_record(file, at);
    if (change == CHANGE_SEAL_HEAD)
        seal_head(file);
    if (change == CHANGE_SEAL_ENTRY)
        seal_entry(file, at);
}

/* What must hold. */

struct seen {
    uint64_t count, live_count, last_sequence;
};

static void see(void *arg, const struct record *record, bool is_live)
{
    struct seen *seen = arg;
    fuzz_require(record->sequence > seen->last_sequence);
    fuzz_require(record->head_size <= record->body_size);
    seen->last_sequence = record->sequence;
    seen->count++;
    seen->live_count += is_live;
}

static int inspect(void *arg, const struct inspect_segment *segment, const struct record *record, uint64_t at,
                   bool is_dead)
{
    (void)segment, (void)at;
    see(arg, record, !is_dead);
    return 0;
}

static void read_all(struct log *log, uint64_t live_count)
{
    struct log_place place;
    uint64_t count = 0, next = 0;
    int error;
    for (enum log_found found; (found = log_find(log, next, &place)) != LOG_ABSENT;) {
        if (found == LOG_FOUND) {
            next = block_record(place.block, place.at)->sequence + 1;
            count++;
            continue;
        }
        struct log_fetch *fetch = log_fetch_begin(log, &error);
        fuzz_require(fetch && log_fetch_run(fetch) == 0);
        log_fetch_end(log, fetch);
    }
    fuzz_require(count == live_count);
}

static void commit(struct log *log)
{
    int error;
    struct log_job *job = log_commit_begin(log, true, &error);
    fuzz_require(job || !error);
    if (job) {
        fuzz_require(log_commit_run(job) == 0);
        log_commit_end(log, job);
    }
}

/* Returns the last sequence; UINT64_MAX: it could not be opened. */
static uint64_t open_once(bool is_first)
{
    const struct log_options options = { .segment_size = 300000, .cache_size = 0 };
    const struct inspect_visitor visitor = { .arg = &(struct seen){ 0, 0, 0 }, .record = inspect };
    const struct seen *inspected = visitor.arg;
    struct seen seen = { 0, 0, 0 };
    struct inspect_result result;
    struct log_findings findings;
    struct log *log;
    int inspect_error = inspect_directory(&table, "d/s", &visitor, &result);
    int error = log_open(&table, "d/s", &options, see, &seen, &log);
    fuzz_require(error == inspect_error);
    fuzz_require(!error || (is_first && error == -EPROTONOSUPPORT));
    if (error)
        return UINT64_MAX;
    log_get_findings(log, &findings);
    fuzz_require(seen.count == inspected->count && seen.live_count == inspected->live_count);
    fuzz_require(findings.last_sequence == result.last_sequence && findings.last_sequence >= seen.last_sequence);
    fuzz_require(findings.written_sequence == findings.last_sequence);
    read_all(log, seen.live_count);
    if (is_first && findings.last_sequence < UINT64_MAX - 2) {
        const struct message message = { .body = "body", .body_size = 4 };
        fuzz_require(log_append(log, ++findings.last_sequence, 5, slice_of("t"), &message));
        commit(log);
    }
    log_close(log);
    return findings.last_sequence;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    put_good_files();
    for (; size >= CHANGE_SIZE; data += CHANGE_SIZE, size -= CHANGE_SIZE)
        apply(data);
    uint64_t last = open_once(true);
    if (last != UINT64_MAX)
        fuzz_require(open_once(false) == last);
    return 0;
}
