/*
 * exchange: one HTTP request and the answer to it: what a handler of the routes table works with.
 *
 *   handler --answer_*--> done                      the usual way, before it returns
 *      `----exchange_hold--> answer_*--> done       a poll that waits, a request for its reply
 *      |----exchange_stream--> exchange_send... exchange_end
 *      `----exchange_hold--> exchange_relay--> exchange_send... exchange_end
 *
 * An exchange lies in its connection's client, at the same place from the handler until it is done, and is used again
 * for the next request. What it says of the request (request, body, parameter) lies in the connection's input and in
 * the room, and is there while the handler runs and has not held it. Belongs to the worker's thread.
 */
#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include <cjson/cJSON.h>
#include <sys/uio.h>

#include "broker/session.h"
#include "http/problem.h"
#include "http/request.h"

struct conn;
struct exchange;
struct http;
struct route;

/* What is to be known of whoever holds an exchange. None of these comes from within a handler, nor after the answer. */
struct hold_ops {
    /* The client is gone, or the server stops and has no time: forget the exchange. Nothing can be answered. */
    void (*abandoned)(void *arg);
    /* The server is about to stop: answer what there is, or end the stream, soon. NULL: a 503 problem is answered, a
     * stream is ended, and abandoned is called. */
    void (*stopping)(void *arg);
    /* The moment set by exchange_set_deadline has come. */
    void (*deadline)(void *arg, uint64_t now_ms);
    /* Of a stream: there is room again after exchange_send took less than it was given. Nothing may be sent from within
     * it: the worker turns once more, at once. NULL: it does not want to know. */
    void (*writable)(void *arg);
    /* Of a stream whose socket took nothing for write_timeout: true where it is to be kept all the same. NULL: no. */
    bool (*stuck)(void *arg);
};

enum exchange_state {
    EXCHANGE_DONE,
    EXCHANGE_RUNNING, /* its handler runs */
    EXCHANGE_HELD,
    EXCHANGE_STREAM,
};

struct exchange {
    struct http *http;       /* the room, http/http.h */
    struct session *session; /* identified, where there are users */
    const struct route *route;
    const struct http_request *request; /* NULL once the handler has returned or holds the exchange */
    struct slice body;       /* decoded; empty: none. CONN_SLACK bytes behind it may be overwritten for a while. */
    struct slice parameter;  /* what the path has in place of the route's wildcard, percent-decoded */
    struct slice second;     /* and of its second one */

    /* The rest is exchange.c's and client.c's. */
    const struct hold_ops *ops;
    void *arg;
    char *audited;           /* what is to be told of it; NULL: nothing */
    uint8_t state;           /* enum exchange_state */
    uint8_t origin;          /* whose page asks: the place of its CORS lines in the room's, 0: nobody's in particular */
    bool is_head;            /* HEAD: the answer has no body */
    bool keep_alive;
    bool version_1_0;
};

/* The query parameter of that name, percent-decoded into out, at most size bytes with a NUL. False: there is none.
 * Where it does not fit or is badly encoded *ret_bad is set, and false returned. */
bool exchange_query(const struct exchange *exchange, const char *name, char *out, size_t size, bool *ret_bad);

/* The body of an answer, its type, and further header lines ("Name: value\r\n"... or NULL). The head is complete:
 * Date, Content-Length, Connection and the CORS lines are added; HEAD leaves the body out. Copies what it is given, or
 * sends it at once. */
void answer(struct exchange *exchange, unsigned status, const char *type, struct slice body, const char *headers);

/* The same for a body in parts. */
void answer_parts(struct exchange *exchange, unsigned status, const char *type, const struct iovec *parts,
                  unsigned part_count, const char *headers);

/* The same for JSON, which it takes and deletes. NULL stands for what ran out of memory: 500. */
void answer_json(struct exchange *exchange, unsigned status, cJSON *json, const char *headers);

/* No body: 204, 304. */
void answer_empty(struct exchange *exchange, unsigned status, const char *headers);

/* A problem document (RFC 9457) of one of the kinds of the table in problem.c; detail is a sentence for this case. */
void answer_problem(struct exchange *exchange, enum problem_kind kind, const char *headers, const char *detail, ...)
    __attribute__((format(printf, 4, 5)));

/* The exchange is answered later, by any of answer_*, which ends the hold. exchange->request, body and parameters are
 * empty from then on. Requests pipelined behind it wait, and go on later in the turn of the answer. */
void exchange_hold(struct exchange *exchange, const struct hold_ops *ops, void *arg);

/* Begins a stream: 200, the head goes out, whatever is sent follows, and the end of the connection ends it. The
 * exchange is held until exchange_end. False where there is nothing more to send, as for HEAD: ops is not called. */
bool exchange_stream(struct exchange *exchange, const char *type, const char *headers, const struct hold_ops *ops,
                     void *arg);

/* The end of the connection is the end of the body. */
#define EXCHANGE_ENDLESS SIZE_MAX

/* Makes a stream of one that is held: an answer of somebody else's, passed on as it comes, of body_size bytes in all or
 * EXCHANGE_ENDLESS. type may be NULL. Where the size is known and all is sent, the next request may come; where less
 * is sent, whoever holds it drops the connection. False as exchange_stream: nothing more is to be sent. */
bool exchange_relay(struct exchange *exchange, unsigned status, const char *type, size_t body_size,
                    const char *headers, const struct hold_ops *ops, void *arg);

/* Sends bytes of a stream, as many as the socket takes at once; the rest is the caller's, who hears of `writable`. 0
 * while bytes kept earlier wait, and where the worker holds its output back. */
size_t exchange_send(struct exchange *exchange, const char *data, size_t size);

/* Keeps bytes of a stream to be sent when possible (conn_write: bounded by http.pending_size_max). */
void exchange_keep(struct exchange *exchange, const char *data, size_t size);

/* Ends a stream when what waits has been written. */
void exchange_end(struct exchange *exchange);

/* Calls ops->deadline of whoever holds it at that time of the loop's clock; UINT64_MAX: never. */
void exchange_set_deadline(struct exchange *exchange, uint64_t deadline_ms);

/* The connection, for its loop (loop_now_ms), its peer's address and conn_stall. */
struct conn *exchange_conn(struct exchange *exchange);

#endif
