/*
 * problem: the kinds of errors that HTTP clients are told of (RFC 9457), and how one is written. doc/http-api.md
 * explains each; a test compares. Pure; any thread.
 */
#ifndef HTTP_PROBLEM_H
#define HTTP_PROBLEM_H

#include "util/json.h"
#include "util/slice.h"

enum problem_kind {
    PROBLEM_BAD_REQUEST,        /* 400: the request is malformed */
    PROBLEM_BAD_TOPIC,          /* 400: no valid topic or pattern */
    PROBLEM_BAD_PARAMETER,      /* 400: a query parameter or header is not what it should be */
    PROBLEM_BAD_BODY,           /* 400: the body is not what it should be */
    PROBLEM_BAD_SETTINGS,       /* 400: a stream, consumer or webhook cannot be so */
    PROBLEM_OTHER_STREAM,       /* 400: the cursor is of a stream that is not the one read */
    PROBLEM_UNAUTHORIZED,       /* 401 */
    PROBLEM_FORBIDDEN,          /* 403: not for this user */
    PROBLEM_BAD_ORIGIN,         /* 403: not for pages of that origin */
    PROBLEM_NOT_FOUND,          /* 404 */
    PROBLEM_NOT_KEPT,           /* 404: nobody keeps these topics, so there is no history to poll */
    PROBLEM_NO_STREAM,          /* 404 */
    PROBLEM_NO_CONSUMER,        /* 404 */
    PROBLEM_NO_MESSAGE,         /* 404: the stream has none of that number, or id */
    PROBLEM_NO_WEBHOOK,         /* 404 */
    PROBLEM_BAD_METHOD,         /* 405 */
    PROBLEM_NOT_ACCEPTABLE,     /* 406 */
    PROBLEM_TIMEOUT,            /* 408: the request took too long to arrive */
    PROBLEM_WRONG_SEQUENCE,     /* 409: the last one is not what the sender expects */
    PROBLEM_WRONG_ID,           /* 409: the last message has not the id that the sender expects */
    PROBLEM_WRONG_STREAM,       /* 409: the topic is kept by another stream than the sender expects, or by none */
    PROBLEM_STREAM_EXISTS,      /* 409 */
    PROBLEM_CONSUMER_EXISTS,    /* 409 */
    PROBLEM_WEBHOOK_EXISTS,     /* 409 */
    PROBLEM_CONFIGURED,         /* 409: what the configuration names is changed there */
    PROBLEM_TOPICS_TAKEN,       /* 409: another stream keeps some of these topics */
    PROBLEM_NOT_ALLOWED,        /* 409: by the settings of the stream */
    PROBLEM_GONE,               /* 410: this reply was not awaited any more */
    PROBLEM_TOO_LARGE,          /* 413 */
    PROBLEM_LONG_TARGET,        /* 414 */
    PROBLEM_BAD_TYPE,           /* 415 */
    PROBLEM_BAD_CODING,         /* 415 */
    PROBLEM_EXPECTATION,        /* 417 */
    PROBLEM_BAD_HOST,           /* 421: not a name of this server */
    PROBLEM_TOO_OFTEN,          /* 429 */
    PROBLEM_LARGE_HEAD,         /* 431 */
    PROBLEM_INTERNAL,           /* 500 */
    PROBLEM_UNKNOWN_METHOD,     /* 501 */
    PROBLEM_UNKNOWN_CODING,     /* 501: a transfer coding other than chunked */
    PROBLEM_BAD_GATEWAY,        /* 502: of a sidecar, whose application has not answered so that it can be passed on */
    PROBLEM_NO_RESPONDERS,      /* 503 */
    PROBLEM_UNAVAILABLE,        /* 503: stopping, or out of room */
    PROBLEM_STREAM_FAILED,      /* 503: the stream takes nothing more */
    PROBLEM_BROKER_AWAY,        /* 503: this is a sidecar, which has no connection to the broker */
    PROBLEM_CIRCUIT_OPEN,       /* 503: a sidecar leaves a service alone that has failed too often */
    PROBLEM_NO_REPLY,           /* 504: nobody answered in time */
    PROBLEM_VERSION,            /* 505 */
    PROBLEM_STREAM_FULL,        /* 507: by its bounds */
    PROBLEM_OVER_QUOTA,         /* 507: the user keeps all that he may */
    PROBLEM_DISK_FULL,          /* 507 */
    PROBLEM_KIND_COUNT
};

struct problem_info {
    unsigned status;
    const char *name;           /* what follows PROBLEM_TYPE_PREFIX in its type */
    const char *title;
};

#define PROBLEM_TYPE_PREFIX "urn:posthorn:problem:"

/* In the order of enum problem_kind. */
extern const struct problem_info problem_infos[PROBLEM_KIND_COUNT];

/* Bytes that problem_write writes at most, and a number more. */
static inline size_t problem_size_max(struct slice detail)
{
    return 320 + json_string_size_max(detail);
}

/* Writes {"type","title","status","detail"} and returns its end; an empty detail is left out. */
char *problem_write(char *out, enum problem_kind kind, struct slice detail);

/* Puts a member more, of this kind of problem, at the end of what problem_write has written, and returns its end. */
char *problem_add_number(char *end, const char *name, uint64_t number);

#endif
