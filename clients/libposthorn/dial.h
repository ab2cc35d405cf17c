/*
 * dial: the addresses behind one URL, tried one after another with sockets that do not block. Owned by one connection.
 */
#ifndef PH_DIAL_H
#define PH_DIAL_H

#include <netdb.h>

#include "lookup.h"
#include "url.h"

struct ph_dial {
    const struct ph_url *url; /* borrowed */
    struct ph_lookup *lookup; /* under way; NULL: none */
    struct addrinfo *list;    /* of getaddrinfo; NULL for a unix socket */
    const struct addrinfo *next;
    bool unix_left;           /* a unix socket that was not tried yet */
};

/* Begins with a URL: has its addresses, or looks its name up, which dial->lookup then says. PH_OK, or PH_E_RESOLVE,
 * PH_E_MEMORY or PH_E_SYSTEM with *ret_why, a static sentence. */
int ph_dial_begin(struct ph_dial *dial, const struct ph_url *url, const char **ret_why);

/* The name has been looked up (ph_lookup_is_done). PH_OK, or an error as above. */
int ph_dial_take(struct ph_dial *dial, const char **ret_why);

/* Opens a socket and begins to connect it to the next address: the socket, -1 where that failed at once (errno). */
int ph_dial_next(struct ph_dial *dial);

/* True while ph_dial_next has an address. */
bool ph_dial_more(const struct ph_dial *dial);

void ph_dial_finish(struct ph_dial *dial);

#endif
