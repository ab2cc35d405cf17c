/*
 * THE table of options. The loader, posthornd --check-config, --print-config, the sample etc/posthornd.ini and the man
 * page posthornd.ini(5) all come from it.
 */
#include <stddef.h>

#include "config/check.h"
#include "config/option.h"
#include "util/log.h"

#define SECTION(section) \
    .name = #section, .offset = offsetof(struct config, section), .size = sizeof(struct config_##section)
#define SECTION_ARRAY(section, array, count) \
    .name = #section, .offset = offsetof(struct config, array), .size = sizeof(struct config_##section), \
    .repeated = true, .count_offset = offsetof(struct config, count)

/* clang-format off */
const struct section config_sections[] = {
    { SECTION(server), .help = "The daemon as a whole." },
    { SECTION(line), .help = "The line protocol, which NATS clients speak." },
    { SECTION(http), .check = check_http,
        .help = "HTTP: publishing, server-sent events, polling, requests, the dashboard and monitoring." },
    { SECTION(recent),
        .help = "The stream named recent, in memory: what was published a short while ago, for clients that poll or "
                "that come back. It keeps every topic but those that begin with $ or _INBOX. and is lost at a "
                "restart, of which readers are told." },
    { SECTION_ARRAY(stream, streams, stream_count), .example = "orders", .check = check_stream,
        .help = "A stream that keeps what is published under its topics, in files, and acknowledges it. The NAME has "
                "no dot. What is changed here holds after a reload, but for storage and retention, which stay what "
                "they were when the stream was made. A stream that is taken out of this file stays, with its messages, "
                "until it is deleted." },
    { SECTION_ARRAY(user, users, user_count), .example = "alice", .check = check_user,
        .help = "Somebody who may enter, under the NAME that clients give as user. Without any such section anybody "
                "may enter. A user has a password, or a token, or both; clients that give a token give no name." },
};
const size_t config_section_count = sizeof config_sections / sizeof *config_sections;

static const char *const log_levels[] = {
    [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_INFO] = "info", [LOG_LEVEL_DEBUG] = "debug", NULL,
};

static const char *const no_or_yes[] = { "no", "yes", NULL };

/* In the order of the enums of stream/settings.h. */
static const char *const storages[] = { "file", "memory", NULL };
static const char *const retentions[] = { "limits", "interest", "workqueue", NULL };
static const char *const discards[] = { "old", "new", NULL };

#define AT(section, field) offsetof(struct config_##section, field)
#define RELOAD OPTION_RELOAD
#define SECRET OPTION_SECRET

/*  section   key                           field                                    kind
        default        min       max        flags
        .help, and where needed .zero .choices .check .expected (option.h says what they are)    */
const struct option config_options[] = {
    { "server", "name",                       AT(server, name),                        OPTION_TEXT,
        "",            "0",      "64",      0,
        .help = "Name of the server as clients are told it. Empty: the name of the host." },
    { "server", "workers",                    AT(server, workers),                     OPTION_COUNT,
        "auto",        "1",      "64",      0,
        .help = "Number of threads that serve clients. With auto, one for each processor and at most 8.",
        .zero = "auto" },
    { "server", "spin",                       AT(server, spin_ns),                     OPTION_DURATION_NS,
        "off",         "1us",    "1ms",     0,
        .help = "How long an idle worker polls before it sleeps: lower latency, bought with processor time.",
        .zero = "off" },
    { "server", "log",                        AT(server, log),                         OPTION_TEXT,
        "stderr",      "1",      "1024",    0,
        .help = "Where the log goes.",
        .check = check_log, .expected = "the word stderr, or the absolute path of a file" },
    { "server", "log_level",                  AT(server, log_level),                   OPTION_CHOICE,
        "info",        NULL,     NULL,      RELOAD,
        .help = "The least severe event that is logged.", .choices = log_levels },
    { "server", "data_dir",                   AT(server, data_dir),                    OPTION_TEXT,
        "auto",        "1",      "1024",    0,
        .help = "Directory of the streams in files, and of all else that outlives the daemon. It is made where it is "
                "missing, and belongs to one daemon at a time. With auto, the one that systemd sets up for the service "
                "($STATE_DIRECTORY); where there is none, streams are kept in memory only.",
        .check = check_data_dir, .expected = "the word auto, or the absolute path of a directory" },
    { "server", "cache_size",                 AT(server, cache_size),                  OPTION_SIZE,
        "64MiB",       "1MiB",   "1TiB",    0,
        .help = "Memory for messages of streams in files that readers have asked for, all streams together. The newest "
                "of each stream are in memory besides." },
    { "server", "segment_size",               AT(server, segment_size),                OPTION_SIZE,
        "32MiB",       "1MiB",   "1GiB",    0,
        .help = "Size of the files of a stream. Space is given back by whole files, when all that is in one has "
                "expired." },
    { "server", "lame_duck_grace",            AT(server, lame_duck_grace_ms),          OPTION_DURATION_MS,
        "10s",         "0",      "1h",      RELOAD,
        .help = "How long clients may leave by themselves after SIGUSR2, before the first of them is closed." },
    { "server", "lame_duck_duration",         AT(server, lame_duck_duration_ms),       OPTION_DURATION_MS,
        "2m",          "0",      "1d",      RELOAD,
        .help = "How long it then takes to close all of them, one after the other." },
    { "server", "connections_max",            AT(server, connections_max),             OPTION_COUNT,
        "65536",       "1",      "1000000", RELOAD,
        .help = "The most connections at a time; one more is refused." },
    { "server", "connections_per_address_max", AT(server, connections_per_address_max), OPTION_COUNT,
        "unlimited",   "1",      "1000000", RELOAD,
        .help = "The most connections at a time from one IP address; one more is refused.",
        .zero = "unlimited" },

    { "line",   "listen",                     AT(line, listen),                        OPTION_LIST,
        "127.0.0.1:4222, [::1]:4222", "1", "64", 0,
        .help = "Where to listen. Port 0 takes a free port. Without users, listen on addresses of this machine only.",
        .check = check_address, .expected = "HOST:PORT, [IPV6]:PORT or unix:/PATH" },
    { "line",   "unix_mode",                  AT(line, unix_mode),                     OPTION_MODE,
        "0660",        "0",      "0777",    0,
        .help = "Permissions of unix sockets." },
    { "line",   "payload_size_max",           AT(line, payload_size_max),              OPTION_SIZE,
        "1MiB",        "1",      "64MiB",   RELOAD,
        .help = "The largest message, headers and payload together. Must not exceed pending_size_max." },
    { "line",   "pending_size_max",           AT(line, pending_size_max),              OPTION_SIZE,
        "64MiB",       "1",      "16GiB",   RELOAD,
        .help = "Output that may wait for one client. A client that lets more pile up is too slow, and is closed." },
    { "line",   "control_size_max",           AT(line, control_size_max),              OPTION_SIZE,
        "4KiB",        "512",    "64KiB",   RELOAD,
        .help = "The longest control line, which is all of an operation but its headers and payload." },
    { "line",   "subscriptions_max",          AT(line, subscriptions_max),             OPTION_COUNT,
        "unlimited",   "1",      "1000000000", RELOAD,
        .help = "The most subscriptions of one connection.", .zero = "unlimited" },
    { "line",   "topic_size_max",             AT(line, topic_size_max),                OPTION_SIZE,
        "1KiB",        "1",      "63KiB",   RELOAD,
        .help = "The longest topic or pattern. Must be below control_size_max." },
    { "line",   "topic_depth_max",            AT(line, topic_depth_max),               OPTION_COUNT,
        "64",          "1",      "1024",    RELOAD,
        .help = "The most tokens in a topic or pattern; a.b.c has three." },
    { "line",   "auth_timeout",               AT(line, auth_timeout_ms),               OPTION_DURATION_MS,
        "2s",          "1ms",    "1h",      RELOAD,
        .help = "Time that a client has to say who it is, where there are users." },
    { "line",   "hello_timeout",              AT(line, hello_timeout_ms),              OPTION_DURATION_MS,
        "30s",         "1ms",    "1h",      RELOAD,
        .help = "Time that a client has for its first operation, where there are no users." },
    { "line",   "write_timeout",              AT(line, write_timeout_ms),              OPTION_DURATION_MS,
        "10s",         "1ms",    "1h",      RELOAD,
        .help = "Time in which a client must take some of the output that waits for it, or it is closed." },
    { "line",   "ping_interval",              AT(line, ping_interval_ms),              OPTION_DURATION_MS,
        "2m",          "1ms",    "1d",      RELOAD,
        .help = "A client that sends nothing for so long is sent a PING." },
    { "line",   "pings_outstanding_max",      AT(line, pings_outstanding_max),         OPTION_COUNT,
        "2",           "1",      "100",     RELOAD,
        .help = "A client that leaves so many PINGs without an answer is closed." },

    { "http",   "enabled",                    AT(http, enabled),                       OPTION_CHOICE,
        "yes",         NULL,     NULL,      0,
        .help = "Whether HTTP is served at all.",
        .choices = no_or_yes },
    { "http",   "listen",                     AT(http, listen),                        OPTION_LIST,
        "127.0.0.1:8222, [::1]:8222", "1",      "64",      0,
        .help = "Where to listen. Port 0 takes a free port. Without users, listen on addresses of this machine only.",
        .check = check_address, .expected = "HOST:PORT, [IPV6]:PORT or unix:/PATH" },
    { "http",   "unix_mode",                  AT(http, unix_mode),                     OPTION_MODE,
        "0660",        "0",      "0777",    0,
        .help = "Permissions of unix sockets." },
    { "http",   "head_size_max",              AT(http, head_size_max),                 OPTION_SIZE,
        "16KiB",       "1KiB",   "64KiB",   RELOAD,
        .help = "The largest head of a request: its first line and its headers. A larger one is answered with 431." },
    { "http",   "target_size_max",            AT(http, target_size_max),               OPTION_SIZE,
        "8KiB",        "64",     "32KiB",   RELOAD,
        .help = "The longest path and query of a request. A longer one is answered with 414. Must be below "
                "head_size_max." },
    { "http",   "headers_max",                AT(http, headers_max),                   OPTION_COUNT,
        "100",         "10",     "100",     RELOAD,
        .help = "The most headers of a request. One that has more is answered with 431." },
    { "http",   "batch_size_max",             AT(http, batch_size_max),                OPTION_SIZE,
        "8MiB",        "1",      "64MiB",   RELOAD,
        .help = "The largest body of a batch, POST /v1/publish. All others may have line.payload_size_max. A larger "
                "one is answered with 413." },
    { "http",   "pending_size_max",           AT(http, pending_size_max),              OPTION_SIZE,
        "8MiB",        "64KiB",  "16GiB",   RELOAD,
        .help = "Output that may wait for one client. A client that lets more pile up is too slow, and is closed; "
                "readers of a stream never come near it." },
    { "http",   "write_timeout",              AT(http, write_timeout_ms),              OPTION_DURATION_MS,
        "10s",         "1ms",    "1h",      RELOAD,
        .help = "Time in which a client must take some of the output that waits for it, or it is closed." },
    { "http",   "head_timeout",               AT(http, head_timeout_ms),               OPTION_DURATION_MS,
        "10s",         "1ms",    "1h",      RELOAD,
        .help = "Time that the head of a request may take to arrive, however slowly it dribbles in." },
    { "http",   "body_timeout",               AT(http, body_timeout_ms),               OPTION_DURATION_MS,
        "1m",          "1ms",    "1h",      RELOAD,
        .help = "Time that the body of a request may then take." },
    { "http",   "idle_timeout",               AT(http, idle_timeout_ms),               OPTION_DURATION_MS,
        "75s",         "1ms",    "1d",      RELOAD,
        .help = "A connection that has no request for so long is closed." },
    { "http",   "request_timeout",            AT(http, request_timeout_ms),            OPTION_DURATION_MS,
        "5s",          "1ms",    "1h",      RELOAD,
        .help = "How long POST /v1/request waits for a reply, where the client does not say. Must not exceed "
                "request_timeout_max." },
    { "http",   "request_timeout_max",        AT(http, request_timeout_max_ms),        OPTION_DURATION_MS,
        "2m",          "1ms",    "1h",      RELOAD,
        .help = "The longest time that a client may ask it to wait." },
    { "http",   "poll_wait_max",              AT(http, poll_wait_max_ms),              OPTION_DURATION_MS,
        "2m",          "0",      "1h",      RELOAD,
        .help = "The longest time that a poll may wait for messages." },
    { "http",   "poll_limit_max",             AT(http, poll_limit_max),                OPTION_COUNT,
        "1000",        "1",      "100000",  RELOAD,
        .help = "The most messages in the answer to a poll." },
    { "http",   "poll_interval_min",          AT(http, poll_interval_min_ms),          OPTION_DURATION_MS,
        "200ms",       "1ms",    "1h",      RELOAD,
        .help = "A client that polls again sooner than this and finds nothing is answered with 429 and Retry-After.",
        .zero = "off" },
    { "http",   "patterns_max",               AT(http, patterns_max),                  OPTION_COUNT,
        "64",          "1",      "1024",    RELOAD,
        .help = "The most patterns that one reader may ask for, separated by commas." },
    { "http",   "heartbeat_interval",         AT(http, heartbeat_interval_ms),         OPTION_DURATION_MS,
        "15s",         "10ms",   "1h",      RELOAD,
        .help = "A reader to whom nothing was sent for so long is sent a comment, so that proxies do not take it for "
                "dead." },
    { "http",   "retry",                      AT(http, retry_ms),                      OPTION_DURATION_MS,
        "3s",          "0",      "1h",      RELOAD,
        .help = "How long a browser waits before it connects again. Each is told up to half as much more, by chance." },
    { "http",   "drain_duration",             AT(http, drain_duration_ms),             OPTION_DURATION_MS,
        "1s",          "0",      "1m",      RELOAD,
        .help = "Over how long readers are let go when the daemon stops, so that they do not all come back at once." },
    { "http",   "origins",                    AT(http, origins),                       OPTION_LIST,
        "",            "0",      "64",      RELOAD,
        .help = "Origins whose pages may use this server, besides its own. With * any page may, but without "
                "credentials.",
        .check = check_origin, .expected = "SCHEME://HOST, SCHEME://HOST:PORT or *" },
    { "http",   "credentials",                AT(http, credentials),                   OPTION_CHOICE,
        "no",          NULL,     NULL,      RELOAD,
        .help = "Whether pages of the origins that are named may send cookies and passwords along.",
        .choices = no_or_yes },
    { "http",   "hosts",                      AT(http, hosts),                         OPTION_LIST,
        "",            "0",      "64",      RELOAD,
        .help = "Names under which this server may be asked by way of this machine's own addresses, besides localhost "
                "and the name of the server: where a proxy passes the name on, say.",
        .check = check_host, .expected = "a host name or an address, without a port" },
    { "http",   "responder_lease",            AT(http, responder_lease_ms),            OPTION_DURATION_MS,
        "30s",         "1ms",    "1h",      RELOAD,
        .help = "How long a worker that took requests by GET /v1/requests is still counted on when it asks no more." },
    { "http",   "responder_queue_max",        AT(http, responder_queue_max),           OPTION_COUNT,
        "1000",        "1",      "1000000", RELOAD,
        .help = "The most requests that wait for the workers of one pattern and group; one more is refused." },

    { "recent", "enabled",                    AT(recent, enabled),                     OPTION_CHOICE,
        "yes",         NULL,     NULL,      0,
        .help = "Whether there is such a stream. Without it, server-sent events are live only and polls are answered "
                "with 404.",
        .choices = no_or_yes },
    { "recent", "bytes_max",                  AT(recent, bytes_max),                   OPTION_SIZE,
        "64MiB",       "1MiB",   "1TiB",    RELOAD,
        .help = "Memory that it may take. The oldest messages make room for the newest." },
    { "recent", "age_max",                    AT(recent, age_max_ms),                  OPTION_DURATION_MS,
        "1h",          "1ms",    "365d",    RELOAD,
        .help = "How long it keeps a message.",
        .zero = "unlimited" },
    { "recent", "messages_max",               AT(recent, messages_max),                OPTION_COUNT,
        "unlimited",   "1",      "1000000000",RELOAD,
        .help = "How many messages it keeps.",
        .zero = "unlimited" },
    { "recent", "messages_per_topic_max",     AT(recent, messages_per_topic_max),      OPTION_COUNT,
        "unlimited",   "1",      "1000000000",RELOAD,
        .help = "How many messages of each topic it keeps; with 1, only the latest.",
        .zero = "unlimited" },
    { "recent", "duplicate_window",           AT(recent, duplicate_window_ms),         OPTION_DURATION_MS,
        "2m",          "1ms",    "1d",      RELOAD,
        .help = "How long the Idempotency-Key or Nats-Msg-Id of a message is remembered; another message that has the "
                "same is dropped.",
        .zero = "off" },
    { "recent", "duplicate_ids_max",          AT(recent, duplicate_ids_max),           OPTION_COUNT,
        "100000",      "1",      "10000000",RELOAD,
        .help = "How many of them are remembered at most." },

    { "stream", "topics",                     AT(stream, topics),                      OPTION_LIST,
        NULL,          "1",      "1024",    RELOAD,
        .help = "Patterns of what it keeps. No two streams keep the same topic.",
        .check = check_pattern, .expected = "a pattern such as orders.> or orders.*.paid" },
    { "stream", "description",                AT(stream, description),                 OPTION_TEXT,
        "",            "0",      "4096",    RELOAD,
        .help = "A word on what it is for, shown to whoever looks at it." },
    { "stream", "storage",                    AT(stream, storage),                     OPTION_CHOICE,
        "file",        NULL,     NULL,      RELOAD,
        .help = "Where it is kept. What is in memory is lost at a restart. Cannot be changed on a stream that is "
                "there.",
        .choices = storages },
    { "stream", "sync",                       AT(stream, sync_ms),                     OPTION_DURATION_MS,
        "always",      "1ms",    "1h",      RELOAD,
        .help = "When what was written is forced onto the disk. With always, before it is acknowledged and before "
                "anybody may read it. With a duration, as often, and what was acknowledged in between may be lost with "
                "the machine's power, but not with the daemon. With never, it is left to the system.",
        .zero = "always", .endless = "never" },
    { "stream", "retention",                  AT(stream, retention),                   OPTION_CHOICE,
        "limits",      NULL,     NULL,      RELOAD,
        .help = "How long a message is kept: until a limit is reached; until all consumers that are interested have "
                "acknowledged it; or, in a workqueue, until one has, for which each topic has one consumer at most. "
                "The limits hold in any case. Cannot be changed on a stream that is there.",
        .choices = retentions },
    { "stream", "age_max",                    AT(stream, age_max_ms),                  OPTION_DURATION_MS,
        "unlimited",   "100ms",  "36500d",  RELOAD,
        .help = "How long it keeps a message.",
        .zero = "unlimited" },
    { "stream", "bytes_max",                  AT(stream, bytes_max),                   OPTION_SIZE,
        "unlimited",   "1KiB",   "1024TiB", RELOAD,
        .help = "How many bytes of messages it keeps.",
        .zero = "unlimited" },
    { "stream", "messages_max",               AT(stream, messages_max),                OPTION_COUNT_WIDE,
        "unlimited",   "1",      "1000000000000000", RELOAD,
        .help = "How many messages it keeps.",
        .zero = "unlimited" },
    { "stream", "messages_per_topic_max",     AT(stream, messages_per_topic_max),      OPTION_COUNT_WIDE,
        "unlimited",   "1",      "1000000000000000", RELOAD,
        .help = "How many messages of each topic it keeps; with 1, only the latest.",
        .zero = "unlimited" },
    { "stream", "message_size_max",           AT(stream, message_size_max),            OPTION_SIZE,
        "unlimited",   "1",      "64MiB",   RELOAD,
        .help = "The largest message that it keeps; a larger one is refused.",
        .zero = "unlimited" },
    { "stream", "consumers_max",              AT(stream, consumers_max),               OPTION_COUNT_WIDE,
        "unlimited",   "1",      "1000000", RELOAD,
        .help = "How many consumers it may have.",
        .zero = "unlimited" },
    { "stream", "discard",                    AT(stream, discard),                     OPTION_CHOICE,
        "old",         NULL,     NULL,      RELOAD,
        .help = "What gives way where bytes_max or messages_max is reached: the oldest messages, or the new one, which "
                "is then refused.",
        .choices = discards },
    { "stream", "discard_new_per_topic",      AT(stream, discard_new_per_topic),       OPTION_CHOICE,
        "no",          NULL,     NULL,      RELOAD,
        .help = "With discard = new: whether a message that goes over messages_per_topic_max is refused as well. "
                "Otherwise the oldest of its topic gives way.",
        .choices = no_or_yes },
    { "stream", "duplicate_window",           AT(stream, duplicate_window_ms),         OPTION_DURATION_MS,
        "2m",          "100ms",  "365d",    RELOAD,
        .help = "How long the Idempotency-Key or Nats-Msg-Id of a message is remembered, and never longer than "
                "age_max; another message that has the same is acknowledged as a duplicate and not kept again.",
        .zero = "off" },
    { "stream", "allow_rollup",               AT(stream, allow_rollup),                OPTION_CHOICE,
        "no",          NULL,     NULL,      RELOAD,
        .help = "Whether a message with the header Nats-Rollup may take the place of all before it.",
        .choices = no_or_yes },
    { "stream", "allow_direct",               AT(stream, allow_direct),                OPTION_CHOICE,
        "no",          NULL,     NULL,      RELOAD,
        .help = "Whether single messages may be asked for by the short way, $JS.API.DIRECT.GET.",
        .choices = no_or_yes },
    { "stream", "deny_delete",                AT(stream, deny_delete),                 OPTION_CHOICE,
        "no",          NULL,     NULL,      RELOAD,
        .help = "Whether single messages can be deleted by nobody. It stays so once it is set.",
        .choices = no_or_yes },
    { "stream", "deny_purge",                 AT(stream, deny_purge),                  OPTION_CHOICE,
        "no",          NULL,     NULL,      RELOAD,
        .help = "Whether it can be emptied by nobody. It stays so once it is set.",
        .choices = no_or_yes },

    { "user",   "password",                   AT(user, password),                      OPTION_TEXT,
        NULL,          "1",      "256",     RELOAD | SECRET,
        .help = "What the user gives as password." },
    { "user",   "token",                      AT(user, token),                         OPTION_TEXT,
        NULL,          "1",      "1024",    RELOAD | SECRET,
        .help = "What the user gives as token. No two users have the same one." },
};
const size_t config_option_count = sizeof config_options / sizeof *config_options;

const struct order config_orders[] = {
    { "line", "topic_size_max",   "control_size_max", true },
    { "line", "payload_size_max", "pending_size_max", false },
    { "http", "target_size_max",  "head_size_max",    true },
};
const size_t config_order_count = sizeof config_orders / sizeof *config_orders;
/* clang-format on */
