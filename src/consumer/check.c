/* What settings can be, one beside a stream, one after another, one beside another. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumer/settings.h"
#include "core/topic.h"
#include "stream/settings.h"

enum { HEARTBEAT_MIN_MS = 100 };

static const struct topic_limits topic_limits = { .size_max = 4096, .depth_max = TOPIC_DEPTH_LIMIT };

/* The sentences that are always the same. */
static const struct {
    enum consumer_fault fault;
    const char *text;
} sentences[] = {
    { CONSUMER_FAULT_DELIVER_WILDCARDS, "consumer deliver subject has wildcards" },
    { CONSUMER_FAULT_PUSH_MAX_WAITING, "consumer in push mode can not set max waiting" },
    { CONSUMER_FAULT_DELIVER_CYCLE, "consumer deliver subject forms a cycle" },
    { CONSUMER_FAULT_PENDING_WITHOUT_ACK, "consumer requires ack policy for max ack pending" },
    { CONSUMER_FAULT_SMALL_HEARTBEAT, "consumer idle heartbeat needs to be >= 100ms" },
    { CONSUMER_FAULT_PULL_WITHOUT_ACK, "consumer in pull mode requires explicit ack policy on workqueue stream" },
    { CONSUMER_FAULT_PULL_RATE_LIMIT, "consumer in pull mode can not have rate limit set" },
    { CONSUMER_FAULT_NEGATIVE_MAX_WAITING, "consumer max waiting needs to be positive" },
    { CONSUMER_FAULT_PULL_HEARTBEAT, "consumer idle heartbeat requires a push based consumer" },
    { CONSUMER_FAULT_PULL_FLOW_CONTROL, "consumer flow control requires a push based consumer" },
    { CONSUMER_FAULT_FILTER_NOT_SUBSET, "consumer filter subject is not a valid subset of the interest subjects" },
    { CONSUMER_FAULT_QUEUE_ACK, "workqueue stream requires explicit ack" },
    { CONSUMER_FAULT_QUEUE_UNFILTERED, "multiple non-filtered consumers not allowed on workqueue stream" },
    { CONSUMER_FAULT_QUEUE_FILTER, "filtered consumer not unique on workqueue stream" },
    { CONSUMER_FAULT_QUEUE_START, "consumer must be deliver all on workqueue stream" },
    { CONSUMER_FAULT_NAME, "durable name can not contain '.', '*', '>'" },
    { CONSUMER_FAULT_FLOW_WITHOUT_HEARTBEAT, "consumer with flow control also needs heartbeats" },
    { CONSUMER_FAULT_DELIVER_TOPIC, "invalid push consumer deliver subject" },
    { CONSUMER_FAULT_NEGATIVE_MAX_BATCH, "consumer max request batch needs to be > 0" },
    { CONSUMER_FAULT_BACKOFF, "max deliver is required to be > length of backoff values" },
    { CONSUMER_FAULT_NAME_SEPARATOR, "Consumer name can not contain path separators" },
    { CONSUMER_FAULT_FILTERS_OVERLAP, "consumer subject filters cannot overlap" },
    { CONSUMER_FAULT_EMPTY_FILTER, "consumer filter in FilterSubjects cannot be empty" },
};

static enum consumer_fault say(char *room, enum consumer_fault fault)
{
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++)
        if (sentences[i].fault == fault)
            snprintf(room, CONSUMER_FAULT_TEXT_SIZE, "%s", sentences[i].text);
    return fault;
}

__attribute__((format(printf, 3, 4))) static enum consumer_fault say_words(char *room, enum consumer_fault fault,
                                                                          const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(room, CONSUMER_FAULT_TEXT_SIZE, format, arguments);
    va_end(arguments);
    return fault;
}

/* One function for each side of the settings. All have the same form, and stand in a table below. */
typedef enum consumer_fault check(const struct consumer_settings *settings, const struct stream_settings *stream,
                                  char *room);

static bool is_name_letter(unsigned char letter)
{
    return letter > ' ' && letter != 127 && !strchr(".*>", letter);
}

static enum consumer_fault check_name(const struct consumer_settings *settings, const struct stream_settings *stream,
                                      char *room)
{
    (void)stream;
    const char *name = settings->name;
    if (!name || !*name)
        return say_words(room, CONSUMER_FAULT_CREATE, "a consumer needs a name");
    if (strlen(name) > CONSUMER_NAME_SIZE_MAX)
        return say_words(room, CONSUMER_FAULT_NAME_TOO_LONG, "consumer name is too long, maximum allowed is %d",
                         CONSUMER_NAME_SIZE_MAX);
    if (strpbrk(name, "/\\"))
        return say(room, CONSUMER_FAULT_NAME_SEPARATOR);
    for (; *name; name++)
        if (!is_name_letter((unsigned char)*name))
            return say(room, CONSUMER_FAULT_NAME);
    return CONSUMER_GOOD;
}

static enum consumer_fault check_words(const struct consumer_settings *settings, const struct stream_settings *stream,
                                       char *room)
{
    (void)stream;
    if (settings->description && strlen(settings->description) > CONSUMER_DESCRIPTION_SIZE_MAX)
        return say_words(room, CONSUMER_FAULT_DESCRIPTION_TOO_LONG,
                         "consumer description is too long, maximum allowed is %d", CONSUMER_DESCRIPTION_SIZE_MAX);
    if (settings->metadata && strlen(settings->metadata) > CONSUMER_METADATA_SIZE_MAX)
        return say_words(room, CONSUMER_FAULT_METADATA_TOO_LONG, "consumer metadata exceeds maximum size of %d",
                         CONSUMER_METADATA_SIZE_MAX);
    const char *sample = settings->sample_frequency;
    size_t digits = sample ? strspn(sample, "0123456789") : 0;
    if (sample && *sample && (!digits || digits > 9 || (sample[digits] && strcmp(sample + digits, "%") != 0)))
        return say_words(room, CONSUMER_FAULT_SAMPLING,
                         "failed to parse consumer sampling configuration: \"%.100s\" is no number", sample);
    return CONSUMER_GOOD;
}

static enum consumer_fault check_delivery(const struct consumer_settings *settings,
                                          const struct stream_settings *stream, char *room)
{
    (void)stream;
    if (settings->backoff_count > CONSUMER_BACKOFF_LIMIT)
        return say_words(room, CONSUMER_FAULT_CREATE, "a backoff has %d steps at most", CONSUMER_BACKOFF_LIMIT);
    if (settings->max_deliver > 0 && settings->backoff_count > (uint64_t)settings->max_deliver)
        return say(room, CONSUMER_FAULT_BACKOFF);
    if (settings->max_ack_pending > CONSUMER_PENDING_LIMIT)
        return say_words(room, CONSUMER_FAULT_PENDING_EXCESS, "consumer max ack pending exceeds system limit of %d",
                         CONSUMER_PENDING_LIMIT);
    return CONSUMER_GOOD;
}

static bool forms_cycle(const struct consumer_settings *settings, const struct stream_settings *stream)
{
    for (unsigned i = 0; i < stream->topic_count; i++)
        if (pattern_matches(slice_of(stream->topics[i]), slice_of(settings->deliver_topic)))
            return true;
    return false;
}

static enum consumer_fault check_push(const struct consumer_settings *settings, const struct stream_settings *stream,
                                      char *room)
{
    if (!consumer_settings_is_push(settings))
        return CONSUMER_GOOD;
    struct slice topic = slice_of(settings->deliver_topic);
    if (pattern_has_wildcard(topic))
        return say(room, CONSUMER_FAULT_DELIVER_WILDCARDS);
    if (!topic_valid(topic, &topic_limits) || !topic_is_writable(topic))
        return say(room, CONSUMER_FAULT_DELIVER_TOPIC);
    if (forms_cycle(settings, stream))
        return say(room, CONSUMER_FAULT_DELIVER_CYCLE);
    if (settings->max_waiting)
        return say(room, CONSUMER_FAULT_PUSH_MAX_WAITING);
    if (settings->max_ack_pending > 0 && settings->ack_policy == CONSUMER_ACK_NONE)
        return say(room, CONSUMER_FAULT_PENDING_WITHOUT_ACK);
    if (settings->idle_heartbeat_ms && settings->idle_heartbeat_ms < HEARTBEAT_MIN_MS)
        return say(room, CONSUMER_FAULT_SMALL_HEARTBEAT);
    if (settings->flow_control && !settings->idle_heartbeat_ms)
        return say(room, CONSUMER_FAULT_FLOW_WITHOUT_HEARTBEAT);
    return CONSUMER_GOOD;
}

static enum consumer_fault check_pull(const struct consumer_settings *settings, const struct stream_settings *stream,
                                      char *room)
{
    if (consumer_settings_is_push(settings))
        return CONSUMER_GOOD;
    if (settings->ack_policy == CONSUMER_ACK_NONE && stream->retention == STREAM_WORKQUEUE)
        return say(room, CONSUMER_FAULT_PULL_WITHOUT_ACK);
    if (settings->rate_limit_bps)
        return say(room, CONSUMER_FAULT_PULL_RATE_LIMIT);
    if (settings->max_waiting < 0)
        return say(room, CONSUMER_FAULT_NEGATIVE_MAX_WAITING);
    if (settings->max_waiting > CONSUMER_WAITING_LIMIT)
        return say_words(room, CONSUMER_FAULT_CREATE, "max_waiting is %d at most", CONSUMER_WAITING_LIMIT);
    if (settings->idle_heartbeat_ms)
        return say(room, CONSUMER_FAULT_PULL_HEARTBEAT);
    if (settings->flow_control)
        return say(room, CONSUMER_FAULT_PULL_FLOW_CONTROL);
    if (settings->max_batch < 0)
        return say(room, CONSUMER_FAULT_NEGATIVE_MAX_BATCH);
    return CONSUMER_GOOD;
}

static const char *const start_names[] = {
    [CONSUMER_START_ALL] = "all",
    [CONSUMER_START_LAST] = "last",
    [CONSUMER_START_NEW] = "new",
    [CONSUMER_START_SEQUENCE] = "by start sequence",
    [CONSUMER_START_TIME] = "by start time",
    [CONSUMER_START_LAST_PER_TOPIC] = "last per subject",
};

static enum consumer_fault start_is_set(const struct consumer_settings *settings, const char *what, char *room)
{
    return say_words(room, CONSUMER_FAULT_POLICY,
                     "consumer delivery policy is deliver %s, but optional start %s is also set",
                     start_names[settings->start], what);
}

static enum consumer_fault start_is_missing(const struct consumer_settings *settings, const char *what, char *room)
{
    return say_words(room, CONSUMER_FAULT_POLICY,
                     "consumer delivery policy is deliver %s, but optional %s is not set",
                     start_names[settings->start], what);
}

static enum consumer_fault check_start(const struct consumer_settings *settings, const struct stream_settings *stream,
                                       char *room)
{
    (void)stream;
    if (settings->start_sequence && settings->start != CONSUMER_START_SEQUENCE)
        return start_is_set(settings, "sequence", room);
    if (settings->start_time_ms && settings->start != CONSUMER_START_TIME)
        return start_is_set(settings, "time", room);
    if (!settings->start_sequence && settings->start == CONSUMER_START_SEQUENCE)
        return start_is_missing(settings, "start sequence", room);
    if (!settings->start_time_ms && settings->start == CONSUMER_START_TIME)
        return start_is_missing(settings, "start time", room);
    if (!settings->filter_count && settings->start == CONSUMER_START_LAST_PER_TOPIC)
        return start_is_missing(settings, "filter subject", room);
    return CONSUMER_GOOD;
}

static bool is_kept(const struct stream_settings *stream, struct slice filter)
{
    for (unsigned i = 0; i < stream->topic_count; i++)
        if (pattern_overlaps(filter, slice_of(stream->topics[i])))
            return true;
    return false;
}

static bool filters_overlap(const struct consumer_settings *settings, unsigned place)
{
    for (unsigned i = 0; i < place; i++)
        if (pattern_overlaps(slice_of(settings->filters[i]), slice_of(settings->filters[place])))
            return true;
    return false;
}

static enum consumer_fault check_filters(const struct consumer_settings *settings,
                                         const struct stream_settings *stream, char *room)
{
    if (settings->filter_count > CONSUMER_FILTER_LIMIT)
        return say_words(room, CONSUMER_FAULT_CREATE, "a consumer has %d filters at most", CONSUMER_FILTER_LIMIT);
    for (unsigned i = 0; i < settings->filter_count; i++) {
        struct slice filter = slice_of(settings->filters[i]);
        if (!filter.size)
            return say(room, CONSUMER_FAULT_EMPTY_FILTER);
        if (!pattern_valid(filter, &topic_limits) || !is_kept(stream, filter))
            return say(room, CONSUMER_FAULT_FILTER_NOT_SUBSET);
        if (filters_overlap(settings, i))
            return say(room, CONSUMER_FAULT_FILTERS_OVERLAP);
    }
    return CONSUMER_GOOD;
}

static enum consumer_fault check_queue(const struct consumer_settings *settings, const struct stream_settings *stream,
                                       char *room)
{
    if (stream->retention != STREAM_WORKQUEUE)
        return CONSUMER_GOOD;
    if (settings->ack_policy != CONSUMER_ACK_EXPLICIT)
        return say(room, CONSUMER_FAULT_QUEUE_ACK);
    if (settings->start != CONSUMER_START_ALL)
        return say(room, CONSUMER_FAULT_QUEUE_START);
    return CONSUMER_GOOD;
}

enum consumer_fault consumer_settings_check(const struct consumer_settings *settings,
                                            const struct stream_settings *stream, char room[CONSUMER_FAULT_TEXT_SIZE])
{
    static check *const checks[] = {
        check_name, check_words, check_delivery, check_push, check_pull, check_filters, check_start, check_queue,
    };
    enum consumer_fault fault = CONSUMER_GOOD;
    for (size_t i = 0; !fault && i < sizeof checks / sizeof *checks; i++)
        fault = checks[i](settings, stream, room);
    return fault;
}

enum consumer_fault consumer_settings_check_change(const struct consumer_settings *from,
                                                   const struct consumer_settings *to,
                                                   char room[CONSUMER_FAULT_TEXT_SIZE])
{
    bool was_push = consumer_settings_is_push(from), is_push = consumer_settings_is_push(to);
    const struct {
        bool is_changed;
        const char *text;
    } rows[] = {
        { from->durable != to->durable, "durable can not be updated" },
        { from->start != to->start, "deliver policy can not be updated" },
        { from->start_sequence != to->start_sequence, "start sequence can not be updated" },
        { from->start_time_ms != to->start_time_ms, "start time can not be updated" },
        { from->ack_policy != to->ack_policy, "ack policy can not be updated" },
        { from->replay != to->replay, "replay policy can not be updated" },
        { from->idle_heartbeat_ms != to->idle_heartbeat_ms, "heart beats can not be updated" },
        { from->flow_control != to->flow_control, "flow control can not be updated" },
        { !was_push && is_push, "can not update pull consumer to push based" },
        { was_push && !is_push, "can not update push consumer to pull based" },
        { from->max_waiting != to->max_waiting, "max waiting can not be updated" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].is_changed)
            return say_words(room, CONSUMER_FAULT_CREATE, "%s", rows[i].text);
    return CONSUMER_GOOD;
}

enum consumer_fault consumer_settings_check_beside(const struct consumer_settings *settings,
                                                   const struct consumer_settings *other,
                                                   char room[CONSUMER_FAULT_TEXT_SIZE])
{
    if (!settings->filter_count || !other->filter_count)
        return say(room, CONSUMER_FAULT_QUEUE_UNFILTERED);
    for (unsigned i = 0; i < settings->filter_count; i++)
        for (unsigned k = 0; k < other->filter_count; k++)
            if (pattern_overlaps(slice_of(settings->filters[i]), slice_of(other->filters[k])))
                return say(room, CONSUMER_FAULT_QUEUE_FILTER);
    return CONSUMER_GOOD;
}
