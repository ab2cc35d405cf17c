/*
 * bench: the load that `posthorn bench` makes. A shape says which roles take part; each worker plays one role on a
 * thread and a connection of its own; the main thread starts them together, shows progress, and stops them.
 */
#ifndef POSTHORN_BENCH_H
#define POSTHORN_BENCH_H

#include <pthread.h>

#include "connection.h"
#include "histogram.h"
#include "shared.h"

struct bench_values {
    struct server_values server;
    const char *topic;
    uint64_t messages;
    uint64_t size;
    uint64_t clients; /* publishers or requesters */
    uint64_t subscribers;
    uint64_t responders;
    double rate;
    uint64_t window; /* messages that publishers may be ahead of the slowest subscriber; 0: no end */
    uint64_t timeout_ns;
    bool json;
};

struct worker;

struct bench_role {
    const char *name;
    int (*prepare)(struct worker *worker); /* before the start, in the main thread; a ph_error; NULL: nothing to do */
    enum exit_code (*run)(struct worker *worker); /* in its thread; says what is wrong */
    bool counts;                                  /* its messages are those that the progress shows */
    bool serves;                                  /* it runs until it is stopped */
};

enum { BENCH_ROLES_MAX = 2, BENCH_TOPIC_SIZE = 128 };

struct bench_shape {
    const char *name;
    const char *verb; /* what was done to the messages that count: "published" */
    struct {
        const struct bench_role *role;
        size_t count; /* offset in bench_values of how many play it */
        bool shared;  /* they share the messages; otherwise each deals with all of them */
    } parts[BENCH_ROLES_MAX];
};

struct worker {
    struct bench *bench;
    const struct bench_role *role;
    struct connection connection;
    pthread_t thread;
    uint64_t share;           /* messages to deal with */
    struct shared_count done; /* messages dealt with, for the main thread to look at */
    uint64_t end_ns;
    enum exit_code code;
    char *payload;
    struct histogram *latency;
};

struct bench {
    const struct bench_shape *shape;
    const struct bench_values *values;
    char topic[BENCH_TOPIC_SIZE];
    struct worker *workers;
    size_t worker_count;
    size_t thread_count; /* workers whose threads run */
    pthread_barrier_t start;
    uint64_t start_ns;
    int news_fd; /* eventfd: a worker has finished or failed */
    struct shared_count finished;
    struct shared_flag failed;
    struct shared_flag stop;
};

/* What came of it. */
struct bench_result {
    uint64_t messages; /* those that count */
    double seconds;
    struct histogram latency;
};

/* bench_report.c: prints the result on standard output. */
void bench_report(const struct bench *bench, const struct bench_result *result);

/* bench_roles.c */
extern const struct bench_shape bench_pub_shape, bench_fanout_shape, bench_request_shape;

#endif
