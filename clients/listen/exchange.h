/*
 * exchange: one message on its way to the receiver: made and signed as the daemon does, tried again where it failed,
 * and reported each time.
 */
#ifndef LISTEN_EXCHANGE_H
#define LISTEN_EXCHANGE_H

#include "push/body.h"
#include "push/deliver.h"
#include "push/sign.h"
#include "report.h"
#include "util/list.h"

struct ph_message;

/* What is the same for all; what it points to is borrowed. */
struct exchange_setup {
    struct loop *loop;
    struct deliver *deliver;
    struct signer *signer;
    const struct secret *secret;
    const struct report *report;
    const char *url;
    const char *stream;              /* its name, as it is told */
    uint64_t epoch;                  /* by which ids are made, with the number of the message */
    enum body_kind body;
    uint64_t timeout_ms;
    uint64_t retries;
    void (*ended)(void *arg, bool is_taken); /* it has been taken, or given up */
    void *arg;
    struct list under_way;           /* the exchanges; to be initialised */
};

/* Begins one. Takes the message. 0; -ENOMEM or -EIO; then ended is not called. */
int exchange_start(struct exchange_setup *setup, struct ph_message *message, uint64_t number);

/* Gives up those that are under way; ended is not called. */
void exchanges_drop(struct exchange_setup *setup);

#endif
