/*
 * libnats_client: posthornd as the C client of NATS (Debian's libnats) sees it: publish, subscribe, request. How it is
 * run: support/bench.h.
 */
#include "support/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

    EXPECT(publisher && subscriber);
    EXPECT_OK(natsConnection_SubscribeSync(&plain, subscriber, "c.restart.>"));
    EXPECT_OK(natsConnection_QueueSubscribeSync(&member, subscriber, "c.restart.*", "workers"));
    EXPECT(settle(subscriber, subscriber));
    EXPECT(bench_ask(bench, "restart"));
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

const struct bench_test bench_tests[] = {
    { "patterns_get_what_they_match", patterns_get_what_they_match },
    { "bytes_of_all_sizes_come_through", bytes_of_all_sizes_come_through },
    { "a_group_shares_its_messages", a_group_shares_its_messages },
    { "a_limited_subscription_ends", a_limited_subscription_ends },
    { "requests_are_answered", requests_are_answered },
    { "headers_come_through", headers_come_through },
    { "a_drained_subscription_loses_nothing", a_drained_subscription_loses_nothing },
    { "subscriptions_survive_a_restart", subscriptions_survive_a_restart },
    { NULL, NULL },
};
