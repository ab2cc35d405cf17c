#include "config/check.h"

#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "core/topic.h"
#include "util/network.h"
#include "util/nkey.h"
#include "util/password.h"
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

bool check_pattern_and_group(const char *text)
{
    char pattern[CHECK_ROOM_SIZE];
    size_t size = strcspn(text, " \t"), blanks = strspn(text + size, " \t");
    if (!blanks)
        return check_pattern(text);
    if (size >= sizeof pattern)
        return false;
    memcpy(pattern, text, size);
    pattern[size] = '\0';
    return check_pattern(pattern) && check_pattern(text + size + blanks);
}

static bool read_response_time(const char *text, uint64_t *ret_ms)
{
    uint64_t ns;
    bool good = units_parse_duration(text, &ns) && ns >= 1000000;
    *ret_ms = good ? ns / 1000000 : *ret_ms;
    return good;
}

bool config_read_responses(const char *text, unsigned *ret_max, uint64_t *ret_ms)
{
    char number[UNITS_TEXT_SIZE];
    uint64_t max;
    size_t size = strcspn(text, ",");
    *ret_max = strcmp(text, "yes") == 0;
    *ret_ms = 120000;
    if (*ret_max || strcmp(text, "no") == 0)
        return true;
    if (size >= sizeof number)
        return false;
    memcpy(number, text, size);
    number[size] = '\0';
    if (!units_parse_count(number, &max) || max > UINT16_MAX)
        return false;
    *ret_max = (unsigned)max;
    return !text[size] || read_response_time(text + size + 1 + strspn(text + size + 1, " \t"), ret_ms);
}

bool check_responses(const char *text)
{
    unsigned max;
    uint64_t ms;
    return config_read_responses(text, &max, &ms);
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

bool check_network(const char *text)
{
    struct network network;
    return network_read(text, &network);
}

bool check_path(const char *text)
{
    return text[0] == '/';
}

bool check_path_or_nothing(const char *text)
{
    return !*text || check_path(text);
}

bool check_url(const char *text)
{
    size_t scheme_size = strncmp(text, "https://", 8) == 0 ? 8 : strncmp(text, "http://", 7) == 0 ? 7 : 0;
    return scheme_size && host_size(text + scheme_size) && !strpbrk(text, " \t");
}

bool check_url_or_nothing(const char *text)
{
    return !*text || check_url(text);
}

bool check_host_or_nothing(const char *text)
{
    static const char signs[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:";
    return text[strspn(text, signs)] == '\0';
}

bool check_pair(const char *text)
{
    size_t size = strcspn(text, "=");
    return size && text[size] && text[size + 1];
}

bool check_secret(const char *text)
{
    return strncmp(text, "whsec_", 6) == 0 || strncmp(text, "whsk_", 5) == 0;
}

bool check_duration(const char *text)
{
    uint64_t ns;
    return units_parse_duration(text, &ns) && ns % 1000000 == 0;
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

/* In the words of the choices: 0 no, 1 optional or yes, 2 required or auto. */
const char *check_tls(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE])
{
    const struct config_tls *tls = instance;
    (void)room;
    if ((config->line.tls || config->http.tls) && !*tls->certificate)
        return "expected a certificate, because [line] tls or [http] tls is on";
    if (tls->verify && !*tls->ca)
        return "expected a ca beside verify";
    return tls->handshake_first == 1 && config->line.tls != 2
               ? "expected [line] tls = required beside handshake_first = yes, because INFO comes too late for others"
               : NULL;
}

const char *check_certificate(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE])
{
    const struct config_certificate *certificate = instance;
    (void)room;
    if (!*certificate->certificate)
        return "expected a certificate";
    return *config->tls.certificate ? NULL : "expected a certificate in [tls], for clients that ask for no name";
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

const char *check_spool(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE])
{
    const struct config_list *topics = &((const struct config_spool *)instance)->topics;
    (void)config;
    for (size_t i = 0; i < topics->item_count; i++)
        for (size_t k = 0; k < i; k++)
            if (pattern_overlaps(slice_of(topics->items[i]), slice_of(topics->items[k]))) {
                snprintf(room, CHECK_ROOM_SIZE, "expected topics of which none overlaps another, as %s does %s",
                         topics->items[i], topics->items[k]);
                return room;
            }
    return NULL;
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

const char *check_webhook(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE])
{
    const struct config_webhook *webhook = instance;
    (void)config;
    (void)room;
    if (webhook->name[strspn(webhook->name, LETTERS DIGITS "-_")])
        return "expected a NAME of letters, digits, - and _, because names of webhooks are tokens of topics";
    if (!webhook->url)
        return "expected a url, to which messages are sent";
    if (!webhook->pattern)
        return "expected a pattern, the topics whose messages are sent";
    return *webhook->key && webhook->mode != 1 ? "expected mode = keyed beside key" : NULL;
}

bool check_line_url(const char *text)
{
    static const char *const schemes[] = { "nats://", "posthorn://", "tls://" };
    if (strncmp(text, "unix:", 5) == 0)
        return is_unix_path(text + 5);
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strncmp(text, schemes[i], strlen(schemes[i])) == 0)
            text += strlen(schemes[i]);
    const char *rest = text + host_size(text);
    return rest > text && (!*rest || (*rest == ':' && is_port(rest + 1)));
}

static bool is_path_byte(char c)
{
    return c == '/' || strchr("-_.~", c) || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

bool check_call_path(const char *text)
{
    size_t size = strlen(text);
    for (const char *at = text; *at; at++)
        if (!is_path_byte(*at))
            return false;
    bool is_ours = strncmp(text, "/v1", 3) == 0 && (!text[3] || text[3] == '/');
    return size > 1 && text[0] == '/' && text[size - 1] != '/' && !is_ours;
}


bool check_topic(const char *text)
{
    return check_pattern(text) && !pattern_has_wildcard(slice_of(text));
}

bool check_expression(const char *text)
{
    regex_t expression;
    if (regcomp(&expression, text, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    regfree(&expression);
    return true;
}

/* What the messages of log files have besides their records. */
enum { TAIL_HEADERS_SIZE = 8 << 10 };

const char *check_tail(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE])
{
    const struct config_tail *tail = instance;
    (void)room;
    if (tail->name[strspn(tail->name, LETTERS DIGITS "-_")])
        return "expected a NAME of letters, digits, - and _";
    if (!tail->paths.item_count)
        return "expected a path";
    if (!tail->topic)
        return "expected a topic";
    return tail->record_size_max + TAIL_HEADERS_SIZE <= config->line.payload_size_max
               ? NULL
               : "expected a record_size_max of 8KiB less than [line] payload_size_max, for headers";
}

const char *check_uplink(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE])
{
    const struct config_uplink *uplink = instance;
    (void)config;
    (void)room;
    if (!uplink->url.item_count)
        return "expected a url, where the broker is";
    if (!!uplink->user != !!uplink->password)
        return "expected user and password together";
    if ((uplink->user != NULL) + (uplink->token != NULL) + (*uplink->credentials_file != '\0') > 1)
        return "expected one of user with password, token, and credentials_file";
    if (*uplink->nkey_file && *uplink->creds_file)
        return "expected one of nkey_file and creds_file";
    if (*uplink->key && !*uplink->certificate)
        return "expected a certificate with the key";
    return uplink->reconnect_wait_ms <= uplink->reconnect_wait_max_ms
               ? NULL
               : "expected a reconnect_wait of at most reconnect_wait_max";
}

bool check_base_url(const char *text)
{
    return check_url(text) && !strpbrk(text, "?#");
}

bool check_url_path_or_nothing(const char *text)
{
    return !*text || (*text == '/' && !strpbrk(text, " \t#"));
}

bool check_group(const char *text)
{
    return !strpbrk(text, " \t.*>");
}

const char *check_deliver(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE])
{
    const struct config_deliver *deliver = instance;
    (void)config;
    (void)room;
    if (deliver->name[strspn(deliver->name, LETTERS DIGITS "-_")])
        return "expected a NAME of letters, digits, - and _, because names of consumers are tokens of topics";
    if (!deliver->pattern)
        return "expected a pattern, the topics whose messages are delivered";
    return deliver->to ? NULL : "expected to, the URL to which messages are posted";
}

const char *check_serve(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE])
{
    const struct config_serve *serve = instance;
    (void)config;
    (void)room;
    if (!serve->topic)
        return "expected a topic, on which requests are answered";
    return serve->to ? NULL : "expected to, the URL of the application that answers";
}

bool check_password(const char *text)
{
    return !password_is_hash(text) || password_hash_is_good(text);
}

bool check_token(const char *text)
{
    static const char prefix[] = "sha256:";
    const char *digits = text + sizeof prefix - 1;
    return strncmp(text, prefix, sizeof prefix - 1) != 0 ||
           (strlen(digits) == 64 && digits[strspn(digits, "abcdefABCDEF" DIGITS)] == '\0');
}

bool check_nkey(const char *text)
{
    struct nkey key;
    return !*text || (nkey_read(slice_of(text), &key) && key.kind == NKEY_USER);
}

bool config_has_jwt(const struct config *config)
{
    return *config->jwt.jwks_file || *config->jwt.secret_file;
}

static bool is_user(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->user_count; i++)
        if (strcmp(config->users[i].name, name) == 0)
            return true;
    return false;
}

const char *check_jwt(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE])
{
    const struct config_jwt *jwt = instance;
    bool is_used = *jwt->issuer || jwt->audience.item_count || *jwt->user;
    (void)room;
    if (!config_has_jwt(config))
        return is_used ? "expected a jwks_file or a secret_file, with the keys of tokens" : NULL;
    if (!*jwt->issuer || !jwt->audience.item_count)
        return "expected an issuer and an audience, so that a token which is meant for others lets nobody in";
    return !*jwt->user || is_user(config, jwt->user) ? NULL : "expected a user that there is, as [user NAME]";
}

/* Which user has what in common with another, auth/users.h says. */
const char *check_user(const struct config *config, const void *instance, char room[CHECK_ROOM_SIZE])
{
    const struct config_user *user = instance;
    (void)room;
    bool has_any = config_has_jwt(config) || user->password || user->token || *user->nkey || *user->certificate ||
                   user->certificate_names.item_count || user->unix_users.item_count;
    return has_any ? NULL : "expected a password, token, nkey, certificate, certificate_names or unix_user";
}
