"use strict";
/*
 * A real log of this machine, the package manager's, goes through "posthorn pub --lines" and comes out of npm subscribers
 * and of "posthorn sub", byte for byte and in order. With one worker and with two; once more with four under WORKERS=4.
 */
const { describe, it } = require("node:test");
const { spawn } = require("node:child_process");
const { once } = require("node:events");
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");

const { Daemon, DEADLINE_MS } = require("./support/daemon");
const { PACKAGES, requirePackage, listen, settle, until } = require("./support/suite");

const LINES_MIN = 30_000;
const WORKER_COUNTS = process.env.WORKERS === "4" ? [4] : [1, 2];

/* Logs first; where they are too short, the package manager's lists of files, which are as real and longer. */
function sources() {
    const within = (directory, pattern) => {
        const names = fs.existsSync(directory) ? fs.readdirSync(directory).sort() : [];
        return names.filter((name) => pattern.test(name)).map((name) => path.join(directory, name));
    };
    return [
        ...within("/var/log", /^dpkg\.log(\.1)?$/),
        ...within("/var/log/apt", /^(history|term)\.log$/),
        ...within("/var/lib/dpkg/info", /\.list$/),
    ];
}

/* { bytes, line_count, files }: whole files, until there are enough lines. */
function realLog() {
    const log = { chunks: [], line_count: 0, files: [] };
    for (const file of sources()) {
        if (log.line_count >= LINES_MIN) break;
        const bytes = fs.readFileSync(file);
        if (bytes.at(-1) !== 10) continue;
        log.chunks.push(bytes);
        log.line_count += bytes.reduce((count, byte) => count + (byte === 10), 0);
        log.files.push(file);
    }
    return { bytes: Buffer.concat(log.chunks), line_count: log.line_count, files: log.files };
}

/* Starts the command line; said(text) waits for text on its stderr or for its end, ended for its end, which must be a good one. */
function posthorn(daemon, words, stdin) {
    const program = process.env.POSTHORN;
    if (!program) throw new Error("set POSTHORN to the command line's path");
    const env = { ...process.env, POSTHORN_URL: daemon.url };
    const child = spawn(program, words, { env, stdio: [stdin, "pipe", "pipe"], timeout: 3 * DEADLINE_MS });
    const chunks = [];
    let errors = "", over = false;
    child.stdout.on("data", (bytes) => chunks.push(bytes));
    child.stderr.on("data", (text) => { errors += text; });
    const ended = once(child, "close").finally(() => { over = true; }).then(([code, signal]) => {
        assert.equal(code ?? signal, 0, `posthorn ${words.join(" ")}: ${errors}`);
        return Buffer.concat(chunks);
    });
    ended.catch(() => {}); /* it is awaited later; a failure until then is not lost */
    return { ended, said: (text) => until(() => over || errors.includes(text), `posthorn said ${text}`) };
}

/* Says where two byte strings part, instead of printing both. */
function assertSame(got, wanted, who) {
    if (got.equals(wanted)) return;
    let at = 0;
    while (at < got.length && at < wanted.length && got[at] === wanted[at]) at++;
    const near = (bytes) => JSON.stringify(bytes.subarray(Math.max(0, at - 40), at + 40).toString("latin1"));
    assert.fail(`${who}: ${got.length} bytes of ${wanted.length}, different from byte ${at} on: ${near(got)} for ${near(wanted)}`);
}

async function carry(log, workers) {
    const topic = "machine.log";
    const daemon = await Daemon.start({ workers });
    const clients = [];
    try {
        for (const name of PACKAGES) clients.push(await requirePackage(name).connect({ servers: daemon.url }));
        const sub = posthorn(daemon, ["sub", "--raw", "--verbose", "--count", String(log.line_count), topic], "ignore");
        await sub.said("subscribed");
        const ears = clients.map((client) => listen(client, topic));
        await settle(...clients);

        const file = path.join(daemon.directory, "log");
        fs.writeFileSync(file, log.bytes);
        const input = fs.openSync(file, "r");
        await posthorn(daemon, ["pub", "--lines", topic], input).ended;
        fs.closeSync(input);
        await settle(...clients);

        ears.forEach(({ messages }, i) => {
            assert.equal(messages.length, log.line_count, PACKAGES[i]);
            const newline = Buffer.from("\n");
            assertSame(Buffer.concat(messages.flatMap((message) => [message.data, newline])), log.bytes, PACKAGES[i]);
        });
        assertSame(await sub.ended, log.bytes, "posthorn sub");
    } finally {
        for (const client of clients) await client.close();
        await daemon.finish();
    }
}

const log = realLog();
const enough = log.line_count >= 10_000;

describe("a real log", { skip: !enough && "there is no package manager's log here" }, () => {
    for (const workers of WORKER_COUNTS)
        it(`passes through ${workers} ${workers === 1 ? "worker" : "workers"}`, { timeout: 4 * DEADLINE_MS }, async (t) => {
            t.diagnostic(`${log.line_count} lines, ${log.bytes.length} bytes, of ${log.files.slice(0, 4).join(", ")} and ${Math.max(0, log.files.length - 4)} more`);
            await carry(log, workers);
        });
});
