/*
 * THE table of options: its sections here, its rows in options/, a file for each few sections, and the words of choices
 * between. The loader, --check-config, --print-config, the samples etc/posthornd.ini and etc/posthorn-sidecar.ini and
 * the man pages posthornd.ini(5) and posthorn-sidecar.ini(5) all come from it.
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
        .help, and where needed .zero .choices .check .expected (option.h says what they are)

    In this order they are printed. */
const struct option config_options[] = {
#include "config/options/server.h"
#include "config/options/line.h"
#include "config/options/http.h"
#include "config/options/tls.h"
#include "config/options/streams.h"
#include "config/options/webhooks.h"
#include "config/options/uplink.h"
#include "config/options/application.h"
#include "config/options/users.h"
};
const size_t config_option_count = sizeof config_options / sizeof *config_options;

const struct order config_orders[] = {
    { "line", "topic_size_max",   "control_size_max", true },
    { "line", "payload_size_max", "pending_size_max", false },
    { "http", "target_size_max",  "head_size_max",    true },
};
const size_t config_order_count = sizeof config_orders / sizeof *config_orders;
/* clang-format on */
