/*
 * train: messages that a publisher sends many at a time, and that keep his order in each stream, whatever is refused
 * and whatever becomes of his connections. He names it in the reply topic of each:
 *
 *     $POSTHORN.ACK.TRAIN.<publisher>.<number>.<anything>
 *
 * Once a stream cannot take a message of a train now, it refuses all that follows in that train, which was on its way
 * already; so the publisher goes on from the refused one, in a train of a higher number. And once it has seen a train,
 * it refuses those before it: of lower numbers on that connection, and all of connections that were made earlier.
 */
#ifndef CORE_TRAIN_H
#define CORE_TRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "util/slice.h"

/* Borrowed from the reply topic. */
struct train {
    struct slice text;               /* all but <anything> */
    struct slice publisher;
    uint64_t number;
};

/* Reads a reply topic. False: it names no train. */
bool train_read(struct slice reply, struct train *ret_train);

#endif
