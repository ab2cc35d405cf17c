/*
 * http: the front end for HTTP/1.1, one for each worker.
 *
 *   client     one connection: its requests one after the other, its time, its errors
 *   request    heads and chunks, cut where they lie          routes     what can be asked for
 *   exchange   one request and its answer                    problem    the kinds of errors
 *   guard      who may go where                              origin     which pages may ask, under which names
 *
 *   the handlers: publish, batch; read with events, poll, live; call, responder; streams, consumers, webhooks; health,
 *   monitor with its documents; page and describe, whose files are embedded
 *
 * doc/http-api.md is the interface. Belongs to the worker's thread.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "net/loop.h"

struct address;
struct broker;
struct config;
struct config_http;
struct feed;
struct meta;
struct passes;
struct queues;
struct route_table;
struct stream_engine;
struct stream_registry;
struct tls;

/* What pages and monitors are told of the server; constant, and outlives the room. */
struct http_identity {
    const char *server_id, *server_name;
    const char *line_host;           /* where the first listener of the line listens; "" and 0: by a unix socket */
    unsigned line_port;
    const char *http_host;           /* and the first for HTTP */
    unsigned http_port;
    uint64_t start_time_ms;          /* wall clock */
    unsigned worker_count;
    unsigned char reply_key[32];     /* signs what those get who take requests and messages, to answer with; the same
                                        for all workers, and for as long as there are streams on disk */
    struct passes *passes;           /* tickets and sessions; shared by all workers */
    struct queues *queues;           /* requests for HTTP workers; shared by all workers */
    struct stream_registry *registry; /* streams with settings, and what is behind them; NULL in tests */
    struct stream_engine *engine;
    struct meta *meta;               /* NULL: nothing outlives the daemon */
};

/* The room's state, one for each worker. Handlers may look at all of it. */
struct http {
    struct loop *loop;
    struct broker *broker;
    struct feed *feed;               /* readers of the stream `recent`; NULL: it is off */
    const struct http_identity *identity;
    const struct config *config;     /* of the last reload; borrowed */
    const struct route_table *routes; /* those of the broker, where nobody has set others */
    void *guest;                     /* whose routes they are; NULL: the broker's */
    struct http_state *state;        /* the rest: client.c and the handlers' own; see http/state.h */
};

/* Borrows all its arguments; config and tls (NULL: there is none) until http_reconfigure. NULL: out of memory. */
struct http *http_create(struct loop *loop, struct broker *broker, struct feed *feed,
                         const struct http_identity *identity, const struct config *config, struct tls *tls);

/* After the last client is gone. Takes NULL. */
void http_destroy(struct http *http);

void http_reconfigure(struct http *http, const struct config *config, struct tls *tls);

/* Answers by these routes, whose handlers find guest in the room. Both are borrowed. Before the first client comes. */
void http_set_routes(struct http *http, const struct route_table *routes, void *guest);

/* Takes an accepted connection; loopback: it came by an address of this machine's own. One that is refused is
 * answered 503 and closed. 0, or -errno and the descriptor is still the caller's. */
int http_accept(struct http *http, int fd, const struct address *peer, uint64_t client_id, bool loopback, bool refused);

/* Called with the peer of every client that is gone. */
void http_on_closed(struct http *http, void (*closed)(void *arg, const struct address *peer), void *arg);

/* Before the loop flushes at the end of a turn: serves readers. True where there is more to do at once. */
bool http_turn(struct http *http);

#endif
