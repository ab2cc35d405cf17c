/*
 * state: the state of the room, one for each worker, beside what http.h shows of it: the options as they are used, what
 * the request that is being read needs for the time of its reading, and what the handlers keep.
 */
#ifndef HTTP_STATE_H
#define HTTP_STATE_H

#include "http/http.h"
#include "http/origin.h"
#include "http/request.h"
#include "net/conn.h"
#include "net/secure.h"

struct calls;
struct feeds;
struct http_client;
struct pace;

enum {
    PARAMETER_SIZE_MAX = 32 << 10, /* the largest http.target_size_max */
    DATE_LINE_SIZE = 38,           /* "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", with its NUL */
};

struct http_state {
    /* Options. */
    struct conn_limits conn_limits;
    enum secure_demand secure_demand; /* of clients that do not come by a unix socket */
    struct http_limits limits;       /* body_size_max: of the largest body that any route takes */
    size_t payload_size_max, batch_size_max;
    struct origins origins;
    uint64_t head_timeout_ms, body_timeout_ms, idle_timeout_ms;

    /* The request that is being looked at. */
    struct http_request request;
    char parameters[PARAMETER_SIZE_MAX]; /* of its path, decoded, one behind the other */

    /* Said in every answer; made once a second. */
    uint64_t date_s;
    char date_line[DATE_LINE_SIZE];

    bool lame_duck;                  /* answers ask the clients to go */
    bool quiescing;                  /* nothing more is taken in */
    struct http_client *released;    /* may read on, at the next http_turn */

    struct pace *pace;               /* of those who poll */
    struct calls *calls;             /* of those who publish, ask and answer */
    struct feeds *feeds;             /* of those who read streams */

    void (*closed)(void *arg, const struct address *peer);
    void *closed_arg;
};

#endif
