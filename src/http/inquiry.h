/*
 * inquiry: a question to all workers, with an exchange that waits for the answer. It travels from one to the next
 * (struct survey), each adding its part on its own thread, while the exchange is held. Belongs to the worker that was
 * asked.
 */
#ifndef HTTP_INQUIRY_H
#define HTTP_INQUIRY_H

#include "broker/broker.h"

struct exchange;

/* First in what is gathered. */
struct inquiry {
    struct survey survey;       /* first: its visit is set by who asks */
    struct exchange *exchange;  /* NULL: its client has gone */
    void (*report)(struct inquiry *inquiry); /* all have been asked: answers the exchange */
    void (*destroy)(struct inquiry *inquiry);
};

/* Holds the exchange and sends the inquiry around; in the end it is reported, unless its client has gone, and
 * destroyed. inquiry NULL stands for one that ran out of memory: the exchange is answered 500. */
void inquiry_send(struct inquiry *inquiry, struct exchange *exchange);

#endif
