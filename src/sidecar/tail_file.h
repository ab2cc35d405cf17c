/*
 * tail_file: which file a position belongs to, and what has become of it. A file is known by device and inode, which
 * outlive a renaming, and by its head, the bytes at its start, which tell it from another one that has come to the same
 * inode, or from itself, cut and written anew. Positions are stored as lines of text. Pure; any thread.
 */
#ifndef SIDECAR_TAIL_FILE_H
#define SIDECAR_TAIL_FILE_H

#include "util/slice.h"

enum {
    TAIL_HEAD_MAX = 1024,
    TAIL_HEAD_SURE = 64,      /* a head of so many bytes is enough to know a file by */
    TAIL_PATH_MAX = 4096,
};

struct tail_position {
    uint64_t device, inode;
    uint64_t id;              /* drawn when the file was first seen, and again when it was cut: messages' ids have it */
    uint64_t offset;          /* all before is done with */
    uint64_t since;           /* 0, or where reading began */
    uint32_t sum;             /* crc32c of what lies between since and offset: by which a copy is known */
    uint32_t head_size;       /* of the head that is known: at most what was read */
    uint32_t head_sum;        /* crc32c */
};

/* A file as it is found now. */
struct tail_sight {
    uint64_t device, inode, size;
    struct slice head;        /* its first bytes: TAIL_HEAD_MAX, or all that there are */
};

enum tail_fate {
    TAIL_SAME,                /* whatever its name is by now: to be read on from the offset */
    TAIL_TRUNCATED,           /* the same, shorter than it was: to be read anew */
    TAIL_REPLACED,            /* another one under the same inode, or rewritten: likewise */
    TAIL_COPY,                /* another one that begins alike and is long enough: a copy, as copytruncate makes, where
                                 the sum is the same */
    TAIL_OTHER,               /* another one */
};

/* What the file in sight is to the one of the position. */
enum tail_fate tail_judge(const struct tail_position *position, const struct tail_sight *sight);

/* The head is known anew from that of a file which has been read up to `read`. */
void tail_learn_head(struct tail_position *position, struct slice head, uint64_t read);

/* A position of the tail NAME as a line of text, without its newline, and read again. Tail and path are borrowed from
 * the line. */
enum { TAIL_LINE_SIZE_MAX = TAIL_PATH_MAX + 512 };
size_t tail_write_position(char out[TAIL_LINE_SIZE_MAX], struct slice tail, const struct tail_position *position,
                           struct slice path);
bool tail_read_position(struct slice line, struct slice *ret_tail, struct tail_position *ret_position,
                        struct slice *ret_path);

#endif
