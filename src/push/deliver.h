/*
 * deliver: requests on their way to receivers, by libcurl on an event loop: connections that are kept, HTTP/2 where the
 * receiver has it, TLS that is verified. No redirect is followed, no proxy of the environment is used, and each address
 * is shown to the guard before it is connected to. Belongs to the loop's thread.
 */
#ifndef PUSH_DELIVER_H
#define PUSH_DELIVER_H

#include "net/transfer.h"
#include "push/attempts.h"
#include "push/guard.h"

struct curl_slist;
struct deliver;
struct handle;

struct deliver_options {
    const struct guard *guard;       /* borrowed for good */
    const char *ca;                  /* a file in PEM; NULL: those of the system */
    const char *proxy;               /* NULL: none */
    unsigned connections_max;
};

/* 0 or -ENOMEM. */
int deliver_create(struct loop *loop, const struct deliver_options *options, struct deliver **ret_deliver);
/* What is under way is given up, and nobody is told. Takes NULL. */
void deliver_destroy(struct deliver *deliver);

/* Of requests that begin from now on. 0 or -ENOMEM; then the old ones hold. */
int deliver_change(struct deliver *deliver, const struct deliver_options *options);

enum { DELIVER_LINES_MAX = 192, DELIVER_ANSWER_MAX = 64 << 10 };

/* What came of it. */
struct deliver_result {
    unsigned status;                 /* 0: there was no answer */
    const char *error;               /* why there was none, static; NULL: there was one */
    bool is_guarded;                 /* the guard has refused the address */
    bool has_retry_after;
    uint64_t retry_after_ms;         /* from now */
    uint64_t duration_ms;
    struct slice answer;             /* its first bytes; borrowed for the call */
};

/* A request under way. Embedded in its owner, who keeps what it points to until it is done. */
struct delivery {
    const char *method;              /* without a body; NULL: a POST */
    const char *url;
    struct slice content;
    uint64_t timeout_ms;
    uint64_t key;                    /* those with the same one use the same connections */
    /* There is an answer, whose headers delivery_header tells meanwhile. NULL: nobody wants to know. */
    void (*look)(struct delivery *delivery);
    void (*done)(struct delivery *delivery, const struct deliver_result *result); /* may start further ones */

    /* deliver's. */
    struct deliver *deliver;
    struct transfer transfer;
    struct list place;               /* under way */
    struct handle *handle;           /* NULL: it is not */
    struct curl_slist *lines;        /* in one block */
    unsigned line_count;
    const char *refused;             /* by the guard: why */
    uint64_t began_ms;
    uint64_t answer_total;           /* bytes of the answer */
    unsigned answer_size;
    char answer[ATTEMPT_ANSWER_SIZE];
};

/* Adds a header line, "Name: value", which is borrowed until it is done. Lines beyond DELIVER_LINES_MAX are left out. 0
 * or -ENOMEM. */
int delivery_add_line(struct delivery *delivery, const char *line);

/* Begins it. done is called by a later turn. 0 or -ENOMEM; then done is not called. */
int delivery_start(struct deliver *deliver, struct delivery *delivery);

/* Gives it up where it is under way, and frees its lines. done is not called. */
void delivery_cancel(struct delivery *delivery);

/* A header of the answer, within look. NULL: there is none. */
const char *delivery_header(const struct delivery *delivery, const char *name);

unsigned deliver_count(const struct deliver *deliver);

#endif
