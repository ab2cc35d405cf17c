/*
 * libnats_client: posthornd as the C client of NATS (Debian's libnats) sees it. One process runs one test.
 *
 *   libnats_client --list          names the tests, one a line
 *   libnats_client URL TEST        runs it; exit status 0: as expected, 1: not (a line on stderr says what), 2: usage
 *
 * A test that needs the daemon restarted writes "restart" to stdout and waits for a line on stdin: whoever started it
 * owns the daemon. libnats.test.js does.
 */
#include <nats/nats.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
static natsConnection *client_open(struct bench *bench)
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
        status = natsConnection_Connect(place, options);
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

/* The next message is this text. */
static bool next_is(natsSubscription *sub, const char *text)
{
    natsMsg *msg = NULL;

    EXPECT_OK(natsSubscription_NextMsg(&msg, sub, WAIT_MS));
    size_t size = strlen(text);
    bool same = (size_t)natsMsg_GetDataLength(msg) == size && memcmp(natsMsg_GetData(msg), text, size) == 0;
    if (!same)
        fprintf(stderr, "got '%.*s' instead of '%s'\n", natsMsg_GetDataLength(msg), natsMsg_GetData(msg), text);
    natsMsg_Destroy(msg);
    return same;
}

/* Nothing waits in this subscription; the caller has flushed, so nothing can be on its way. */
static bool is_empty(natsSubscription *sub)
{
    uint64_t count = 1;

    EXPECT_OK(natsSubscription_QueuedMsgs(sub, &count));
    EXPECT(count == 0);
    return true;
}

/* Publisher, then subscriber: after it, all that the one sent has reached the other. */
static bool settle(natsConnection *publisher, natsConnection *subscriber)
{
    EXPECT_OK(natsConnection_FlushTimeout(publisher, WAIT_MS));
    EXPECT_OK(natsConnection_FlushTimeout(subscriber, WAIT_MS));
    return true;
}

static bool patterns_get_what_they_match(struct bench *bench)
{
    static const struct {
        const char *pattern;
        const char *wanted[5];
    } cases[] = {
        { "c.p", { "c.p" } },
        { "c.p.*", { "c.p.a", "c.p.b" } },
        { "c.p.>", { "c.p.a", "c.p.b", "c.p.a.b" } },
        { "c.*.a", { "c.p.a" } },
        { "c.p.c", { NULL } },
    };
    static const char *const sent[] = { "c.p", "c.p.a", "c.p.b", "c.p.a.b", "c.q" };
    enum { CASE_COUNT = sizeof cases / sizeof cases[0] };
    natsConnection *publisher = client_open(bench), *subscriber = client_open(bench);
    natsSubscription *subs[CASE_COUNT];

    EXPECT(publisher && subscriber);
    for (int i = 0; i < CASE_COUNT; i++)
        EXPECT_OK(natsConnection_SubscribeSync(&subs[i], subscriber, cases[i].pattern));
    EXPECT(settle(subscriber, subscriber));
    for (size_t i = 0; i < sizeof sent / sizeof sent[0]; i++)
        EXPECT_OK(natsConnection_PublishString(publisher, sent[i], sent[i]));
    EXPECT(settle(publisher, subscriber));
    for (int i = 0; i < CASE_COUNT; i++) {
        for (const char *const *text = cases[i].wanted; *text; text++)
            EXPECT(next_is(subs[i], *text));
        EXPECT(is_empty(subs[i]));
        natsSubscription_Destroy(subs[i]);
    }
    return true;
}

static bool bytes_of_all_sizes_come_through(struct bench *bench)
{
    enum { COUNT = 60, LARGEST = 300000 };
    natsConnection *publisher = client_open(bench), *subscriber = client_open(bench);
    natsSubscription *sub = NULL;
    char *sent = malloc(LARGEST + COUNT);

    EXPECT(publisher && subscriber && sent);
    for (int i = 0; i < LARGEST + COUNT; i++)
        sent[i] = (char)(i * 7 + (i >> 8));
    EXPECT_OK(natsConnection_SubscribeSync(&sub, subscriber, "c.sizes"));
    EXPECT(settle(subscriber, subscriber));
    for (int i = 0; i < COUNT; i++)
        EXPECT_OK(natsConnection_Publish(publisher, "c.sizes", sent + i, LARGEST / COUNT * i));
    EXPECT(settle(publisher, subscriber));
    for (int i = 0; i < COUNT; i++) {
        natsMsg *msg = NULL;
        EXPECT_OK(natsSubscription_NextMsg(&msg, sub, WAIT_MS));
        EXPECT(natsMsg_GetDataLength(msg) == LARGEST / COUNT * i);
        EXPECT(memcmp(natsMsg_GetData(msg), sent + i, (size_t)natsMsg_GetDataLength(msg)) == 0);
        natsMsg_Destroy(msg);
    }
    natsSubscription_Destroy(sub);
    free(sent);
    return true;
}

static bool a_group_shares_its_messages(struct bench *bench)
{
    enum { MEMBERS = 4, COUNT = 1000 };
    natsConnection *publisher = client_open(bench);
    natsSubscription *subs[MEMBERS];
    uint64_t sum = 0;

    EXPECT(publisher);
    for (int i = 0; i < MEMBERS; i++) {
        natsConnection *member = client_open(bench);
        EXPECT(member);
        EXPECT_OK(natsConnection_QueueSubscribeSync(&subs[i], member, "c.job", "workers"));
        EXPECT(settle(member, member));
    }
    for (int i = 0; i < COUNT; i++)
        EXPECT_OK(natsConnection_PublishString(publisher, "c.job", "job"));
    for (int i = 0; i < MEMBERS; i++) {
        uint64_t share = 0;
        EXPECT(settle(publisher, bench->clients[i + 1]));
        EXPECT_OK(natsSubscription_QueuedMsgs(subs[i], &share));
        EXPECT(share > 0);
        sum += share;
        natsSubscription_Destroy(subs[i]);
    }
    EXPECT(sum == COUNT);
    return true;
}

static bool a_limited_subscription_ends(struct bench *bench)
{
    natsConnection *client = client_open(bench);
    natsSubscription *sub = NULL;
    natsMsg *msg = NULL;

    EXPECT(client);
    EXPECT_OK(natsConnection_SubscribeSync(&sub, client, "c.max"));
    EXPECT_OK(natsSubscription_AutoUnsubscribe(sub, 2));
    for (int i = 0; i < 5; i++)
        EXPECT_OK(natsConnection_PublishString(client, "c.max", i % 2 ? "odd" : "even"));
    EXPECT(settle(client, client));
    EXPECT(next_is(sub, "even") && next_is(sub, "odd"));
    EXPECT(natsSubscription_NextMsg(&msg, sub, WAIT_MS) == NATS_MAX_DELIVERED_MSGS);
    natsSubscription_Destroy(sub);
    return true;
}

static void answer(natsConnection *client, natsSubscription *sub, natsMsg *msg, void *closure)
{
    (void)sub;
    (void)closure;
    natsConnection_Publish(client, natsMsg_GetReply(msg), natsMsg_GetData(msg), natsMsg_GetDataLength(msg));
    natsMsg_Destroy(msg);
}

static bool requests_are_answered(struct bench *bench)
{
    natsConnection *asker = client_open(bench), *replier = client_open(bench);
    natsSubscription *sub = NULL, *silent = NULL;
    natsMsg *msg = NULL;

    EXPECT(asker && replier);
    EXPECT_OK(natsConnection_QueueSubscribe(&sub, replier, "c.echo", "repliers", answer, NULL));
    EXPECT_OK(natsConnection_SubscribeSync(&silent, replier, "c.silent"));
    EXPECT(settle(replier, replier));
    for (int i = 0; i < 500; i++) {
        char text[16];
        int size = snprintf(text, sizeof text, "question %d", i);
        EXPECT_OK(natsConnection_RequestString(&msg, asker, "c.echo", text, WAIT_MS));
        EXPECT(natsMsg_GetDataLength(msg) == size && memcmp(natsMsg_GetData(msg), text, (size_t)size) == 0);
        natsMsg_Destroy(msg);
    }
    EXPECT(natsConnection_RequestString(&msg, asker, "c.nobody", "", WAIT_MS) == NATS_NO_RESPONDERS);
    EXPECT(natsConnection_RequestString(&msg, asker, "c.silent", "", 100) == NATS_TIMEOUT);
    natsSubscription_Destroy(sub);
    natsSubscription_Destroy(silent);
    return true;
}

static bool headers_come_through(struct bench *bench)
{
    natsConnection *publisher = client_open(bench), *subscriber = client_open(bench);
    natsSubscription *sub = NULL;
    natsMsg *msg = NULL;
    const char *value = NULL, **values = NULL;
    int count = 0;

    EXPECT(publisher && subscriber);
    EXPECT_OK(natsConnection_SubscribeSync(&sub, subscriber, "c.headers"));
    EXPECT(settle(subscriber, subscriber));
    EXPECT_OK(natsMsg_Create(&msg, "c.headers", NULL, "body", 4));
    EXPECT_OK(natsMsgHeader_Set(msg, "Trace-Id", "4711"));
    EXPECT_OK(natsMsgHeader_Add(msg, "accept", "a"));
    EXPECT_OK(natsMsgHeader_Add(msg, "accept", "b: c"));
    EXPECT_OK(natsConnection_PublishMsg(publisher, msg));
    natsMsg_Destroy(msg);
    EXPECT(settle(publisher, subscriber));
    EXPECT_OK(natsSubscription_NextMsg(&msg, sub, WAIT_MS));
    EXPECT_OK(natsMsgHeader_Get(msg, "Trace-Id", &value));
    EXPECT(strcmp(value, "4711") == 0);
    EXPECT_OK(natsMsgHeader_Values(msg, "accept", &values, &count));
    EXPECT(count == 2 && strcmp(values[0], "a") == 0 && strcmp(values[1], "b: c") == 0);
    EXPECT(natsMsg_GetDataLength(msg) == 4 && memcmp(natsMsg_GetData(msg), "body", 4) == 0);
    free(values);
    natsMsg_Destroy(msg);
    natsSubscription_Destroy(sub);
    return true;
}

static bool a_drained_subscription_loses_nothing(struct bench *bench)
{
    enum { COUNT = 2000 };
    natsConnection *publisher = client_open(bench), *subscriber = client_open(bench);
    natsSubscription *sub = NULL;

    EXPECT(publisher && subscriber);
    EXPECT_OK(natsConnection_SubscribeSync(&sub, subscriber, "c.drain"));
    EXPECT(settle(subscriber, subscriber));
    for (int i = 0; i < COUNT; i++)
        EXPECT_OK(natsConnection_PublishString(publisher, "c.drain", "on its way"));
    EXPECT(settle(publisher, publisher));
    EXPECT_OK(natsSubscription_Drain(sub));
    for (int i = 0; i < COUNT; i++)
        EXPECT(next_is(sub, "on its way"));
    EXPECT_OK(natsSubscription_WaitForDrainCompletion(sub, WAIT_MS));
    natsSubscription_Destroy(sub);
    return true;
}

static bool subscriptions_survive_a_restart(struct bench *bench)
{
    natsConnection *publisher = client_open(bench), *subscriber = client_open(bench);
    natsSubscription *plain = NULL, *member = NULL;
    char line[16];

    EXPECT(publisher && subscriber);
    EXPECT_OK(natsConnection_SubscribeSync(&plain, subscriber, "c.restart.>"));
    EXPECT_OK(natsConnection_QueueSubscribeSync(&member, subscriber, "c.restart.*", "workers"));
    EXPECT(settle(subscriber, subscriber));
    puts("restart");
    fflush(stdout);
    EXPECT(fgets(line, sizeof line, stdin));
    /* A flush waits for the connection to be there again, or fails at once where the loss is not noticed yet. */
    for (int i = 0; i < bench->client_count; i++)
        for (int tries = 0; natsConnection_FlushTimeout(bench->clients[i], WAIT_MS) != NATS_OK; tries++) {
            EXPECT(tries < WAIT_MS / RECONNECT_WAIT_MS);
            nats_Sleep(RECONNECT_WAIT_MS);
        }
    EXPECT_OK(natsConnection_PublishString(publisher, "c.restart.a", "again"));
    EXPECT(settle(publisher, subscriber));
    EXPECT(next_is(plain, "again") && next_is(member, "again"));
    natsStatistics *statistics = NULL;
    uint64_t reconnects = 0;
    EXPECT_OK(natsStatistics_Create(&statistics));
    EXPECT_OK(natsConnection_GetStats(subscriber, statistics));
    EXPECT_OK(natsStatistics_GetCounts(statistics, NULL, NULL, NULL, NULL, &reconnects));
    EXPECT(reconnects == 1);
    natsStatistics_Destroy(statistics);
    natsSubscription_Destroy(plain);
    natsSubscription_Destroy(member);
    return true;
}

static const struct {
    const char *name;
    bool (*run)(struct bench *bench);
} tests[] = {
    { "patterns_get_what_they_match", patterns_get_what_they_match },
    { "bytes_of_all_sizes_come_through", bytes_of_all_sizes_come_through },
    { "a_group_shares_its_messages", a_group_shares_its_messages },
    { "a_limited_subscription_ends", a_limited_subscription_ends },
    { "requests_are_answered", requests_are_answered },
    { "headers_come_through", headers_come_through },
    { "a_drained_subscription_loses_nothing", a_drained_subscription_loses_nothing },
    { "subscriptions_survive_a_restart", subscriptions_survive_a_restart },
};

enum { TEST_COUNT = sizeof tests / sizeof tests[0] };

static int list_tests(void)
{
    for (int i = 0; i < TEST_COUNT; i++)
        puts(tests[i].name);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0)
        return list_tests();
    for (int i = 0; argc == 3 && i < TEST_COUNT; i++)
        if (strcmp(argv[2], tests[i].name) == 0) {
            struct bench bench = { .url = argv[1] };
            bool good = tests[i].run(&bench);
            bench_finish(&bench);
            return good ? EXIT_SUCCESS : EXIT_FAILURE;
        }
    fprintf(stderr, "usage: %s --list | URL TEST\n", argv[0]);
    return 2;
}
