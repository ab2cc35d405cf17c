/*
 * op: one operation of the line protocol (the NATS client protocol), cut out of bytes without copying them.
 *
 * The parser serves both ends: what clients send (CONNECT, PUB, HPUB, SUB, UNSUB, PING, PONG) and what servers
 * send (INFO, MSG, HMSG, PING, PONG, +OK, -ERR). It keeps no state and does no I/O: the caller holds the bytes and
 * asks again, from the same start, when more have come. Every slice of an op borrows the caller's bytes.
 *
 *   PUB   topic [reply] size CRLF body CRLF
 *   HPUB  topic [reply] head_size body_size CRLF body CRLF
 *   MSG   topic sid [reply] size CRLF body CRLF
 *   HMSG  topic sid [reply] head_size body_size CRLF body CRLF
 *   SUB   topic [group] sid CRLF    UNSUB sid [max] CRLF
 *   CONNECT json CRLF    INFO json CRLF    PING CRLF    PONG CRLF    +OK CRLF    -ERR 'text' CRLF
 *
 * Verbs are read in any case; fields are parted by runs of spaces and tabs; a control line may end in a bare LF,
 * a body must be followed by exactly CR LF.
 */
#ifndef WIRE_OP_H
#define WIRE_OP_H

#include <stdint.h>

#include "util/slice.h"

enum wire_verb {
    WIRE_UNKNOWN,
    WIRE_CONNECT,
    WIRE_PUB,
    WIRE_HPUB,
    WIRE_SUB,
    WIRE_UNSUB,
    WIRE_PING,
    WIRE_PONG,
    WIRE_OK,
    WIRE_ERR,
    WIRE_INFO,
    WIRE_MSG,
    WIRE_HMSG,
    WIRE_VERB_COUNT
};

struct wire_op {
    enum wire_verb verb;
    struct slice topic;    /* PUB HPUB SUB MSG HMSG */
    struct slice reply;    /* PUB HPUB MSG HMSG; empty: none */
    struct slice group;    /* SUB; empty: none */
    struct slice sid;      /* SUB UNSUB MSG HMSG */
    struct slice text;     /* CONNECT INFO: the JSON; -ERR: the sentence without its quotes */
    const char *body;      /* PUB HPUB MSG HMSG: headers, then payload; CR LF stands behind it */
    uint32_t head_size;    /* bytes of headers at the start of body; 0: none */
    uint32_t body_size;    /* bytes of headers and payload together */
    uint64_t max;          /* UNSUB: messages after which the subscription ends; 0: now */
};

struct wire_limits {
    uint32_t line_size_max; /* longest control line, its end included; INFO and CONNECT lines count too */
    uint32_t body_size_max; /* largest body */
};

/* What wire_parse returns when the bytes can never become an operation. */
enum wire_error {
    WIRE_E_VERB = -1, /* no such verb */
    WIRE_E_LINE = -2, /* control line longer than the limit */
    WIRE_E_ARGS = -3, /* wrong number of arguments, or a number that is none */
    WIRE_E_BODY = -4, /* body larger than the limit; verb and sizes of the op are set */
    WIRE_E_TAIL = -5, /* body not followed by CR LF */
};

/*
 * Cuts the first operation out of data. Returns the bytes it takes, 0 while it is not all there, or a wire_error.
 * At 0, op->verb is set as soon as the verb is known (WIRE_UNKNOWN before), and *ret_need (if not NULL) to the bytes
 * that the whole operation takes, when that is known, else 0. Any thread.
 */
long wire_parse(const char *data, size_t size, const struct wire_limits *limits, struct wire_op *op, size_t *ret_need);

/* "PUB", "HMSG", ...; never NULL. */
const char *wire_verb_name(enum wire_verb verb);

#endif
