/*
 * tail_reader: a thread that follows log files and hands what they say to the loop, in parcels of messages ready to be
 * published. All that touches files is its own: it finds them (globs, inotify, a slow poll), reads them in bounded
 * pieces, knows them again after rotation, and stores how far they are done with.
 *
 *   files -> reader: records -> parcels -> the loop: published, committed -> given back -> reader: positions
 *
 * Of each tail no more than TAIL_PARCELS_MAX parcels are out: where the loop gives none back, nothing is read. A
 * position moves when its parcel comes back, and no file is read before its id is stored, so that what is published
 * twice, after a crash, has the same Nats-Msg-Id: ID.END, where it ends in the file.
 */
#ifndef SIDECAR_TAIL_READER_H
#define SIDECAR_TAIL_READER_H

#include "broker/keeper.h"

struct config_tail;
struct followed;
struct tail_reader;

enum {
    TAIL_PARCEL_SIZE = 128 << 10,   /* of a file, read for one parcel; more where a record is longer */
    TAIL_PARCELS_MAX = 16,
};

struct tail_message {
    uint32_t at;                    /* in the parcel's bytes */
    uint32_t head_size, body_size;  /* as struct message has them; CR LF stands behind */
};

/* What was read of one file at once. The loop's from tail_reader_take until it gives it back. */
struct tail_parcel {
    struct tail_parcel *next;
    struct slice name, topic;       /* of its tail */
    char *bytes;
    size_t size, room;
    struct tail_message *messages;
    unsigned count, message_room;
    /* The loop's. */
    unsigned published;
    bool is_waiting, is_done;
    struct receipt receipt;         /* of the last that was kept */
    struct keeper_waiter waiter;
    void *owner;
    /* The reader's. */
    struct followed *file;
    uint64_t id, end;
    uint32_t sum;
};

/*
 * A reader for these tails, whose settings it copies. Positions are kept in directory (NULL: nowhere). wake is called
 * from its thread when there is something to take, or all is quiet. 0 or -errno.
 */
int tail_reader_create(const struct config_tail *tails, size_t count, const char *directory, void (*wake)(void *arg),
                       void *arg, struct tail_reader **ret_reader);

/* 0 or -errno. */
int tail_reader_start(struct tail_reader *reader);

/* The next parcel, in the order of reading; NULL: none now. The loop's thread, as all below. */
struct tail_parcel *tail_reader_take(struct tail_reader *reader);

/* A parcel that is committed. In the order in which they were taken. */
void tail_reader_give_back(struct tail_reader *reader, struct tail_parcel *parcel);

/* One that came to nothing: it will be read again after a start. */
void tail_parcel_free(struct tail_parcel *parcel);

/* Nothing more is read. Then, when tail_reader_is_quiet, nothing is left to be taken. */
void tail_reader_quiesce(struct tail_reader *reader);
bool tail_reader_is_quiet(struct tail_reader *reader);

/* How far a tail is behind its files. */
struct tail_lag {
    const char *name;               /* borrowed from the reader, for its life */
    uint64_t bytes;                 /* that are not in the stream yet, also those of a last line that is not whole */
    uint64_t since_ms;              /* the oldest of them has been there since then at least, but for such a line; the
                                       monotonic clock; 0: there is none */
    unsigned file_count;
};

/* Fills in the lag of a tail, by its place in the configuration. False: there is no such place. */
bool tail_reader_get_lag(struct tail_reader *reader, size_t place, struct tail_lag *ret_lag);

/* Ends the thread, which stores the last positions first, and frees all. Takes NULL. */
void tail_reader_destroy(struct tail_reader *reader);

#endif
