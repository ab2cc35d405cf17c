/* identity: what clients, pages and monitors are told of the server, and what the workers' front ends share. Constant
 * once it is set; the supervisor's. */
#ifndef SERVER_IDENTITY_H
#define SERVER_IDENTITY_H

#include "http/http.h"
#include "line/line.h"

struct config;
struct entrance;
struct storage;

enum { SERVER_ID_SIZE = 56 }; /* as long as the public keys that others use here */

struct identity {
    struct line_identity line;
    struct http_identity http;
    char server_id[SERVER_ID_SIZE + 1];
    char server_name[256], line_host[300], http_host[300]; /* the listeners go before the last client does */
};

/* Sets all but http.queues. */
void identity_set(struct identity *identity, const struct config *config, const struct entrance *entrance,
                  const struct storage *storage, unsigned worker_count);

#endif
