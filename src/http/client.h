/* client: one connection that speaks HTTP: its requests one after the other, its time, its errors. */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "http/exchange.h"
#include "http/state.h"
#include "net/conn.h"

struct gather;

/* What a client is doing, and until when it may. */
enum client_phase {
    PHASE_IDLE, /* between requests */
    PHASE_HEAD, /* a head has begun to arrive */
    PHASE_BODY,
    PHASE_HELD, /* somebody holds the exchange, and has set the time */
};

struct http_client {
    struct conn conn; /* first: a conn of ours is a client */
    struct session session;
    struct exchange exchange;
    uint64_t id;
    uint64_t due_ms;       /* the end of the phase; the connection's deadline is that or earlier, and then moved */
    struct gather *gather; /* a body that comes in chunks; NULL: none does */
    uint32_t start_time_s; /* wall clock */
    struct http_client *next, **link; /* in the room's list of the released; link NULL: not there */
    uint8_t phase;
    bool loopback;  /* its Host is to be a name of this machine */
    bool continued; /* it has been told to go on with its body */
    bool is_told;   /* what became of the proof of who it is: */
    int told_error;
};

static inline struct http_client *client_of_conn(struct conn *conn)
{
    return (struct http_client *)conn;
}

static inline struct http_client *client_of_session(struct session *session)
{
    return (struct http_client *)(void *)((char *)session - offsetof(struct http_client, session));
}

static inline struct http_client *client_of_exchange(struct exchange *exchange)
{
    return (struct http_client *)(void *)((char *)exchange - offsetof(struct http_client, exchange));
}

/* Enters a phase that ends at that time of the loop's clock. */
void client_enter(struct http_client *client, enum client_phase phase, uint64_t due_ms);

/* What it held back may go on, if anything: at the next http_turn. */
void client_release(struct http_client *client);

/* Lets those go on that were released. True where there was any. */
bool clients_resume(struct http *http);

/* guard.c */

/* True where the request may be run; otherwise it has been answered, or its user is being looked at (session->proof),
 * and it is to be read again when that is known. Finds its route, parameter and user. */
bool guard_admit(struct exchange *exchange);

/* audit.c: the exchange's handler is about to run; its answer goes; it is over, and there was none. */
void audit_begin(struct exchange *exchange);
void audit_end(struct exchange *exchange, unsigned status);
void audit_forget(struct exchange *exchange);

#endif
