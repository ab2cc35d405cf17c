/*
 * dial: the addresses behind one URL, tried one after another with sockets that do not block. Owned by one connection.
 */
#ifndef PH_DIAL_H
#define PH_DIAL_H

#include <netdb.h>

#include "url.h"

struct ph_dial {
    const struct ph_url *url; /* borrowed */
    struct addrinfo *list;    /* of getaddrinfo; NULL for a unix socket */
    const struct addrinfo *next;
    bool unix_left;           /* a unix socket that was not tried yet */
};

/* Looks the URL up (libc's resolver blocks). PH_OK, or PH_E_RESOLVE or PH_E_MEMORY with *ret_why, a static sentence. */
int ph_dial_begin(struct ph_dial *dial, const struct ph_url *url, const char **ret_why);

/* Opens a socket and begins to connect it to the next address: the socket, -1 where that failed at once (errno). */
int ph_dial_next(struct ph_dial *dial);

/* True while ph_dial_next has an address. */
bool ph_dial_more(const struct ph_dial *dial);

void ph_dial_finish(struct ph_dial *dial);

#endif
