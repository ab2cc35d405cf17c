/*
 * serve: [serve NAME]: requests on topics become HTTP requests to the application, and its answers the replies
 * (carry.h). All instances that serve a topic in the same group share its requests. While the application is away
 * nobody listens here, so that others of the group get them, or the caller is told at once.
 *
 * So many are with the application at once; more wait, in order, for as long as a request may take; beyond that they
 * are answered 503. Belongs to the loop's thread.
 */
#ifndef SIDECAR_SERVE_H
#define SIDECAR_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_serve;
struct loop;
struct ph_conn;
struct serve;
struct transfers;

/* Borrows all. 0 or -ENOMEM. */
int serve_create(struct loop *loop, struct transfers *transfers, const struct config_serve *config,
                 struct serve **ret_serve);
/* What is with the application is given up, and not answered. Takes NULL. */
void serve_destroy(struct serve *serve);

/* The connection to the broker, which stands or will: its subscriptions survive that it breaks. Once. */
void serve_open(struct serve *serve, struct ph_conn *conn);

/* Takes no more requests; those that wait are answered 503. What is with the application is finished. */
void serve_quiesce(struct serve *serve);
/* Nothing is with the application, and nothing more comes. */
bool serve_is_quiet(const struct serve *serve);

/* At the end of a turn, when what was answered in it is on its way. */
void serve_turn_end(struct serve *serve);

struct serve_facts {
    const char *name;
    bool is_application_there;
    unsigned in_hand, waiting;
    uint64_t answered;               /* by the application, whatever it said */
    uint64_t failed;                 /* it did not answer, or not so that it could be passed on */
    uint64_t refused;                /* without asking it */
};
void serve_look(const struct serve *serve, struct serve_facts *ret_facts);

#endif
