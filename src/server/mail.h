/*
 * mail: what threads write to one another: the records that lie in mailboxes. A record begins with struct mail, whose
 * kind says what follows; the bytes of names and messages stand right behind the struct.
 */
#ifndef SERVER_MAIL_H
#define SERVER_MAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "net/address.h"

struct config;
struct shared_message;
struct survey;
struct tls;
struct users;

enum mail_kind {
    /* Between workers. */
    MAIL_BATCH,    /* messages to deliver */
    MAIL_INTEREST, /* a subscription has come or gone */
    MAIL_SURVEY,   /* a question that goes round */
    MAIL_SLOW,     /* a topic's subscriber cannot take so much: hold its publishers back */
    /* From the supervisor to a worker. */
    MAIL_CONNECTION, /* a connection to serve */
    MAIL_CONFIGURE,  /* another configuration; answered by MAIL_CONFIGURED */
    MAIL_ALIVE,      /* are you? answered by MAIL_ALIVE */
    MAIL_LAME_DUCK,  /* tell the clients */
    MAIL_RETIRE,     /* the guest is to begin nothing more; answered by MAIL_RETIRED, when it has ended what it had */
    MAIL_DISMISS,    /* close the clients, spread over a time */
    MAIL_QUIESCE,    /* read no more; answered by MAIL_QUIET, behind all mail to the other workers */
    MAIL_STOP,       /* deliver what is there, close, and end */
    MAIL_AUDIT,      /* tell what the daemon has done, or failed to do */
    /* From a worker to the supervisor. */
    MAIL_CONFIGURED,
    MAIL_CLOSED, /* a connection is gone */
    MAIL_RETIRED,
    MAIL_QUIET,
    MAIL_STOPPED,
};

struct mail {
    uint32_t kind;
};

/* topic, group, then each message: struct mail_message, the topic it shows, reply, and the body with CR LF unless it is
 * shared; each message begins at a multiple of 8. */
struct mail_batch {
    struct mail mail;
    uint16_t topic_size;
    uint16_t group_size; /* 0: for plain subscriptions */
    uint16_t count;
    uint8_t hops; /* workers passed */
    bool has_taker : 1, no_responders : 1; /* as of struct batch */
};

struct mail_message {
    struct shared_message *shared; /* the body; NULL: it stands behind the reply. The record holds a reference. */
    uint32_t head_size, body_size, reply_size;
    uint32_t topic_size; /* 0: it shows the topic that it is routed by */
};

/* pattern, then group */
struct mail_interest {
    struct mail mail;
    int32_t delta;
    uint16_t pattern_size, group_size;
};

/* topic */
struct mail_slow {
    struct mail mail;
    uint32_t stall_ms;
    uint32_t topic_size;
};

/* Goes from worker to worker until it is back with the one who asked; whoever has it may touch the survey. */
struct mail_survey {
    struct mail mail;
    uint32_t asker;
    struct survey *survey;
};

struct mail_connection {
    struct mail mail;
    int fd;
    uint64_t id;
    struct address peer;
    uint8_t front_end; /* enum front_end */
    bool is_local;     /* it came by an address that only this machine reaches */
    bool refused;      /* there are too many: tell it so */
};

/* All outlive the answer that comes for the next configuration. */
struct mail_configure {
    struct mail mail;
    const struct config *config;
    const struct users *users;
    struct tls *tls; /* NULL: there is none */
};

struct mail_audit {
    struct mail mail;
    bool failed;
    char action[16];
    char reason[512]; /* "": none */
};

struct mail_dismiss {
    struct mail mail;
    uint64_t duration_ms;
};

struct mail_closed {
    struct mail mail;
    struct address peer;
};

#endif
