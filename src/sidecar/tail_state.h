/* state: what the files of the reader share (tail_reader.h says what it is): the thread, its tails, their files. */
#ifndef SIDECAR_TAIL_STATE_H
#define SIDECAR_TAIL_STATE_H

#include <pthread.h>

#include "config/config.h"
#include "sidecar/tail_file.h"
#include "sidecar/tail_lines.h"
#include "sidecar/tail_reader.h"
#include "util/list.h"

/* A position as it was stored, until its file is found. */
struct stored_position {
    struct stored_position *next;
    char *tail, *path;
    struct tail_position position;
};

/* A [tail NAME]. */
struct followed_tail {
    struct tail_reader *reader;
    char *name, *topic;
    char **paths, **exclude;         /* globs; patterns of names. NULL ends them */
    struct tail_rules rules;
    regex_t begins;                  /* where rules.begins is set */
    uint64_t record_wait_ms, poll_ms;
    bool is_json, from_end, show_path;
    bool is_begun;                   /* what comes now is new, and read from its start */
    bool is_refused;                 /* a file could not be opened, which has been logged */
    struct list files;
    unsigned out;                    /* parcels */
    struct tail_lag lag;             /* under the reader's lock */
};

/* A file of a tail. */
struct followed {
    struct list place;
    struct followed_tail *tail;
    char *path;
    int fd, watch;                   /* watch: of inotify; -1: none */
    struct tail_position position;   /* all before its offset is committed */
    struct tail_position read;       /* the same of what has been handed out */
    uint64_t size, moved_ms;         /* as it was last seen, and when it was last seen to have changed */
    uint64_t mark_offset, mark_ms;   /* it had come so far then, and not all of that is committed; mark_ms 0: all is */
    uint64_t due_ms;                 /* it is to be looked at then though nothing has stirred; UINT64_MAX: never */
    unsigned out;                    /* parcels */
    bool is_named;                   /* a glob still finds it; else it was renamed or removed */
    bool is_found;                   /* by the search that is under way */
    bool is_gone;                    /* no name is left */
    bool is_copy;                    /* made by copytruncate: read to its end, once */
    bool is_stirred;                 /* there may be something to read */
    bool is_stored;                  /* its id is */
};

struct tail_reader {
    struct followed_tail *tails;
    size_t count;
    char *directory;                 /* NULL: positions are not stored */
    struct stored_position *stored;
    int inotify, wake_fd;            /* inotify: -1 where there is none */
    char *scratch;
    size_t scratch_room;
    struct tail_parcel *spare;       /* that have come back: fresh memory costs a page fault every 4 KiB */
    unsigned spare_count;
    uint64_t search_due_ms, save_due_ms, retry_due_ms; /* retry: of a save that failed */
    bool is_dirty, is_unstored;      /* positions have moved; files have come whose ids are not stored */
    bool is_damaged;                 /* the stored positions could not be read: said once */
    pthread_t thread;
    bool is_running;
    void (*wake)(void *arg);
    void *arg;

    /* Under the lock. */
    pthread_mutex_t lock;
    struct tail_parcel *ready, **last_ready;
    struct tail_parcel *returned, **last_returned;
    bool quiesced, is_quiet, stopping;
};

/* tail_store.c: positions, in directory/tails. */
void tail_load(struct tail_reader *reader);
/* Stores them where they have changed. False: that failed, and is tried again. */
bool tail_save(struct tail_reader *reader);
/* Takes NULL. */
void stored_free(struct stored_position *stored);

/* tail_find.c: which files there are. Looks for all that the globs name, and takes up what is new. */
void tail_find(struct tail_reader *reader, uint64_t now_ms);
/* What inotify has told. */
void tail_listen(struct tail_reader *reader, uint64_t now_ms);
/* The first bytes of a file. */
struct slice tail_read_head(int fd, char room[TAIL_HEAD_MAX]);
/* What a file in the same directory is a copy of this one, as far as it was read, and is nobody's yet: its descriptor,
 * and path and sight of it; -1: there is none. */
int tail_find_copy(struct followed_tail *tail, const struct tail_position *read, const char *path, char **ret_path,
                   struct tail_sight *ret_sight);

/* tail_follow.c: one file. Takes the descriptor, also where it fails: NULL, out of memory. */
struct followed *followed_create(struct followed_tail *tail, int fd, const char *path,
                                 const struct tail_position *position, uint64_t now_ms);
void followed_destroy(struct followed *file);
/* Reads a piece. True where there is more to be read at once. */
bool followed_read(struct followed *file, uint64_t now_ms);
/* True where nothing will come of it any more. */
bool followed_is_over(const struct followed *file, uint64_t now_ms);
/* An id for a file that is read anew. */
struct tail_position tail_begin_file(uint64_t device, uint64_t inode, uint64_t offset);

/* tail_reader.c */
/* An empty parcel, with or without room in it. NULL: out of memory. */
struct tail_parcel *tail_take_parcel(struct tail_reader *reader);
void tail_hand_over(struct tail_reader *reader, struct tail_parcel *parcel);

#endif
