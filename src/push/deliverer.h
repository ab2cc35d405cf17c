/*
 * deliverer: the thread that sends webhooks. It owns their hooks, finds the streams that their patterns touch, wakes
 * them when a stream goes on, puts their positions into meta one to ten times a second, and keeps what is dead.
 *
 *   meta  webhook           NAME          settings, as JSON
 *         webhook_position  NAME.STREAM   what a consumer saves
 *         webhook_history   NAME          counts and attempts (history.h)
 *
 * Streams are read and appended to from here as from any thread. What has to be published goes to a worker: notes.
 */
#ifndef PUSH_DELIVERER_H
#define PUSH_DELIVERER_H

#include "push/hook.h"

struct deliverer;
struct meta;
struct meta_job;
struct network;
struct stream_registry;

/* What holds for all webhooks. */
struct deliverer_options {
    const struct network *allowed;   /* copied, as are the texts */
    size_t allowed_count;
    const char *ca, *proxy;          /* NULL: none */
    const char *origin;              /* who we are, for receivers that are asked whether they want messages */
    unsigned connections_max;
    unsigned attempts_kept;
};

struct deliverer_setup {
    struct stream_registry *registry;
    struct stream *recent;           /* NULL: there is none */
    struct meta *meta;               /* NULL: nothing outlives the daemon */
    struct deliverer_options options;
};

/* 0 or -errno. */
int deliverer_create(const struct deliverer_setup *setup, struct deliverer **ret_deliverer);

/* Before meta_start: takes up what is stored. 0 or -errno; what cannot be read is logged and left where it is. */
int deliverer_load(struct deliverer *deliverer);

/* Starts its thread, which takes no signals. 0 or -errno. */
int deliverer_start(struct deliverer *deliverer);

/* Begins nothing more, gives what is under way a moment, puts the last positions, and ends the thread, where it was
 * started. Takes NULL. */
void deliverer_stop(struct deliverer *deliverer);

/* After meta_close: takes back its last jobs, and gives back the calls that nobody will run. Takes NULL. */
void deliverer_settle(struct deliverer *deliverer);

/* After that. Takes NULL. */
void deliverer_destroy(struct deliverer *deliverer);

/* Something to be done on its thread. Embedded in its owner, whom run tells in his own way. Any thread. Where the
 * deliverer stops first, abandon is called in its place, from the thread that settles it. */
struct deliverer_call {
    struct deliverer_call *next;
    void (*run)(struct deliverer_call *call, struct deliverer *deliverer);
    void (*abandon)(struct deliverer_call *call);
};
void deliverer_call(struct deliverer *deliverer, struct deliverer_call *call);

/* Streams have come, gone or changed: it looks at the registry. Any thread. */
void deliverer_look(struct deliverer *deliverer);

/* On its thread, or before it is started. */

/* Adds a webhook, or changes the one of that name, and stores it. Takes complete and checked settings. 0 or -ENOMEM;
 * then they are still the caller's. */
int deliverer_put(struct deliverer *deliverer, struct webhook_settings *settings);
/* 0 or -ENOENT. Forgets how far it has come. */
int deliverer_remove(struct deliverer *deliverer, struct slice name);
/* Begins anew where these settings, of a webhook that is there, say; nothing that it has in hand is kept. As
 * deliverer_put. */
int deliverer_recover(struct deliverer *deliverer, struct webhook_settings *settings);
/* NULL: there is none. */
struct hook *deliverer_find(const struct deliverer *deliverer, struct slice name);
void deliverer_visit(const struct deliverer *deliverer, void (*visit)(void *arg, struct hook *hook), void *arg);
/* 0 or -ENOMEM. */
int deliverer_change(struct deliverer *deliverer, const struct deliverer_options *options);

/* Under which kind of meta settings are stored. */
#define DELIVERER_SETTINGS_KIND "webhook"

/* Puts a job of meta whose owner is told by finished, on the deliverer's thread. False: there is no meta. */
bool deliverer_await(struct deliverer *deliverer, struct meta_job *job);

/* For api.c: a call of a front end goes back to its desk, and is taken from there. Any thread. */
void deliverer_give_back(struct deliverer *deliverer, struct webhook_call *call);
struct webhook_call *deliverer_take_back(struct deliverer *deliverer, struct webhook_desk *desk);

/* As struct webhook_office has it. Any thread. */
size_t deliverer_count(struct deliverer *deliverer, struct webhook_tally *ret_all, struct webhook_row *rows,
                       size_t room);

/* Are all topics of its pattern kept by streams in files? */
bool deliverer_is_durable(const struct deliverer *deliverer, const struct hook *hook);

/* Notes: what a worker publishes in the deliverer's stead. */
struct deliverer_note {
    struct deliverer_note *next;
    struct slice topic, payload;     /* in one block with it; two bytes behind the payload are CR LF */
};
/* Who is woken when there is one: from the deliverer's thread, under its lock. Before it is started. */
void deliverer_set_outlet(struct deliverer *deliverer, void (*wake)(void *arg), void *arg);
/* The first; NULL: there is none. To be freed. One thread. */
struct deliverer_note *deliverer_take_note(struct deliverer *deliverer);

#endif
