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

/* What a session has opened, by itself or by tickets asked for in it, ends with it. */
struct login {
    uint64_t id;         /* 0: none, it was opened by other means */
    uint64_t expires_ms; /* wall clock, of the session; meaningless without one */
};

/* NULL: out of memory. */
struct passes *passes_create(void);

/* Takes NULL. */
void passes_destroy(struct passes *passes);

/* Makes a pass for a user, good until that time of the wall clock, or as long as the user himself. A ticket is of the
 * login in which it was asked for; a session is one of its own, whatever the login. 0 or -ENOMEM. */
int passes_issue(struct passes *passes, enum pass_kind kind, const struct user *user, const struct login *login,
                 uint64_t expires_ms, char text[PASS_TEXT_SIZE]);

/* Whom a pass stands for; held, NULL: nobody (any more). A ticket is spent by it. */
const struct user *passes_show(struct passes *passes, enum pass_kind kind, struct slice text,
                               const struct users *users, uint64_t wall_ms, struct login *ret_login);

/* A session ends. Returns the id of its login; 0: there was none. */
uint64_t passes_revoke(struct passes *passes, struct slice text);

#endif
