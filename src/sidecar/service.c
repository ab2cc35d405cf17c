#include "sidecar/service.h"

#include <stdlib.h>

enum { PAUSES_MAX = 8 }; /* how much longer than the first a pause grows */

static struct breaker_settings settings_of(unsigned failures, uint64_t pause_ms)
{
    return (struct breaker_settings){
        .limit = 1,
        .failures = failures,
        .open_min_ms = pause_ms,
        .open_max_ms = PAUSES_MAX * pause_ms,
    };
}

void services_init(struct services *services, unsigned breaker_failures, uint64_t breaker_pause_ms,
                   unsigned retry_percent)
{
    uint64_t seed;
    random_bytes(&seed, sizeof seed);
    *services = (struct services){
        .breaker = settings_of(breaker_failures, breaker_pause_ms),
        .retry_percent = retry_percent,
    };
    random_init(&services->random, seed);
    list_init(&services->list);
}

void services_change(struct services *services, unsigned breaker_failures, uint64_t breaker_pause_ms,
                     unsigned retry_percent)
{
    services->breaker = settings_of(breaker_failures, breaker_pause_ms);
    services->retry_percent = retry_percent;
    for (struct list *at = services->list.next; at != &services->list; at = at->next) {
        struct service *service = LIST_OWNER(at, struct service, services);
        breaker_change(&service->breaker, &services->breaker);
        budget_init(&service->budget, retry_percent);
    }
}

static void forget(struct services *services, struct service *service)
{
    list_remove(&service->services);
    services->count--;
    free(service);
}

void services_finish(struct services *services)
{
    while (!list_is_empty(&services->list))
        forget(services, LIST_OWNER(services->list.next, struct service, services));
}

static struct service *find(const struct services *services, struct slice name)
{
    for (struct list *at = services->list.next; at != &services->list; at = at->next) {
        struct service *service = LIST_OWNER(at, struct service, services);
        if (slice_is(name, service->name))
            return service;
    }
    return NULL;
}

/* Room for one more, in place of whom nobody has called for long. */
static bool make_room(struct services *services)
{
    for (struct list *at = services->list.prev; services->count >= SERVICES_MAX && at != &services->list;) {
        struct service *service = LIST_OWNER(at, struct service, services);
        at = at->prev;
        if (!service->under_way)
            forget(services, service);
    }
    return services->count < SERVICES_MAX;
}

static struct service *create(struct services *services, struct slice name)
{
    struct service *service = make_room(services) ? calloc(1, sizeof *service) : NULL;
    if (!service)
        return NULL;
    memcpy(service->name, name.data, name.size);
    breaker_init(&service->breaker, &services->breaker);
    budget_init(&service->budget, services->retry_percent);
    list_init(&service->services);
    services->count++;
    return service;
}

struct service *service_enter(struct services *services, struct slice name)
{
    struct service *service = find(services, name);
    if (!service && !(service = create(services, name)))
        return NULL;
    list_remove(&service->services);
    list_append(services->list.next, &service->services); /* in front of the first */
    service->under_way++;
    return service;
}

void service_leave(struct service *service)
{
    service->under_way--;
}

/* How many are under way is the broker's business and the other end's: only whether it fails counts here. */
bool service_admits(struct services *services, struct service *service, uint64_t now_ms)
{
    if (!services->breaker.failures)
        return true;
    if (!breaker_admits(&service->breaker, 0, now_ms))
        return false;
    breaker_begin(&service->breaker);
    return true;
}

bool service_note(struct services *services, struct service *service, bool failed, uint64_t now_ms)
{
    return services->breaker.failures &&
           breaker_note(&service->breaker, failed ? BREAKER_FAILURE : BREAKER_SUCCESS, now_ms, &services->random);
}

uint64_t service_pause_ms(const struct service *service, uint64_t now_ms)
{
    uint64_t due_ms = breaker_due_ms(&service->breaker, now_ms);
    return due_ms == UINT64_MAX ? 0 : due_ms - now_ms;
}
