/*
 * exchange: one HTTP request and the answer to it: what a handler of the routes table works with.
 *
 * A handler answers before it returns (answer_*, problem), or holds the exchange and answers later, or turns it into a
 * stream that ends with its connection. The slices of the request lie in the connection's input and are good until the
 * handler returns. Belongs to the worker's thread.
 */
#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include <cjson/cJSON.h>

#include "broker/session.h"
#include "http/problem.h"
#include "http/request.h"
#include "net/conn.h"

struct exchange;
struct http;

/* What is to be known of whoever holds an exchange. */
struct hold_ops {
    /* The client is gone, or the server stops and has no time: forget the exchange. Nothing can be answered. */
    void (*abandoned)(void *arg);
    /* The server is about to stop: answer what there is, now if possible. NULL: as abandoned, after a 503 problem. */
    void (*stopping)(void *arg);
    /* The moment set by exchange_set_deadline has come. */
    void (*deadline)(void *arg, uint64_t now_ms);
    /* Of a stream: the socket takes bytes again after exchange_send took fewer than it was given. */
    void (*writable)(void *arg);
    /* Of a stream whose socket took nothing for write_timeout: true where it is to be kept all the same. NULL: no. */
    bool (*stuck)(void *arg);
};

struct exchange {
    struct http *http;            /* the room, http/http.h */
    struct session *session;      /* identified, where there are users */
    const struct route *route;
    struct http_request request;
    struct slice body;            /* decoded; empty: none */
    struct slice parameter;       /* what the path has in place of the route's wildcard, percent-decoded */
    char origin_header[280];      /* "Access-Control-..." lines that every answer carries; "" for none */
};

/* The query parameter of that name, percent-decoded into out, at most size bytes with a NUL. False: there is none.
 * Where it does not fit or is badly encoded *ret_bad is set, and false returned. */
bool exchange_query(const struct exchange *exchange, const char *name, char *out, size_t size, bool *ret_bad);

/* The body of an answer, its type, and further header lines ("Name: value\r\n"... or NULL). The head is complete:
 * Content-Length, Date, Connection and the CORS lines are added; HEAD leaves the body out. Copies what it is given. */
void answer(struct exchange *exchange, unsigned status, const char *type, struct slice body, const char *headers);

/* The same for a body in parts. Changes the parts. */
void answer_parts(struct exchange *exchange, unsigned status, const char *type, struct iovec *parts,
                  unsigned part_count, const char *headers);

/* The same for JSON, which it takes and deletes. NULL stands for what ran out of memory: 500. */
void answer_json(struct exchange *exchange, unsigned status, cJSON *json, const char *headers);

/* No body: 204, 304. */
void answer_empty(struct exchange *exchange, unsigned status, const char *headers);

/* A problem document (RFC 9457) of one of the kinds of the table in problem.c; detail is a sentence for this case. */
void answer_problem(struct exchange *exchange, enum problem_kind kind, const char *headers, const char *detail, ...)
    __attribute__((format(printf, 4, 5)));

/* The exchange is answered later, by any of answer_*, which ends the hold. exchange->request, body and parameter are
 * empty from then on. Requests pipelined behind it wait. */
void exchange_hold(struct exchange *exchange, const struct hold_ops *ops, void *arg);

/* Begins a stream: 200, the head goes out, whatever is sent follows, and the end of the connection ends it. The
 * exchange is held until exchange_end. */
void exchange_stream(struct exchange *exchange, const char *type, const char *headers, const struct hold_ops *ops,
                     void *arg);

/* Sends bytes of a stream, as many as the socket takes at once; the rest is the caller's, who hears of `writable`. 0
 * while bytes kept earlier wait, and where the worker holds its output back. */
size_t exchange_send(struct exchange *exchange, const char *data, size_t size);

/* Keeps bytes of a stream to be sent when possible (conn_write: bounded by http.pending_size_max). */
void exchange_keep(struct exchange *exchange, const char *data, size_t size);

/* Ends a stream when what waits has been written. */
void exchange_end(struct exchange *exchange);

/* Calls ops->deadline of whoever holds it at that time of the loop's clock; UINT64_MAX: never. */
void exchange_set_deadline(struct exchange *exchange, uint64_t deadline_ms);

/* The connection, for its loop (loop_now_ms) and its peer's address. */
struct conn *exchange_conn(struct exchange *exchange);

#endif
