/*
 * meta: the small things that outlive the daemon and change: settings of streams and consumers, how far consumers have
 * come, later the registrations of webhooks. One SQLite file (WAL, synchronous=FULL), written by a thread of its own in
 * batches: what is put while one transaction commits goes into the next.
 *
 * Entries are bytes under a kind and a key. The last put of a key wins; puts are committed in order. A put fails where
 * its batch cannot be committed, as on a full disk; the next batch is tried all the same. After a failed sync nothing
 * is committed any more.
 */
#ifndef META_META_H
#define META_META_H

#include "util/slice.h"

struct meta;
struct meta_job;

/* One thread's end: how it hears that its jobs are committed. Embedded in its owner, who fills in wake and arg. */
struct meta_desk {
    void (*wake)(void *arg);    /* from the thread of meta, under its lock: it calls nothing here. Once, until
                                   meta_done has returned NULL */
    void *arg;
    struct meta_job *done, *done_last;
    bool told;
};

/*
 * Opens or makes DIRECTORY/meta.db and brings its schema up to date. 0 or -errno, and then a sentence in room that
 * names the file without its directory: -EBUSY where another process has it open, -EBADMSG where it is damaged or not
 * ours, -EPROTONOSUPPORT where it is of a newer daemon.
 */
int meta_open(const char *directory, struct meta **ret_meta, char room[256]);

/* Starts its thread, which takes no signals. 0 or -errno. */
int meta_start(struct meta *meta);

/* Commits what has been put, and closes. The desks are still there, to take their last jobs from by meta_done (with
 * NULL for meta); nobody puts any more. Takes NULL. */
void meta_close(struct meta *meta);

/* Before meta_start: visits the entries of a kind, in the order of their keys. 0, -errno, or what visit returned, which
 * ends it where it is not 0. */
int meta_load(struct meta *meta, const char *kind, int (*visit)(void *arg, struct slice key, struct slice value),
              void *arg);

/* A put or a removal under way. Embedded in its owner, or allocated by it. */
struct meta_job {
    struct meta_job *next;
    struct meta_desk *desk;     /* NULL: nobody waits for it; then meta frees it by free_job, on its thread */
    void (*finished)(struct meta_job *job);  /* the owner's, for whoever takes it from meta_done */
    void (*free_job)(struct meta_job *job);  /* may be NULL where there is a desk */
    const char *kind;           /* static */
    struct slice key, value;    /* borrowed until it is done; value.data NULL: remove the entry */
    int error;                  /* 0 or -errno, when it is done */
};

/* Any thread. */
void meta_put(struct meta *meta, struct meta_job *job);

/* A copy of key and value (value.data NULL: removal) in a job that nobody waits for. 0 or -ENOMEM. */
int meta_put_copy(struct meta *meta, const char *kind, struct slice key, struct slice value);

/* The next job of this desk that is committed, or has failed; NULL: none. The desk's thread. */
struct meta_job *meta_done(struct meta *meta, struct meta_desk *desk);

struct meta_stats {
    uint64_t commit_count, put_count;   /* removals are puts */
    uint64_t failed_count;              /* puts that came to nothing */
    int error;                          /* -errno of the last commit; 0: all is well */
};
void meta_get_stats(struct meta *meta, struct meta_stats *ret_stats);

#endif
