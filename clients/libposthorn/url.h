/*
 * url: where a server is and who we are there, read from a list such as "nats://ann:secret@a:4222,unix:/run/b.sock".
 * Pure.
 */
#ifndef PH_URL_H
#define PH_URL_H

#include <stddef.h>

#include "util/slice.h"

struct ph_url {
    char *text; /* one allocation, which the rest points into */
    const char *host;
    const char *port;
    const char *path;     /* unix socket; NULL: host and port */
    const char *user;     /* NULL: the URL carries no credentials */
    const char *password; /* NULL: none */
    const char *token;    /* NULL: none */
    bool tls;             /* it begins with tls:// */
    const char *label;    /* "host:port", "[v6]:port" or "unix:/path", without credentials: for people */
};

/* Reads one URL. PH_E_URL, PH_E_MEMORY. */
int ph_url_parse(struct slice text, struct ph_url *ret_url);

void ph_url_finish(struct ph_url *url);

/*
 * Reads a list with commas between; blanks around each are ignored. On failure *ret_bad is the URL at fault.
 * The caller frees with ph_urls_free.
 */
int ph_urls_parse(const char *list, struct ph_url **ret_urls, size_t *ret_count, struct slice *ret_bad);

void ph_urls_free(struct ph_url *urls, size_t count);

#endif
