/* publish: one message through the door, and how a client is told what became of it. Belongs to the worker's thread. */
#ifndef HTTP_PUBLISH_H
#define HTTP_PUBLISH_H

#include "core/sink.h"
#include "http/exchange.h"

/*
 * Publishes a message for the client of an exchange, who is held back where others are slow to take it. The topic is
 * valid. receipt may be NULL: nobody asks. Returns true where somebody took it; a stream is nobody.
 */
bool publish_message(struct exchange *exchange, struct slice topic, const struct message *message,
                     struct receipt *receipt);

/* Bytes that publish_write_result writes at most. */
size_t publish_result_size_max(struct slice topic, const struct receipt *receipt);

/* Writes what became of it as a JSON object, and returns its end. */
char *publish_write_result(char *out, struct slice topic, const struct receipt *receipt);

#endif
