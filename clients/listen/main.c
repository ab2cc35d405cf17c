/*
 * posthorn-listen: what posthorn becomes for `posthorn listen`: messages are taken from a server, one after the other
 * or a few at once, and sent to a receiver as the daemon's webhooks are. The connection to the server and those to the
 * receiver turn in one loop, in one thread.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exchange.h"
#include "net/loop.h"
#include "posthorn/connection.h"
#include "posthorn/interrupt.h"
#include "posthorn/listen.h"
#include "posthorn/output.h"
#include "posthorn/say.h"
#include "util/network.h"
#include "util/random.h"

enum { NS_PER_MS = 1000000, WATCHED = 2, CONNECTIONS_MAX = 256 };

struct forwarder {
    const struct listen_values *values;
    struct connection connection;
    struct ph_sub **subs;
    int sub_count;
    struct loop loop;
    struct event *watched[WATCHED];  /* the server's socket, and the signals */
    struct timer timer;              /* when the connection to the server wants to be looked at */
    struct deliver *deliver;
    struct secret secret;
    struct report report;
    struct exchange_setup setup;
    char *url;
    uint64_t taken, ended, failed;   /* messages */
    enum exit_code code;
};

/* Whoever asks for this has chosen the receiver himself: any address will do. */
static const struct guard *open_guard(void)
{
    static struct network all[2];
    static const struct guard guard = { all, sizeof all / sizeof *all };
    network_read("0.0.0.0/0", &all[0]);
    network_read("::/0", &all[1]);
    return &guard;
}

/* The turn. */

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct loop *loop = arg; /* that there is a turn is all that is wanted */
    (void)fd;
    (void)what;
    loop->event_count++;
}

static void on_timer(struct timer *timer, uint64_t now_ms)
{
    (void)timer; /* the same */
    (void)now_ms;
}

/* The socket is another after a new connection, and none in between. */
static void watch(struct forwarder *forwarder)
{
    struct ph_conn *conn = forwarder->connection.conn;
    const struct { int fd; short what; } wanted[WATCHED] = {
        { ph_fd(conn), EV_READ | (ph_events(conn) & POLLOUT ? EV_WRITE : 0) },
        { interrupt_fd(), EV_READ },
    };
    for (int i = 0; i < WATCHED; i++) {
        if (forwarder->watched[i])
            event_free(forwarder->watched[i]);
        forwarder->watched[i] = wanted[i].fd < 0 ? NULL
                                                 : event_new(forwarder->loop.base, wanted[i].fd, wanted[i].what,
                                                             on_ready, &forwarder->loop);
        if (forwarder->watched[i])
            event_add(forwarder->watched[i], NULL);
    }
    int wait_ms = ph_timeout_ms(conn);
    if (wait_ms >= 0)
        timer_set(&forwarder->loop.timers, &forwarder->timer, loop_now_ms(&forwarder->loop) + (uint64_t)wait_ms);
    else
        timer_clear(&forwarder->loop.timers, &forwarder->timer);
}

static bool may_take(const struct forwarder *forwarder)
{
    const struct listen_values *values = forwarder->values;
    return forwarder->taken - forwarder->ended < values->concurrency &&
           (!values->count || forwarder->taken < values->count);
}

static void forward(struct forwarder *forwarder, struct ph_message *message)
{
    forwarder->taken++;
    if (exchange_start(&forwarder->setup, message, forwarder->taken) != 0)
        forwarder->code = fail(EXIT_FAILED, "cannot make a request: out of memory");
}

/* The rest waits in the subscriptions. */
static void take(struct forwarder *forwarder)
{
    struct ph_message *message;
    for (int i = 0; i < forwarder->sub_count; i++)
        while (may_take(forwarder) && forwarder->code == EXIT_OK &&
               ph_next(forwarder->subs[i], 0, &message) == PH_OK)
            forward(forwarder, message);
}

static enum exit_code look_at_server(struct forwarder *forwarder)
{
    struct pollfd fds[CONNECTION_FDS + 1] = { [CONNECTION_FDS] = { .fd = STDOUT_FILENO, .events = 0 } };
    enum exit_code code = connection_turn(&forwarder->connection, fds, CONNECTION_FDS + 1, 0);
    if (code == EXIT_OK && fds[CONNECTION_FDS].revents & POLLERR)
        code = output_closed();
    return code;
}

static bool is_done(const struct forwarder *forwarder)
{
    return forwarder->values->count && forwarder->ended == forwarder->values->count;
}

static bool turn(void *arg)
{
    struct forwarder *forwarder = arg;
    if (forwarder->code == EXIT_OK)
        forwarder->code = look_at_server(forwarder);
    take(forwarder);
    if (fflush(stdout) != 0 && forwarder->code == EXIT_OK)
        forwarder->code = fail(EXIT_FAILED, "cannot write to standard output");
    if (forwarder->code != EXIT_OK || is_done(forwarder) || interrupted())
        loop_stop(&forwarder->loop);
    else
        watch(forwarder);
    return false;
}

static void on_ended(void *arg, bool is_taken)
{
    struct forwarder *forwarder = arg;
    forwarder->ended++;
    forwarder->failed += !is_taken;
    loop_again(&forwarder->loop);
}

/* What is asked for. */

static enum exit_code read_secret(struct forwarder *forwarder)
{
    const char *text = forwarder->values->secret;
    unsigned char chance[SECRET_HALF_SIZE];
    char made[SECRET_TEXT_SIZE];
    if (text && secret_read(slice_of(text), &forwarder->secret) && forwarder->secret.kind != SECRET_PUBLIC)
        return EXIT_OK;
    if (text)
        return fail(EXIT_USAGE, "--secret: it is whsec_ and 24 to 64 bytes as base64, or whsk_ and a key of ed25519");
    random_bytes(chance, sizeof chance);
    if (!secret_make(SECRET_SHARED, chance, &forwarder->secret))
        return fail(EXIT_FAILED, "cannot make a secret");
    say("signed by %s", secret_write(&forwarder->secret, made));
    return EXIT_OK;
}

static enum exit_code read_body(struct forwarder *forwarder)
{
    for (unsigned i = 0; i < BODY_KIND_COUNT; i++)
        if (strcmp(body_words[i], forwarder->values->body) == 0) {
            forwarder->setup.body = (enum body_kind)i;
            return EXIT_OK;
        }
    return fail(EXIT_USAGE, "--body: '%s' is not one of payload, envelope, cloudevents, cloudevents-structured",
                forwarder->values->body);
}

/* "localhost:3000/hook" is http. */
static enum exit_code read_url(struct forwarder *forwarder)
{
    const char *url = forwarder->values->forward, *scheme = url ? strstr(url, "://") : NULL;
    if (!url)
        return fail(EXIT_USAGE, "say where to: --forward http://127.0.0.1:3000/hook");
    if (scheme && strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return fail(EXIT_USAGE, "--forward: '%s' does not begin with http:// or https://", url);
    size_t size = strlen(url) + sizeof "http://";
    forwarder->url = must(malloc(size));
    snprintf(forwarder->url, size, "%s%s", scheme ? "" : "http://", url);
    return EXIT_OK;
}

static enum exit_code check(struct forwarder *forwarder)
{
    const struct listen_values *values = forwarder->values;
    enum exit_code code = read_url(forwarder);
    if (code == EXIT_OK)
        code = read_body(forwarder);
    if (code == EXIT_OK && (!values->concurrency || values->concurrency > CONNECTIONS_MAX))
        code = fail(EXIT_USAGE, "--concurrency: from 1 to %d", CONNECTIONS_MAX);
    if (code == EXIT_OK && values->timeout_ns < NS_PER_MS)
        code = fail(EXIT_USAGE, "--timeout: 1ms at least");
    if (code == EXIT_OK && values->ca && access(values->ca, R_OK) != 0)
        code = fail(EXIT_USAGE, "--ca: cannot read %s", values->ca);
    return code == EXIT_OK ? read_secret(forwarder) : code;
}

/* Life. */

static enum exit_code open_sender(struct forwarder *forwarder)
{
    const struct listen_values *values = forwarder->values;
    const struct deliver_options options = { open_guard(), values->ca, NULL, CONNECTIONS_MAX };
    uint64_t epoch;
    if (loop_init(&forwarder->loop) != 0 || deliver_create(&forwarder->loop, &options, &forwarder->deliver) != 0)
        return fail(EXIT_FAILED, "out of memory");
    random_bytes(&epoch, sizeof epoch);
    report_init(&forwarder->report, values->json);
    forwarder->setup.loop = &forwarder->loop;
    forwarder->setup.deliver = forwarder->deliver;
    forwarder->setup.signer = must(signer_create());
    forwarder->setup.secret = &forwarder->secret;
    forwarder->setup.report = &forwarder->report;
    forwarder->setup.url = forwarder->url;
    forwarder->setup.stream = values->stream;
    forwarder->setup.epoch = epoch;
    forwarder->setup.timeout_ms = values->timeout_ns / NS_PER_MS;
    forwarder->setup.retries = values->retries;
    forwarder->setup.ended = on_ended;
    forwarder->setup.arg = forwarder;
    forwarder->timer.fire = on_timer;
    forwarder->loop.hooks = (struct loop_hooks){ .arg = forwarder, .before_flush = turn };
    return EXIT_OK;
}

static enum exit_code subscribe(struct forwarder *forwarder, const struct operands *patterns)
{
    char what[128];
    forwarder->subs = must(calloc((size_t)patterns->count, sizeof(struct ph_sub *)));
    for (int i = 0; i < patterns->count; i++) {
        int error = ph_subscribe(forwarder->connection.conn, patterns->texts[i], forwarder->values->group, NULL, NULL,
                                 &forwarder->subs[i]);
        snprintf(what, sizeof what, "cannot subscribe to '%.64s'", patterns->texts[i]);
        if (error != PH_OK)
            return connection_fail(&forwarder->connection, error, what);
        forwarder->sub_count++;
    }
    return connection_flush(&forwarder->connection, forwarder->values->server.connect_timeout_ns);
}

static void close_all(struct forwarder *forwarder)
{
    for (int i = 0; i < WATCHED; i++)
        if (forwarder->watched[i])
            event_free(forwarder->watched[i]);
    exchanges_drop(&forwarder->setup);
    timer_clear(&forwarder->loop.timers, &forwarder->timer);
    deliver_destroy(forwarder->deliver);
    signer_destroy(forwarder->setup.signer);
    loop_finish(&forwarder->loop);
    connection_close(&forwarder->connection);
    secret_wipe(&forwarder->secret);
    free(forwarder->subs);
    free(forwarder->url);
}

static enum exit_code listen_run(const struct listen_values *values, const struct operands *patterns)
{
    struct forwarder forwarder = { .values = values, .loop.wake_fd = -1 };
    list_init(&forwarder.setup.under_way);
    enum exit_code code = check(&forwarder);
    if (code == EXIT_OK)
        code = open_sender(&forwarder);
    if (code == EXIT_OK)
        code = connection_open(&forwarder.connection, &values->server, CONNECTION_KEEP);
    if (code == EXIT_OK && !interrupt_watch())
        code = EXIT_FAILED;
    if (code == EXIT_OK)
        code = subscribe(&forwarder, patterns);
    if (code == EXIT_OK) {
        say("forwarding to %s", forwarder.url);
        loop_run(&forwarder.loop);
        code = forwarder.code == EXIT_OK && is_done(&forwarder) && forwarder.failed ? EXIT_FAILED : forwarder.code;
    }
    close_all(&forwarder);
    return code;
}

/* The arguments are those behind `posthorn listen`, which posthorn has looked at: --help is its answer. */
int main(int argc, char **argv)
{
    struct listen_values values = { .json = false };
    struct operands patterns = { NULL, 0 };
    bool help;
    enum exit_code code = options_parse(listen_details.groups, &values, argc - 1, argv + 1, &patterns, &help);
    if (code == EXIT_OK && (help || patterns.count < listen_details.operand_min))
        code = fail(EXIT_USAGE, "posthorn listen runs this; posthorn listen --help tells more");
    if (code == EXIT_OK)
        code = listen_run(&values, &patterns);
    options_finish(listen_details.groups, &values, &patterns);
    if (fflush(stdout) != 0 && code == EXIT_OK)
        code = fail(EXIT_FAILED, "cannot write to standard output");
    interrupt_end();
    return code;
}
