/*
 * audit: who entered, who was refused, and who changed what. An event is a line of the log at once,
 *
 *     audit event=login outcome=refused user="ann" address="10.0.0.7:41233" protocol="nats" client=7
 *
 * and a message on $POSTHORN.audit.EVENT in the same turn, an object of JSON with these members and the time; what is
 * not known is left out. doc/security.md lists the events. A stream that asks for $POSTHORN.audit.> keeps them.
 *
 * Strangers can bring about refusals as fast as they like, so each worker tells of AUDIT_REFUSALS_MAX a second, and of
 * AUDIT_SILENT_MAX where they have shown nothing; the first event after those that were left out says how many they
 * were, as `missed`. Belongs to the worker's thread.
 */
#ifndef BROKER_AUDIT_H
#define BROKER_AUDIT_H

#include "util/slice.h"

struct address;
struct broker;
struct session;

enum { AUDIT_REFUSALS_MAX = 50, AUDIT_SILENT_MAX = 5, AUDIT_ADDRESS_SIZE = 64 };

enum audit_event {
    AUDIT_LOGIN,  /* somebody has said who he is */
    AUDIT_DENIED, /* a user has asked for what he may not do */
    AUDIT_ADMIN,  /* somebody has changed, or tried to change, streams, consumers, webhooks */
    AUDIT_SERVER, /* the daemon has started, taken another configuration, or is about to stop */
};

enum audit_outcome { AUDIT_ACCEPTED, AUDIT_REFUSED, AUDIT_DONE, AUDIT_FAILED };

struct audit_entry {
    enum audit_event event;
    enum audit_outcome outcome;
    struct slice user;          /* as he calls himself, where he is refused; empty: nobody in particular */
    const struct address *peer; /* NULL: not known, or: */
    const char *address;        /* as text; NULL: that of the peer */
    const char *protocol;       /* NULL: none */
    uint64_t client;            /* 0: none */
    const char *action;         /* NULL: none */
    struct slice object;        /* what it was done to: a topic, a path; empty: nothing */
    const char *reason;         /* of a refusal or failure; NULL: none */
    bool is_silent;             /* a refusal of who has shown nothing */
};

/* What waits for the end of the turn. */
struct audit {
    struct audit_note *first, **last;
    unsigned count;             /* of those */
    uint64_t second;            /* that is being counted */
    unsigned refusals, silents, missed;
};

void audit_init(struct audit *audit);

/* What still waits is forgotten. */
void audit_finish(struct audit *audit);

/* Tells of an event. May be called from within a delivery. */
void audit_tell(struct broker *broker, const struct audit_entry *entry);

/* The same of a client's session: the entry with peer, protocol and client filled in, and the user unless it names one.
 * Of the server's own sessions nothing is told. */
void audit_tell_of(struct session *session, struct audit_entry entry);

/* Fills in peer, protocol and client of a session, and the user unless the entry names one; borrows all of it. False:
 * it is the server's own, of which nothing is told. */
bool audit_describe(const struct session *session, struct audit_entry *entry);

/* An address as text, written at out; NULL: it is not known. */
const char *audit_show_peer(const struct broker *broker, const struct address *peer, char out[AUDIT_ADDRESS_SIZE]);

/* Once a turn, not from within a delivery: publishes what waits. */
void audit_turn(struct broker *broker);

#endif
