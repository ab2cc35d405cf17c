/*
 * THE table of options. The loader, --check-config, --print-config, the samples etc/posthornd.ini and
 * etc/posthorn-sidecar.ini and the man pages posthornd.ini(5) and posthorn-sidecar.ini(5) all come from it.
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

#define BROKER PROGRAM_BROKER
#define SIDECAR PROGRAM_SIDECAR
#define BOTH (BROKER | SIDECAR)

/* clang-format off */
const struct section config_sections[] = {
    { SECTION(server), .programs = BOTH, .help = "The daemon as a whole." },
    { SECTION(line), .programs = BOTH, .help = "The line protocol, which NATS clients speak." },
    { SECTION(http), .programs = BOTH, .check = check_http,
        .help = "HTTP: publishing, server-sent events, polling, requests, the dashboard and monitoring." },
    { SECTION(tls), .programs = BOTH, .check = check_tls,
        .help = "TLS 1.2 and 1.3 on the listeners whose section says tls. The files are in PEM and are read again at a "
                "reload; connections that are there stay. The configuration is refused where one of them is bad." },
    { SECTION_ARRAY(certificate, certificates, certificate_count), .programs = BOTH, .example = "other.example.com",
        .check = check_certificate,
        .help = "A certificate for clients that ask for a name that is in it and not in that of [tls] (SNI). The NAME "
                "is for the log." },
    { SECTION(recent), .programs = BROKER,
        .help = "The stream named recent, in memory: what was published a short while ago, for clients that poll or "
                "that come back. It keeps every topic but those that begin with $ or _INBOX. and is lost at a "
                "restart, of which readers are told." },
    { SECTION_ARRAY(stream, streams, stream_count), .programs = BROKER, .example = "orders",
        .check = check_stream,
        .help = "A stream that keeps what is published under its topics, in files, and acknowledges it. The NAME has "
                "no dot. What is changed here holds after a reload, but for storage and retention, which stay what "
                "they were when the stream was made. A stream that is taken out of this file stays, with its messages, "
                "until it is deleted." },
    { .name = "webhooks", .offset = offsetof(struct config, webhooks_all), .size = sizeof(struct config_webhooks),
        .programs = BROKER,
        .help = "What holds for all webhooks." },
    { SECTION_ARRAY(webhook, webhooks, webhook_count), .programs = BROKER, .example = "billing",
        .check = check_webhook,
        .help = "A URL to which the messages of a pattern are sent, signed, and again until they are taken. The NAME "
                "has letters, digits, - and _. Further ones are made over HTTP and by posthorn webhook." },
    { SECTION(uplink), .programs = SIDECAR, .check = check_uplink,
        .help = "The broker that the sidecar stands before. What is changed here holds after a reload; where url or "
                "credentials have changed, the sidecar connects anew." },
    { SECTION(spool), .programs = SIDECAR, .check = check_spool,
        .help = "What the application publishes is kept here until the broker has it, in files below data_dir, and "
                "in memory only where there is none. It goes on in order, and the broker keeps each message once." },
    { SECTION(call), .programs = SIDECAR,
        .help = "How the application calls others by plain HTTP: GET /svc/users/42 becomes a request on the topic "
                "svc.users.GET, and its reply the answer." },
    { SECTION_ARRAY(tail, tails, tail_count), .programs = SIDECAR, .example = "nginx", .check = check_tail,
        .help = "Log files whose records become messages, each once, as they are written. They are followed when they "
                "are renamed, cut (copytruncate), removed or made anew; how far they have been read outlives the "
                "sidecar. While the spool takes nothing they are not read on. Each message has a Nats-Msg-Id, made of "
                "the file and the place in it. The NAME has letters, digits, - and _." },
    { SECTION_ARRAY(deliver, delivers, deliver_count), .programs = SIDECAR, .example = "orders",
        .check = check_deliver,
        .help = "Messages that a stream of the broker keeps, posted to the application as they come. The broker "
                "remembers under the NAME (letters, digits, - and _) how far this has come; sidecars that share a NAME "
                "share the messages. An answer 2xx means that the message is done with, unless its body is JSON with a "
                "status RETRY or DROP; 404 that it is unwanted, and any other that it is to be sent again later." },
    { SECTION_ARRAY(serve, serves, serve_count), .programs = SIDECAR, .example = "users", .check = check_serve,
        .help = "Requests on topics that the application answers over HTTP: what Posthorn-Method, Posthorn-Target and "
                "the other headers of a request say is what it is asked, and status, headers and body of its answer "
                "are the reply. While it is away nobody listens here." },
    { SECTION(jwt), .programs = BOTH, .check = check_jwt,
        .help = "JSON Web Tokens that let somebody in, as Bearer over HTTP, and as jwt or auth_token over the line "
                "protocol. Their sub is the user's name. A claim posthorn says what he may: publish, publish_deny, "
                "subscribe, subscribe_deny (lists of patterns), manage and monitor (true or false); what it does not "
                "give is not given. Without it he may what [user NAME] of his name may, or the user that is named "
                "here. iss, aud, sub and exp have to be there. When a token's time is over, its connections end." },
    { SECTION_ARRAY(user, users, user_count), .programs = BOTH, .example = "alice", .check = check_user,
        .help = "Somebody who may enter, under the NAME that clients give as user. Without any such section, and "
                "without [jwt], anybody may enter. A user has one or more ways to prove who he is; only with a "
                "password do clients give a name. Each way but the password is one user's alone." },
};
const size_t config_section_count = sizeof config_sections / sizeof *config_sections;

static const char *const log_levels[] = {
    [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_INFO] = "info", [LOG_LEVEL_DEBUG] = "debug", NULL,
};

static const char *const no_or_yes[] = { "no", "yes", NULL };

/* In the order of enum secure_demand of net/secure.h, and of the like of certificates. */
static const char *const demands[] = { "no", "optional", "required", NULL };
static const char *const tls_versions[] = { "1.2", "1.3", NULL };
static const char *const firsts[] = { "no", "yes", "auto", NULL };

/* In the order of the enums of stream/settings.h. */
static const char *const storages[] = { "file", "memory", NULL };
static const char *const retentions[] = { "limits", "interest", "workqueue", NULL };
static const char *const acknowledgements[] = { "buffered", "durable", "upstream", NULL };
static const char *const discards[] = { "old", "new", NULL };

/* In the order of the enums of push/settings.h and push/body.h. */
static const char *const modes[] = { "parallel", "keyed", "ordered", NULL };
static const char *const bodies[] = { "payload", "envelope", "cloudevents", "cloudevents-structured", NULL };
static const char *const verifications[] = { "none", "options", "challenge", NULL };
static const char *const client_errors[] = { "retry", "dead", NULL };

static const char *const tail_formats[] = { "text", "json", NULL };
static const char *const tail_starts[] = { "start", "end", NULL };

/* In the order that struct config_deliver says. */
static const char *const starts[] = { "all", "new", NULL };
static const char *const delivery_modes[] = { "parallel", "ordered", NULL };
static const char *const delivery_bodies[] = { "payload", "cloudevents", "cloudevents-structured", NULL };

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
        .zero = "auto", .programs = BROKER },
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
    { "server", "stop_grace",                 AT(server, stop_grace_ms),               OPTION_DURATION_MS,
        "20s",         "1ms",    "1h",      RELOAD, .programs = SIDECAR,
        .help = "How long after SIGTERM the application is still served where it has not gone. From SIGTERM on the "
                "sidecar begins nothing more for others, and ends what it has begun. A second SIGTERM ends this time.",
        .zero = "off" },
    { "server", "stop_quiet",                 AT(server, stop_quiet_ms),               OPTION_DURATION_MS,
        "500ms",       "0",      "1h",      RELOAD, .programs = SIDECAR,
        .help = "The application has gone when nobody has been connected for so long." },
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
    { "server", "core_dumps",                 AT(server, core_dumps),                  OPTION_CHOICE,
        "no",          NULL,     NULL,      0,
        .help = "Whether a crash may leave a core dump behind, in which passwords, tokens and messages stand readable. "
                "Without them other processes of the same user cannot look into the broker with a debugger either.",
        .choices = no_or_yes },
    { "server", "open",                       AT(server, open),                        OPTION_CHOICE,
        "no",          NULL,     NULL,      RELOAD,
        .help = "Whether it may listen on addresses that other machines reach though there are no users, so that "
                "anybody who reaches them may do everything. Without this word such a configuration is refused.",
        .choices = no_or_yes },
    { "server", "auth_delay_max",             AT(server, auth_delay_max_ms),           OPTION_DURATION_MS,
        "5s",          "1ms",    "1m",      RELOAD,
        .help = "Whoever fails to prove who he is hears of it later each time, counted for each address: after the "
                "third failure in 100 milliseconds, then in twice as long, and at most so late.",
        .zero = "off" },

    { "line",   "listen",                     AT(line, listen),                        OPTION_LIST,
        "127.0.0.1:4222, [::1]:4222", "1", "64", 0,
        .help = "Where to listen. Port 0 takes a free port. Without users, listen on addresses of this machine only; "
                "anything wider is refused, unless server.open asks for it.",
        .check = check_address, .expected = "HOST:PORT, [IPV6]:PORT or unix:/PATH" },
    { "line",   "unix_mode",                  AT(line, unix_mode),                     OPTION_MODE,
        "0660",        "0",      "0777",    0,
        .help = "Permissions of unix sockets." },
    { "line",   "tls",                        AT(line, tls),                           OPTION_CHOICE,
        "no",          NULL,     NULL,      RELOAD,
        .help = "Whether clients are to speak TLS. With optional, they may. Unix sockets are always plain. For new "
                "connections.",
        .choices = demands },
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
        .help = "Where to listen. Port 0 takes a free port. Without users, listen on addresses of this machine only; "
                "anything wider is refused, unless server.open asks for it.",
        .check = check_address, .expected = "HOST:PORT, [IPV6]:PORT or unix:/PATH" },
    { "http",   "unix_mode",                  AT(http, unix_mode),                     OPTION_MODE,
        "0660",        "0",      "0777",    0,
        .help = "Permissions of unix sockets." },
    { "http",   "tls",                        AT(http, tls),                           OPTION_CHOICE,
        "no",          NULL,     NULL,      RELOAD,
        .help = "Whether HTTP is HTTPS. With optional, it is either. Unix sockets are always plain. For new "
                "connections.",
        .choices = demands },
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
    { "http",   "ticket_lifetime",            AT(http, ticket_lifetime_ms),            OPTION_DURATION_MS,
        "30s",         "1s",     "10m",     RELOAD,
        .help = "How long a ticket of POST /v1/tickets is good, for one use." },
    { "http",   "session_lifetime",           AT(http, session_lifetime_ms),           OPTION_DURATION_MS,
        "12h",         "1m",     "90d",     RELOAD,
        .help = "How long a browser that has logged in at the dashboard is known by its cookie." },
    { "http",   "responder_lease",            AT(http, responder_lease_ms),            OPTION_DURATION_MS,
        "30s",         "1ms",    "1h",      RELOAD,
        .help = "How long a worker that took requests by GET /v1/requests is still counted on when it asks no more." },
    { "http",   "responder_queue_max",        AT(http, responder_queue_max),           OPTION_COUNT,
        "1000",        "1",      "1000000", RELOAD,
        .help = "The most requests that wait for the workers of one pattern and group; one more is refused." },

    { "tls",    "certificate",                AT(tls, certificate),                    OPTION_TEXT,
        "",            "0",      "1024",    RELOAD,
        .help = "The certificate, and behind it those that lead to its CA.",
        .check = check_path_or_nothing, .expected = "an absolute path, or nothing" },
    { "tls",    "key",                        AT(tls, key),                            OPTION_TEXT,
        "",            "0",      "1024",    RELOAD,
        .help = "Its private key, which has no password. Empty: it is in the file of the certificate.",
        .check = check_path_or_nothing, .expected = "an absolute path, or nothing" },
    { "tls",    "ca",                         AT(tls, ca),                             OPTION_TEXT,
        "",            "0",      "1024",    RELOAD,
        .help = "The CAs whose certificates clients may show. Certificates of users are of these.",
        .check = check_path_or_nothing, .expected = "an absolute path, or nothing" },
    { "tls",    "verify",                     AT(tls, verify),                         OPTION_CHOICE,
        "no",          NULL,     NULL,      RELOAD,
        .help = "Whether clients are asked for a certificate, and whether those without one are refused. One that no "
                "CA vouches for is refused in either case.",
        .choices = demands },
    { "tls",    "min_version",                AT(tls, min_version),                    OPTION_CHOICE,
        "1.2",         NULL,     NULL,      RELOAD,
        .help = "The oldest version of TLS that is spoken.",
        .choices = tls_versions },
    { "tls",    "ciphers",                    AT(tls, ciphers),                        OPTION_TEXT,
        "ECDHE+AESGCM:ECDHE+CHACHA20", "1", "1024", RELOAD,
        .help = "The ciphers of TLS 1.2, as openssl-ciphers(1) writes them." },
    { "tls",    "cipher_suites",              AT(tls, cipher_suites),                  OPTION_TEXT,
        "",            "0",      "1024",    RELOAD,
        .help = "Those of TLS 1.3, with colons between them. Empty: OpenSSL's." },
    { "tls",    "handshake_first",            AT(tls, handshake_first),                OPTION_CHOICE,
        "no",          NULL,     NULL,      RELOAD,
        .help = "Whether clients of the line protocol begin with the handshake, before INFO. NATS clients do so where "
                "they are told to. With auto, those that have not begun after 50 ms are sent INFO.",
        .choices = firsts },
    { "tls",    "handshake_timeout",          AT(tls, handshake_timeout_ms),           OPTION_DURATION_MS,
        "5s",          "1ms",    "1h",      RELOAD,
        .help = "How long a handshake may take, and where TLS is required, how long a client may wait with it." },

    { "certificate", "certificate",           AT(certificate, certificate),            OPTION_TEXT,
        "",            "0",      "1024",    RELOAD,
        .help = "As in [tls].",
        .check = check_path_or_nothing, .expected = "an absolute path, or nothing" },
    { "certificate", "key",                   AT(certificate, key),                    OPTION_TEXT,
        "",            "0",      "1024",    RELOAD,
        .help = "As in [tls].",
        .check = check_path_or_nothing, .expected = "an absolute path, or nothing" },

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
                "A webhook that reads it counts as one of them. The limits hold in any case. Cannot be changed on a "
                "stream that is there.",
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

    { "webhooks", "allow_networks",           AT(webhooks, allow_networks),            OPTION_LIST,
        "",            "0",      "256",     RELOAD,
        .help = "Addresses that webhooks may be sent to though they are not of the public Internet, such as those of "
                "this machine and of private networks.",
        .check = check_network, .expected = "a network such as 10.0.0.0/8 or fd00::/8, or an address" },
    { "webhooks", "ca",                       AT(webhooks, ca),                        OPTION_TEXT,
        "",            "0",      "1024",    RELOAD,
        .help = "A file of the authorities (PEM) that vouch for receivers. Empty: those of the system.",
        .check = check_path_or_nothing, .expected = "the absolute path of a file, or nothing" },
    { "webhooks", "proxy",                    AT(webhooks, proxy),                     OPTION_TEXT,
        "",            "0",      "1024",    RELOAD,
        .help = "A proxy that webhooks are sent through. It sees to it itself where it connects to, and its own "
                "address must be one that they may be sent to. The environment's proxies are never used.",
        .check = check_url_or_nothing, .expected = "a URL such as http://proxy:3128, or nothing" },
    { "webhooks", "origin",                   AT(webhooks, origin),                    OPTION_TEXT,
        "",            "0",      "253",     RELOAD,
        .help = "The name by which receivers are asked whether they want messages, with verify = options. Empty: that "
                "of the machine.",
        .check = check_host_or_nothing, .expected = "a name such as events.example.org, or nothing" },
    { "webhooks", "connections_max",          AT(webhooks, connections_max),           OPTION_COUNT,
        "1024",        "1",      "65536",   RELOAD,
        .help = "The most connections that all webhooks have together." },
    { "webhooks", "attempts_kept",            AT(webhooks, attempts_kept),             OPTION_COUNT,
        "100",         "0",      "10000",   RELOAD,
        .help = "Of how many attempts each webhook remembers what became of them." },

    { "webhook", "url",                       AT(webhook, url),                        OPTION_TEXT,
        NULL,          "1",      "2048",    RELOAD,
        .help = "Where the messages are sent.",
        .check = check_url, .expected = "a URL such as https://example.org/hook" },
    { "webhook", "pattern",                   AT(webhook, pattern),                    OPTION_TEXT,
        NULL,          "1",      "65535",   RELOAD,
        .help = "The topics whose messages are sent. What no [stream NAME] keeps is read from recent, and lost at a "
                "restart.",
        .check = check_pattern, .expected = "a pattern such as orders.> or orders.*.paid" },
    { "webhook", "filter",                    AT(webhook, filter),                     OPTION_LIST,
        "",            "0",      "32",      RELOAD,
        .help = "Headers that a message must have to be sent.",
        .check = check_pair, .expected = "NAME=VALUE" },
    { "webhook", "start",                     AT(webhook, start),                      OPTION_TEXT,
        "new",         "1",      "64",      RELOAD,
        .help = "Where it begins when it is new: with what is published from then on, with all that is kept, behind a "
                "cursor, or at a time such as 2026-01-31T12:00:00Z." },
    { "webhook", "mode",                      AT(webhook, mode),                       OPTION_CHOICE,
        "parallel",    NULL,     NULL,      RELOAD,
        .help = "Which messages wait until the ones before them are taken: none; those of the same key; or all of a "
                "stream.",
        .choices = modes },
    { "webhook", "key",                       AT(webhook, key),                        OPTION_TEXT,
        "",            "0",      "256",     RELOAD,
        .help = "With mode = keyed, what is the key: topic, which is the default, or header:NAME." },
    { "webhook", "body",                      AT(webhook, body),                       OPTION_CHOICE,
        "payload",     NULL,     NULL,      RELOAD,
        .help = "What is sent of a message: its payload; the JSON object that polls show; or a CloudEvent, whose "
                "attributes are headers or, with cloudevents-structured, members of a JSON object.",
        .choices = bodies },
    { "webhook", "secret_file",               AT(webhook, secret_file),                OPTION_TEXT,
        NULL,          "1",      "1024",    RELOAD,
        .help = "A file with the secrets that messages are signed with, one a line: whsec_... for v1, whsk_... for "
                "v1a, of Standard Webhooks.",
        .check = check_path, .expected = "the absolute path of a file" },
    { "webhook", "secrets",                   AT(webhook, secrets),                    OPTION_LIST,
        "",            "0",      "8",       RELOAD | SECRET,
        .help = "The same here. Where there is neither, a secret is made, which posthorn webhook info --secret shows.",
        .check = check_secret, .expected = "whsec_... or whsk_..." },
    { "webhook", "authorization",             AT(webhook, authorization),              OPTION_TEXT,
        NULL,          "1",      "4096",    RELOAD | SECRET,
        .help = "What each request has as its header Authorization." },
    { "webhook", "headers",                   AT(webhook, headers),                    OPTION_LIST,
        "",            "0",      "31",      RELOAD | SECRET,
        .help = "Further headers of each request: Accept, Accept-Language, User-Agent, Api-Key, and X-..., but for "
                "those of proxies and clouds.",
        .check = check_pair, .expected = "NAME=VALUE" },
    { "webhook", "concurrency",               AT(webhook, concurrency),                OPTION_COUNT,
        "16",          "1",      "1024",    RELOAD,
        .help = "How many requests are under way at once, at most." },
    { "webhook", "rate",                      AT(webhook, rate),                       OPTION_COUNT,
        "unlimited",   "1",      "1000000", RELOAD,
        .help = "How many requests are begun in a second, at most.",
        .zero = "unlimited" },
    { "webhook", "timeout",                   AT(webhook, timeout_ms),                 OPTION_DURATION_MS,
        "15s",         "1ms",    "5m",      RELOAD,
        .help = "How long an attempt may take, from the look-up of the name to the end of the answer." },
    { "webhook", "retries",                   AT(webhook, retries),                    OPTION_LIST,
        "5s, 5m, 30m, 2h, 5h, 10h, 14h, 20h, 24h", "0", "64", RELOAD,
        .help = "When a message that was not taken is sent again: after the first attempt, the second, and so on. "
                "Each is moved by up to a fifth, by chance. One that is still not taken after the last is dead, and "
                "kept as such.",
        .check = check_duration, .expected = "a duration such as 5s" },
    { "webhook", "retry_after_max",           AT(webhook, retry_after_max_ms),         OPTION_DURATION_MS,
        "1h",          "1ms",    "30d",     RELOAD,
        .help = "How long a receiver may ask to be left alone by Retry-After, at most." },
    { "webhook", "client_errors",             AT(webhook, client_errors),              OPTION_CHOICE,
        "retry",       NULL,     NULL,      RELOAD,
        .help = "What an answer 400 to 499 means, but for 408, 410, 425 and 429: to send the message again, or that "
                "it is dead.",
        .choices = client_errors },
    { "webhook", "disable_after",             AT(webhook, disable_after_ms),           OPTION_DURATION_MS,
        "5d",          "1s",     "365d",    RELOAD,
        .help = "A webhook that has had nothing but failures for so long is disabled.",
        .endless = "never" },
    { "webhook", "verify",                    AT(webhook, verify),                     OPTION_CHOICE,
        "none",        NULL,     NULL,      RELOAD,
        .help = "Whether the receiver is asked if it wants the messages, before any is sent and whenever the url "
                "changes: by OPTIONS, as CloudEvents has it for web hooks, whose WebHook-Allowed-Rate is kept to; or "
                "by a POST of {\"type\":\"webhook.challenge\",\"challenge\":\"...\"}, signed, whose word the answer "
                "says again.",
        .choices = verifications },
    { "webhook", "enabled",                   AT(webhook, enabled),                    OPTION_CHOICE,
        "yes",         NULL,     NULL,      RELOAD,
        .help = "Whether messages are sent. Meanwhile the stream keeps them.", .choices = no_or_yes },
    { "webhook", "description",               AT(webhook, description),                OPTION_TEXT,
        "",            "0",      "4096",    RELOAD,
        .help = "A word on what it is for, shown to whoever looks at it." },

    { "uplink", "url",                        AT(uplink, url),                         OPTION_LIST,
        NULL,          "1",      "32",      RELOAD,
        .help = "Where the broker's line protocol is served: one address, or several of which the first that answers "
                "is taken. Credentials have options of their own. tls:// insists on TLS, as ca, certificate, "
                "handshake_first and verify = no do for all addresses but unix:; nats:// uses it where the broker "
                "demands it.",
        .check = check_line_url,
        .expected = "a URL such as nats://broker:4222, tls://broker:4222, HOST:PORT, [IPV6]:PORT or unix:/PATH" },
    { "uplink", "shuffle",                    AT(uplink, shuffle),                     OPTION_CHOICE,
        "no",          NULL,     NULL,      RELOAD,
        .help = "Whether to begin at one of the addresses by chance, so that many sidecars spread over them.",
        .choices = no_or_yes },
    { "uplink", "http",                       AT(uplink, http),                        OPTION_TEXT,
        "",            "0",      "1024",    RELOAD,
        .help = "Where the broker serves HTTP, for what the sidecar does not answer itself. Empty: nowhere.",
        .check = check_url_or_nothing, .expected = "a URL such as https://broker:8222, or nothing" },
    { "uplink", "name",                       AT(uplink, name),                        OPTION_TEXT,
        "",            "0",      "128",     RELOAD,
        .help = "What the broker's operator sees of this sidecar. Empty: the name of the server, [server] name." },
    { "uplink", "user",                       AT(uplink, user),                        OPTION_TEXT,
        NULL,          "1",      "256",     RELOAD,
        .help = "The user as whom the sidecar enters." },
    { "uplink", "password",                   AT(uplink, password),                    OPTION_TEXT,
        NULL,          "1",      "256",     RELOAD | SECRET,
        .help = "The user's password." },
    { "uplink", "token",                      AT(uplink, token),                       OPTION_TEXT,
        NULL,          "1",      "1024",    RELOAD | SECRET,
        .help = "A token in place of user and password." },
    { "uplink", "credentials_file",           AT(uplink, credentials_file),            OPTION_TEXT,
        "",            "0",      "1024",    RELOAD,
        .help = "A file with the credentials in its first line: USER:PASSWORD, or a token, which has no colon. It is "
                "read at the start and at each reload.",
        .check = check_path_or_nothing, .expected = "the absolute path of a file, or nothing" },
    { "uplink", "nkey_file",                  AT(uplink, nkey_file),                   OPTION_TEXT,
        "",            "0",      "1024",    RELOAD,
        .help = "A file with the seed of an nkey, SU..., by which the sidecar enters the broker's line protocol, in "
                "place of user, password and token. HTTP knows no nkeys: there those hold. It is read at each "
                "connection.",
        .check = check_path_or_nothing, .expected = "the absolute path of a file, or nothing" },
    { "uplink", "creds_file",                 AT(uplink, creds_file),                  OPTION_TEXT,
        "",            "0",      "1024",    RELOAD,
        .help = "The same with a JWT and the seed that belongs to it, in one file, as NATS's tools write them.",
        .check = check_path_or_nothing, .expected = "the absolute path of a file, or nothing" },
    { "uplink", "ca",                         AT(uplink, ca),                          OPTION_TEXT,
        "",            "0",      "1024",    RELOAD,
        .help = "A file with the certificates of those who may vouch for the broker, in PEM, for its line protocol and "
                "its HTTP. Empty: those that the system trusts.",
        .check = check_path_or_nothing, .expected = "the absolute path of a file, or nothing" },
    { "uplink", "certificate",                AT(uplink, certificate),                 OPTION_TEXT,
        "",            "0",      "1024",    RELOAD,
        .help = "A file with the sidecar's own certificate, and behind it those that lead to its CA, in PEM. It is "
                "read again where it has changed.",
        .check = check_path_or_nothing, .expected = "the absolute path of a file, or nothing" },
    { "uplink", "key",                        AT(uplink, key),                         OPTION_TEXT,
        "",            "0",      "1024",    RELOAD,
        .help = "Its private key, which has no password. Empty: it is in the file of the certificate.",
        .check = check_path_or_nothing, .expected = "the absolute path of a file, or nothing" },
    { "uplink", "handshake_first",            AT(uplink, handshake_first),             OPTION_CHOICE,
        "no",          NULL,     NULL,      RELOAD,
        .help = "Whether the line protocol begins with TLS, for a broker that does so, or with the broker's INFO.",
        .choices = no_or_yes },
    { "uplink", "verify",                     AT(uplink, verify),                      OPTION_CHOICE,
        "yes",         NULL,     NULL,      RELOAD,
        .help = "Whether the broker's certificate must be vouched for, be valid, and be for the host of the url. With "
                "no, whoever stands between can read and change everything.",
        .choices = no_or_yes },
    { "uplink", "connect_timeout",            AT(uplink, connect_timeout_ms),          OPTION_DURATION_MS,
        "2s",          "10ms",   "1m",      RELOAD,
        .help = "How long one attempt at one address may take, to the broker's greeting." },
    { "uplink", "reconnect_wait",             AT(uplink, reconnect_wait_ms),           OPTION_DURATION_MS,
        "100ms",       "1ms",    "1m",      RELOAD,
        .help = "How long to wait before the addresses are tried again. It doubles with each failure and is cut by "
                "chance to between half and the whole." },
    { "uplink", "reconnect_wait_max",         AT(uplink, reconnect_wait_max_ms),       OPTION_DURATION_MS,
        "5s",          "1ms",    "1h",      RELOAD,
        .help = "The longest such wait." },
    { "uplink", "ping_interval",              AT(uplink, ping_interval_ms),            OPTION_DURATION_MS,
        "30s",         "10ms",   "1d",      RELOAD,
        .help = "How often the broker is asked whether it is still there." },
    { "uplink", "pings_outstanding_max",      AT(uplink, pings_outstanding_max),       OPTION_COUNT,
        "2",           "1",      "100",     RELOAD,
        .help = "A broker that leaves so many of these without an answer counts as away." },
    { "uplink", "pending_size_max",           AT(uplink, pending_size_max),            OPTION_SIZE,
        "8MiB",        "64KiB",  "1GiB",    RELOAD,
        .help = "Output that may wait for the broker. Live messages beyond it are dropped and counted; what is in the "
                "spool waits there." },
    { "uplink", "stall_timeout",              AT(uplink, stall_timeout_ms),            OPTION_DURATION_MS,
        "1m",          "100ms",  "1d",      RELOAD,
        .help = "How long nothing may move while the broker can be reached and messages wait for it, before /healthz "
                "says that the sidecar is not alive." },

    { "spool",  "topics",                     AT(spool, topics),                       OPTION_LIST,
        ">",           "0",      "256",     0,
        .help = "What is kept: patterns. The pattern > leaves out topics that begin with $ or _INBOX. What is not "
                "kept goes on at once, and is lost while the broker is away, as requests are: messages that ask for a "
                "reply. Empty: nothing is kept.",
        .check = check_pattern, .expected = "a pattern of topics such as orders.>" },
    { "spool",  "bytes_max",                  AT(spool, bytes_max),                    OPTION_SIZE,
        "1GiB",        "64KiB",  "1024TiB", RELOAD,
        .help = "How much may wait for the broker." },
    { "spool",  "age_max",                    AT(spool, age_max_ms),                   OPTION_DURATION_MS,
        "unlimited",   "1s",     "3650d",   RELOAD,
        .help = "How long a message may wait. What is older is given up, counted and told in the log.",
        .zero = "unlimited" },
    { "spool",  "discard",                    AT(spool, discard),                      OPTION_CHOICE,
        "new",         NULL,     NULL,      RELOAD,
        .help = "What gives way where bytes_max is reached: the new message, which is refused so that its publisher "
                "knows, or the oldest, which are counted and told in the log.",
        .choices = discards },
    { "spool",  "acknowledge",                AT(spool, acknowledge),                  OPTION_LIST,
        "",            "0",      "256",     RELOAD,
        .help = "Patterns whose messages are kept although they ask for a reply, which the sidecar gives: an "
                "acknowledgement as streams send it. Others say so themselves, by the header Posthorn-Ack: buffered, "
                "durable or upstream.",
        .check = check_pattern, .expected = "a pattern of topics such as orders.>" },
    { "spool",  "acknowledge_when",           AT(spool, acknowledge_when),             OPTION_CHOICE,
        "durable",     NULL,     NULL,      RELOAD,
        .help = "When that is: when the message is in the sidecar's memory, when it is in the sidecar's files, or when "
                "the broker has it, whose own words are passed on.",
        .choices = acknowledgements },
    { "spool",  "in_flight",                  AT(spool, in_flight),                    OPTION_COUNT,
        "8192",        "1",      "1048576", 0,
        .help = "How many messages may be on their way without an answer of the broker." },
    { "spool",  "answer_timeout",             AT(spool, answer_timeout_ms),            OPTION_DURATION_MS,
        "30s",         "10ms",   "1h",      RELOAD,
        .help = "How long the broker may say nothing to what is on its way, before that is sent once more." },
    { "spool",  "retry_wait",                 AT(spool, retry_wait_ms),                OPTION_DURATION_MS,
        "100ms",       "1ms",    "1m",      RELOAD,
        .help = "How long to wait before a message is sent again that the broker could not take. It doubles with each "
                "failure and is cut by chance to between half and the whole." },
    { "spool",  "retry_wait_max",             AT(spool, retry_wait_max_ms),            OPTION_DURATION_MS,
        "10s",         "1ms",    "1h",      RELOAD,
        .help = "The longest such wait." },
    { "spool",  "refused_bytes_max",          AT(spool, refused_bytes_max),            OPTION_SIZE,
        "64MiB",       "64KiB",  "1024TiB", RELOAD,
        .help = "How much is kept of what the broker has refused for good: the stream named refused, under $REFUSED. "
                "and the topic. The oldest give way." },

    { "call",   "enabled",                    AT(call, enabled),                       OPTION_CHOICE,
        "yes",         NULL,     NULL,      RELOAD,
        .help = "Whether there are such calls.", .choices = no_or_yes },
    { "call",   "path",                       AT(call, path),                          OPTION_TEXT,
        "/svc",        "2",      "256",     RELOAD,
        .help = "What their paths begin with. The name of the service follows, and then what is asked of it.",
        .check = check_call_path, .expected = "a path such as /svc, which begins with a slash and does not end in one, "
                                              "and is not below /v1" },
    { "call",   "topic",                      AT(call, topic),                         OPTION_TEXT,
        "svc",         "1",      "256",     RELOAD,
        .help = "What their topics begin with. The name of the service and the method follow.",
        .check = check_topic, .expected = "a topic" },
    { "call",   "timeout",                    AT(call, timeout_ms),                    OPTION_DURATION_MS,
        "10s",         "1ms",    "1h",      RELOAD,
        .help = "How long a call may take, however often it is tried." },
    { "call",   "try_timeout",                AT(call, try_timeout_ms),                OPTION_DURATION_MS,
        "3s",          "1ms",    "1h",      RELOAD,
        .help = "How long an attempt may take behind which there may be another." },
    { "call",   "retries",                    AT(call, retries),                       OPTION_COUNT,
        "2",           "1",      "20",      RELOAD,
        .help = "How often a call may be tried again that nobody has had, or, where its method is idempotent (not POST "
                "or PATCH), that was not answered, or by 502, 503 or 504.",
        .zero = "off" },
    { "call",   "retry_budget",               AT(call, retry_budget),                  OPTION_COUNT,
        "20",          "1",      "100",     RELOAD,
        .help = "The most retries for each hundred calls of a service, so that one in trouble is not asked all the "
                "more. Ten are there from the start.",
        .zero = "off" },
    { "call",   "breaker_failures",           AT(call, breaker_failures),              OPTION_COUNT,
        "10",          "1",      "10000",   RELOAD,
        .help = "After so many failures in a row a service is left alone for a while, and calls of it are refused at "
                "once. One attempt shows then whether it is back.",
        .zero = "off" },
    { "call",   "breaker_pause",              AT(call, breaker_pause_ms),              OPTION_DURATION_MS,
        "1s",          "10ms",   "1h",      RELOAD,
        .help = "For how long at first. It doubles with each attempt that fails, up to eight times that." },
    { "call",   "access_log",                 AT(call, access_log),                    OPTION_CHOICE,
        "yes",         NULL,     NULL,      RELOAD,
        .help = "Whether each call is a line in the log.", .choices = no_or_yes },

    { "tail",   "path",                       AT(tail, paths),                         OPTION_LIST,
        NULL,          "1",      "4095",    0,
        .help = "The files: absolute paths, in which *, ? and [...] stand for what may differ, such as "
                "/var/log/nginx/*.log. A renamed file is read to its end though its name is none of these any more.",
        .check = check_path, .expected = "an absolute path, with * or without" },
    { "tail",   "exclude",                    AT(tail, exclude),                       OPTION_LIST,
        "*.gz, *.bz2, *.xz, *.zst", "1", "255", 0,
        .help = "Names of files, without their directory, that are left out." },
    { "tail",   "topic",                      AT(tail, topic),                         OPTION_TEXT,
        NULL,          "1",      "65535",   0,
        .help = "The topic of the messages.",
        .check = check_topic, .expected = "a topic such as logs.nginx" },
    { "tail",   "format",                     AT(tail, format),                        OPTION_CHOICE,
        "text",        NULL,     NULL,      0,
        .help = "With json, records that are JSON objects say so by a header, Content-Type: application/json. The "
                "bytes are passed on as they are in any case.",
        .choices = tail_formats },
    { "tail",   "from",                       AT(tail, from),                          OPTION_CHOICE,
        "start",       NULL,     NULL,      0,
        .help = "Where files are read from that are there when the tail first runs. What comes later is read from its "
                "start.",
        .choices = tail_starts },
    { "tail",   "record_begins",              AT(tail, record_begins),                 OPTION_TEXT,
        NULL,          "1",      "1024",    0,
        .help = "An extended regular expression for the first line of a record, such as ^[0-9]{4}-. Lines that it does "
                "not match belong to the record before them. It is shown 512 bytes of a line. Without it, each line is "
                "a record.",
        .check = check_expression, .expected = "an extended regular expression" },
    { "tail",   "record_wait",                AT(tail, record_wait_ms),                OPTION_DURATION_MS,
        "1s",          "1ms",    "1h",      0,
        .help = "With record_begins: how long to wait for another line, where none has come that begins a record." },
    { "tail",   "record_size_max",            AT(tail, record_size_max),               OPTION_SIZE,
        "256KiB",      "16",     "16MiB",   0,
        .help = "What is longer becomes several messages. Must leave room for headers within [line] "
                "payload_size_max." },
    { "tail",   "poll",                       AT(tail, poll_ms),                       OPTION_DURATION_MS,
        "2s",          "10ms",   "1h",      0,
        .help = "How often the files are looked at though the system has told of no change, as on network file "
                "systems, where it cannot." },
    { "tail",   "show_path",                  AT(tail, show_path),                     OPTION_CHOICE,
        "no",          NULL,     NULL,      0,
        .help = "Whether each message names its file, in a header Posthorn-Path.", .choices = no_or_yes },

    { "deliver", "pattern",                   AT(deliver, pattern),                    OPTION_TEXT,
        NULL,          "1",      "65535",   RELOAD,
        .help = "The topics whose messages are delivered.",
        .check = check_pattern, .expected = "a pattern such as orders.> or orders.*.paid" },
    { "deliver", "to",                        AT(deliver, to),                         OPTION_TEXT,
        NULL,          "1",      "2048",    RELOAD,
        .help = "Where the application takes them.",
        .check = check_url, .expected = "a URL such as http://127.0.0.1:3000/events" },
    { "deliver", "stream",                    AT(deliver, stream),                     OPTION_TEXT,
        "",            "0",      "255",     RELOAD,
        .help = "The stream of the broker that has them. Empty: the one whose topics cover the pattern; where there is "
                "none yet, it is waited for.",
        .check = check_group, .expected = "the name of a stream, or nothing" },
    { "deliver", "start",                     AT(deliver, start),                      OPTION_CHOICE,
        "all",         NULL,     NULL,      RELOAD,
        .help = "Where it begins when the broker does not know it yet: with all that the stream keeps, or with what "
                "comes from then on. Cannot be changed later.",
        .choices = starts },
    { "deliver", "mode",                      AT(deliver, mode),                       OPTION_CHOICE,
        "parallel",    NULL,     NULL,      RELOAD,
        .help = "Whether messages may overtake one another, or each waits until the one before it is done with or "
                "dead.",
        .choices = delivery_modes },
    { "deliver", "concurrency",               AT(deliver, concurrency),                OPTION_COUNT,
        "16",          "1",      "1024",    RELOAD,
        .help = "How many the application is given at once, at most. It begins with one, and less is asked of an "
                "application that fails." },
    { "deliver", "timeout",                   AT(deliver, timeout_ms),                 OPTION_DURATION_MS,
        "30s",         "1ms",    "1h",      RELOAD,
        .help = "How long the application may take over one." },
    { "deliver", "retries",                   AT(deliver, retries),                    OPTION_LIST,
        "1s, 5s, 30s, 2m, 10m", "0",  "64",  RELOAD,
        .help = "When a message that was not taken is sent again: after the first attempt, the second, and so on. "
                "Each is moved by up to a fifth, by chance. One that is still not taken after the last is a dead "
                "letter, which the broker keeps. What the application could not be connected for is no attempt.",
        .check = check_duration, .expected = "a duration such as 5s" },
    { "deliver", "ack_wait",                  AT(deliver, ack_wait_ms),                OPTION_DURATION_MS,
        "15s",         "100ms",  "1h",      RELOAD,
        .help = "After how long what a sidecar had in hand, of which the broker hears nothing more, is delivered "
                "again. How long the application takes does not matter: the broker is told meanwhile." },
    { "deliver", "body",                      AT(deliver, body),                       OPTION_CHOICE,
        "payload",     NULL,     NULL,      RELOAD,
        .help = "What is posted of a message: its payload; or a CloudEvent, whose attributes are headers or, with "
                "cloudevents-structured, members of a JSON object.",
        .choices = delivery_bodies },
    { "deliver", "health",                    AT(deliver, health),                     OPTION_TEXT,
        "",            "0",      "1024",    RELOAD,
        .help = "A path of the application that answers 2xx as long as it can take messages. Empty: it is taken to be "
                "there as long as it can be connected to.",
        .check = check_url_path_or_nothing, .expected = "a path such as /healthz, or nothing" },
    { "deliver", "health_interval",           AT(deliver, health_interval_ms),         OPTION_DURATION_MS,
        "5s",          "10ms",   "1h",      RELOAD,
        .help = "How often it is asked, and how long it may take to answer; while it is away, at least every second." },

    { "serve",  "topic",                      AT(serve, topic),                        OPTION_TEXT,
        NULL,          "1",      "65535",   RELOAD,
        .help = "The topics of the requests.",
        .check = check_pattern, .expected = "a pattern such as svc.users.>" },
    { "serve",  "to",                         AT(serve, to),                           OPTION_TEXT,
        NULL,          "1",      "2048",    RELOAD,
        .help = "Where the application answers. Behind it comes what Posthorn-Target says; else a path of the tokens "
                "that the wildcards of the topic stand for.",
        .check = check_base_url, .expected = "a URL such as http://127.0.0.1:3000" },
    { "serve",  "group",                      AT(serve, group),                        OPTION_TEXT,
        "serve",       "1",      "255",     RELOAD,
        .help = "Whoever serves a topic in the same group shares its requests.",
        .check = check_group, .expected = "one token, such as serve" },
    { "serve",  "concurrency",                AT(serve, concurrency),                  OPTION_COUNT,
        "64",          "1",      "4096",    RELOAD,
        .help = "How many requests the application is given at once." },
    { "serve",  "queue_max",                  AT(serve, queue_max),                    OPTION_COUNT,
        "256",         "0",      "65536",   RELOAD,
        .help = "How many more may wait for it. One more is answered 503." },
    { "serve",  "timeout",                    AT(serve, timeout_ms),                   OPTION_DURATION_MS,
        "30s",         "1ms",    "1h",      RELOAD,
        .help = "How long a request may take, waiting included. It is answered 504 then." },
    { "serve",  "health",                     AT(serve, health),                       OPTION_TEXT,
        "",            "0",      "1024",    RELOAD,
        .help = "A path of the application that answers 2xx as long as it can serve. Empty: it is taken to be there as "
                "long as it can be connected to.",
        .check = check_url_path_or_nothing, .expected = "a path such as /healthz, or nothing" },
    { "serve",  "health_interval",            AT(serve, health_interval_ms),           OPTION_DURATION_MS,
        "5s",          "10ms",   "1h",      RELOAD,
        .help = "How often it is asked, and how long it may take to answer; while it is away, at least every second." },
    { "serve",  "access_log",                 AT(serve, access_log),                   OPTION_CHOICE,
        "yes",         NULL,     NULL,      RELOAD,
        .help = "Whether each request is a line of the log.",
        .choices = no_or_yes },

    { "jwt",    "jwks_file",                  AT(jwt, jwks_file),                      OPTION_TEXT,
        "",            "0",      "4096",    RELOAD,
        .help = "A file with the public keys that sign tokens, a JSON Web Key Set as the identity provider publishes "
                "it; a reload reads it again. A key signs by the one algorithm of its kind, whatever a token says: "
                "Ed25519 by EdDSA, P-256 by ES256, RSA by RS256, oct by HS256. Others are passed over.",
        .check = check_path_or_nothing, .expected = "an absolute path, or nothing" },
    { "jwt",    "secret_file",                AT(jwt, secret_file),                    OPTION_TEXT,
        "",            "0",      "4096",    RELOAD,
        .help = "A file with a secret that signs tokens by HS256: all of it but a line's end behind it, 32 bytes or "
                "more. Whoever can check such tokens can make them.",
        .check = check_path_or_nothing, .expected = "an absolute path, or nothing" },
    { "jwt",    "issuer",                     AT(jwt, issuer),                         OPTION_TEXT,
        "",            "0",      "1024",    RELOAD,
        .help = "What stands in a token as iss." },
    { "jwt",    "audience",                   AT(jwt, audience),                       OPTION_LIST,
        "",            "0",      "64",      RELOAD,
        .help = "Of which one has to stand in a token as aud." },
    { "jwt",    "leeway",                     AT(jwt, leeway_ms),                      OPTION_DURATION_MS,
        "30s",         "0",      "10m",     RELOAD,
        .help = "By how much the clock of the issuer may be off, where exp and nbf are looked at." },
    { "jwt",    "user",                       AT(jwt, user),                           OPTION_TEXT,
        "",            "0",      "64",      RELOAD,
        .help = "The NAME of a [user NAME] whose rights and limits those have whose tokens bring no rights, and who "
                "have no section of their own name. Without one they do not enter." },

    { "user",   "password",                   AT(user, password),                      OPTION_TEXT,
        NULL,          "1",      "256",     RELOAD | SECRET,
        .help = "What the user gives as password; better its hash, which posthorn passwd makes: bcrypt, or what "
                "else crypt(5) has. What begins with $, a few letters or digits and $ again is taken for a hash.",
        .check = check_password, .expected = "a hash that this system's libcrypt can check, or a plain password" },
    { "user",   "token",                      AT(user, token),                         OPTION_TEXT,
        NULL,          "1",      "1024",    RELOAD | SECRET,
        .help = "What the user gives as token; better sha256: and the digest of it in hexadecimal digits. posthorn "
                "passwd --token makes both.",
        .check = check_token, .expected = "sha256: with 64 hexadecimal digits, or a plain token" },
    { "user",   "nkey",                       AT(user, nkey),                          OPTION_TEXT,
        "",            "0",      "64",      RELOAD | SECRET,
        .help = "The public part of the user's nkey (ed25519), which begins with U. His client signs with the other "
                "part, and never shows it. It is not printed, lest somebody has put the other part here.",
        .check = check_nkey,
        .expected = "the public key of a user, 56 letters and digits that begin with U, or nothing" },
    { "user",   "certificate",                AT(user, certificate),                   OPTION_TEXT,
        "",            "0",      "1024",    RELOAD,
        .help = "Whose client certificate is the user's, where [tls] asks for certificates: its subject as RFC 2253 "
                "writes it, such as CN=alice,O=Example. openssl x509 -noout -subject -nameopt RFC2253 prints it." },
    { "user",   "certificate_names",          AT(user, certificate_names),             OPTION_LIST,
        "",            "0",      "64",      RELOAD,
        .help = "The same by a name that stands in the certificate (subjectAltName): an e-mail address, a DNS name or "
                "a URI." },
    { "user",   "unix_user",                  AT(user, unix_users),                    OPTION_LIST,
        "",            "0",      "64",      RELOAD,
        .help = "Users of this machine whose programs enter by a unix socket without showing anything, by name or "
                "number." },
    { "user",   "connections_max",            AT(user, connections_max),               OPTION_COUNT,
        "unlimited",   "1",      "1000000", RELOAD,
        .help = "The most connections of the user at a time; one more is refused. Over HTTP a connection is the user's "
                "while a request of his is under way, and a stream of messages is such a request.",
        .zero = "unlimited" },
    { "user",   "subscriptions_max",          AT(user, subscriptions_max),             OPTION_COUNT,
        "unlimited",   "1",      "1000000000", RELOAD,
        .help = "The most subscriptions of all connections of the user together; one more is refused. "
                "line.subscriptions_max bounds those of each connection besides.",
        .zero = "unlimited" },
    { "user",   "publish_rate",               AT(user, publish_rate),                  OPTION_COUNT_WIDE,
        "unlimited",   "1",      "1000000000", RELOAD,
        .help = "The most messages that the user publishes in a second, all connections together. A second's worth may "
                "come at once. What goes beyond is slowed down: a connection of the line protocol is not read from "
                "until it is time again, and a request over HTTP is answered with 429 and Retry-After.",
        .zero = "unlimited" },
    { "user",   "publish_bytes_rate",         AT(user, publish_bytes_rate),            OPTION_SIZE,
        "unlimited",   "1",      "1TiB",    RELOAD,
        .help = "The same for bytes of headers and payloads in a second. Make it larger than payload_size_max: one "
                "message that is larger is paid for by as many seconds of rest.",
        .zero = "unlimited" },
    { "user",   "payload_size_max",           AT(user, payload_size_max),              OPTION_SIZE,
        "unlimited",   "1",      "64MiB",   RELOAD,
        .help = "The largest message of the user, headers and payload together; line.payload_size_max bounds it "
                "besides. Who sends a larger one over the line protocol is disconnected, over HTTP it is answered with "
                "413.",
        .zero = "unlimited" },
    { "user",   "pending_size_max",           AT(user, pending_size_max),              OPTION_SIZE,
        "unlimited",   "64KiB",  "16GiB",   RELOAD,
        .help = "Output that may wait for one connection of the user over the line protocol, which is closed where "
                "more piles up; line.pending_size_max bounds it besides.",
        .zero = "unlimited" },
    { "user",   "publish",                    AT(user, publish),                       OPTION_LIST,
        ">",           "0",      "1024",    RELOAD,
        .help = "Topics that the user may publish to, and ask. Empty: none. What is asked of the JetStream API and of "
                "webhooks by messages is judged by what it asks for.",
        .check = check_pattern, .expected = "a pattern such as orders.>" },
    { "user",   "publish_deny",               AT(user, publish_deny),                  OPTION_LIST,
        "",            "0",      "1024",    RELOAD,
        .help = "Topics that the user may not publish to, though publish names them.",
        .check = check_pattern, .expected = "a pattern such as orders.secret.>" },
    { "user",   "subscribe",                  AT(user, subscribe),                     OPTION_LIST,
        ">",           "0",      "1024",    RELOAD | OPTION_WORDS,
        .help = "Topics that the user may read: live, and what streams keep of them. Empty: none. A group behind a "
                "pattern, as in \"orders.> workers\", allows it to those alone who join such a group. Clients of the "
                "line protocol that ask for replies need their inbox, _INBOX.> unless they are told another.",
        .check = check_pattern_and_group, .expected = "a pattern such as orders.>, perhaps with a group behind it" },
    { "user",   "subscribe_deny",             AT(user, subscribe_deny),                OPTION_LIST,
        "",            "0",      "1024",    RELOAD | OPTION_WORDS,
        .help = "Topics that the user may not read, though subscribe names them. Where a pattern that is subscribed to "
                "names more, what is denied is left out.",
        .check = check_pattern_and_group, .expected = "a pattern such as orders.secret.>, perhaps with a group behind "
                                                      "it" },
    { "user",   "allow_responses",            AT(user, allow_responses),               OPTION_TEXT,
        "no",          "1",      "64",      RELOAD,
        .help = "Whether the user may publish to the reply topics of messages that it was delivered, though publish "
                "does not name them: no, yes, which is once and within two minutes, or how often, and perhaps within "
                "which time: 5, 30s.",
        .check = check_responses, .expected = "no, yes, a number, or a number and a duration such as 5, 30s" },
    { "user",   "manage",                     AT(user, manage),                        OPTION_CHOICE,
        "no",          NULL,     NULL,      RELOAD,
        .help = "Whether the user may make, change, empty and remove streams, webhooks and what they keep, and use "
                "topics of the server's own.",
        .choices = no_or_yes },
    { "user",   "monitor",                    AT(user, monitor),                       OPTION_CHOICE,
        "no",          NULL,     NULL,      RELOAD,
        .help = "Whether the user may see the dashboard, metrics, connections, and all streams, consumers and "
                "webhooks.",
        .choices = no_or_yes },
};
const size_t config_option_count = sizeof config_options / sizeof *config_options;

const struct order config_orders[] = {
    { "line", "topic_size_max",   "control_size_max", true },
    { "line", "payload_size_max", "pending_size_max", false },
    { "http", "target_size_max",  "head_size_max",    true },
};
const size_t config_order_count = sizeof config_orders / sizeof *config_orders;
/* clang-format on */
