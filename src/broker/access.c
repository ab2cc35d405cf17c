#include "broker/access.h"

#include "core/topic.h"
#include "stream/stream.h"

/* Looks at what a stream keeps; topics are empty where memory is short, and then nothing is allowed. */
static bool visit_topics(struct stream *stream, bool (*judge)(void *arg, struct slice topic), void *arg, bool all)
{
    struct stream_settings settings;
    bool result = all;
    if (stream_get_settings(stream, &settings) != 0)
        return false;
    for (unsigned i = 0; i < settings.topic_count && result == all; i++)
        result = judge(arg, slice_of(settings.topics[i]));
    settings_finish(&settings);
    return result;
}

static bool touches(void *arg, struct slice topic)
{
    return rights_touch(arg, topic);
}

bool access_may_look(const struct rights *rights, struct stream *stream)
{
    if (rights_give(rights, RIGHT_MONITOR) || rights_touch_all(rights))
        return true;
    return stream && visit_topics(stream, touches, (void *)rights, false);
}

static bool reaches_whole(const struct rights *rights, struct slice pattern)
{
    return rights_reach(rights, pattern, slice_make(NULL, 0)) == REACH_WHOLE;
}

/* What a pattern and a topic of the stream have in common is within both: it is enough that one may be read. */
struct consuming {
    const struct rights *rights;
    const char *const *patterns;
    size_t count;
};

static bool may_consume(void *arg, struct slice topic)
{
    const struct consuming *consuming = arg;
    if (reaches_whole(consuming->rights, topic))
        return true;
    for (size_t i = 0; i < consuming->count; i++) {
        struct slice pattern = slice_of(consuming->patterns[i]);
        if (pattern_overlaps(pattern, topic) && !reaches_whole(consuming->rights, pattern))
            return false;
    }
    return consuming->count > 0;
}

bool access_may_consume(const struct rights *rights, struct stream *stream, const char *const *patterns, size_t count)
{
    struct consuming consuming = { rights, patterns, count };
    if (!rights)
        return true;
    return stream ? visit_topics(stream, may_consume, &consuming, true) : access_may_look(rights, NULL);
}

static bool may_publish_all(void *arg, struct slice topic)
{
    return rights_may_publish_all(arg, topic);
}

bool access_may_publish_all(const struct rights *rights, struct stream *stream)
{
    return !rights || visit_topics(stream, may_publish_all, (void *)rights, true);
}

struct searching {
    const struct rights *rights;
    struct slice pattern;
};

static bool may_search(void *arg, struct slice topic)
{
    const struct searching *searching = arg;
    if (!pattern_overlaps(searching->pattern, topic))
        return false;
    return rights_may_see(searching->rights, pattern_covers(topic, searching->pattern) ? searching->pattern : topic);
}

bool access_may_search(const struct rights *rights, struct stream *stream, struct slice pattern)
{
    struct searching searching = { rights, pattern };
    if (!rights)
        return true;
    return stream ? visit_topics(stream, may_search, &searching, false) : access_may_look(rights, NULL);
}
