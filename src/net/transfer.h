/*
 * transfer: requests by libcurl on an event loop: its sockets and its timer. What a request is, its owner says to curl
 * himself (curl_easy_setopt), on a handle that transfers_prepare has seen. Here handles are void pointers, as which
 * curl declares them itself, and results (CURLcode) ints: who includes this need not see curl.
 *
 * curl looks through all connections that it has to a host before it makes another, so they are spread over several
 * multi handles, the lanes: those of one key share theirs as long as that has room. Belongs to the loop's thread.
 */
#ifndef NET_TRANSFER_H
#define NET_TRANSFER_H

#include <stdint.h>

#include "util/list.h"

struct curl_sockaddr;
struct loop;
struct transfer;
struct transfer_lane;
struct transfers;

/* At most so many connections, those that wait to be used again among them; nobody has more requests under way. 0 or
 * -ENOMEM. */
int transfers_create(struct loop *loop, unsigned connections_max, struct transfers **ret_transfers);
/* What is under way is given up, and nobody is told. Takes NULL. */
void transfers_destroy(struct transfers *transfers);
/* Of requests that begin from now on. */
void transfers_limit(struct transfers *transfers, unsigned connections_max);

unsigned transfers_count(const struct transfers *transfers);

/* Whatever else the owner makes of the handle, it is for these transfers, and opens sockets by them. */
void transfers_prepare(struct transfers *transfers, void *easy);

/* A request under way. Embedded in its owner, zeroed. */
struct transfer {
    /* From a later turn, when it has ended and been taken out: the handle is the owner's again. It may start further
     * ones. */
    void (*done)(struct transfer *transfer, int code);

    /* transfers' own. */
    struct list place;
    struct transfers *transfers;
    struct transfer_lane *lane;
    void *easy;                      /* NULL: it is not under way */
};

/* key: those with the same one use the same connections. 0 or -ENOMEM. */
int transfer_start(struct transfers *transfers, struct transfer *transfer, void *easy, uint64_t key);

/* Gives it up where it is under way. done is not called. */
void transfer_cancel(struct transfer *transfer);

/* For an owner who looks at addresses himself (CURLOPT_OPENSOCKETFUNCTION): opens the socket, or -1. */
int transfer_open_socket(struct transfer *transfer, const struct curl_sockaddr *address);

#endif
