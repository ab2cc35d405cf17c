/* state: a feed, for the files of this room. */
#ifndef FEED_STATE_H
#define FEED_STATE_H

#include "core/router.h"
#include "feed/channel.h"
#include "feed/reader.h"

struct feed {
    struct stream *stream;
    struct slice stream_name;
    uint64_t epoch;
    struct feed_host host;
    uint64_t seed;

    /* The tail: reads the stream once for all channels. */
    struct router *index;          /* whose sinks are the patterns of the channels */
    struct stream_watch watch;
    bool is_watching;              /* there are channels, or somebody waits for what is away */
    uint64_t tail_sequence;        /* read up to here */

    /* Messages that are on disk and being fetched. */
    uint64_t arrivals;             /* what had come by the last look: stream_arrivals */
    bool tail_is_away;             /* it waits for what comes next */
    struct list away;              /* readers that do */
    struct list away_waiters;

    /* Channels by patterns and format. */
    struct channel **table;
    size_t table_size, channel_count, empty_count;

    struct list busy;              /* channels with readers behind */
    struct list empty;             /* channels without members, the first has been so for the longest */
    struct list catching;          /* readers that read from the stream */
    struct list blocked;           /* readers whose sockets are full */
    struct list ready;             /* waiters to be told */

    struct frames scratch;         /* of a reader that catches up */
    struct frames spare;           /* memory of a channel that needs none now */

    struct frames frame;           /* the message that was formatted last, for whoever wants it next */
    struct feed_format frame_format;

    bool is_ended;                 /* the stream is gone */
    size_t reader_count, waiter_count;
    size_t frames_size;            /* of all channels */
};

static inline bool format_is(struct feed_format a, struct feed_format b)
{
    return a.shape == b.shape && a.data == b.data && a.event_is_topic == b.event_is_topic;
}

/* From the first channel on, or where somebody waits, the tail follows the stream. Comes before the channel is made. */
void tail_begin(struct feed *feed);

#endif
