/*
 * fetch: one GET of a server's HTTP side, for commands that show what it tells of itself. No more of HTTP than that: an
 * answer is read to the end of its connection. A library for all of HTTP would make every other command, which is
 * started for one message, start ten times as slowly.
 */
#ifndef POSTHORN_FETCH_H
#define POSTHORN_FETCH_H

#include <stdint.h>

#include "secure.h"

enum { FETCH_REASON_SIZE = 512 };

/* Where to ask, and as whom. Strings are its own. */
struct fetch_target {
    struct secure_values secure;        /* the caller's: how to do TLS; its paths are borrowed */
    bool is_secure;
    struct ph_tls_context *tls_context; /* with the session of the last answer; NULL: none yet */
    char *host, *port;
    char *authority;     /* host and port, as Host says them */
    char *authorization; /* the header's value; NULL: none */
};

/* Reads "http://host[:port]" or "https://...", port 8222 where it has none, into target, of which only secure is there.
 * A token, or user and password, may be NULL. Says what is wrong with them. Give it back with fetch_target_finish,
 * whatever the answer. */
enum exit_code fetch_target_init(struct fetch_target *target, const char *url, const char *user, const char *password,
                                 const char *token);
void fetch_target_finish(struct fetch_target *target);

/*
 * The body of GET path, NUL behind it, yours to free. timeout_ns is for each step of it. Where there is none, *ret_body
 * is NULL and reason says why, in a few words.
 */
enum exit_code fetch_get(struct fetch_target *target, const char *path, uint64_t timeout_ns, char **ret_body,
                         char reason[FETCH_REASON_SIZE]);

#endif
