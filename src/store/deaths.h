/* deaths: reads the file of the dead of a segment: which of its sequences are dead. Belongs to whoever reads. */
#ifndef STORE_DEATHS_H
#define STORE_DEATHS_H

#include "store/files.h"
#include "store/segment.h"

struct deaths_range {
    uint64_t first, last;
};

/* Ranges in ascending order that do not touch one another. */
struct deaths {
    struct deaths_range *ranges;
    size_t count;
    size_t next;                /* the first that may hold what is asked for next */
    uint64_t gone_first;        /* as struct dead_head has it; 0: nothing, or the head is bad */
    uint64_t size;              /* where the next entry goes; 0: the file is to be made anew */
    bool has_head;
    bool is_unreadable;         /* in part: deaths may be missing */
    size_t bad_count;           /* of entries that are none */
};

/* Reads a file; where there is none, there are no deaths. 0 or -errno. */
int deaths_read(const struct files *files, const char *path, uint32_t seed, struct deaths *ret_deaths);

/* Reads its head alone. */
int deaths_read_head(const struct files *files, const char *path, uint32_t seed, struct deaths *ret_deaths);

/* Whether a sequence is dead. They are asked for in ascending order. */
bool deaths_has(struct deaths *deaths, uint64_t sequence);

/* The last dead sequence; 0: there is none. */
uint64_t deaths_last(const struct deaths *deaths);

void deaths_finish(struct deaths *deaths);

#endif
