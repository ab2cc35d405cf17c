/* Who may ask what: of what a topic alone tells, at the door; the rest where the request is looked at (api.c). */
#include "jetstream/api.h"

#include "broker/access.h"
#include "core/topic.h"

/* What is said to one consumer: its stream and name follow these tokens. */
static const struct {
    const char *prefix;
    unsigned token_count;
} consumer_topics[] = {
    { "$JS.ACK.", 2 },
    { "$JS.FC.", 2 },
    { "$JS.API.CONSUMER.MSG.NEXT.", 5 },
};

struct judging {
    const struct rights *rights;
    struct stream *stream;
};

static bool may_consume(void *arg, const char *const *patterns, size_t count)
{
    const struct judging *judging = arg;
    return access_may_consume(judging->rights, judging->stream, patterns, count);
}

/* "STREAM.CONSUMER" behind so many tokens. False: the topic has none. */
static bool read_names(struct slice topic, unsigned token_count, struct slice *ret_stream, struct slice *ret_key)
{
    struct slice token = slice_make(NULL, 0);
    size_t cursor = 0;
    while (token_count-- > 0)
        topic_next_token(topic, &cursor, &token);
    if (!topic_next_token(topic, &cursor, ret_stream) || !topic_next_token(topic, &cursor, &token))
        return false;
    *ret_key = slice_make(ret_stream->data, (size_t)(token.data + token.size - ret_stream->data));
    return true;
}

static bool may_ask_consumer(struct jetstream *jetstream, const struct rights *rights, struct slice topic,
                             unsigned token_count)
{
    struct slice name, key;
    if (!read_names(topic, token_count, &name, &key))
        return false;
    struct judging judging = { rights, stream_registry_find(jetstream->registry, name) };
    bool may = access_may_look(rights, judging.stream) &&
               roll_ask(jetstream->roll, key, may_consume, &judging);
    stream_destroy(judging.stream);
    return may;
}

bool jetstream_may_ask(void *arg, const struct rights *rights, struct slice topic)
{
    for (size_t i = 0; i < sizeof consumer_topics / sizeof *consumer_topics; i++)
        if (slice_starts_with(topic, slice_of(consumer_topics[i].prefix)))
            return may_ask_consumer(arg, rights, topic, consumer_topics[i].token_count);
    return api_knows(topic) || slice_starts_with(topic, slice_of("$POSTHORN.API.")) || rights_name(rights, topic);
}

bool request_may(const struct request *request, struct stream *stream, enum right right)
{
    switch (right) {
    case RIGHT_MEMBER:
        return true;
    case RIGHT_SUBSCRIBE:
    case RIGHT_LOOK:
        return !request->names[0].size || access_may_look(request->rights, stream);
    default:
        return rights_give(request->rights, right);
    }
}

bool request_may_consume(const struct request *request, struct stream *stream, const struct consumer_settings *settings)
{
    const char *const *filters = (const char *const *)settings->filters;
    return access_may_consume(request->rights, stream, filters, settings->filter_count);
}

bool request_may_deliver(const struct request *request, const struct consumer_settings *settings)
{
    struct slice topic = slice_of(settings->deliver_topic), group = slice_of(settings->deliver_group);
    return !topic.size || rights_may_be_answered(request->rights, topic, group);
}
