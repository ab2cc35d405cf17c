/*
 * asked: what a session has asked of an API by a message, kept until what came of it can be told in the audit: the
 * session may be gone by then. Of what changes something that is told in any case, of all else where it is refused.
 *
 *   asked_open --.--asked_done--------> admin   done, failed
 *                `--asked_refused-----> denied  refused
 *
 * Belongs to the worker's thread.
 */
#ifndef BROKER_ASKED_H
#define BROKER_ASKED_H

#include "auth/rights.h"
#include "util/slice.h"

struct asked;
struct broker;
struct session;

/* A message of the session under that topic. NULL: nothing will have to be told of it; the functions below take it. */
struct asked *asked_open(struct session *session, struct slice topic);

/* Each ends it. failure: why it was not done, NULL: it was. */
void asked_done(struct asked *asked, struct broker *broker, const char *failure);

/* Counts, in any case, and tells that it was refused to who has not that right. */
void asked_refused(struct asked *asked, struct broker *broker, enum right right);

/* Nothing came of it, and nobody is told. */
void asked_forget(struct asked *asked);

/* A message of the session under that topic goes to another broker, whose audit tells what came of it: here only that
 * it was asked for, if it changes something. */
void asked_elsewhere(struct session *session, struct slice topic);

#endif
