/*
 * upstream: publishers at a sidecar who choose what they wait for, by `?ack=` or the header Posthorn-Ack: until the
 * message is in the sidecar's memory, in its files, or at the broker. At the broker itself there is no further one:
 * what is durable there is upstream. Belongs to the worker's thread.
 */
#ifndef HTTP_UPSTREAM_H
#define HTTP_UPSTREAM_H

#include "core/sink.h"
#include "http/exchange.h"
#include "http/problem.h"

enum upstream_ack { ACK_BUFFERED, ACK_DURABLE, ACK_UPSTREAM };

/* What the request asks for; without a word durable. False: answered, for the word is none of ours. */
bool upstream_read(struct exchange *exchange, enum upstream_ack *ret_ack);

/* Holds the exchange until the broker has answered to the message. False: there is nobody to wait for. */
bool upstream_wait(struct exchange *exchange, struct slice topic, const struct receipt *receipt);

/* The same for many: the results of a batch, in order, each of which may wait. */
struct upstream_batch;

/* NULL: out of memory. */
struct upstream_batch *upstream_batch_begin(struct exchange *exchange);

/* Adds what became of a message here: where it is kept, its result will be what the broker says. False: out of
 * memory. */
bool upstream_batch_add(struct upstream_batch *batch, struct slice topic, const struct receipt *receipt);

/* Adds a problem in place of a message. False: out of memory. */
bool upstream_batch_add_problem(struct upstream_batch *batch, enum problem_kind kind, const char *detail);

/* Answers the exchange when the last result is there; holds it until then. */
void upstream_batch_end(struct upstream_batch *batch);

/* Waits no more, and answers nobody. Takes NULL. */
void upstream_batch_drop(struct upstream_batch *batch);

#endif
