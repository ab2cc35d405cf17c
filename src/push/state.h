/*
 * state: the deliverer, for the files of its own.
 *
 *   deliverer.c   calls, the webhooks that there are, turns, life     notes.c      what is told, and by whom published
 *   ties.c        streams that are watched, and who reads which       graves.c     dead letters
 *   positions.c   how far each has come, on its way into meta         scan.c       dead letters, read again
 *
 * Belongs to the deliverer's thread, but for what stands below the mutex.
 */
#ifndef PUSH_STATE_H
#define PUSH_STATE_H

#include <pthread.h>

#include "meta/meta.h"
#include "net/loop.h"
#include "push/deliverer.h"
#include "push/tail.h"

struct corpse;
struct stored;

enum {
    DELIVERER_RETRY_MS = 1000,       /* until what came to nothing is tried again */
    DELIVERER_TOLD_MAX = 100,        /* webhooks that are counted one by one */
};

/* A stream of dead letters, while somebody waits for something of it. */
struct grave {
    struct list place;               /* in deliverer->graves */
    struct stream *stream;           /* a reference */
    struct stream_watch watch;
    struct list corpses;             /* that are to be committed there */
    unsigned use_count;
};

/* A stream that is watched. */
struct tie {
    struct list place;               /* in deliverer->ties */
    struct deliverer *deliverer;
    struct stream *stream;           /* a reference */
    struct stream_watch watch;
    struct tail *tail;
    uint64_t arrivals;               /* of blocks from disk, that were looked at */
    struct list keepings;            /* of the hooks that read it */
    bool is_held;                    /* by some of them, or was */
};

/* What the deliverer knows of a source. */
struct keeping {
    struct tail_reader reader;       /* first */
    bool is_reader;                  /* the tail has it */
    struct list member;              /* of its tie */
    struct list unsaved;             /* in deliverer->unsaved */
    struct deliverer *deliverer;
    struct hook_source *source;      /* NULL: it is gone, and its job is still under way */
    struct tie *tie;
    struct stream_hold hold;         /* where the stream is kept by interest */
    bool is_holding;
    struct corpse *corpses;
    uint64_t grave_retry_ms;
    char *key;                       /* NAME.STREAM */
    bool is_stored;
    /* Its position on the way into meta. */
    struct meta_job job;
    char *state;
    size_t state_room;
    bool is_saving, save_failed, failure_told;
    uint64_t due_ms;                 /* not before then */
};

struct deliverer {
    struct loop loop;
    pthread_t thread;
    bool is_started;
    struct stream_registry *registry;
    struct stream *recent;
    struct meta *meta;
    struct meta_desk desk;
    struct hook_world world;
    struct guard guard;
    struct network *allowed;
    char *origin;
    struct hook **hooks;
    size_t hook_count, hook_room;
    struct list ties;
    struct list graves;
    struct list scans;               /* of dead letters, under way */
    struct list unsaved;             /* keepings that have gone on */
    unsigned unsaved_count, saves_under_way;
    uint64_t saved_ms;               /* when some were last put */
    uint64_t save_due_ms;            /* when they are looked at next */
    struct list unkept;              /* hooks whose history has changed */
    unsigned unkept_count, histories_under_way;
    unsigned unkept_left;            /* of those that are due, to be put yet */
    uint64_t kept_ms;                /* when they were last due */
    uint64_t generation;             /* of the registry, that was looked at */
    struct stored *stored, **last_stored;
    struct timer timer;              /* brings about the turn of due_ms */
    uint64_t due_ms;                 /* of what this turn has found to come; UINT64_MAX: nothing */
    struct timer rest_timer;         /* set while it is not known to rest */
    uint64_t begun_before;           /* requests, when it was last set */
    uint64_t stop_ms;                /* by when it ends; 0: it does not */

    /* Shared with other threads. */
    pthread_mutex_t mutex;
    struct deliverer_call *calls, **last_call;
    struct deliverer_note *notes, **last_note;
    bool is_stopping;                /* somebody has said so */
    void (*wake_outlet)(void *arg);
    void *outlet;
    struct webhook_tally all_told;
    struct webhook_row told[DELIVERER_TOLD_MAX]; /* a name that is empty: it is free */
};

/* From within a turn: another runs by then. Every turn forgets what was said before, and asks all for whom it holds. */
void deliverer_wake_by(struct deliverer *deliverer, uint64_t due_ms);
/* Puts a removal. */
void deliverer_forget(struct deliverer *deliverer, const char *kind, const char *key);
/* Puts settings, where there is a meta. */
void deliverer_store(struct deliverer *deliverer, const struct webhook_settings *settings);

/* notes.c: has it published by a worker; where there is no memory, or nobody to do it, it is left out. */
void note_add(struct deliverer *deliverer, struct slice topic, struct slice payload);
/* For struct hook_ops. */
void notes_tell(void *arg, struct hook *hook, enum hook_event event, const char *reason);
void notes_finish(struct deliverer *deliverer);

/* graves.c: for struct hook_ops. */
bool graves_bury(void *arg, struct hook_source *source, const struct stream_message *message, uint64_t attempt_count,
                 struct slice words);
/* What is under way of a source is forgotten. */
void graves_forget(struct keeping *keeping);
/* Looks at those that have gone on. */
void graves_look(struct deliverer *deliverer);
/* Watches a stream of dead letters until it is left. NULL: out of memory; grave_leave takes that. */
struct grave *grave_use(struct deliverer *deliverer, struct stream *stream);
void grave_leave(struct grave *grave);

/* scan.c: goes on reading what is dead. True where there is more to read at once. */
bool scans_run(struct deliverer *deliverer);
void scans_cancel(struct deliverer *deliverer);

/* positions.c */
/* It has been run: puts its position when that is due, where it has changed. */
void position_has_changed(struct keeping *keeping);
/* It is not to be put any more. */
void position_leave(struct keeping *keeping);
/* Puts a change now. */
void position_put(struct keeping *keeping);
void position_forget(const struct keeping *keeping);
/* Lays it aside for the next source of this key. */
void position_keep(struct keeping *keeping);
/* What was laid aside or stored; good once: who comes later under the same name is somebody else. To be freed; size 0:
 * there is none. */
struct slice position_take(struct deliverer *deliverer, const char *key);
/* Puts those that are due, and has a turn run for the next. */
void positions_save(struct deliverer *deliverer);
/* 0 or -errno. */
int positions_load(struct deliverer *deliverer);
void positions_finish(struct deliverer *deliverer);
void keeping_free(struct keeping *keeping);

/* chronicle.c */
/* It has been run: puts its history when that is due, where it has changed. */
void chronicle_has_changed(struct deliverer *deliverer, struct hook *hook);
/* It is not to be put any more. */
void chronicle_leave(struct deliverer *deliverer, struct hook *hook);
void chronicle_forget(struct deliverer *deliverer, const struct hook *hook);
/* To one that takes the place of another. */
void chronicle_carry_over(struct hook *hook, struct hook *from);
/* Puts those that are due, and has a turn run for the next; the last time, all. */
void chronicles_save(struct deliverer *deliverer);
void chronicles_save_last(struct deliverer *deliverer);
/* After the settings. 0 or -errno. */
int chronicles_load(struct deliverer *deliverer);

/* tallies.c */
/* It has been run: what is counted is told to who asks. */
void tally_tell(struct deliverer *deliverer, struct hook *hook);
void tally_forget(struct deliverer *deliverer, struct hook *hook);

/* ties.c */
/* For struct hook_ops. */
bool ties_next(void *arg, struct hook_source *source, uint64_t position, uint64_t *ret_until);
/* Looks at the streams that have gone on. True where there is more to look at. */
bool ties_look_at_streams(struct deliverer *deliverer);
/* Where the registry has changed: which webhook reads which stream. */
void ties_look_at_registry(struct deliverer *deliverer);
/* The streams of one. is_new: it begins there where its settings say, else at the beginning. */
void ties_resolve(struct deliverer *deliverer, struct hook *hook, bool is_new);
/* While one hook takes the place of another, nothing that the first has held is let go of. */
struct spare;
struct spare *ties_spare(const struct hook *hook);
void ties_spare_no_more(struct spare *spare);
/* Its stream need not keep for it what it is done with. */
void tie_move_hold(struct keeping *keeping);
/* The source ends. */
void ties_drop_source(struct keeping *keeping);

#endif
