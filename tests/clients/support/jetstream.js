"use strict";
/*
 * Runs each test with npm's @nats-io/jetstream, against a daemon that the suite shares and that keeps streams in a
 * directory of its own.
 *
 *   streams("acknowledgement", (test) => {
 *       test("names the sequence", async ({ js, stream }) => { ... });
 *   });
 *
 * A test is given what suite.js gives it, and
 *   js, jsm             a client and a manager of streams, on a connection of their own (client)
 *   stream(config)      makes a stream with a name of its own that keeps `${topic}.>`; returns the name
 *   open(options)       { client, js, jsm } on one more connection, on options.daemon if that is there
 *
 * test.posthornd(...) is for what Debian's nats-server does not have, or does not keep: not run where $ORACLE names one.
 */
const { it } = require("node:test");
const assert = require("node:assert/strict");

const { DEADLINE_MS, IS_ORACLE } = require("./daemon");
const { PACKAGES, requirePackage, runTest, withDaemon } = require("./suite");

const nats = requirePackage(PACKAGES[0]);
const { jetstream, jetstreamManager } = requirePackage("@nats-io/jetstream");

const MS = 1_000_000; /* in nanoseconds, as the API counts */

let stream_count = 0;

function streams(title, define) {
    withDaemon(title, { durable: true }, (daemonOf) => {
        const limits = { timeout: 3 * DEADLINE_MS };
        const test = (sentence, body) => it(sentence, limits, (t) => run(daemonOf(), t, body));
        test.posthornd = (sentence, body) =>
            it(sentence, { ...limits, skip: IS_ORACLE && "nats-server does not do it" }, (t) => run(daemonOf(), t, body));
        define(test);
    });
}

function run(daemon, t, body) {
    return runTest(nats, daemon, t, async (given) => {
        const open = (options) => openJetStream(given.connect, options);
        const own = await open();
        const stream = (config = {}, jsm = own.jsm) => addStream(jsm, given.topic, config);
        await body({ ...given, ...own, open, stream });
    });
}

/* A client that comes back quickly after a restart, however long that takes. */
async function openJetStream(connect, options) {
    const client = await connect({ reconnectTimeWait: 20, reconnectJitter: 20, maxReconnectAttempts: -1, ...options });
    const limits = { timeout: DEADLINE_MS };
    return { client, js: jetstream(client, limits), jsm: await jetstreamManager(client, limits) };
}

async function addStream(jsm, topic, config) {
    const name = `S${++stream_count}`;
    await jsm.streams.add({ name, subjects: [`${topic}.>`], ...config });
    return name;
}

/* Publishes one message a text, all in flight at once; returns their sequences. */
async function publishAll(js, topic, texts) {
    const acks = await Promise.all(texts.map((text) => js.publish(topic, text)));
    return acks.map((ack) => ack.seq);
}

const numbers = (count, first = 0) => Array.from({ length: count }, (_, i) => String(first + i));

const iterators = new WeakMap();

/* The next messages of an iterator, and no more: it stays open, and can be taken from again. */
async function take(messages, count) {
    if (!iterators.has(messages)) iterators.set(messages, messages[Symbol.asyncIterator]());
    const taken = [];
    while (taken.length < count) {
        const { value, done } = await iterators.get(messages).next();
        if (done) break;
        taken.push(value);
    }
    return taken;
}

/* Ends an iterator that was taken from. */
async function enough(messages) {
    await iterators.get(messages)?.return();
    await messages.close();
}

/* All that a fetch brings. */
async function fetchAll(consumer, options) {
    const messages = [];
    for await (const message of await consumer.fetch(options)) messages.push(message);
    return messages;
}

const texts = (messages) => messages.map((message) => message.string());

/* Awaits a promise that must fail; returns the number of the API's error, or what else is known of it. */
async function errorOf(promise) {
    try {
        await promise;
    } catch (error) {
        const inner = typeof error.apiError === "function" ? error.apiError() : undefined;
        return inner?.err_code ?? error.code ?? error.name;
    }
    return assert.fail("it was to fail, and did not");
}

/* One request in the API's own words, for what the client does not offer. */
async function ask(client, path, body) {
    const answer = await client.request(`$JS.API.${path}`, body === undefined ? "" : JSON.stringify(body), { timeout: DEADLINE_MS });
    return answer.json();
}

module.exports = { streams, publishAll, numbers, take, enough, fetchAll, texts, errorOf, ask, nats, MS };
