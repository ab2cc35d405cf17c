#include "http/reading.h"

#include <stdlib.h>
#include <string.h>

#include "broker/access.h"
#include "broker/keeper.h"
#include "config/config.h"
#include "core/topic.h"
#include "http/access.h"
#include "http/feeds.h"
#include "http/http.h"
#include "http/names.h"
#include "http/routes.h"
#include "http/state.h"
#include "util/moment.h"
#include "util/units.h"

enum { LIMIT_DEFAULT = 100, PARAMETER_SIZE = 128, STREAM_NAME_SIZE = 256 };

/* The forms in which topics are read: asked for by the path's end, or by what the client accepts. */
static const struct form {
    const char *suffix, *type;
    enum feed_shape shape;
} forms[] = {
    { "/sse", "text/event-stream", FEED_EVENTS },
    { "/ndjson", "application/x-ndjson", FEED_LINES },
    { "/json", "application/json", FEED_LIST },
};
enum { FORM_COUNT = sizeof forms / sizeof forms[0], FORM_JSON = FORM_COUNT - 1 };

static const char *const event_names[] = { "message", "topic", NULL };
static const char *const data_names[] = {
    [FEED_DATA_PLAIN] = "plain", [FEED_DATA_BASE64] = "base64", [FEED_DATA_JSON] = "json", NULL,
};

static bool ends_with(struct slice text, const char *end)
{
    size_t size = strlen(end);
    return text.size > size && memcmp(text.data + text.size - size, end, size) == 0;
}

/* The form that the path's end asks for, which is then taken off the patterns; NULL: it does not say. A topic whose
 * name ends like that is written with %2F. */
static const struct form *form_of_path(const struct exchange *exchange, struct slice *patterns)
{
    for (unsigned i = 0; i < FORM_COUNT; i++)
        if (ends_with(exchange->request->path, forms[i].suffix) && ends_with(*patterns, forms[i].suffix)) {
            patterns->size -= strlen(forms[i].suffix);
            return &forms[i];
        }
    return NULL;
}

/* ";q=0", ";q=0.000": not acceptable (RFC 9110, 12.4.2). */
static bool is_refused(struct slice parameters)
{
    const char *end = parameters.data + parameters.size;
    const char *weight = memmem(parameters.data, parameters.size, "q=0", 3);
    for (const char *at = weight ? weight + 3 : end; at < end; at++)
        if (*at != '.' && *at != '0')
            return false;
    return weight != NULL;
}

static bool accepts(struct slice accept, const char *type)
{
    size_t size = strlen(type);
    struct slice item;
    while (http_next_item(&accept, &item)) {
        size_t name_size = 0;
        while (name_size < item.size && item.data[name_size] != ';' && item.data[name_size] != ' ')
            name_size++;
        if (name_size == size && strncasecmp(item.data, type, size) == 0 &&
            !is_refused(slice_make(item.data + size, item.size - size)))
            return true;
    }
    return false;
}

/* What the client accepts, the first of ours in the order of the table; one that does not say gets JSON. NULL: none. */
static const struct form *form_of_accept(const struct exchange *exchange)
{
    struct slice accept;
    if (!http_header(exchange->request, "Accept", &accept))
        return &forms[FORM_JSON];
    for (unsigned i = 0; i < FORM_COUNT; i++)
        if (accepts(accept, forms[i].type))
            return &forms[i];
    return accepts(accept, "*/*") || accepts(accept, "application/*") ? &forms[FORM_JSON] : NULL;
}

/* Patterns. */

/* Appends a pattern to a list. */
static void list_pattern(struct slice *list, char *room, struct slice pattern)
{
    if (list->size)
        room[list->size++] = ',';
    memcpy(room + list->size, pattern.data, pattern.size);
    *list = slice_make(room, list->size + pattern.size);
}

/* False: answered. */
static bool check_patterns(struct exchange *exchange, struct slice patterns)
{
    const struct http *http = exchange->http;
    unsigned count = 0, count_max = http->config->http.patterns_max;
    size_t cursor = 0;
    struct slice pattern;
    while (patterns_next(patterns, &cursor, &pattern)) {
        if (!name_is_pattern(pattern, &http->broker->limits.topic)) {
            answer_problem(exchange, PROBLEM_BAD_TOPIC, NULL, "Pattern %u is malformed, too long or too deep.",
                           count + 1);
            return false;
        }
        if (++count > count_max) {
            answer_problem(exchange, PROBLEM_BAD_TOPIC, NULL, "More than %u patterns (http.patterns_max).", count_max);
            return false;
        }
    }
    return true;
}

/* Sorts the patterns into those that the stream keeps and those that are only heard live. */
static void sort_patterns(const struct http *http, struct slice patterns, char *room, struct reading *reading)
{
    size_t cursor = 0;
    struct slice pattern;
    bool is_recent = http->feed && reading->stream == feed_stream(http->feed);
    char *live_room = room + reading->kept_room;
    reading->kept = slice_make(room, 0);
    reading->live = slice_make(live_room, 0);
    while (patterns_next(patterns, &cursor, &pattern)) {
        bool is_kept = reading->stream && !(is_recent && topic_is_private(pattern));
        list_pattern(is_kept ? &reading->kept : &reading->live, is_kept ? room : live_room, pattern);
    }
}

/* What the user may not read is taken out of what the stream keeps; live, the door looks at each message. */
static void limit_patterns(const struct exchange *exchange, char *room, struct reading *reading)
{
    if (!reading->kept.size)
        return;
    char *end = rights_write_limits(exchange->session->rights, reading->kept, room + reading->kept.size);
    reading->kept = slice_make(room, (size_t)(end - room));
}

/* The stream. */

/* Can a topic that the pattern names be in the stream? */
static bool can_hold(const struct http *http, struct stream *stream, struct slice pattern)
{
    struct stream_settings settings;
    bool can = false;
    if (http->feed && stream == feed_stream(http->feed))
        return !topic_is_private(pattern);
    if (stream_get_settings(stream, &settings) != 0)
        return true; /* it will be found out */
    for (unsigned i = 0; !can && i < settings.topic_count; i++)
        can = pattern_overlaps(pattern, slice_of(settings.topics[i]));
    settings_finish(&settings);
    return can;
}

/* `recent` is no secret. */
static bool may_look(const struct exchange *exchange, struct stream *stream)
{
    const struct feed *recent = exchange->http->feed;
    return (recent && stream == feed_stream(recent)) || access_may_look(exchange->session->rights, stream);
}

/* The stream that the client names; one that he may not look at is none to him. False: answered. */
static bool read_stream_name(struct exchange *exchange, const char *name, struct slice patterns,
                             struct reading *reading)
{
    size_t cursor = 0;
    struct slice pattern;
    reading->has_stream = true;
    struct stream *stream = feeds_named_stream(exchange->http->state->feeds, slice_of(name));
    reading->stream = stream;
    if (!stream || !may_look(exchange, stream)) {
        answer_problem(exchange, PROBLEM_NO_STREAM, NULL, "There is no stream of the name that the query gives.");
        return false;
    }
    for (unsigned i = 1; patterns_next(patterns, &cursor, &pattern); i++)
        if (!can_hold(exchange->http, reading->stream, pattern)) {
            answer_problem(exchange, PROBLEM_BAD_TOPIC, NULL, "Pattern %u names no topic that the stream %s keeps.", i,
                           stream_name(reading->stream));
            return false;
        }
    return true;
}

/* The stream that is named, or that keeps all that the patterns name, or else `recent`. False: answered. */
static bool read_stream(struct exchange *exchange, struct slice patterns, struct reading *reading)
{
    const struct http *http = exchange->http;
    char name[STREAM_NAME_SIZE];
    bool bad = false;
    if (exchange_query(exchange, "stream", name, sizeof name, &bad) || bad)
        return read_stream_name(exchange, bad ? "" : name, patterns, reading);
    reading->stream = feeds_find_stream(http->state->feeds, patterns);
    if (!reading->stream && http->feed)
        reading->stream = stream_ref(feed_stream(http->feed));
    return true;
}

/* Where to begin. */

static void begin_at_time(struct reading *reading, uint64_t time_ms)
{
    reading->after.sequence = stream_sequence_before(reading->stream, time_ms);
    reading->from_ms = time_ms;
}

/* "all", "latest", a cursor, how long ago, or a time. False where it is none of these. */
static bool parse_since(const struct http *http, const char *text, struct reading *reading)
{
    struct stream *stream = reading->stream;
    uint64_t ago_ns, time_ms, now_ms = broker_wall_ms(http->broker);
    struct stream_state state;
    reading->after.epoch = stream_epoch(stream);
    reading->is_latest = strcmp(text, "latest") == 0;
    if (reading->is_latest) {
        reading->after.sequence = stream_last(stream);
    } else if (strcmp(text, "all") == 0) {
        stream_get_state(stream, &state);
        reading->after.sequence = state.first_sequence - 1;
    } else if (units_parse_duration(text, &ago_ns)) {
        uint64_t ago_ms = ago_ns / 1000000;
        begin_at_time(reading, ago_ms < now_ms ? now_ms - ago_ms : 0);
    } else if (moment_parse(slice_of(text), &time_ms)) {
        begin_at_time(reading, time_ms);
    } else {
        return cursor_parse(slice_of(text), &reading->after);
    }
    return true;
}

/* The position that the client gives: what its EventSource remembers wins over what the URL says. Returns the text, ""
 * for none, NULL where a parameter is bad. */
static const char *since_text(const struct exchange *exchange, char *out, size_t size)
{
    static const char *const names[] = { "since", "lastEventId", "last_event_id" };
    struct slice header;
    bool bad = false;
    if (http_header(exchange->request, "Last-Event-ID", &header) && header.size && header.size < size) {
        memcpy(out, header.data, header.size);
        out[header.size] = '\0';
        return out;
    }
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (exchange_query(exchange, names[i], out, size, &bad) || bad)
            return bad || (i == 0 && !*out) ? NULL : out; /* those who resume may have nothing to resume from */
    return "";
}

static bool has_private(struct slice patterns)
{
    size_t cursor = 0;
    struct slice pattern;
    while (patterns_next(patterns, &cursor, &pattern))
        if (topic_is_private(pattern))
            return true;
    return false;
}

/* A browser would give up for good over an id that is refused, so a strange one is taken as one of a stream long gone:
 * it is told of a gap. */
static bool is_forgiving(const struct exchange *exchange)
{
    struct slice header;
    return http_header(exchange->request, "Last-Event-ID", &header);
}

/*
 * A cursor says of which stream it is. One of `recent` goes on there, though another stream keeps these topics by now:
 * who reads since before that was made misses nothing. Any other has no meaning here. False: answered.
 */
static bool check_cursor(struct exchange *exchange, struct reading *reading)
{
    const struct http *http = exchange->http;
    struct stream *other = feeds_stream_of_cursor(http->state->feeds, reading->after, reading->stream);
    bool is_recent = other && http->feed && other == feed_stream(http->feed);
    bool good = !other || is_forgiving(exchange);
    if (is_recent && !reading->has_stream && !has_private(exchange->parameter)) {
        struct stream *left = reading->stream;
        reading->stream = other;
        other = left;
        good = true;
    }
    if (!good)
        answer_problem(exchange, PROBLEM_OTHER_STREAM, NULL,
                       "The cursor is of the stream %s, and these topics are read from %s: give stream=, or since=all.",
                       stream_name(other), stream_name(reading->stream));
    stream_destroy(other);
    return good;
}

/* False: answered. */
static bool read_since(struct exchange *exchange, struct reading *reading)
{
    char text[PARAMETER_SIZE];
    const char *since = since_text(exchange, text, sizeof text);
    const char *fallback = reading->format.shape == FEED_LIST && !reading->wait_ms ? "all" : "latest";
    reading->has_since = since && *since;
    if (!reading->stream) {
        reading->is_latest = !reading->has_since || strcmp(since, "latest") == 0;
        return true;
    }
    if (since && parse_since(exchange->http, *since ? since : fallback, reading))
        return check_cursor(exchange, reading);
    if (since && is_forgiving(exchange)) {
        reading->after = (struct cursor){ 0, 0 };
        return true;
    }
    answer_problem(exchange, PROBLEM_BAD_PARAMETER, NULL,
                   "since is a cursor, all, latest, a duration such as 10m, or a time such as 2026-01-31T12:00:00Z.");
    return false;
}

/* Parameters. */

/* An index into names; the fallback is the first. False: answered. */
static bool read_choice(struct exchange *exchange, const char *parameter, const char *const *names,
                        unsigned *ret_choice)
{
    char text[PARAMETER_SIZE];
    bool bad = false;
    *ret_choice = 0;
    if (!exchange_query(exchange, parameter, text, sizeof text, &bad) && !bad)
        return true;
    for (unsigned i = 0; !bad && names[i]; i++)
        if (strcmp(text, names[i]) == 0) {
            *ret_choice = i;
            return true;
        }
    answer_problem(exchange, PROBLEM_BAD_PARAMETER, NULL, "%s has a value that it cannot have.", parameter);
    return false;
}

/* False: answered. */
static bool read_wait(struct exchange *exchange, struct reading *reading)
{
    const struct config_http *options = &exchange->http->config->http;
    char text[PARAMETER_SIZE], max[UNITS_TEXT_SIZE];
    uint64_t wait_ns;
    bool bad = false;
    if (!exchange_query(exchange, "wait", text, sizeof text, &bad) && !bad)
        return true;
    if (!bad && units_parse_duration(text, &wait_ns) && wait_ns / 1000000 <= options->poll_wait_max_ms) {
        reading->wait_ms = wait_ns / 1000000;
        return true;
    }
    answer_problem(exchange, PROBLEM_BAD_PARAMETER, NULL, "wait is a duration of at most %s, such as 25s.",
                   units_format_duration(options->poll_wait_max_ms * 1000000, max));
    return false;
}

/* False: answered. */
static bool read_limit(struct exchange *exchange, struct reading *reading)
{
    unsigned limit_max = exchange->http->config->http.poll_limit_max;
    char text[PARAMETER_SIZE];
    uint64_t limit;
    bool bad = false;
    reading->limit = LIMIT_DEFAULT < limit_max ? LIMIT_DEFAULT : limit_max;
    if (!exchange_query(exchange, "limit", text, sizeof text, &bad) && !bad)
        return true;
    if (!bad && units_parse_count(text, &limit) && limit > 0 && limit <= limit_max) {
        reading->limit = (unsigned)limit;
        return true;
    }
    answer_problem(exchange, PROBLEM_BAD_PARAMETER, NULL, "limit is a number from 1 to %u.", limit_max);
    return false;
}

/* False: answered. */
static bool read_format(struct exchange *exchange, const struct form *form, struct reading *reading)
{
    unsigned event, data;
    if (!form) {
        answer_problem(exchange, PROBLEM_NOT_ACCEPTABLE, NULL,
                       "Topics are read as text/event-stream, application/x-ndjson or application/json.");
        return false;
    }
    reading->format = (struct feed_format){ .shape = form->shape };
    if (form->shape != FEED_EVENTS)
        return true; /* the others are JSON */
    if (!read_choice(exchange, "event", event_names, &event) || !read_choice(exchange, "data", data_names, &data))
        return false;
    reading->format.data = (uint8_t)data;
    reading->format.event_is_topic = event == 1;
    return true;
}

/* History of what nobody keeps cannot be polled. False: answered. */
static bool check_kept(struct exchange *exchange, const struct reading *reading)
{
    if (reading->format.shape != FEED_LIST || !reading->live.size)
        return true;
    answer_problem(exchange, PROBLEM_NOT_KEPT, NULL, exchange->http->feed
                       ? "No stream keeps all of these topics, and those that begin with $ or _INBOX. are not kept by "
                         "recent; read them as text/event-stream."
                       : "No stream keeps these topics ([recent] enabled = no); read them as text/event-stream.");
    return false;
}

/* Whom to serve, and from where. False: answered. */
static bool read_reading(struct exchange *exchange, struct slice patterns, char *room, struct reading *reading)
{
    struct http *http = exchange->http;
    if (!read_wait(exchange, reading) || !read_limit(exchange, reading) || !check_patterns(exchange, patterns) ||
        !access_read(exchange, patterns) || !read_stream(exchange, patterns, reading))
        return false;
    sort_patterns(http, patterns, room, reading);
    limit_patterns(exchange, room, reading);
    if (!check_kept(exchange, reading) || !read_since(exchange, reading))
        return false;
    reading->feed = reading->stream ? feeds_get(http->state->feeds, reading->stream) : NULL;
    if (reading->stream && !reading->feed)
        answer_problem(exchange, PROBLEM_UNAVAILABLE, "Retry-After: 1\r\n", "The server is short of memory.");
    return !reading->stream || reading->feed;
}

void read_topics(struct exchange *exchange)
{
    struct slice patterns = exchange->parameter;
    struct reading reading = { .wait_ms = 0 };
    const struct form *form = form_of_path(exchange, &patterns);
    reading.kept_room = patterns.size + 1 + rights_limits_size_max(exchange->session->rights);
    char *room = malloc(reading.kept_room + patterns.size + 1);
    if (!room) {
        answer_problem(exchange, PROBLEM_UNAVAILABLE, "Retry-After: 1\r\n", "The server is short of memory.");
        return;
    }
    if (!form)
        form = form_of_accept(exchange);
    if (read_format(exchange, form, &reading) && read_reading(exchange, patterns, room, &reading)) {
        if (reading.format.shape == FEED_LIST)
            poll_begin(exchange, &reading);
        else
            events_begin(exchange, &reading);
    }
    stream_destroy(reading.stream);
    free(room);
}
