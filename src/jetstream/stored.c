#include "jetstream/stored.h"

#include <errno.h>
#include <stdlib.h>

#include "consumer/json.h"
#include "meta/meta.h"
#include "stream/registry.h"
#include "util/json_tree.h"
#include "util/log.h"

struct jetstream_stored {
    struct meta *meta;
    struct stream_registry *registry;
    struct stored_consumer *consumers;
};

static void consumer_free(struct stored_consumer *consumer)
{
    if (!consumer)
        return;
    consumer_settings_finish(&consumer->settings);
    free((char *)consumer->position.data);
    free(consumer->stream);
    free(consumer);
}

/* A key is "STREAM.CONSUMER", and neither name has a dot. */
static struct slice stream_of(struct slice key)
{
    const char *dot = memchr(key.data, '.', key.size);
    return slice_make(key.data, dot ? (size_t)(dot - key.data) : key.size);
}

static bool has_stream(struct jetstream_stored *stored, struct slice name)
{
    struct stream *stream = stream_registry_find(stored->registry, name);
    stream_destroy(stream);
    return stream;
}

/* 0, -ENOMEM, or -EINVAL where the text is not what was stored. */
static int read_settings(struct slice text, struct consumer_settings *settings)
{
    char room[CONSUMER_FAULT_TEXT_SIZE];
    cJSON *json = json_tree_parse(text, JSON_DEPTH_MAX);
    int error = json ? consumer_settings_from_json(settings, json, room) : -EINVAL;
    cJSON_Delete(json);
    return !error && !settings->name ? -EINVAL : error;
}

static int load_consumer(void *arg, struct slice key, struct slice value)
{
    struct jetstream_stored *stored = arg;
    struct slice stream = stream_of(key);
    if (!has_stream(stored, stream)) /* its stream went, and the daemon before it was forgotten too */
        return meta_put_copy(stored->meta, "consumer", key, slice_make(NULL, 0));
    struct stored_consumer *consumer = calloc(1, sizeof *consumer);
    if (!consumer)
        return -ENOMEM;
    consumer_settings_init(&consumer->settings);
    consumer->stream = strndup(stream.data, stream.size);
    int error = consumer->stream ? read_settings(value, &consumer->settings) : -ENOMEM;
    if (error) {
        consumer_free(consumer);
        if (error == -ENOMEM)
            return error;
        log_error("consumer_unreadable", "key=%.*s action=\"it is left out\"", SLICE_ARGS(key));
        return 0;
    }
    consumer->next = stored->consumers;
    stored->consumers = consumer;
    return 0;
}

static struct stored_consumer *find_consumer(const struct jetstream_stored *stored, struct slice key)
{
    struct slice stream = stream_of(key);
    struct slice name = slice_make(key.data + stream.size, key.size - stream.size);
    if (!name.size)
        return NULL;
    name = slice_make(name.data + 1, name.size - 1);
    struct stored_consumer *consumer = stored->consumers;
    while (consumer && !(slice_is(stream, consumer->stream) && slice_is(name, consumer->settings.name)))
        consumer = consumer->next;
    return consumer;
}

static int load_position(void *arg, struct slice key, struct slice value)
{
    struct jetstream_stored *stored = arg;
    struct stored_consumer *consumer = find_consumer(stored, key);
    if (!consumer)
        return meta_put_copy(stored->meta, "position", key, slice_make(NULL, 0));
    char *copy = malloc(value.size ? value.size : 1);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, value.data, value.size);
    consumer->position = slice_make(copy, value.size);
    return 0;
}

int jetstream_load(struct meta *meta, struct stream_registry *registry, struct jetstream_stored **ret_stored)
{
    struct jetstream_stored *stored = calloc(1, sizeof *stored);
    if (!stored)
        return -ENOMEM;
    *stored = (struct jetstream_stored){ .meta = meta, .registry = registry };
    int error = meta_load(meta, "consumer", load_consumer, stored);
    if (!error)
        error = meta_load(meta, "position", load_position, stored);
    if (error)
        jetstream_stored_destroy(stored);
    else
        *ret_stored = stored;
    return error;
}

void jetstream_stored_destroy(struct jetstream_stored *stored)
{
    if (!stored)
        return;
    while (stored->consumers) {
        struct stored_consumer *consumer = stored->consumers;
        stored->consumers = consumer->next;
        consumer_free(consumer);
    }
    free(stored);
}

void stored_visit(const struct jetstream_stored *stored, const char *stream,
                  void (*visit)(void *arg, const struct stored_consumer *consumer), void *arg)
{
    for (const struct stored_consumer *consumer = stored->consumers; consumer; consumer = consumer->next)
        if (strcmp(consumer->stream, stream) == 0)
            visit(arg, consumer);
}
