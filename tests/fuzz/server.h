/*
 * server: one worker for fuzz targets, with its broker, streams in memory and the JetStream API, but no clients, no
 * disk and no clock: time passes when it is told to.
 */
#ifndef TESTS_FUZZ_SERVER_H
#define TESTS_FUZZ_SERVER_H

#include "broker/broker.h"
#include "jetstream/jetstream.h"
#include "net/loop.h"
#include "stream/engine.h"
#include "stream/registry.h"

enum { SERVER_START_MS = 1000000 };

struct server {
    struct loop loop;
    struct broker broker;
    struct stream_engine *engine;
    struct stream_registry *registry;
    struct roll *roll;
    struct jetstream *jetstream;
    struct survey *answered;         /* surveys that are back */
    bool (*turn)(void *arg);         /* of a front end, in each turn; true: it has more to do. NULL: there is none */
    void *arg;
};

/* users is borrowed, and may be NULL. One server at a time. */
void server_init(struct server *server, const struct users *users, const struct broker_limits *limits);
void server_finish(struct server *server);

/* A stream in memory, which keeps as few messages as a test can fill. */
void server_add_stream(struct server *server, const char *name, const char *const *topics, unsigned topic_count);

/* One turn of the loop, so much later than the last. */
void server_turn(struct server *server, uint64_t advance_ms);

/* Turns until nothing is with the clerk or on its way through the workers, and nothing is left to be done at once. */
void server_settle(struct server *server);

#endif
