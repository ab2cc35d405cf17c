/*
 * access: rights and streams: what of a stream a user may look at, and read. Any thread.
 */
#ifndef BROKER_ACCESS_H
#define BROKER_ACCESS_H

#include "auth/rights.h"

struct config_list;
struct stream;

/* May look at it: monitors or manages, or has a right on some topic that it keeps. stream NULL, there is none: only
 * who may look at any, so that nobody learns by asking which there are. */
bool access_may_look(const struct rights *rights, struct stream *stream);

/* May read all that a reader of the stream gets under these patterns; none of them: all that it keeps. stream NULL: as
 * access_may_look. */
bool access_may_consume(const struct rights *rights, struct stream *stream, const char *const *patterns, size_t count);

/* May publish to all topics that it keeps. */
bool access_may_publish_all(const struct rights *rights, struct stream *stream);

/* May read something of what it gets under this pattern; each message is to be looked at. */
bool access_may_search(const struct rights *rights, struct stream *stream, struct slice pattern);

#endif
