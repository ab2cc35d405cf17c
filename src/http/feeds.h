/*
 * feeds: one worker's feeds: that of `recent`, and one for each other stream that somebody here reads: made when it is
 * first asked for, dropped when nobody has for a while, or when the stream is gone. Belongs to the worker's thread.
 */
#ifndef HTTP_FEEDS_H
#define HTTP_FEEDS_H

#include "feed/feed.h"
#include "stream/registry.h"

struct broker;
struct feeds;
struct loop;

/* Borrows all its arguments. recent: the feed of `recent`; NULL: it is off. registry: NULL: there are no other streams.
 * NULL: out of memory. */
struct feeds *feeds_create(struct loop *loop, struct broker *broker, struct feed *recent,
                           struct stream_registry *registry);

/* After the last reader and waiter is gone. Takes NULL. */
void feeds_destroy(struct feeds *feeds);

/* The feed of a stream, which is kept while somebody reads it. NULL: out of memory. */
struct feed *feeds_get(struct feeds *feeds, struct stream *stream);

/* Once a turn: feed_run of each. Those whose stream is gone are ended. True where there is more to do. */
bool feeds_run(struct feeds *feeds);

/* Adds what is going on in all of them. Takes NULL. */
void feeds_add_stats(const struct feeds *feeds, struct feed_stats *sum);

/*
 * The stream from which these patterns, joined by commas, are read where nobody says another: the one that keeps all
 * topics that they name. A reference of the caller's. NULL: there is none, and `recent` has what they name, if anybody
 * has.
 */
struct stream *feeds_find_stream(struct feeds *feeds, struct slice patterns);

/* The stream of that name, `recent` included; a reference of the caller's. NULL: there is none. */
struct stream *feeds_named_stream(struct feeds *feeds, struct slice name);

/* The stream that a cursor is a position in, though not in this one; a reference of the caller's. NULL: it is in this
 * one, or nobody knows it. */
struct stream *feeds_stream_of_cursor(struct feeds *feeds, struct cursor cursor, struct stream *stream);

#endif
