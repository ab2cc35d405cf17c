/*
 * webhooks: those that the configuration names become the ones that run, beside those that are stored. The
 * configuration owns what it names; what it names no more stays, and is the API's from then on. A plan is made in the
 * supervisor's thread, and applied in the deliverer's, or before that is started.
 */
#ifndef SERVER_WEBHOOKS_H
#define SERVER_WEBHOOKS_H

#include "push/deliverer.h"
#include "server/reload.h"

/* What is to hold, read from a configuration. */
struct webhooks_plan {
    struct deliverer_call call;      /* first */
    struct webhook_settings *items;
    bool *has_made_secret;           /* of each: it names none; this one is good where there was none */
    size_t count;
    struct deliverer_options options;
    struct network *allowed;
    char *ca, *proxy, *origin;       /* the options' */
};

/* Reads files of secrets, and checks everything. 0; -ENOMEM; or -EINVAL and a sentence that says what is wrong, and
 * never a secret. To be freed by webhooks_plan_free. */
int webhooks_plan_make(const struct config *config, struct webhooks_plan **ret_plan,
                       char sentence[RELOAD_SENTENCE_SIZE]);
/* Takes NULL. */
void webhooks_plan_free(struct webhooks_plan *plan);

/* Makes it hold. Logs what cannot be done for want of memory. */
void webhooks_plan_apply(const struct webhooks_plan *plan, struct deliverer *deliverer);

/* The same in the deliverer's thread, soon. Takes the plan. */
void webhooks_plan_send(struct webhooks_plan *plan, struct deliverer *deliverer);

#endif
