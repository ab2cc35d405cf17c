/* address: where a listener listens and whence a connection comes: IPv4, IPv6 or a unix socket. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "util/slice.h"

/* A peer's address, small enough to keep with each connection. */
struct address {
    uint8_t ip[16]; /* IPv4 as ::ffff:a.b.c.d */
    uint16_t port;  /* host order */
    uint8_t family; /* AF_INET, AF_INET6, AF_UNIX; 0: unknown */
};

enum { ADDRESS_TEXT_SIZE = 64 };

struct address address_of(const struct sockaddr *from);

/* "127.0.0.1:4222", "[::1]:4222" or "unix", at out, which holds ADDRESS_TEXT_SIZE. Returns out. */
const char *address_text(const struct address *address, char *out);

/* The host alone: "127.0.0.1", "::1", "". */
const char *address_host(const struct address *address, char *out);

/* True for an address that nobody reaches from another machine: 127.0.0.0/8, ::1, a unix socket. */
bool address_is_local(const struct address *address);

/* The address of a connected socket's own end. */
struct address address_of_socket(int fd);

/* The bytes that stand for whoever is behind it: the host, or with IPv6 its network of 64 bits, of which whoever has
 * one address has them all. Borrowed. */
struct slice address_place(const struct address *address);

/* The same, for limits that hold for each place; empty for a unix socket, which has none. */
struct slice address_place_counted(const struct address *address);

bool address_same_host(const struct address *a, const struct address *b);

#endif
