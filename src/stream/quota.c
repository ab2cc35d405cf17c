#include "stream/quota.h"

#include <stdlib.h>
#include <string.h>

struct quota {
    struct quota *next;         /* under the lock */
    atomic_uint reference_count; /* the list has one */
    atomic_uint_fast64_t bytes_max, bytes;
    char owner[];
};

void quotas_init(struct quotas *quotas)
{
    *quotas = (struct quotas){ .list = NULL };
    pthread_mutex_init(&quotas->lock, NULL);
}

void quotas_finish(struct quotas *quotas)
{
    for (struct quota *quota = quotas->list, *next; quota; quota = next) {
        next = quota->next;
        quota_release(quota);
    }
    quotas->list = NULL;
    pthread_mutex_destroy(&quotas->lock);
}

/* Under the lock. */
static struct quota_limits ask(const struct quotas *quotas, const char *owner)
{
    struct quota_limits limits = { 0, 0 };
    if (quotas->limits_of)
        quotas->limits_of(quotas->arg, owner, &limits);
    return limits;
}

void quotas_set(struct quotas *quotas, quota_limits_fn *limits_of, void *arg)
{
    pthread_mutex_lock(&quotas->lock);
    quotas->limits_of = limits_of;
    quotas->arg = arg;
    for (struct quota *quota = quotas->list; quota; quota = quota->next)
        quota->bytes_max = ask(quotas, quota->owner).bytes_max;
    pthread_mutex_unlock(&quotas->lock);
}

struct quota_limits quotas_limits(struct quotas *quotas, const char *owner)
{
    pthread_mutex_lock(&quotas->lock);
    struct quota_limits limits = ask(quotas, owner);
    pthread_mutex_unlock(&quotas->lock);
    return limits;
}

/* Those that the list alone has are freed on the way. */
static struct quota *find(struct quotas *quotas, const char *owner)
{
    struct quota *found = NULL;
    for (struct quota **link = &quotas->list; *link;) {
        struct quota *quota = *link;
        if (strcmp(quota->owner, owner) == 0) {
            found = quota;
        } else if (quota->reference_count == 1) {
            *link = quota->next;
            free(quota);
            continue;
        }
        link = &quota->next;
    }
    return found;
}

static struct quota *add(struct quotas *quotas, const char *owner)
{
    size_t size = strlen(owner) + 1;
    struct quota *quota = calloc(1, sizeof *quota + size);
    if (!quota)
        return NULL;
    memcpy(quota->owner, owner, size);
    atomic_init(&quota->reference_count, 1);
    atomic_init(&quota->bytes_max, ask(quotas, owner).bytes_max);
    quota->next = quotas->list;
    quotas->list = quota;
    return quota;
}

struct quota *quotas_hold(struct quotas *quotas, const char *owner)
{
    pthread_mutex_lock(&quotas->lock);
    struct quota *quota = find(quotas, owner);
    if (!quota)
        quota = add(quotas, owner);
    if (quota)
        quota->reference_count++;
    pthread_mutex_unlock(&quotas->lock);
    return quota;
}

void quota_release(struct quota *quota)
{
    if (quota && atomic_fetch_sub(&quota->reference_count, 1) == 1)
        free(quota);
}

bool quota_has_limit(const struct quota *quota)
{
    return atomic_load_explicit(&quota->bytes_max, memory_order_relaxed) != 0;
}

void quota_count(struct quota *quota, uint64_t was, uint64_t is)
{
    atomic_fetch_add_explicit(&quota->bytes, is - was, memory_order_relaxed);
}

bool quota_takes(const struct quota *quota, uint64_t was, uint64_t is)
{
    uint64_t max = atomic_load_explicit(&quota->bytes_max, memory_order_relaxed);
    uint64_t others = atomic_load_explicit(&quota->bytes, memory_order_relaxed) - was;
    return !max || others + is <= max;
}
