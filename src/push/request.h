/*
 * request: what is sent to a webhook's receiver, whatever it is about: a body, the headers that go with it, those of
 * Standard Webhooks, and those that the settings add. It has copies of all that it needs, so that the settings may
 * change, and the webhook go, while it is under way.
 */
#ifndef PUSH_REQUEST_H
#define PUSH_REQUEST_H

#include "push/body.h"
#include "push/deliver.h"

struct hook;

enum { REQUEST_LINE_SIZE = 64 + ATTEMPT_ID_SIZE };

struct request {
    struct delivery delivery;        /* first */
    uint64_t wall_ms;                /* when it began */
    struct body body;
    char id[ATTEMPT_ID_SIZE];        /* webhook-id: whoever makes it writes it here */
    char id_line[REQUEST_LINE_SIZE], time_line[REQUEST_LINE_SIZE];
    char *signature_line, *own_lines; /* the last: those of the settings, each with a NUL */
};

/* Fills in the delivery, but for done. The body is there, which is taken even if it fails, as is the id. 0; -ENOMEM; or
 * -EIO. */
int request_make(struct request *request, const struct hook *hook);

/* Begins it. As delivery_start. */
int request_start(struct request *request, struct hook *hook);

/* Gives it up where it is under way, and frees what it points to. */
void request_finish(struct request *request);

#endif
