/*
 * listener: a socket that takes connections: HOST:PORT, [IPV6]:PORT or unix:/PATH. Port 0 takes a free one.
 *
 * Where descriptors run out it rests for a while and tries again, so that nobody spins and those who wait in the
 * kernel's queue are served later. Belongs to one loop and its thread.
 */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "net/address.h"
#include "net/loop.h"

struct listener;

/* Called with every connection; takes the descriptor. */
typedef void listener_accepted(void *arg, int fd, const struct address *peer);

/*
 * Binds and listens; connections queue from now on and are taken from listener_start on. unix_mode: permissions of a
 * unix socket, whose stale file is replaced. 0, -EADDRINUSE (someone listens there), -EAFNOSUPPORT or -EADDRNOTAVAIL
 * (no such address here), or another -errno.
 */
int listener_open(struct loop *loop, const char *where, unsigned unix_mode, listener_accepted *accepted, void *arg,
                  struct listener **ret_listener);

/* Begins to take connections. 0 or -ENOMEM. */
int listener_start(struct listener *listener);

/* Stops listening, and removes the file of a unix socket. Takes NULL. */
void listener_close(struct listener *listener);

/* Where it listens, with the port that was taken: "127.0.0.1:41233", "unix:/run/x.sock". */
const char *listener_where(const struct listener *listener);

/* The host and port of it; the path and 0 for a unix socket. Lives as long as the listener. */
const char *listener_host(const struct listener *listener);
unsigned listener_port(const struct listener *listener);

#endif
