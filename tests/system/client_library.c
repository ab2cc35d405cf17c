/*
 * client_library: one scenario of libposthorn against a server that client_library.py has started.
 *
 *     client_library SCENARIO URL...
 *
 * Exit code 0: all went as it must. Where the server has to change meanwhile, a line on stdout tells the script when.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libposthorn/posthorn.h"

#define PATIENCE_MS 60000 /* for what must come; a scenario that needs it has failed */

#define check(condition)                                                                         \
    do {                                                                                         \
        if (!(condition)) {                                                                      \
            fprintf(stderr, "%s:%d: '%s' does not hold\n", __FILE__, __LINE__, #condition);      \
            exit(EXIT_FAILURE);                                                                  \
        }                                                                                        \
    } while (0)

#define check_good(call)                                                                         \
    do {                                                                                         \
        int check_error = (call);                                                                \
        if (check_error) {                                                                       \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, ph_strerror(check_error)); \
            exit(EXIT_FAILURE);                                                                  \
        }                                                                                        \
    } while (0)

/* ---- what the scenarios share ---- */

static unsigned event_counts[PH_EVENT_FD_CLOSES + 1];

static void count_event(struct ph_conn *conn, const struct ph_event *event, void *arg)
{
    (void)conn, (void)arg;
    event_counts[event->kind]++;
    fprintf(stderr, "event: %s: %s\n", ph_event_name(event->kind), event->text);
}

static struct ph_options options_for(const char *url)
{
    struct ph_options options = PH_OPTIONS_INIT;
    options.url = url;
    options.on_event = count_event;
    options.reconnect_wait_ms = 10;
    options.reconnect_wait_max_ms = 50;
    options.connect_timeout_ms = PATIENCE_MS;
    return options;
}

static struct ph_conn *connected(const char *url)
{
    struct ph_options options = options_for(url);
    struct ph_conn *conn;
    check_good(ph_create(&options, &conn));
    int error = ph_connect(conn);
    if (error) {
        fprintf(stderr, "%s: %s: %s\n", url, ph_strerror(error), ph_last_error(conn));
        exit(EXIT_FAILURE);
    }
    return conn;
}

static int connect_error(const char *url)
{
    struct ph_options options = options_for(url);
    struct ph_conn *conn;
    check_good(ph_create(&options, &conn));
    int error = ph_connect(conn);
    ph_destroy(conn);
    return error;
}

static void tell(const char *line)
{
    puts(line);
    fflush(stdout);
}

/* Message number i of a stream: sizes from nothing to large, bytes that no two neighbours share. */
static size_t size_of(unsigned i)
{
    static const unsigned sizes[] = { 0,    1,    2,    15,    16,    17,    100,    1000,
                                      4095, 4096, 4097, 10000, 65535, 65536, 100000, 3 };
    return sizes[i % 16];
}

static char *payload_of(unsigned i, size_t *ret_size)
{
    static char bytes[100000];
    *ret_size = size_of(i);
    for (size_t k = 0; k < *ret_size; k++)
        bytes[k] = (char)(i * 31 + k * 7 + (k >> 8));
    return bytes;
}

static void check_payload(const struct ph_message *message, unsigned i)
{
    size_t size;
    const char *payload = payload_of(i, &size);
    check(message->payload_size == size && memcmp(message->payload, payload, size) == 0);
}

#define STREAM_LENGTH 672 /* 16 sizes of 254,513 bytes together, 42 times: 10 MB */

/* ---- publish and subscribe ---- */

static void bytes_by_pulling(char **urls)
{
    struct ph_conn *from = connected(urls[0]), *to = connected(urls[0]);
    struct ph_sub *sub;
    struct ph_message *message;
    size_t size;
    check_good(ph_subscribe(to, "bytes.*", NULL, NULL, NULL, &sub));
    check_good(ph_flush(to, PATIENCE_MS));
    for (unsigned i = 0; i < STREAM_LENGTH; i++) {
        const char *payload = payload_of(i, &size);
        check_good(ph_publish(from, "bytes.all", payload, size));
    }
    check_good(ph_flush(from, PATIENCE_MS));
    for (unsigned i = 0; i < STREAM_LENGTH; i++) {
        check_good(ph_next(sub, PATIENCE_MS, &message));
        check(strcmp(message->topic, "bytes.all") == 0 && message->reply_size == 0);
        check_payload(message, i);
        ph_message_free(message);
    }
    check(ph_next(sub, 0, &message) == PH_E_TIMEOUT);
    ph_destroy(from);
    ph_destroy(to);
}

static unsigned stream_count;

static void check_stream(struct ph_sub *sub, const struct ph_message *message, void *arg)
{
    (void)sub, (void)arg;
    check_payload(message, stream_count++);
}

/* One turn of a loop of our own around several connections. */
static void turn(struct ph_conn **conns, nfds_t count)
{
    struct pollfd watched[8];
    int timeout_ms = PATIENCE_MS;
    for (nfds_t i = 0; i < count; i++) {
        int own_ms = ph_timeout_ms(conns[i]);
        watched[i] = (struct pollfd){ ph_fd(conns[i]), ph_events(conns[i]), 0 };
        timeout_ms = own_ms >= 0 && own_ms < timeout_ms ? own_ms : timeout_ms;
    }
    check(poll(watched, count, timeout_ms) > 0 || timeout_ms < PATIENCE_MS);
    for (nfds_t i = 0; i < count; i++)
        ph_process(conns[i], watched[i].revents);
}

static void note_flush(struct ph_conn *conn, int error, void *arg)
{
    (void)conn;
    check_good(error);
    *(bool *)arg = true;
}

/* Nothing here waits but poll(2); publishing begins before anything is connected. */
static void bytes_in_a_loop(char **urls)
{
    struct ph_options options = options_for(urls[0]);
    struct ph_conn *conns[2];
    struct ph_sub *sub;
    unsigned sent = 0;
    bool flushed = false;
    options.output_size_max = 256 * 1024;
    for (int i = 0; i < 2; i++) {
        check_good(ph_create(&options, &conns[i]));
        check_good(ph_start(conns[i]));
    }
    check_good(ph_subscribe(conns[1], "bytes", NULL, check_stream, NULL, &sub));
    check_good(ph_flush_start(conns[1], note_flush, &flushed));
    while (!flushed)
        turn(conns, 2);
    while (stream_count < STREAM_LENGTH) {
        size_t size;
        const char *payload = payload_of(sent, &size);
        while (sent < STREAM_LENGTH && ph_publish(conns[0], "bytes", payload, size) == PH_OK)
            payload = payload_of(++sent, &size);
        turn(conns, 2);
    }
    for (int i = 0; i < 2; i++)
        check_good(ph_drain_start(conns[i], PATIENCE_MS));
    while (ph_state(conns[0]) != PH_STATE_CLOSED || ph_state(conns[1]) != PH_STATE_CLOSED)
        turn(conns, 2);
    check(event_counts[PH_EVENT_CLOSED] == 2);
    ph_destroy(conns[0]);
    ph_destroy(conns[1]);
}

static void headers_and_wildcards(char **urls)
{
    struct ph_conn *conn = connected(urls[0]);
    struct ph_headers *headers = ph_headers_create();
    struct ph_sub *star, *rest, *limited;
    struct ph_message *message;
    struct ph_text value;
    check_good(ph_headers_add(headers, "Trace", "one"));
    check_good(ph_headers_add(headers, "trace", "two"));
    check_good(ph_subscribe(conn, "a.*.c", NULL, NULL, NULL, &star));
    check_good(ph_subscribe(conn, "a.>", NULL, NULL, NULL, &rest));
    check_good(ph_subscribe(conn, "a.b.c", NULL, NULL, NULL, &limited));
    check_good(ph_unsubscribe(limited, 1));
    check_good(ph_publish_with(conn, "a.b.c", "back", headers, "payload", 7));
    check_good(ph_publish(conn, "a.b.c.d", NULL, 0));
    check_good(ph_publish(conn, "a.b.c", NULL, 0));
    check_good(ph_next(star, PATIENCE_MS, &message));
    check(strcmp(message->topic, "a.b.c") == 0 && strcmp(message->reply, "back") == 0);
    check(strcmp(message->payload, "payload") == 0 && ph_message_header(message, "TRACE", &value));
    check(value.size == 3 && memcmp(value.data, "one", 3) == 0);
    ph_message_free(message);
    for (int i = 0; i < 3; i++) {
        check_good(ph_next(rest, PATIENCE_MS, &message));
        ph_message_free(message);
    }
    check_good(ph_next(limited, PATIENCE_MS, &message));
    ph_message_free(message);
    check(ph_next(limited, PATIENCE_MS, &message) == PH_E_ENDED);
    check_good(ph_next(star, PATIENCE_MS, &message));
    ph_message_free(message);
    ph_headers_destroy(headers);
    ph_destroy(conn);
}

static void count_message(struct ph_sub *sub, const struct ph_message *message, void *arg)
{
    (void)sub, (void)message;
    ++*(unsigned *)arg;
}

static void groups_share(char **urls)
{
    enum { MEMBERS = 3, MESSAGES = 3000 };
    struct ph_conn *conns[MEMBERS + 1];
    unsigned counts[MEMBERS + 1] = { 0 };
    for (int i = 0; i <= MEMBERS; i++) {
        conns[i] = connected(urls[0]);
        check_good(ph_subscribe(conns[i], "work", i < MEMBERS ? "g" : NULL, count_message, &counts[i], NULL));
        check_good(ph_flush(conns[i], PATIENCE_MS));
    }
    for (int i = 0; i < MESSAGES; i++)
        check_good(ph_publish(conns[MEMBERS], "work", "x", 1));
    while (counts[0] + counts[1] + counts[2] < MESSAGES || counts[MEMBERS] < MESSAGES)
        turn(conns, MEMBERS + 1);
    for (int i = 0; i <= MEMBERS; i++)
        check_good(ph_flush(conns[i], PATIENCE_MS));
    check(counts[0] + counts[1] + counts[2] == MESSAGES && counts[MEMBERS] == MESSAGES);
    check(counts[0] > 0 && counts[1] > 0 && counts[2] > 0);
    for (int i = 0; i <= MEMBERS; i++)
        ph_destroy(conns[i]);
}

/* ---- requests ---- */

static void echo(struct ph_sub *sub, const struct ph_message *message, void *arg)
{
    (void)arg;
    check_good(ph_reply(ph_sub_conn(sub), message, NULL, message->payload, message->payload_size));
}

/* A service in a process of its own: one thread cannot both ask and answer by calls that wait. */
static pid_t start_service(const char *url)
{
    int ready[2];
    char byte;
    check(pipe(ready) == 0);
    pid_t pid = fork();
    check(pid >= 0);
    if (pid == 0) {
        struct ph_conn *conn = connected(url);
        check_good(ph_subscribe(conn, "echo", "services", echo, NULL, NULL));
        check_good(ph_subscribe(conn, "end", NULL, count_message, &stream_count, NULL));
        check_good(ph_flush(conn, PATIENCE_MS));
        check(write(ready[1], "r", 1) == 1);
        while (stream_count == 0)
            check_good(ph_poll(conn, PATIENCE_MS));
        check_good(ph_drain(conn, PATIENCE_MS));
        ph_destroy(conn);
        exit(EXIT_SUCCESS);
    }
    close(ready[1]);
    check(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    return pid;
}

static void end_service(struct ph_conn *conn, pid_t pid)
{
    int status;
    check_good(ph_publish(conn, "end", NULL, 0));
    check_good(ph_flush(conn, PATIENCE_MS));
    check(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#define REQUESTS 2000

static void check_answer(struct ph_conn *conn, int error, const struct ph_message *message, void *arg)
{
    (void)conn;
    check_good(error);
    check(message->payload_size == sizeof(int) && memcmp(message->payload, arg, sizeof(int)) == 0);
    stream_count++;
}

static void requests(char **urls)
{
    static int numbers[REQUESTS];
    pid_t service = start_service(urls[0]);
    struct ph_conn *conn = connected(urls[0]);
    struct ph_message *message;
    for (int i = 0; i < 200; i++) {
        check_good(ph_request(conn, "echo", NULL, &i, sizeof i, PATIENCE_MS, &message));
        check(message->payload_size == sizeof i && memcmp(message->payload, &i, sizeof i) == 0);
        ph_message_free(message);
    }
    for (int i = 0; i < REQUESTS; i++) {
        numbers[i] = i;
        check_good(
            ph_request_start(conn, "echo", NULL, &numbers[i], sizeof(int), PATIENCE_MS, check_answer, &numbers[i]));
    }
    while (stream_count < REQUESTS)
        check_good(ph_poll(conn, PATIENCE_MS));
    check(ph_request(conn, "nobody", NULL, "x", 1, PATIENCE_MS, &message) == PH_E_NO_RESPONDERS);
    end_service(conn, service);
    check(ph_request(conn, "echo", NULL, "x", 1, PATIENCE_MS, &message) == PH_E_NO_RESPONDERS);
    ph_destroy(conn);
}

static void silent_service_times_out(char **urls)
{
    struct ph_conn *conn = connected(urls[0]);
    struct ph_sub *sub;
    struct ph_message *message;
    check_good(ph_subscribe(conn, "silent", NULL, NULL, NULL, &sub));
    check(ph_request(conn, "silent", NULL, NULL, 0, 30, &message) == PH_E_TIMEOUT);
    check_good(ph_next(sub, PATIENCE_MS, &message));
    check_good(ph_reply(conn, message, NULL, "too late", 8));
    ph_message_free(message);
    check_good(ph_flush(conn, PATIENCE_MS));
    struct ph_statistics statistics = PH_STATISTICS_INIT;
    check_good(ph_statistics(conn, &statistics));
    check(statistics.unclaimed == 1 && statistics.request_count == 0);
    ph_destroy(conn);
}

/* ---- the end ---- */

/* Everything was published before the drain began, nothing of it read: all must arrive. */
static void drain_loses_nothing(char **urls)
{
    enum { MESSAGES = 20000 };
    struct ph_conn *from = connected(urls[0]), *to = connected(urls[0]);
    unsigned by_callback = 0, pulled = 0;
    struct ph_sub *pull, *back;
    struct ph_message *message;
    check_good(ph_subscribe(from, "back", NULL, NULL, NULL, &back));
    check_good(ph_flush(from, PATIENCE_MS));
    check_good(ph_subscribe(to, "many", NULL, count_message, &by_callback, NULL));
    check_good(ph_subscribe(to, "many", NULL, NULL, NULL, &pull));
    check_good(ph_subscribe(to, "ask", NULL, echo, NULL, NULL));
    check_good(ph_flush(to, PATIENCE_MS));
    for (int i = 0; i < MESSAGES; i++)
        check_good(ph_publish(from, "many", "0123456789", 10));
    check_good(ph_publish_with(from, "ask", "back", NULL, "last", 4));
    check_good(ph_flush(from, PATIENCE_MS));
    check_good(ph_drain(to, PATIENCE_MS));
    while (ph_next(pull, 0, &message) == PH_OK) {
        ph_message_free(message);
        pulled++;
    }
    check(by_callback == MESSAGES && pulled == MESSAGES);
    check_good(ph_next(back, PATIENCE_MS, &message));
    check(strcmp(message->payload, "last") == 0);
    ph_message_free(message);
    ph_destroy(from);
    ph_destroy(to);
}

static struct ph_conn *interrupted;

static void on_signal(int number)
{
    (void)number;
    ph_interrupt(interrupted);
}

static void signal_interrupts(char **urls)
{
    interrupted = connected(urls[0]);
    signal(SIGINT, on_signal);
    tell("waiting");
    check(ph_run(interrupted, -1) == PH_E_INTERRUPTED);
    check_good(ph_drain(interrupted, PATIENCE_MS));
    ph_destroy(interrupted);
}

/* ---- servers that come and go ---- */

static void survive_a_restart(char **urls)
{
    struct ph_conn *conn = connected(urls[0]);
    struct ph_sub *sub;
    struct ph_message *message;
    check_good(ph_subscribe(conn, "news.*", "readers", NULL, NULL, &sub));
    check_good(ph_flush(conn, PATIENCE_MS));
    tell("subscribed");
    while (event_counts[PH_EVENT_DISCONNECTED] == 0)
        check_good(ph_poll(conn, PATIENCE_MS));
    check_good(ph_publish(conn, "news.away", "published while away", 20));
    tell("disconnected");
    check_good(ph_next(sub, PATIENCE_MS, &message));
    check(strcmp(message->payload, "published while away") == 0);
    ph_message_free(message);
    check(event_counts[PH_EVENT_RECONNECTED] == 1 && ph_state(conn) == PH_STATE_CONNECTED);
    check_good(ph_flush(conn, PATIENCE_MS));
    tell("back");
    check_good(ph_next(sub, PATIENCE_MS, &message));
    check(strcmp(message->topic, "news.script") == 0 && strcmp(message->payload, "hello") == 0);
    ph_message_free(message);
    check(ph_next(sub, 0, &message) == PH_E_TIMEOUT);
    struct ph_statistics statistics = PH_STATISTICS_INIT;
    check_good(ph_statistics(conn, &statistics));
    check(statistics.connects == 2);
    ph_destroy(conn);
}

/* Ends the connection's socket under it. */
static void cut(struct ph_conn *conn)
{
    check(shutdown(ph_fd(conn), SHUT_RDWR) == 0);
}

static void await_event(struct ph_conn *conn, enum ph_event_kind kind, unsigned count)
{
    while (event_counts[kind] < count)
        check_good(ph_poll(conn, PATIENCE_MS));
}

/* urls: one of TLS. */
static void sessions_are_resumed(char **urls)
{
    struct ph_conn *conn = connected(urls[0]);
    struct ph_sub *sub;
    struct ph_message *message;
    check(strncmp(ph_server(conn)->tls, "TLSv1.", 6) == 0 && !ph_server(conn)->tls_resumed);
    check_good(ph_subscribe(conn, "a", NULL, NULL, NULL, &sub));
    check_good(ph_flush(conn, PATIENCE_MS));
    for (unsigned i = 1; i <= 3; i++) {
        cut(conn);
        await_event(conn, PH_EVENT_RECONNECTED, i);
        check(strncmp(ph_server(conn)->tls, "TLSv1.", 6) == 0 && ph_server(conn)->tls_resumed);
        check_good(ph_publish(conn, "a", "x", 1));
        check_good(ph_next(sub, PATIENCE_MS, &message));
        ph_message_free(message);
    }
    ph_destroy(conn);
}

/* urls: one of TLS, and the files of a certificate and its key, which the script changes for others and back. */
static void certificates_are_renewed(char **urls)
{
    struct ph_options options = options_for(urls[0]);
    struct ph_conn *conn;
    options.tls_cert = urls[1];
    options.tls_key = urls[2];
    check_good(ph_create(&options, &conn));
    check_good(ph_connect(conn));
    tell("connected");
    check(getchar() == 'a');
    cut(conn);
    await_event(conn, PH_EVENT_ERROR, 1);
    check(strstr(ph_last_error(conn), "the server refuses our certificate"));
    tell("refused");
    check(getchar() == 'b');
    await_event(conn, PH_EVENT_RECONNECTED, 1);
    ph_destroy(conn);
}

/* urls: a list whose first is dead, then the two that live, in the order of the list. */
static void go_to_the_next_url(char **urls)
{
    struct ph_conn *conn = connected(urls[0]);
    struct ph_sub *sub;
    struct ph_message *message;
    check(strstr(urls[1], ph_server(conn)->address));
    check_good(ph_subscribe(conn, "a", NULL, NULL, NULL, &sub));
    check_good(ph_flush(conn, PATIENCE_MS));
    tell("connected");
    while (event_counts[PH_EVENT_RECONNECTED] == 0)
        check_good(ph_poll(conn, PATIENCE_MS));
    check(strstr(urls[2], ph_server(conn)->address));
    check_good(ph_publish(conn, "a", "x", 1));
    check_good(ph_next(sub, PATIENCE_MS, &message));
    ph_message_free(message);
    ph_destroy(conn);
}

static void lame_duck_is_told(char **urls)
{
    struct ph_conn *conn = connected(urls[0]);
    tell("connected");
    while (event_counts[PH_EVENT_LAME_DUCK] == 0)
        check_good(ph_poll(conn, PATIENCE_MS));
    check(ph_server(conn)->lame_duck);
    ph_destroy(conn);
}

/* ---- limits and credentials ---- */

/* urls: one that is let in, then some that are not. */
static void credentials(char **urls)
{
    struct ph_conn *conn = connected(urls[0]);
    check_good(ph_flush(conn, PATIENCE_MS));
    check(ph_server(conn)->auth_required);
    ph_destroy(conn);
    for (int i = 1; urls[i]; i++)
        check(connect_error(urls[i]) == PH_E_AUTH);
}

/* The server takes 1000 bytes. */
static void large_payload_is_refused_here(char **urls)
{
    static const char bytes[1001];
    struct ph_conn *conn = connected(urls[0]);
    struct ph_sub *sub;
    struct ph_message *message;
    check(ph_server(conn)->payload_size_max == 1000);
    check_good(ph_subscribe(conn, "a", NULL, NULL, NULL, &sub));
    check(ph_publish(conn, "a", bytes, 1001) == PH_E_PAYLOAD_SIZE);
    check_good(ph_publish(conn, "a", bytes, 1000));
    check_good(ph_next(sub, PATIENCE_MS, &message));
    check(message->payload_size == 1000);
    ph_message_free(message);
    check(event_counts[PH_EVENT_ERROR] == 0);
    ph_destroy(conn);
}

static void pings_keep_it_alive(char **urls)
{
    struct ph_options options = options_for(urls[0]);
    struct ph_statistics statistics = PH_STATISTICS_INIT;
    struct ph_conn *conn;
    options.ping_interval_ms = 5;
    options.pings_outstanding_max = 1000;
    check_good(ph_create(&options, &conn));
    check_good(ph_connect(conn));
    while (statistics.rtt_us == 0) {
        check_good(ph_poll(conn, PATIENCE_MS));
        check_good(ph_statistics(conn, &statistics));
    }
    check(statistics.connects == 1 && event_counts[PH_EVENT_DISCONNECTED] == 0);
    ph_destroy(conn);
}

static const struct scenario {
    const char *name;
    void (*play)(char **urls);
} scenarios[] = {
    { "bytes_by_pulling", bytes_by_pulling },
    { "bytes_in_a_loop", bytes_in_a_loop },
    { "headers_and_wildcards", headers_and_wildcards },
    { "groups_share", groups_share },
    { "requests", requests },
    { "silent_service_times_out", silent_service_times_out },
    { "drain_loses_nothing", drain_loses_nothing },
    { "signal_interrupts", signal_interrupts },
    { "survive_a_restart", survive_a_restart },
    { "go_to_the_next_url", go_to_the_next_url },
    { "sessions_are_resumed", sessions_are_resumed },
    { "certificates_are_renewed", certificates_are_renewed },
    { "lame_duck_is_told", lame_duck_is_told },
    { "credentials", credentials },
    { "large_payload_is_refused_here", large_payload_is_refused_here },
    { "pings_keep_it_alive", pings_keep_it_alive },
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 2 && i < sizeof scenarios / sizeof *scenarios; i++) {
        if (strcmp(argv[1], scenarios[i].name) == 0) {
            scenarios[i].play(argv + 2);
            return EXIT_SUCCESS;
        }
    }
    fprintf(stderr, "usage: client_library SCENARIO URL...\n");
    return 64;
}
