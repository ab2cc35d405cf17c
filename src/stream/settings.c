#include "stream/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/topic.h"

enum {
    NAME_SIZE_MAX = 255,
    DESCRIPTION_SIZE_MAX = 4 << 10,
    METADATA_SIZE_MAX = 128 << 10,
    SENTENCE_SIZE = 256,
};

static const struct topic_limits topic_limits = { .size_max = 4096, .depth_max = 255 };

void settings_init(struct stream_settings *settings)
{
    *settings = (struct stream_settings){
        .storage = STREAM_FILE,
        .retention = STREAM_LIMITS,
        .discard = STREAM_DISCARD_OLD,
        .sync = LOG_SYNC_ALWAYS,
        .duplicate_window_ms = SETTINGS_DUPLICATE_WINDOW_MS,
    };
}

void settings_finish(struct stream_settings *settings)
{
    for (unsigned i = 0; i < settings->topic_count; i++)
        free(settings->topics[i]);
    free(settings->topics);
    free(settings->name);
    free(settings->description);
    free(settings->metadata);
    free(settings->owner);
    *settings = (struct stream_settings){ .name = NULL };
}

int settings_set_text(char **place, const char *text)
{
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy)
        return -ENOMEM;
    free(*place);
    *place = copy;
    return 0;
}

int settings_add_topic(struct stream_settings *settings, const char *topic)
{
    char **topics = realloc(settings->topics, (settings->topic_count + 1) * sizeof *topics);
    if (!topics)
        return -ENOMEM;
    settings->topics = topics;
    topics[settings->topic_count] = NULL;
    int error = settings_set_text(&topics[settings->topic_count], topic);
    settings->topic_count += !error;
    return error;
}

int settings_copy(struct stream_settings *to, const struct stream_settings *from)
{
    int error = 0;
    *to = *from;
    to->name = to->description = to->metadata = to->owner = NULL;
    to->topics = NULL;
    to->topic_count = 0;
    for (unsigned i = 0; i < from->topic_count && !error; i++)
        error = settings_add_topic(to, from->topics[i]);
    if (!error)
        error = settings_set_text(&to->name, from->name);
    if (!error)
        error = settings_set_text(&to->description, from->description);
    if (!error)
        error = settings_set_text(&to->metadata, from->metadata);
    if (!error)
        error = settings_set_text(&to->owner, from->owner);
    if (error)
        settings_finish(to);
    return error;
}

/* What is wrong. */

static const char *check_name(const char *name)
{
    if (!name || !*name)
        return "a stream needs a name";
    if (strcmp(name, "recent") == 0)
        return "the name recent is that of the server's own memory";
    if (strlen(name) > NAME_SIZE_MAX)
        return "the name of a stream has at most 255 bytes";
    for (const char *at = name; *at; at++)
        if ((unsigned char)*at <= ' ' || *at == 0x7f || strchr(".*>/\\", *at))
            return "the name of a stream has no '.', '*', '>', '/', '\\', blank or control character";
    return NULL;
}

/* Topics of the server's own, which would answer its questions with acknowledgements. */
static bool is_the_servers(struct slice topic)
{
    static const char *const own[] = { "$JS.>", "$SYS.>", "$POSTHORN.API.>", "$POSTHORN.ACK.>" };
    for (unsigned i = 0; i < sizeof own / sizeof own[0]; i++)
        if (topic.size && topic.data[0] == '$' && pattern_overlaps(slice_of(own[i]), topic))
            return true;
    return false;
}

static const char *check_topic(const struct stream_settings *settings, unsigned place, char room[SENTENCE_SIZE])
{
    const char *topic = settings->topics[place];
    if (!pattern_valid(slice_of(topic), &topic_limits) || !topic_is_writable(slice_of(topic)))
        snprintf(room, SENTENCE_SIZE, "\"%.100s\" is no pattern of topics", topic);
    else if (is_the_servers(slice_of(topic)))
        snprintf(room, SENTENCE_SIZE, "\"%.100s\" overlaps with topics of the server's own", topic);
    else
        room[0] = '\0';
    for (unsigned i = 0; i < place && !room[0]; i++)
        if (pattern_overlaps(slice_of(settings->topics[i]), slice_of(topic)))
            snprintf(room, SENTENCE_SIZE, "the topics \"%.90s\" and \"%.90s\" overlap", settings->topics[i], topic);
    return room[0] ? room : NULL;
}

static const char *check_topics(const struct stream_settings *settings, char room[SENTENCE_SIZE])
{
    const char *wrong = settings->topic_count ? NULL : "a stream needs a topic";
    for (unsigned i = 0; i < settings->topic_count && !wrong; i++)
        wrong = check_topic(settings, i, room);
    return wrong;
}

static const char *check_bounds(const struct stream_settings *settings)
{
    if (settings->discard_new_per_topic && settings->discard != STREAM_DISCARD_NEW)
        return "discard new per topic requires discard = new";
    if (settings->discard_new_per_topic && !settings->messages_per_topic_max)
        return "discard new per topic requires a maximum of messages per topic";
    if (settings->age_max_ms && settings->duplicate_window_ms > settings->age_max_ms)
        return "the duplicate window cannot be longer than the maximum age";
    if (settings->sync == LOG_SYNC_INTERVAL && !settings->sync_interval_ms)
        return "the interval between syncs is at least 1ms";
    if (settings->message_size_max > INT32_MAX)
        return "the maximum size of a message is below 2GiB";
    return NULL;
}

const char *settings_check(const struct stream_settings *settings, char room[SENTENCE_SIZE])
{
    const char *wrong = check_name(settings->name);
    if (!wrong)
        wrong = check_topics(settings, room);
    if (!wrong)
        wrong = check_bounds(settings);
    if (!wrong && settings->allow_rollup && settings->deny_purge)
        wrong = "roll-ups require the permission to purge";
    if (!wrong && settings->description && strlen(settings->description) > DESCRIPTION_SIZE_MAX)
        wrong = "the description has at most 4KiB";
    if (!wrong && settings->metadata && strlen(settings->metadata) > METADATA_SIZE_MAX)
        wrong = "the metadata have at most 128KiB";
    return wrong;
}

/* What cannot be changed. */

const char *settings_check_change(const struct stream_settings *from, const struct stream_settings *to,
                                  char room[SENTENCE_SIZE])
{
    if (strcmp(from->name, to->name) != 0)
        return "the name of a stream cannot be changed";
    if (from->storage != to->storage)
        return "the storage of a stream cannot be changed";
    if (from->retention != to->retention)
        return "the retention of a stream cannot be changed";
    if (from->consumers_max != to->consumers_max)
        return "the maximum of consumers cannot be changed";
    if (from->sealed && !to->sealed)
        return "a sealed stream cannot be opened again";
    if (from->deny_delete && !to->deny_delete)
        return "that messages cannot be deleted is for ever";
    if (from->deny_purge && !to->deny_purge)
        return "that the stream cannot be purged is for ever";
    return settings_check(to, room);
}

/* Comparison. */

static bool text_equal(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool topics_equal(const struct stream_settings *a, const struct stream_settings *b)
{
    if (a->topic_count != b->topic_count)
        return false;
    for (unsigned i = 0; i < a->topic_count; i++)
        if (strcmp(a->topics[i], b->topics[i]) != 0)
            return false;
    return true;
}

static bool bounds_equal(const struct stream_settings *a, const struct stream_settings *b)
{
    return a->messages_max == b->messages_max && a->bytes_max == b->bytes_max && a->age_max_ms == b->age_max_ms &&
           a->messages_per_topic_max == b->messages_per_topic_max && a->message_size_max == b->message_size_max &&
           a->consumers_max == b->consumers_max && a->duplicate_window_ms == b->duplicate_window_ms &&
           a->discard == b->discard && a->discard_new_per_topic == b->discard_new_per_topic;
}

static bool permissions_equal(const struct stream_settings *a, const struct stream_settings *b)
{
    return a->deny_delete == b->deny_delete && a->deny_purge == b->deny_purge && a->allow_rollup == b->allow_rollup &&
           a->allow_direct == b->allow_direct && a->sealed == b->sealed;
}

static bool storage_equal(const struct stream_settings *a, const struct stream_settings *b)
{
    return a->storage == b->storage && a->retention == b->retention && a->sync == b->sync &&
           (a->sync != LOG_SYNC_INTERVAL || a->sync_interval_ms == b->sync_interval_ms);
}

bool settings_equal(const struct stream_settings *a, const struct stream_settings *b)
{
    return text_equal(a->name, b->name) && text_equal(a->description, b->description) &&
           text_equal(a->metadata, b->metadata) && topics_equal(a, b) && storage_equal(a, b) && bounds_equal(a, b) &&
           permissions_equal(a, b);
}

const char *settings_owner(const struct stream_settings *settings)
{
    return settings->from_configuration ? NULL : settings->owner;
}
