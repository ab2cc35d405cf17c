/*
 * expect: what a message asks of the stream that is to keep it, in headers that begin with "Nats-". Pure; any thread.
 */
#ifndef STREAM_EXPECT_H
#define STREAM_EXPECT_H

#include "util/slice.h"

struct expectations {
    struct slice id;                 /* Nats-Msg-Id */
    struct slice stream;             /* Nats-Expected-Stream */
    struct slice last_id;            /* Nats-Expected-Last-Msg-Id */
    struct slice last_sequence;      /* Nats-Expected-Last-Sequence */
    struct slice topic_sequence;     /* Nats-Expected-Last-Subject-Sequence */
    struct slice rollup;             /* Nats-Rollup */
};

/* Reads a block of headers, in one pass. What it does not have is empty. */
void expectations_read(struct slice head, struct expectations *ret_expectations);

/* A number as it stands in a header; UINT64_MAX, which no sequence is, where it is none. */
uint64_t expectation_number(struct slice text);

#endif
