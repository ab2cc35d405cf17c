/* answers: messages as answers of HTTP. Belongs to the worker's thread. */
#ifndef HTTP_ANSWERS_H
#define HTTP_ANSWERS_H

#include "util/slice.h"

struct calls;
struct exchange;

/*
 * 200 with a message's payload, its Content-Type (application/octet-stream where it has none), its headers as
 * Posthorn-Header-NAME, and further lines in front of those. What is in a message is its sender's word, not ours: a
 * browser is told not to run it as a page of this server.
 */
void answer_message(struct calls *calls, struct exchange *exchange, struct slice lines, struct slice head,
                    struct slice payload);

#endif
