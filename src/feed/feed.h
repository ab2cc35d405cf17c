/*
 * feed: how one worker serves those of its clients that read a stream.
 *
 *   stream --read once--> tail --match--> channel --one run of bytes, many readers--> reader, reader, reader
 *                                            `------"there is something"-----------> waiter, waiter
 *
 * Readers of the same patterns in the same format share a channel: each message is formatted for it once, into one run
 * of bytes, in which every reader has a place. A reader is served by one send of all between its place and the end.
 * A reader whose socket is full leaves the channel, holds nothing, and catches up from the stream when it can; it is
 * told of a gap where the stream has forgotten what it had not seen.
 *
 * Long polls are waiters: they are told once that there may be something, and read for themselves (feed_scan).
 *
 * What a stream has on disk alone is away until it has been fetched. Whoever needs it rests meanwhile.
 *
 * Belongs to the worker's thread. No sockets: what it writes goes through reader_ops.
 */
#ifndef FEED_FEED_H
#define FEED_FEED_H

#include "feed/format.h"
#include "stream/cursor.h"
#include "util/list.h"

struct channel;
struct feed;
struct feed_reader;
struct feed_waiter;

/* What a feed needs of the worker that owns it. */
struct feed_host {
    void *arg;
    uint64_t (*wall_ms)(void *arg); /* the wall clock */
    void (*wake)(void *arg);        /* makes the worker turn soon; called from any thread */
};

/* Borrows the stream. seed as router_create. NULL: out of memory. */
struct feed *feed_create(struct stream *stream, const struct feed_host *host, uint64_t seed);

/* After the last reader and waiter is gone. Takes NULL. */
void feed_destroy(struct feed *feed);

struct stream *feed_stream(const struct feed *feed);

/* What the worker's own appends give as `own`, so that it does not wake itself. */
struct stream_watch *feed_watch(struct feed *feed);

/*
 * Does what is due: reads what is new, tells waiters, and serves a slice of the readers. Once a turn, before the
 * connections are flushed. True where there is more to do: the worker is to look for input and come again at once.
 */
bool feed_run(struct feed *feed);

/* The stream is gone: ends all readers, and tells all waiters, who find that it is ended. Not from within feed_run. */
void feed_end(struct feed *feed);
bool feed_is_ended(const struct feed *feed);

/* Somebody reads, waits, or has done so a moment ago. */
bool feed_is_used(const struct feed *feed);

/* Readers. */

struct feed_reader_ops {
    /* Takes bytes, as many as it can, and returns how many. Where that is not all, the rest of the event that it is in
     * the midst of is given to `keep`, and the reader rests until feed_reader_resume. */
    size_t (*send)(struct feed_reader *reader, const char *data, size_t size);
    /* Keeps bytes until they can be sent. */
    void (*keep)(struct feed_reader *reader, const char *data, size_t size);
    /* Messages behind `from` and up to `to` are gone, and were perhaps for this reader; it goes on behind `to`. */
    void (*gap)(struct feed_reader *reader, struct cursor from, struct cursor to);
    /* The stream is gone: closes the reader. */
    void (*ended)(struct feed_reader *reader);
};

/* Embedded in its owner. */
struct feed_reader {
    const struct feed_reader_ops *ops;
    struct feed *feed;
    struct channel *channel;
    uint64_t epoch;                 /* of the cursor that it came with; from then on the stream's */
    uint64_t sequence;              /* all up to here has been sent, or was not for it */
    uint64_t from_ms;               /* what the stream took before is passed over; the owner sets it, once it is open */
    uint64_t offset;                /* its place in the channel's bytes, while it stands there */
    struct list place;              /* in one of the lists of the channel or the feed */
    uint8_t state;                  /* enum reader_state of reader.h */
};

/*
 * Begins to serve a reader that wants messages of any of the patterns ("a.b,c.*": valid, joined by commas; those that
 * take out behind the others: readers with other rights have other patterns, and share nothing) behind a
 * cursor. Where the cursor is of another epoch, or what follows it is gone, ops->gap comes first. ops is called from
 * feed_run, not from here. 0 or -ENOMEM.
 */
int feed_reader_open(struct feed *feed, struct feed_reader *reader, const struct feed_reader_ops *ops,
                     struct slice patterns, struct feed_format format, struct cursor after);

/* May be called from within its ops. */
void feed_reader_close(struct feed_reader *reader);

/* Its socket takes bytes again. */
void feed_reader_resume(struct feed_reader *reader);

/* How far it has come. */
struct cursor feed_reader_cursor(const struct feed_reader *reader);

/* False where what it has to read next is no longer kept: only then may it be closed for being slow. */
bool feed_reader_is_kept(const struct feed_reader *reader);

/* Waiters. */

struct feed_waiter {
    void (*ready)(struct feed_waiter *waiter); /* called once, from feed_run; it waits no longer then */
    struct feed *feed;              /* NULL: it does not wait */
    struct channel *channel;        /* NULL: only for the next turn, or for what is away */
    struct list place;
};

/* Waits for a message of the patterns behind the sequence, which the owner has read up to. 0 or -ENOMEM. */
int feed_waiter_open(struct feed *feed, struct feed_waiter *waiter, void (*ready)(struct feed_waiter *waiter),
                     struct slice patterns, uint64_t after);

/* Is told in the next turn, whatever comes: for a reading that goes on. */
void feed_waiter_again(struct feed *feed, struct feed_waiter *waiter, void (*ready)(struct feed_waiter *waiter));

/* Is told when what a reading needs has come from disk: after FEED_SCAN_AWAY. */
void feed_waiter_away(struct feed *feed, struct feed_waiter *waiter, void (*ready)(struct feed_waiter *waiter));

/* Nothing happens where it does not wait; zero does not. */
void feed_waiter_close(struct feed_waiter *waiter);

/* Reading by hand, in slices. */

struct feed_scan {
    struct slice patterns;
    struct cursor at;               /* read up to here */
    uint64_t from_ms;               /* what the stream took before is passed over; 0 from the first message on */
    bool gap;                       /* set where messages behind it were gone */
};

enum feed_scan_end {
    FEED_SCAN_DONE,    /* all that the stream had when it was called has been looked at */
    FEED_SCAN_PAUSED,  /* a slice of work is done: look for input, and call again */
    FEED_SCAN_STOPPED, /* take said stop */
    FEED_SCAN_AWAY,    /* what comes next is being fetched: feed_waiter_away, and call again */
};

/* Reads on from scan->at and calls take for every message of the patterns, until take says stop (false): then that
 * message is not passed. */
enum feed_scan_end feed_scan(struct feed *feed, struct feed_scan *scan,
                             bool (*take)(void *arg, const struct stream_message *message), void *arg);

/* The message in this format, formatted once for all who ask for it one after the other. Good until the next call here
 * and the end of the turn; empty: out of memory. */
struct slice feed_frame(struct feed *feed, struct feed_format format, const struct stream_message *message);

/* What is going on, for the monitor. */
struct feed_stats {
    size_t reader_count, waiter_count, channel_count;
    size_t behind_count;            /* readers that read from the stream instead of the tail */
    size_t byte_count;              /* held in channels */
};
void feed_get_stats(const struct feed *feed, struct feed_stats *ret_stats);

#endif
