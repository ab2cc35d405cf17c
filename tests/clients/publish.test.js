"use strict";
/* Publishing, subscribing, wildcards, groups, headers and order. */
const assert = require("node:assert/strict");

const { suite, listen, settle, until } = require("./support/suite");

suite("publish and subscribe", (test) => {
    test("a message reaches every subscription of its topic, once each", async ({ connect, topic }) => {
        const [publisher, first, second] = [await connect(), await connect(), await connect()];
        const ears = [listen(first, topic), listen(first, topic), listen(second, topic)];
        listen(second, `${topic}.other`);
        await settle(first, second);
        publisher.publish(topic, "hello");
        await settle(publisher, first, second);
        for (const ear of ears) assert.deepEqual(ear.texts(), ["hello"]);
    });

    test("topic, reply and bytes arrive as they were sent", async ({ connect, topic }) => {
        const client = await connect();
        const ear = listen(client, topic);
        const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
        client.publish(topic, bytes, { reply: `${topic}.answer` });
        client.publish(topic);
        client.publish(topic, "\r\nMSG a 1 0\r\n\r\n");
        await settle(client);
        const [binary, empty, tricky] = ear.messages;
        assert.equal(binary.subject, topic);
        assert.equal(binary.reply, `${topic}.answer`);
        assert.deepEqual(Uint8Array.from(binary.data), bytes);
        assert.equal(empty.data.length, 0);
        assert.ok(!empty.reply);
        assert.equal(tricky.string(), "\r\nMSG a 1 0\r\n\r\n");
    });

    test("a pattern gets what it matches and nothing else", async ({ connect, topic }) => {
        const sent = ["", ".a", ".b", ".a.b", ".a.c", ".b.b", ".a.b.c"];
        const cases = {
            "": [""],
            ".a": [".a"],
            ".*": [".a", ".b"],
            ".*.b": [".a.b", ".b.b"],
            ".a.*": [".a.b", ".a.c"],
            ".*.*": [".a.b", ".a.c", ".b.b"],
            ".>": [".a", ".b", ".a.b", ".a.c", ".b.b", ".a.b.c"],
            ".a.>": [".a.b", ".a.c", ".a.b.c"],
            ".*.*.>": [".a.b.c"],
        };
        const [publisher, subscriber] = [await connect(), await connect()];
        const ears = Object.keys(cases).map((pattern) => [pattern, listen(subscriber, topic + pattern)]);
        await settle(subscriber);
        for (const tail of sent) publisher.publish(topic + tail, tail);
        await settle(publisher, subscriber);
        for (const [pattern, ear] of ears) assert.deepEqual(ear.texts(), cases[pattern], `pattern ${topic}${pattern}`);
    });

    test("a group has each message taken by one member, and every member works", async ({ connect, topic }) => {
        const count = 1000;
        const publisher = await connect();
        const members = [], others = [];
        for (let i = 0; i < 4; i++) {
            const client = await connect();
            members.push(listen(client, `${topic}.job`, { queue: "workers" }));
            others.push(listen(client, `${topic}.*`, { queue: "auditors" }));
            await settle(client);
            members[i].client = client;
        }
        const plain = listen(publisher, `${topic}.job`);
        for (let i = 0; i < count; i++) publisher.publish(`${topic}.job`, String(i));
        await settle(publisher, ...members.map((member) => member.client));
        const all = Array.from({ length: count }, (_, i) => String(i));
        const taken = (ears) => ears.flatMap((ear) => ear.texts()).sort((a, b) => a - b);
        assert.deepEqual(taken(members), all);
        assert.deepEqual(taken(others), all, "a second group gets its own copy");
        assert.deepEqual(plain.texts(), all, "a plain subscription gets everything, in order");
        for (const member of members) assert.ok(member.messages.length > 0, "no member stands idle");
    });

    test("a subscription with a maximum ends by itself", async ({ connect, topic }) => {
        const client = await connect();
        const early = listen(client, topic, { max: 3 });
        const late = listen(client, topic);
        for (let i = 0; i < 5; i++) client.publish(topic, String(i));
        await settle(client);
        late.subscription.unsubscribe(7);
        for (let i = 5; i < 10; i++) client.publish(topic, String(i));
        await settle(client);
        assert.deepEqual(early.texts(), ["0", "1", "2"]);
        assert.deepEqual(late.texts(), ["0", "1", "2", "3", "4", "5", "6"]);
        assert.ok(early.subscription.isClosed() && late.subscription.isClosed());
    });

    test("nothing comes after unsubscribe", async ({ connect, topic }) => {
        const [publisher, subscriber] = [await connect(), await connect()];
        const [gone, kept] = [listen(subscriber, topic), listen(subscriber, topic)];
        publisher.publish(topic, "before");
        await settle(subscriber, publisher, subscriber);
        publisher.publish(topic, "between");
        gone.subscription.unsubscribe();
        await settle(publisher, subscriber);
        const seen = gone.messages.length;
        publisher.publish(topic, "after");
        await settle(publisher, subscriber);
        assert.equal(gone.messages.length, seen);
        assert.equal(kept.texts().at(-1), "after");
    });

    test("a client that wants no echo does not hear itself", async ({ connect, topic }) => {
        const [silent, other] = [await connect({ noEcho: true }), await connect()];
        const [own, foreign] = [listen(silent, topic), listen(other, topic)];
        await settle(silent, other);
        silent.publish(topic, "mine");
        await settle(silent, other);
        other.publish(topic, "yours");
        await settle(other, silent);
        assert.deepEqual(own.texts(), ["yours"]);
        assert.deepEqual(foreign.texts(), ["mine", "yours"]);
    });

    test("headers arrive with every value and the case they were sent in", async ({ connect, nats, topic }) => {
        const [publisher, subscriber] = [await connect(), await connect()];
        const ear = listen(subscriber, topic);
        await settle(subscriber);
        const sent = nats.headers();
        sent.append("Trace-Id", "4711");
        sent.append("accept", "a");
        sent.append("accept", "b: c");
        publisher.publish(topic, "with", { headers: sent });
        publisher.publish(topic, "", { headers: sent });
        publisher.publish(topic, "without");
        await settle(publisher, subscriber);
        assert.deepEqual(ear.texts(), ["with", "", "without"]);
        for (const { headers } of ear.messages.slice(0, 2)) {
            assert.deepEqual([...headers.keys()], ["Trace-Id", "accept"]);
            assert.deepEqual(headers.values("accept"), ["a", "b: c"]);
        }
        assert.equal(ear.messages[2].headers, undefined);
    });

    test("a subscriber sees each publisher's messages in their order", async ({ connect, topic }) => {
        const count = 10_000;
        const [subscriber, ...publishers] = [await connect(), await connect(), await connect(), await connect()];
        const ear = listen(subscriber, `${topic}.*`);
        await settle(subscriber);
        for (let i = 0; i < count; i++)
            publishers.forEach((publisher, k) => publisher.publish(`${topic}.${k}`, String(i)));
        await settle(...publishers, subscriber);
        const next = publishers.map(() => 0);
        for (const message of ear.messages) {
            const k = message.subject.at(-1);
            assert.equal(Number(message.string()), next[k]++);
        }
        assert.deepEqual(next, publishers.map(() => count));
    });
});

suite("much data", (test) => {
    /* Sizes from nothing to the largest allowed, most of them small; always the same, so that a failure comes back. */
    function mixedSizes(total) {
        const sizes = [1024 * 1024, 0, 1, 65_535, 65_536, 65_537];
        let seed = 12_345, sum = sizes.reduce((a, b) => a + b);
        while (sum < total) {
            seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
            const size = Math.floor(2 ** ((seed / 2 ** 31) * 17));
            sizes.push(size);
            sum += size;
        }
        return sizes;
    }

    /* Bytes that differ between messages and between places in a message. */
    function body(size, index) {
        const bytes = Buffer.allocUnsafe(size);
        for (let i = 0; i < size; i++) bytes[i] = (i * 31 + index * 7 + (i >> 8)) & 255;
        return bytes;
    }

    test("10 MB of mixed sizes come through byte for byte", async ({ connect, topic }) => {
        const bodies = mixedSizes(10 * 1024 * 1024).map(body);
        const [publisher, plain, wild, member] = [await connect(), await connect(), await connect(), await connect()];
        const ears = [listen(plain, topic), listen(wild, ">"), listen(member, topic, { queue: "one" })];
        await settle(plain, wild, member);
        for (const bytes of bodies) publisher.publish(topic, bytes);
        await settle(publisher, plain, wild, member);
        for (const { messages } of ears) {
            assert.equal(messages.length, bodies.length);
            messages.forEach((message, i) => assert.ok(bodies[i].equals(message.data), `message ${i} of ${bodies[i].length} bytes`));
        }
    });

    test("the largest payload passes and one byte more is refused", async ({ connect, start, topic }) => {
        const daemon = await start({ payloadMax: 5000 });
        const [publisher, subscriber] = [await connect({ daemon, reconnect: false }), await connect({ daemon })];
        const ear = listen(subscriber, topic);
        await settle(subscriber);
        assert.equal(publisher.info.max_payload, 5000);
        publisher.publish(topic, new Uint8Array(5000));
        await settle(publisher, subscriber);
        assert.deepEqual(ear.messages.map((message) => message.data.length), [5000]);
        assert.throws(() => publisher.publish(topic, new Uint8Array(5001)), "the client believes what the server says");
        publisher.info.max_payload = 10_000;
        publisher.publish(topic, new Uint8Array(5001));
        await until(() => publisher.isClosed(), "the server closes who sends too much");
        await settle(subscriber);
        assert.equal(ear.messages.length, 1);
    });
});
