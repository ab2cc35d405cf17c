"use strict";
/*
 * Real input: this repository's own history, an event for each folder that a commit touched, published by curl as NDJSON.
 * A page, a long poller, a short poller, a reader of NDJSON and a NATS client each end with exactly the same sequence. In
 * the middle the daemon is killed: those who read by HTTP go on, and what it lost is told as a gap.
 */
const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");

const { suite, until } = require("./support/suite");
const { Stream } = require("./support/stream");

const TREE = process.env.srcdir || path.join(__dirname, "..", "..");
const COMMITS = 300;
const PATTERNS = "git,git.>";
const POLLS = { http: { retry: "100ms", poll_interval_min: "off" } };

const topic_of = (folder) => ["git", ...folder.split("/").filter((token) => token && token !== ".")]
    .map((token) => token.replace(/[. ]/g, "_")).join(".");

/* { topic, data } of each; where there is no git, as in a tarball, the files of the tree stand in for its commits. */
function real_events() {
    if (!fs.existsSync(path.join(TREE, ".git"))) return file_events();
    const log = execFileSync("git", ["-C", TREE, "log", "--reverse", "--name-only", "--format=%x01%h %s"], { encoding: "utf8" });
    return log.split("\x01").slice(1).slice(-COMMITS).flatMap((entry) => {
        const [data, ...names] = entry.split("\n").filter(Boolean);
        const folders = [...new Set(names.map((name) => path.dirname(name)))].sort();
        return folders.map((folder) => ({ topic: topic_of(folder), data }));
    });
}

function file_events() {
    const names = fs.readdirSync(path.join(TREE, "src"), { recursive: true }).map(String).sort();
    return names.map((name) => ({ topic: topic_of(path.dirname(name)), data: name }));
}

function curl(daemon, events) {
    const file = path.join(daemon.directory, "events.ndjson");
    fs.writeFileSync(file, events.map((event) => JSON.stringify(event)).join("\n") + "\n");
    const answer = execFileSync("curl", ["--silent", "--show-error", "--fail", "--data-binary", `@${file}`,
        "-H", "Content-Type: application/x-ndjson", `${daemon.http}/v1/publish`], { encoding: "utf8", maxBuffer: 1 << 26 });
    assert.equal(JSON.parse(answer).results.filter(({ seq }) => seq).length, events.length);
}

const pair = ({ topic, data }) => ({ topic, data });

/* Asks again and again, at `next`, until it is ended; a daemon that is away is asked later. */
class Poller {
    constructor(daemon, wait) {
        Object.assign(this, { daemon, wait, since: "all", got: [], gaps: 0, controller: new AbortController() });
        this.done = this.run();
    }

    async run() {
        while (!this.controller.signal.aborted)
            await this.poll().catch(() => new Promise((resolve) => setTimeout(resolve, 20)));
    }

    async poll() {
        const query = `since=${this.since}&limit=100${this.wait ? `&wait=${this.wait}` : ""}`;
        const { signal } = this.controller;
        const answer = await fetch(`${this.daemon.http}/v1/topics/${encodeURIComponent(PATTERNS)}?${query}`, { signal });
        const { messages, next, gap } = await answer.json();
        this.got.push(...messages.map(pair));
        this.gaps += gap;
        this.since = next;
    }

    end() {
        this.controller.abort();
        return this.done;
    }
}

/* Reads lines as they come, and comes back with the cursor of the last. */
class Lines extends Poller {
    async poll() {
        const address = `${this.daemon.http}/v1/topics/${encodeURIComponent(PATTERNS)}/ndjson?since=${this.since}`;
        const { body } = await fetch(address, { signal: this.controller.signal });
        let rest = "";
        for await (const piece of body.pipeThrough(new TextDecoderStream())) {
            const lines = (rest + piece).split("\n");
            rest = lines.pop();
            for (const line of lines.filter(Boolean)) this.take(JSON.parse(line));
        }
    }

    take(item) {
        this.since = item.gap ? item.gap.to : item.id;
        if (item.gap) this.gaps++;
        else this.got.push(pair(item));
    }
}

async function subscribe(client) {
    const got = [];
    for (const subject of PATTERNS.split(","))
        client.subscribe(subject, { callback: (_, message) => got.push({ topic: message.subject, data: message.string() }) });
    await client.flush();
    return got;
}

suite("a real history", POLLS, (test) => {
    test("comes to everybody in one order, across a daemon that is killed", async ({ blank, start, connect, ends }) => {
        const events = real_events(), half = Math.floor(events.length / 2);
        const daemon = await start(POLLS);
        const page = await Stream.open(await blank(daemon.http), `/v1/topics/${PATTERNS}?since=all&data=json`);
        const pollers = [new Poller(daemon, "20s"), new Poller(daemon), new Lines(daemon)];
        for (const poller of pollers) ends(poller, (made) => made.end());
        const heard = async () => (await page.texts()).map((text) => pair(JSON.parse(text)));
        const all_have = (count) => until(async () => pollers.every(({ got }) => got.length >= count) &&
            (await heard()).length >= count, `everybody has ${count} events`);

        const client = await connect(daemon);
        const before = await subscribe(client);
        curl(daemon, events.slice(0, half));
        await all_have(half);
        await until(() => before.length >= half, "the NATS client has its half");
        await client.close(); /* or it would be back by itself, at a moment of its own */
        await daemon.crash();
        const after = await subscribe(await connect(daemon));
        curl(daemon, events.slice(half));
        await all_have(events.length);
        await until(() => before.length + after.length >= events.length, "the NATS client has all");

        for (const got of [[...before, ...after], ...pollers.map((poller) => poller.got), await heard()])
            assert.deepEqual(got, events);
        for (const poller of pollers) assert.equal(poller.gaps, 1, "the daemon's end is told as a gap, once");
        assert.equal((await page.gaps()).length, 1);
    });
});
