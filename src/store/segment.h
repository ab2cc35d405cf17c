/*
 * segment: the format of the files of a log, which README.md draws: the heads of segments and of the files of dead
 * records beside them, and what makes a record valid. Pure; any thread.
 */
#ifndef STORE_SEGMENT_H
#define STORE_SEGMENT_H

#include "store/block.h"

enum {
    SEGMENT_VERSION = 1,
    SEGMENT_HEAD_COPY = 2048,   /* where the second copy of the head stands, in another sector */
    SEGMENT_HEAD_SIZE = 4096,   /* records begin here */
    DEAD_HEAD_COPY = 512,
    DEAD_HEAD_SIZE = 1024,      /* entries begin here */
    SEGMENT_NAME_SIZE = 20,     /* room for a name, with its NUL */
};

/* NNNNNNNNNN.log: the head. */
struct segment_head {
    char magic[8];              /* "posthorn" */
    uint32_t version;
    uint32_t crc;               /* crc32c of all behind this field */
    uint64_t identity;          /* random: seeds the sums of all that belongs to the segment */
    uint64_t serial;            /* as in the name: segments follow one another by it */
    uint64_t first_sequence;    /* of the first record, whether or not it was ever written */
    uint64_t zero[3];
};

/* NNNNNNNNNN.dead: the head. It can be written in place: it lies in one sector, and there is a copy. */
struct dead_head {
    char magic[8];              /* "posthdea" */
    uint32_t version;
    uint32_t crc;               /* of all behind this field, seeded */
    uint64_t gone_first, gone_last; /* what stood between the segment before and this one is gone on purpose, and was
                                       this; 0: nothing */
};

/* An entry: records of the segment that are dead. */
struct dead_entry {
    uint64_t first, last;
    uint32_t zero;
    uint32_t crc;               /* of all before this field, seeded */
};

/* "0000000001.log" and "0000000001.dead", at out. */
void segment_name(uint64_t serial, const char *suffix, char out[SEGMENT_NAME_SIZE]);
/* The serial in a name that ends in the suffix; 0: it is none. */
uint64_t segment_name_parse(const char *name, const char *suffix);

/* The seed of all sums in a segment. */
uint32_t segment_seed(uint64_t identity);

/* Writes head and copy at out. */
void segment_head_write(char out[SEGMENT_HEAD_SIZE], uint64_t serial, uint64_t identity, uint64_t first_sequence);
/* Reads whichever copy is good. 0; -EBADMSG: neither is; -EPROTONOSUPPORT: of a later version. */
int segment_head_read(const char data[SEGMENT_HEAD_SIZE], struct segment_head *ret_head);

void dead_head_write(char out[DEAD_HEAD_SIZE], uint32_t seed, uint64_t gone_first, uint64_t gone_last);
bool dead_head_read(const char data[DEAD_HEAD_SIZE], uint32_t seed, struct dead_head *ret_head);

struct dead_entry dead_entry_make(uint32_t seed, uint64_t first, uint64_t last);
bool dead_entry_is_good(const struct dead_entry *entry, uint32_t seed);

/* Fills in what the committer fills in. */
void record_seal(struct record *record, uint32_t seed, uint64_t durable_sequence);

/* Whether the head of a record may be one at all, where size_max bytes are left. */
bool record_is_plausible(const struct record *record, uint64_t size_max);

/* Whether a plausible record, all of whose bytes are there, is what was written. */
bool record_is_good(const struct record *record, uint32_t seed);

/* The last sequence that was durable when the record was written; 0: it does not say. */
uint64_t record_durable(const struct record *record);

/* A record that says that all up to this sequence is durable. */
struct record record_make_mark(uint32_t seed, uint64_t sequence);

#endif
