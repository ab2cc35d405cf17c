/*
 * bench: what the programs that test with libnats share. One process runs one test.
 *
 *   PROGRAM --list          names the tests, one a line
 *   PROGRAM URL TEST        runs it; exit status 0: as expected, 1: not (a line on stderr says what), 2: usage
 *
 * The environment says how to enter: BENCH_CA, a file with the CA of a daemon that speaks TLS; BENCH_NKEY and
 * BENCH_SEED, a public key and the file of its seed.
 *
 * A test that needs the daemon ended and started again writes a word to stdout and waits for a line on stdin
 * (bench_ask): whoever started it owns the daemon. libnats.js does.
 */
#ifndef BENCH_H
#define BENCH_H

#include <nats/nats.h>

#include <stdbool.h>
#include <stdint.h>

enum {
    WAIT_MS = 10000,      /* for what must come */
    CLIENTS_MAX = 8,
    RECONNECT_WAIT_MS = 20,
};

/* What a test has in hand: its connections, closed after it. */
struct bench {
    const char *url;
    natsConnection *clients[CLIENTS_MAX];
    int client_count;
};

/* The tests of the program, by name; the last has none. */
struct bench_test {
    const char *name;
    bool (*run)(struct bench *bench);
};
extern const struct bench_test bench_tests[];

#define EXPECT(question)                                                     \
    do {                                                                     \
        if (!(question)) {                                                   \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #question); \
            return false;                                                    \
        }                                                                    \
    } while (0)

#define EXPECT_OK(call)                                                      \
    do {                                                                     \
        natsStatus status_ = (call);                                         \
        if (status_ != NATS_OK) {                                            \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, natsStatus_GetText(status_)); \
            return false;                                                    \
        }                                                                    \
    } while (0)

/* Connects one more client; NULL and a line on stderr where that fails. */
natsConnection *client_open(struct bench *bench);

/* The message is this text; a line on stderr where it is not. Destroys it. */
bool message_is(natsMsg *msg, const char *text);

/* The next message is this text. */
bool next_is(natsSubscription *sub, const char *text);

/* Nothing waits in this subscription; the caller has flushed, so nothing can be on its way. */
bool is_empty(natsSubscription *sub);

/* Publisher, then subscriber: after it, all that the one sent has reached the other. */
bool settle(natsConnection *publisher, natsConnection *subscriber);

/* Asks for the daemon to be ended ("restart" or "crash") and started again, and waits until all clients are back. */
bool bench_ask(struct bench *bench, const char *word);

#endif
