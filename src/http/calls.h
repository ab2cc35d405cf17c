/*
 * calls: what the handlers that publish, ask and answer keep for one worker.
 *
 *   publish    POST /v1/topics/{topic}        batch      POST /v1/publish
 *   call       POST /v1/request/{topic}       responder  GET /v1/requests/{pattern}      reply  POST /v1/replies/{id}
 *
 * A session of the room's own holds the sinks of those who ask and those who answer; it is opened when the first of
 * them comes. Belongs to the worker's thread.
 */
#ifndef HTTP_CALLS_H
#define HTTP_CALLS_H

#include "broker/session.h"
#include "http/buffer.h"
#include "http/commit.h"
#include "http/exchange.h"
#include "http/http.h"
#include "stream/queue.h"
#include "util/list.h"

struct call;
struct lease;

/* "_INBOX." and as many letters, and "." behind them: the topics of our replies begin so, and end in a number. */
enum { INBOX_NAME_SIZE = 22, INBOX_PREFIX_SIZE = 7 + INBOX_NAME_SIZE + 1 };

/* Where replies come in: one sink under "_INBOX.NAME.*" for all who ask on this worker; see call.h. */
struct inbox {
    struct sink sink;
    bool open;
    char prefix[INBOX_PREFIX_SIZE];
    struct call **slots;            /* a call's number, modulo CALLS_MAX, is its place; NULL: never used */
    uint32_t slot_count, slot_room;
    uint32_t waiting_count;         /* calls with an exchange */
    struct call *unused;            /* linked by next_unused */
    struct list again;              /* calls that go on in the next turn */
};

struct calls {
    struct http *http;
    struct queues *queues;
    struct queue_desk desk;
    struct session session;
    bool session_open;
    bool leaving;                   /* the session is to be closed as soon as nobody waits */
    struct inbox inbox;
    struct lease *leases;
    unsigned lease_count;
    unsigned taker_count;           /* GETs that wait for a request */
    struct buffer refused;          /* reply topics of requests for which there was no room, a size before each */
    struct list orphans;            /* pulls whose clients are gone, and for which messages may still come */
    struct buffer unused;           /* topics by which messages are given back, a size before each */
    struct buffer message;          /* that is being published: headers, payload, CR LF */
    struct buffer lines;            /* header lines of an answer */
    struct buffer text;             /* a body of an answer */
    struct buffer name;             /* a topic of a batch */
    size_t item_size_max;           /* of a message of the batch that is read */
    struct commit_list commits;     /* what a call has published and is to wait for */
};

/* Borrows the room. NULL: out of memory. */
struct calls *calls_create(struct http *http);

/* After the last exchange is answered or abandoned. Takes NULL. */
void calls_destroy(struct calls *calls);

/* Once a turn: answers who has been served. */
void calls_turn(struct calls *calls);

/* Those of an exchange's worker. */
struct calls *calls_of(const struct exchange *exchange);

/* The session for the sinks of those who ask and answer, opened where it is not. */
struct session *calls_session(struct calls *calls);

/* Closes it where the worker is leaving and nobody waits any more. Not within a broker_notify of that session. */
void calls_rest(struct calls *calls);

/* What the handlers share. Each answers the exchange and returns false where the client has done wrong. */

/* The route's parameter as a topic to publish to. */
bool calls_read_topic(struct exchange *exchange);

/* A query parameter that is a duration of at most max_ms; without it ret_ms is fallback_ms. */
bool calls_read_duration(struct exchange *exchange, const char *name, uint64_t fallback_ms, uint64_t max_ms,
                         uint64_t *ret_ms);

/* How large a message may be, headers and payload together: for all, or less for the user who asks. */
size_t calls_payload_size_max(const struct exchange *exchange);

/* A message of the exchange's headers and body. It lies in calls->message until that is used again. */
bool calls_read_message(struct exchange *exchange, struct message *ret_message);

/* Lets go of room that only a large batch needs. */
void calls_let_go(struct calls *calls);

/* Out of memory: 503. */
void calls_short_of_memory(struct exchange *exchange);

#endif
