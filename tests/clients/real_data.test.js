"use strict";
/*
 * The documentation of this machine, a topic for each package, goes into a stream line by line, with acknowledgements: by
 * libnats, by HTTP message by message and by HTTP in batches. Meanwhile the daemon is killed five times. A durable consumer
 * and a reader of server-sent events follow it all the time, others read it all afterwards, and a bucket is built from it:
 * all agree with the files, line by line.
 *
 * $REAL_DATA_LINES: about how many lines, in place of half a minute's worth.
 */
const assert = require("node:assert/strict");
const { createHash } = require("node:crypto");
const { spawn } = require("node:child_process");
const { once } = require("node:events");
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const readline = require("node:readline");
const { it } = require("node:test");

const { Daemon, DEADLINE_MS, IS_ORACLE } = require("./support/daemon");
const { packagesOf } = require("./support/documentation");
const { EventReader } = require("./support/events");
const { programOf } = require("./support/libnats");
const { MS } = require("./support/jetstream");
const { PACKAGES, requirePackage } = require("./support/suite");

const { connect } = requirePackage(PACKAGES[0]);
const { jetstream, jetstreamManager } = requirePackage("@nats-io/jetstream");
const { Kvm } = requirePackage("@nats-io/kv");

const LINES_MIN = 10_000;
const KILLS = 5;
const BATCH = 500;
const SINGLES_AT_ONCE = 4; /* packages that are published message by message at the same time */
const RETRY_MS = 20;

const lines_max = Number(process.env.REAL_DATA_LINES || 50_000);
const packages = packagesOf({ lines_max, package_lines_max: Math.max(1000, lines_max / 100) });
const line_count = packages.reduce((sum, one) => sum + one.lines.length, 0);
const loader = programOf("libnats_loader");
const LIMIT_MS = Math.max(16 * DEADLINE_MS, lines_max);

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const idOf = (one, index) => `${one.topic}:${index}`;

/* How many lines are acknowledged so far, by whichever way. */
class Progress {
    constructor() { this.by = new Map(); }
    set(who, count) { this.by.set(who, count); }
    add(who, count) { this.set(who, (this.by.get(who) || 0) + count); }
    get total() { return [...this.by.values()].reduce((sum, count) => sum + count, 0); }
}

/* ---------------------------------------------------------------------------------------------------------- publishing */

async function publishByLibnats(daemon, own, progress) {
    const file = path.join(daemon.directory, "lines");
    const rows = own.flatMap((one) => one.lines.flatMap((line, i) => [Buffer.from(`${one.topic}\t${idOf(one, i)}\t`), line, Buffer.from("\n")]));
    fs.writeFileSync(file, Buffer.concat(rows));
    const input = fs.openSync(file, "r");
    const child = spawn(loader, [daemon.url], { stdio: [input, "pipe", "inherit"] });
    fs.closeSync(input);
    readline.createInterface({ input: child.stdout }).on("line", (line) => progress.set("libnats", Number(line.split(" ")[1])));
    const [code, signal] = await once(child, "close");
    assert.equal(code ?? signal, 0, "the loader ends well");
}

/* The answer of a POST, tried again until there is one that is good; many share the connections of the agent. */
async function post(daemon, agent, target, headers, body, isGood) {
    const end = Date.now() + 2 * DEADLINE_MS;
    for (;;) {
        try {
            const request = http.request(daemon.http + target, { method: "POST", agent, headers });
            request.end(body);
            const [response] = await once(request, "response");
            const chunks = [];
            for await (const chunk of response) chunks.push(chunk);
            const text = Buffer.concat(chunks).toString();
            assert.ok(response.statusCode < 400 || response.statusCode >= 500, `${target}: ${response.statusCode} ${text}`);
            if (response.statusCode === 200 && isGood(JSON.parse(text))) return;
        } catch (error) {
            if (error instanceof assert.AssertionError || Date.now() > end) throw error;
        }
        await pause(RETRY_MS);
    }
}

async function publishSingly(daemon, own, progress) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: SINGLES_AT_ONCE });
    const left = [...own];
    const worker = async () => {
        for (let one; (one = left.pop()); )
            for (const [i, line] of one.lines.entries()) {
                const headers = { "Content-Type": "text/plain", "Idempotency-Key": idOf(one, i) };
                await post(daemon, agent, `/v1/topics/${encodeURIComponent(one.topic)}`, headers, line, (answer) => {
                    assert.deepEqual([answer.stream, answer.durable], ["DOCS", true]);
                    return true;
                });
                progress.add("HTTP", 1);
            }
    };
    await Promise.all(Array.from({ length: SINGLES_AT_ONCE }, worker));
    agent.destroy();
}

/* As NDJSON takes it: bytes that are no text are base64. */
function itemOf(one, line, i) {
    const text = line.toString();
    const data = Buffer.from(text).equals(line) ? { data: text } : { data_base64: line.toString("base64") };
    return JSON.stringify({ topic: one.topic, id: idOf(one, i), ...data });
}

async function publishInBatches(daemon, own, progress) {
    const agent = new http.Agent({ keepAlive: true });
    const items = own.flatMap((one) => one.lines.map((line, i) => itemOf(one, line, i)));
    for (let at = 0; at < items.length; at += BATCH) {
        const batch = items.slice(at, at + BATCH);
        const isGood = ({ results }) => results.length === batch.length && results.every((one) => one.durable);
        await post(daemon, agent, "/v1/publish", { "Content-Type": "application/x-ndjson" }, batch.join("\n") + "\n", isGood);
        progress.add("HTTP in batches", batch.length);
    }
    agent.destroy();
}

/* Each package goes one way, so that its lines stay in order. Of the messages that go one by one there are fewest. */
function shares() {
    if (IS_ORACLE) return [[publishByLibnats, packages]];
    const own = { libnats: [], singly: [], batches: [] };
    for (const [i, one] of packages.entries()) own[["libnats", "batches", "libnats", "batches", "singly"][i % 5]].push(one);
    return [
        fs.existsSync(loader) ? [publishByLibnats, own.libnats] : [publishInBatches, own.libnats],
        [publishSingly, own.singly],
        [publishInBatches, own.batches],
    ];
}

/* ------------------------------------------------------------------------------------------------------------- reading */

/* What a reader has heard, and how it differs from the files. */
class Heard {
    constructor() { this.lines = new Map(packages.map(({ topic }) => [topic, []])); this.count = 0; }

    add(topic, bytes) {
        this.lines.get(topic).push(Buffer.from(bytes));
        this.count++;
    }

    check(who) {
        for (const { topic, lines } of packages) {
            const heard = this.lines.get(topic);
            const wrong = lines.findIndex((line, i) => !heard[i]?.equals(line));
            assert.equal(wrong, -1, `${who}: ${topic} differs in line ${wrong}: ${heard[wrong]} for ${lines[wrong]}`);
            assert.equal(heard.length, lines.length, `${who}: ${topic} has too many`);
        }
    }
}

/* Each line's hash goes into the next: what a topic has come to after so many lines. */
const chain = (hash, bytes) => createHash("sha256").update(hash).update(bytes).digest("hex").slice(0, 32);

/* A durable consumer's messages, each once: what comes again after a kill was there before. Its bucket has, for each
 * package, the number of its lines and their chain of hashes. */
class Follower {
    constructor(bucket, heard) { Object.assign(this, { bucket, heard, seen: 0, states: new Map(), changed: new Set() }); }

    take(message) {
        if (message.seq === this.seen + 1) {
            this.seen = message.seq;
            this.heard.add(message.subject, message.data);
            const { count, hash } = this.states.get(message.subject) || { count: 0, hash: "" };
            this.states.set(message.subject, { count: count + 1, hash: chain(hash, message.data) });
            this.changed.add(message.subject);
        } else assert.ok(message.seq <= this.seen, `${message.seq} comes after ${this.seen}`);
    }

    /* What has changed goes into the bucket, and then the messages are done. */
    async settle(messages) {
        const puts = [...this.changed].map((topic) => this.put(topic));
        this.changed.clear();
        await Promise.all(puts);
        for (const message of messages) message.ack();
    }

    async put(topic) {
        const value = JSON.stringify(this.states.get(topic)), end = Date.now() + 2 * DEADLINE_MS;
        for (;;)
            try {
                return await this.bucket.put(topic.slice("docs.".length), value);
            } catch (error) {
                if (Date.now() > end) throw error; /* it was no kill */
                await pause(RETRY_MS);
            }
    }
}

async function follow(js, name, follower) {
    const consumer = await js.consumers.get("DOCS", name);
    while (follower.heard.count < line_count) {
        const messages = [];
        try {
            for await (const message of await consumer.fetch({ max_messages: 1000, expires: 1000 })) {
                messages.push(message);
                follower.take(message);
            }
        } catch (error) {
            if (error instanceof assert.AssertionError) throw error; /* anything else: the daemon was killed */
        }
        await follower.settle(messages);
    }
}

function readEvents(daemon, heard) {
    let last = 0;
    return new EventReader(`${daemon.http}/v1/topics/docs.*/sse?since=all&data=json`, ({ type, data }) => {
        const event = JSON.parse(data);
        assert.equal(type, "message", data);
        assert.equal(event.seq, last + 1, `number ${event.seq} after ${last}`);
        last = event.seq;
        heard.add(event.topic, event.data === undefined ? Buffer.from(event.data_base64, "base64") : Buffer.from(event.data));
    });
}

async function checkBucket(bucket) {
    for (const { topic, lines } of packages) {
        const entry = await bucket.get(topic.slice("docs.".length));
        assert.ok(entry, `the bucket has ${topic}`);
        assert.deepEqual(JSON.parse(entry.string()), { count: lines.length, hash: lines.reduce(chain, "") }, topic);
    }
    let keys = 0;
    for await (const key of await bucket.keys()) keys += key.length > 0;
    assert.equal(keys, packages.length);
}

/* --------------------------------------------------------------------------------------------------------------- the run */

/* Not before the reader of events is back from the kill before. */
async function killNowAndThen(daemon, progress, published, events) {
    let over = false;
    published.finally(() => { over = true; }).catch(() => {});
    for (let kill = 1; kill <= KILLS; kill++) {
        while (!over && progress.total < (line_count * kill) / (KILLS + 1)) await pause(2);
        assert.ok(!over || progress.total === line_count, "publishing went well");
        await events?.until(() => events.connections >= kill);
        await daemon.crash();
    }
}

async function carry(t, daemon, client) {
    const limits = { timeout: DEADLINE_MS };
    const [js, jsm] = [jetstream(client, limits), await jetstreamManager(client, limits)];
    await jsm.streams.add({ name: "DOCS", subjects: ["docs.*"], duplicate_window: 1_800_000 * MS, allow_direct: true });
    const bucket = await new Kvm(client).create("docs", { timeout: 1000 });
    const consumer = { ack_policy: "explicit", ack_wait: 2000 * MS, max_ack_pending: 5000 };
    for (const durable_name of ["live", "late"]) await jsm.consumers.add("DOCS", { ...consumer, durable_name });

    const progress = new Progress();
    const heard = { live: new Heard(), late: new Heard(), events: new Heard(), again: new Heard() };
    const begun = Date.now();
    const events = IS_ORACLE ? null : readEvents(daemon, heard.events);
    const following = follow(js, "live", new Follower(bucket, heard.live));
    const published = Promise.all(shares().map(([publish, own]) => publish(daemon, own, progress)));
    await Promise.all([published, killNowAndThen(daemon, progress, published, events)]);
    t.diagnostic(`${line_count} lines of ${packages.length} packages in ${(Date.now() - begun) / 1000} s: ${JSON.stringify([...progress.by])}`);

    await following;
    heard.live.check("the consumer that followed");
    const { state } = await jsm.streams.info("DOCS");
    assert.deepEqual([state.messages, state.first_seq, state.last_seq], [line_count, 1, line_count]);
    await checkBucket(bucket);
    await follow(js, "late", new Follower(bucket, heard.late));
    heard.late.check("the consumer that came late");
    if (!events) return;
    await events.until(() => heard.events.count >= line_count);
    await events.close();
    assert.ok(events.connections > KILLS, "it came back after each kill");
    heard.events.check("the reader of events that followed");
    const again = readEvents(daemon, heard.again);
    await again.until(() => heard.again.count >= line_count);
    await again.close();
    heard.again.check("the reader of events that came late");
}

it("lines of documentation are kept over kills, each once and in order", { timeout: LIMIT_MS, skip: line_count < LINES_MIN && "there is too little documentation here" }, async (t) => {
    const daemon = await Daemon.start({ durable: true });
    const client = await connect({ servers: daemon.url, reconnectTimeWait: 20, reconnectJitter: 20, maxReconnectAttempts: -1 });
    try {
        await carry(t, daemon, client);
    } finally {
        await client.close();
        await daemon.finish();
    }
});
