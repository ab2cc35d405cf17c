#include "bench.h"

#include <string.h>
#include <time.h>

#include "say.h"
#include "util/clock.h"

#define FIELD(member) offsetof(struct bench_values, member)

enum { WINDOW_CHECK_INTERVAL = 16, WINDOW_PAUSE_NS = 50000 };

static void count_message(struct worker *worker)
{
    shared_count_add(&worker->done);
}

static uint64_t done_count(const struct worker *worker)
{
    return shared_count_read(&worker->done);
}

static bool is_stopped(const struct worker *worker)
{
    return shared_flag_is_set(&worker->bench->stop);
}

static const struct bench_role subscriber;

/* ---- publisher ---- */

/*
 * With a rate, each message carries the time of its sending. Without one, latency would only measure the length of
 * the queues.
 */
static bool measures_delivery(const struct bench *bench)
{
    return bench->values->rate > 0 && bench->values->size >= sizeof(uint64_t);
}

static void sleep_until(uint64_t due_ns)
{
    struct timespec due = { .tv_sec = (time_t)(due_ns / 1000000000), .tv_nsec = (long)(due_ns % 1000000000) };
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
}

/* Waits for the time of the next message; long pauses look after the connection. */
static void keep_rate(struct worker *worker, double rate)
{
    struct ph_conn *conn = worker->connection.conn;
    uint64_t due_ns = worker->bench->start_ns + (uint64_t)((double)done_count(worker) * 1e9 / rate);
    uint64_t now = clock_monotonic_ns();
    if (now >= due_ns)
        return;
    ph_write(conn);
    if (due_ns - now > 2000000)
        ph_run(conn, (int)((due_ns - now) / 1000000) - 1);
    sleep_until(due_ns);
}

/* How far the slowest subscriber is; without subscribers nobody is behind. */
static uint64_t slowest_count(const struct bench *bench)
{
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < bench->worker_count; i++)
        if (bench->workers[i].role == &subscriber && done_count(&bench->workers[i]) < least)
            least = done_count(&bench->workers[i]);
    return least;
}

/*
 * Publishers run no further ahead of the slowest subscriber than the window: a flood would measure how a server sheds
 * its load.
 */
static void keep_window(struct worker *worker)
{
    const struct bench *bench = worker->bench;
    uint64_t window = bench->values->window / bench->values->clients;
    bool written = false;
    if (window == 0 || done_count(worker) % WINDOW_CHECK_INTERVAL != 0)
        return;
    while (slowest_count(bench) / bench->values->clients + window < done_count(worker) && !is_stopped(worker)) {
        if (!written)
            ph_write(worker->connection.conn);
        written = true;
        sleep_until(clock_monotonic_ns() + WINDOW_PAUSE_NS);
    }
}

static int publish_one(struct worker *worker)
{
    keep_window(worker);
    const struct bench_values *values = worker->bench->values;
    if (values->rate > 0)
        keep_rate(worker, values->rate / (double)values->clients);
    if (measures_delivery(worker->bench)) {
        uint64_t now = clock_monotonic_ns();
        memcpy(worker->payload, &now, sizeof now);
    }
    return ph_publish(worker->connection.conn, worker->bench->topic, worker->payload, values->size);
}

static enum exit_code publisher_run(struct worker *worker)
{
    while (done_count(worker) < worker->share && !is_stopped(worker)) {
        int error = publish_one(worker);
        if (error != PH_OK)
            return connection_fail(&worker->connection, error, "cannot publish");
        count_message(worker);
    }
    return is_stopped(worker) ? EXIT_OK : connection_flush(&worker->connection, worker->bench->values->timeout_ns);
}

static const struct bench_role publisher = { "publisher", NULL, publisher_run, true, false };
static const struct bench_role feeder = { "publisher", NULL, publisher_run, false, false };

/* ---- subscriber ---- */

static void subscriber_take(struct ph_sub *sub, const struct ph_message *message, void *arg)
{
    struct worker *worker = arg;
    uint64_t sent_ns;
    if (measures_delivery(worker->bench) && message->payload_size >= sizeof sent_ns) {
        memcpy(&sent_ns, message->payload, sizeof sent_ns);
        histogram_add(worker->latency, clock_monotonic_ns() - sent_ns);
    }
    count_message(worker);
    if (done_count(worker) == worker->share)
        ph_interrupt(ph_sub_conn(sub));
}

static int subscriber_prepare(struct worker *worker)
{
    return ph_subscribe(worker->connection.conn, worker->bench->topic, NULL, subscriber_take, worker, NULL);
}

/* How long nothing may come: the patience asked for, and the pause between two messages. */
static int patience_ms(const struct worker *worker)
{
    double rate = worker->bench->values->rate;
    return milliseconds(worker->bench->values->timeout_ns + (rate > 0 ? (uint64_t)(1e9 / rate) : 0));
}

static enum exit_code subscriber_run(struct worker *worker)
{
    while (done_count(worker) < worker->share && !is_stopped(worker)) {
        uint64_t before = done_count(worker);
        int error = ph_run(worker->connection.conn, patience_ms(worker));
        if (error != PH_OK && error != PH_E_INTERRUPTED)
            return connection_fail(&worker->connection, error, "a subscriber lost its connection");
        if (error == PH_OK && done_count(worker) == before)
            return fail(EXIT_TIMEOUT, "a subscriber has %llu of %llu messages and gets no more",
                        (unsigned long long)before, (unsigned long long)worker->share);
    }
    return EXIT_OK;
}

static const struct bench_role subscriber = { "subscriber", subscriber_prepare, subscriber_run, true, false };

/* ---- requester and responder ---- */

static enum exit_code requester_run(struct worker *worker)
{
    const struct bench_values *values = worker->bench->values;
    while (done_count(worker) < worker->share && !is_stopped(worker)) {
        struct ph_message *reply;
        uint64_t sent_ns = clock_monotonic_ns();
        int error = ph_request(worker->connection.conn, worker->bench->topic, NULL, worker->payload, values->size,
                               milliseconds(values->timeout_ns), &reply);
        if (error == PH_E_INTERRUPTED)
            continue;
        if (error != PH_OK)
            return connection_fail(&worker->connection, error, "no reply");
        histogram_add(worker->latency, clock_monotonic_ns() - sent_ns);
        ph_message_free(reply);
        count_message(worker);
    }
    return EXIT_OK;
}

static void responder_answer(struct ph_sub *sub, const struct ph_message *message, void *arg)
{
    (void)arg;
    ph_reply(ph_sub_conn(sub), message, NULL, message->payload,
             message->payload_size); /* its loss is seen by the requester */
}

static int responder_prepare(struct worker *worker)
{
    return ph_subscribe(worker->connection.conn, worker->bench->topic, "responders", responder_answer, worker, NULL);
}

static enum exit_code responder_run(struct worker *worker)
{
    while (!is_stopped(worker)) {
        int error = ph_run(worker->connection.conn, -1);
        if (error != PH_OK && error != PH_E_INTERRUPTED)
            return connection_fail(&worker->connection, error, "a responder lost its connection");
    }
    return EXIT_OK;
}

static const struct bench_role requester = { "requester", NULL, requester_run, true, false };
static const struct bench_role responder = { "responder", responder_prepare, responder_run, false, true };

/* ---- shapes ---- */

const struct bench_shape bench_pub_shape = { "pub", "published", { { &publisher, FIELD(clients), true } } };
const struct bench_shape bench_fanout_shape = {
    "fanout", "delivered", { { &subscriber, FIELD(subscribers), false }, { &feeder, FIELD(clients), true } }
};
const struct bench_shape bench_request_shape = {
    "request", "answered", { { &responder, FIELD(responders), false }, { &requester, FIELD(clients), true } }
};
