/*
 * api: how the handlers of /v1/streams ask the JetStream API, which does the work: a request by the client's session,
 * to "$JS.API.VERB.STREAM.CONSUMER", and its reply, which becomes the answer. Nothing of streams and consumers is
 * decided here.
 *
 *   api_begin --api_send--> API --report--> answers by api_end
 *       |                          `------> api_send with another verb, in the next turn
 *       `-- body: what is asked
 *
 * Belongs to the worker's thread.
 */
#ifndef HTTP_API_H
#define HTTP_API_H

#include "http/fields.h"
#include "http/http.h"
#include "http/problem.h"

struct call;
struct exchange;

enum { API_NAME_SIZE_MAX = 255 };

/* One question, from its handler to its answer. */
struct api_ask {
    struct http *http;
    /* The reply, which is no error and is borrowed for the call: ends in api_end, or api_send. Nothing is published
     * from within. */
    void (*report)(struct api_ask *ask, struct slice reply);
    struct slice stream, consumer;  /* names; empty: not asked for */
    struct slice text;              /* the report's own: what api_begin was given */
    void *arg;                      /* and what it has put here, freed at the end by free_arg; may be NULL */
    void (*free_arg)(void *arg);
    struct document body;           /* of the request */
    const char *next_verb;          /* to be asked in the next turn */
    struct exchange *exchange;      /* held from api_send on */
    struct call *call;              /* NULL: nothing has been sent yet */
    char texts[];
};

/* Begins a question about a stream and perhaps a consumer, whose names may be empty; copies all slices. NULL: the
 * exchange has been answered. */
struct api_ask *api_begin(struct exchange *exchange, struct slice stream, struct slice consumer, struct slice text,
                          void (*report)(struct api_ask *ask, struct slice reply));

/* Sends it: at once from a handler, in the next turn from a report. verb: static. */
void api_send(struct api_ask *ask, const char *verb);

/* Ends a question and frees it. Returns the exchange, which is to be answered. */
struct exchange *api_end(struct api_ask *ask);

/* Ends it with a problem. */
void api_refuse(struct api_ask *ask, enum problem_kind kind, const char *detail);

/* What the handlers share. */

/* The JSON object that a request has as its body; without one, "{}". False: answered. */
bool api_read_object(struct exchange *exchange, struct slice *ret_object);

/* Its member "name", read into room; empty: there is none. False: it is no name, and that has been answered. */
bool api_read_name(struct exchange *exchange, struct slice object, char room[API_NAME_SIZE_MAX + 3],
                   struct slice *ret_name);

/* Writes the members of an object of ours as an object of the API: into the body of a question (false: it has been
 * ended with a problem), or a change that a request has as its body (false: answered). */
bool api_write_settings(struct api_ask *ask, const struct field *fields, struct slice object);
bool api_read_change(struct exchange *exchange, const struct field *fields, struct document *ret_change);

/* Asks for the page of a list that a request's offset begins, of all streams or of the consumers of one. */
void api_list(struct exchange *exchange, struct slice stream, const char *verb,
              void (*report)(struct api_ask *ask, struct slice reply));

/* Ends the question with that page: the elements of the array of that name, each written by put, and beside them
 * "total", "offset" and "limit". */
void api_answer_list(struct api_ask *ask, struct slice reply, const char *name,
                     void (*put)(struct document *document, const struct http *http, struct slice element));

/* The epoch of a stream, which its cursors begin with; 0: it is gone. */
uint64_t api_epoch(const struct http *http, struct slice stream);

/* True for what may be the name of a stream or a consumer. */
bool api_name_valid(struct slice name);

#endif
