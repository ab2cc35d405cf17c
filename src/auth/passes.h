/*
 * passes: random words that stand for a user who has proven who he is: a ticket, good for one use within seconds, where
 * a browser cannot send a header (EventSource); and a session, which a browser's cookie names until its time is over.
 * What is kept is the digest of the word, and by what the user is found again: after a reload a pass is good as long as
 * the user's secrets are the same; one of a token as long as the token is. A table of fixed size, in which what ends
 * first makes room. One for the daemon; locked, any thread.
 */
#ifndef AUTH_PASSES_H
#define AUTH_PASSES_H

#include "auth/users.h"

struct passes;

enum pass_kind { PASS_TICKET, PASS_SESSION, PASS_KIND_COUNT };

enum { PASS_TEXT_SIZE = 43 + 1 }; /* 32 bytes of chance in base64url, with a NUL */

/* NULL: out of memory. */
struct passes *passes_create(void);

/* Takes NULL. */
void passes_destroy(struct passes *passes);

/* Makes a pass for a user, good until that time of the wall clock, or as long as the user himself. 0 or -ENOMEM. */
int passes_issue(struct passes *passes, enum pass_kind kind, const struct user *user, uint64_t expires_ms,
                 char text[PASS_TEXT_SIZE]);

/* Whom a pass stands for; held, NULL: nobody (any more). A ticket is spent by it. */
const struct user *passes_show(struct passes *passes, enum pass_kind kind, struct slice text,
                               const struct users *users, uint64_t wall_ms);

/* A session ends. */
void passes_revoke(struct passes *passes, struct slice text);

#endif
