/*
 * broker: what one worker serves: its router, its sessions, who may enter, and its ties to other workers. Front ends
 * reach it through broker/session.h; only the worker sees this side.
 *
 * Belongs to the worker's thread.
 */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include "auth/gate.h"
#include "auth/limits.h"
#include "broker/audit.h"
#include "broker/webhooks.h"
#include "core/router.h"
#include "metrics/counters.h"
#include "util/list.h"

struct accounts;
struct address;
struct broker;
struct feeds;
struct jetstream;
struct keepers;
struct rights;
struct session;
struct user;
struct users;

/*
 * A question to all workers. It travels from one to the next, each adding to it on its own thread, and comes back to
 * the one who asked. Embedded in what is being gathered; nobody else touches that while it is under way.
 */
struct survey {
    void (*visit)(struct survey *survey, struct broker *broker); /* on each worker's thread, the asker's included */
    void (*done)(struct survey *survey);                         /* on the asker's, last */
    struct survey *next;                                         /* the asker's */
};

/* Ties to the worker and to the others. */
struct broker_hooks {
    void *arg;
    /* A local sink has come (+1) to a pattern, or gone (-1). NULL: there are no others. */
    void (*interest)(void *arg, struct slice pattern, struct slice group, int delta);
    /* The wall clock, read once a turn. */
    uint64_t (*wall_ms)(void *arg);
    /* Sends a survey around. Its done comes later, never from within. */
    void (*survey)(void *arg, struct survey *survey);
    /* An address as text, at out, which holds 64 bytes. */
    void (*show_address)(const struct address *address, char *out);
};

/* A client that waits until the broker has dealt with what this one has passed on. Embedded in it; it fills in done. */
struct broker_flush {
    void (*done)(struct broker_flush *flush);
    struct list list; /* a list of its own while it does not wait */
    uint64_t serial;  /* the outlet's own */
};

/* Somebody who waits until the other broker has answered to a message that is kept here. Embedded in its owner, who
 * fills in told. */
struct outlet_waiter {
    /* Once: in the broker's own words, as broker/acks.h reads them; empty: it has been given up. */
    void (*told)(struct outlet_waiter *waiter, struct slice answer);
    uint64_t sequence;
    struct outlet_waiter *next, **link; /* link NULL: it does not wait */
};

/* Ties to another broker, of which this one is the sidecar; all NULL elsewhere. */
struct broker_outlet {
    void *arg;
    /* Takes what is published, in place of the streams and sinks here, and returns what broker_publish does. */
    unsigned (*publish)(void *arg, const struct match *match, struct batch *batch);
    /* A session's sink has come (+1) to a pattern, or gone (-1). */
    void (*interest)(void *arg, struct slice pattern, struct slice group, int delta);
    /* Waits until the broker has dealt with what sessions here have subscribed to, and said live. False: it has, and
     * done is not called. */
    bool (*flush)(void *arg, struct broker_flush *flush);
    /* Waits for what a receipt tells of. False: there is nothing to wait for, and told is not called. */
    bool (*wait)(void *arg, struct outlet_waiter *waiter, const struct receipt *receipt);
    /* Waits no more. */
    void (*unwait)(void *arg, struct outlet_waiter *waiter);
};

/* Whoever serves an API that is asked by messages. */
struct broker_judge {
    void *arg;
    /* Whether who has these rights, which are not NULL, may ask what this topic asks. What depends on more than the
     * topic is looked at when it is done. */
    bool (*may_ask)(void *arg, const struct rights *rights, struct slice topic);
};

struct broker_limits {
    struct topic_limits topic;
    unsigned subscriptions_max; /* of one session; 0: no limit */
    struct user_limits address; /* of all that come from one address; rates and subscriptions alone */
};

struct broker {
    struct router *router;
    struct counters *counters;   /* the loop's */
    const struct users *users;
    struct accounts *accounts;   /* what users use, all workers together; NULL: it is not counted, as in tests */
    struct accounts *places;     /* and what addresses do, in the same way */
    struct broker_limits limits;
    struct broker_hooks hooks;
    struct broker_outlet outlet;
    struct broker_judge judge;
    uint64_t grants_seed;
    struct session *sessions;
    struct keepers *keepers;     /* of the streams with settings; NULL: there are none, as in tests */
    struct jetstream *jetstream; /* consumers and the JetStream API, for surveys; NULL as above */
    struct receipt *receipts;    /* BATCH_MESSAGES_MAX of them, for a batch whose publisher does not ask for any */
    struct message *unasked;     /* as many: a batch as its subscribers see it, where its publisher asks the broker */
    struct gate_desk gate;       /* where sessions prove who they are; the worker turns it */
    struct webhook_desk webhooks; /* where front ends ask of webhooks; the worker turns it */
    const struct feeds *feeds;   /* this worker's readers of streams, for surveys; NULL: there is no HTTP */
    struct audit audit;
    uint64_t expires_ms;         /* wall clock: when the first session's user does; UINT64_MAX: none's. The worker calls
                                    broker_expire then, and may be early */
    uint64_t batch_serial;
    uint64_t plain_serial;       /* of the batch that was last found to have no topic of a message's own; 0: none */
    const char *refusal; /* set where a message was refused whose publisher asks for no answer, a sentence: he is told,
                            and whoever tells him clears it */
    unsigned stall_ms; /* set by a sink whose output is nearly full: whoever publishes waits so long, and clears it */
    bool parked;  /* mail for another worker waits for room: whoever publishes, or answers for what was, waits too */
};

/* What all sessions are told; see struct session_ops. */
enum broker_notice {
    NOTICE_OPTIONS,   /* options have changed */
    NOTICE_REVOKED,   /* this session's user is gone */
    NOTICE_EXPIRED,   /* the time of its token or login is over */
    NOTICE_RIGHTS,    /* this session's rights have changed: what it may not do any more ends now */
    NOTICE_LAME_DUCK, /* the server will stop; clients had better go elsewhere */
    NOTICE_QUIESCE,   /* the server is about to stop: take nothing more in */
    NOTICE_SHUTDOWN,  /* the server stops: close when what waits has been written */
    NOTICE_ABANDON,   /* it has waited long enough: close at once */
};

/* 0 or -ENOMEM. Borrows counters and users. */
int broker_init(struct broker *broker, struct counters *counters, const struct users *users,
                const struct broker_limits *limits);

/* After the last session is closed. */
void broker_finish(struct broker *broker);

/* Tells every session, which may close. */
void broker_notify(struct broker *broker, enum broker_notice notice);

/* Other users and limits from now on. Sessions of users who are no longer there, or whose secrets changed, are told
 * that they are revoked. No session refers to the old users afterwards. */
void broker_reconfigure(struct broker *broker, const struct users *users, const struct broker_limits *limits);

/* Tells the sessions of a login, which is not 0, that it is over. */
void broker_log_out(struct broker *broker, uint64_t login);

/* Tells the sessions whose user's time, or that of their login, is over at that time of the wall clock, and sets
 * expires_ms anew. */
void broker_expire(struct broker *broker, uint64_t wall_ms);

/* Publishes the server's own words, to whoever is subscribed here; no stream keeps them. The messages are
 * BATCH_MESSAGES_MAX at most. Returns how many of them, from the first on, somebody took. Not from within a
 * delivery. The topic may be what a client has thought of: nothing is asked by it (topic_asks). */
unsigned broker_send(struct broker *broker, struct slice topic, const struct message *messages, unsigned count);

/* The server asks itself, with all rights; the topic is its own. */
void broker_ask(struct broker *broker, struct slice topic, const struct message *message);

/* Answers a request that nobody took, where its publisher is subscribed to `reply` and wants to know. Not from within a
 * delivery. */
void broker_send_no_responders(struct broker *broker, struct slice reply);

/* A reply topic under which the broker answers, whatever the topic of the message: with the acknowledgement of the
 * stream that keeps it, or that it has been delivered. Subscribers are shown no reply. */
static inline bool reply_asks_broker(struct slice reply)
{
    return slice_starts_with(reply, slice_make("$POSTHORN.ACK.", 14));
}

/*
 * What session_publish does: hands a batch to the streams that keep the topic, then to those who want it; or to
 * outlet.publish, where that is set. Returns how
 * many of its messages, from the first on, somebody took; a stream is somebody where it will answer. Where
 * batch->receipts is set it is filled in, the batch has one message, and what is refused, or a duplicate, goes to
 * nobody.
 */
unsigned broker_publish(struct broker *broker, const struct match *match, struct batch *batch);

/*
 * Publishes messages of the server's own, which ask for no reply and set no conditions, in order: once one cannot be
 * kept now, those behind it are refused with it (RECEIPT_BEHIND). They are BATCH_MESSAGES_MAX at most; each has a
 * receipt, which is filled in. Not from within a delivery.
 */
void broker_publish_in_order(struct broker *broker, struct slice topic, const struct message *messages, unsigned count,
                             struct receipt *ret_receipts);

/* Publishes a message of the server's own. Not from within a delivery. */
void broker_publish_one(struct broker *broker, struct slice topic, const struct message *message,
                        struct receipt *ret_receipt);

/* The wall clock as the worker reads it; 0 where nobody tells it, as in tests. */
static inline uint64_t broker_wall_ms(const struct broker *broker)
{
    return broker->hooks.wall_ms ? broker->hooks.wall_ms(broker->hooks.arg) : 0;
}

/* A new serial for struct batch. */
static inline uint64_t broker_next_serial(struct broker *broker)
{
    return ++broker->batch_serial;
}

#endif
