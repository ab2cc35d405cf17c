"use strict";
/* Key-value buckets, as @nats-io/kv uses them over a stream. */
const assert = require("node:assert/strict");

const { streams, numbers, take, errorOf } = require("./support/jetstream");
const { requirePackage, statusOf, until } = require("./support/suite");

const { Kvm } = requirePackage("@nats-io/kv");

const WRONG_LAST_SEQUENCE = 10071;

/* A bucket that no other test uses. */
const bucket = ({ client, topic }, options) => new Kvm(client).create(topic, options);

async function all(iterator) {
    const found = [];
    for await (const item of iterator) found.push(item);
    return found;
}

const short = ({ key, operation, revision, value }) => [key, operation, revision, Buffer.from(value).toString()];

streams("a bucket", (test) => {
    test("gives what was put, with its revision", async (given) => {
        const kv = await bucket(given);
        assert.equal(await kv.put("a", "one"), 1);
        assert.equal(await kv.put("b.c/d=e_f-g", "two"), 2);
        assert.equal(await kv.put("a", "three"), 3);
        const entry = await kv.get("a");
        assert.deepEqual(short(entry), ["a", "PUT", 3, "three"]);
        assert.equal(entry.bucket, given.topic);
        assert.ok(Math.abs(entry.created - Date.now()) < 60_000);
        assert.deepEqual(short(await kv.get("b.c/d=e_f-g")), ["b.c/d=e_f-g", "PUT", 2, "two"]);
        assert.equal(await kv.get("nothing"), null);
    });

    test("holds bytes of any kind and size", async (given) => {
        const kv = await bucket(given);
        for (const size of [0, 1, 1000, 100_000, 1_000_000]) {
            const value = Buffer.alloc(size).map((_, i) => i * 7);
            await kv.put("bytes", value);
            assert.ok(value.equals((await kv.get("bytes")).value), `${size} bytes`);
        }
    });

    test("is the same for whoever opens it", async (given) => {
        const kv = await bucket(given, { history: 3 });
        await kv.put("a", "one");
        const other = await new Kvm((await given.open()).client).open(given.topic);
        assert.equal((await other.get("a")).string(), "one");
        await other.put("a", "two");
        assert.equal((await kv.get("a")).string(), "two");
    });

    test("creates a key once, and again after it was deleted", async (given) => {
        const kv = await bucket(given);
        assert.equal(await kv.create("a", "one"), 1);
        assert.equal(await errorOf(kv.create("a", "other")), WRONG_LAST_SEQUENCE);
        assert.equal((await kv.get("a")).string(), "one");
        await kv.delete("a");
        assert.equal(await kv.create("a", "two"), 3);
        await kv.purge("a");
        await kv.create("a", "three");
        assert.equal((await kv.get("a")).string(), "three");
    });

    test("updates a key of the revision that the writer knows", async (given) => {
        const kv = await bucket(given);
        const first = await kv.put("a", "one");
        await kv.put("b", "other");
        const second = await kv.update("a", "two", first);
        assert.equal(second, 3);
        assert.equal(await errorOf(kv.update("a", "three", first)), WRONG_LAST_SEQUENCE);
        assert.equal(await kv.update("a", "three", second), 4);
        assert.equal((await kv.get("a")).string(), "three");
    });

    test("counts right where many writers update by revision", async (given) => {
        const kv = await bucket(given);
        await kv.put("count", "0");
        const writers = await Promise.all(numbers(4).map(async () => new Kvm((await given.open()).client).open(given.topic)));
        await Promise.all(writers.map(async (own) => {
            for (let done = 0; done < 25; ) {
                const entry = await own.get("count");
                const next = String(Number(entry.string()) + 1);
                done += await own.update("count", next, entry.revision).then(() => 1, () => 0);
            }
        }));
        assert.equal((await kv.get("count")).string(), "100");
    });

    test("has a value at every moment while it is written", async (given) => {
        const kv = await bucket(given);
        await kv.put("a", "0");
        const readers = await Promise.all(numbers(3).map(async () => new Kvm((await given.open()).client).open(given.topic)));
        let over = false;
        const reading = readers.map(async (own) => {
            for (let last = 0; !over; ) {
                const entry = await own.get("a");
                assert.ok(entry && entry.revision >= last, `revision ${entry?.revision} after ${last}`);
                last = entry.revision;
            }
        });
        const writing = (async () => {
            for (const text of numbers(500, 1)) await kv.put("a", text);
            over = true;
        })();
        await Promise.all([writing, ...reading]).finally(() => { over = true; });
    });

    test("deletes and purges, and remembers that it did", async (given) => {
        const kv = await bucket(given, { history: 5 });
        for (const key of ["a", "b"]) for (const text of ["one", "two"]) await kv.put(key, text);
        await kv.delete("a");
        await kv.purge("b");
        assert.deepEqual([(await kv.get("a")).operation, (await kv.get("b")).operation], ["DEL", "PURGE"]);
        assert.deepEqual((await all(await kv.history({ key: "a" }))).map((entry) => entry.operation), ["PUT", "PUT", "DEL"]);
        assert.deepEqual((await all(await kv.history({ key: "b" }))).map((entry) => entry.operation), ["PURGE"]);
        assert.deepEqual(await all(await kv.keys()), []);
        await kv.put("a", "three");
        assert.equal((await kv.get("a")).string(), "three");
    });

    test("keeps as much history as it was asked to", async (given) => {
        const kv = await bucket(given, { history: 3 });
        for (const text of numbers(5)) await kv.put("a", text);
        await kv.put("b", "other");
        const entries = await all(await kv.history({ key: "a" }));
        assert.deepEqual(entries.map(short), [["a", "PUT", 3, "2"], ["a", "PUT", 4, "3"], ["a", "PUT", 5, "4"]]);
        assert.equal((await all(await kv.history())).length, 4);
        assert.deepEqual(short(await kv.get("a", { revision: 4 })), ["a", "PUT", 4, "3"]);
        assert.equal(await kv.get("a", { revision: 1 }), null);
        assert.equal(await kv.get("b", { revision: 4 }), null, "a revision of another key");
    });

    test("lists its keys, all or those of a pattern", async (given) => {
        const kv = await bucket(given);
        const keys = numbers(300).map((i) => `k.${i % 3}.${i}`);
        for (const key of keys) await kv.put(key, "x");
        await kv.delete(keys[7]);
        const left = keys.filter((key) => key !== keys[7]);
        assert.deepEqual((await all(await kv.keys())).sort(), [...left].sort());
        assert.deepEqual((await all(await kv.keys("k.1.*"))).sort(), left.filter((key) => key.startsWith("k.1.")).sort());
        assert.deepEqual(await all(await kv.keys("nothing.>")), []);
    });

    test("refuses a value that is larger than it allows", async (given) => {
        const kv = await bucket(given, { maxValueSize: 1000 });
        await errorOf(kv.put("a", Buffer.alloc(1200)));
        await kv.put("a", Buffer.alloc(500));
    });

    test("tells how it stands", async (given) => {
        const kv = await bucket(given, { history: 2, description: "a few words", max_bytes: 1_000_000 });
        for (const text of numbers(5)) await kv.put("a", text);
        const status = await kv.status();
        assert.deepEqual([status.bucket, status.values, status.history, status.description, status.ttl], [given.topic, 2, 2, "a few words", 0]);
        assert.ok(status.size > 0);
        const { config } = status.streamInfo;
        assert.deepEqual([config.name, config.subjects, config.allow_direct], [`KV_${given.topic}`, [`$KV.${given.topic}.>`], true]);
        const found = (await all(new Kvm(given.client).list())).map((one) => one.bucket);
        assert.ok(found.includes(given.topic));
    });

    test("forgets what is older than it allows", async (given) => {
        const kv = await bucket(given, { ttl: 500 });
        await kv.put("a", "x");
        const before = Date.now();
        await until(async () => (await kv.get("a")) === null, "it is forgotten");
        assert.ok(Date.now() - before >= 400);
    });

    test("is gone when it is destroyed", async (given) => {
        const kv = await bucket(given);
        await kv.put("a", "x");
        assert.equal(await kv.destroy(), true);
        await errorOf(kv.status());
    });
});

streams("a watch", (test) => {
    test("gives what is there, and then what changes", async (given) => {
        const kv = await bucket(given);
        for (const key of ["a", "b"]) for (const text of ["one", "two"]) await kv.put(key, text);
        const watch = await kv.watch();
        const first = await take(watch, 2);
        assert.deepEqual(first.map(short), [["a", "PUT", 2, "two"], ["b", "PUT", 4, "two"]]);
        await kv.put("a", "three");
        await kv.delete("b");
        await kv.purge("a");
        const second = await take(watch, 3);
        assert.deepEqual(second.map(short), [["a", "PUT", 5, "three"], ["b", "DEL", 6, ""], ["a", "PURGE", 7, ""]]);
        assert.ok(second.every((entry) => entry.isUpdate));
        watch.stop();
    });

    test("of a key or a pattern gives no others", async (given) => {
        const kv = await bucket(given);
        const [one, some] = [await kv.watch({ key: "a.x" }), await kv.watch({ key: "a.*" })];
        for (const key of ["a.x", "b.x", "a.y", "a.x.z", "a.x"]) await kv.put(key, key);
        assert.deepEqual((await take(one, 2)).map(({ revision }) => revision), [1, 5]);
        assert.deepEqual((await take(some, 3)).map(({ revision }) => revision), [1, 3, 5]);
    });

    test("may begin with all the history, with nothing, or at a revision", async (given) => {
        const kv = await bucket(given, { history: 10 });
        for (const text of numbers(4)) await kv.put("a", text);
        const history = await kv.watch({ include: "history" });
        const updates = await kv.watch({ include: "updates" });
        const resumed = await kv.watch({ resumeFromRevision: 3, include: "history" });
        await kv.put("a", "4");
        assert.deepEqual((await take(history, 5)).map(({ revision }) => revision), [1, 2, 3, 4, 5]);
        assert.deepEqual((await take(updates, 1)).map(({ revision }) => revision), [5]);
        assert.deepEqual((await take(resumed, 3)).map(({ revision }) => revision), [3, 4, 5]);
    });

    test.posthornd("of several patterns gives each key once", async (given) => {
        const kv = await bucket(given);
        const watch = await kv.watch({ key: ["a.*", "b"] });
        for (const key of ["a.x", "c", "b", "a.y"]) await kv.put(key, key);
        assert.deepEqual((await take(watch, 3)).map(({ key }) => key), ["a.x", "b", "a.y"]);
    });

    test("sees every change of many, in order", async (given) => {
        const kv = await bucket(given, { history: 64 });
        const watch = await kv.watch();
        const count = 2000;
        const writes = numbers(count).map((i) => kv.put(`k${i % 50}`, i));
        const entries = await take(watch, count);
        assert.deepEqual(entries.map(({ revision }) => revision), numbers(count, 1).map(Number));
        assert.deepEqual((await Promise.all(writes)).sort((a, b) => a - b), numbers(count, 1).map(Number));
    });

    test("goes on when the daemon is killed and started again", async ({ start, open, topic }) => {
        const daemon = await start({ durable: true });
        const { client } = await open({ daemon });
        const kv = await new Kvm(client).create(topic, { history: 64 });
        const watch = await kv.watch();
        await kv.put("a", "before");
        assert.deepEqual((await take(watch, 1)).map(short), [["a", "PUT", 1, "before"]]);
        for (let round = 0; round < 3; round++) {
            const back = statusOf(client, "reconnect");
            await daemon.crash();
            await back;
            assert.equal((await kv.get("a")).revision, round + 1, "it is kept");
            await kv.put("a", `after ${round}`);
            assert.deepEqual((await take(watch, 1)).map(short), [["a", "PUT", round + 2, `after ${round}`]]);
        }
        assert.deepEqual((await all(await kv.history({ key: "a" }))).length, 4);
    });
});
