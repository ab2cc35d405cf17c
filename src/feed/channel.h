/*
 * channel: what the readers of the same patterns in the same format share: the messages that are new, formatted once.
 *
 * Readers that have seen all of it wait; when there is more, all of them are behind, and are served one after another,
 * each by one send of everything that has come since. Nothing is formatted while nobody stands here.
 */
#ifndef FEED_CHANNEL_H
#define FEED_CHANNEL_H

#include "core/sink.h"
#include "feed/feed.h"
#include "feed/frames.h"

enum {
    CHANNEL_SIZE_MAX = 1 << 20,    /* of frames; readers further back read from the stream */
    CHANNEL_SEND_MAX = 256 << 10,  /* served to one reader at once */
};

/* One of its patterns, as the tail's index has it. */
struct channel_pattern {
    struct sink sink; /* first */
    struct channel *channel;
};

struct channel {
    struct feed *feed;
    struct channel *next;          /* in its place of the table */
    uint64_t hash;
    bool is_formatted;             /* false: for waiters, who need no bytes */
    bool is_limited;               /* some of its patterns take out what others name */
    struct feed_format format;
    struct list busy;              /* in feed->busy while somebody is behind */
    struct list empty;             /* in feed->empty while nobody is here */
    struct list waiting, behind;   /* readers that have seen all, and those that have not */
    struct list waiters;
    size_t member_count;           /* readers in whatever state, and waiters */
    struct frames frames;
    uint64_t start_sequence;       /* frames hold all messages behind this one; of no meaning while they are empty */
    uint64_t matched_sequence;     /* the last message that was looked at: two patterns may name the same one */
    uint64_t empty_since_ms;       /* wall clock */
    struct slice text;             /* the patterns, joined by commas; behind the array */
    unsigned pattern_count;        /* of those in the array: that take nothing out */
    struct channel_pattern patterns[];
};

/* Finds or makes the channel and counts a member in. NULL: out of memory. */
struct channel *channel_enter(struct feed *feed, struct slice patterns, bool is_formatted, struct feed_format format);

/* Counts a member out; it has left the lists. */
void channel_leave(struct channel *channel);

void channel_destroy(struct channel *channel);

/* Frees the channels that have been without members for a while, or of which there are too many. */
void channels_drop_empty(struct feed *feed, uint64_t now_ms);

/* A new message of one of its patterns has come by the tail. */
void channel_take(struct channel *channel, const struct stream_message *message);

/* All messages behind this sequence, up to the tail, are in the frames (or there are none). */
uint64_t channel_start_sequence(const struct channel *channel);

/* Forgets the frames when nobody is behind any more. */
void channel_served(struct channel *channel);

/* Sends everybody who stands here to read from the stream: what the tail has missed, they may have missed. */
void channel_scatter(struct channel *channel);

#endif
