/*
 * call: the application calls another by plain HTTP, and knows neither topics nor where the other is:
 *
 *     POST http://localhost:8222/svc/users/42  -->  a request on svc.users.POST  -->  [serve] of some sidecar,
 *          the answer as it was given          <--  its reply                    <--  or whoever replies to that topic
 *
 * What fails may be tried again: a call that nobody has had, whatever its method; one that was not answered, or by 502,
 * 503 or 504, where its method is idempotent. The budget of its service bounds that, and all attempts together have the
 * time of one call. A service that fails again and again is left alone for a while. Each call is a line in the log.
 *
 * Belongs to the worker's thread.
 */
#ifndef SIDECAR_CALL_H
#define SIDECAR_CALL_H

#include <stdio.h>

#include "sidecar/called.h"

struct caller;
struct config_call;
struct exchange;
struct loop;
struct uplink;

/* Borrows all its arguments. NULL: out of memory. */
struct caller *caller_create(struct loop *loop, struct uplink *uplink, const struct config_call *config);

void caller_reconfigure(struct caller *caller, const struct config_call *config);

/* After the uplink has closed: nobody waits any more. Takes NULL. */
void caller_destroy(struct caller *caller);

/* True where the path is that of a call. */
bool caller_takes(const struct caller *caller, struct slice path);

/* Holds the exchange, and answers it when there is a reply, or none will come. */
void caller_call(struct caller *caller, struct exchange *exchange);

/* At the end of a turn, when what was answered in it is on its way. */
void caller_turn_end(struct caller *caller);

/* Calls that wait for their answers. */
unsigned caller_waiting(const struct caller *caller);

/* Puts what is counted, for Prometheus. */
void caller_put_metrics(const struct caller *caller, FILE *out);

#endif
