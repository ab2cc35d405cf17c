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
    { SECTION_ARRAY(user, users, user_count), .example = "alice", .check = check_user,
        .help = "Somebody who may enter, under the NAME that clients give as user. Without any such section anybody "
                "may enter. A user has a password, or a token, or both; clients that give a token give no name." },
};
const size_t config_section_count = sizeof config_sections / sizeof *config_sections;

static const char *const log_levels[] = {
    [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_INFO] = "info", [LOG_LEVEL_DEBUG] = "debug", NULL,
};

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
};
const size_t config_order_count = sizeof config_orders / sizeof *config_orders;
/* clang-format on */
