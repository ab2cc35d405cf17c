/*
 * connection: a ph_conn with what a command needs around it: opening it as the options say, one line on standard
 * error for what goes wrong, an exit code for each error, and waiting for the server and for other descriptors at
 * once.
 */
#ifndef POSTHORN_CONNECTION_H
#define POSTHORN_CONNECTION_H

#include <poll.h>

#include "posthorn.h"
#include "server.h"

struct connection {
    struct ph_conn *conn;
    struct server server;
    bool verbose;
    bool keeps;             /* a broken connection is made anew */
    enum exit_code failure; /* what the server refused meanwhile; EXIT_OK: nothing */
    unsigned reconnect_count; /* connections made anew */
};

enum connection_flags {
    CONNECTION_ONCE = 0,
    CONNECTION_KEEP = 1 << 0, /* make a broken connection anew, for commands that run on and on */
};

/*
 * Connects and waits for it. Says what is wrong. Give it back with connection_close, whatever the answer. connection
 * must stay where it is.
 */
enum exit_code connection_open(struct connection *connection, const struct server_values *values,
                               enum connection_flags flags);
void connection_close(struct connection *connection);

/* Says "what: why" for a ph_error and returns the exit code that belongs to it. */
enum exit_code connection_fail(const struct connection *connection, int error, const char *what);

/* Waits until the server has dealt with everything. Says what is wrong, also what the server had refused before. */
enum exit_code connection_flush(struct connection *connection, uint64_t timeout_ns);

/* A line on standard error if --verbose was given. */
void connection_tell(const struct connection *connection, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* How many places at the front of fds connection_turn uses itself. */
enum { CONNECTION_FDS = 2 };

/*
 * Waits at most timeout_ms (-1: no end) for the server, a signal (see interrupt.h) or the caller's own
 * fds[CONNECTION_FDS..count), and deals with what the server sent. EXIT_OK: look at fds and interrupted(), and come
 * again. Anything else: it has been said, and the command ends.
 */
enum exit_code connection_turn(struct connection *connection, struct pollfd *fds, nfds_t count, int timeout_ms);

/* Milliseconds for a poll, rounded up, at most INT_MAX. */
int milliseconds(uint64_t ns);

/* Adds the headers that "Name: value" texts describe. Says what is wrong. */
enum exit_code headers_add_texts(struct ph_headers *headers, const struct text_list *texts);

/* The same in a block of their own, NULL for none; the caller destroys it, whatever the answer. */
enum exit_code headers_from_texts(const struct text_list *texts, struct ph_headers **ret_headers);

#endif
