#include "stream/registry.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "core/topic.h"
#include "stream/state.h"
#include "util/hash.h"

struct stream_registry {
    struct stream_engine *engine;
    pthread_mutex_t lock;         /* taken before that of a stream */
    pthread_mutex_t changing;     /* whoever opens or removes a stream, which takes its time; taken before the other */
    struct quotas quotas;
    atomic_uint_fast64_t generation;
    struct stream **streams;      /* by name, a reference each */
    size_t count, room;
};

struct stream_registry *stream_registry_create(struct stream_engine *engine)
{
    struct stream_registry *registry = calloc(1, sizeof *registry);
    if (!registry)
        return NULL;
    registry->engine = engine;
    pthread_mutex_init(&registry->lock, NULL);
    pthread_mutex_init(&registry->changing, NULL);
    quotas_init(&registry->quotas);
    return registry;
}

void stream_registry_destroy(struct stream_registry *registry)
{
    if (!registry)
        return;
    for (size_t i = 0; i < registry->count; i++)
        stream_destroy(registry->streams[i]);
    free(registry->streams);
    quotas_finish(&registry->quotas);
    pthread_mutex_destroy(&registry->changing);
    pthread_mutex_destroy(&registry->lock);
    free(registry);
}

uint64_t stream_registry_generation(const struct stream_registry *registry)
{
    return atomic_load_explicit(&registry->generation, memory_order_acquire);
}

/* Under the lock of changing; the other one is taken where the list changes. */

static void turn_generation(struct stream_registry *registry)
{
    atomic_fetch_add_explicit(&registry->generation, 1, memory_order_release);
}

/* The place of the name, or where it would stand. */
static size_t place_of(const struct stream_registry *registry, struct slice name, bool *ret_found)
{
    size_t low = 0, high = registry->count;
    int order = 1;
    while (low < high && order) {
        size_t middle = low + (high - low) / 2;
        struct slice other = slice_of(stream_name(registry->streams[middle]));
        order = strncmp(name.data, other.data, name.size);
        if (!order)
            order = -(name.size < other.size);
        if (order < 0)
            high = middle;
        else
            low = order ? middle + 1 : middle;
    }
    *ret_found = !order;
    return low;
}

static struct stream *find(const struct stream_registry *registry, struct slice name)
{
    bool found = false;
    size_t place = name.size ? place_of(registry, name, &found) : 0;
    return found ? registry->streams[place] : NULL;
}

static bool topics_overlap(const struct stream_settings *a, const struct stream_settings *b)
{
    for (unsigned i = 0; i < a->topic_count; i++)
        for (unsigned k = 0; k < b->topic_count; k++)
            if (patterns_contend(slice_of(a->topics[i]), slice_of(b->topics[k])))
                return true;
    return false;
}

/* Whether a stream but this one keeps one of the topics. */
static bool is_taken(const struct stream_registry *registry, const struct stream_settings *settings,
                     const struct stream *but)
{
    bool taken = false;
    for (size_t i = 0; i < registry->count && !taken; i++) {
        struct stream *stream = registry->streams[i];
        stream_lock(stream);
        taken = stream != but && topics_overlap(&stream->settings, settings);
        stream_unlock(stream);
    }
    return taken;
}

static bool make_room(struct stream_registry *registry)
{
    if (registry->count < registry->room)
        return true;
    size_t room = registry->room ? 2 * registry->room : 16;
    struct stream **streams = realloc(registry->streams, room * sizeof *streams);
    if (!streams)
        return false;
    registry->streams = streams;
    registry->room = room;
    return true;
}

static int enter(struct stream_registry *registry, struct stream *stream)
{
    bool found;
    pthread_mutex_lock(&registry->lock);
    bool has_room = make_room(registry);
    if (has_room) {
        size_t place = place_of(registry, slice_of(stream_name(stream)), &found);
        memmove(registry->streams + place + 1, registry->streams + place,
                (registry->count++ - place) * sizeof *registry->streams);
        registry->streams[place] = stream;
        turn_generation(registry);
    }
    pthread_mutex_unlock(&registry->lock);
    return has_room ? 0 : -ENOMEM;
}

/* The quota that it is to count for, held; NULL: none. 0 or -ENOMEM. */
static int hold_quota(struct stream_registry *registry, const struct stream_settings *settings,
                      struct quota **ret_quota)
{
    const char *owner = settings_owner(settings);
    *ret_quota = owner ? quotas_hold(&registry->quotas, owner) : NULL;
    return owner && !*ret_quota ? -ENOMEM : 0;
}

static int open_stream(struct stream_registry *registry, const struct stream_settings *settings,
                       struct stream **ret_stream)
{
    struct quota *quota;
    int error = hold_quota(registry, settings, &quota);
    if (!error)
        error = stream_open(registry->engine, settings, ret_stream);
    if (error)
        quota_release(quota);
    else
        stream_set_quota(*ret_stream, quota);
    return error;
}

static int add(struct stream_registry *registry, const struct stream_settings *settings, struct stream **ret_stream)
{
    struct stream *stream;
    if (find(registry, slice_of(settings->name)))
        return -EEXIST;
    if (is_taken(registry, settings, NULL))
        return -EADDRINUSE;
    int error = open_stream(registry, settings, &stream);
    if (!error && (error = enter(registry, stream)) != 0)
        stream_destroy(stream);
    else if (!error && ret_stream)
        *ret_stream = stream_ref(stream);
    return error;
}

int stream_registry_add(struct stream_registry *registry, const struct stream_settings *settings,
                        struct stream **ret_stream)
{
    pthread_mutex_lock(&registry->changing);
    int error = add(registry, settings, ret_stream);
    pthread_mutex_unlock(&registry->changing);
    return error;
}

static int change(struct stream_registry *registry, const struct stream_settings *settings)
{
    struct quota *quota;
    struct stream *stream = find(registry, slice_of(settings->name));
    int error = !stream ? -ENOENT : is_taken(registry, settings, stream) ? -EADDRINUSE : 0;
    if (!error)
        error = hold_quota(registry, settings, &quota);
    if (error)
        return error;
    error = stream_set_settings(stream, settings);
    if (error) {
        quota_release(quota);
        return error;
    }
    stream_set_quota(stream, quota);
    turn_generation(registry);
    return 0;
}

int stream_registry_change(struct stream_registry *registry, const struct stream_settings *settings)
{
    pthread_mutex_lock(&registry->changing);
    int error = change(registry, settings);
    pthread_mutex_unlock(&registry->changing);
    return error;
}

static struct stream *take_out(struct stream_registry *registry, struct slice name)
{
    bool found;
    size_t place = place_of(registry, name, &found);
    struct stream *stream = found ? registry->streams[place] : NULL;
    pthread_mutex_lock(&registry->lock);
    if (found) {
        memmove(registry->streams + place, registry->streams + place + 1,
                (--registry->count - place) * sizeof *registry->streams);
        turn_generation(registry);
    }
    pthread_mutex_unlock(&registry->lock);
    return stream;
}

int stream_registry_remove(struct stream_registry *registry, const char *name)
{
    pthread_mutex_lock(&registry->changing);
    struct stream *stream = take_out(registry, slice_of(name));
    if (stream) {
        stream_remove(stream);
        stream_set_quota(stream, NULL);
    }
    pthread_mutex_unlock(&registry->changing);
    stream_destroy(stream);
    return stream ? 0 : -ENOENT;
}

/* Asking. */

struct stream *stream_registry_find(struct stream_registry *registry, struct slice name)
{
    pthread_mutex_lock(&registry->lock);
    struct stream *stream = find(registry, name);
    if (stream)
        stream_ref(stream);
    pthread_mutex_unlock(&registry->lock);
    return stream;
}

static bool keeps(struct stream *stream, struct slice pattern)
{
    bool covers = false;
    stream_lock(stream);
    for (unsigned i = 0; i < stream->settings.topic_count && !covers; i++)
        covers = topic_is_private(slice_of(stream->settings.topics[i])) == topic_is_private(pattern) &&
                 pattern_covers(slice_of(stream->settings.topics[i]), pattern);
    stream_unlock(stream);
    return covers;
}

struct stream *stream_registry_find_by_pattern(struct stream_registry *registry, struct slice pattern)
{
    struct stream *stream = NULL;
    pthread_mutex_lock(&registry->lock);
    for (size_t i = 0; i < registry->count && !stream; i++)
        if (keeps(registry->streams[i], pattern))
            stream = stream_ref(registry->streams[i]);
    pthread_mutex_unlock(&registry->lock);
    return stream;
}

struct stream **stream_registry_list(struct stream_registry *registry, size_t *ret_count)
{
    pthread_mutex_lock(&registry->lock);
    struct stream **list = registry->count ? malloc(registry->count * sizeof *list) : NULL;
    *ret_count = registry->count;
    for (size_t i = 0; list && i < registry->count; i++)
        list[i] = stream_ref(registry->streams[i]);
    pthread_mutex_unlock(&registry->lock);
    return list;
}

/* What owners keep. Streams are changed by one thread after the other, so that what is found holds. */

/* Streams that had nothing to count do so now. */
static void count_anew(struct stream_registry *registry)
{
    pthread_mutex_lock(&registry->lock);
    for (size_t i = 0; i < registry->count; i++) {
        stream_lock(registry->streams[i]);
        stream_unlock(registry->streams[i]);
    }
    pthread_mutex_unlock(&registry->lock);
}

void stream_registry_set_quotas(struct stream_registry *registry, quota_limits_fn *limits_of, void *arg)
{
    quotas_set(&registry->quotas, limits_of, arg);
    count_anew(registry);
}

/* Under the stream's lock. */
static void count_use(struct stream *stream, struct stream_use *use)
{
    struct log_state state;
    log_get_state(stream->log, &state);
    use->streams++;
    use->bytes += state.byte_count;
    use->claimed += state.byte_count > stream->limits.bytes_max ? state.byte_count : stream->limits.bytes_max;
}

static void add_use(struct stream *stream, const char *owner, struct stream_use *use)
{
    stream_lock(stream);
    const char *whose = settings_owner(&stream->settings);
    if (whose && strcmp(whose, owner) == 0)
        count_use(stream, use);
    stream_unlock(stream);
}

/* Of all his streams but one; but empty: of all. */
static struct stream_use use_of(struct stream_registry *registry, const char *owner, struct slice but)
{
    struct stream_use use = { .limits = quotas_limits(&registry->quotas, owner) };
    pthread_mutex_lock(&registry->lock);
    for (size_t i = 0; i < registry->count; i++)
        if (!but.size || !slice_is(but, stream_name(registry->streams[i])))
            add_use(registry->streams[i], owner, &use);
    pthread_mutex_unlock(&registry->lock);
    return use;
}

void stream_registry_get_use(struct stream_registry *registry, const char *owner, struct stream_use *ret_use)
{
    *ret_use = use_of(registry, owner, slice_make(NULL, 0));
}

/* His place, made where he has none. NULL: out of memory. */
static struct stream_owner *owner_of(struct stream_owner *owners, size_t *count, const char *name)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp(owners[i].name, name) == 0)
            return &owners[i];
    owners[*count] = (struct stream_owner){ .name = strdup(name) };
    return owners[*count].name ? &owners[(*count)++] : NULL;
}

static void count_for_owner(struct stream *stream, struct stream_owner *owners, size_t *count)
{
    stream_lock(stream);
    const char *name = settings_owner(&stream->settings);
    struct stream_owner *owner = name ? owner_of(owners, count, name) : NULL;
    if (owner)
        count_use(stream, &owner->use);
    stream_unlock(stream);
}

struct stream_owner *stream_registry_list_owners(struct stream_registry *registry, size_t *ret_count)
{
    *ret_count = 0;
    pthread_mutex_lock(&registry->lock);
    struct stream_owner *owners = registry->count ? calloc(registry->count, sizeof *owners) : NULL;
    for (size_t i = 0; owners && i < registry->count; i++)
        count_for_owner(registry->streams[i], owners, ret_count);
    pthread_mutex_unlock(&registry->lock);
    for (size_t i = 0; i < *ret_count; i++)
        owners[i].use.limits = quotas_limits(&registry->quotas, owners[i].name);
    return owners;
}

void stream_owners_free(struct stream_owner *owners, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(owners[i].name);
    free(owners);
}

/* One that has no bound asks for room for something. */
static int judge_bytes(const struct stream_use *others, uint64_t bytes_max)
{
    uint64_t max = others->limits.bytes_max, asked = bytes_max ? bytes_max : 1;
    bool has_room = !max || (others->claimed < max && asked <= max - others->claimed);
    return has_room ? 0 : -ENOSPC;
}

int stream_registry_may_keep(struct stream_registry *registry, const struct stream_settings *settings)
{
    const char *owner = settings_owner(settings);
    if (!owner)
        return 0;
    struct stream_use all = use_of(registry, owner, slice_make(NULL, 0));
    struct stream_use others = use_of(registry, owner, slice_of(settings->name));
    bool is_new = all.streams == others.streams;
    if (is_new && others.limits.streams_max && others.streams >= others.limits.streams_max)
        return -EDQUOT;
    bool grows = is_new || all.claimed - others.claimed < settings->bytes_max;
    return grows ? judge_bytes(&others, settings->bytes_max) : 0;
}

unsigned stream_home(const struct stream *stream, unsigned worker_count)
{
    const char *name = stream_name(stream);
    return (unsigned)(hash_bytes(HASH_PRIME_A, name, strlen(name)) % worker_count);
}
