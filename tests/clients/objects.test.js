"use strict";
/* Object stores, as @nats-io/obj keeps them in a stream: objects of some MB in chunks, with a digest. */
const assert = require("node:assert/strict");
const { createHash, webcrypto } = require("node:crypto");

const { streams, take } = require("./support/jetstream");
const { requirePackage, statusOf } = require("./support/suite");

globalThis.crypto ??= webcrypto; /* the package takes it for granted; node 18 has it elsewhere */

const { Objm } = requirePackage("@nats-io/obj");

const MIB = 1024 * 1024;

/* Bytes that differ from place to place; always the same, so that a failure comes back. */
function bytesOf(size, seed = 1) {
    const bytes = Buffer.allocUnsafe(size);
    for (let i = 0, state = seed; i < size; i++) {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        bytes[i] = state >>> 24;
    }
    return bytes;
}

/* Comes in pieces of odd sizes. */
function streamOf(bytes) {
    let at = 0, piece = 1;
    return new ReadableStream({
        pull(controller) {
            if (at >= bytes.length) return controller.close();
            controller.enqueue(bytes.subarray(at, at + piece));
            at += piece;
            piece = piece * 3 % 200_003 + 1;
        },
    });
}

async function read({ data, error }) {
    const chunks = [];
    for await (const chunk of data) chunks.push(chunk);
    assert.ifError(await error);
    return Buffer.concat(chunks);
}

const digest = (bytes) => `SHA-256=${createHash("sha256").update(bytes).digest("base64url")}`;
const names = async (store) => (await store.list()).map((info) => info.name).sort();

streams("an object store", (test) => {
    const open = ({ client, topic }, options) => new Objm(client).create(topic, options);

    test("gives objects of many sizes back as they were", async (given) => {
        const store = await open(given);
        for (const size of [0, 1, 1000, 128 * 1024, 128 * 1024 + 1, MIB, 5 * MIB]) {
            const bytes = bytesOf(size);
            const info = await store.put({ name: `of ${size} bytes` }, streamOf(bytes));
            assert.deepEqual([info.size, info.chunks], [size, Math.ceil(size / (128 * 1024))]);
            assert.equal(info.digest.replace(/=+$/, ""), digest(bytes).replace(/=+$/, ""));
            assert.ok(bytes.equals(await read(await store.get(`of ${size} bytes`))), `${size} bytes`);
        }
        assert.equal((await store.list()).length, 7);
    });

    test("keeps what is said of an object", async (given) => {
        const store = await open(given);
        const meta = { name: "a/b c?ü", description: "a few words", metadata: { colour: "red" }, options: { max_chunk_size: 1000 } };
        const info = await store.putBlob(meta, bytesOf(10_500));
        assert.deepEqual([info.chunks, info.bucket], [11, given.topic]);
        const found = await store.info(meta.name);
        assert.deepEqual([found.name, found.description, found.metadata, found.size], [meta.name, meta.description, meta.metadata, 10_500]);
        await store.update(meta.name, { name: "other", description: "more words" });
        assert.equal(await store.info(meta.name), null);
        assert.equal((await store.info("other")).description, "more words");
        assert.ok(bytesOf(10_500).equals(Buffer.from(await store.getBlob("other"))));
    });

    test("replaces an object, and takes the old chunks out", async (given) => {
        const store = await open(given);
        await store.putBlob({ name: "a" }, bytesOf(3 * MIB, 1));
        const before = (await store.status()).streamInfo.state;
        await store.putBlob({ name: "a" }, bytesOf(MIB, 2));
        const after = (await store.status()).streamInfo.state;
        assert.deepEqual([before.messages, after.messages], [25, 9]);
        assert.ok(bytesOf(MIB, 2).equals(Buffer.from(await store.getBlob("a"))));
    });

    test("lists, deletes and forgets", async (given) => {
        const store = await open(given);
        for (const name of ["a", "b", "c"]) await store.putBlob({ name }, bytesOf(1000));
        assert.deepEqual(await names(store), ["a", "b", "c"]);
        assert.equal((await store.delete("b")).success, true);
        assert.deepEqual(await names(store), ["a", "c"]);
        assert.equal(await store.getBlob("b"), null);
        assert.equal((await store.info("b")).deleted, true);
        assert.equal(await store.getBlob("nothing"), null);
        assert.equal(await store.destroy(), true);
    });

    test("links an object, and is watched", async (given) => {
        const store = await open(given);
        const watch = await store.watch({ includeHistory: true });
        const info = await store.putBlob({ name: "a" }, bytesOf(1000));
        await store.link("link", info);
        assert.ok(bytesOf(1000).equals(Buffer.from(await store.getBlob("link"))));
        await store.delete("a");
        const seen = (await take(watch, 3)).map(({ name, deleted }) => [name, Boolean(deleted)]);
        assert.deepEqual(seen, [["a", false], ["link", false], ["a", true]]);
    });

    test("is sealed for good", async (given) => {
        const store = await open(given);
        await store.putBlob({ name: "a" }, bytesOf(1000));
        assert.equal((await store.seal()).sealed, true);
        await assert.rejects(store.putBlob({ name: "b" }, bytesOf(1000)));
        assert.ok(bytesOf(1000).equals(Buffer.from(await store.getBlob("a"))));
    });

    test("has all its objects when the daemon was killed", async ({ start, open: connect, topic }) => {
        const daemon = await start({ durable: true });
        const { client } = await connect({ daemon });
        const store = await new Objm(client).create(topic);
        await store.putBlob({ name: "a" }, bytesOf(4 * MIB));
        const back = statusOf(client, "reconnect");
        await daemon.crash();
        await back;
        assert.ok(bytesOf(4 * MIB).equals(Buffer.from(await store.getBlob("a"))));
        await store.putBlob({ name: "b" }, bytesOf(MIB, 2));
        assert.deepEqual(await names(store), ["a", "b"]);
    });
});
