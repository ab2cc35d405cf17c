/*
 * line: the front end for the line protocol (the NATS client protocol), one for each worker.
 *
 *   client        one connection: its life, its input, its errors, its time
 *   verbs         the table of what a client may say, and what comes of it
 *   publish       gathering the messages of one read into batches
 *   subscription  one subscription: the sink that writes MSG and HMSG
 *   hello         INFO and CONNECT
 *   webhooks      what is asked of webhooks by messages
 *
 * doc/protocol.md is the protocol. Belongs to the worker's thread.
 */
#ifndef LINE_LINE_H
#define LINE_LINE_H

#include <stdbool.h>
#include <stdint.h>

struct address;
struct broker;
struct config;
struct line;
struct loop;
struct tls;

/* What INFO tells of the server; constant, and outlives the line. */
struct line_identity {
    const char *server_id;
    const char *server_name;
    const char *host; /* where the first listener listens */
    unsigned port;
};

/* Borrows all its arguments but config, of which it takes its options; tls (NULL: there is none) until
 * line_reconfigure. NULL: out of memory. */
struct line *line_create(struct loop *loop, struct broker *broker, const struct line_identity *identity,
                         const struct config *config, struct tls *tls);

/* After the last client is gone, and the last call of the desk for webhooks back. Takes NULL. */
void line_destroy(struct line *line);

/* Other options from now on, for clients that are there too. */
void line_reconfigure(struct line *line, const struct config *config, struct tls *tls);

/* Tells every client that the server is about to stop, and those that come from now on. */
void line_set_lame_duck(struct line *line);

/* Before the loop flushes at the end of a turn: looks at what is asked. */
void line_turn(struct line *line);

/* The server is about to stop: what is under way may go on for a moment. Busy tells whether something is. */
void line_quiesce(struct line *line);
bool line_is_busy(const struct line *line);

/* Ends the subscriptions that had their last message in deliveries from other workers. The end of every turn. */
void line_turn_end(struct line *line);

/* Takes an accepted connection; one that is refused is only told that there are too many. 0, or -errno and the
 * descriptor is still the caller's. */
int line_accept(struct line *line, int fd, const struct address *peer, uint64_t client_id, bool refused);

/* Called with the peer of every client that is gone. */
void line_on_closed(struct line *line, void (*closed)(void *arg, const struct address *peer), void *arg);

#endif
