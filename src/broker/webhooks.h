/*
 * webhooks: what front ends ask of the thread that sends webhooks. They know nothing of it but this table: a call goes
 * there, is answered there with a JSON document or a sentence, and comes back to the desk of the thread that asked.
 * What changes something is answered when it is stored.
 *
 *   owner --webhook_ask--> desk --submit--> office ... done --webhook_desk_turn--> the owner's finished
 *
 * A worker has one desk for all its front ends: broker->webhooks.
 */
#ifndef BROKER_WEBHOOKS_H
#define BROKER_WEBHOOKS_H

#include "auth/rights.h"

enum webhook_ask {
    WEBHOOK_LIST,                    /* {"offset":N,"limit":N}, both may be left out, of at most WEBHOOK_PAGE_MAX:
                                        {"webhooks":[...],"total":N,"offset":N,"limit":N} */
    WEBHOOK_GET,
    WEBHOOK_CREATE,                  /* of a document; answered with it, and with the secret where one was made */
    WEBHOOK_CHANGE,                  /* by the members of a document */
    WEBHOOK_REMOVE,
    WEBHOOK_ENABLE,
    WEBHOOK_DISABLE,
    WEBHOOK_ROTATE,                  /* {"secret":"whsec_...","overlap":"24h"}, both may be left out */
    WEBHOOK_ATTEMPTS,                /* {"attempts":[...]}, the newest first */
    WEBHOOK_RECOVER,                 /* {"start":"2026-01-31T12:00:00Z"}: begins there, whatever was sent before */
    WEBHOOK_RESEND,                  /* {"id":"..."}: the message of that id once more */
    WEBHOOK_EXAMPLE,                 /* {"topic":"...","payload":"..."}, both may be left out: a message that no stream
                                        keeps is sent now; answered with its attempt, when that has ended */
    WEBHOOK_DEAD,                    /* {"dead":[...]}: what it gave up, the newest first */
    WEBHOOK_REPLAY,                  /* {"ids":["..."]} or {"since":"2026-01-31T12:00:00Z"} or {}: all; what is dead is
                                        sent once more, and let go of when it is taken; {"replayed":N} */
    WEBHOOK_SECRETS,                 /* {"secrets":[{"secret":"whsec_...","expires":"..."}]}, the newest first */
    WEBHOOK_VERIFY,                  /* asks the receiver now whether it wants all this; answered with the document */
    WEBHOOK_ASK_COUNT
};

enum { WEBHOOK_PAGE_MAX = 256 };    /* in one answer, as many as of streams */

enum webhook_verdict {
    WEBHOOK_GOOD,
    WEBHOOK_MADE,
    WEBHOOK_BAD,                     /* a sentence says why */
    WEBHOOK_FORBIDDEN,               /* who asks may not read what it sends */
    WEBHOOK_MISSING,                 /* there is none of that name */
    WEBHOOK_NO_MESSAGE,              /* it has no message of that id */
    WEBHOOK_TAKEN,                   /* there is one of that name */
    WEBHOOK_CONFIGURED,              /* the configuration owns it */
    WEBHOOK_NOT_STORED,              /* a sentence says why */
    WEBHOOK_SHORT,                   /* out of memory */
    WEBHOOK_STOPPING,                /* the daemon is */
};

struct webhook_desk;

/* Embedded in its owner, who keeps it until it is finished, whatever becomes of whoever asked him. */
struct webhook_call {
    struct webhook_call *next;
    struct webhook_desk *desk;
    void (*finished)(struct webhook_call *call); /* the owner's, on his thread: it is his again */
    enum webhook_ask ask;
    struct slice name;               /* borrowed until it is done, as is the body; empty: the document says it */
    struct slice body;               /* JSON; empty: none */
    const struct rights *rights;     /* of who asks; borrowed likewise */
    enum webhook_verdict verdict;
    char *text;                      /* the answer; to be freed by webhook_text_free: it may hold a secret */
};

/* What is counted, for /metrics: of all webhooks together, or of one. Numbers of 64 bits and nothing else. */
enum webhook_result {
    WEBHOOK_DELIVERED,
    WEBHOOK_FAILED,
    WEBHOOK_SLOWED,                  /* the receiver has asked for less */
    WEBHOOK_REFUSED,                 /* it does not want this message */
    WEBHOOK_GONE,                    /* it wants none any more */
    WEBHOOK_RESULT_COUNT
};
enum { WEBHOOK_BUCKET_COUNT = 12, WEBHOOK_LABEL_SIZE = 65 };

struct webhook_tally {
    uint64_t attempts[WEBHOOK_RESULT_COUNT];
    uint64_t buckets[WEBHOOK_BUCKET_COUNT]; /* attempts by how long they took */
    uint64_t duration_ms;            /* that all of them took */
    uint64_t guarded;                /* attempts whose address the guard has refused */
    uint64_t dead, filtered, lost;   /* messages */
    uint64_t in_flight, unsettled;   /* now: attempts; messages that are sent, or wait to be tried again */
    uint64_t enabled, open;          /* webhooks that are, and whose breaker is not closed: of one, 0 or 1 */
    uint64_t count;                  /* of webhooks */
};

struct webhook_row {
    char name[WEBHOOK_LABEL_SIZE];
    struct webhook_tally tally;
};

/* Up to how many milliseconds an attempt of this bucket took; the last has the rest: 0. */
static inline unsigned webhook_bucket_ms(unsigned bucket)
{
    static const unsigned bounds[WEBHOOK_BUCKET_COUNT] = { 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 15000, 0 };
    return bounds[bucket];
}

/* Whoever sends webhooks. Any thread. */
struct webhook_office {
    void *arg;
    void (*submit)(void *arg, struct webhook_call *call);
    /* The next that is done; NULL: none. The desk's thread. */
    struct webhook_call *(*done)(void *arg, struct webhook_desk *desk);
    /* Copies what is counted: of all, and of up to room of them. Returns of how many. NULL: nothing is. */
    size_t (*count)(void *arg, struct webhook_tally *ret_all, struct webhook_row *rows, size_t room);
};

/* One thread's end. Embedded in its owner, and zero where nobody sends webhooks. */
struct webhook_desk {
    const struct webhook_office *office; /* NULL: there is none */
    void (*wake)(void *arg);         /* from another thread, under a lock: it calls nothing here */
    void *arg;
    struct webhook_call *calls, **last; /* that are done; the office's */
    unsigned away_count;             /* that have not come back */
};

void webhook_desk_init(struct webhook_desk *desk, const struct webhook_office *office, void (*wake)(void *arg),
                       void *arg);

/* Asks; the call has its finished, ask, name and body. It comes back later, never from within. False: there is nobody
 * to ask, and it does not come back. The desk's thread, as below. */
bool webhook_ask(struct webhook_desk *desk, struct webhook_call *call);

/* Hands those that are done to their owners. Once a turn; and once more when the office has given all of them back, and
 * the desk's owner is to go. */
void webhook_desk_turn(struct webhook_desk *desk);

/* A verdict as HTTP numbers it, and what it says where the office has not said more: a constant, never NULL. */
unsigned webhook_verdict_code(enum webhook_verdict verdict);
const char *webhook_verdict_sentence(enum webhook_verdict verdict);

/* The right that asking takes; who makes a webhook, or has it send, is to be allowed to read what it sends as well,
 * which the office looks at. */
enum right webhook_right(enum webhook_ask ask);

/* Wipes a text that may hold a secret, and frees it. Takes NULL. */
void webhook_text_free(char *text);

#endif
