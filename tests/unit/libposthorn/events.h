/* events: a connection under test that remembers what it was told, and what every test of connections begins with. */
#ifndef EVENTS_H
#define EVENTS_H

#include "peer.h"

#define EVENTS_MAX 64
#define PATIENCE_MS 20000 /* for what must come; a test that needs it has failed */

struct events {
    struct ph_conn *conn;
    unsigned count;
    struct {
        enum ph_event_kind kind;
        int error;
        char text[160];
    } list[EVENTS_MAX];
};

/* A connection to url with these options (NULL: defaults), its events going to events. Not connected yet. */
struct ph_conn *events_create(struct events *events, const struct ph_options *options, const char *url);

/* The same, connected by ph_connect to a peer. */
struct ph_conn *events_connect(struct events *events, const struct ph_options *options, const struct peer *peer);

/* Runs the connection until an event of this kind has come that was not waited for yet; returns its error. */
int events_wait(struct events *events, enum ph_event_kind kind);

unsigned events_count(const struct events *events, enum ph_event_kind kind);

#endif
