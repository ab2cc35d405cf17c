"use strict";
/* Push consumers as @nats-io/jetstream uses them: delivery by subscription, groups, flow control, heartbeats, order. */
const assert = require("node:assert/strict");

const { streams, publishAll, numbers, take, enough, texts, errorOf, ask, nats, MS } = require("./support/jetstream");
const { listen, settle, until } = require("./support/suite");

let inbox_count = 0;

/* A stream with this many messages on `${topic}.a`, and a durable consumer that pushes to a topic of its own. */
async function pusher({ js, jsm, stream, topic }, count = 0, config = {}) {
    const name = await stream();
    await publishAll(js, `${topic}.a`, numbers(count));
    const deliver_subject = `push.${topic}.${++inbox_count}`;
    await jsm.consumers.add(name, { durable_name: "push", ack_policy: "explicit", deliver_subject, ...config });
    return { name, deliver_subject, consumer: await js.consumers.getPushConsumer(name, "push") };
}

/* Consumes by a callback; messages fill up as they come. */
async function hear(consumer, answer = (message) => message.ack()) {
    const messages = [];
    const consuming = await consumer.consume({ callback: (message) => { messages.push(message); answer(message); } });
    return { messages, consuming };
}

const heard = (ear, count) => until(() => ear.messages.length >= count, `${count} messages are heard`);
const isDone = (consumer, floor) => async () => {
    const { ack_floor, num_ack_pending } = await consumer.info();
    return ack_floor.stream_seq === floor && num_ack_pending === 0;
};

streams("push", (test) => {
    test("delivers what is there and what comes, in order, and moves by acknowledgement", async (given) => {
        const { consumer } = await pusher(given, 500);
        const ear = await hear(consumer);
        await heard(ear, 500);
        await publishAll(given.js, `${given.topic}.a`, numbers(500, 500));
        await heard(ear, 1000);
        assert.deepEqual(texts(ear.messages), numbers(1000));
        assert.deepEqual(ear.messages.map((message) => message.info.deliverySequence), numbers(1000, 1).map(Number));
        await until(isDone(consumer, 1000), "all are acknowledged");
    });

    test("begins when somebody is subscribed, and says whether anybody is", async (given) => {
        const { name, consumer, deliver_subject } = await pusher(given, 3);
        const info = () => given.jsm.consumers.info(name, "push");
        const idle = await info();
        assert.deepEqual([Boolean(idle.push_bound), idle.delivered.stream_seq, idle.num_pending], [false, 0, 3]);
        assert.equal(idle.config.deliver_subject, deliver_subject);
        const ear = await hear(consumer);
        await heard(ear, 3);
        assert.equal((await info()).push_bound, true);
        await ear.consuming.close();
        await given.client.flush();
        await until(async () => !(await info()).push_bound, "nobody is there any more");
        await publishAll(given.js, `${given.topic}.a`, ["late"]);
        assert.equal((await info()).num_pending, 1);
        const again = await hear(await given.js.consumers.getPushConsumer(name, "push"));
        await heard(again, 1);
        assert.deepEqual(texts(again.messages), ["late"]);
    });

    test("shows the topic, the headers and the bytes of the message, and where it stands", async (given) => {
        const { js, topic } = given;
        const { name, consumer } = await pusher(given);
        const headers = nats.headers();
        headers.append("Trace-Id", "17");
        const body = Buffer.alloc(100_000).map((_, i) => i * 7);
        await js.publish(`${topic}.bytes`, body, { headers });
        await js.publish(`${topic}.empty`);
        const ear = await hear(consumer);
        await heard(ear, 2);
        const [first, second] = ear.messages;
        assert.deepEqual([first.subject, second.subject], [`${topic}.bytes`, `${topic}.empty`]);
        assert.equal(first.headers.get("Trace-Id"), "17");
        assert.ok(body.equals(first.data));
        assert.equal(second.data.length, 0);
        const { stream, consumer: own, streamSequence, deliverySequence, pending } = first.info;
        assert.deepEqual([stream, own, streamSequence, deliverySequence, pending], [name, "push", 1, 1, 1]);
    });

    test("brings back what is not acknowledged, or is refused", async (given) => {
        const wait_ms = 400;
        const { consumer } = await pusher(given, 3, { ack_wait: wait_ms * MS });
        const before = Date.now();
        const ear = await hear(consumer, (message) => {
            if (message.redelivered || message.string() === "2") message.ack();
            else if (message.string() === "1") message.nak();
        });
        await heard(ear, 5);
        assert.deepEqual(texts(ear.messages).slice(0, 3).sort(), numbers(3).slice(0, 3));
        assert.deepEqual(texts(ear.messages.filter((message) => message.redelivered)), ["1", "0"]);
        assert.ok(Date.now() - before >= wait_ms - 5);
        await until(isDone(consumer, 3), "all are acknowledged");
    });

    test("without acknowledgement delivers all once, as fast as it can", async (given) => {
        const { consumer } = await pusher(given, 3000, { ack_policy: "none" });
        const ear = await hear(consumer, () => {});
        await heard(ear, 3000);
        assert.deepEqual(texts(ear.messages), numbers(3000));
        assert.equal((await consumer.info()).num_ack_pending, 0);
    });

    test("stops at max_ack_pending, and goes on", async (given) => {
        const { consumer } = await pusher(given, 10, { max_ack_pending: 4 });
        const ear = await hear(consumer, () => {});
        await heard(ear, 4);
        assert.equal((await consumer.info()).num_ack_pending, 4);
        assert.equal(ear.messages.length, 4);
        await ear.messages[0].ackAck();
        await heard(ear, 5);
        for (const message of ear.messages.slice(1)) message.ack();
        await heard(ear, 9);
        assert.deepEqual(texts(ear.messages), numbers(9));
    });

    test("is headers only where it wants no more", async (given) => {
        const { js, topic } = given;
        const { consumer } = await pusher(given, 0, { headers_only: true });
        const ear = await hear(consumer);
        await js.publish(`${topic}.a`, "0123456789");
        await heard(ear, 1);
        assert.deepEqual([ear.messages[0].data.length, ear.messages[0].headers.get("Nats-Msg-Size")], [0, "10"]);
    });

    test("filters, and begins where it is told to", async (given) => {
        const { js, topic } = given;
        const { name } = await pusher(given);
        for (const text of ["a1", "b2", "a3", "b4", "a5"]) await js.publish(`${topic}.${text[0]}`, text);
        const wanted = [
            [{ filter_subject: `${topic}.a`, deliver_policy: "by_start_sequence", opt_start_seq: 2 }, ["a3", "a5"]],
            [{ filter_subject: `${topic}.*`, deliver_policy: "last_per_subject" }, ["b4", "a5"]],
            [{ deliver_policy: "last" }, ["a5"]],
        ];
        for (const [i, [config, expected]] of wanted.entries()) {
            const durable_name = `p${i}`;
            await given.jsm.consumers.add(name, { durable_name, ack_policy: "none", deliver_subject: `push.${topic}.p${i}`, ...config });
            const ear = await hear(await js.consumers.getPushConsumer(name, durable_name), () => {});
            await heard(ear, expected.length);
            assert.deepEqual(texts(ear.messages), expected, JSON.stringify(config));
        }
    });

    test("reaches a plain subscription too", async (given) => {
        const { client, topic } = given;
        const ear = listen(client, `push.${topic}.plain`);
        await pusher(given, 5, { deliver_subject: `push.${topic}.plain`, ack_policy: "none" });
        await until(() => ear.messages.length === 5, "all are heard");
        assert.deepEqual(ear.texts(), numbers(5));
        assert.ok(ear.messages.every((message) => message.reply.startsWith("$JS.ACK.")));
    });

    test("is refused for a pull consumer, and pulling for a push consumer", async (given) => {
        const { client, js, jsm } = given;
        const { name } = await pusher(given, 1);
        await jsm.consumers.add(name, { durable_name: "pull", ack_policy: "explicit" });
        await assert.rejects(js.consumers.getPushConsumer(name, "pull"), /not a push consumer/);
        await assert.rejects(js.consumers.get(name, "push"), /not a pull consumer/);
        const answer = await client.request(`$JS.API.CONSUMER.MSG.NEXT.${name}.push`, "", { timeout: 5000, noMux: true });
        assert.equal(answer.headers.code, 409);
    });

    test("goes on at another topic after an update", async (given) => {
        const { client, js, jsm, topic } = given;
        const { name } = await pusher(given, 0, { ack_policy: "none" });
        const ear = listen(client, `push.${topic}.new`);
        await jsm.consumers.update(name, "push", { deliver_subject: `push.${topic}.new` });
        await publishAll(js, `${topic}.a`, numbers(3));
        await until(() => ear.messages.length === 3, "all are heard");
    });

    test("tells its subscriber when the consumer is deleted", async (given) => {
        const { jsm } = given;
        const { name, consumer } = await pusher(given, 1, { idle_heartbeat: 1000 * MS });
        const ear = await hear(consumer);
        await heard(ear, 1);
        await jsm.consumers.delete(name, "push");
        assert.equal(await errorOf(jsm.consumers.info(name, "push")), 10014);
        await publishAll(given.js, `${given.topic}.a`, ["more"]);
        await settle(given.client);
        assert.equal(ear.messages.length, 1);
    });
});

streams("a push group", (test) => {
    test("shares the messages among its members, each to one", async (given) => {
        const { js, open, topic } = given;
        const { name, consumer } = await pusher(given, 0, { deliver_group: "workers" });
        const members = [];
        for (let k = 0; k < 4; k++) {
            const member = await open();
            members.push(await hear(await member.js.consumers.getPushConsumer(name, "push")));
            await member.client.flush();
        }
        await publishAll(js, `${topic}.a`, numbers(1000));
        await until(isDone(consumer, 1000), "all is done");
        const taken = members.map((member) => texts(member.messages));
        assert.deepEqual(taken.flat().sort((a, b) => a - b), numbers(1000));
        for (const own of taken) assert.ok(own.length > 100, `shares of ${taken.map((one) => one.length)}`);
    });

    test("goes on with those that are left", async (given) => {
        const { js, open, topic } = given;
        const { name, consumer } = await pusher(given, 0, { deliver_group: "workers", ack_wait: 500 * MS });
        const [staying, leaving] = [await open(), await open()];
        const one = await hear(await staying.js.consumers.getPushConsumer(name, "push"));
        const other = await hear(await leaving.js.consumers.getPushConsumer(name, "push"), () => {});
        await settle(staying.client, leaving.client);
        await publishAll(js, `${topic}.a`, numbers(100));
        await until(() => other.messages.length > 0, "the other has some");
        await leaving.client.close();
        await until(isDone(consumer, 100), "the one has done all");
        assert.deepEqual([...new Set(texts(one.messages))].sort((a, b) => a - b), numbers(100));
    });

    test("has no one else on its topic: a subscription without the group gets nothing", async (given) => {
        const { client, js, topic } = given;
        const deliver_subject = `push.${topic}.grouped`;
        const stranger = listen(client, deliver_subject);
        const { consumer } = await pusher(given, 0, { deliver_group: "workers", deliver_subject });
        await publishAll(js, `${topic}.a`, numbers(3));
        await settle(client);
        assert.deepEqual([stranger.messages.length, (await consumer.info()).delivered.stream_seq], [0, 0]);
    });
});

streams("flow control and heartbeats", (test) => {
    test("let a slow reader have everything", async (given) => {
        const { js, topic } = given;
        const { name } = await pusher(given);
        const body = Buffer.alloc(2000, "x");
        await Promise.all(numbers(4000).map(() => js.publish(`${topic}.a`, body)));
        await given.jsm.consumers.add(name, {
            durable_name: "slow", ack_policy: "none", deliver_subject: `push.${topic}.slow`, flow_control: true, idle_heartbeat: 1000 * MS,
        });
        const consumer = await js.consumers.getPushConsumer(name, "slow");
        const messages = await consumer.consume();
        const kinds = [];
        (async () => { for await (const status of messages.status()) kinds.push(status.type); })();
        const seqs = [];
        for (let left = 4000; left; left -= 100) {
            seqs.push(...(await take(messages, 100)).map((message) => message.seq));
            await new Promise((resolve) => setTimeout(resolve, 2)); /* slow on purpose */
        }
        assert.deepEqual(seqs, numbers(4000, 1).map(Number));
        assert.ok(kinds.includes("flow_control"), `statuses: ${[...new Set(kinds)]}`);
        assert.ok(!kinds.includes("heartbeats_missed"));
        await enough(messages);
    });

    test("say while there is nothing how far it has come", async (given) => {
        const { consumer } = await pusher(given, 7, { idle_heartbeat: 300 * MS, ack_policy: "none" });
        const messages = await consumer.consume({ callback() {} });
        const beats = [];
        for await (const status of messages.status()) {
            assert.notEqual(status.type, "heartbeats_missed");
            if (status.type === "heartbeat") beats.push(status);
            if (beats.length === 3) break;
        }
        assert.deepEqual([beats[2].lastConsumerSequence, beats[2].lastStreamSequence], [7, 7]);
    });

    test("wait for an answer that does not come: no more than the window is sent", async (given) => {
        const { client, js, topic } = given;
        const { name } = await pusher(given);
        await Promise.all(numbers(3000).map(() => js.publish(`${topic}.a`, Buffer.alloc(4000))));
        const deliver_subject = `push.${topic}.deaf`;
        const requests = [], stalled = [];
        let count = 0;
        client.subscribe(deliver_subject, { callback: (error, message) => {
            if (message.headers?.code !== 100) return count++;
            if (message.headers.description.startsWith("FlowControl")) return requests.push(message);
            if (message.headers.has("Nats-Consumer-Stalled")) stalled.push(message.headers.get("Nats-Consumer-Stalled"));
        } });
        const config = { durable_name: "deaf", ack_policy: "none", deliver_subject, flow_control: true, idle_heartbeat: 200 * MS };
        await given.jsm.consumers.add(name, config);
        await until(() => stalled.length, "the heartbeat says that it has stalled");
        assert.ok(count < 3000, `${count} of 3000 were sent`);
        assert.equal(stalled[0], requests.at(-1).reply);
        client.publish(stalled[0]); /* as a client does that has lost the request */
        const before = count;
        await until(() => count > before, "it goes on");
    });
});

streams("an ordered push consumer", (test) => {
    test("delivers everything once and in order", async ({ js, stream, topic }) => {
        const name = await stream();
        await publishAll(js, `${topic}.a`, numbers(1000));
        const ear = await hear(await js.consumers.getPushConsumer(name), () => {});
        await heard(ear, 1000);
        await publishAll(js, `${topic}.a`, numbers(200, 1000));
        await heard(ear, 1200);
        assert.deepEqual(texts(ear.messages), numbers(1200));
    });

    test("begins where it is told to, with what its filter names", async ({ js, stream, topic }) => {
        const name = await stream();
        for (const text of ["a1", "b2", "a3", "b4", "a5"]) await js.publish(`${topic}.${text[0]}`, text);
        const from = { filter_subjects: `${topic}.a`, deliver_policy: "by_start_sequence", opt_start_seq: 2 };
        const ear = await hear(await js.consumers.getPushConsumer(name, from), () => {});
        await heard(ear, 2);
        assert.deepEqual(texts(ear.messages), ["a3", "a5"]);
    });

    test("makes itself anew when its consumer is deleted, and misses nothing", async ({ jsm, js, stream, topic }) => {
        const name = await stream();
        await publishAll(js, `${topic}.a`, numbers(10));
        const consumer = await js.consumers.getPushConsumer(name);
        const ear = await hear(consumer, () => {});
        await heard(ear, 10);
        const { name: made } = await consumer.info();
        await jsm.consumers.delete(name, made);
        /* It notices by a consumer sequence that is not the next: another consumer on its topic shows it one. */
        await jsm.consumers.add(name, { name: `${made}x`, ack_policy: "none", deliver_subject: (await consumer.info(true)).config.deliver_subject });
        await heard(ear, 10);
        await publishAll(js, `${topic}.a`, numbers(10, 10));
        await heard(ear, 20);
        assert.deepEqual(texts(ear.messages), numbers(20));
    });

    test("leaves nothing behind when it has been idle for long enough", async ({ client, jsm, js, stream, topic }) => {
        const name = await stream();
        await publishAll(js, `${topic}.a`, ["x"]);
        const deliver_subject = nats.createInbox();
        const subscription = client.subscribe(deliver_subject, { callback() {} });
        await jsm.consumers.add(name, { name: "passing", ack_policy: "none", deliver_subject, inactive_threshold: 300 * MS });
        await until(async () => (await jsm.consumers.info(name, "passing")).delivered.stream_seq === 1, "it delivers");
        subscription.unsubscribe();
        await until(async () => jsm.consumers.info(name, "passing").then(() => false, () => true), "it is gone");
    });
});

streams("the pace of a push consumer", (test) => {
    test("is bounded where a rate is set", async (given) => {
        const { js, jsm, stream, topic } = given;
        const bytes_per_s = 100_000, count = 80, size = 1000;
        const name = await stream({ max_msg_size: 5000 }); /* what may come in one burst */
        await Promise.all(numbers(count).map(() => js.publish(`${topic}.a`, Buffer.alloc(size))));
        const config = { durable_name: "slow", ack_policy: "none", deliver_subject: `push.${topic}.slow`, rate_limit_bps: 8 * bytes_per_s };
        await jsm.consumers.add(name, config);
        const begun = Date.now();
        const ear = await hear(await js.consumers.getPushConsumer(name, "slow"), () => {});
        await heard(ear, count);
        const took_ms = Date.now() - begun;
        assert.ok(took_ms > (count * size / bytes_per_s) * 1000 * 0.7 && took_ms < 8000, `${took_ms} ms`);
    });

    test("is that of the publisher where it is to replay", async (given) => {
        const { client, js, jsm, topic } = given;
        const { name } = await pusher(given);
        await js.publish(`${topic}.a`, "0");
        const pause_ms = 400;
        const first = Date.now();
        await until(() => Date.now() > first + pause_ms, "time has gone on");
        await js.publish(`${topic}.a`, "1");
        const times = [];
        client.subscribe(`push.${topic}.replay`, { callback: () => times.push(Date.now()) });
        const config = { durable_name: "replay", ack_policy: "none", replay_policy: "original", deliver_subject: `push.${topic}.replay` };
        await jsm.consumers.add(name, config);
        await until(() => times.length === 2, "both have come");
        assert.ok(times[1] - times[0] >= pause_ms - 50, `${times[1] - times[0]} ms`);
    });
});
