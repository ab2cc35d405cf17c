/*
 * upstream: publishers at a sidecar who choose what they wait for, by `?ack=` or the header Posthorn-Ack: until the
 * message is in the sidecar's memory, in its files, or at the broker. At the broker itself there is no further one:
 * what is durable there is upstream. Belongs to the worker's thread.
 */
#ifndef HTTP_UPSTREAM_H
#define HTTP_UPSTREAM_H

#include "core/sink.h"
#include "http/exchange.h"

enum upstream_ack { ACK_BUFFERED, ACK_DURABLE, ACK_UPSTREAM };

/* What the request asks for; without a word durable. False: answered, for the word is none of ours. */
bool upstream_read(struct exchange *exchange, enum upstream_ack *ret_ack);

/* Holds the exchange until the broker has answered to the message. False: there is nobody to wait for. */
bool upstream_wait(struct exchange *exchange, struct slice topic, const struct receipt *receipt);

#endif
