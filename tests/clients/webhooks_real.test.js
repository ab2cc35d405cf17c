"use strict";
/*
 * Every line that this repository's history has changed, in the order in which that happened, keyed by its file, is
 * published with acknowledgements and goes over HTTPS to nginx, and from there to a verifier. Meanwhile, by chance, the
 * verifier is stopped and slowed and nginx restarted, and the daemon is killed with -9 three times. Every message arrives,
 * signed, and those of a file in order; what arrives twice is counted, and had its answer lost, or was answered within the
 * last write interval before a kill.
 *
 * $REAL_WEBHOOK_MESSAGES: how many, in place of what takes half a minute. $REAL_WEBHOOK_SEED: the chance of another run.
 */
const assert = require("node:assert/strict");
const { execFileSync, spawn } = require("node:child_process");
const { once } = require("node:events");
const fs = require("node:fs");
const http = require("node:http");
const net = require("node:net");
const path = require("node:path");
const { it } = require("node:test");

const { can_make, makeCertificates } = require("./support/certificates");
const { Daemon, DEADLINE_MS } = require("./support/daemon");
const { requirePackage } = require("./support/suite");
const { LOOPBACK, addWebhook } = require("./support/webhooks");

const { Webhook } = requirePackage("standardwebhooks");

const SOURCE = process.env.srcdir || path.join(__dirname, "../..");
const NGINX = ["/usr/sbin/nginx", "/usr/local/sbin/nginx"].find((file) => fs.existsSync(file));
const MESSAGES = Number(process.env.REAL_WEBHOOK_MESSAGES || 8_000);
const SEED = Number(process.env.REAL_WEBHOOK_SEED || Date.now() % 1_000_000);
const PATIENCE = Number(process.env.PATIENCE || 1);
const LIMIT_MS = 12 * DEADLINE_MS + 2 * MESSAGES;
const KILLS = 3;
const BATCH = 500;
const WRITE_INTERVAL_MS = 100;
const CLOCK_MS = 150 * PATIENCE; /* by which what this process sees may be late, with the write itself */

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* Numbers below a bound, the same for the same seed. */
function chanceOf(seed) {
    let state = seed >>> 0;
    return (bound) => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return Math.floor((state / 2 ** 32) * bound);
    };
}

/* ------------------------------------------------------------------------------------------------------------- messages */

/* { file, text } of each line. Where there is no git, as in a tarball, the lines of the tree stand in for its history. */
function realLines() {
    return fs.existsSync(path.join(SOURCE, ".git")) ? historyLines() : treeLines();
}

function historyLines() {
    const words = ["-C", SOURCE, "log", "--reverse", "--no-color", "--no-ext-diff", "-p", "-U0", "--format="];
    const log = execFileSync("git", words, { maxBuffer: 1 << 30 }).toString();
    const lines = [];
    let file = "";
    for (const text of log.split("\n")) {
        file = text.match(/^diff --git a\/(\S+)/)?.[1] ?? file;
        if (file) lines.push({ file, text });
    }
    return lines;
}

function treeLines() {
    return ["src", "clients", "tests", "doc"].flatMap((folder) =>
        fs.readdirSync(path.join(SOURCE, folder), { recursive: true }).map((name) => path.join(folder, String(name))).sort()
            .filter((file) => fs.statSync(path.join(SOURCE, file)).isFile())
            .flatMap((file) => fs.readFileSync(path.join(SOURCE, file)).toString().split("\n").map((text) => ({ file, text }))));
}

/* With its number among those of its file, by which order is seen. */
function messagesOf(lines) {
    const counts = new Map();
    return lines.slice(0, MESSAGES).map(({ file, text }) => {
        const number = counts.get(file) || 0;
        counts.set(file, number + 1);
        return { file, number, text };
    });
}

const topicOf = ({ file }) => ["history", ...path.dirname(file).split("/")].map((token) => token.replace(/[^\w-]/g, "_")).join(".");

/* An item of a batch: its id makes it the same message when it has to be published again. */
const itemOf = (message, i) => JSON.stringify({
    topic: topicOf(message), id: String(i), headers: { File: message.file, Number: String(message.number) }, data: message.text,
});

/* ------------------------------------------------------------------------------------------------------------ receiving */

/* The verifier behind nginx: notes every arrival, and whether its answer was lost here. */
class Verifier {
    constructor(secret) {
        Object.assign(this, { webhook: new Webhook(secret), arrivals: [], slow_ms: 0, faults: [] });
    }

    async open(port = 0) {
        while (!await this.listen(port)) await pause(20);
        this.port = this.server.address().port;
    }

    /* False: while it was away somebody else took its port, as who connects somewhere does for a moment. */
    async listen(port) {
        this.server = http.createServer({ keepAliveTimeout: 600_000 }, (request, response) => this.take(request, response));
        this.server.listen(port, "127.0.0.1");
        const error = await once(this.server, "listening").then(() => null, (reason) => reason);
        if (error && error.code !== "EADDRINUSE") throw error;
        return !error;
    }

    /* Whatever is under way is broken off. */
    async stop() {
        this.server.closeAllConnections();
        this.server.close();
        await once(this.server, "close");
    }

    async take(request, response) {
        const chunks = [];
        for await (const chunk of request) chunks.push(chunk);
        const arrival = { ...this.read(request.headers, Buffer.concat(chunks)), is_lost: true };
        this.arrivals.push(arrival);
        response.once("finish", () => Object.assign(arrival, { is_lost: false, answered_ms: Date.now() }));
        if (this.slow_ms) await pause(this.slow_ms);
        response.writeHead(204).end();
    }

    read(headers, body) {
        try {
            this.webhook.verify(body.toString(), headers, { jsonParse: false });
        } catch (error) {
            this.faults.push(`${error.message}: ${JSON.stringify(headers)} ${body}`);
        }
        return { id: headers["webhook-id"], file: headers["posthorn-header-file"], number: Number(headers["posthorn-header-number"]), text: body.toString(), ms: Date.now() };
    }
}

const CONFIG = ({ directory, port, certificate, key, behind }) => `
worker_processes 1; daemon off; pid ${directory}/nginx.pid; error_log ${directory}/nginx.log crit;
events { worker_connections 1024; }
http {
  access_log off; client_body_buffer_size 256k; keepalive_requests 1000000;
  client_body_temp_path ${directory}/t1; proxy_temp_path ${directory}/t2; fastcgi_temp_path ${directory}/t3;
  uwsgi_temp_path ${directory}/t4; scgi_temp_path ${directory}/t5;
  upstream verifier { server 127.0.0.1:${behind} max_fails=0; keepalive 128; }
  server {
    listen 127.0.0.1:${port} ssl http2; ssl_certificate ${certificate}; ssl_certificate_key ${key};
    location / { proxy_pass http://verifier; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_next_upstream off; }
  }
}
`;

class Nginx {
    constructor(options) {
        Object.assign(this, options);
        this.config = path.join(this.directory, "nginx.conf");
        fs.writeFileSync(this.config, CONFIG(this));
    }

    async start() {
        this.child = spawn(NGINX, ["-p", this.directory, "-c", this.config], { stdio: "ignore" });
        this.exited = once(this.child, "exit");
        for (const end = Date.now() + DEADLINE_MS; !(await this.listens()); await pause(5))
            assert.ok(Date.now() < end && this.child.exitCode === null, "nginx listens");
    }

    listens() {
        return new Promise((resolve) => {
            const socket = net.connect(this.port, "127.0.0.1", () => resolve(true));
            socket.on("error", () => resolve(false)).on("close", () => resolve(false));
            socket.on("connect", () => socket.destroy());
        });
    }

    async stop() {
        this.child.kill("SIGTERM");
        await this.exited;
    }
}

async function freePort() {
    const server = net.createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address();
    server.close();
    await once(server, "close");
    return port;
}

/* ------------------------------------------------------------------------------------------------------------- trouble */

/* From one trouble to the next until all has arrived. Each is noted with its beginning and end. */
const TROUBLES = {
    stopped: async ({ verifier }, chance) => {
        await verifier.stop();
        await pause(50 + chance(300));
        await verifier.open(verifier.port);
    },
    slowed: async ({ verifier }, chance) => {
        verifier.slow_ms = 1 + chance(30);
        await pause(100 + chance(400));
        verifier.slow_ms = 0;
    },
    restarted: async ({ nginx }, chance) => {
        await nginx.stop();
        await pause(chance(200));
        await nginx.start();
    },
};

async function trouble(scene, chance) {
    const words = Object.keys(TROUBLES);
    while (!scene.is_over) {
        await pause(200 + chance(1500));
        const word = words[chance(words.length)], from_ms = Date.now();
        await TROUBLES[word](scene, chance);
        scene.troubles.push({ word, from_ms, to_ms: Date.now() });
    }
}

/* When so many have arrived, for each kill. */
async function kills(scene) {
    for (let kill = 1; kill <= KILLS; kill++) {
        const count = (MESSAGES * kill) / (KILLS + 1);
        while (scene.verifier.arrivals.length < count) await pause(2);
        const from_ms = Date.now();
        await scene.daemon.crash();
        scene.kills.push({ from_ms, to_ms: Date.now() });
    }
}

/* ------------------------------------------------------------------------------------------------------------ publishing */

async function publishBatch(daemon, items) {
    for (const end = Date.now() + 6 * DEADLINE_MS; ; await pause(20)) {
        try {
            const headers = { "Content-Type": "application/x-ndjson" };
            const answer = await fetch(`${daemon.http}/v1/publish`, { method: "POST", headers, body: items.join("\n") + "\n" });
            if (answer.status === 200 && (await answer.json()).results.every((one) => one.durable)) return;
            assert.ok(answer.status >= 500 || answer.status === 200, `${answer.status} is for a batch that could be better`);
        } catch (error) {
            if (error instanceof assert.AssertionError || Date.now() > end) throw error; /* anything else: the daemon was killed */
        }
    }
}

async function publishAll(daemon, messages) {
    for (let at = 0; at < messages.length; at += BATCH)
        await publishBatch(daemon, messages.slice(at, at + BATCH).map((message, i) => itemOf(message, at + i)));
}

/* -------------------------------------------------------------------------------------------------------------- judging */

/* First arrivals are all messages, those of a file in order; the others are returned with the first of each. */
function judgeArrivals(messages, arrivals) {
    const texts = new Map(), first = new Map(), next = new Map(), again = [];
    for (const { file, number, text } of messages) texts.set(`${file}:${number}`, text);
    for (const arrival of arrivals) {
        const { file, number, text } = arrival, name = `${file}:${number}`;
        assert.equal(text, texts.get(name), `what ${name} says`);
        if (first.has(name)) {
            assert.equal(arrival.id, first.get(name).id, `the id of ${name}`);
            again.push({ arrival, before: first.get(name) });
        } else {
            assert.equal(number, next.get(file) || 0, `the next of ${file}`);
            next.set(file, number + 1);
        }
        first.set(name, arrival);
    }
    assert.equal(first.size, messages.length, "messages that have arrived");
    return again;
}

/* Why one came again: its answer was lost on the way, by a trouble or a kill, or in the last interval before a kill. Both
 * clocks are ours: what happened just before may be noted just after. */
function reasonOf({ before: { is_lost, ms, answered_ms } }, scene) {
    if (is_lost) return "lost";
    const within = ({ from_ms, to_ms }, early_ms) => answered_ms >= from_ms - early_ms && ms <= to_ms;
    if (scene.kills.some((kill) => within(kill, WRITE_INTERVAL_MS + CLOCK_MS))) return "killed";
    return scene.troubles.some((one) => one.word !== "slowed" && within(one, CLOCK_MS)) ? "lost" : null;
}

/* How long before its kill the oldest was answered that came again because of it. */
function oldestOf(again, scene) {
    const ages = again.filter(({ before }) => !before.is_lost).map(({ before }) =>
        Math.max(0, Math.min(...scene.kills.map(({ from_ms }) => (from_ms >= before.answered_ms ? from_ms - before.answered_ms : Infinity)))));
    return Math.max(0, ...ages.filter((age) => age <= WRITE_INTERVAL_MS + CLOCK_MS));
}

function judge(t, messages, scene) {
    const { arrivals, faults } = scene.verifier;
    assert.deepEqual(faults.slice(0, 3), [], "every signature is good");
    const again = judgeArrivals(messages, arrivals);
    const counts = { lost: 0, killed: 0 };
    for (const one of again) {
        const reason = reasonOf(one, scene);
        assert.ok(reason, `${one.before.file}:${one.before.number} came again ${one.arrival.ms - one.before.ms} ms later for no reason`);
        counts[reason]++;
    }
    const troubles = Object.keys(TROUBLES).map((word) => `${word} ${scene.troubles.filter((one) => one.word === word).length}`);
    t.diagnostic(`${messages.length} messages of ${new Set(messages.map(({ file }) => file)).size} files in ${((Date.now() - scene.begun_ms) / 1000).toFixed(1)} s`);
    t.diagnostic(`seed ${SEED}: ${troubles.join(", ")}, killed ${scene.kills.length}; arrived twice: ${counts.lost} whose answer was lost, ` +
        `${counts.killed} around a kill, the oldest answered ${oldestOf(again, scene)} ms before it`);
}

/* -------------------------------------------------------------------------------------------------------------- the run */

const SECRET = `whsec_${Buffer.alloc(32, "posthorn").toString("base64")}`;

const settingsOf = (nginx) => ({
    name: "history", url: `https://127.0.0.1:${nginx.port}/hook`, pattern: "history.>", start: "all",
    mode: "keyed", key: "header:File", concurrency: 64, secret: SECRET, retries: Array(60).fill("100ms"),
});

async function carry(t, messages, scene) {
    const { daemon, verifier, nginx } = scene;
    await verifier.open();
    Object.assign(scene.nginx, { behind: verifier.port });
    fs.writeFileSync(nginx.config, CONFIG(nginx));
    await nginx.start();
    await addWebhook(daemon, settingsOf(nginx));
    scene.begun_ms = Date.now();
    const troubling = trouble(scene, chanceOf(SEED));
    await Promise.all([publishAll(daemon, messages), kills(scene)]);
    const seen = new Set();
    for (let at = 0; seen.size < messages.length; await pause(20)) {
        assert.ok(Date.now() < scene.begun_ms + LIMIT_MS - DEADLINE_MS, `${seen.size} of ${messages.length} have arrived`);
        for (; at < verifier.arrivals.length; at++) seen.add(`${verifier.arrivals[at].file}:${verifier.arrivals[at].number}`);
    }
    scene.is_over = true;
    await troubling;
    judge(t, messages, scene);
}

const lacks = (!NGINX && "nginx is not here") || (!can_make && "the openssl command is not here");

it("the repository's history arrives over HTTPS, whatever happens", { timeout: LIMIT_MS, skip: lacks }, async (t) => {
    const messages = messagesOf(realLines());
    assert.equal(messages.length, MESSAGES, "there is enough of it");
    const scene = { verifier: new Verifier(SECRET), troubles: [], kills: [], is_over: false };
    const directory = fs.mkdtempSync(path.join(require("node:os").tmpdir(), "posthorn-real-"));
    const { ca, certificate, key } = makeCertificates(directory);
    scene.nginx = new Nginx({ directory, port: await freePort(), certificate, key });
    scene.daemon = await Daemon.start({
        durable: true, webhooks: { ...LOOPBACK, ca }, streams: { HISTORY: { topics: "history.>", duplicate_window: "30m" } },
    });
    try {
        await carry(t, messages, scene);
    } finally {
        scene.is_over = true;
        await scene.daemon.finish();
        await scene.nginx.stop().catch(() => {});
        await scene.verifier.stop().catch(() => {});
        fs.rmSync(directory, { recursive: true, force: true });
    }
});
