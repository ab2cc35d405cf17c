/*
 * receiver: what webhooks are sent to in tests: a small HTTP server on a port of its own, whose answers the test
 * chooses, byte by byte. It has a thread for itself and one for each connection.
 */
#ifndef TESTS_RECEIVER_H
#define TESTS_RECEIVER_H

#include <pthread.h>
#include <stddef.h>

/* Reads nothing more and says nothing, until the other end closes. */
extern const char receiver_hangs[];

/* The answer to the request, head and body as it came, with a NUL; the number counts from 1. NULL: close. From the
 * thread of a connection, one at a time. */
typedef const char *receiver_answer(void *arg, const char *request, unsigned number);

struct receiver {
    receiver_answer *answer;
    void *arg;
    int fd;
    unsigned port;
    char url[64];                    /* http://127.0.0.1:PORT/hook */
    pthread_t thread;
    pthread_mutex_t mutex;           /* of what follows: ask by the functions below */
    pthread_cond_t left;
    unsigned connection_count;       /* ever */
    unsigned open_count;
    unsigned request_count;
    int open_fds[1024];
};

void receiver_start(struct receiver *receiver, receiver_answer *answer, void *arg);
void receiver_stop(struct receiver *receiver);

/* How many have come so far: requests, connections; and connections that are open now. */
unsigned receiver_requests(struct receiver *receiver);
unsigned receiver_connections(struct receiver *receiver);
unsigned receiver_open(struct receiver *receiver);

/* Ends all connections. */
void receiver_hang_up(struct receiver *receiver);

/* The value of a header in a request, copied into room; NULL: there is none. */
const char *receiver_header(const char *request, const char *name, char *room, size_t room_size);
const char *receiver_body(const char *request);

#endif
