"use strict";
/*
 * Runs tests in Chromium, against a daemon that the suite shares.
 *
 *   suite("event source", { recent: { messages_max: 10 } }, (test) => {
 *       test("hears what is published", async ({ open, daemon, topic }) => { ... });
 *   });
 *
 * A test is given
 *   open(address, context)   a page at that address, in a browser context of its own (options as Playwright's)
 *   blank(origin)            a page of that origin (the daemon's by default) with nothing on it, to run code in
 *   connect()                a NATS client on the daemon; closed after the test
 *   start(options)           a daemon of the test's own (options as in daemon.js); stopped after the test
 *   publish(topic, payload)  over HTTP, to the daemon
 *   daemon, topic            the shared daemon; a name that no other test uses
 *
 * The browser is $CHROMIUM, which configure looked for; the suite is skipped where there is none.
 */
const { describe, it, before, after } = require("node:test");
const fs = require("node:fs");

const { Daemon, DEADLINE_MS } = require("../../clients/support/daemon");
const { requirePackage } = require("../../clients/support/suite");

const SKIPPED = 77;
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
if (!fs.existsSync(CHROMIUM)) {
    console.log("skipped: needs chromium (Debian: chromium)");
    process.exit(SKIPPED);
}

let chromium, nats;
try {
    ({ chromium } = requirePackage("playwright-core"));
    nats = requirePackage("nats");
} catch (error) {
    console.log(`skipped: needs the npm packages (make client-packages): ${error.message}`);
    process.exit(SKIPPED);
}

let topic_count = 0;

/* options: what daemon.js takes, and args: of the browser. */
function suite(title, { args = [], ...options }, define) {
    describe(title, () => {
        const shared = {};
        before(async () => {
            shared.daemon = await Daemon.start(options);
            shared.browser = await chromium.launch({ executablePath: CHROMIUM, args, timeout: 3 * DEADLINE_MS });
        });
        after(async () => {
            await shared.browser?.close();
            await shared.daemon?.finish();
        });
        define((sentence, body) => it(sentence, { timeout: 6 * DEADLINE_MS }, () => run_test(shared, body)));
    });
}

async function run_test({ browser, daemon: shared_daemon }, body) {
    const endings = [];
    const ends = (thing, end) => {
        endings.push(() => end(thing));
        return thing;
    };
    const open = async (address, context_options = {}) => {
        const context = ends(await browser.newContext(context_options), (made) => made.close());
        context.setDefaultTimeout(DEADLINE_MS);
        const page = await context.newPage();
        page.faults = faults_of(page);
        page.answer = await page.goto(address);
        return page;
    };
    const given = {
        open,
        blank: (origin = shared_daemon.http) => open(`${origin}/healthz`),
        connect: async (daemon = shared_daemon) => ends(await nats.connect({ servers: daemon.url }), (made) => made.close()),
        start: async (options) => ends(await Daemon.start(options), (made) => made.finish()),
        ends, daemon: shared_daemon, topic: `test${++topic_count}`,
        publish: (topic, payload, daemon = shared_daemon) => publish(daemon, topic, payload),
    };
    try {
        await body(given);
    } finally {
        for (const end of endings.reverse()) await end();
    }
}

async function publish(daemon, topic, payload) {
    const response = await fetch(`${daemon.http}/v1/topics/${topic}`, { method: "POST", body: payload });
    if (!response.ok) throw new Error(`POST ${topic}: ${response.status} ${await response.text()}`);
    return response.json();
}

/* What a page complains of: what its scripts throw, and what the console calls an error. */
function faults_of(page) {
    const faults = [];
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    return faults;
}

/* Waits until question() holds; it is the browser and sockets that we wait for. */
async function until(question, what) {
    const deadline = Date.now() + DEADLINE_MS;
    for (;;) {
        const answer = await question();
        if (answer) return answer;
        if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
    }
}

module.exports = { suite, until, requirePackage, DEADLINE_MS };
