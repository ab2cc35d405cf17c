/*
 * grants: what one session has been seen to be allowed: topics, so that the next message under one costs a look and not
 * a walk through its rights; and reply topics that it may answer under. Bounded, and forgotten when its rights change.
 *
 * Belongs to the worker's thread.
 */
#ifndef BROKER_GRANTS_H
#define BROKER_GRANTS_H

#include "util/slice.h"

struct grants;

enum grant { GRANT_PUBLISH, GRANT_READ };

enum {
    GRANTS_TOPICS = 64,    /* that are remembered; a new one takes the place of an old one */
    GRANTS_REPLIES = 1024, /* that may be waited for; beyond, the oldest is no longer */
};

/* seed: secret. NULL: out of memory. */
struct grants *grants_create(uint64_t seed);
/* Takes NULL. */
void grants_destroy(struct grants *grants);

/* Forgets all. */
void grants_forget(struct grants *grants);

/* Whether it is known that the topic is allowed; false: it is not known. */
bool grants_recall(const struct grants *grants, enum grant grant, struct slice topic);

/* It is allowed. Long topics are not remembered. */
void grants_learn(struct grants *grants, enum grant grant, struct slice topic);

/* A message has come that wants answers under this topic: so many until then. Out of memory: it may not answer. */
void grants_note_reply(struct grants *grants, struct slice topic, unsigned count, uint64_t due_ms);

/* Takes one of those answers. False: there is none to be given, or its time is over. */
bool grants_take_reply(struct grants *grants, struct slice topic, uint64_t now_ms);

#endif
