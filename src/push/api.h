/*
 * api: webhooks as front ends ask for them (broker/webhooks.h). Calls are run on the deliverer's thread; documents are
 * settings with what is known of the webhook at work.
 */
#ifndef PUSH_API_H
#define PUSH_API_H

#include "broker/webhooks.h"

struct deliverer;

/* The office of a deliverer: fills it in. It is good as long as the deliverer is. */
void push_api_open(struct deliverer *deliverer, struct webhook_office *ret_office);

#endif
