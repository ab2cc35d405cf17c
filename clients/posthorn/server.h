/*
 * server: which server a command talks to, and as whom: options, environment and saved contexts brought to one
 * answer.
 */
#ifndef POSTHORN_SERVER_H
#define POSTHORN_SERVER_H

#include "secure.h"

struct server_values {
    const char *url;
    const char *context;
    const char *user;
    const char *password;
    const char *token;
    const char *nkey;
    const char *creds;
    uint64_t connect_timeout_ns;
    bool verbose;
    struct secure_values secure;
};

extern const struct option server_options[];

/* The rows of a command's group list; values is the struct that holds `struct server_values server`. */
#define SERVER_GROUP(values) \
    { \
        "Server", server_options, offsetof(values, server) \
    }, \
        SECURE_GROUP(values, server.secure)

/* The environment that the commands read, for help and manual. Ends with a row without a name. */
struct environment_row {
    const char *name;
    const char *meaning;
};
extern const struct environment_row environment_rows[];

/* Which of them wins, in words. */
extern const char server_precedence[];

/* Where to connect, and as whom. Strings are its own; NULL where there is none. */
struct server {
    char *url;
    char *user;
    char *password;
    char *token;
    char *nkey, *creds;  /* paths */
    struct secure_values secure; /* its paths are its own, too */
    const char *source; /* who said the address: "--server", "POSTHORN_URL", "the default", ... */
};

/* Says what is wrong. Give it back with server_finish, whatever the answer. */
enum exit_code server_resolve(const struct server_values *values, struct server *ret_server);
void server_finish(struct server *server);

/*
 * The URLs (commas between) with mask in place of their credentials, for eyes; "" leaves the credentials out. Yours
 * to free.
 */
char *server_mask_url(const char *url, const char *mask);

#endif
