#include "config/check.h"

#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "core/topic.h"
#include "util/units.h"

bool check_log(const char *text)
{
    return text[0] == '/' || strcmp(text, "stderr") == 0;
}

bool check_data_dir(const char *text)
{
    return text[0] == '/' || strcmp(text, "auto") == 0;
}

bool check_pattern(const char *text)
{
    static const struct topic_limits widest = { .size_max = 65535, .depth_max = TOPIC_DEPTH_LIMIT };
    return pattern_valid(slice_of(text), &widest) && topic_is_writable(slice_of(text));
}

/* Room for the path of a unix socket, NUL included: that of sockaddr_un, which a room without sockets does not see. */
#define UNIX_PATH_SIZE 108

static bool is_unix_path(const char *path)
{
    return path[0] == '/' && strlen(path) < UNIX_PATH_SIZE;
}

static bool is_port(const char *text)
{
    uint64_t port;
    return units_parse_count(text, &port) && port <= 65535;
}

/* The ':' that parts host and port. NULL where there is no host, or one with colons and no brackets. */
static const char *find_port(const char *text)
{
    const char *from = text;
    if (text[0] == '[') {
        from = strchr(text, ']');
        return from && from > text + 1 && from[1] == ':' ? from + 1 : NULL;
    }
    from = strchr(text, ':');
    return from && from > text && !strpbrk(text, "[]") ? from : NULL;
}

bool check_address(const char *text)
{
    if (strncmp(text, "unix:", 5) == 0)
        return is_unix_path(text + 5);
    const char *colon = find_port(text);
    return colon && is_port(colon + 1);
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* The length of the host that text begins with; 0: none. */
static size_t host_size(const char *text)
{
    if (text[0] != '[')
        return strspn(text, LETTERS DIGITS "-._");
    size_t size = 1 + strspn(text + 1, "abcdefABCDEF" DIGITS ":.");
    return size > 1 && text[size] == ']' ? size + 1 : 0;
}

bool check_host(const char *text)
{
    size_t size = host_size(text);
    return size && !text[size];
}

bool check_origin(const char *text)
{
    size_t scheme_size = strspn(text, LETTERS DIGITS "+-.");
    const char *host = text + scheme_size + 3;
    if (strcmp(text, "*") == 0)
        return true;
    if (!scheme_size || strncmp(text + scheme_size, "://", 3) != 0 || !host_size(host))
        return false;
    const char *rest = host + host_size(host);
    return !*rest || (*rest == ':' && is_port(rest + 1));
}

const char *check_http(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE])
{
    const struct config_http *http = instance;
    (void)config;
    (void)room;
    return http->request_timeout_ms <= http->request_timeout_max_ms
               ? NULL
               : "expected a request_timeout of at most request_timeout_max";
}

/* A topic of a stream that overlaps this one, among the first `count` of the stream; NULL: none does. */
static const char *find_overlap(const struct config_stream *stream, size_t count, const char *topic)
{
    for (size_t i = 0; i < count; i++)
        if (pattern_overlaps(slice_of(stream->topics.items[i]), slice_of(topic)))
            return stream->topics.items[i];
    return NULL;
}

/* The stream and the topic of it that a topic overlaps, which is the one at `index` of its own stream. */
static const char *find_other(const struct config *config, const struct config_stream *stream, size_t index,
                              const struct config_stream **ret_other)
{
    const char *topic = stream->topics.items[index], *overlap = find_overlap(stream, index, topic);
    *ret_other = stream;
    for (const struct config_stream *other = config->streams; !overlap && other < stream; other++) {
        overlap = find_overlap(other, other->topics.item_count, topic);
        *ret_other = other;
    }
    return overlap;
}

static const char *check_topics(const struct config *config, const struct config_stream *stream,
                                char room[CHECK_ROOM_SIZE])
{
    for (size_t i = 0; i < stream->topics.item_count; i++) {
        const struct config_stream *other;
        const char *overlap = find_other(config, stream, i, &other);
        if (!overlap)
            continue;
        snprintf(room, CHECK_ROOM_SIZE, "expected topics that no other stream keeps; %s overlaps %s of [stream %s]",
                 stream->topics.items[i], overlap, other->name);
        return room;
    }
    return stream->topics.item_count ? NULL : "expected topics, the patterns of what it keeps";
}

const char *check_stream(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE])
{
    const struct config_stream *stream = instance;
    if (strchr(stream->name, '.'))
        return "expected a NAME without a dot, because names of streams are tokens of topics";
    if (strcmp(stream->name, "recent") == 0)
        return "expected another NAME; recent is the stream in memory, which [recent] configures";
    if (stream->discard_new_per_topic && !(stream->discard && stream->messages_per_topic_max))
        return "expected discard = new and messages_per_topic_max beside discard_new_per_topic";
    return check_topics(config, stream, room);
}

static bool token_is_its_own(const struct config *config, const struct config_user *user)
{
    for (const struct config_user *other = config->users; user->token && other < user; other++)
        if (other->token && strcmp(other->token, user->token) == 0)
            return false;
    return true;
}

const char *check_user(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE])
{
    const struct config_user *user = instance;
    (void)room;
    if (!user->password && !user->token)
        return "expected a password or a token";
    return token_is_its_own(config, user) ? NULL : "expected a token that no other user has";
}
