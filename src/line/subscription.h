/* subscription: a client's subscription, which is the sink that writes MSG and HMSG to its connection. */
#ifndef LINE_SUBSCRIPTION_H
#define LINE_SUBSCRIPTION_H

#include "line/client.h"

struct subscription;

/* SUB. 0, -EINVAL, -EACCES, -EDQUOT or -ENOMEM as session_subscribe; a sid in use is left as it is. */
int subscription_add(struct client *client, const struct wire_op *op);

/* UNSUB: ends it now (max 0), or when max messages have been delivered since it began. An unknown sid is ignored. */
void subscription_end(struct client *client, struct slice sid, uint64_t max);

/* Tells the client that it may not subscribe to this. */
void subscription_refuse(struct client *client, struct slice pattern, struct slice group);

/* The client's rights have changed: ends those that it may not have any more, and tells it which. */
void subscriptions_review(struct client *client);

/* Ends those that have had their last message. */
void subscriptions_reap(struct line *line);

/* Ends all of them. */
void subscriptions_clear(struct client *client);

/* Visits all of them; the slices are good for the visit. */
void subscriptions_list(const struct client *client, session_visit *visit, void *arg);

/* Tells the client, through its subscription that matches reply, that nobody is there to answer. */
void subscription_no_responders(struct client *client, struct slice reply);

#endif
