/*
 * jetstream_client: posthornd as the C client of NATS (Debian's libnats) sees it: streams, consumers, buckets. How it
 * is run: support/bench.h.
 */
#include "support/bench.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS(count) ((int64_t)(count) * 1000000) /* in nanoseconds, as the API counts */

/* A client with a stream "S" that keeps "s.>". */
struct store {
    natsConnection *client;
    jsCtx *js;
};

static bool store_open(struct bench *bench, struct store *ret_store)
{
    jsOptions options;

    ret_store->client = client_open(bench);
    EXPECT(ret_store->client);
    EXPECT_OK(jsOptions_Init(&options));
    options.Wait = WAIT_MS;
    EXPECT_OK(natsConnection_JetStream(&ret_store->js, ret_store->client, &options));
    return true;
}

static bool stream_add(struct store *store)
{
    jsStreamConfig config;
    const char *subjects[] = { "s.>" };
    jsErrCode error = 0;

    EXPECT_OK(jsStreamConfig_Init(&config));
    config.Name = "S";
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.AllowDirect = true;
    EXPECT_OK(js_AddStream(NULL, store->js, &config, NULL, &error));
    return true;
}

static bool store_begin(struct bench *bench, struct store *ret_store)
{
    return store_open(bench, ret_store) && stream_add(ret_store);
}

static bool publish(struct store *store, const char *topic, const char *text, uint64_t wanted)
{
    jsPubAck *ack = NULL;
    jsErrCode error = 0;

    EXPECT_OK(js_Publish(&ack, store->js, topic, text, (int)strlen(text), NULL, &error));
    EXPECT(strcmp(ack->Stream, "S") == 0 && ack->Sequence == wanted && !ack->Duplicate);
    jsPubAck_Destroy(ack);
    return true;
}

static bool publish_numbers(struct store *store, const char *topic, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        char text[16];
        int size = snprintf(text, sizeof text, "%d", i);
        EXPECT_OK(js_PublishAsync(store->js, topic, text, size, NULL));
    }
    EXPECT_OK(js_PublishAsyncComplete(store->js, NULL));
    return true;
}

/* Counts, and holds whatever differs. */
static bool state_is(struct store *store, uint64_t count, uint64_t first, uint64_t last)
{
    jsStreamInfo *info = NULL;
    jsErrCode error = 0;

    EXPECT_OK(js_GetStreamInfo(&info, store->js, "S", NULL, &error));
    bool good = info->State.Msgs == count && info->State.FirstSeq == first && info->State.LastSeq == last;
    if (!good)
        fprintf(stderr, "%llu messages, %llu to %llu\n", (unsigned long long)info->State.Msgs,
                (unsigned long long)info->State.FirstSeq, (unsigned long long)info->State.LastSeq);
    jsStreamInfo_Destroy(info);
    return good;
}

static bool refused(struct store *store, jsPubOptions *options, jsErrCode wanted)
{
    jsErrCode error = 0;

    EXPECT(js_Publish(NULL, store->js, "s.a", "x", 1, options, &error) != NATS_OK);
    if (error != wanted)
        fprintf(stderr, "error %d instead of %d\n", error, wanted);
    return error == wanted;
}

static bool a_publish_is_acknowledged(struct bench *bench)
{
    struct store store;
    jsPubOptions options;
    jsPubAck *ack = NULL;
    jsErrCode error = 0;

    EXPECT(store_begin(bench, &store));
    EXPECT(publish(&store, "s.a", "one", 1) && publish(&store, "s.b", "two", 2));
    jsPubOptions_Init(&options);
    options.MsgId = "id";
    EXPECT_OK(js_Publish(&ack, store.js, "s.a", "x", 1, &options, &error));
    EXPECT(ack->Sequence == 3 && !ack->Duplicate);
    jsPubAck_Destroy(ack);
    EXPECT_OK(js_Publish(&ack, store.js, "s.a", "x", 1, &options, &error));
    EXPECT(ack->Sequence == 3 && ack->Duplicate);
    jsPubAck_Destroy(ack);
    EXPECT(js_Publish(NULL, store.js, "other", "x", 1, NULL, &error) == NATS_NO_RESPONDERS);
    jsCtx_Destroy(store.js);
    return true;
}

static bool an_expectation_holds_or_refuses(struct bench *bench)
{
    struct store store;
    jsPubOptions wrong[5];
    const jsErrCode errors[5] = { JSStreamNotMatchErr, JSStreamWrongLastSequenceErr, JSStreamWrongLastMsgIDErr,
                                  JSStreamWrongLastSequenceErr, JSStreamWrongLastSequenceErr };
    jsErrCode error = 0;

    EXPECT(store_begin(bench, &store));
    EXPECT(publish(&store, "s.a", "one", 1) && publish(&store, "s.b", "two", 2));
    for (int i = 0; i < 5; i++)
        jsPubOptions_Init(&wrong[i]);
    wrong[0].ExpectStream = "T";
    wrong[1].ExpectLastSeq = 1;
    wrong[2].ExpectLastMsgId = "id";
    wrong[3].ExpectLastSubjectSeq = 2;
    wrong[4].ExpectNoMessage = true;
    for (int i = 0; i < 5; i++)
        EXPECT(refused(&store, &wrong[i], errors[i]));
    wrong[3].ExpectLastSubjectSeq = 1;
    EXPECT_OK(js_Publish(NULL, store.js, "s.a", "x", 1, &wrong[3], &error));
    EXPECT(state_is(&store, 3, 1, 3));
    jsCtx_Destroy(store.js);
    return true;
}

/* What the acknowledgements of asynchronous publishing say. */
struct acks {
    atomic_int count, out_of_order, failed;
};

static void on_ack(jsCtx *js, natsMsg *msg, jsPubAck *ack, jsPubAckErr *failure, void *closure)
{
    struct acks *acks = closure;

    (void)js;
    if (failure)
        acks->failed++;
    else if (ack->Sequence != (uint64_t)++acks->count)
        acks->out_of_order++;
    natsMsg_Destroy(msg);
}

static bool thousands_in_flight_are_acknowledged_in_order(struct bench *bench)
{
    enum { COUNT = 20000 };
    struct store store;
    struct acks acks = { 0 };
    jsOptions options;

    EXPECT(store_begin(bench, &store));
    jsCtx_Destroy(store.js);
    jsOptions_Init(&options);
    options.PublishAsync.MaxPending = 1000;
    options.PublishAsync.StallWait = WAIT_MS;
    options.PublishAsync.AckHandler = on_ack;
    options.PublishAsync.AckHandlerClosure = &acks;
    EXPECT_OK(natsConnection_JetStream(&store.js, store.client, &options));
    EXPECT(publish_numbers(&store, "s.a", 0, COUNT));
    EXPECT(acks.count == COUNT && acks.out_of_order == 0 && acks.failed == 0);
    EXPECT(state_is(&store, COUNT, 1, COUNT));
    jsCtx_Destroy(store.js);
    return true;
}

static bool message_has(natsMsg *msg, const char *topic, const char *text)
{
    EXPECT(strcmp(natsMsg_GetSubject(msg), topic) == 0);
    return message_is(msg, text);
}

static bool streams_are_managed(struct bench *bench)
{
    struct store store;
    jsStreamInfo *info = NULL;
    jsStreamNamesList *names = NULL;
    jsDirectGetMsgOptions direct;
    jsErrCode error = 0;
    natsMsg *msg = NULL;

    EXPECT(store_begin(bench, &store));
    EXPECT(publish(&store, "s.a", "one", 1) && publish(&store, "s.b", "two", 2) && publish(&store, "s.a", "three", 3));
    EXPECT_OK(js_GetMsg(&msg, store.js, "S", 2, NULL, &error));
    EXPECT(message_has(msg, "s.b", "two"));
    EXPECT_OK(js_GetLastMsg(&msg, store.js, "S", "s.a", NULL, &error));
    EXPECT(message_has(msg, "s.a", "three"));
    jsDirectGetMsgOptions_Init(&direct);
    direct.NextBySubject = "s.a";
    direct.Sequence = 2;
    EXPECT_OK(js_DirectGetMsg(&msg, store.js, "S", NULL, &direct));
    EXPECT(message_has(msg, "s.a", "three"));
    EXPECT_OK(js_DeleteMsg(store.js, "S", 2, NULL, &error));
    EXPECT(js_GetMsg(&msg, store.js, "S", 2, NULL, &error) == NATS_NOT_FOUND && error == JSNoMessageFoundErr);
    EXPECT_OK(js_GetStreamInfo(&info, store.js, "S", NULL, &error));
    EXPECT(info->State.NumDeleted == 1 && info->Config->AllowDirect && info->Config->Storage == js_FileStorage);
    jsStreamInfo_Destroy(info);
    EXPECT_OK(js_StreamNames(&names, store.js, NULL, &error));
    EXPECT(names->Count == 1 && strcmp(names->List[0], "S") == 0);
    jsStreamNamesList_Destroy(names);
    EXPECT_OK(js_PurgeStream(store.js, "S", NULL, &error));
    EXPECT(state_is(&store, 0, 4, 3));
    EXPECT_OK(js_DeleteStream(store.js, "S", NULL, &error));
    EXPECT(js_GetStreamInfo(&info, store.js, "S", NULL, &error) == NATS_NOT_FOUND && error == JSStreamNotFoundErr);
    jsCtx_Destroy(store.js);
    return true;
}

/* Fetches so many messages, numbered from first; acknowledges them. */
static bool fetch_numbers(natsSubscription *sub, int first, int count)
{
    for (int got = 0; got < count;) {
        natsMsgList list;
        EXPECT_OK(natsSubscription_Fetch(&list, sub, count - got, WAIT_MS, NULL));
        for (int i = 0; i < list.Count; i++, got++) {
            char text[16];
            snprintf(text, sizeof text, "%d", first + got);
            EXPECT_OK(natsMsg_Ack(list.Msgs[i], NULL));
            EXPECT(message_is(list.Msgs[i], text));
            list.Msgs[i] = NULL;
        }
        natsMsgList_Destroy(&list);
    }
    return true;
}

static bool nothing_waits(natsSubscription *sub, int64_t wait_ms)
{
    natsMsgList list = { 0 };
    natsStatus status = natsSubscription_Fetch(&list, sub, 1, wait_ms, NULL);

    EXPECT(status == NATS_TIMEOUT);
    return true;
}

static bool a_pull_subscription_fetches(struct bench *bench)
{
    struct store store;
    jsConsumerInfo *info = NULL;
    natsSubscription *sub = NULL;
    jsErrCode error = 0;

    EXPECT(store_begin(bench, &store));
    EXPECT(publish_numbers(&store, "s.a", 0, 1000));
    EXPECT_OK(js_PullSubscribe(&sub, store.js, "s.a", "worker", NULL, NULL, &error));
    EXPECT(fetch_numbers(sub, 0, 250) && fetch_numbers(sub, 250, 750));
    EXPECT(nothing_waits(sub, 200));
    EXPECT(publish_numbers(&store, "s.a", 1000, 10) && fetch_numbers(sub, 1000, 10));
    EXPECT_OK(natsConnection_Flush(store.client));
    EXPECT_OK(natsSubscription_GetConsumerInfo(&info, sub, NULL, &error));
    EXPECT(info->NumPending == 0 && info->Delivered.Stream == 1010 && strcmp(info->Config->Durable, "worker") == 0);
    jsConsumerInfo_Destroy(info);
    natsSubscription_Destroy(sub);
    jsCtx_Destroy(store.js);
    return true;
}

static natsMsg *fetch_one(natsSubscription *sub)
{
    natsMsgList list = { 0 };
    natsMsg *msg = NULL;

    if (natsSubscription_Fetch(&list, sub, 1, WAIT_MS, NULL) != NATS_OK)
        return NULL;
    msg = list.Msgs[0];
    list.Msgs[0] = NULL;
    natsMsgList_Destroy(&list);
    return msg;
}

static bool is_delivery(natsMsg *msg, uint64_t number, const char *text)
{
    jsMsgMetaData *meta = NULL;

    EXPECT(msg);
    EXPECT_OK(natsMsg_GetMetaData(&meta, msg));
    EXPECT(meta->NumDelivered == number && strcmp(meta->Stream, "S") == 0 && strcmp(meta->Consumer, "worker") == 0);
    jsMsgMetaData_Destroy(meta);
    return message_is(msg, text);
}

static bool every_acknowledgement_does_what_it_says(struct bench *bench)
{
    struct store store;
    jsSubOptions options;
    natsSubscription *sub = NULL;
    natsMsg *msg = NULL;
    jsErrCode error = 0;

    EXPECT(store_begin(bench, &store));
    jsSubOptions_Init(&options);
    options.Config.AckWait = MS(500);
    EXPECT_OK(js_PullSubscribe(&sub, store.js, "s.a", "worker", NULL, &options, &error));
    EXPECT(publish(&store, "s.a", "zero", 1));
    EXPECT_OK(natsMsg_Nak(msg = fetch_one(sub), NULL));
    EXPECT(is_delivery(msg, 1, "zero"));
    EXPECT_OK(natsMsg_NakWithDelay(msg = fetch_one(sub), 300, NULL));
    EXPECT(is_delivery(msg, 2, "zero"));
    EXPECT(is_delivery(fetch_one(sub), 3, "zero")); /* and no acknowledgement at all */
    EXPECT_OK(natsMsg_InProgress(msg = fetch_one(sub), NULL));
    EXPECT_OK(natsMsg_AckSync(msg, NULL, &error));
    EXPECT(is_delivery(msg, 4, "zero"));
    EXPECT(publish(&store, "s.a", "one", 2));
    EXPECT_OK(natsMsg_Term(msg = fetch_one(sub), NULL));
    EXPECT(is_delivery(msg, 1, "one"));
    EXPECT(nothing_waits(sub, 700));
    natsSubscription_Destroy(sub);
    jsCtx_Destroy(store.js);
    return true;
}

/* What a subscription with a callback hears: numbers in order. */
struct ear {
    atomic_int count, out_of_order;
};

static void on_number(natsConnection *client, natsSubscription *sub, natsMsg *msg, void *closure)
{
    struct ear *ear = closure;

    (void)client;
    (void)sub;
    if (atoi(natsMsg_GetData(msg)) != ear->count)
        ear->out_of_order++;
    ear->count++;
    natsMsg_Destroy(msg);
}

static bool ear_hears(struct ear *ear, int count)
{
    int64_t end = nats_Now() + WAIT_MS;

    while (ear->count < count && nats_Now() < end)
        nats_Sleep(2);
    if (ear->count != count || ear->out_of_order)
        fprintf(stderr, "heard %d of %d, %d out of order\n", ear->count, count, ear->out_of_order);
    return ear->count == count && ear->out_of_order == 0;
}

static bool a_push_subscription_gets_everything(struct bench *bench)
{
    struct store store;
    struct ear ear = { 0 };
    jsSubOptions options;
    natsSubscription *sub = NULL;
    jsConsumerInfo *info = NULL;
    jsErrCode error = 0;

    EXPECT(store_begin(bench, &store));
    EXPECT(publish_numbers(&store, "s.a", 0, 500));
    jsSubOptions_Init(&options);
    options.Config.Durable = "ear";
    options.Config.MaxAckPending = 100;
    EXPECT_OK(js_Subscribe(&sub, store.js, "s.>", on_number, &ear, NULL, &options, &error));
    EXPECT(ear_hears(&ear, 500));
    EXPECT(publish_numbers(&store, "s.b", 500, 500));
    EXPECT(ear_hears(&ear, 1000));
    for (int64_t end = nats_Now() + WAIT_MS, floor = 0; floor < 1000;) {
        EXPECT(nats_Now() < end);
        EXPECT_OK(natsSubscription_GetConsumerInfo(&info, sub, NULL, &error));
        floor = (int64_t)info->AckFloor.Stream;
        jsConsumerInfo_Destroy(info);
    }
    natsSubscription_Destroy(sub);
    jsCtx_Destroy(store.js);
    return true;
}

static bool a_push_group_shares_its_messages(struct bench *bench)
{
    enum { MEMBERS = 3, COUNT = 600 };
    struct store stores[MEMBERS];
    natsSubscription *subs[MEMBERS];
    jsErrCode error = 0;
    uint64_t sum = 0;

    EXPECT(store_begin(bench, &stores[0]));
    for (int i = 0; i < MEMBERS; i++) {
        jsSubOptions options;
        jsSubOptions_Init(&options);
        options.Queue = "workers";
        if (i)
            EXPECT(store_open(bench, &stores[i]));
        EXPECT_OK(js_SubscribeSync(&subs[i], stores[i].js, "s.a", NULL, &options, &error));
        EXPECT(settle(stores[i].client, stores[i].client));
    }
    EXPECT(publish_numbers(&stores[0], "s.a", 0, COUNT));
    for (int64_t end = nats_Now() + WAIT_MS; sum < COUNT && nats_Now() < end; nats_Sleep(2)) {
        sum = 0;
        for (int i = 0; i < MEMBERS; i++) {
            uint64_t share = 0;
            EXPECT_OK(natsSubscription_QueuedMsgs(subs[i], &share));
            sum += share;
        }
    }
    EXPECT(sum == COUNT);
    for (int i = 0; i < MEMBERS; i++) {
        EXPECT(!is_empty(subs[i]));
        natsSubscription_Destroy(subs[i]);
        jsCtx_Destroy(stores[i].js);
    }
    return true;
}

/* Ordered: consumers of its own that are made anew whenever one message is missing. */
static bool subscribe_ordered(struct store *store, struct ear *ear, natsSubscription **ret_sub)
{
    jsSubOptions options;
    jsErrCode error = 0;

    jsSubOptions_Init(&options);
    options.Ordered = true;
    EXPECT_OK(js_Subscribe(ret_sub, store->js, "s.>", on_number, ear, NULL, &options, &error));
    return true;
}

static bool an_ordered_subscription_gets_everything_once(struct bench *bench)
{
    struct store store;
    struct ear ear = { 0 };
    natsSubscription *sub = NULL;

    EXPECT(store_begin(bench, &store));
    EXPECT(publish_numbers(&store, "s.a", 0, 5000));
    EXPECT(subscribe_ordered(&store, &ear, &sub));
    EXPECT(publish_numbers(&store, "s.b", 5000, 1000));
    EXPECT(ear_hears(&ear, 6000));
    natsSubscription_Destroy(sub);
    jsCtx_Destroy(store.js);
    return true;
}

static bool flow_control_lets_a_subscription_have_everything(struct bench *bench)
{
    enum { COUNT = 4000 };
    struct store store;
    struct ear ear = { 0 };
    jsSubOptions options;
    natsSubscription *sub = NULL;
    jsErrCode error = 0;
    char body[2048] = "";

    EXPECT(store_begin(bench, &store));
    for (int i = 0; i < COUNT; i++) {
        snprintf(body, sizeof body, "%d", i);
        EXPECT_OK(js_PublishAsync(store.js, "s.a", body, sizeof body, NULL));
    }
    EXPECT_OK(js_PublishAsyncComplete(store.js, NULL));
    jsSubOptions_Init(&options);
    options.Config.FlowControl = true;
    options.Config.Heartbeat = MS(500);
    options.Config.AckPolicy = js_AckNone;
    EXPECT_OK(js_Subscribe(&sub, store.js, "s.a", on_number, &ear, NULL, &options, &error));
    EXPECT(ear_hears(&ear, COUNT));
    natsSubscription_Destroy(sub);
    jsCtx_Destroy(store.js);
    return true;
}

static bool value_is(kvStore *bucket, const char *key, const char *text, uint64_t revision)
{
    kvEntry *entry = NULL;

    EXPECT_OK(kvStore_Get(&entry, bucket, key));
    EXPECT(strcmp(kvEntry_ValueString(entry), text) == 0 && kvEntry_Revision(entry) == revision);
    kvEntry_Destroy(entry);
    return true;
}

static bool bucket_add(struct store *store, kvStore **ret_bucket)
{
    kvConfig config;

    kvConfig_Init(&config);
    config.Bucket = "B";
    config.History = 5;
    EXPECT_OK(js_CreateKeyValue(ret_bucket, store->js, &config));
    return true;
}

static bool a_bucket_gives_what_was_put(struct bench *bench)
{
    struct store store;
    kvStore *bucket = NULL;
    kvEntry *entry = NULL;
    uint64_t revision = 0;

    EXPECT(store_open(bench, &store) && bucket_add(&store, &bucket));
    EXPECT_OK(kvStore_PutString(&revision, bucket, "a", "one"));
    EXPECT_OK(kvStore_CreateString(&revision, bucket, "b", "two"));
    EXPECT(kvStore_CreateString(&revision, bucket, "b", "three") != NATS_OK);
    EXPECT_OK(kvStore_UpdateString(&revision, bucket, "b", "three", 2));
    EXPECT(kvStore_UpdateString(&revision, bucket, "b", "four", 2) != NATS_OK);
    EXPECT(value_is(bucket, "a", "one", 1) && value_is(bucket, "b", "three", 3));
    EXPECT_OK(kvStore_GetRevision(&entry, bucket, "b", 2));
    EXPECT(strcmp(kvEntry_ValueString(entry), "two") == 0);
    kvEntry_Destroy(entry);
    EXPECT_OK(kvStore_Delete(bucket, "a"));
    EXPECT(kvStore_Get(&entry, bucket, "a") == NATS_NOT_FOUND);
    EXPECT_OK(kvStore_Purge(bucket, "b", NULL));
    EXPECT(kvStore_Get(&entry, bucket, "b") == NATS_NOT_FOUND);
    EXPECT(kvStore_Get(&entry, bucket, "nothing") == NATS_NOT_FOUND);
    kvStore_Destroy(bucket);
    EXPECT_OK(js_DeleteKeyValue(store.js, "B"));
    jsCtx_Destroy(store.js);
    return true;
}

static bool a_bucket_tells_its_keys_and_its_history(struct bench *bench)
{
    struct store store;
    kvStore *bucket = NULL;
    kvKeysList keys;
    kvEntryList history;
    kvStatus *status = NULL;

    EXPECT(store_open(bench, &store) && bucket_add(&store, &bucket));
    for (int i = 0; i < 40; i++) {
        char key[16];
        snprintf(key, sizeof key, "k.%d", i % 4);
        EXPECT_OK(kvStore_PutString(NULL, bucket, key, "x"));
    }
    EXPECT_OK(kvStore_Delete(bucket, "k.3"));
    EXPECT_OK(kvStore_Keys(&keys, bucket, NULL));
    EXPECT(keys.Count == 3);
    kvKeysList_Destroy(&keys);
    EXPECT_OK(kvStore_History(&history, bucket, "k.3", NULL));
    EXPECT(history.Count == 5 && kvEntry_Operation(history.Entries[4]) == kvOp_Delete);
    kvEntryList_Destroy(&history);
    EXPECT_OK(kvStore_Status(&status, bucket));
    EXPECT(kvStatus_Values(status) == 20 && kvStatus_History(status) == 5);
    kvStatus_Destroy(status);
    kvStore_Destroy(bucket);
    jsCtx_Destroy(store.js);
    return true;
}

static bool next_entry_is(kvWatcher *watcher, const char *key, kvOperation operation, uint64_t revision)
{
    kvEntry *entry = NULL;

    EXPECT_OK(kvWatcher_Next(&entry, watcher, WAIT_MS));
    EXPECT(entry && strcmp(kvEntry_Key(entry), key) == 0);
    EXPECT(kvEntry_Operation(entry) == operation && kvEntry_Revision(entry) == revision);
    kvEntry_Destroy(entry);
    return true;
}

static bool a_watch_sees_what_is_and_what_changes(struct bench *bench)
{
    struct store store;
    kvStore *bucket = NULL;
    kvWatcher *watcher = NULL;
    kvEntry *entry = NULL;

    EXPECT(store_open(bench, &store) && bucket_add(&store, &bucket));
    EXPECT_OK(kvStore_PutString(NULL, bucket, "a", "one"));
    EXPECT_OK(kvStore_PutString(NULL, bucket, "a", "two"));
    EXPECT_OK(kvStore_WatchAll(&watcher, bucket, NULL));
    EXPECT(next_entry_is(watcher, "a", kvOp_Put, 2));
    EXPECT_OK(kvWatcher_Next(&entry, watcher, WAIT_MS)); /* none: that was all there is */
    EXPECT(!entry);
    EXPECT_OK(kvStore_PutString(NULL, bucket, "b", "three"));
    EXPECT_OK(kvStore_Delete(bucket, "a"));
    EXPECT(next_entry_is(watcher, "b", kvOp_Put, 3) && next_entry_is(watcher, "a", kvOp_Delete, 4));
    kvWatcher_Destroy(watcher);
    kvStore_Destroy(bucket);
    jsCtx_Destroy(store.js);
    return true;
}

enum { ROUNDS = 3, EACH = 200, SURVIVORS = ROUNDS * EACH };

/* Fetches and acknowledges until all of the first count messages have been seen; what was on its way in a crash may
 * come again, and behind others. */
static bool fetch_until_seen(natsSubscription *sub, bool *seen, int count)
{
    int left = 0;

    for (int i = 0; i < count; i++)
        left += !seen[i];
    while (left) {
        natsMsg *msg = fetch_one(sub);
        EXPECT(msg);
        int number = atoi(natsMsg_GetData(msg));
        EXPECT(number >= 0 && number < SURVIVORS);
        left -= number < count && !seen[number];
        seen[number] = true;
        EXPECT_OK(natsMsg_Ack(msg, NULL));
        natsMsg_Destroy(msg);
    }
    return true;
}

static bool a_pull_subscription_goes_on_over_kills(struct bench *bench)
{
    struct store store;
    jsSubOptions options;
    natsSubscription *sub = NULL;
    jsErrCode error = 0;
    bool seen[SURVIVORS] = { false };

    EXPECT(store_begin(bench, &store));
    jsSubOptions_Init(&options);
    options.Config.AckWait = MS(1000);
    EXPECT_OK(js_PullSubscribe(&sub, store.js, "s.a", "worker", NULL, &options, &error));
    for (int round = 0; round < ROUNDS; round++) {
        EXPECT(publish_numbers(&store, "s.a", EACH * round, EACH));
        EXPECT(fetch_until_seen(sub, seen, EACH * round + EACH / 2));
        EXPECT(bench_ask(bench, "crash"));
        EXPECT(fetch_until_seen(sub, seen, EACH * round + EACH));
    }
    EXPECT(state_is(&store, SURVIVORS, 1, SURVIVORS));
    natsSubscription_Destroy(sub);
    jsCtx_Destroy(store.js);
    return true;
}

static bool an_ordered_subscription_goes_on_over_kills(struct bench *bench)
{
    struct store store;
    struct ear ear = { 0 };
    natsSubscription *sub = NULL;

    EXPECT(store_begin(bench, &store));
    EXPECT(subscribe_ordered(&store, &ear, &sub));
    for (int round = 0; round < 3; round++) {
        EXPECT(publish_numbers(&store, "s.a", 500 * round, 500));
        EXPECT(bench_ask(bench, "crash"));
    }
    EXPECT(publish_numbers(&store, "s.b", 1500, 100));
    EXPECT(ear_hears(&ear, 1600));
    natsSubscription_Destroy(sub);
    jsCtx_Destroy(store.js);
    return true;
}

const struct bench_test bench_tests[] = {
    { "a_publish_is_acknowledged", a_publish_is_acknowledged },
    { "an_expectation_holds_or_refuses", an_expectation_holds_or_refuses },
    { "thousands_in_flight_are_acknowledged_in_order", thousands_in_flight_are_acknowledged_in_order },
    { "streams_are_managed", streams_are_managed },
    { "a_pull_subscription_fetches", a_pull_subscription_fetches },
    { "every_acknowledgement_does_what_it_says", every_acknowledgement_does_what_it_says },
    { "a_push_subscription_gets_everything", a_push_subscription_gets_everything },
    { "a_push_group_shares_its_messages", a_push_group_shares_its_messages },
    { "an_ordered_subscription_gets_everything_once", an_ordered_subscription_gets_everything_once },
    { "flow_control_lets_a_subscription_have_everything", flow_control_lets_a_subscription_have_everything },
    { "a_bucket_gives_what_was_put", a_bucket_gives_what_was_put },
    { "a_bucket_tells_its_keys_and_its_history", a_bucket_tells_its_keys_and_its_history },
    { "a_watch_sees_what_is_and_what_changes", a_watch_sees_what_is_and_what_changes },
    { "a_pull_subscription_goes_on_over_kills", a_pull_subscription_goes_on_over_kills },
    { "an_ordered_subscription_goes_on_over_kills", an_ordered_subscription_goes_on_over_kills },
    { NULL, NULL },
};
