/*
 * config: what a program has been told, read from an INI file and from the --set options of its command line.
 *
 * A configuration is loaded as a whole or not at all, and is constant from then on: whoever loaded it owns it, any
 * thread may read it, and a reload loads another one beside it. Everything that is known of an option (its name, type,
 * default, limits, help) is one row of the table (options.c); the loader and all printers are driven by that table.
 *
 * To add an option: a field here, a row in the file of its section in options/. To add a section: a struct here, a row
 * in the table of sections in options.c, and one a key in options/. A section that is repeated under names, as
 * [stream NAME] is, has an array in place of the struct, whose first field is char *name. Then posthornd --print-sample
 * > etc/posthornd.ini and posthornd --print-man > doc/posthornd.ini.5, and the same of posthorn-sidecar: the tests
 * compare them.
 *
 * The programs share the table. A section says whose it is, and so may an option of it; what belongs to another program
 * stands in the struct at its default, and cannot be given.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "util/slice.h"

/* Whose a section or an option is; a set of them is their sum. */
enum program { PROGRAM_BROKER = 1, PROGRAM_SIDECAR = 2 };

/* "posthornd", "posthorn-sidecar". */
const char *program_name(enum program program);

struct config_list {
    char **items;
    size_t item_count;
};

struct config_server {
    char *name;                              /* "": the host's name */
    unsigned workers;                        /* 0: one a processor, at most 8 */
    uint64_t spin_ns;                        /* how long a worker polls before it sleeps; 0: not at all */
    char *log;                               /* "stderr" or an absolute path */
    unsigned log_level;                      /* enum log_level of util/log.h */
    char *data_dir;                          /* "auto", or an absolute path */
    uint64_t cache_size;                     /* of all streams in files together */
    uint64_t segment_size;
    uint64_t stop_grace_ms;                  /* from SIGTERM, for programs that are still connected; 0: none */
    uint64_t stop_quiet_ms;                  /* for so long none has been, and it stops */
    uint64_t lame_duck_grace_ms;             /* from SIGUSR2 to the first connection closed */
    uint64_t lame_duck_duration_ms;          /* over which the connections are closed */
    unsigned connections_max;
    unsigned connections_per_address_max;    /* these and the next three: 0: no limit */
    unsigned subscriptions_per_address_max;
    uint64_t publish_rate_per_address;       /* messages a second */
    uint64_t publish_bytes_rate_per_address; /* bytes a second */
    unsigned core_dumps;                     /* 0 or 1 */
    unsigned open;                           /* 0 or 1: whether strangers may come in where there are no users */
    uint64_t auth_delay_max_ms;              /* for which a refusal is held back; 0: not at all */
};

struct config_line {
    struct config_list listen;               /* HOST:PORT, [IPV6]:PORT, unix:/PATH: well-formed, not looked up */
    unsigned unix_mode;                      /* permissions of unix sockets */
    unsigned tls;                            /* enum secure_demand of net/secure.h; not of unix sockets */
    uint64_t payload_size_max;               /* headers and payload together */
    uint64_t pending_size_max;               /* output waiting for one connection; at least payload_size_max */
    uint64_t control_size_max;               /* a control line, its end included; at most 64 KiB */
    unsigned subscriptions_max;              /* of one connection; 0: no limit */
    uint64_t topic_size_max;                 /* below control_size_max */
    unsigned topic_depth_max;                /* tokens */
    uint64_t auth_timeout_ms;                /* to a good CONNECT, where there are users */
    uint64_t hello_timeout_ms;               /* to the first operation, where there are none */
    uint64_t write_timeout_ms;
    uint64_t ping_interval_ms;
    unsigned pings_outstanding_max;
};

struct config_http {
    unsigned enabled;                        /* 0 or 1 */
    struct config_list listen;               /* as of config_line */
    unsigned unix_mode;
    unsigned tls;                            /* as of config_line */
    uint64_t head_size_max;                  /* request line and headers */
    uint64_t target_size_max;                /* below head_size_max */
    unsigned headers_max;
    uint64_t batch_size_max;                 /* the body of POST /v1/publish; others have line.payload_size_max */
    uint64_t pending_size_max;               /* output waiting for one connection */
    uint64_t write_timeout_ms;
    uint64_t head_timeout_ms;                /* from the first byte of a request to the end of its head */
    uint64_t body_timeout_ms;                /* from there to the end of its body */
    uint64_t idle_timeout_ms;                /* between requests */
    uint64_t request_timeout_ms;             /* how long a request waits for its reply, where it does not say */
    uint64_t request_timeout_max_ms;         /* and at most */
    uint64_t poll_wait_max_ms;
    unsigned poll_limit_max;                 /* messages in one answer */
    uint64_t poll_interval_min_ms;           /* between polls of one client; 0: no such limit */
    unsigned patterns_max;                   /* of one reader */
    uint64_t heartbeat_interval_ms;
    uint64_t retry_ms;                       /* told to EventSource, with some chance added */
    uint64_t drain_duration_ms;              /* over which streams are ended when stopping */
    struct config_list origins;              /* scheme://host[:port], or "*" */
    unsigned credentials;                    /* 0 or 1 */
    struct config_list hosts;                /* further names of this server, without ports */
    uint64_t responder_lease_ms;             /* that an HTTP worker is counted on after its last GET */
    uint64_t ticket_lifetime_ms;
    uint64_t session_lifetime_ms;            /* of a cookie */
    unsigned responder_queue_max;            /* requests that wait for one group of HTTP workers */
};

/* Where [line] tls or [http] tls is on there is a certificate. */
struct config_tls {
    char *certificate;                       /* "": none; else an absolute path */
    char *key;                               /* "": in the file of the certificate; else an absolute path */
    char *ca;                                /* "": none, and verify is 0 */
    unsigned verify;                         /* 0: no, 1: optional, 2: required */
    unsigned min_version;                    /* 0: 1.2, 1: 1.3 */
    char *ciphers, *cipher_suites;           /* of 1.2; of 1.3, "": OpenSSL's */
    unsigned handshake_first;                /* 0: no, 1: yes, 2: auto */
    uint64_t handshake_timeout_ms;
};

/* A certificate for clients that ask for another name than that of [tls]. */
struct config_certificate {
    char *name;
    char *certificate, *key;                 /* as of config_tls */
};

struct config_recent {
    unsigned enabled;                        /* 0 or 1 */
    uint64_t bytes_max;
    uint64_t age_max_ms;                     /* 0: no limit */
    unsigned messages_max;                   /* 0: no limit */
    unsigned messages_per_topic_max;         /* 0: no limit */
    uint64_t duplicate_window_ms;            /* 0: duplicates are not looked for */
    unsigned duplicate_ids_max;
};

/* A stream that the configuration owns. Limits: 0: none. Where it is in files, there is a data_dir, or none was looked
 * for yet. No topic overlaps another, of this stream or of another one. */
struct config_stream {
    char *name;                              /* without a dot, and not "recent" */
    char *description;
    struct config_list topics;               /* patterns; one or more */
    unsigned storage;                        /* 0: files, 1: memory */
    unsigned retention;                      /* 0: limits, 1: interest, 2: workqueue */
    uint64_t sync_ms;                        /* 0: before a message is acknowledged; UINT64_MAX: never */
    uint64_t age_max_ms, bytes_max, messages_max, messages_per_topic_max, message_size_max;
    uint64_t consumers_max;
    unsigned discard;                        /* 0: the oldest, 1: what is new */
    unsigned discard_new_per_topic;          /* these and all below: 0 or 1 */
    uint64_t duplicate_window_ms;            /* 0: duplicates are not looked for */
    unsigned allow_rollup, allow_direct, deny_delete, deny_purge;
};

/* What holds for all webhooks. */
struct config_webhooks {
    struct config_list allow_networks;       /* that the address guard would refuse */
    char *ca;                                /* "": the system's; or an absolute path of a file in PEM */
    char *proxy;                             /* "": none */
    char *origin;                            /* "": the name of the machine */
    unsigned connections_max;                /* of all webhooks together */
    unsigned attempts_kept;                  /* of each webhook */
};

/* A webhook that the configuration owns. */
struct config_webhook {
    char *name;                              /* letters, digits, - and _ */
    char *url;
    char *pattern;
    struct config_list filter;               /* NAME=VALUE */
    char *start;
    unsigned mode;                           /* 0: parallel, 1: keyed, 2: ordered */
    char *key;                               /* "": by topic, where the mode is keyed */
    unsigned body;                           /* 0: payload, 1: envelope, 2: cloudevents, 3: cloudevents-structured */
    char *secret_file;                       /* NULL: none; else an absolute path */
    struct config_list secrets;              /* with neither, one is made */
    char *authorization;                     /* NULL: none */
    struct config_list headers;              /* NAME=VALUE */
    unsigned concurrency;
    unsigned rate;                           /* a second; 0: no limit */
    uint64_t timeout_ms;
    struct config_list retries;              /* durations */
    uint64_t retry_after_max_ms;
    unsigned client_errors;                  /* 0: retry, 1: dead */
    uint64_t disable_after_ms;               /* UINT64_MAX: never */
    unsigned verify;                         /* 0: none, 1: options, 2: challenge */
    unsigned enabled;                        /* 0 or 1 */
    char *description;
};

/* Log files that the sidecar follows. */
struct config_tail {
    char *name;
    struct config_list paths;                /* globs, absolute */
    struct config_list exclude;              /* patterns of file names */
    char *topic;
    unsigned format;                         /* 0: text, 1: json */
    unsigned from;                           /* 0: start, 1: end */
    char *record_begins;                     /* NULL: each line is a record; else an extended regular expression */
    uint64_t record_wait_ms;
    uint64_t record_size_max;
    uint64_t poll_ms;
    unsigned show_path;                      /* 0 or 1 */
};

/* Has at least one way to prove who he is. */
struct config_user {
    char *name;
    char *password;                          /* a hash as crypt(5) writes it, or plain; NULL: none */
    char *token;                             /* sha256:HEX, or plain; NULL: none */
    char *nkey;                              /* the public key of a user; "": none */
    char *certificate;                       /* the subject as RFC 2253 writes it; "": none */
    struct config_list certificate_names;
    struct config_list unix_users;           /* names of the system's, or numbers */
    unsigned connections_max;                /* these and all below: 0: no limit */
    unsigned subscriptions_max;
    uint64_t publish_rate;                   /* messages a second */
    uint64_t publish_bytes_rate;             /* bytes a second */
    uint64_t payload_size_max;
    uint64_t pending_size_max;
    uint64_t streams_max;
    uint64_t stored_bytes_max;
    struct config_list publish, publish_deny;     /* patterns */
    struct config_list subscribe, subscribe_deny; /* patterns, each perhaps with a blank and a group behind it */
    char *allow_responses;                   /* as config_read_responses reads it */
    unsigned manage, monitor;                /* 0 or 1 */
};

/* Whose JSON Web Tokens let somebody in. Without jwks_file and secret_file nobody's do. */
struct config_jwt {
    char *jwks_file;                         /* "": none; else an absolute path */
    char *secret_file;                       /* the same */
    char *issuer;                            /* not "", where there is a file, and an audience */
    struct config_list audience;
    uint64_t leeway_ms;
    char *user;                              /* whose rights those have that bring none; "": nobody's */
};

/* True where tokens are trusted. */
struct config;
bool config_has_jwt(const struct config *config);

/* Where a sidecar finds its broker. */
struct config_uplink {
    struct config_list url;                  /* one or more; without credentials */
    unsigned shuffle;                        /* 0 or 1 */
    char *http;                              /* "": none */
    char *name;                              /* "": the name of the server */
    char *user, *password, *token;           /* NULL: none; what credentials_file says stands here, too */
    char *credentials_file;                  /* "": none; else an absolute path */
    char *nkey_file, *creds_file;            /* the same; for the line, in place of those above */
    char *ca, *certificate, *key;            /* the same */
    unsigned handshake_first, verify;        /* 0 or 1 */
    uint64_t connect_timeout_ms;
    uint64_t reconnect_wait_ms, reconnect_wait_max_ms;
    uint64_t ping_interval_ms;
    unsigned pings_outstanding_max;
    uint64_t pending_size_max;               /* live messages that wait for the socket */
    uint64_t stall_timeout_ms;               /* how long nothing may move while the broker is there */
};

/* What is published here is kept until the broker has it. */
struct config_spool {
    struct config_list topics;               /* patterns, none of which overlaps another; none: nothing is kept */
    uint64_t bytes_max;
    uint64_t age_max_ms;                     /* 0: no limit */
    unsigned discard;                        /* 0: the oldest, 1: what is new */
    struct config_list acknowledge;          /* patterns */
    unsigned acknowledge_when;               /* 0: buffered, 1: durable, 2: upstream */
    unsigned in_flight;                      /* messages without an answer of the broker */
    uint64_t answer_timeout_ms;
    uint64_t retry_wait_ms, retry_wait_max_ms;
    uint64_t refused_bytes_max;
};

/* How the application calls others by plain HTTP. */
struct config_call {
    unsigned enabled;                        /* 0 or 1 */
    char *path;                              /* begins with a slash and does not end in one */
    char *topic;
    uint64_t timeout_ms;                     /* of a call, however often it is tried */
    uint64_t try_timeout_ms;                 /* of an attempt behind which there may be another */
    unsigned retries;                        /* 0: none */
    unsigned retry_budget;                   /* percent of the calls; 0: none */
    unsigned breaker_failures;               /* in a row; 0: no breaker */
    uint64_t breaker_pause_ms;
    unsigned access_log;                     /* 0 or 1 */
};

/* Messages that the broker's streams keep, and the application is to have. */
struct config_deliver {
    char *name;                              /* of the consumer at the broker: letters, digits, - and _ */
    char *pattern;
    char *to;                                /* a URL */
    char *stream;                            /* "": the one that keeps the pattern */
    unsigned start;                          /* 0: all, 1: new */
    unsigned mode;                           /* 0: parallel, 1: ordered */
    unsigned concurrency;
    uint64_t timeout_ms;
    struct config_list retries;              /* durations */
    uint64_t ack_wait_ms;                    /* until what a sidecar that died had in hand is delivered again */
    unsigned body;                           /* 0: payload, 1: cloudevents, 2: cloudevents-structured */
    char *health;                            /* "": none; or a path */
    uint64_t health_interval_ms;
};

/* Requests on topics that the application is to answer. */
struct config_serve {
    char *name;
    char *topic;                             /* a pattern */
    char *to;                                /* a URL without query */
    char *group;
    unsigned concurrency;
    unsigned queue_max;                      /* requests that wait */
    uint64_t timeout_ms;
    char *health;                            /* "": none; or a path */
    uint64_t health_interval_ms;
    unsigned access_log;                     /* 0 or 1 */
};

struct config {
    enum program program;
    struct config_server server;
    struct config_line line;
    struct config_http http;
    struct config_tls tls;
    struct config_certificate *certificates;
    size_t certificate_count;
    struct config_recent recent;
    struct config_stream *streams;
    size_t stream_count;
    struct config_webhooks webhooks_all;
    struct config_webhook *webhooks;
    size_t webhook_count;
    struct config_uplink uplink;
    struct config_spool spool;
    struct config_call call;
    struct config_tail *tails;
    size_t tail_count;
    struct config_deliver *delivers;
    size_t deliver_count;
    struct config_serve *serves;
    size_t serve_count;
    struct config_jwt jwt;
    struct config_user *users;               /* in the order of the file; none: anybody may enter */
    size_t user_count;
};

/*
 * Why a configuration was refused. The sentence is all that a front end needs to print, such as
 * "posthornd.ini:12: [line] ping_intervall: no such option; did you mean ping_interval?"; the rest is what it is made
 * of. Texts are cut where they are too long. A secret is never among them.
 */
struct config_error {
    char sentence[1024];
    char place[256];                         /* the file as it was named, or "--set" */
    unsigned line;                           /* in the file, from 1; 0: no line is to blame */
    char offending[192];                     /* the text that was refused */
    char expected[320];                      /* what should have stood there; for a file that cannot be read, why */
};

/*
 * Reads the file of a program at path (NULL: no file, the defaults hold) and lays the overrides over it, the last of
 * equals winning: each is "section.key=value", or "section.NAME.key=value" where the section is repeated.
 * Returns 0 and a configuration to be destroyed by the caller, or fills in ret_error and returns -EINVAL (refused),
 * -ENOMEM, or the error of open or read, having allocated nothing.
 */
int config_load(enum program program, const char *path, const char *const *overrides, size_t override_count,
                struct config **ret_config, struct config_error *ret_error);

/* The same from text that has been read already; name is what errors call it. Borrows everything until it returns. No
 * other file is looked at. */
int config_parse(enum program program, const char *name, struct slice text, const char *const *overrides,
                 size_t override_count, struct config **ret_config, struct config_error *ret_error);

/* Takes NULL. */
void config_destroy(struct config *config);

/* Whether nobody has to say who he is. */
bool config_anybody_may_enter(const struct config *config);

/* allow_responses of a user: "no", "yes", "N" or "N, DURATION"; how often, and for how long. False: none of these. */
bool config_read_responses(const char *text, unsigned *ret_max, uint64_t *ret_ms);

/*
 * The first address at which other machines can come in though anybody may enter and server.open does not ask for
 * that, and the section that names it; NULL: there is none. What is loaded has none; a reload looks again once the
 * listeners that it cannot change are carried over.
 */
const char *config_exposure(const struct config *config, const char **ret_section);
#define CONFIG_EXPOSURE_EXPECTED \
    "expected a [user NAME], since other machines reach this address, or [server] open = yes"

/*
 * What a reload needs, in this order. config_changes_needing_restart names the options that differ and that a running
 * daemon cannot change: *ret_names is their text, "server.workers, line.listen", to be freed by the caller, NULL where
 * there is none. config_carry_over then copies the values of those options from the old configuration to the new one,
 * so that the new one says what holds, and the next reload names them again. Each returns 0 or -ENOMEM; a configuration
 * to which not all could be carried over is good for nothing but config_destroy.
 */
int config_changes_needing_restart(const struct config *old_config, const struct config *new_config, char **ret_names);
int config_carry_over(const struct config *old_config, struct config *new_config);

/*
 * Single structs of a repeated section, such as "deliver", for those who outlive a reload: whether two say the same,
 * NAME and all; and a copy of one (NULL: out of memory), which is freed by config_free_copy, which takes NULL.
 */
bool config_is_same(const char *section_name, const void *a, const void *b);
void *config_copy(const char *section_name, const void *instance);
void config_free_copy(const char *section_name, void *instance);

/* The effective configuration, as an INI that loads again. Secrets are left out and say so in a comment. */
void config_print(const struct config *config, FILE *out);

/* etc/PROGRAM.ini: every option at its default, commented out, under its help. */
void config_print_sample(enum program program, FILE *out);

/* doc/PROGRAM.ini.5, in man(7) roff. */
void config_print_man(enum program program, FILE *out);

#endif
