/*
 * peer: the other end of a connection under test, a server that says what a script tells it to. The script runs in a
 * thread of its own, so that the calls that wait have somebody to wait for. Every step has a deadline, and a step that
 * fails ends the test. One peer serves one connection at a time.
 */
#ifndef PEER_H
#define PEER_H

#include <pthread.h>
#include <stddef.h>

#include "libposthorn/posthorn.h"

struct peer;
typedef void peer_script(struct peer *peer);

struct peer {
    char url[64];       /* where it listens */
    int listener, fd;   /* -1: none */
    pthread_t thread;
    peer_script *script;
    char line[4096];    /* the last that peer_expect read, without its end */
    char bytes[65536];  /* received */
    size_t size, taken; /* of them */
};

#define PEER_INFO "INFO {\"server_id\":\"P\",\"version\":\"2.9.10\",\"headers\":true,\"max_payload\":1048576}\r\n"

/* The test's side. */
void peer_open(struct peer *peer, peer_script *script); /* listens, and runs the script */
void peer_close(struct peer *peer);                     /* waits for its end */

/* The script's side. */
void peer_accept(struct peer *peer);
void peer_say(struct peer *peer, const char *text);
void peer_say_bytes(struct peer *peer, const char *data, size_t size);
bool peer_line(struct peer *peer);                      /* reads the next line; false: the client hung up */
void peer_expect(struct peer *peer, const char *start); /* the next line begins so */
void peer_expect_line(struct peer *peer, const char *line);
void peer_expect_end(struct peer *peer);                /* the client hangs up, and says nothing more */
void peer_greet(struct peer *peer);                     /* accept, INFO, CONNECT, PING, PONG */
void peer_hang_up(struct peer *peer);
void peer_stop_listening(struct peer *peer);            /* further attempts are refused */

#endif
