/*
 * config: what posthornd has been told, read from an INI file and from the --set options of its command line.
 *
 * A configuration is loaded as a whole or not at all, and is constant from then on: whoever loaded it owns it, any
 * thread may read it, and a reload loads another one beside it. Everything that is known of an option (its name, type,
 * default, limits, help) is one row of the table in options.c; the loader and all printers are driven by that table.
 *
 * To add an option: a field here, a row in options.c. To add a section: a struct here and its rows in options.c, one in
 * the table of sections, one a key in the table of options. A section that is repeated under names, as [stream NAME]
 * is, has an array in place of the struct, whose first field is char *name. Then posthornd --print-sample >
 * etc/posthornd.ini and posthornd --print-man > doc/posthornd.ini.5: the tests compare them.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "util/slice.h"

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
    uint64_t lame_duck_grace_ms;             /* from SIGUSR2 to the first connection closed */
    uint64_t lame_duck_duration_ms;          /* over which the connections are closed */
    unsigned connections_max;
    unsigned connections_per_address_max;    /* 0: no limit */
};

struct config_line {
    struct config_list listen;               /* HOST:PORT, [IPV6]:PORT, unix:/PATH: well-formed, not looked up */
    unsigned unix_mode;                      /* permissions of unix sockets */
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
    unsigned responder_queue_max;            /* requests that wait for one group of HTTP workers */
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

/* At least one of password and token is set. Tokens differ between users. */
struct config_user {
    char *name;
    char *password;                          /* NULL: enters by token only */
    char *token;                             /* NULL: enters by password only */
};

struct config {
    struct config_server server;
    struct config_line line;
    struct config_http http;
    struct config_recent recent;
    struct config_stream *streams;
    size_t stream_count;
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
 * Reads the file at path (NULL: no file, the defaults hold) and lays the overrides over it, the last of equals winning:
 * each is "section.key=value", or "section.NAME.key=value" where the section is repeated.
 * Returns 0 and a configuration to be destroyed by the caller, or fills in ret_error and returns -EINVAL (refused),
 * -ENOMEM, or the error of open or read, having allocated nothing.
 */
int config_load(const char *path, const char *const *overrides, size_t override_count, struct config **ret_config,
                struct config_error *ret_error);

/* The same from text that has been read already; name is what errors call it. Borrows everything until it returns. */
int config_parse(const char *name, struct slice text, const char *const *overrides, size_t override_count,
                 struct config **ret_config, struct config_error *ret_error);

/* Takes NULL. */
void config_destroy(struct config *config);

/*
 * What a reload needs, in this order. config_changes_needing_restart names the options that differ and that a running
 * daemon cannot change: *ret_names is their text, "server.workers, line.listen", to be freed by the caller, NULL where
 * there is none. config_carry_over then copies the values of those options from the old configuration to the new one,
 * so that the new one says what holds, and the next reload names them again. Each returns 0 or -ENOMEM; a configuration
 * to which not all could be carried over is good for nothing but config_destroy.
 */
int config_changes_needing_restart(const struct config *old_config, const struct config *new_config, char **ret_names);
int config_carry_over(const struct config *old_config, struct config *new_config);

/* The effective configuration, as an INI that loads again. Secrets are left out and say so in a comment. */
void config_print(const struct config *config, FILE *out);

/* etc/posthornd.ini: every option at its default, commented out, under its help. */
void config_print_sample(FILE *out);

/* doc/posthornd.ini.5, in man(7) roff. */
void config_print_man(FILE *out);

#endif
