/*
 * attempts: what became of the last so many attempts of a webhook, the newest first. Nothing is kept until there was
 * one. Belongs to its webhook.
 */
#ifndef PUSH_ATTEMPTS_H
#define PUSH_ATTEMPTS_H

#include "push/retry.h"

enum {
    ATTEMPT_ANSWER_SIZE = 256,       /* of the answer's body that is kept */
    ATTEMPT_ID_SIZE = 64,
};

struct attempt {
    uint64_t time_ms;                /* wall clock, when it began */
    uint64_t duration_ms;
    uint64_t sequence;               /* of the message */
    uint64_t number;                 /* of the attempt, from 1 */
    uint64_t next_ms;                /* wall clock, of the next; 0: there is none */
    enum retry_verdict verdict;
    unsigned status;                 /* of the answer; 0: none */
    const char *error;               /* why there was none; static, or of attempts_text; NULL: there was one */
    struct slice answer;             /* its first bytes, at most ATTEMPT_ANSWER_SIZE; borrowed of whoever made it */
    char id[ATTEMPT_ID_SIZE];        /* webhook-id */
};

struct attempts {
    struct attempt *ring;            /* grows up to max; their answers are its own */
    unsigned room, max, count;
    unsigned next;                   /* where the next is put */
    uint64_t total;                  /* ever noted */
    struct attempt_text *texts;      /* errors that were read, in a chain */
};

/* To keep so many; 0: none. */
void attempts_init(struct attempts *attempts, unsigned max);
void attempts_finish(struct attempts *attempts);

/* A copy is kept; where memory has run out, in the place of the oldest, without its answer, or not at all. */
void attempts_note(struct attempts *attempts, const struct attempt *attempt);

/* A copy of a text that stays as long as the attempts do; the same for the same text. NULL: out of memory. */
const char *attempts_text(struct attempts *attempts, struct slice text);

/* The one before so many, the newest at 0; NULL: there is none. Until the next is noted. */
const struct attempt *attempts_at(const struct attempts *attempts, unsigned back);

#endif
