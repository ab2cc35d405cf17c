/*
 * service: what is remembered of a service that the application calls: how it fares, which says whether it is called at
 * all (the circuit breaker) and how often a call may be tried again (the budget). Pure; time and chance are passed in.
 */
#ifndef SIDECAR_SERVICE_H
#define SIDECAR_SERVICE_H

#include "push/breaker.h"
#include "sidecar/called.h"
#include "sidecar/budget.h"
#include "util/list.h"

enum { SERVICES_MAX = 256 }; /* those that were not called for the longest time are forgotten */

struct service {
    struct list services;            /* the one that was called last comes first */
    char name[CALLED_NAME_SIZE_MAX + 1];
    struct breaker breaker;
    struct budget budget;
    unsigned under_way;              /* calls that point here */
};

struct services {
    struct list list;
    unsigned count;
    struct breaker_settings breaker; /* failures 0: there is none */
    unsigned retry_percent;
    struct random random;
};

void services_init(struct services *services, unsigned breaker_failures, uint64_t breaker_pause_ms,
                   unsigned retry_percent);

/* Other settings from now on. */
void services_change(struct services *services, unsigned breaker_failures, uint64_t breaker_pause_ms,
                     unsigned retry_percent);

/* Nothing is under way. */
void services_finish(struct services *services);

/* The service of that name, new where it is not known; counts one call more under way. NULL: out of memory, or too many
 * are being called. */
struct service *service_enter(struct services *services, struct slice name);
void service_leave(struct service *service);

/* False while the breaker is open. One attempt begins then. */
bool service_admits(struct services *services, struct service *service, uint64_t now_ms);

/* One that was admitted has ended. True where that has opened or closed the breaker. */
bool service_note(struct services *services, struct service *service, bool failed, uint64_t now_ms);

/* Milliseconds until the breaker may admit one again; 0: now. */
uint64_t service_pause_ms(const struct service *service, uint64_t now_ms);

#endif
