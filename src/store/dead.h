/* dead: reads the file of the dead of a segment: which of its sequences are dead. Belongs to whoever reads. */
#ifndef STORE_DEAD_H
#define STORE_DEAD_H

#include "store/files.h"
#include "store/segment.h"

struct dead_range {
    uint64_t first, last;
};

/* Ranges in ascending order that do not touch one another. */
struct dead {
    struct dead_range *ranges;
    size_t count;
    size_t next;                /* the first that may hold what is asked for next */
    uint64_t gone_first;        /* as struct dead_head has it; 0: nothing, or the head is bad */
    uint64_t size;              /* where the next entry goes; 0: the file is to be made anew */
    bool has_head;
    size_t bad_count;           /* of entries that are none */
};

/* Reads a file; where there is none, dead is empty. 0 or -errno. */
int dead_read(const struct files *files, const char *path, uint32_t seed, struct dead *ret_dead);

/* Reads its head alone. */
int dead_read_head(const struct files *files, const char *path, uint32_t seed, struct dead *ret_dead);

/* Whether a sequence is dead. They are asked for in ascending order. */
bool dead_has(struct dead *dead, uint64_t sequence);

void dead_finish(struct dead *dead);

#endif
