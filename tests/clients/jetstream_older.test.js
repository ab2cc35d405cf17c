"use strict";
/* Streams, consumers and buckets by the older npm package, nats, which many programs still use: its own ways to subscribe. */
const assert = require("node:assert/strict");
const { it } = require("node:test");

const { DEADLINE_MS } = require("./support/daemon");
const { numbers, publishAll, texts } = require("./support/jetstream");
const { requirePackage, runTest, statusOf, until, withDaemon } = require("./support/suite");

const nats = requirePackage("nats");

let stream_count = 0;

withDaemon("streams, by nats", { durable: true }, (daemonOf) => {
    const test = (sentence, body) => it(sentence, { timeout: 3 * DEADLINE_MS }, (t) => runTest(nats, daemonOf(), t, (given) => run(given, body)));

    test("publishing is acknowledged, and duplicates are told", async ({ js, topic }) => {
        assert.deepEqual(await publishAll(js, `${topic}.a`, numbers(1000)), numbers(1000, 1).map(Number));
        for (const duplicate of [false, true])
            assert.equal((await js.publish(`${topic}.a`, "x", { msgID: "one" })).duplicate, duplicate);
        await assert.rejects(js.publish(`${topic}.a`, "x", { expect: { lastSequence: 5 } }), /wrong last sequence: 1001/);
    });

    test("a pull subscription gets what it pulls", async ({ js, topic }) => {
        await publishAll(js, `${topic}.a`, numbers(100));
        const options = nats.consumerOpts().durable("worker").ackExplicit().manualAck();
        const subscription = await js.pullSubscribe(`${topic}.a`, options);
        subscription.pull({ batch: 60, expires: 5000 });
        const messages = [];
        for await (const message of subscription) {
            messages.push(message);
            message.ack();
            if (messages.length === 60) subscription.pull({ batch: 40, expires: 5000 });
            if (messages.length === 100) break;
        }
        assert.deepEqual(texts(messages), numbers(100));
    });

    test("a push subscription is made, delivers, and goes with its subscriber", async ({ js, jsm, name, topic }) => {
        await publishAll(js, `${topic}.a`, numbers(50));
        const options = nats.consumerOpts().deliverTo(nats.createInbox()).ackExplicit().manualAck();
        const subscription = await js.subscribe(`${topic}.>`, options);
        const messages = [];
        for await (const message of subscription) {
            messages.push(message);
            await message.ackAck();
            if (messages.length === 50) break;
        }
        assert.deepEqual(texts(messages), numbers(50));
        await subscription.destroy();
        assert.deepEqual(await jsm.consumers.list(name).next(), []);
    });

    test("a durable push group shares", async ({ connect, js, topic }) => {
        const options = () => nats.consumerOpts().durable("group").deliverTo(`to.${topic}`).deliverGroup("group").ackExplicit().manualAck();
        const taken = [[], []];
        for (const own of taken) {
            const client = await connect();
            await client.jetstream().subscribe(`${topic}.a`, options().callback((error, message) => { own.push(message.string()); message.ack(); }));
            await client.flush();
        }
        await publishAll(js, `${topic}.a`, numbers(400));
        await until(() => taken.flat().length === 400, "all have come");
        assert.deepEqual(taken.flat().sort((a, b) => a - b), numbers(400));
        for (const own of taken) assert.ok(own.length > 50, `shares of ${taken.map((one) => one.length)}`);
    });

    test("an ordered push subscription gets everything once", async ({ js, topic }) => {
        await publishAll(js, `${topic}.a`, numbers(2000));
        const messages = [];
        await js.subscribe(`${topic}.>`, nats.consumerOpts().orderedConsumer().callback((error, message) => messages.push(message)));
        await publishAll(js, `${topic}.b`, numbers(500, 2000));
        await until(() => messages.length === 2500, "all have come");
        assert.deepEqual(texts(messages), numbers(2500));
    });

    test("a consumer fetches, and consumes", async ({ js, jsm, name, topic }) => {
        await publishAll(js, `${topic}.a`, numbers(300));
        await jsm.consumers.add(name, { durable_name: "c", ack_policy: "explicit" });
        const consumer = await js.consumers.get(name, "c");
        const messages = [];
        for await (const message of await consumer.fetch({ max_messages: 100, expires: 5000 })) { messages.push(message); message.ack(); }
        const more = await consumer.consume({ max_messages: 50 });
        for await (const message of more) {
            messages.push(message);
            message.ack();
            if (messages.length === 300) break;
        }
        assert.deepEqual(texts(messages), numbers(300));
    });

    test("a bucket is written, watched and read", async ({ js, topic }) => {
        const kv = await js.views.kv(topic, { history: 5 });
        const watch = await kv.watch();
        const seen = [];
        (async () => { for await (const { key, operation, revision } of watch) seen.push([key, operation, revision]); })();
        await kv.put("a", nats.StringCodec().encode("one"));
        await kv.create("b", nats.StringCodec().encode("two"));
        await assert.rejects(kv.create("b", nats.StringCodec().encode("three")));
        await kv.update("b", nats.StringCodec().encode("three"), 2);
        await kv.delete("a");
        await until(() => seen.length === 4, "the watch has seen all");
        assert.deepEqual(seen, [["a", "PUT", 1], ["b", "PUT", 2], ["b", "PUT", 3], ["a", "DEL", 4]]);
        assert.equal((await kv.get("b")).string(), "three");
        const keys = [];
        for await (const key of await kv.keys()) keys.push(key);
        assert.deepEqual(keys, ["b"]);
    });

    test("an object store keeps some MB", async ({ js, topic }) => {
        const store = await js.views.os(topic);
        const bytes = Buffer.alloc(3_000_000).map((_, i) => i * 7 + (i >> 8));
        await store.putBlob({ name: "a" }, bytes);
        assert.ok(bytes.equals(await store.getBlob("a")));
    });

    test("a durable push subscription goes on over kills", async ({ start, connect }) => {
        const daemon = await start({ durable: true });
        const client = await connect({ daemon, reconnectTimeWait: 20, reconnectJitter: 20, maxReconnectAttempts: -1 });
        const [js, jsm] = [client.jetstream(), await client.jetstreamManager()];
        await jsm.streams.add({ name: "S", subjects: ["s"] });
        const seen = new Set();
        const options = nats.consumerOpts().durable("c").deliverTo("to.me").ackExplicit().ackWait(1000).manualAck();
        await js.subscribe("s", options.callback((error, message) => { seen.add(message.string()); message.ack(); }));
        for (let round = 0; round < 3; round++) {
            await publishAll(js, "s", numbers(100, 100 * round));
            const back = statusOf(client, "reconnect");
            await daemon.crash();
            await back;
        }
        await publishAll(js, "s", numbers(100, 300));
        await until(() => seen.size === 400, "all have come");
        await until(async () => (await jsm.consumers.info("S", "c")).ack_floor.stream_seq === 400, "all are acknowledged");
    });
});

async function run(given, body) {
    const client = await given.connect();
    const jsm = await client.jetstreamManager();
    const name = `OLD${++stream_count}`;
    await jsm.streams.add({ name, subjects: [`${given.topic}.>`] });
    await body({ ...given, client, jsm, js: client.jetstream(), name });
}
