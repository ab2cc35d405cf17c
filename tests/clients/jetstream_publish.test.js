"use strict";
/* Publishing with acknowledgement, as @nats-io/jetstream does it: sequences, duplicates, expectations, refusals. */
const assert = require("node:assert/strict");

const { IS_ORACLE } = require("./support/daemon");
const { streams, publishAll, numbers, errorOf, ask, nats, MS } = require("./support/jetstream");
const { listen, settle, until } = require("./support/suite");

/* Numbers of errors. */
const WRONG_LAST_SEQUENCE = 10071, WRONG_LAST_ID = 10070, WRONG_STREAM = 10060;
const TOO_LARGE = 10054, NO_ROOM = 10077, NO_ROLLUP = 10111;

streams("publish with acknowledgement", (test) => {
    test("is announced, and with it the version of what is served", async ({ client }) => {
        assert.equal(client.info.jetstream, true);
        assert.match(client.info.version, IS_ORACLE ? /^2\./ : /^2\.10\./);
    });

    test("names the stream and the sequence", async ({ js, stream, topic }) => {
        const name = await stream();
        for (const seq of [1, 2, 3])
            assert.deepEqual(await js.publish(`${topic}.a`, "x"), { stream: name, seq, duplicate: false });
    });

    test("is an error where no stream keeps the topic", async ({ js, stream, topic }) => {
        await stream();
        assert.equal(await errorOf(js.publish(`${topic}`, "x")), "JetStreamNotEnabled");
        assert.equal(await errorOf(js.publish(`not.${topic}.a`, "x")), "JetStreamNotEnabled");
    });

    test("counts without a hole where thousands are in flight, in the order of the publisher", async ({ js, jsm, stream, topic }) => {
        const name = await stream();
        const count = 10_000;
        assert.deepEqual(await publishAll(js, `${topic}.a`, numbers(count)), numbers(count, 1).map(Number));
        const { state } = await jsm.streams.info(name);
        assert.deepEqual([state.messages, state.first_seq, state.last_seq], [count, 1, count]);
        for (const seq of [1, 2, count / 2, count])
            assert.equal((await jsm.streams.getMessage(name, { seq })).string(), String(seq - 1));
    });

    test("gives each of many publishers sequences of its own", async ({ jsm, open, stream, topic }) => {
        const name = await stream();
        const publishers = await Promise.all(numbers(4).map(() => open()));
        const count = 500;
        const seqs = await Promise.all(publishers.map(({ js }, k) => publishAll(js, `${topic}.${k}`, numbers(count))));
        for (const own of seqs) assert.deepEqual(own, [...own].sort((a, b) => a - b));
        assert.deepEqual(seqs.flat().sort((a, b) => a - b), numbers(4 * count, 1).map(Number));
        for (const k of [0, 3]) {
            const message = await jsm.streams.getMessage(name, { seq: seqs[k][17] });
            assert.deepEqual([message.subject, message.string()], [`${topic}.${k}`, "17"]);
        }
    });

    test("keeps bytes and headers as they were sent", async ({ js, jsm, stream, topic }) => {
        const name = await stream();
        const sizes = [0, 1, 255, 4096, 65_535, 65_536, 300_000, 1024 * 1024 - 200];
        const bodyOf = (size) => Buffer.alloc(size).map((_, i) => (i * 31 + (i >> 8)) & 255);
        for (const size of sizes) {
            const headers = nats.headers();
            headers.append("Trace-Id", String(size));
            headers.append("accept", "a");
            headers.append("accept", "b: c");
            const { seq } = await js.publish(`${topic}.bytes`, bodyOf(size), { headers });
            const message = await jsm.streams.getMessage(name, { seq });
            assert.ok(bodyOf(size).equals(message.data), `${size} bytes`);
            assert.deepEqual([...message.header.keys()], ["Trace-Id", "accept"]);
            assert.deepEqual(message.header.values("accept"), ["a", "b: c"]);
        }
    });

    test("is live as well: whoever is subscribed hears the message once", async ({ client, js, open, stream, topic }) => {
        await stream();
        const other = await open();
        const ears = [listen(client, `${topic}.>`), listen(other.client, `${topic}.a`)];
        await settle(client, other.client);
        await publishAll(js, `${topic}.a`, numbers(100));
        await settle(client, other.client);
        for (const ear of ears) assert.deepEqual(ear.texts(), numbers(100));
    });

    test("keeps what is published without a wish for an acknowledgement too", async ({ client, jsm, stream, topic }) => {
        const name = await stream();
        for (const text of numbers(50)) client.publish(`${topic}.plain`, text);
        await client.flush();
        await until(async () => (await jsm.streams.info(name)).state.messages === 50, "all are kept");
        assert.equal((await jsm.streams.getMessage(name, { seq: 50 })).string(), "49");
    });
});

streams("duplicates", (test) => {
    test("are kept once, and told where the first is", async ({ js, jsm, stream, topic }) => {
        const name = await stream();
        const first = await js.publish(`${topic}.a`, "first", { msgID: "one" });
        await js.publish(`${topic}.a`, "other", { msgID: "two" });
        assert.deepEqual(await js.publish(`${topic}.b`, "again", { msgID: "one" }), { ...first, duplicate: true });
        const { state } = await jsm.streams.info(name);
        assert.equal(state.messages, 2);
        assert.equal((await js.publish(`${topic}.a`, "third", { msgID: "three" })).seq, 3);
    });

    test("are known for as long as the window says, and no longer", async ({ js, stream, topic }) => {
        const window_ms = 300;
        await stream({ duplicate_window: window_ms * MS });
        const before = Date.now();
        await js.publish(`${topic}.a`, "first", { msgID: "one" });
        const published = Date.now();
        let ack;
        await until(async () => {
            ack = await js.publish(`${topic}.a`, "again", { msgID: "one" });
            if (ack.duplicate) assert.ok(Date.now() - published < 20 * window_ms);
            return !ack.duplicate;
        }, "it is kept again");
        assert.ok(Date.now() - before >= window_ms - 5, "not before the window is over");
        assert.equal(ack.seq, 2);
    });

    test("of a thousand ids sent twice at once keep a thousand", async ({ js, jsm, open, stream, topic }) => {
        const name = await stream();
        const other = await open();
        const send = (js) => Promise.all(numbers(1000).map((id) => js.publish(`${topic}.a`, id, { msgID: id })));
        const acks = (await Promise.all([send(js), send(other.js)])).flat();
        assert.equal(acks.filter((ack) => ack.duplicate).length, 1000);
        assert.equal(new Set(acks.map((ack) => ack.seq)).size, 1000);
        assert.equal((await jsm.streams.info(name)).state.messages, 1000);
    });

    test("belong to their stream: another one knows nothing of its ids", async ({ js, jsm, stream, topic }) => {
        await stream();
        const other = `${topic}other`;
        await jsm.streams.add({ name: other, subjects: [`${other}.>`] });
        await js.publish(`${topic}.a`, "x", { msgID: "one" });
        assert.equal((await js.publish(`${other}.a`, "x", { msgID: "one" })).duplicate, false);
    });
});

streams("expectations", (test) => {
    test("of the stream's name hold or refuse", async ({ js, jsm, stream, topic }) => {
        const name = await stream();
        await js.publish(`${topic}.a`, "x", { expect: { streamName: name } });
        assert.equal(await errorOf(js.publish(`${topic}.a`, "x", { expect: { streamName: "other" } })), WRONG_STREAM);
        assert.equal((await jsm.streams.info(name)).state.messages, 1);
    });

    test("of the last sequence hold or refuse", async ({ js, stream, topic }) => {
        await stream();
        assert.equal((await js.publish(`${topic}.a`, "x", { expect: { lastSequence: 0 } })).seq, 1);
        assert.equal((await js.publish(`${topic}.b`, "x", { expect: { lastSequence: 1 } })).seq, 2);
        assert.equal(await errorOf(js.publish(`${topic}.b`, "x", { expect: { lastSequence: 1 } })), WRONG_LAST_SEQUENCE);
        assert.equal(await errorOf(js.publish(`${topic}.b`, "x", { expect: { lastSequence: 3 } })), WRONG_LAST_SEQUENCE);
        assert.equal((await js.publish(`${topic}.b`, "x", { expect: { lastSequence: 2 } })).seq, 3);
    });

    test("of the last message id hold or refuse", async ({ js, stream, topic }) => {
        await stream();
        await js.publish(`${topic}.a`, "x", { msgID: "one" });
        await js.publish(`${topic}.a`, "x", { msgID: "two", expect: { lastMsgID: "one" } });
        assert.equal(await errorOf(js.publish(`${topic}.a`, "x", { msgID: "three", expect: { lastMsgID: "one" } })), WRONG_LAST_ID);
        assert.equal((await js.publish(`${topic}.a`, "x", { msgID: "three", expect: { lastMsgID: "two" } })).seq, 3);
    });

    test("of the last sequence of the topic hold or refuse", async ({ js, stream, topic }) => {
        await stream();
        const publish = (leaf, lastSubjectSequence) => js.publish(`${topic}.${leaf}`, "x", { expect: { lastSubjectSequence } });
        assert.equal((await publish("a", 0)).seq, 1);
        assert.equal((await publish("b", 0)).seq, 2);
        assert.equal((await publish("a", 1)).seq, 3);
        assert.equal(await errorOf(publish("a", 1)), WRONG_LAST_SEQUENCE);
        assert.equal(await errorOf(publish("a", 0)), WRONG_LAST_SEQUENCE);
        assert.equal(await errorOf(publish("b", 3)), WRONG_LAST_SEQUENCE);
        assert.equal(await errorOf(publish("c", 1)), WRONG_LAST_SEQUENCE);
        assert.equal((await publish("b", 2)).seq, 4);
    });

    test("say in words what is the last one", async ({ client, stream, topic }) => {
        const name = await stream();
        const headers = nats.headers();
        headers.set("Nats-Expected-Last-Sequence", "7");
        const answer = (await client.request(`${topic}.a`, "x", { headers })).json();
        assert.deepEqual(answer, {
            error: { code: 400, err_code: WRONG_LAST_SEQUENCE, description: "wrong last sequence: 0" }, stream: name, seq: 0,
        });
    });

    test("let one of many win each round", async ({ open, stream, topic }) => {
        await stream();
        const writers = await Promise.all(numbers(5).map(() => open()));
        for (let round = 0; round < 20; round++) {
            const tries = await Promise.allSettled(writers.map(({ js }, k) =>
                js.publish(`${topic}.a`, String(k), { expect: { lastSubjectSequence: round } })));
            assert.deepEqual(tries.filter((one) => one.status === "fulfilled").map((one) => one.value.seq), [round + 1]);
        }
    });

    test("that do not hold leave no id behind: the message may come again", async ({ js, stream, topic }) => {
        await stream();
        await js.publish(`${topic}.a`, "x");
        const again = (lastSequence) => js.publish(`${topic}.a`, "y", { msgID: "one", expect: { lastSequence } });
        assert.equal(await errorOf(again(0)), WRONG_LAST_SEQUENCE);
        assert.deepEqual(await again(1).then(({ seq, duplicate }) => [seq, duplicate]), [2, false]);
    });
});

streams("refusals", (test) => {
    test("of a message that is larger than the stream allows", async ({ js, stream, topic }) => {
        await stream({ max_msg_size: 100 });
        assert.equal(await errorOf(js.publish(`${topic}.a`, new Uint8Array(101))), TOO_LARGE);
        assert.equal((await js.publish(`${topic}.a`, new Uint8Array(80))).seq, 1);
    });

    test("of new messages where there is no room and the old are to stay", async ({ js, jsm, stream, topic }) => {
        const name = await stream({ max_msgs: 3, discard: "new" });
        assert.deepEqual(await publishAll(js, `${topic}.a`, numbers(3)), [1, 2, 3]);
        assert.equal(await errorOf(js.publish(`${topic}.a`, "x")), NO_ROOM);
        await jsm.streams.deleteMessage(name, 2);
        assert.equal((await js.publish(`${topic}.a`, "x")).seq, 4);
        assert.equal(await errorOf(js.publish(`${topic}.a`, "x")), NO_ROOM);
    });

    test("of new messages of a topic where each has its bound", async ({ js, stream, topic }) => {
        await stream({ max_msgs_per_subject: 1, discard: "new", discard_new_per_subject: true });
        await js.publish(`${topic}.a`, "x");
        await js.publish(`${topic}.b`, "x");
        await errorOf(js.publish(`${topic}.a`, "x"));
        assert.equal((await js.publish(`${topic}.c`, "x")).seq, 3);
    });

    test("of messages for a stream that is sealed", async ({ js, jsm, stream, topic }) => {
        const name = await stream();
        await js.publish(`${topic}.a`, "x");
        const { config } = await jsm.streams.info(name);
        await jsm.streams.update(name, { ...config, sealed: true });
        await errorOf(js.publish(`${topic}.a`, "x"));
        assert.equal((await jsm.streams.info(name)).state.messages, 1);
    });
});

streams("rollup", (test) => {
    const rolling = (what) => {
        const headers = nats.headers();
        headers.set("Nats-Rollup", what);
        return { headers };
    };

    test("takes out what the topic, or the stream, had before", async ({ js, jsm, stream, topic }) => {
        const name = await stream({ allow_rollup_hdrs: true });
        const subjects = async () => (await jsm.streams.info(name, { subjects_filter: ">" })).state.subjects;
        for (const leaf of ["a", "a", "b", "b", "c"]) await js.publish(`${topic}.${leaf}`, leaf);
        await js.publish(`${topic}.a`, "sum", rolling("sub"));
        assert.deepEqual(await subjects(), { [`${topic}.a`]: 1, [`${topic}.b`]: 2, [`${topic}.c`]: 1 });
        const { seq } = await js.publish(`${topic}.d`, "all", rolling("all"));
        assert.deepEqual(await subjects(), { [`${topic}.d`]: 1 });
        assert.equal(seq, 7);
        assert.equal((await jsm.streams.getMessage(name, { seq: 7 })).string(), "all");
    });

    test("is refused where the stream does not allow it", async ({ client, js, jsm, stream, topic }) => {
        const name = await stream({ allow_rollup_hdrs: false });
        await js.publish(`${topic}.a`, "x");
        assert.equal(await errorOf(js.publish(`${topic}.a`, "x", rolling("sub"))), NO_ROLLUP);
        assert.equal((await jsm.streams.info(name)).state.messages, 1);
        assert.equal((await ask(client, `STREAM.INFO.${name}`)).error, undefined);
    });
});
