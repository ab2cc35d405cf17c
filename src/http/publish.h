/*
 * publish: one message through the door, and how a client is told what became of it: a receipt, or a problem where the
 * stream that keeps the topic has refused it. Belongs to the worker's thread.
 */
#ifndef HTTP_PUBLISH_H
#define HTTP_PUBLISH_H

#include "core/sink.h"
#include "http/exchange.h"

/* True where it may be published. A message that says on what condition it is to be kept is not, where no stream would
 * look at that: then *receipt is that of one refused. */
bool publish_check(struct exchange *exchange, struct slice topic, const struct message *message,
                   struct receipt *receipt);

/*
 * Publishes a message for the client of an exchange, who is held back where others are slow to take it. The topic is
 * valid. receipt may be NULL: nobody asks. Returns true where somebody took it; a stream is nobody.
 */
bool publish_message(struct exchange *exchange, struct slice topic, const struct message *message,
                     struct receipt *receipt);

/* Bytes that publish_write_result writes at most. */
size_t publish_result_size_max(struct slice topic, const struct receipt *receipt);

/* Writes what became of it as a JSON object, and returns its end. *ret_status is the status that says the same. */
char *publish_write_result(char *out, struct slice topic, const struct receipt *receipt, unsigned *ret_status);

/* True where its answer is to wait until it is committed. */
bool publish_awaits_commit(const struct receipt *receipt);

#endif
