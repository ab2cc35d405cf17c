/*
 * origin: which pages may ask, and under which names this server may be asked.
 *
 * A page may use the server where it comes from it (same origin) or from one of http.origins. All others are refused,
 * whatever they send, the simple requests too that browsers send without asking first. By way of an address of this
 * machine the server is asked under names of this machine only: a page whose name was made to point here (DNS
 * rebinding) is of its own name's origin, and would pass for the same.
 *
 * The questions are pure; the rest belongs to the worker's thread.
 */
#ifndef HTTP_ORIGIN_H
#define HTTP_ORIGIN_H

#include "http/request.h"

struct config_http;

/* An origin whose pages may ask, and the header lines that every answer to them carries. */
struct origin_row {
    const char *name; /* in small letters, as browsers write it; "*": any */
    const char *lines;
};

/* [0] is for everybody else, and has no name; then those of http.origins. Zero is the empty table. */
struct origins {
    struct origin_row *rows;
    size_t row_count;
    char *texts;
};

/* Copies what it needs of the configuration, in place of what was there. 0 or -ENOMEM, and then nothing has changed. */
int origins_set(struct origins *origins, const struct config_http *config);
void origins_finish(struct origins *origins);

/* Who sends a request, as far as a browser says. */
enum origin_verdict {
    ORIGIN_GOOD,       /* no page, or one that may */
    ORIGIN_NAVIGATION, /* somebody follows a link from a page elsewhere: good for what changes nothing */
    ORIGIN_BAD,
};

/* is_secure: the request came by TLS. *ret_place: which lines answers carry. */
enum origin_verdict origin_judge(const struct origins *origins, const struct http_request *request, bool is_secure,
                                 unsigned *ret_place);

/* True for the name of this very machine, with or without a port: localhost, x.localhost, 127.0.0.0/8, [::1]. */
bool host_is_local(struct slice host);

/* True where host, with or without a port, has that name. */
bool host_has_name(struct slice host, struct slice name);

#endif
