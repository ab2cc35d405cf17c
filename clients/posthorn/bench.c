#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "commands.h"
#include "interrupt.h"
#include "progress.h"
#include "say.h"
#include "util/clock.h"

enum { WORKERS_MAX = 1024, PROGRESS_INTERVAL_MS = 100 };

/* ---- options ---- */

#define FIELD(member) offsetof(struct bench_values, member)
/* clang-format off: rows that several tables share */
#define ROW_MESSAGES(initial) \
    { \
        "messages", 'n', "N", OPTION_COUNT, FIELD(messages), initial, "how many, all clients together" \
    }
#define ROW_SIZE \
    { \
        "size", 0, "SIZE", OPTION_SIZE, FIELD(size), "128", "of a payload, such as 128 or 4KiB" \
    }
#define ROW_CLIENTS(what) \
    { \
        "clients", 'c', "N", OPTION_COUNT, FIELD(clients), "1", what ", each on a connection of its own" \
    }
#define ROW_RATE(help) \
    { \
        "rate", 0, "N/s", OPTION_RATE, FIELD(rate), NULL, help \
    }
#define ROW_TOPIC \
    { \
        "topic", 0, "TOPIC", OPTION_TEXT, FIELD(topic), NULL, "use this topic instead of one that nobody else uses" \
    }
#define ROW_TIMEOUT(help) \
    { \
        "timeout", 0, "TIME", OPTION_DURATION, FIELD(timeout_ns), "10s", help \
    }
#define ROW_JSON \
    { \
        "json", 'j', NULL, OPTION_FLAG, FIELD(json), NULL, "print the result as a JSON object" \
    }
/* clang-format on */

static const struct option pub_options[] = {
    ROW_MESSAGES("1000000"),
    ROW_SIZE,
    ROW_CLIENTS("publishers"),
    ROW_RATE("at most so many messages a second, all clients together"),
    ROW_TOPIC,
    ROW_TIMEOUT("wait so long for the server's last word"),
    ROW_JSON,
    { 0 },
};

static const struct option fanout_options[] = {
    ROW_MESSAGES("100000"),
    ROW_SIZE,
    ROW_CLIENTS("publishers"),
    { "subscribers", 'S', "N", OPTION_COUNT, FIELD(subscribers), "4",
      "subscribers, each on a connection of its own; each gets every message" },
    ROW_RATE("at most so many messages a second, all clients together; then latency is measured too"),
    { "window", 0, "N", OPTION_COUNT, FIELD(window), NULL,
      "publishers wait while the slowest subscriber is more than N messages behind (so many as fill 16 MiB, or 256 "
      "MiB for "
      "all subscribers together; from 64 to 65536)" },
    ROW_TOPIC,
    ROW_TIMEOUT("give up when a subscriber gets nothing for so long"),
    ROW_JSON,
    { 0 },
};

static const struct option request_options[] = {
    ROW_MESSAGES("20000"),
    ROW_SIZE,
    ROW_CLIENTS("requesters"),
    { "responders", 'R', "N", OPTION_COUNT, FIELD(responders), "1", "responders; 0: somebody else answers on --topic" },
    ROW_TOPIC,
    ROW_TIMEOUT("give up when a reply takes longer"),
    ROW_JSON,
    { 0 },
};

static const struct option_group no_groups[] = { { 0 } };
static const struct option_group pub_groups[] = { { "Options", pub_options, 0 },
                                                  SERVER_GROUP(struct bench_values),
                                                  { 0 } };
static const struct option_group fanout_groups[] = { { "Options", fanout_options, 0 },
                                                     SERVER_GROUP(struct bench_values),
                                                     { 0 } };
static const struct option_group request_groups[] = { { "Options", request_options, 0 },
                                                      SERVER_GROUP(struct bench_values),
                                                      { 0 } };

static const struct example pub_examples[] = {
    { "Four publishers, 1 KiB each message:", "posthorn bench pub --clients 4 --size 1KiB" },
    { 0 },
};
static const struct example fanout_examples[] = {
    { "One publisher, a hundred subscribers:", "posthorn bench fanout --subscribers 100 --messages 10000" },
    { "Latency under a steady load:", "posthorn bench fanout --subscribers 1 --rate 10000/s" },
    { 0 },
};
static const struct example request_examples[] = {
    { "Ten requesters:", "posthorn bench request --clients 10" },
    { "A service of your own:", "posthorn bench request --responders 0 --topic prices.egg --messages 1000" },
    { 0 },
};

const struct command_details bench_details = {
    .operands = "",
    .groups = no_groups,
    .about = "Measures a server from here: how many messages a second, and how long they take. It works with every "
             "server that speaks the NATS client protocol. Client and server share the machine's processors when they "
             "share the machine, so take the figures for what they are.",
};
const struct command_details bench_pub_details = {
    .operands = "",
    .values_size = sizeof(struct bench_values),
    .groups = pub_groups,
    .about = "Publishes with nobody listening. The time ends when the server has confirmed the last message.",
    .examples = pub_examples,
};
const struct command_details bench_fanout_details = {
    .operands = "",
    .values_size = sizeof(struct bench_values),
    .groups = fanout_groups,
    .about = "Publishes to subscribers that get every message. The time ends when the last subscriber has the last "
             "message. With --rate the time from publishing to delivery is measured too; without, it would only tell "
             "how long the queues are.",
    .examples = fanout_examples,
};
const struct command_details bench_request_details = {
    .operands = "",
    .values_size = sizeof(struct bench_values),
    .groups = request_groups,
    .about = "Sends requests to responders that echo them. Each requester has one request under way at a time; its "
             "latency is the whole way there and back.",
    .examples = request_examples,
};

/* ---- workers ---- */

/* How many workers play a part. */
static uint64_t part_count(const struct bench_values *values, size_t offset)
{
    return *(const uint64_t *)((const char *)values + offset);
}

/* The messages of the index-th of count workers that share them. */
static uint64_t share_of(uint64_t messages, uint64_t index, uint64_t count)
{
    return messages / count + (index < messages % count);
}

static enum exit_code open_worker(struct worker *worker)
{
    const struct bench_values *values = worker->bench->values;
    enum exit_code code = connection_open(&worker->connection, &values->server, CONNECTION_ONCE);
    if (code != EXIT_OK)
        return code;
    size_t size_max = ph_server(worker->connection.conn)->payload_size_max;
    if (values->size > size_max)
        return fail(EXIT_USAGE, "--size: the server takes at most %zu bytes", size_max);
    worker->payload = must(malloc(values->size + 1));
    memset(worker->payload, 'x', values->size);
    worker->latency = must(calloc(1, sizeof *worker->latency));
    int error = worker->role->prepare ? worker->role->prepare(worker) : PH_OK;
    if (error != PH_OK)
        return connection_fail(&worker->connection, error, "cannot subscribe");
    return connection_flush(&worker->connection, values->server.connect_timeout_ns);
}

static enum exit_code open_workers(struct bench *bench)
{
    enum exit_code code = EXIT_OK;
    for (size_t part = 0; part < BENCH_ROLES_MAX && bench->shape->parts[part].role; part++) {
        uint64_t count = part_count(bench->values, bench->shape->parts[part].count);
        for (uint64_t i = 0; i < count && code == EXIT_OK; i++) {
            struct worker *worker = &bench->workers[bench->worker_count++];
            worker->bench = bench;
            worker->role = bench->shape->parts[part].role;
            worker->share = bench->shape->parts[part].shared ? share_of(bench->values->messages, i, count)
                                                             : bench->values->messages;
            code = open_worker(worker);
        }
    }
    return code;
}

static void close_workers(struct bench *bench)
{
    for (size_t i = 0; i < bench->worker_count; i++) {
        connection_close(&bench->workers[i].connection);
        free(bench->workers[i].payload);
        free(bench->workers[i].latency);
    }
    free(bench->workers);
}

static void *worker_main(void *arg)
{
    struct worker *worker = arg;
    struct bench *bench = worker->bench;
    pthread_barrier_wait(&bench->start);
    worker->code = worker->role->run(worker);
    worker->end_ns = clock_monotonic_ns();
    if (worker->code != EXIT_OK)
        shared_flag_set(&bench->failed);
    if (!worker->role->serves)
        shared_count_add(&bench->finished);
    eventfd_write(bench->news_fd, 1);
    return NULL;
}

/* The barrier lets all of them go at once, and the main thread with them; a start that fails half way lets none go. */
static void start_workers(struct bench *bench)
{
    pthread_barrier_init(&bench->start, NULL, (unsigned)bench->worker_count + 1);
    for (; bench->thread_count < bench->worker_count; bench->thread_count++) {
        struct worker *worker = &bench->workers[bench->thread_count];
        int error = pthread_create(&worker->thread, NULL, worker_main, worker);
        if (error == 0)
            continue;
        say("cannot start thread %zu: %s", bench->thread_count + 1, strerror(error));
        _exit(EXIT_FAILED); /* the others wait at the barrier and hold nothing */
    }
    bench->start_ns = clock_monotonic_ns();
    pthread_barrier_wait(&bench->start);
}

static void stop_workers(struct bench *bench)
{
    shared_flag_set(&bench->stop);
    for (size_t i = 0; i < bench->worker_count; i++)
        ph_interrupt(bench->workers[i].connection.conn);
    for (size_t i = 0; i < bench->thread_count; i++)
        pthread_join(bench->workers[i].thread, NULL);
    pthread_barrier_destroy(&bench->start);
}

/* ---- the run ---- */

static size_t finite_count(const struct bench *bench)
{
    size_t count = 0;
    for (size_t i = 0; i < bench->worker_count; i++)
        count += !bench->workers[i].role->serves;
    return count;
}

/* Messages that count: wanted, or dealt with so far. */
static uint64_t wanted_count(const struct bench *bench)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < bench->worker_count; i++)
        sum += bench->workers[i].role->counts ? bench->workers[i].share : 0;
    return sum;
}

static uint64_t done_count(const struct bench *bench)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < bench->worker_count; i++)
        sum += bench->workers[i].role->counts ? shared_count_read(&bench->workers[i].done) : 0;
    return sum;
}

/* Until all are through, one has failed, or a signal came. */
static void await_workers(struct bench *bench)
{
    struct pollfd fds[] = { { .fd = bench->news_fd, .events = POLLIN }, { .fd = interrupt_fd(), .events = POLLIN } };
    struct progress progress;
    eventfd_t news;
    progress_init(&progress, bench->shape->name, wanted_count(bench), bench->start_ns);
    while (shared_count_read(&bench->finished) < finite_count(bench) && !shared_flag_is_set(&bench->failed) &&
           !interrupted()) {
        if (poll(fds, 2, progress.shown ? PROGRESS_INTERVAL_MS : -1) > 0 && fds[0].revents)
            eventfd_read(bench->news_fd, &news);
        progress_show(&progress, done_count(bench), clock_monotonic_ns());
    }
    progress_finish(&progress);
}

static void collect(const struct bench *bench, struct bench_result *result)
{
    uint64_t end_ns = bench->start_ns;
    for (size_t i = 0; i < bench->worker_count; i++) {
        const struct worker *worker = &bench->workers[i];
        histogram_merge(&result->latency, worker->latency);
        if (worker->role->counts && worker->end_ns > end_ns)
            end_ns = worker->end_ns;
    }
    result->messages = done_count(bench);
    result->seconds = (double)(end_ns - bench->start_ns) / 1e9;
}

static enum exit_code first_failure(const struct bench *bench)
{
    for (size_t i = 0; i < bench->worker_count; i++)
        if (bench->workers[i].code != EXIT_OK)
            return bench->workers[i].code;
    return EXIT_OK;
}

static enum exit_code run(struct bench *bench)
{
    enum exit_code code = open_workers(bench);
    if (code != EXIT_OK || !interrupt_watch())
        return code != EXIT_OK ? code : EXIT_FAILED;
    start_workers(bench);
    await_workers(bench);
    stop_workers(bench);
    code = first_failure(bench);
    if (code != EXIT_OK || interrupted())
        return code;
    struct bench_result *result = must(calloc(1, sizeof *result));
    collect(bench, result);
    bench_report(bench, result);
    free(result);
    return EXIT_OK;
}

/* What servers hold for a client without dropping it. */
static uint64_t default_window(const struct bench_values *values)
{
    uint64_t size = values->size + 1;
    uint64_t window = (16u << 20) / size, shared = (256u << 20) / (size * (values->subscribers + 1));
    window = window < shared ? window : shared;
    return window < 64 ? 64 : window > 65536 ? 65536 : window;
}

static void choose_topic(struct bench *bench)
{
    uint64_t chance = 0;
    if (bench->values->topic) {
        snprintf(bench->topic, sizeof bench->topic, "%s", bench->values->topic);
        return;
    }
    if (getrandom(&chance, sizeof chance, 0) < 0)
        chance = clock_monotonic_ns();
    snprintf(bench->topic, sizeof bench->topic, "posthorn.bench.%016llx", (unsigned long long)chance);
}

static enum exit_code check(const struct bench_shape *shape, const struct bench_values *values)
{
    uint64_t total = values->clients + values->subscribers + values->responders;
    if (values->messages == 0 || values->clients == 0)
        return fail(EXIT_USAGE, "--messages and --clients: 1 or more");
    if (shape == &bench_fanout_shape && values->subscribers == 0)
        return fail(EXIT_USAGE, "--subscribers: 1 or more; 'bench pub' publishes to nobody");
    if (shape == &bench_request_shape && values->responders == 0 && !values->topic)
        return fail(EXIT_USAGE, "--responders 0 needs the --topic that somebody answers on");
    if (values->clients > WORKERS_MAX || values->subscribers > WORKERS_MAX || values->responders > WORKERS_MAX ||
        total > WORKERS_MAX)
        return fail(EXIT_USAGE, "at most %d connections in all", WORKERS_MAX);
    if (values->topic && strlen(values->topic) >= BENCH_TOPIC_SIZE)
        return fail(EXIT_USAGE, "--topic: at most %d bytes", BENCH_TOPIC_SIZE - 1);
    return EXIT_OK;
}

static enum exit_code bench(const struct bench_shape *shape, struct bench_values *values)
{
    enum exit_code code = check(shape, values);
    if (code != EXIT_OK)
        return code;
    struct bench bench = { .shape = shape, .values = values, .news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
    if (bench.news_fd < 0)
        return fail(EXIT_FAILED, "eventfd: %s", strerror(errno));
    choose_topic(&bench);
    if (values->window == 0)
        values->window = default_window(values);
    bench.workers = must(calloc(values->clients + values->subscribers + values->responders, sizeof *bench.workers));
    code = run(&bench);
    close_workers(&bench);
    close(bench.news_fd);
    return code;
}

enum exit_code bench_pub_run(void *values, struct operands operands)
{
    (void)operands;
    return bench(&bench_pub_shape, values);
}

enum exit_code bench_fanout_run(void *values, struct operands operands)
{
    (void)operands;
    return bench(&bench_fanout_shape, values);
}

enum exit_code bench_request_run(void *values, struct operands operands)
{
    (void)operands;
    return bench(&bench_request_shape, values);
}
