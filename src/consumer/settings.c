#include "consumer/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ACK_WAIT_MS = 30000, MAX_ACK_PENDING = 1000, MAX_WAITING = 512, INACTIVE_THRESHOLD_MS = 5000 };

void consumer_settings_init(struct consumer_settings *settings)
{
    memset(settings, 0, sizeof *settings);
}

void consumer_settings_finish(struct consumer_settings *settings)
{
    for (unsigned i = 0; settings->filters && i < settings->filter_count; i++)
        free(settings->filters[i]);
    free(settings->filters);
    free(settings->name);
    free(settings->description);
    free(settings->metadata);
    free(settings->backoff_ms);
    free(settings->sample_frequency);
    free(settings->deliver_topic);
    free(settings->deliver_group);
    consumer_settings_init(settings);
}

static bool copy_text(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return *to || !from;
}

static bool copy_filters(struct consumer_settings *to, const struct consumer_settings *from)
{
    to->filters = from->filter_count ? calloc(from->filter_count, sizeof *to->filters) : NULL;
    bool is_good = to->filters || !from->filter_count;
    for (unsigned i = 0; is_good && i < from->filter_count; i++)
        is_good = copy_text(&to->filters[i], from->filters[i]);
    return is_good;
}

static bool copy_backoff(struct consumer_settings *to, const struct consumer_settings *from)
{
    to->backoff_ms = from->backoff_count ? calloc(from->backoff_count, sizeof *to->backoff_ms) : NULL;
    if (to->backoff_ms)
        memcpy(to->backoff_ms, from->backoff_ms, from->backoff_count * sizeof *to->backoff_ms);
    return to->backoff_ms || !from->backoff_count;
}

int consumer_settings_copy(struct consumer_settings *to, const struct consumer_settings *from)
{
    struct consumer_settings copy = *from;
    bool is_good = copy_text(&copy.name, from->name);
    is_good &= copy_text(&copy.description, from->description);
    is_good &= copy_text(&copy.metadata, from->metadata);
    is_good &= copy_text(&copy.sample_frequency, from->sample_frequency);
    is_good &= copy_text(&copy.deliver_topic, from->deliver_topic);
    is_good &= copy_text(&copy.deliver_group, from->deliver_group);
    is_good &= copy_filters(&copy, from);
    is_good &= copy_backoff(&copy, from);
    if (!is_good) {
        consumer_settings_finish(&copy);
        return -ENOMEM;
    }
    *to = copy;
    return 0;
}

void consumer_settings_complete(struct consumer_settings *settings)
{
    bool is_acknowledged = settings->ack_policy != CONSUMER_ACK_NONE;
    if (settings->backoff_count)
        settings->ack_wait_ms = settings->backoff_ms[0];
    else if (is_acknowledged && !settings->ack_wait_ms)
        settings->ack_wait_ms = ACK_WAIT_MS;
    if (settings->max_deliver <= 0)
        settings->max_deliver = -1;
    if (is_acknowledged && !settings->max_ack_pending)
        settings->max_ack_pending = MAX_ACK_PENDING;
    if (!consumer_settings_is_push(settings) && !settings->max_waiting)
        settings->max_waiting = MAX_WAITING;
    if (!settings->durable && !settings->inactive_threshold_ms)
        settings->inactive_threshold_ms = INACTIVE_THRESHOLD_MS;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_texts(const struct consumer_settings *a, const struct consumer_settings *b)
{
    if (a->filter_count != b->filter_count)
        return false;
    for (unsigned i = 0; i < a->filter_count; i++)
        if (!same_text(a->filters[i], b->filters[i]))
            return false;
    return same_text(a->name, b->name) && same_text(a->description, b->description) &&
           same_text(a->metadata, b->metadata) && same_text(a->sample_frequency, b->sample_frequency) &&
           same_text(a->deliver_topic, b->deliver_topic) && same_text(a->deliver_group, b->deliver_group);
}

static bool same_flags(const struct consumer_settings *a, const struct consumer_settings *b)
{
    return a->durable == b->durable && a->memory_storage == b->memory_storage && a->start == b->start &&
           a->ack_policy == b->ack_policy && a->replay == b->replay && a->headers_only == b->headers_only &&
           a->flow_control == b->flow_control;
}

static bool same_numbers(const struct consumer_settings *a, const struct consumer_settings *b)
{
    return a->start_sequence == b->start_sequence && a->start_time_ms == b->start_time_ms &&
           a->ack_wait_ms == b->ack_wait_ms && a->max_deliver == b->max_deliver &&
           a->max_ack_pending == b->max_ack_pending && a->inactive_threshold_ms == b->inactive_threshold_ms &&
           a->max_waiting == b->max_waiting && a->max_batch == b->max_batch &&
           a->max_expires_ms == b->max_expires_ms && a->max_bytes == b->max_bytes &&
           a->idle_heartbeat_ms == b->idle_heartbeat_ms && a->rate_limit_bps == b->rate_limit_bps &&
           a->backoff_count == b->backoff_count &&
           (!a->backoff_count || memcmp(a->backoff_ms, b->backoff_ms, a->backoff_count * sizeof *a->backoff_ms) == 0);
}

bool consumer_settings_equal(const struct consumer_settings *a, const struct consumer_settings *b)
{
    return same_flags(a, b) && same_numbers(a, b) && same_texts(a, b);
}
