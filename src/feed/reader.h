/* reader: what the files of this room share about readers: their states, and how they are served. */
#ifndef FEED_READER_H
#define FEED_READER_H

#include "feed/feed.h"

enum reader_state {
    READER_CLOSED,
    READER_STANDING, /* at the channel: in its list `waiting` when it has seen all, otherwise in `behind` */
    READER_CATCHING, /* in feed->catching: it reads from the stream */
    READER_AWAY,     /* in feed->away: what comes next for it is being fetched */
    READER_BLOCKED,  /* in feed->blocked: its socket is full */
};

/* Serves a reader that is behind in its channel. */
void reader_serve(struct feed_reader *reader);

/* Reads a piece of the stream for a reader that is not at its channel. */
void reader_catch_up(struct feed_reader *reader);

/* What has been fetched may be for readers that wait for it. */
void readers_go_on(struct feed *feed);

/* Sends a reader that stands at its channel to read from the stream. */
void reader_leave_channel(struct feed_reader *reader);

/* Of the messages in a run that are not beyond `limit`, the next that the patterns name; moves *sequence along. False
 * at the end of the run, or where `budget` messages have been looked at. */
bool run_next_of(struct stream_run *run, struct slice patterns, uint64_t limit, unsigned *budget, uint64_t *sequence,
                 struct stream_message *ret_message);

/* True for a message from before the time that is looked for; the first that is not ends the search: *from_ms is 0
 * then. */
bool is_too_old(uint64_t *from_ms, const struct stream_message *message);

#endif
