/*
 * gate: where clients prove who they are. One for the daemon, shared by the workers.
 *
 *   worker --gate_try--> known at once: a user, or nobody
 *                  `---> a password against a slow hash: helper threads check it   --.
 *                  `---> nobody, who has failed before: the refusal is held back   --+--> desk: gate_desk_turn --> told
 *
 * So a worker's loop never waits for a hash, and guessing is slow: each failure from a place (failures.h) doubles the
 * time until the next one is told. A password that was right is remembered by a digest (proven.h) until the next
 * reload, so that HTTP does not pay with each request.
 */
#ifndef AUTH_GATE_H
#define AUTH_GATE_H

#include "auth/users.h"

struct gate;
struct proof;

/* NULL: out of memory. Threads are begun when there is something to check for them. */
struct gate *gate_create(void);

/* When no desk is used any more: ends the threads, and wipes what they had in hand. Takes NULL. */
void gate_destroy(struct gate *gate);

/* The configuration has changed: forgets what was proven, and holds refusals back for so long at most from now on (0:
 * not at all). Any thread. */
void gate_reset(struct gate *gate, uint64_t delay_max_ms);

enum { GATE_TOKENS = 64, GATE_DIGEST_SIZE = 32 };

/* A JSON Web Token that was looked at: HTTP shows it with each request, and a signature costs more than the rest. */
struct gate_token {
    unsigned char digest[GATE_DIGEST_SIZE];
    const struct user *user; /* held; NULL: none */
};

/* One worker's end. Embedded in its owner. */
struct gate_desk {
    struct gate *gate;       /* NULL: slow hashes are not checked, and nothing is held back, as in tests */
    void (*wake)(void *arg); /* from another thread, under a lock: it calls nothing here */
    void *arg;
    struct proof *done, **last; /* the gate's */
    unsigned away_count;     /* proofs that have not come back */
    struct gate_token tokens[GATE_TOKENS]; /* by the first byte of their digests */
};

void gate_desk_init(struct gate_desk *desk, struct gate *gate, void (*wake)(void *arg), void *arg);

/* Forgets the tokens: there are other users now, or the desk goes. The desk's thread, or when that has ended. */
void gate_desk_forget(struct gate_desk *desk);

/* Somebody who wants to prove who he is. */
struct gate_attempt {
    const struct users *users;             /* for the call */
    const struct credentials *credentials; /* for the call */
    uint64_t wall_ms;
    /* Later, from gate_desk_turn. user: held; NULL: nobody. name: that was shown, perhaps cut. */
    void (*told)(void *owner, const struct user *user, struct slice name);
    void *owner;
};

/*
 * 0: *ret_user is held. -EACCES: nobody. -EINPROGRESS: told comes later, or proof_cancel is called with *ret_proof.
 * -EAGAIN: too much is being checked, in all or from this place, and it was not looked at. -ENOMEM. The desk's thread.
 */
int gate_try(struct gate_desk *desk, const struct gate_attempt *attempt, const struct user **ret_user,
             struct proof **ret_proof);

/* Whoever waits for it is gone: told does not come. The desk's thread. */
void proof_cancel(struct proof *proof);

/* Tells those whose proofs are done, by the users there are now. Once a turn; the desk's thread. */
void gate_desk_turn(struct gate_desk *desk, const struct users *users);

#endif
