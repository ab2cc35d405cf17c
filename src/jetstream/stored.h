/* stored: consumers as they were when the daemon last stopped, for their homes to take up. Constant once it is read;
 * any thread. */
#ifndef JETSTREAM_STORED_H
#define JETSTREAM_STORED_H

#include "consumer/settings.h"
#include "jetstream/jetstream.h"

struct stored_consumer {
    char *stream;
    struct consumer_settings settings;
    struct slice position;           /* as consumer_save wrote it; empty: none */
    struct stored_consumer *next;
};

/* Visits those of a stream. */
void stored_visit(const struct jetstream_stored *stored, const char *stream,
                  void (*visit)(void *arg, const struct stored_consumer *consumer), void *arg);

#endif
