/*
 * counted: ids that somebody counts, NAME1, NAME2, NAME17, as sidecars and many publishers do. A family is those of one
 * name; while its numbers grow they stand in one line, in the order of time, and those that were kept one behind the
 * other at one time in one run. So what a family is told of next is known to be new by one comparison, and takes no
 * room where it is one more than the last, and four bytes where it is more. A number that does not grow is none of a
 * family, but its owner's. Belongs to duplicates, and is not used without it.
 */
#ifndef STREAM_COUNTED_H
#define STREAM_COUNTED_H

#include <stdbool.h>
#include <stdint.h>

#include "util/slice.h"

enum {
    FAMILIES_MAX = 16,
    FAMILY_NAME_MAX = 64,
};

struct counted_run;

struct family {
    char name[FAMILY_NAME_MAX];
    size_t name_size;
    uint64_t highest;                /* number; no higher one has been here */
    uint64_t since;                  /* the owner's */
    struct counted_run *ring;
    uint32_t room, head, run_count;
    uint32_t *steps;                 /* a ring, too: of runs that leave numbers out, how far each is from the first */
    uint64_t steps_room, steps_first, steps_end; /* places in it count on for ever */
};

/* Zero is empty. */
struct families {
    struct family *all;              /* FAMILIES_MAX; NULL: none yet */
    uint32_t count, newest;          /* newest: the place of the one asked for last */
};

/* An id, taken apart: the number are its last digits but for zeros in front, so that no two ids are taken apart alike.
 * False: it does not end in a number, or has too long a name. */
struct counted_id {
    struct slice name;
    uint64_t number;
};
bool counted_read(struct slice id, struct counted_id *ret_id);

static inline bool family_has_name(const struct family *family, struct slice name)
{
    return family->name_size == name.size && memcmp(family->name, name.data, name.size) == 0;
}

/* NULL: there is none of that name. Valid until a family comes or goes. */
struct family *families_find(struct families *families, struct slice name);

/* A new one, empty. There is none of that name. NULL: there are too many, or out of memory. */
struct family *families_add(struct families *families, struct slice name);

/* It goes, with all it remembers. */
void families_drop(struct families *families, struct family *family);

/* The sequence of a number; 0: it is not there. */
uint64_t family_find(const struct family *family, uint64_t number);

/* A number above highest, and a sequence and a time of no less than those before. False: out of memory. */
bool family_add(struct family *family, uint64_t number, uint64_t sequence, uint64_t time_ms);

/* The sequence and time of the oldest, which every family has. */
uint64_t family_first_sequence(const struct family *family);
uint64_t family_first_time(const struct family *family);

/* Forgets the oldest; or its whole run, and returns how many those were. A family that is empty then goes. */
void families_drop_first(struct families *families, struct family *family);
uint32_t families_drop_run(struct families *families, struct family *family);

void families_finish(struct families *families);

#endif
