"use strict";
/* Pull consumers as @nats-io/jetstream uses them: fetch, next, consume; every acknowledgement; redelivery; where to begin. */
const assert = require("node:assert/strict");

const { streams, publishAll, numbers, take, enough, fetchAll, texts, errorOf, ask, nats, MS } = require("./support/jetstream");
const { settle, until } = require("./support/suite");

const NO_CONSUMER = 10014;
const FETCH_MS = 1000; /* the shortest that the client allows */

/* For requests that are answered by a message: it comes with a topic that the client's common inbox knows nothing of. */
const NEXT = { timeout: 5000, noMux: true };

/* A stream with this many messages on `${topic}.a`, and a durable consumer of it that is ready to be pulled. */
async function worker({ js, jsm, stream, topic }, count = 0, config = {}) {
    const name = await stream();
    await publishAll(js, `${topic}.a`, numbers(count));
    await jsm.consumers.add(name, { durable_name: "worker", ack_policy: "explicit", ...config });
    return { name, consumer: await js.consumers.get(name, "worker") };
}

const fetch = (consumer, max_messages, expires = FETCH_MS) => fetchAll(consumer, { max_messages, expires });

/* One message, which must be there in time. */
async function next(consumer, expires = 5000) {
    const message = await consumer.next({ expires });
    assert.ok(message, "a message comes");
    return message;
}

/* The consumer's numbers: what is delivered, acknowledged up to, waiting for acknowledgement, ahead. */
async function standing(consumer) {
    const info = await consumer.info();
    return [info.delivered.stream_seq, info.ack_floor.stream_seq, info.num_ack_pending, info.num_pending];
}

streams("a consumer", (test) => {
    test("is described as it was made, with defaults", async ({ jsm, stream, topic }) => {
        const name = await stream();
        const config = {
            durable_name: "worker", description: "a few words", deliver_policy: "by_start_sequence", opt_start_seq: 5,
            ack_policy: "explicit", ack_wait: 5000 * MS, max_deliver: 7, filter_subject: `${topic}.a`, max_ack_pending: 55,
            max_waiting: 11, max_batch: 20, max_expires: 60_000 * MS, headers_only: true,
        };
        const made = await jsm.consumers.add(name, config);
        const info = await jsm.consumers.info(name, "worker");
        for (const told of [made, info]) {
            for (const [field, value] of Object.entries(config)) assert.deepEqual(told.config[field], value, field);
            assert.deepEqual([told.stream_name, told.name], [name, "worker"]);
            assert.deepEqual([told.num_ack_pending, told.num_redelivered, told.num_waiting, told.num_pending], [0, 0, 0, 0]);
        }
        const plain = (await jsm.consumers.add(name, { durable_name: "plain", ack_policy: "explicit" })).config;
        const defaults = { deliver_policy: "all", ack_wait: 30_000 * MS, max_deliver: -1, replay_policy: "instant", max_ack_pending: 1000, max_waiting: 512 };
        for (const [field, value] of Object.entries(defaults)) assert.deepEqual(plain[field], value, field);
    });

    test("may be made twice with the same settings; another of its name is refused", async ({ jsm, stream }) => {
        const name = await stream();
        const config = { durable_name: "worker", ack_policy: "explicit", ack_wait: 1000 * MS };
        await jsm.consumers.add(name, config);
        assert.equal((await jsm.consumers.add(name, config)).config.ack_wait, 1000 * MS);
        await errorOf(jsm.consumers.add(name, { ...config, deliver_policy: "new" }));
        assert.equal((await jsm.consumers.info(name, "worker")).config.deliver_policy, "all");
    });

    test.posthornd("is made only where there is none, and changed only where there is one", async ({ client, stream }) => {
        const name = await stream();
        const ask_for = async (action, config) => {
            const request = { stream_name: name, action, config: { name: "c", durable_name: "c", ack_policy: "explicit", ...config } };
            return (await ask(client, `CONSUMER.CREATE.${name}.c`, request)).error?.err_code;
        };
        assert.equal(await ask_for("update", {}), 10149);
        assert.equal(await ask_for("create", {}), undefined);
        assert.equal(await ask_for("create", {}), undefined);
        assert.equal(await ask_for("create", { description: "other" }), 10148);
        assert.equal(await ask_for("update", { description: "other" }), undefined);
    });

    test("is changed by an update, and goes on from where it was", async (given) => {
        const { name, consumer } = await worker(given, 10);
        for (const message of await fetch(consumer, 4)) await message.ackAck();
        const { config } = await given.jsm.consumers.update(name, "worker", { ack_wait: 2000 * MS, max_ack_pending: 2, description: "new" });
        assert.deepEqual([config.ack_wait, config.max_ack_pending, config.description], [2000 * MS, 2, "new"]);
        assert.deepEqual(texts(await fetch(consumer, 4)), ["4", "5"]);
        assert.deepEqual(await standing(consumer), [6, 4, 2, 4]);
    });

    test("is listed with the others, and gone when it is deleted", async ({ js, jsm, stream }) => {
        const name = await stream();
        const names = numbers(300).map((i) => `c${i}`);
        for (const durable_name of names) await jsm.consumers.add(name, { durable_name, ack_policy: "explicit", mem_storage: true });
        const found = [];
        for await (const info of jsm.consumers.list(name)) found.push(info.name);
        assert.deepEqual(found.sort(), [...names].sort());
        assert.equal((await jsm.streams.info(name)).state.consumer_count, 300);
        assert.equal(await jsm.consumers.delete(name, "c7"), true);
        assert.equal(await errorOf(jsm.consumers.info(name, "c7")), NO_CONSUMER);
        assert.equal(await errorOf(jsm.consumers.delete(name, "c7")), NO_CONSUMER);
        assert.equal(await errorOf(js.consumers.get(name, "c7")), NO_CONSUMER);
        assert.equal((await jsm.streams.info(name)).state.consumer_count, 299);
    });

    test("that cannot be is refused with a reason", async ({ client, stream, topic }) => {
        const name = await stream();
        const wrong = [
            { ack_policy: "perhaps" }, { deliver_policy: "some" }, { deliver_policy: "by_start_sequence" }, { deliver_policy: "by_start_time" },
            { deliver_policy: "last_per_subject" }, { max_deliver: 2, backoff: [1000 * MS, 2000 * MS, 3000 * MS] },
            { deliver_policy: "all", opt_start_seq: 3 }, { deliver_policy: "new", opt_start_time: "2026-01-01T00:00:00Z" },
            { filter_subject: "a..b" }, { flow_control: true }, { deliver_group: "g", deliver_subject: `${name}.>` },
            { deliver_subject: `${topic}.a` }, { max_waiting: -5 }, { idle_heartbeat: 1000 * MS },
        ];
        for (const [i, part] of wrong.entries()) {
            const config = { durable_name: `c${i}`, name: `c${i}`, ack_policy: "explicit", ...part };
            const { error } = await ask(client, `CONSUMER.CREATE.${name}.c${i}`, { stream_name: name, config });
            assert.ok(error?.err_code && error.description && error.code >= 400, JSON.stringify([part, error]));
        }
        assert.equal((await ask(client, `CONSUMER.NAMES.${name}`)).total, 0);
    });
});

streams("pull", (test) => {
    test("fetches what is there, in order, and ends when it has enough", async (given) => {
        const { name, consumer } = await worker(given, 250);
        const messages = await fetch(consumer, 200, 10_000);
        assert.deepEqual(texts(messages), numbers(200));
        for (const [i, message] of messages.entries()) {
            const { stream, consumer, deliveryCount, streamSequence, deliverySequence, pending, redelivered } = message.info;
            assert.deepEqual([stream, consumer, deliveryCount, streamSequence, deliverySequence, pending, redelivered],
                [name, "worker", 1, i + 1, i + 1, 249 - i, false]);
            assert.ok(Math.abs(message.time - Date.now()) < 60_000);
        }
        assert.deepEqual(await standing(consumer), [200, 0, 200, 50]);
    });

    test("fetches what there is and waits for the rest until its time is over", async (given) => {
        const { consumer } = await worker(given, 3);
        const before = Date.now();
        assert.deepEqual(texts(await fetch(consumer, 10)), numbers(3));
        assert.ok(Date.now() - before >= FETCH_MS - 50);
        assert.deepEqual(await fetch(consumer, 10), []);
    });

    test("takes one by next, or nothing after its time", async (given) => {
        const { consumer } = await worker(given, 2);
        for (const text of numbers(2)) assert.equal((await next(consumer)).string(), text);
        assert.equal(await consumer.next({ expires: FETCH_MS }), null);
    });

    test("that waits is given what comes, at once", async (given) => {
        const { js, topic } = given;
        const { consumer } = await worker(given);
        for (const text of numbers(20)) {
            const coming = consumer.next({ expires: 10_000 });
            await js.publish(`${topic}.a`, text);
            assert.equal((await coming).string(), text);
        }
    });

    test("consumes on and on, by an iterator or by a callback", async (given) => {
        const { consumer } = await worker(given, 1000);
        const messages = await consumer.consume({ max_messages: 50 });
        for (const [i, message] of (await take(messages, 1000)).entries()) {
            assert.equal(message.string(), String(i));
            message.ack();
        }
        await enough(messages);
        const heard = [];
        const more = await consumer.consume({ max_messages: 10, callback: (message) => { heard.push(message.string()); message.ack(); } });
        await publishAll(given.js, `${given.topic}.a`, numbers(500, 1000));
        await until(() => heard.length === 500, "all are heard");
        assert.deepEqual(heard, numbers(500, 1000));
        await more.close();
        await until(async () => (await standing(consumer)).join() === "1500,1500,0,0", "all are acknowledged");
    });

    test("keeps within the bytes that it asks for", async (given) => {
        const { js, topic } = given;
        const { consumer } = await worker(given);
        for (const i of numbers(20)) await js.publish(`${topic}.a`, Buffer.alloc(1000, i));
        const messages = [];
        const read = async () => {
            for await (const message of await consumer.fetch({ max_bytes: 5000, expires: FETCH_MS })) messages.push(message);
        };
        await assert.rejects(read(), /size exceeds maxbytes/i, "the next would be too much");
        assert.ok(messages.length >= 3 && messages.length <= 5, `${messages.length} messages`);
        assert.equal((await next(consumer)).seq, messages.length + 1);
    });

    test("is answered for itself where it asks in the API's own words", async (given) => {
        const { client, js, topic } = given;
        const { name } = await worker(given, 0, { max_waiting: 2, max_batch: 10, max_expires: 5000 * MS });
        const pull = (request) => client.request(`$JS.API.CONSUMER.MSG.NEXT.${name}.worker`, request, NEXT);
        const status = async (request) => {
            const { headers } = await pull(JSON.stringify(request));
            return headers ? headers.code : "a message";
        };
        assert.equal(await status({ batch: 1, no_wait: true }), 404);
        assert.equal(await status({ batch: 1, expires: 200 * MS }), 408);
        assert.equal(await status({ batch: 11, expires: 200 * MS }), 409);
        assert.equal(await status({ batch: 1, expires: 6000 * MS }), 409);
        await js.publish(`${topic}.a`, "x");
        assert.equal(await status({ batch: 1, no_wait: true }), "a message");
        const waiting = [1, 2].map(() => pull(JSON.stringify({ batch: 1, expires: 4000 * MS })));
        await client.flush();
        assert.equal(await status({ batch: 1, expires: 4000 * MS }), 409);
        await publishAll(js, `${topic}.a`, ["one", "two"]);
        assert.deepEqual(texts(await Promise.all(waiting)).sort(), ["one", "two"]);
        await js.publish(`${topic}.a`, "three");
        assert.equal((await pull("")).string(), "three");
        await js.publish(`${topic}.a`, "four");
        assert.equal((await pull("1")).string(), "four");
    });

    test("hears a heartbeat while there is nothing", async (given) => {
        const { consumer } = await worker(given);
        const messages = await consumer.consume({ expires: 10_000, idle_heartbeat: 500, callback() {} });
        const seen = [];
        for await (const status of messages.status()) {
            seen.push(status.type);
            if (seen.filter((type) => type === "heartbeat").length === 2) break;
        }
        assert.ok(!seen.includes("heartbeats_missed"), seen.join());
        await messages.close();
    });

    test("by several members shares the work: each message goes to one of them", async (given) => {
        const { js, open, topic } = given;
        const { name, consumer } = await worker(given, 0, { ack_policy: "explicit" });
        const members = await Promise.all(numbers(4).map(() => open()));
        const taken = members.map(() => []);
        for (const [k, member] of members.entries()) {
            const own = await member.js.consumers.get(name, "worker");
            await own.consume({ max_messages: 5, callback: (message) => { taken[k].push(message.string()); message.ack(); } });
            await member.client.flush();
        }
        await publishAll(js, `${topic}.a`, numbers(1000));
        await until(async () => (await standing(consumer)).join() === "1000,1000,0,0", "all is done");
        assert.deepEqual(taken.flat().sort((a, b) => a - b), numbers(1000));
        for (const own of taken) {
            assert.ok(own.length > 50, `shares of ${taken.map((one) => one.length)}`);
            assert.deepEqual(own, [...own].sort((a, b) => a - b));
        }
    });

    test("ends, and says so, when its consumer is deleted", async (given) => {
        const { jsm } = given;
        const { name, consumer } = await worker(given);
        const messages = await consumer.consume({ abort_on_missing_resource: true });
        const read = assert.rejects(take(messages, 1), /consumer deleted/i);
        await until(async () => (await consumer.info()).num_waiting === 1, "it waits");
        await jsm.consumers.delete(name, "worker");
        await read;
    });

    test("of a client that has left takes nothing with it", async (given) => {
        const { js, open, topic } = given;
        const { name, consumer } = await worker(given);
        const leaver = await open();
        const own = await leaver.js.consumers.get(name, "worker");
        await own.consume({ max_messages: 10, callback: (message) => message.ack() });
        await until(async () => (await consumer.info()).num_waiting === 1, "it waits");
        await leaver.client.close();
        await settle(given.client);
        const coming = consumer.next({ expires: 10_000 });
        await js.publish(`${topic}.a`, "x");
        assert.equal((await coming).string(), "x");
    });
});

streams("acknowledgement", (test) => {
    test("moves the floor, whatever the order", async (given) => {
        const { consumer } = await worker(given, 5);
        const messages = await fetch(consumer, 5);
        for (const [index, floor, waiting] of [[1, 0, 4], [3, 0, 3], [0, 2, 2], [4, 2, 1], [2, 5, 0]]) {
            assert.equal(await messages[index].ackAck(), true);
            assert.deepEqual(await standing(consumer), [5, floor, waiting, 0]);
        }
        const { delivered, ack_floor } = await consumer.info();
        assert.deepEqual([delivered.consumer_seq, ack_floor.consumer_seq], [5, 5]);
    });

    test("may come twice", async (given) => {
        const { client } = given;
        const { consumer } = await worker(given, 2);
        const [first] = await fetch(consumer, 1);
        for (let i = 0; i < 3; i++) await client.request(first.reply, "", { timeout: 5000 });
        assert.deepEqual(await standing(consumer), [1, 1, 0, 1]);
    });

    test("that does not come in time brings the message back", async (given) => {
        const wait_ms = 400;
        const { consumer } = await worker(given, 2, { ack_wait: wait_ms * MS });
        const before = Date.now();
        const first = await next(consumer);
        const second = await next(consumer);
        second.ack();
        const again = await next(consumer);
        assert.ok(Date.now() - before >= wait_ms - 5, "not before the time is over");
        assert.deepEqual([again.string(), again.seq, again.redelivered, again.info.deliveryCount], ["0", first.seq, true, 2]);
        assert.equal(again.info.deliverySequence, 3);
        assert.equal((await consumer.info()).num_redelivered, 1);
        await again.ackAck();
        assert.deepEqual(await standing(consumer), [2, 2, 0, 0]);
        assert.equal((await consumer.info()).num_redelivered, 0);
    });

    test("refused brings the message back at once, or after the delay that is asked for", async (given) => {
        const delay_ms = 400;
        const { consumer } = await worker(given, 1);
        (await next(consumer)).nak();
        const again = await next(consumer);
        assert.equal(again.info.deliveryCount, 2);
        const before = Date.now();
        again.nak(delay_ms);
        assert.equal((await next(consumer)).info.deliveryCount, 3);
        const took_ms = Date.now() - before;
        assert.ok(took_ms >= delay_ms - 5 && took_ms < delay_ms + 4000, `${took_ms} ms`);
    });

    test("put off by working() gives more time, and the message to nobody else", async (given) => {
        const wait_ms = 500;
        const { consumer } = await worker(given, 1, { ack_wait: wait_ms * MS });
        const message = await next(consumer);
        const end = Date.now() + 3 * wait_ms;
        const other = consumer.next({ expires: FETCH_MS + wait_ms });
        await until(() => { message.working(); return Date.now() > end; }, "it has worked");
        assert.equal(await other, null, "nobody else gets it meanwhile");
        await message.ackAck();
        assert.deepEqual(await standing(consumer), [1, 1, 0, 0]);
    });

    test("by term() means never again", async (given) => {
        const { consumer } = await worker(given, 2, { ack_wait: 300 * MS });
        (await next(consumer)).term();
        (await next(consumer)).ack();
        await until(async () => (await standing(consumer)).join() === "2,2,0,0", "both are done with");
        assert.equal(await consumer.next({ expires: FETCH_MS }), null);
    });

    test.posthornd("by term() may have a reason", async (given) => {
        const { consumer } = await worker(given, 1, { ack_wait: 300 * MS });
        (await next(consumer)).term("of no use");
        await until(async () => (await standing(consumer)).join() === "1,1,0,0", "it is done with");
    });

    test("with a wish for the next brings it", async (given) => {
        const { client } = given;
        const { consumer } = await worker(given, 3);
        let message = await next(consumer);
        for (const text of ["1", "2"]) {
            message = await client.request(message.reply, "+NXT", NEXT);
            assert.equal(message.string(), text);
        }
        assert.deepEqual(await standing(consumer), [3, 2, 1, 0]);
    });

    test("of all up to one, where the policy says so", async (given) => {
        const { consumer } = await worker(given, 10, { ack_policy: "all" });
        const messages = await fetch(consumer, 8);
        assert.equal(await messages[4].ackAck(), true);
        assert.deepEqual(await standing(consumer), [8, 5, 3, 2]);
    });

    test("of none, where nobody asks: what is given is done", async (given) => {
        const { consumer } = await worker(given, 10, { ack_policy: "none" });
        assert.deepEqual(texts(await fetch(consumer, 4)), numbers(4));
        assert.deepEqual(await standing(consumer), [4, 4, 0, 6]);
        assert.deepEqual(texts(await fetch(consumer, 6)), numbers(6, 4));
    });

    test("is owed for max_ack_pending messages at most", async (given) => {
        const { consumer } = await worker(given, 10, { max_ack_pending: 3 });
        const messages = await fetch(consumer, 5);
        assert.deepEqual(texts(messages), numbers(3));
        const coming = consumer.next({ expires: 10_000 });
        messages[1].ack();
        assert.equal((await coming).string(), "3");
        assert.equal(await consumer.next({ expires: FETCH_MS }), null);
    });
});

streams("redelivery", (test) => {
    test("ends after max_deliver, and what follows goes on", async (given) => {
        const { consumer } = await worker(given, 2, { ack_wait: 200 * MS, max_deliver: 3, max_ack_pending: 1 });
        const counts = [];
        for (let i = 0; i < 3; i++) {
            const message = await next(consumer);
            assert.equal(message.string(), "0");
            counts.push(message.info.deliveryCount);
        }
        assert.deepEqual(counts, [1, 2, 3]);
        const after = await next(consumer);
        assert.equal(after.string(), "1");
        await after.ackAck();
        assert.equal(await consumer.next({ expires: FETCH_MS }), null);
    });

    test("ends after max_deliver where each was refused too", async (given) => {
        const { consumer } = await worker(given, 1, { max_deliver: 2 });
        (await next(consumer)).nak();
        (await next(consumer)).nak();
        assert.equal(await consumer.next({ expires: FETCH_MS }), null);
    });

    test("waits longer each time, as backoff says", async (given) => {
        const backoff = [200, 400, 600];
        const { consumer } = await worker(given, 1, { max_deliver: 5, backoff: backoff.map((ms) => ms * MS) });
        const began = Date.now(); /* each may come late, and none before its time */
        let due_ms = 0;
        for (const [i, wait_ms] of [0, ...backoff, 600].entries()) {
            const message = await next(consumer);
            const took_ms = Date.now() - began;
            due_ms += wait_ms;
            assert.equal(message.info.deliveryCount, i + 1);
            assert.ok(took_ms >= due_ms - 20, `delivery ${i + 1} after ${took_ms} ms`);
        }
        assert.equal(await consumer.next({ expires: FETCH_MS }), null);
    });

    test("that ends is told to whoever listens for advisories", async (given) => {
        const { jsm } = given;
        const { name, consumer } = await worker(given, 2, { max_deliver: 2 });
        const advisories = jsm.advisories();
        await given.client.flush();
        for (let i = 0; i < 2; i++) {
            const messages = await fetch(consumer, 2);
            messages.find((message) => message.string() === "0").nak();
            messages.find((message) => message.string() === "1")?.term();
        }
        const wanted = { max_deliver: [name, "worker", 1, 2], terminated: [name, "worker", 2, 1] };
        for await (const { kind, data } of advisories) {
            if (!wanted[kind]) continue;
            assert.deepEqual([data.stream, data.consumer, data.stream_seq, data.deliveries], wanted[kind]);
            delete wanted[kind];
            if (!Object.keys(wanted).length) break;
            await consumer.next({ expires: FETCH_MS }); /* nats-server finds out when somebody asks again */
        }
    });

    test("goes before what is new", async (given) => {
        const { consumer } = await worker(given, 5, { max_ack_pending: 10 });
        const [first, second] = await fetch(consumer, 2);
        second.nak();
        first.nak();
        await settle(given.client);
        const again = await fetch(consumer, 4);
        assert.deepEqual(texts(again).slice(0, 2).sort(), ["0", "1"]);
        assert.deepEqual(texts(again).slice(2), ["2", "3"]);
    });

    test("leaves out what has been deleted meanwhile", async (given) => {
        const { jsm } = given;
        const { name, consumer } = await worker(given, 3, { ack_wait: 400 * MS });
        await fetch(consumer, 2, FETCH_MS);
        await jsm.streams.deleteMessage(name, 1);
        const again = [await next(consumer), await next(consumer)];
        assert.deepEqual(texts(again).sort(), ["1", "2"]);
    });
});

streams("dead letters", (test) => {
    /* Pulls the stream of dead letters until there are so many. */
    async function lettersOf({ js, jsm }, name, count) {
        const grave = `DEAD_${name}`;
        await until(async () => (await jsm.streams.info(grave).catch(() => null))?.state.messages >= count, `${count} dead letters`);
        return fetch(await js.consumers.get(grave), count);
    }

    test.posthornd("are kept in a stream of their own, with the reason and the count", async (given) => {
        const { js, topic } = given;
        const headers = nats.headers();
        headers.set("Trace-Id", "17");
        const { name, consumer } = await worker(given, 0, { max_deliver: 2 });
        await js.publish(`${topic}.a`, "too often", { headers });
        for (let i = 0; i < 2; i++) (await next(consumer)).nak();
        assert.equal(await consumer.next({ expires: FETCH_MS }), null);
        await js.publish(`${topic}.b`, "of no use", { msgID: "one" });
        (await next(consumer)).term("cannot read it");
        const [often, useless] = await lettersOf(given, name, 2);
        assert.deepEqual([often.subject, useless.subject], [`$DEAD.${name}.worker`, `$DEAD.${name}.worker`]);
        assert.deepEqual(texts([often, useless]), ["too often", "of no use"]);
        const told = (letter) => ["Reason", "Count", "Stream", "Sequence", "Topic", "Consumer"].map((word) => letter.headers.get(`Posthorn-Dead-${word}`));
        assert.deepEqual(told(often), ["max_deliver", "2", name, "1", `${topic}.a`, "worker"]);
        assert.deepEqual(told(useless), ["terminated", "1", name, "2", `${topic}.b`, "worker"]);
        assert.equal(often.headers.get("Trace-Id"), "17");
        assert.match(useless.headers.get("Posthorn-Dead-Words"), /cannot read it/);
        await until(async () => (await standing(consumer)).join() === "2,2,0,0", "the consumer is done with both");
    });

    test.posthornd("come of a message that was never answered too, and leave a work queue", async (given) => {
        const { js, jsm, topic } = given;
        const name = await given.stream({ retention: "workqueue" });
        await jsm.consumers.add(name, { durable_name: "worker", ack_policy: "explicit", ack_wait: 200 * MS, max_deliver: 2 });
        await publishAll(js, `${topic}.a`, ["poison", "good"]);
        const consumer = await js.consumers.get(name, "worker");
        const seen = [];
        while (seen.length < 3) {
            const message = await next(consumer);
            seen.push(message.string());
            if (message.string() === "good") message.ack();
        }
        assert.deepEqual(seen.sort(), ["good", "poison", "poison"]);
        assert.deepEqual(texts(await lettersOf(given, name, 1)), ["poison"]);
        await until(async () => (await jsm.streams.info(name)).state.messages === 0, "the queue is empty");
    });
});

streams("where a consumer begins", (test) => {
    async function begin({ js, jsm, topic, name }, config) {
        await jsm.consumers.add(name, { durable_name: "c", ack_policy: "explicit", ...config });
        const consumer = await js.consumers.get(name, "c");
        const { num_pending } = await consumer.info();
        await js.publish(`${topic}.a`, "after");
        const messages = await fetch(consumer, num_pending + 1);
        await jsm.consumers.delete(name, "c");
        return texts(messages);
    }

    test("is what its policy says", async (given) => {
        const { js, jsm, topic } = given;
        const cases = [
            [{ deliver_policy: "all" }, ["a1", "b2", "a3", "b4", "a5", "after"]],
            [{ deliver_policy: "last" }, ["a5", "after"]],
            [{ deliver_policy: "new" }, ["after"]],
            [{ deliver_policy: "by_start_sequence", opt_start_seq: 3 }, ["a3", "b4", "a5", "after"]],
            [{ deliver_policy: "by_start_sequence", opt_start_seq: 6 }, ["after"]],
            [{ deliver_policy: "last_per_subject", filter_subject: `${topic}.*` }, ["b4", "a5", "after"]],
            [{ deliver_policy: "last", filter_subject: `${topic}.b` }, ["b4"]],
            [{ filter_subject: `${topic}.b` }, ["b2", "b4"]],
        ];
        for (const [config, wanted] of cases) {
            const name = await given.stream();
            for (const text of ["a1", "b2", "a3", "b4", "a5"]) await js.publish(`${topic}.${text[0]}`, text);
            assert.deepEqual((await begin({ ...given, name }, config)).slice(0, wanted.length), wanted, JSON.stringify(config));
            await jsm.streams.delete(name);
        }
    });

    test("is a moment", async (given) => {
        const { js, jsm, stream, topic } = given;
        const name = await stream();
        await publishAll(js, `${topic}.a`, ["old", "older"]);
        const { last_ts } = (await jsm.streams.info(name)).state;
        await until(() => Date.now() > Date.parse(last_ts) + 5, "time has gone on");
        const opt_start_time = new Date().toISOString();
        await until(() => Date.now() > Date.parse(opt_start_time) + 2, "time has gone on");
        await publishAll(js, `${topic}.a`, ["new", "newer"]);
        assert.deepEqual(await begin({ ...given, name }, { deliver_policy: "by_start_time", opt_start_time }), ["new", "newer", "after"]);
    });
});

streams("what a consumer is given", (test) => {
    test("is what its filter names", async (given) => {
        const { js, topic } = given;
        const { name, consumer } = await worker(given, 0, { filter_subject: `${topic}.*.b` });
        for (const [i, leaf] of ["a.b", "a.c", "b.b", "b", "c.b.d", "c.b"].entries()) await js.publish(`${topic}.${leaf}`, String(i));
        assert.equal((await consumer.info()).num_pending, 3);
        const messages = await fetch(consumer, 3);
        assert.deepEqual(messages.map(({ subject, seq }) => [subject, seq]), [[`${topic}.a.b`, 1], [`${topic}.b.b`, 3], [`${topic}.c.b`, 6]]);
        assert.equal(messages[2].info.pending, 0);
        for (const message of messages) await message.ackAck();
        assert.deepEqual((await standing(consumer)).slice(2), [0, 0]);
        assert.equal((await given.jsm.consumers.info(name, "worker")).config.filter_subject, `${topic}.*.b`);
    });

    test.posthornd("is what one of several filters names, each once and in order", async (given) => {
        const { client, js, jsm, topic } = given;
        const filter_subjects = [`${topic}.a.*`, `${topic}.b.>`, `${topic}.c`];
        const { name, consumer } = await worker(given, 0, { filter_subjects });
        const leaves = ["a.x", "c", "d", "b.x.y", "a", "a.x.y", "b.z", "c", "c.d"];
        for (const [i, leaf] of leaves.entries()) await js.publish(`${topic}.${leaf}`, String(i));
        assert.equal((await consumer.info()).num_pending, 5);
        assert.deepEqual(texts(await fetch(consumer, 5)), ["0", "1", "3", "6", "7"]);
        assert.deepEqual((await jsm.consumers.info(name, "worker")).config.filter_subjects, filter_subjects);
        const wrong = [[`${topic}.a.*`, `${topic}.a.x`], [`${topic}.a`, ""], [`${topic}.a`, `${topic}.a`]];
        for (const filters of wrong) {
            const config = { durable_name: "w", ack_policy: "explicit", filter_subjects: filters };
            const { error } = await ask(client, `CONSUMER.DURABLE.CREATE.${name}.w`, { stream_name: name, config });
            assert.ok(error?.err_code, JSON.stringify(filters));
        }
    });

    test("is headers only, with the size of what is left out, where it wants no more", async (given) => {
        const { js, topic } = given;
        const { consumer } = await worker(given, 0, { headers_only: true });
        const headers = nats.headers();
        headers.set("Trace-Id", "17");
        await js.publish(`${topic}.a`, "0123456789", { headers });
        await js.publish(`${topic}.a`, "");
        const [first, second] = await fetch(consumer, 2);
        assert.deepEqual([first.data.length, first.headers.get("Trace-Id"), first.headers.get("Nats-Msg-Size")], [0, "17", "10"]);
        assert.deepEqual([second.data.length, second.headers.get("Nats-Msg-Size")], [0, "0"]);
    });

    test("has headers and bytes as they were published", async (given) => {
        const { js, topic } = given;
        const { consumer } = await worker(given);
        for (const size of [0, 1, 70_000, 1024 * 1024 - 200]) {
            const headers = nats.headers();
            headers.append("Size", String(size));
            const body = Buffer.alloc(size).map((_, i) => i * 7);
            await js.publish(`${topic}.a`, body, { headers });
            const message = await next(consumer);
            assert.ok(body.equals(message.data), `${size} bytes`);
            assert.equal(message.headers.get("Size"), String(size));
            message.ack();
        }
    });

    test("by an ordered consumer is everything once, in order, without acknowledgement", async (given) => {
        const { js, stream, topic } = given;
        const name = await stream();
        await publishAll(js, `${topic}.a`, numbers(500));
        const consumer = await js.consumers.get(name);
        const messages = await consumer.consume({ max_messages: 40 });
        const first = await take(messages, 500);
        await publishAll(js, `${topic}.a`, numbers(500, 500));
        const all = [...first, ...await take(messages, 500)];
        assert.deepEqual(texts(all), numbers(1000));
        assert.deepEqual(all.map((message) => message.seq), numbers(1000, 1).map(Number));
        await enough(messages);
        const tail = await js.consumers.get(name, { deliver_policy: "by_start_sequence", opt_start_seq: 998 });
        assert.deepEqual(texts(await fetch(tail, 3)), ["997", "998", "999"]);
    });

    test("by an ephemeral consumer lasts as long as somebody asks", async ({ jsm, js, stream, topic }) => {
        const name = await stream();
        await publishAll(js, `${topic}.a`, numbers(2000));
        const made = await jsm.consumers.add(name, { ack_policy: "explicit", inactive_threshold: 500 * MS });
        assert.ok(made.name && !made.config.durable_name);
        const consumer = await js.consumers.get(name, made.name);
        const begun = Date.now();
        await until(async () => { (await next(consumer)).ack(); return Date.now() > begun + 800; }, "it is used");
        const left = Date.now();
        await until(async () => jsm.consumers.info(name, made.name).then(() => false, () => true), "it is gone");
        assert.ok(Date.now() - left >= 300);
        assert.equal(await errorOf(jsm.consumers.info(name, made.name)), NO_CONSUMER);
    });
});
