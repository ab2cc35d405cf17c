/*
 * session: one client's standing with the broker, and THE door: whatever the protocol, entering, publishing and
 * subscribing go through here, so that rights and limits are looked at in one place.
 *
 * A front end embeds struct session in its client. Belongs to the worker's thread.
 */
#ifndef BROKER_SESSION_H
#define BROKER_SESSION_H

#include "auth/passes.h"
#include "auth/rights.h"
#include "auth/users.h"
#include "broker/broker.h"

struct account;
struct address;
struct grants;

/* What the monitor tells of a session beyond what stands in it. Texts are borrowed from the client; NULL: not known. */
struct session_facts {
    const char *protocol;               /* "nats" or "http"; NULL: a session of the server's own, no connection */
    const struct address *peer;
    uint64_t id;                        /* of the client, as it stands in the log */
    uint64_t start_time_ms;             /* wall clock */
    uint64_t idle_ms;                   /* since bytes last came */
    uint64_t bytes_in, bytes_out;       /* as they passed the socket */
    uint64_t pending_size;              /* bytes that wait to be written */
    const char *name, *lang, *version;  /* what the client says of itself */
    const char *tls_version, *tls_cipher; /* NULL: plain */
};

typedef void session_visit(void *arg, struct slice pattern, struct slice group);

struct session_ops {
    /* What session_identify did not know at once: 0, -EACCES, -EDQUOT or -ENOMEM. May close the session's client. NULL:
     * it never identifies itself. */
    void (*identified)(struct session *session, int error);
    /* May close the session's client, at the end of the turn at the earliest. */
    void (*notice)(struct session *session, enum broker_notice notice);
    /* Fills in the facts, which are zero. */
    void (*describe)(const struct session *session, struct session_facts *ret_facts);
    /* Visits its subscriptions, which are borrowed for the visit. NULL: it has none of its own. */
    void (*list)(const struct session *session, session_visit *visit, void *arg);
};

struct session {
    struct broker *broker;
    const struct session_ops *ops;
    const struct user *user; /* held; NULL: nobody in particular */
    struct login login;      /* in which the user has shown who he is; none: he did so by other means */
    struct proof *proof;     /* of who it is, under way; NULL: none */
    uint64_t connection;     /* its number among the daemon's; 0: none is told. The front end's to fill in, as: */
    bool no_echo;            /* it does not hear what it publishes */
    const struct rights *rights; /* a reference; NULL: it may everything */
    struct grants *grants;   /* what it has been seen to be allowed; NULL: nothing yet */
    struct session *next, **link;
    uint64_t messages_in, messages_out; /* published; delivered, where the front end counts them */
    struct account *account;   /* of the user; NULL: of nobody, or nothing is counted */
    struct slice place;        /* whence it comes; empty: nowhere that is counted */
    struct account *place_account; /* of all who come from there; NULL: that has no limits */
    uint32_t subscription_count;
    uint32_t payload_size_max; /* of a message, headers included, beside what the protocol allows; UINT32_MAX: none */
    unsigned wait_ms;          /* for so long it is to publish no more: set by session_publish, cleared by who waits */
    bool is_audited;           /* what it asks for now is told of by its front end */
    bool is_paced;             /* the user, or who comes from the place, may publish so much a second */
    bool dismissed;            /* told to go by a lame duck */
    bool is_own;               /* the server's, which has all rights and stays */
};

/* Enters as nobody in particular, who may do nothing where there are users. */
void session_open(struct session *session, struct broker *broker, const struct session_ops *ops);

/* The same for the server itself, which may do everything: its front ends look at the rights of those they serve. */
void session_open_own(struct session *session, struct broker *broker, const struct session_ops *ops);

/* It comes from a place, by whose bytes (which are borrowed for its life) limits of addresses are counted. 0 or
 * -ENOMEM: it cannot be counted, and is not to stay. */
int session_come_from(struct session *session, struct slice place);

/* Looks at the limits of addresses anew. 0 or -ENOMEM as above. */
int session_count_place(struct session *session);

/* Leaves. Every sink of the session has been unsubscribed. */
void session_close(struct session *session);

/* True where the session must identify itself before it may do anything. */
bool session_needs_user(const struct session *session);

/*
 * 0; -EACCES: the credentials prove nobody; -EINPROGRESS: ops->identified says it later, unless the session closes
 * before; -EAGAIN: too many are being looked at; -EDQUOT: the user has as many connections as he may; -ENOMEM. Where
 * anybody may enter, they are not looked at.
 */
int session_identify(struct session *session, const struct credentials *credentials);

/* Enters by what is known without the client's word, a unix user or a certificate, if that is anybody's; else it stays
 * nobody. Nothing is counted. */
void session_recognise(struct session *session, const struct credentials *credentials);

/* Counts and tells that somebody was refused who has shown something elsewhere. Returns -EACCES. */
int session_refuse_pass(struct session *session);

/* The same of somebody who has to prove who he is and has shown nothing. */
int session_refuse_silent(struct session *session);

/* Enters as a user who has proven elsewhere who he is; takes him, who is held. 0, -EDQUOT or -ENOMEM. */
int session_enter_as(struct session *session, const struct user *user);

/* The same, by a pass of that login, with which it ends. */
int session_enter_by(struct session *session, const struct user *user, const struct login *login);

/* It counts as no connection of its user until it says again who it is: its request is over. */
void session_rest(struct session *session);

/* It is nobody again, and what it was about to prove is dropped. */
void session_forget_user(struct session *session);

/* Looks at the limits of its user anew, who is another after a reload, and at those of its place. */
void session_take_limits(struct session *session);

/* Limits of its user, and of the place that it comes from: */

/* Whether a message of that size, headers included, may be published. */
static inline bool session_takes_size(const struct session *session, uint64_t size)
{
    return size <= session->payload_size_max;
}

/* How many messages and bytes may be published before session_publish is called: one message at least. */
void session_batch_room(const struct session *session, unsigned *ret_count_max, size_t *ret_size_max);

/* For how many milliseconds it is to publish no more; 0: it may. */
uint64_t session_owes_ms(const struct session *session);

/* Output that may wait for one connection of the user; size_max: for that of anybody. */
uint64_t session_pending_size_max(const struct session *session, uint64_t size_max);

/* It has asked for what it may not do: counts that, and tells the audit. action: "publish", "subscribe", "manage"... */
void session_deny(struct session *session, const char *action, struct slice object);

/* Whether it may publish to the topic: by its rights, or, once, because it was delivered a message that wants an answer
 * there. What is asked of an API is looked at once more where it is done. */
bool session_may_publish(struct session *session, struct slice topic);

/*
 * Who wants a topic, for session_publish. 0; -EACCES: the session may not publish there; -ENAMETOOLONG where the topic
 * is over a limit. A malformed topic is wanted by nobody. The answer is borrowed until the next call at this door.
 */
int session_route(struct session *session, struct slice topic, const struct match **ret_match);

/* Whether what the server itself answers to a message of the topic, as an API and a stream that keeps it do, may go to
 * the reply: else who may not publish there would have the server do it for him. */
bool session_may_be_answered(const struct session *session, const struct match *match, struct slice topic,
                             struct slice reply);

/*
 * A message is refused at this door. Where its publisher asks the broker alone, he is told why, by his reply; false:
 * he does not, and it is for the front end to tell him.
 */
bool session_refuse(struct session *session, struct slice reply, enum receipt_verdict verdict);

/*
 * Publishes a batch: to the streams that keep its topic, then to those who want it; fills in its serial and origin.
 * Returns how many of its messages, from the first on, somebody took; a stream is somebody where it will answer. Where
 * batch->receipts is set it is filled in, the batch has one message, and what is refused, or a duplicate, goes to
 * nobody. Where the user publishes more a second than he may, session->wait_ms says for how long he is to rest.
 */
unsigned session_publish(struct session *session, const struct match *match, struct batch *batch);

/*
 * Puts a sink of the session under a pattern; group empty: plain. Borrows the slices for the call and the sink until
 * session_unsubscribe. 0, -EINVAL: no valid pattern, -EACCES: it may not read that, -EDQUOT: too many subscriptions, of
 * the session or of its user, -ENOMEM. Where it may not read all that the pattern names, sink->is_limited is set, and
 * each delivery is sifted.
 */
int session_subscribe(struct session *session, struct sink *sink, struct slice pattern, struct slice group);
void session_unsubscribe(struct session *session, struct sink *sink);

/* After NOTICE_RIGHTS: looks again at a sink that stands under a pattern. False: it is to be unsubscribed. */
bool session_may_keep(struct session *session, struct sink *sink);

/* Whether it may be shown messages of this topic. */
bool session_may_read(struct session *session, struct slice topic);

/*
 * What the session may be shown of a batch that a sink of its own is delivered: the batch itself, or what is left of
 * it, laid out at *ret_left and in messages (room for BATCH_MESSAGES_MAX); NULL: nothing. Notes the replies that it may
 * give. Only for sessions with rights that are not NULL.
 */
const struct batch *session_sift(struct session *session, const struct sink *sink, const struct batch *batch,
                                 struct batch *ret_left, struct message *messages);

/* It has been shown, elsewhere, a message that wants an answer under this topic. */
void session_grant_reply(struct session *session, struct slice topic);

/* The rights that it has from now on, as users have changed; welcome: it is to stay. True where they differ. */
bool session_review_rights(struct session *session, bool welcome);

#endif
