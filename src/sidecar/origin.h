/*
 * origin: who has published a message here, for clients that do not want to hear themselves (CONNECT with echo: false).
 * What they publish comes back by way of the broker, so it says by a header of whom it is:
 *
 *     Posthorn-Origin: SIDECAR.CONNECTION
 *
 * SIDECAR is drawn at each start. Messages of others are as they were.
 */
#ifndef SIDECAR_ORIGIN_H
#define SIDECAR_ORIGIN_H

#include "core/sink.h"

struct broker;
struct session;

enum { ORIGIN_NAME_SIZE = 12 };

/* Of this sidecar, and room for messages that it marks. */
struct origin {
    char name[ORIGIN_NAME_SIZE + 1];
    struct message *messages;        /* BATCH_MESSAGES_MAX of them; NULL: none has been marked */
    char *bytes;
    size_t room;
};

void origin_init(struct origin *origin);
void origin_finish(struct origin *origin);

/* A copy of the batch whose messages are marked, valid until the next; or the batch as it is, where its publisher wants
 * an echo. Where memory is short it is as it is, too. */
struct batch origin_mark(struct origin *origin, const struct batch *batch);

/* Which session here has published a message with these headers; NULL: none that minds. */
const struct session *origin_of(const struct origin *origin, const struct broker *broker, struct slice head);

#endif
