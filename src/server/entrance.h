/*
 * entrance: the listeners of all front ends, as the configuration names them. Belongs to the supervisor's thread.
 */
#ifndef SERVER_ENTRANCE_H
#define SERVER_ENTRANCE_H

#include <stdbool.h>

#include "net/address.h"
#include "net/listener.h"

struct config;
struct entrance;
struct loop;

/* The front ends that connections come to. */
enum front_end { FRONT_LINE, FRONT_HTTP, FRONT_COUNT };

/* A connection has come; takes the descriptor. is_local: by an address that only this machine reaches. */
typedef void entrance_accepted(void *arg, enum front_end front_end, bool is_local, int fd, const struct address *peer);

/* Binds every address; connections queue until entrance_start. 0 or -errno, having logged which address failed. */
int entrance_open(struct loop *loop, const struct config *config, entrance_accepted *accepted, void *arg,
                  struct entrance **ret_entrance);

/* Begins to take connections. 0 or -ENOMEM. */
int entrance_start(struct entrance *entrance);

/* Stops listening. Takes NULL. */
void entrance_close(struct entrance *entrance);

/* The first listener of a front end; NULL: it has none. */
const struct listener *entrance_first(const struct entrance *entrance, enum front_end front_end);

/* "line=127.0.0.1:4222,... http=127.0.0.1:8222,..." written at out, cut where it does not fit. */
void entrance_describe(const struct entrance *entrance, char *out, size_t size);

#endif
