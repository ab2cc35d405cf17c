/*
 * lookup: a host's name on its way to addresses. libc's resolver blocks, so a thread of its own asks it; whoever gives
 * up leaves the thread to end by itself. Owned by one connection, which shares it with that thread.
 */
#ifndef PH_LOOKUP_H
#define PH_LOOKUP_H

#include <netdb.h>
#include <stdbool.h>

struct ph_lookup;

/* Starts the thread; copies both. PH_OK, PH_E_MEMORY or PH_E_SYSTEM. */
int ph_lookup_start(const char *host, const char *port, struct ph_lookup **ret_lookup);

/* Readable when it is done. */
int ph_lookup_fd(const struct ph_lookup *lookup);

bool ph_lookup_is_done(const struct ph_lookup *lookup);

/* When it is done: 0 and a list for freeaddrinfo, or the code of getaddrinfo. It is still to be left then. */
int ph_lookup_take(struct ph_lookup *lookup, struct addrinfo **ret_list);

/* Takes NULL. */
void ph_lookup_leave(struct ph_lookup *lookup);

/* What the thread does, for names that need none: the code of getaddrinfo. flags: AI_NUMERICHOST, or 0. */
int ph_lookup_now(const char *host, const char *port, int flags, struct addrinfo **ret_list);

#endif
