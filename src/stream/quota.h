/*
 * quota: how much the streams of one owner may hold together. The owner is the user who made a stream by the API.
 *
 * Streams in memory and in files count alike, by the bytes of their messages; one that makes room for itself (discard =
 * old, with bytes_max) never by more than bytes_max. Each stream that has an owner with such a limit adds what it holds
 * to one sum, and asks that sum before it takes a message. A stream without an owner has no quota, and does neither.
 *
 * Any thread.
 */
#ifndef STREAM_QUOTA_H
#define STREAM_QUOTA_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct quota;

/* 0: no limit. */
struct quota_limits {
    uint64_t streams_max, bytes_max;
};

/* What an owner may keep, called under a lock: it calls nothing here. *ret_limits is zero. */
typedef void quota_limits_fn(void *arg, const char *owner, struct quota_limits *ret_limits);

/* All owners that have streams. Zero, but for the lock, has no limits. */
struct quotas {
    pthread_mutex_t lock;
    quota_limits_fn *limits_of; /* NULL: nobody has any */
    void *arg;
    struct quota *list;
};

void quotas_init(struct quotas *quotas);
/* Those that streams still hold stay theirs. */
void quotas_finish(struct quotas *quotas);

/* Other limits from now on. The sums of those who had none come right when their streams have counted
 * (stream_set_quota, or whenever they are touched). */
void quotas_set(struct quotas *quotas, quota_limits_fn *limits_of, void *arg);

/* What an owner may keep now. */
struct quota_limits quotas_limits(struct quotas *quotas, const char *owner);

/* That of an owner, for quota_release. NULL: out of memory. */
struct quota *quotas_hold(struct quotas *quotas, const char *owner);
/* Takes NULL. */
void quota_release(struct quota *quota);

/* Whether it is to be counted. One load. */
bool quota_has_limit(const struct quota *quota);

/* A stream that counted `was` bytes counts `is` from now on. */
void quota_count(struct quota *quota, uint64_t was, uint64_t is);

/* Whether it may do so: true where nothing is added, unless the owner has too much already. */
bool quota_takes(const struct quota *quota, uint64_t was, uint64_t is);

#endif
