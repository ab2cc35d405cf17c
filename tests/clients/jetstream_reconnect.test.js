"use strict";
/*
 * The daemon is killed in the middle, and started again on the same directory and port: what was acknowledged is there,
 * and clients that stay go on by themselves.
 */
const assert = require("node:assert/strict");

const { streams, publishAll, numbers, take, fetchAll, texts, MS } = require("./support/jetstream");
const { statusOf, until } = require("./support/suite");

const ENDS = { "a kill": (daemon) => daemon.crash(), "a stop": (daemon) => daemon.restart() };

/* Ends the daemon and starts it again; afterwards the client is connected anew. */
async function over({ daemon, client }, end = ENDS["a kill"]) {
    const back = statusOf(client, "reconnect");
    await end(daemon);
    await back;
}
const KILLS = 3;

/* A daemon of the test's own, and a client on it. */
async function ownDaemon({ start, open }) {
    const daemon = await start({ durable: true });
    return { daemon, ...await open({ daemon }) };
}

/* Publishes until it is acknowledged, under an id, so that it is kept once however often it is sent. */
async function publishSurely(js, topic, text) {
    for (;;) {
        try {
            return await js.publish(topic, text, { msgID: `${topic}-${text}`, timeout: 1000 });
        } catch (error) {
            if (/closed/i.test(error.name)) throw error;
        }
    }
}

/* Publishes so many messages, some at a time, and kills the daemon now and then. */
async function publishOverKills({ js, daemon }, topic, count) {
    const step = Math.ceil(count / (KILLS + 1));
    for (let first = 0; first < count; first += step) {
        const own = numbers(Math.min(step, count - first), first);
        const sending = (async () => { for (const text of own) await publishSurely(js, topic, text); })();
        if (first + step < count) {
            await until(async () => true, "begun");
            await daemon.crash();
        }
        await sending;
    }
}

/* Everything of a stream, by reading it message by message. */
async function keptOf(jsm, name) {
    const { state } = await jsm.streams.info(name);
    const found = [];
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) found.push((await jsm.streams.getMessage(name, { seq })).string());
    return found;
}

streams("what is kept", (test) => {
    for (const [word, end] of Object.entries(ENDS)) {
        test.posthornd(`is there after ${word}: messages, sequences, settings`, async (given) => {
            const own = await ownDaemon(given), { js, jsm } = own;
            const config = { name: "S", subjects: ["s.>"], max_msgs_per_subject: 50, description: "a few words", allow_direct: true };
            await jsm.streams.add(config);
            await jsm.streams.add({ name: "T", subjects: ["t"], storage: "memory" });
            for (const k of numbers(10)) await publishAll(js, `s.${k}`, numbers(60));
            await js.publish("t", "x");
            await jsm.streams.deleteMessage("S", 600);
            const before = await jsm.streams.info("S", { subjects_filter: ">" });
            await over(own, end);
            const after = await jsm.streams.info("S", { subjects_filter: ">" });
            assert.deepEqual(after.config, before.config);
            assert.deepEqual(after.state, before.state);
            assert.deepEqual([after.state.messages, after.state.last_seq, after.created], [499, 600, before.created]);
            assert.equal((await jsm.streams.getMessage("S", { seq: 599 })).string(), "58");
            assert.equal(await jsm.streams.getMessage("S", { seq: 600 }), null);
            assert.equal((await js.publish("s.new", "x")).seq, 601);
            assert.deepEqual([(await jsm.streams.info("T")).state.messages, (await jsm.streams.info("T")).config.storage], [0, "memory"]);
        });

        test.posthornd(`is there after ${word}: what a consumer was given and has acknowledged`, async (given) => {
            const own = await ownDaemon(given), { js, jsm } = own;
            await jsm.streams.add({ name: "S", subjects: ["s"] });
            const made = await jsm.consumers.add("S", { durable_name: "c", ack_policy: "explicit", ack_wait: 2000 * MS, max_ack_pending: 9 });
            await publishAll(js, "s", numbers(10));
            const consumer = await js.consumers.get("S", "c");
            const messages = await fetchAll(consumer, { max_messages: 6, expires: 5000 });
            for (const i of [0, 1, 3]) assert.equal(await messages[i].ackAck(), true);
            await over(own, end);
            const info = await jsm.consumers.info("S", "c");
            assert.deepEqual(info.config, made.config);
            assert.equal(info.ack_floor.stream_seq, 2);
            const seen = new Map();
            const again = await js.consumers.get("S", "c");
            while (seen.size < 7) {
                const message = await again.next({ expires: 10_000 });
                assert.ok(message, `only ${[...seen.keys()]} came`);
                seen.set(message.string(), message);
                await message.ackAck();
            }
            assert.deepEqual([...seen.keys()].sort(), ["2", "4", "5", "6", "7", "8", "9"]);
            assert.equal((await jsm.consumers.info("S", "c")).ack_floor.stream_seq, 10);
        });

        test(`is there after ${word}: the ids of messages`, async (given) => {
            const own = await ownDaemon(given), { js, jsm } = own;
            await jsm.streams.add({ name: "S", subjects: ["s"] });
            for (const id of numbers(100)) await js.publish("s", id, { msgID: id });
            await over(own, end);
            for (const id of numbers(100)) {
                const { seq, duplicate } = await js.publish("s", id, { msgID: id });
                assert.deepEqual([seq, duplicate], [Number(id) + 1, true]);
            }
            assert.equal((await js.publish("s", "x", { msgID: "x", expect: { lastMsgID: "99" } })).seq, 101);
            assert.equal((await jsm.streams.info("S")).state.messages, 101);
        });
    }

    test("does not come back when it was deleted: streams and consumers", async (given) => {
        const own = await ownDaemon(given), { js, jsm } = own;
        for (const name of ["A", "B"]) await jsm.streams.add({ name, subjects: [name] });
        for (const durable_name of ["c", "d"]) await jsm.consumers.add("B", { durable_name, ack_policy: "explicit" });
        await publishAll(js, "A", numbers(10));
        await publishAll(js, "B", numbers(10));
        await jsm.streams.delete("A");
        await jsm.consumers.delete("B", "c");
        await jsm.streams.purge("B", { seq: 6 });
        await over(own);
        assert.deepEqual(await jsm.streams.names().next(), ["B"]);
        assert.deepEqual((await jsm.consumers.list("B").next()).map((info) => info.name), ["d"]);
        assert.deepEqual(await keptOf(jsm, "B"), numbers(5, 5));
        const again = await jsm.streams.add({ name: "A", subjects: ["A"] });
        assert.deepEqual([again.state.messages, again.state.last_seq], [0, 0]);
    });

    test("is all that was acknowledged, and once, when a publisher tries again over kills", async (given) => {
        const own = await ownDaemon(given);
        await own.jsm.streams.add({ name: "S", subjects: ["s"] });
        await publishOverKills(own, "s", 800);
        assert.deepEqual(await keptOf(own.jsm, "S"), numbers(800));
    });
});

streams("over kills of the daemon", (test) => {
    const COUNT = 600;

    async function ownStream(given) {
        const own = await ownDaemon(given);
        await own.jsm.streams.add({ name: "S", subjects: ["s"] });
        return { ...own, reader: await given.open({ daemon: own.daemon }) };
    }

    /* Each message for the first time comes in its place; what comes again was there before. */
    function assertOrderOfFirst(messages) {
        const first = [...new Set(messages.map((message) => message.seq))];
        assert.deepEqual(first, numbers(COUNT, 1).map(Number));
        for (const message of messages) assert.equal(message.string(), String(message.seq - 1));
    }

    test("a durable consumer that is pulled goes on", async (given) => {
        const own = await ownStream(given);
        await own.jsm.consumers.add("S", { durable_name: "c", ack_policy: "explicit", ack_wait: 1000 * MS });
        const consumer = await own.reader.js.consumers.get("S", "c");
        const messages = [];
        await consumer.consume({ max_messages: 20, idle_heartbeat: 500, expires: 5000, callback: (message) => { messages.push(message); message.ack(); } });
        await publishOverKills(own, "s", COUNT);
        await until(() => new Set(messages.map((message) => message.seq)).size === COUNT, "all have come");
        assertOrderOfFirst(messages);
        await until(async () => (await consumer.info()).ack_floor.stream_seq === COUNT, "all are acknowledged");
    });

    test("a durable consumer that pushes goes on", async (given) => {
        const own = await ownStream(given);
        await own.jsm.consumers.add("S", { durable_name: "c", ack_policy: "explicit", ack_wait: 1000 * MS, deliver_subject: "to.me" });
        const consumer = await own.reader.js.consumers.getPushConsumer("S", "c");
        const messages = [];
        await consumer.consume({ callback: (message) => { messages.push(message); message.ack(); } });
        await publishOverKills(own, "s", COUNT);
        await until(() => new Set(messages.map((message) => message.seq)).size === COUNT, "all have come");
        assertOrderOfFirst(messages);
        await until(async () => (await consumer.info()).ack_floor.stream_seq === COUNT, "all are acknowledged");
    });

    test("an ordered consumer that is pulled goes on, and gives each once and in order", async (given) => {
        const own = await ownStream(given);
        const consumer = await own.reader.js.consumers.get("S");
        const messages = [];
        await consumer.consume({ max_messages: 20, idle_heartbeat: 500, expires: 5000, callback: (message) => messages.push(message) });
        await publishOverKills(own, "s", COUNT);
        await until(() => messages.length >= COUNT, "all have come");
        assert.deepEqual(texts(messages), numbers(COUNT));
    });

    test("an ordered consumer that pushes goes on at once, and gives each once and in order", async (given) => {
        const own = await ownStream(given);
        const consumer = await own.reader.js.consumers.getPushConsumer("S");
        const messages = [];
        await consumer.consume({ callback: (message) => messages.push(message) });
        await publishOverKills(own, "s", COUNT);
        await until(() => messages.length >= COUNT, "all have come");
        assert.deepEqual(texts(messages), numbers(COUNT));
    });

    test("a push group goes on", async (given) => {
        const own = await ownStream(given);
        await own.jsm.consumers.add("S", { durable_name: "c", ack_policy: "explicit", ack_wait: 1000 * MS, deliver_subject: "to.us", deliver_group: "g" });
        const members = [own.reader, await given.open({ daemon: own.daemon })];
        const messages = members.map(() => []);
        for (const [k, member] of members.entries()) {
            const consumer = await member.js.consumers.getPushConsumer("S", "c");
            await consumer.consume({ callback: (message) => { messages[k].push(message); message.ack(); } });
        }
        await publishOverKills(own, "s", COUNT);
        await until(() => new Set(messages.flat().map((message) => message.seq)).size === COUNT, "all have come");
        for (const taken of messages) assert.ok(taken.length > 50, `shares of ${messages.map((one) => one.length)}`);
        await until(async () => (await own.jsm.consumers.info("S", "c")).ack_floor.stream_seq === COUNT, "all are acknowledged");
    });

    test.posthornd("a work queue gives each job until it is done, and then not again", async (given) => {
        const own = await ownDaemon(given), { js, jsm } = own;
        await jsm.streams.add({ name: "W", subjects: ["w"], retention: "workqueue" });
        await jsm.consumers.add("W", { durable_name: "c", ack_policy: "explicit", ack_wait: 1000 * MS });
        await publishAll(js, "w", numbers(30));
        const done = [];
        while (done.length < 30) {
            const consumer = await js.consumers.get("W", "c");
            const jobs = await take(await consumer.fetch({ max_messages: 10, expires: 3000 }), 10);
            for (const job of jobs.slice(0, 5)) {
                assert.equal(await job.ackAck(), true);
                done.push(job.string());
            }
            await over(own);
        }
        assert.deepEqual(done.sort((a, b) => a - b), numbers(30), "each is done once");
        assert.equal((await jsm.streams.info("W")).state.messages, 0);
    });
});
