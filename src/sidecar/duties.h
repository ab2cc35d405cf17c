/*
 * duties: all that a sidecar does for its application as the configuration has it: each [deliver NAME] and each
 * [serve NAME]. Belongs to the worker's thread.
 */
#ifndef SIDECAR_DUTIES_H
#define SIDECAR_DUTIES_H

#include <stdbool.h>
#include <stdio.h>

struct config;
struct document;
struct duties;
struct loop;
struct transfers;
struct uplink;

/* Borrows all but the configuration, of which it copies what it needs. 0 or -ENOMEM. */
int duties_create(struct loop *loop, struct uplink *uplink, struct transfers *transfers, const struct config *config,
                  struct duties **ret_duties);

/* Before the uplink. What is with the application is given up. Takes NULL. */
void duties_destroy(struct duties *duties);

/* What is new begins, what is as it was goes on, and what is gone or changed ends as at the sidecar's own end, beside
 * what takes its place. */
void duties_reconfigure(struct duties *duties, const struct config *config);

/* Once a turn. */
void duties_turn(struct duties *duties);
/* At its end, when all has been sent. */
void duties_turn_end(struct duties *duties);

/* Takes nothing more, and gives back what is not begun. */
void duties_quiesce(struct duties *duties);
/* True while something is with the application, or the broker does not know yet what became of it. */
bool duties_are_busy(const struct duties *duties);

/* What /progress and /metrics say of them. */
void duties_put_progress(const struct duties *duties, struct document *document);
void duties_put_metrics(const struct duties *duties, FILE *out);

#endif
