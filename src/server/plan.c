#include "server/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"
#include "core/topic.h"

/* The choices of the options stand in the order of these. */
_Static_assert(STREAM_FILE == 0 && STREAM_MEMORY == 1, "order of storage");
_Static_assert(STREAM_LIMITS == 0 && STREAM_INTEREST == 1 && STREAM_WORKQUEUE == 2, "order of retention");
_Static_assert(STREAM_DISCARD_OLD == 0 && STREAM_DISCARD_NEW == 1, "order of discard");

/* Settings of the configuration. */

static void set_sync(struct stream_settings *settings, uint64_t sync_ms)
{
    settings->sync = !sync_ms ? LOG_SYNC_ALWAYS : sync_ms == UINT64_MAX ? LOG_SYNC_NEVER : LOG_SYNC_INTERVAL;
    settings->sync_interval_ms = settings->sync == LOG_SYNC_INTERVAL ? sync_ms : 0;
}

static void set_bounds(struct stream_settings *settings, const struct config_stream *stream)
{
    settings->age_max_ms = stream->age_max_ms;
    settings->bytes_max = stream->bytes_max;
    settings->messages_max = stream->messages_max;
    settings->messages_per_topic_max = stream->messages_per_topic_max;
    settings->message_size_max = stream->message_size_max;
    settings->consumers_max = stream->consumers_max;
    settings->duplicate_window_ms = stream->duplicate_window_ms;
    if (stream->age_max_ms && stream->duplicate_window_ms > stream->age_max_ms)
        settings->duplicate_window_ms = stream->age_max_ms;
}

/* 0, or -ENOMEM; to be finished in any case. */
static int settings_of(const struct config_stream *stream, struct stream_settings *settings)
{
    settings_init(settings);
    settings->storage = (enum stream_storage)stream->storage;
    settings->retention = (enum stream_retention)stream->retention;
    settings->discard = (enum stream_discard)stream->discard;
    settings->discard_new_per_topic = stream->discard_new_per_topic;
    settings->allow_rollup = stream->allow_rollup;
    settings->allow_direct = stream->allow_direct;
    settings->deny_delete = stream->deny_delete;
    settings->deny_purge = stream->deny_purge;
    settings->from_configuration = true;
    set_sync(settings, stream->sync_ms);
    set_bounds(settings, stream);
    int error = settings_set_text(&settings->name, stream->name);
    if (!error && stream->description && *stream->description)
        error = settings_set_text(&settings->description, stream->description);
    for (size_t i = 0; i < stream->topics.item_count && !error; i++)
        error = settings_add_topic(settings, stream->topics.items[i]);
    return error;
}

/* Items. */

static struct plan_item *find(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->items[i].settings.name, name) == 0)
            return &plan->items[i];
    return NULL;
}

static int append(struct plan *plan, const struct stream_settings *settings, enum plan_step step)
{
    if ((plan->count & (plan->count - 1)) == 0) {
        struct plan_item *items = reallocarray(plan->items, plan->count ? 2 * plan->count : 1, sizeof *items);
        if (!items)
            return -ENOMEM;
        plan->items = items;
    }
    int error = settings_copy(&plan->items[plan->count].settings, settings);
    if (error)
        return error;
    plan->items[plan->count++].step = step;
    return 0;
}

int plan_add(struct plan *plan, const struct stream_settings *settings)
{
    return append(plan, settings, PLAN_KEEP);
}

void plan_finish(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        settings_finish(&plan->items[i].settings);
    free(plan->items);
    *plan = (struct plan){ .items = NULL };
}

/* Laying the configuration over them. */

static int refuse(char sentence[RELOAD_SENTENCE_SIZE], const char *name, const char *what, const char *what_to_do)
{
    snprintf(sentence, RELOAD_SENTENCE_SIZE, "[stream %s]: %s; %s", name, what, what_to_do);
    return -EINVAL;
}

/* What the configuration does not say stays. */
static int carry_over(struct stream_settings *settings, const struct stream_settings *there)
{
    settings->created_ms = there->created_ms;
    settings->sealed = there->sealed;
    int error = settings_set_text(&settings->owner, there->owner);
    return error ? error : settings_set_text(&settings->metadata, there->metadata);
}

static int change(struct plan_item *item, struct stream_settings *settings, char sentence[RELOAD_SENTENCE_SIZE])
{
    char room[256], advice[512];
    struct stream_settings copy;
    int error = carry_over(settings, &item->settings);
    const char *wrong = error ? NULL : settings_check_change(&item->settings, settings, room);
    if (wrong) {
        snprintf(advice, sizeof advice, "let the configuration say of it what the stream was made with, or take it out "
                 "of the configuration, and remove the stream with its messages: posthorn stream remove %s",
                 settings->name);
        return refuse(sentence, settings->name, wrong, advice);
    }
    if (error || (settings_equal(&item->settings, settings) && item->settings.from_configuration))
        return error;
    error = settings_copy(&copy, settings);
    if (error)
        return error;
    settings_finish(&item->settings);
    *item = (struct plan_item){ copy, PLAN_CHANGE };
    return 0;
}

static int lay_settings(struct plan *plan, struct stream_settings *settings, bool can_keep, uint64_t now_ms,
                        char sentence[RELOAD_SENTENCE_SIZE])
{
    char room[256];
    struct plan_item *item = find(plan, settings->name);
    if (item)
        return change(item, settings, sentence);
    const char *wrong = settings_check(settings, room);
    if (wrong)
        return refuse(sentence, settings->name, wrong, "posthornd.ini(5) says what may stand there");
    if (settings->storage == STREAM_FILE && !can_keep)
        return refuse(sentence, settings->name, "there is no directory for its files",
                      "name one, as server.data_dir, or say storage = memory");
    settings->created_ms = now_ms;
    return append(plan, settings, PLAN_ADD);
}

static int lay_stream(struct plan *plan, const struct config_stream *stream, bool can_keep, uint64_t now_ms,
                      char sentence[RELOAD_SENTENCE_SIZE])
{
    struct stream_settings settings;
    int error = settings_of(stream, &settings);
    if (!error)
        error = lay_settings(plan, &settings, can_keep, now_ms, sentence);
    settings_finish(&settings);
    return error;
}

/* The sidecar's streams. */

static bool has_spool(const struct config *config)
{
    return config->program == PROGRAM_SIDECAR && config->spool.topics.item_count;
}

/* Synced before it is acknowledged, so that its epoch, which stands in the ids of messages, outlives a power cut. */
static int spool_settings(const struct config_spool *spool, struct stream_settings *settings)
{
    settings->bytes_max = spool->bytes_max;
    settings->age_max_ms = spool->age_max_ms;
    settings->discard = (enum stream_discard)spool->discard;
    if (spool->age_max_ms && spool->age_max_ms < settings->duplicate_window_ms)
        settings->duplicate_window_ms = spool->age_max_ms;
    int error = settings_set_text(&settings->name, SPOOL_STREAM);
    for (size_t i = 0; i < spool->topics.item_count && !error; i++)
        error = settings_add_topic(settings, spool->topics.items[i]);
    return error;
}

static int refused_settings(const struct config_spool *spool, struct stream_settings *settings)
{
    settings->bytes_max = spool->refused_bytes_max;
    settings->duplicate_window_ms = 0;
    int error = settings_set_text(&settings->name, REFUSED_STREAM);
    return error ? error : settings_add_topic(settings, REFUSED_TOPIC ">");
}

static int lay_spool(struct plan *plan, const struct config_spool *spool, bool can_keep, uint64_t now_ms,
                     char sentence[RELOAD_SENTENCE_SIZE])
{
    static int (*const fill_in[])(const struct config_spool *spool, struct stream_settings *settings) = {
        spool_settings, refused_settings,
    };
    int error = 0;
    for (size_t i = 0; i < sizeof fill_in / sizeof *fill_in && !error; i++) {
        struct stream_settings settings;
        settings_init(&settings);
        settings.storage = can_keep ? STREAM_FILE : STREAM_MEMORY;
        settings.from_configuration = true;
        error = fill_in[i](spool, &settings);
        if (!error)
            error = lay_settings(plan, &settings, can_keep, now_ms, sentence);
        settings_finish(&settings);
    }
    return error;
}

static bool is_named(const struct config *config, const char *name)
{
    if (has_spool(config) && (strcmp(name, SPOOL_STREAM) == 0 || strcmp(name, REFUSED_STREAM) == 0))
        return true;
    for (size_t i = 0; i < config->stream_count; i++)
        if (strcmp(config->streams[i].name, name) == 0)
            return true;
    return false;
}

static void release(struct plan *plan, const struct config *config)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct plan_item *item = &plan->items[i];
        if (item->settings.from_configuration && !is_named(config, item->settings.name)) {
            item->settings.from_configuration = false;
            item->step = PLAN_RELEASE;
        }
    }
}

static int refuse_overlap(const struct stream_settings *ours, const char *topic, const struct stream_settings *other,
                          const char *other_topic, char sentence[RELOAD_SENTENCE_SIZE])
{
    char what[512], advice[384];
    snprintf(what, sizeof what, "%.200s overlaps %.200s, which the stream %.64s keeps", topic, other_topic,
             other->name);
    snprintf(advice, sizeof advice, "give it other topics, or remove that stream with its messages, which the "
             "configuration does not name: posthorn stream remove %s", other->name);
    return refuse(sentence, ours->name, what, advice);
}

static int check_pair(const struct stream_settings *ours, const struct stream_settings *other,
                      char sentence[RELOAD_SENTENCE_SIZE])
{
    for (unsigned i = 0; i < ours->topic_count; i++)
        for (unsigned k = 0; k < other->topic_count; k++)
            if (patterns_contend(slice_of(ours->topics[i]), slice_of(other->topics[k])))
                return refuse_overlap(ours, ours->topics[i], other, other->topics[k], sentence);
    return 0;
}

/* Streams of the configuration against those that it does not name. Among themselves the former have been compared when
 * it was read, and the latter when they were made. */
static int check_overlaps(const struct plan *plan, char sentence[RELOAD_SENTENCE_SIZE])
{
    int error = 0;
    for (size_t i = 0; i < plan->count && !error; i++)
        for (size_t k = 0; k < plan->count && !error; k++) {
            const struct stream_settings *ours = &plan->items[i].settings, *other = &plan->items[k].settings;
            if (ours->from_configuration && !other->from_configuration)
                error = check_pair(ours, other, sentence);
        }
    return error;
}

int plan_lay(struct plan *plan, const struct config *config, bool can_keep, uint64_t now_ms,
             char sentence[RELOAD_SENTENCE_SIZE])
{
    int error = 0;
    snprintf(sentence, RELOAD_SENTENCE_SIZE, "out of memory");
    release(plan, config);
    for (size_t i = 0; i < config->stream_count && !error; i++)
        error = lay_stream(plan, &config->streams[i], can_keep, now_ms, sentence);
    if (!error && has_spool(config))
        error = lay_spool(plan, &config->spool, can_keep, now_ms, sentence);
    return error ? error : check_overlaps(plan, sentence);
}
