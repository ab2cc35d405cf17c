#include "store/segment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "util/crc32c.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records stand in memory as on disk: little-endian");
_Static_assert(sizeof(struct segment_head) == 64 && sizeof(struct dead_entry) == 24, "no padding");

static const char segment_magic[8] = "posthorn", dead_magic[8] = "posthdea";

/* Names. */

void segment_name(uint64_t serial, const char *suffix, char out[SEGMENT_NAME_SIZE])
{
    snprintf(out, SEGMENT_NAME_SIZE, "%010" PRIu64 "%s", serial % 10000000000u, suffix);
}

uint64_t segment_name_parse(const char *name, const char *suffix)
{
    uint64_t serial = 0;
    unsigned digits = 0;
    for (; *name >= '0' && *name <= '9' && digits < 10; name++, digits++)
        serial = 10 * serial + (uint64_t)(*name - '0');
    return digits == 10 && strcmp(name, suffix) == 0 ? serial : 0;
}

/* Heads. */

uint32_t segment_seed(uint64_t identity)
{
    return crc32c(0, &identity, sizeof identity);
}

static uint32_t sum_of(const struct segment_head *head)
{
    return crc32c(0, &head->identity, sizeof *head - offsetof(struct segment_head, identity));
}

void segment_head_write(char out[SEGMENT_HEAD_SIZE], uint64_t serial, uint64_t identity, uint64_t first_sequence)
{
    struct segment_head head = {
        .version = SEGMENT_VERSION,
        .identity = identity,
        .serial = serial,
        .first_sequence = first_sequence,
    };
    memcpy(head.magic, segment_magic, sizeof head.magic);
    head.crc = sum_of(&head);
    memset(out, 0, SEGMENT_HEAD_SIZE);
    memcpy(out, &head, sizeof head);
    memcpy(out + SEGMENT_HEAD_COPY, &head, sizeof head);
}

static int read_copy(const char *data, struct segment_head *ret_head)
{
    struct segment_head head;
    memcpy(&head, data, sizeof head);
    if (memcmp(head.magic, segment_magic, sizeof head.magic) != 0 || head.crc != sum_of(&head))
        return -EBADMSG;
    *ret_head = head;
    return head.version == SEGMENT_VERSION ? 0 : -EPROTONOSUPPORT;
}

/* The version is not summed, so that it can be read in every version: where the copies differ in it, ours is taken. */
int segment_head_read(const char data[SEGMENT_HEAD_SIZE], struct segment_head *ret_head)
{
    int first = read_copy(data, ret_head);
    int second = first ? read_copy(data + SEGMENT_HEAD_COPY, ret_head) : 0;
    return second == -EBADMSG ? first : second;
}

static uint32_t dead_sum_of(const struct dead_head *head, uint32_t seed)
{
    return crc32c(seed, &head->gone_first, sizeof *head - offsetof(struct dead_head, gone_first));
}

void dead_head_write(char out[DEAD_HEAD_SIZE], uint32_t seed, uint64_t gone_first, uint64_t gone_last)
{
    struct dead_head head = { .version = SEGMENT_VERSION, .gone_first = gone_first };
    head.gone_last = gone_first ? gone_last : 0;
    memcpy(head.magic, dead_magic, sizeof head.magic);
    head.crc = dead_sum_of(&head, seed);
    memset(out, 0, DEAD_HEAD_SIZE);
    memcpy(out, &head, sizeof head);
    memcpy(out + DEAD_HEAD_COPY, &head, sizeof head);
}

static uint64_t gone_count(const struct dead_head *head)
{
    return head->gone_first ? head->gone_last - head->gone_first + 1 : 0;
}

/* A cut of power may leave one copy as it was before: what is gone only grows, and the larger is right. */
bool dead_head_read(const char data[DEAD_HEAD_SIZE], uint32_t seed, struct dead_head *ret_head)
{
    bool found = false;
    for (size_t at = 0; at <= DEAD_HEAD_COPY; at += DEAD_HEAD_COPY) {
        struct dead_head head;
        memcpy(&head, data + at, sizeof head);
        if (memcmp(head.magic, dead_magic, sizeof head.magic) != 0 || head.crc != dead_sum_of(&head, seed))
            continue;
        if (!found || gone_count(&head) > gone_count(ret_head))
            *ret_head = head;
        found = true;
    }
    return found;
}

/* Entries. */

static uint32_t entry_sum_of(const struct dead_entry *entry, uint32_t seed)
{
    return crc32c(seed, entry, offsetof(struct dead_entry, crc));
}

struct dead_entry dead_entry_make(uint32_t seed, uint64_t first, uint64_t last)
{
    struct dead_entry entry = { .first = first, .last = last };
    entry.crc = entry_sum_of(&entry, seed);
    return entry;
}

bool dead_entry_is_good(const struct dead_entry *entry, uint32_t seed)
{
    return entry->first && entry->first <= entry->last && entry->crc == entry_sum_of(entry, seed);
}

/* Records. */

static uint32_t record_sum_of(const struct record *record, uint32_t seed)
{
    size_t summed = offsetof(struct record, sequence);
    return crc32c(seed, &record->sequence, record->size - summed);
}

void record_seal(struct record *record, uint32_t seed, uint64_t durable_sequence)
{
    uint64_t lag = record->sequence - durable_sequence;
    record->commit_lag = lag < UINT32_MAX ? (uint32_t)lag : UINT32_MAX;
    record->crc = record_sum_of(record, seed);
}

bool record_is_plausible(const struct record *record, uint64_t size_max)
{
    uint64_t size = (sizeof *record + record->topic_size + (uint64_t)record->body_size + 7) & ~(uint64_t)7;
    return record->size == size && size <= size_max && record->head_size <= record->body_size &&
           record->flags <= RECORD_MARK && record->sequence;
}

bool record_is_good(const struct record *record, uint32_t seed)
{
    return record->crc == record_sum_of(record, seed);
}

uint64_t record_durable(const struct record *record)
{
    return record->commit_lag < UINT32_MAX && record->commit_lag <= record->sequence
               ? record->sequence - record->commit_lag
               : 0;
}

struct record record_make_mark(uint32_t seed, uint64_t sequence)
{
    struct record mark = { .size = sizeof mark, .sequence = sequence, .flags = RECORD_MARK };
    record_seal(&mark, seed, sequence);
    return mark;
}
