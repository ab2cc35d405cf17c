#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As the environment says. The CA's certificates are for localhost, too: libnats compares names, not addresses. */
static natsStatus secure(natsOptions *options)
{
    const char *ca = getenv("BENCH_CA"), *nkey = getenv("BENCH_NKEY"), *seed = getenv("BENCH_SEED");
    natsStatus status = NATS_OK;

    if (ca)
        status = natsOptions_SetSecure(options, true);
    if (status == NATS_OK && ca)
        status = natsOptions_LoadCATrustedCertificates(options, ca);
    if (status == NATS_OK && ca)
        status = natsOptions_SetExpectedHostname(options, "localhost");
    if (status == NATS_OK && nkey)
        status = natsOptions_SetNKeyFromSeed(options, nkey, seed);
    return status;
}

/* libnats (3.4.1) now and then says CONNECT with the nkey and without the signature, once in some 800 times. */
static natsStatus connect_to(natsConnection **place, natsOptions *options)
{
    natsStatus status = natsConnection_Connect(place, options);
    if (status == NATS_CONNECTION_AUTH_FAILED && getenv("BENCH_NKEY"))
        status = natsConnection_Connect(place, options);
    return status;
}

natsConnection *client_open(struct bench *bench)
{
    natsOptions *options = NULL;
    natsConnection **place = &bench->clients[bench->client_count];
    natsStatus status = natsOptions_Create(&options);

    if (status == NATS_OK)
        status = natsOptions_SetURL(options, bench->url);
    if (status == NATS_OK)
        status = natsOptions_SetMaxReconnect(options, WAIT_MS / RECONNECT_WAIT_MS);
    if (status == NATS_OK)
        status = natsOptions_SetReconnectWait(options, RECONNECT_WAIT_MS);
    if (status == NATS_OK)
        status = natsOptions_SetReconnectJitter(options, RECONNECT_WAIT_MS, RECONNECT_WAIT_MS);
    if (status == NATS_OK)
        status = secure(options);
    if (status == NATS_OK)
        status = connect_to(place, options);
    natsOptions_Destroy(options);
    if (status != NATS_OK) {
        fprintf(stderr, "connect to %s: %s\n", bench->url, natsStatus_GetText(status));
        return NULL;
    }
    bench->client_count++;
    return *place;
}

static void bench_finish(struct bench *bench)
{
    for (int i = 0; i < bench->client_count; i++)
        natsConnection_Destroy(bench->clients[i]);
    nats_Close();
}

bool message_is(natsMsg *msg, const char *text)
{
    size_t size = strlen(text);
    bool same = (size_t)natsMsg_GetDataLength(msg) == size && memcmp(natsMsg_GetData(msg), text, size) == 0;

    if (!same)
        fprintf(stderr, "got '%.*s' instead of '%s'\n", natsMsg_GetDataLength(msg), natsMsg_GetData(msg), text);
    natsMsg_Destroy(msg);
    return same;
}

bool next_is(natsSubscription *sub, const char *text)
{
    natsMsg *msg = NULL;

    EXPECT_OK(natsSubscription_NextMsg(&msg, sub, WAIT_MS));
    return message_is(msg, text);
}

bool is_empty(natsSubscription *sub)
{
    uint64_t count = 1;

    EXPECT_OK(natsSubscription_QueuedMsgs(sub, &count));
    EXPECT(count == 0);
    return true;
}

bool settle(natsConnection *publisher, natsConnection *subscriber)
{
    EXPECT_OK(natsConnection_FlushTimeout(publisher, WAIT_MS));
    EXPECT_OK(natsConnection_FlushTimeout(subscriber, WAIT_MS));
    return true;
}

/* A flush waits for the connection to be there again, or fails at once where the loss is not noticed yet. */
static bool is_back(natsConnection *client)
{
    for (int tries = 0; natsConnection_FlushTimeout(client, WAIT_MS) != NATS_OK; tries++) {
        EXPECT(tries < WAIT_MS / RECONNECT_WAIT_MS);
        nats_Sleep(RECONNECT_WAIT_MS);
    }
    return true;
}

bool bench_ask(struct bench *bench, const char *word)
{
    char line[16];

    puts(word);
    fflush(stdout);
    EXPECT(fgets(line, sizeof line, stdin));
    for (int i = 0; i < bench->client_count; i++)
        EXPECT(is_back(bench->clients[i]));
    return true;
}

int main(int argc, char **argv)
{
    bool list = argc == 2 && strcmp(argv[1], "--list") == 0;

    for (const struct bench_test *test = bench_tests; test->name; test++)
        if (list)
            puts(test->name);
        else if (argc == 3 && strcmp(argv[2], test->name) == 0) {
            struct bench bench = { .url = argv[1] };
            bool good = test->run(&bench);
            bench_finish(&bench);
            return good ? EXIT_SUCCESS : EXIT_FAILURE;
        }
    if (list)
        return EXIT_SUCCESS;
    fprintf(stderr, "usage: %s --list | URL TEST\n", argv[0]);
    return 2;
}
