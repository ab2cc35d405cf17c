/*
 * tail: log files that become messages, a message a record ([tail NAME]). The reader's thread (tail_reader.h) brings
 * parcels; here they are published, a stretch a turn, and given back when they are committed. Nothing is dropped: while
 * the stream is full or fails, what was read waits, and no more is read.
 *
 * Belongs to the worker's thread.
 */
#ifndef SIDECAR_TAIL_H
#define SIDECAR_TAIL_H

#include <stdio.h>

#include "broker/broker.h"
#include "net/loop.h"

struct config_tail;
struct document;
struct tails;

/* The tails of a configuration, which is borrowed until this returns; positions are kept in directory (NULL: nowhere,
 * and all begins anew at each start). Borrows broker, with its keepers, and loop. 0 or -errno. */
int tails_create(struct broker *broker, struct loop *loop, const struct config_tail *tails, size_t count,
                 const char *directory, struct tails **ret_tails);

/* Once a turn, before the keepers' turn. True where there is more to be done at once. */
bool tails_turn(struct tails *tails);

/* Nothing more is read. Then, when tails_are_settled, all that was is committed, but for what the stream refuses. */
void tails_quiesce(struct tails *tails);
bool tails_are_settled(const struct tails *tails);

/* What /progress and /metrics say of them. */
void tails_put_progress(const struct tails *tails, struct document *document);
void tails_put_metrics(const struct tails *tails, FILE *out);

/* What is not committed will be read again after a start. Takes NULL. */
void tails_destroy(struct tails *tails);

#endif
