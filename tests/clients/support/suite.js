"use strict";
/*
 * Runs each test with every npm package that speaks the protocol, against a daemon that the suite shares.
 *
 *   suite("drain", (test) => {
 *       test("ends the connection", async ({ connect, topic }) => { ... });
 *   });
 *
 * A test is given
 *   connect(options)    a client on the suite's daemon, or on options.daemon; closed after the test
 *   start(options)      a daemon of the test's own (options as in daemon.js); stopped after the test
 *   topic               a name that no other test uses
 *   nats                the package itself: headers(), createInbox()
 */
const { describe, it, before, after } = require("node:test");
const { once } = require("node:events");
const { createRequire } = require("node:module");
const path = require("node:path");

const { Daemon, DEADLINE_MS } = require("./daemon");

/* make installs the packages in the build tree, which need not be the source tree. */
const directory = process.env.CLIENT_PACKAGES || path.dirname(__dirname);
const requirePackage = createRequire(path.join(path.resolve(directory), "package.json"));
const PACKAGES = ["@nats-io/transport-node", "nats"];

let topic_count = 0;

function suite(title, ...rest) {
    const define = rest.pop();
    const options = rest.pop() || {};
    for (const name of PACKAGES)
        withDaemon(`${title}, by ${name}`, options, (daemonOf) => {
            const nats = requirePackage(name);
            define((sentence, body) => it(sentence, { timeout: 3 * DEADLINE_MS }, (t) => runTest(nats, daemonOf(), t, body)));
        });
}

/* A block of tests with a daemon of its own; define is given a function that returns it, once the tests run. */
function withDaemon(title, options, define) {
    describe(title, () => {
        let daemon;
        before(async () => { daemon = await Daemon.start(options); });
        after(async () => { await daemon.finish(); });
        define(() => daemon);
    });
}

/* Where time is up nothing is waited for any more, so that what was opened is closed. */
async function runTest(nats, shared, { signal }, body) {
    const connections = [], daemons = [];
    const connect = async ({ daemon = shared, ...options } = {}) => {
        const connection = await nats.connect({ servers: daemon.url, timeout: DEADLINE_MS, ...options });
        connections.push(connection);
        return connection;
    };
    const start = async (options) => {
        const daemon = await Daemon.start(options);
        daemons.push(daemon);
        return daemon;
    };
    try {
        await Promise.race([body({ connect, start, nats, daemon: shared, topic: `test${++topic_count}` }), once(signal, "abort")]);
    } finally {
        for (const connection of connections) await connection.close();
        for (const daemon of daemons) await daemon.finish();
    }
}

/* A subscription that keeps all it is given. */
function listen(connection, pattern, options = {}) {
    const messages = [];
    const subscription = connection.subscribe(pattern, {
        ...options,
        callback: (error, message) => { messages.push(error || message); },
    });
    return { subscription, messages, texts: () => messages.map((message) => message.string()) };
}

/*
 * After this, all that the first connections sent has reached the others: PING and PONG on each in turn are the
 * barrier that the protocol promises.
 */
async function settle(...connections) {
    for (const connection of connections) await connection.flush();
}

/* Waits until question() holds; look again at each tick of the event loop, for it is other sockets that we wait for. */
async function until(question, what) {
    const deadline = Date.now() + DEADLINE_MS;
    while (!(await question())) {
        if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 2));
    }
}

/* Resolves when the connection reports an event of this type. */
async function statusOf(connection, type) {
    for await (const event of connection.status())
        if (event.type === type) return event;
    throw new Error(`the connection closed before it reported ${type}`);
}

/* Errors differ between the packages in class and code: here is one word for each kind. */
const ERRORS = [
    ["no responders", /^503$|no ?responders/i],
    ["timeout", /timeout/i],
    ["authorization", /authorization/i],
    ["permissions", /permission/i],
    ["payload", /max_payload|MAX_PAYLOAD_EXCEEDED|Maximum Payload Violation/i],
];

function errorKind(error) {
    const texts = [];
    for (let e = error; e; e = e.cause) texts.push(e.name, String(e.code), e.message);
    for (const [kind, pattern] of ERRORS)
        if (texts.some((text) => pattern.test(text))) return kind;
    return texts.join(": ");
}

/* Awaits a promise that must fail, and returns the kind of its error. */
async function failureOf(promise) {
    try {
        await promise;
    } catch (error) {
        return errorKind(error);
    }
    return "no error";
}

module.exports = { suite, withDaemon, runTest, listen, settle, until, statusOf, failureOf, errorKind, requirePackage, PACKAGES };
