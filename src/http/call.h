/*
 * call: who waits over HTTP for what comes to an inbox: for one reply, or for several. Each has a number, and what is
 * for it comes to "_INBOX.NAME.NUMBER", under which one sink stands for all of a worker. What comes when nobody waits
 * any more finds nobody there.
 *
 * Belongs to the worker's thread.
 */
#ifndef HTTP_CALL_H
#define HTTP_CALL_H

#include "core/sink.h"
#include "util/list.h"

struct call;
struct calls;
struct exchange;
struct inbox;

struct call_ops {
    /* Messages have come for it: takes them, or some from the first on, and returns how many. It may end the call and
     * answer the exchange; nothing may be published from within. */
    unsigned (*deliver)(struct call *call, const struct batch *batch);
    /* The moment set by exchange_set_deadline has come: ends it. */
    void (*deadline)(struct call *call);
    /* Its client is gone: ends it, or lets it go on without its exchange. NULL: it is ended. */
    void (*abandoned)(struct call *call);
    /* What was asked for by call_again; it may publish. NULL: it never asks. */
    void (*again)(struct call *call);
};

struct call {
    struct calls *calls;
    const struct call_ops *ops;     /* NULL: unused */
    void *arg;
    struct exchange *exchange;      /* held; NULL: its client is gone */
    uint64_t number;
    struct list again;              /* in those of the inbox that are to go on in the next turn */
    struct call *next_unused;
};

/* Holds the exchange until call_end. NULL: it has been answered, since there are too many. */
struct call *call_begin(struct exchange *exchange, const struct call_ops *ops, void *arg);

/* Hears no more. Returns the exchange, which is to be answered; NULL: its client is gone. */
struct exchange *call_end(struct call *call);

/* Hears on, though its client is gone: from `abandoned`, where it is not ended. */
void call_leave_client(struct call *call);

/* Publishes a message for the client that asks for what the call waits for. False where nobody took it. What comes of
 * it may come, and end the call, before this returns: call_find tells. */
bool call_publish(struct call *call, struct slice topic, struct message *message);

/* The call of that number; NULL: it has ended. */
struct call *call_find(const struct calls *calls, uint64_t number);

/* Calls ops->again in the next turn, at once. */
void call_again(struct call *call);

/* The way to those who answer has gone, with their replies: whoever waits for one (POST /v1/request) is told: 502. */
void requests_fail(struct calls *calls);

void inbox_init(struct inbox *inbox);

/* Lets those go on who asked for it. */
void inbox_turn(struct calls *calls);

/* Takes its sink from the session. Nobody waits. */
void inbox_close(struct calls *calls);

/* After inbox_close. */
void inbox_finish(struct inbox *inbox);

#endif
