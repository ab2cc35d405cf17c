/*
 * reading: what a client that reads topics has asked for, and the ways in which it is served:
 *
 *   read     GET /v1/topics/{patterns}: understands the request           poll    one answer, now or when there is one
 *   events   a stream of server-sent events or NDJSON that grows          live    messages that no stream keeps
 *   pace     asks clients that poll in a hot loop to slow down
 */
#ifndef HTTP_READING_H
#define HTTP_READING_H

#include "feed/feed.h"
#include "http/exchange.h"

enum { READ_URL_MAX = 8 << 10 };

/* Borrows all slices until the handler returns. */
struct reading {
    struct slice kept, live;     /* patterns, joined by commas: of what the stream keeps, and of what it never does */
    size_t kept_room;            /* that the first may take, with what is taken out of them */
    struct stream *stream;       /* a reference; NULL: nobody keeps anything */
    struct feed *feed;           /* of the stream */
    struct feed_format format;
    struct cursor after;
    uint64_t from_ms;            /* what the stream took before is passed over; wall clock */
    bool has_stream;             /* the client said which */
    bool has_since;              /* the client said from where */
    bool is_latest;              /* ... or not, or said from now on */
    uint64_t wait_ms;
    unsigned limit;
};

/* Serve it; each answers the exchange, or holds it. */
void events_begin(struct exchange *exchange, const struct reading *reading);
void poll_begin(struct exchange *exchange, const struct reading *reading);

/* live.c: subscriptions of one client to topics that no stream keeps for it. */

struct live;

/* Subscribes to patterns joined by commas; each message is formatted and kept for the stream. 0 or as
 * session_subscribe. */
int live_open(struct exchange *exchange, struct slice patterns, struct feed_format format, struct live **ret_live);

/* Takes NULL. */
void live_close(struct live *live);

/* pace.c */

struct pace;

/* NULL: out of memory. */
struct pace *pace_create(void);
void pace_destroy(struct pace *pace);

/* A poll of this client (by the hash of what names it) has found nothing. False where it asks too often: more than 50
 * in a burst, and then more than one in interval_ms. */
bool pace_allows(struct pace *pace, uint64_t client, uint64_t now_ms, uint64_t interval_ms);

#endif
