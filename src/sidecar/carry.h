/*
 * carry: HTTP in messages. A request message becomes an HTTP request to the application, and the answer to that a
 * reply.
 *
 *     Posthorn-Method: GET         the method; POST where it is not said
 *     Posthorn-Target: /42?x=1     path and query, as they were sent; where it is not said, a path of the tokens that
 *                                  the wildcards of the pattern stand for: /42 for svc.users.42 under svc.users.>
 *     Posthorn-Status: 200         of a reply
 *     NAME: value                  every other header is the header of that name, both ways
 *
 * What speaks of one connection alone stays behind: hop-by-hop headers, those that Connection names, Host,
 * Content-Length. So do names that begin with Posthorn- or Nats-, which are ours. Pure; any thread.
 */
#ifndef SIDECAR_CARRY_H
#define SIDECAR_CARRY_H

#include "util/slice.h"

struct ph_headers;

#define CARRY_METHOD "Posthorn-Method"
#define CARRY_TARGET "Posthorn-Target"
#define CARRY_STATUS "Posthorn-Status"

/* True where a header of that name goes along; connection is the value of Connection (may be empty). */
bool carry_goes_along(struct slice name, struct slice connection);

struct carry_source {
    struct slice to;                 /* the application's URL, without query and without a slash at the end */
    struct slice pattern, topic;
    struct slice head;               /* of the message; empty: none */
};

/* The request, in one block, to be freed by carried_finish. */
struct carried {
    char *bytes;
    const char *method, *url;        /* in the block */
    const char *lines;               /* header lines as curl takes them, each with a NUL, and a NUL behind the last */
    size_t lines_size;               /* without that */
};

/* 0; -ENOMEM; or -EINVAL: no application may be asked this, and *ret_fault is a sentence that says why. */
int carry_to_request(const struct carry_source *source, struct carried *ret_carried, const char **ret_fault);
void carried_finish(struct carried *carried);

/* Walks the lines, from NULL: "Content-Type: text/plain". NULL behind the last. */
const char *carried_next_line(const struct carried *carried, const char *line);

/* A header of the answer. */
struct carry_pair {
    const char *name, *value;
};

/* Adds the status and what goes along. with_length: the length that an answer without its body speaks of, goes along.
 * PH_OK or an error of ph_headers_add but PH_E_HEADER: what no message can have is left out. */
int carry_to_reply(struct ph_headers *headers, unsigned status, const struct carry_pair *pairs, size_t count,
                   bool with_length);

#endif
