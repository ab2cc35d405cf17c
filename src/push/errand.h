/*
 * errand: a call of a front end on its way, for the files of the API.
 *
 *   api.c           the office, settings                  api_send.c      sending again
 *   api_attempts.c  what became of attempts               api_show.c      documents
 *   api_dead.c      dead letters                          api_probe.c     examples, verification
 *
 * Belongs to the deliverer's thread.
 */
#ifndef PUSH_ERRAND_H
#define PUSH_ERRAND_H

#include <cjson/cJSON.h>

#include "broker/webhooks.h"
#include "meta/meta.h"
#include "push/deliverer.h"

struct errand {
    struct deliverer_call call;      /* first */
    struct deliverer *deliverer;
    struct webhook_call *asked;
    struct meta_job job;             /* what it waits for */
    char *key, *value;               /* the job's */
};

/* What is asked. Each answers, and returns whether the answer has to wait: then errand_finish follows. */
bool ask_attempts(struct errand *errand);
bool ask_dead(struct errand *errand);
bool ask_example(struct errand *errand);
bool ask_recover(struct errand *errand);
bool ask_replay(struct errand *errand);
bool ask_resend(struct errand *errand);
bool ask_verify(struct errand *errand);

/* Gives the call back with its answer, and frees the errand. */
void errand_finish(struct errand *errand);

/* A sentence, which is copied; NULL: none. */
void errand_answer(struct errand *errand, enum webhook_verdict verdict, const char *sentence);
/* The webhook has gone while it was waited for, or the daemon goes. */
void errand_answer_gone(struct errand *errand);
/* Takes the document; NULL: out of memory. */
void errand_answer_json(struct errand *errand, enum webhook_verdict verdict, cJSON *json);

/* The webhook that it names; or one that may be changed from outside. NULL: there is none; answered. */
struct hook *errand_find(struct errand *errand);
struct hook *errand_find_own(struct errand *errand);

/* An object; empty where nothing was said. NULL: answered. */
cJSON *errand_read_body(struct errand *errand);

/* True where it may go on; else it is answered: with -EINVAL by the sentence, with all else as short of memory. */
bool errand_goes_on(struct errand *errand, int error, const char *sentence);

/* Waits until the settings of that name are as they are to be, in meta as well (NULL: gone). False: there is nothing to
 * wait for. */
bool errand_await_stored(struct errand *errand, const struct webhook_settings *settings, struct slice name);

/* What is shown of a webhook, of an attempt. NULL: out of memory. */
cJSON *errand_document(const struct deliverer *deliverer, const struct hook *hook);
/* Takes out of a document what is shown in it and is no setting: what was read may be given back. */
void errand_drop_shown(cJSON *json);
cJSON *errand_attempt_json(const struct attempt *attempt);

/* Takes the item. False: out of memory. A moment of 0 is left out. */
bool json_add(cJSON *json, const char *name, cJSON *item);
bool json_add_slice(cJSON *json, const char *name, struct slice text);
bool json_add_number(cJSON *json, const char *name, uint64_t number);
bool json_add_moment(cJSON *json, const char *name, uint64_t time_ms);

#endif
