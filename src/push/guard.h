/*
 * guard: which addresses a webhook may be sent to. A registrant chooses the name, and whoever answers for the name
 * chooses the address; so each address is looked at before each connect, whatever it was at the look-up before. What is
 * not of the public Internet is refused: this machine, private and local networks, the metadata services of clouds; in
 * IPv6 also where it is written within another form (IPv4-mapped, NAT64, 6to4, Teredo, ISATAP). What an operator wants
 * all the same he names as networks.
 *
 * Constant once it is filled. Pure; any thread.
 */
#ifndef PUSH_GUARD_H
#define PUSH_GUARD_H

#include "util/network.h"

struct sockaddr;

struct guard {
    const struct network *allowed; /* borrowed */
    size_t allowed_count;
};

/* Why nobody connects there, such as "loopback" or "private"; NULL: let him. */
const char *guard_refuses(const struct guard *guard, const struct sockaddr *address);

#endif
