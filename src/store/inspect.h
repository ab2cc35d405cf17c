/*
 * inspect: walks through the directory of a log and tells what is in it, without changing anything: recovery does so,
 * and the programs that check and print.
 */
#ifndef STORE_INSPECT_H
#define STORE_INSPECT_H

#include "store/files.h"
#include "store/segment.h"

/* What is wrong with a file, and costs no record, unless damage is told as well. */
enum inspect_trouble {
    INSPECT_UNBORN,             /* a segment whose head was never written: power went before it counted */
    INSPECT_HEADLESS,           /* a segment whose head cannot be read */
    INSPECT_GONE,               /* a segment that had been removed, and came back when power failed */
    INSPECT_FOREIGN,            /* a segment that does not belong here: its head denies its name or its neighbours */
    INSPECT_NO_DEAD,            /* a segment without the file of its dead, or whose head cannot be read */
    INSPECT_BAD_ENTRY,          /* an entry there that is none */
    INSPECT_DEAD_ALONE,         /* a file of the dead without its segment */
    INSPECT_UNKNOWN,            /* a name that is none of ours */
};

struct inspect_segment {
    char name[SEGMENT_NAME_SIZE];
    uint64_t serial, identity, first_sequence;
    uint32_t seed;
    uint64_t size;              /* of the file */
    uint64_t gone_first;        /* what stood from here to first_sequence has been removed; 0: nothing has */
    uint64_t dead_size;         /* where the next entry goes in the file of the dead; 0: it is to be made anew */
    bool is_last;
    bool is_followed;           /* the last but for some whose heads cannot be read: so it had been synced as a whole */
    bool is_unreadable;         /* the last, and not all of it can be read: it is taken as it is, for what cannot be
                                   read now may be some day */
    bool is_clean;              /* the last: the daemon stopped in peace */
    uint64_t durable_sequence;  /* up to here records had been synced; those behind it in the last segment may not */
    /* When it ends. */
    uint64_t last_sequence;     /* of the log, so far */
    uint64_t durable_size;      /* where records up to durable_sequence end */
    uint64_t good_size;         /* where the last record ends that counts */
    uint64_t torn_bytes;        /* of the last: behind all that counts, and never acknowledged */
};

/* Called in the order of the log. NULL: not called. What an int returns that is not 0 ends the walk. */
struct inspect_visitor {
    void *arg;
    int (*begin)(void *arg, const struct inspect_segment *segment);
    /* Borrows the record, which stands at that place of the file. */
    int (*record)(void *arg, const struct inspect_segment *segment, const struct record *record, uint64_t at,
                  bool is_dead);
    /* Sequences that are missing, though they had been durable. */
    int (*damage)(void *arg, uint64_t first, uint64_t last);
    int (*end)(void *arg, const struct inspect_segment *segment);
    int (*trouble)(void *arg, const char *name, enum inspect_trouble trouble);
    bool kept_power;            /* see log_options */
    uint64_t last_sequence;     /* the same */
};

struct inspect_result {
    uint64_t last_sequence;
    uint64_t last_serial;       /* of all files, whatever is in them */
    uint64_t torn_bytes;
};

/* 0; -errno: out of memory, or of descriptors, -EPROTONOSUPPORT: of a newer daemon; or what the visitor returned. */
int inspect_directory(const struct files *files, const char *directory, const struct inspect_visitor *visitor,
                      struct inspect_result *ret_result);

#endif
