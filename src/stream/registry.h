/*
 * registry: all streams with settings, by name. Shared by the daemon's threads; every function may be called from any,
 * but for create and destroy.
 *
 * A stream that is added or removed is not yet tied to the workers: each compares the registry's generation with the
 * one that it has seen, and ties or unties what has changed. Whoever adds one waits until all have (a survey) before
 * he says that it is done.
 */
#ifndef STREAM_REGISTRY_H
#define STREAM_REGISTRY_H

#include "stream/quota.h"
#include "stream/stream.h"

struct stream_registry;

struct stream_registry *stream_registry_create(struct stream_engine *engine);
/* After all workers have untied. Takes NULL. */
void stream_registry_destroy(struct stream_registry *registry);

/* Opens a stream and enters it. 0; -EEXIST: the name is taken; -EADDRINUSE: another stream keeps an overlapping topic;
 * or the error of stream_open. ret_stream gets a reference of the caller's; may be NULL. */
int stream_registry_add(struct stream_registry *registry, const struct stream_settings *settings,
                        struct stream **ret_stream);

/* Changes its settings. 0, -ENOENT, -EADDRINUSE, -ENOMEM. */
int stream_registry_change(struct stream_registry *registry, const struct stream_settings *settings);

/* Takes it out, and has its files removed when the last reference goes. 0 or -ENOENT. */
int stream_registry_remove(struct stream_registry *registry, const char *name);

/* A reference of the caller's; NULL: there is none. */
struct stream *stream_registry_find(struct stream_registry *registry, struct slice name);

/* The stream that keeps all topics of a pattern; NULL: none does. A reference of the caller's. */
struct stream *stream_registry_find_by_pattern(struct stream_registry *registry, struct slice pattern);

/* Changes whenever a stream comes, goes or changes its topics. One load. */
uint64_t stream_registry_generation(const struct stream_registry *registry);

/* All streams, by name, each with a reference of the caller's; an array to be freed. *ret_count of them. NULL: none,
 * or out of memory. */
struct stream **stream_registry_list(struct stream_registry *registry, size_t *ret_count);

/* What owners may keep, from now on; limits_of is called by whoever changes streams until this is called again, with
 * NULL for no limits. */
void stream_registry_set_quotas(struct stream_registry *registry, quota_limits_fn *limits_of, void *arg);

/* What an owner may keep, and what he has: streams, the bytes that they hold, and those that they hold or may. Streams
 * that the configuration owns are nobody's. */
struct stream_use {
    struct quota_limits limits;
    uint64_t streams, bytes, claimed;
};
void stream_registry_get_use(struct stream_registry *registry, const char *owner, struct stream_use *ret_use);

/* All owners, with what they have; an array for stream_owners_free, which takes NULL. NULL: there are none, or out of
 * memory. */
struct stream_owner {
    char *name;
    struct stream_use use;
};
struct stream_owner *stream_registry_list_owners(struct stream_registry *registry, size_t *ret_count);
void stream_owners_free(struct stream_owner *owners, size_t count);

/* Whether the owner of a stream may have it so: to be asked before it is added or changed. 0; -EDQUOT: he has as many
 * streams as he may; -ENOSPC: they leave no room for its bytes_max. What is found holds as long as nobody else changes
 * streams: the clerk alone does. */
int stream_registry_may_keep(struct stream_registry *registry, const struct stream_settings *settings);

/* The worker on which the consumers of a stream live. */
unsigned stream_home(const struct stream *stream, unsigned worker_count);

#endif
