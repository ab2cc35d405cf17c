/*
 * web: what the sidecar answers over HTTP.
 *
 *   by the broker's handlers   publishing, requests, /connz, /subsz
 *   by its own                 /healthz, /readyz, /progress; /metrics and /varz have figures of its own
 *   by other applications      what lies below call.path: call.h
 *   by the broker              everything else: proxy.h
 *
 * Belongs to the worker's thread.
 */
#ifndef SIDECAR_WEB_H
#define SIDECAR_WEB_H

#include <stdbool.h>

struct config;
struct duties;
struct http;
struct route_table;
struct spool;
struct tails;
struct transfers;
struct uplink;
struct web;

/* The rows of it; what goes beyond them is in web.c. */
extern const struct route_table sidecar_routes;

struct web_setup {
    struct http *http;           /* its routes are set */
    struct transfers *transfers;
    struct uplink *uplink;
    struct spool *spool;         /* NULL: nothing is kept here */
    const struct duties *duties;
    const struct tails *tails;   /* NULL: there are none */
    const struct config *config; /* until web_reconfigure */
};

/* Borrows all that is pointed to. 0 or -ENOMEM. */
int web_create(const struct web_setup *setup, struct web **ret_web);
void web_reconfigure(struct web *web, const struct config *config);

/* After the last client is gone, and the uplink closed. Takes NULL. */
void web_destroy(struct web *web);

/* Once a turn. */
void web_turn(struct web *web);
/* At its end, when all has been sent. */
void web_turn_end(struct web *web);

/* It will stop: nobody is to count on it any more. */
void web_retire(struct web *web);

/* True while a call of the application waits for its answer. */
bool web_is_busy(const struct web *web);

#endif
