"use strict";
/*
 * The receivers of clients/webhook, in C and in Node, as people would run them: they take what a daemon sends, each message
 * once, and nothing that a daemon has not signed, or not lately.
 */
const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");
const { describe, it, before, after, afterEach } = require("node:test");

const { Daemon, DEADLINE_MS } = require("./support/daemon");
const { until } = require("./support/suite");
const { LOOPBACK, ask, addWebhook, publish } = require("./support/webhooks");

const SOURCE = process.env.srcdir || path.join(__dirname, "../..");
const BUILT = path.resolve(process.env.builddir || ".", "clients/webhook/receiver");
const RECEIVERS = { C: [BUILT], Node: [process.execPath, path.join(SOURCE, "clients/webhook/receiver.js")] };

const SECRET = `whsec_${crypto.randomBytes(32).toString("base64")}`;
const OTHER = `whsec_${crypto.randomBytes(24).toString("base64")}`;

const now_s = () => Math.floor(Date.now() / 1000);

/* What anybody may send: as posthornd does where nothing is said. */
function signed({ id = "1-1", time = now_s(), body = "hello", secret = SECRET } = {}) {
    const key = Buffer.from(secret.slice("whsec_".length), "base64");
    const digest = crypto.createHmac("sha256", key).update(`${id}.${time}.${body}`).digest("base64");
    return { id, time, body, signature: `v1,${digest}` };
}

class Program {
    static async start(command) {
        const program = new Program();
        program.lines = [];
        program.child = spawn(command[0], [...command.slice(1), "0"], { env: { ...process.env, WEBHOOK_SECRET: SECRET }, stdio: ["ignore", "pipe", "inherit"] });
        readline.createInterface({ input: program.child.stdout }).on("line", (line) => program.lines.push(line));
        await until(() => program.lines.length || program.child.exitCode !== null, "the receiver listens");
        program.url = `http://${program.lines.shift().replace("listening on ", "")}/hook`;
        return program;
    }

    async post({ id, time, body, signature }, headers = {}) {
        const own = { "webhook-id": id, "webhook-timestamp": String(time), "webhook-signature": signature, "posthorn-topic": "t", ...headers };
        for (const name of Object.keys(own)) if (own[name] === null) delete own[name];
        return (await fetch(this.url, { method: "POST", body, headers: own })).status;
    }
}

for (const [language, command] of Object.entries(RECEIVERS))
    describe(`the receiver in ${language}`, { timeout: 8 * DEADLINE_MS, skip: !fs.existsSync(command.at(-1)) && "it is not built" }, () => {
        let daemon, program;
        before(async () => {
            daemon = await Daemon.start({ durable: true, webhooks: LOOPBACK, streams: { ORDERS: { topics: "orders.>" } } });
        });
        after(() => daemon.finish());
        afterEach(() => program.child.kill());

        it("takes what a daemon sends, each message once", async () => {
            program = await Program.start(command);
            await addWebhook(daemon, { name: "shop", url: program.url, pattern: "orders.>", mode: "ordered", secret: SECRET });
            const bodies = ["three apples", '{"pears":2}', "ünïcode"];
            for (const body of bodies) await publish(daemon, "orders.new", body);
            await until(() => program.lines.length === bodies.length, "all have come");
            assert.deepEqual(program.lines.map((line) => line.split(" ").slice(1).join(" ")), bodies.map((body) => `orders.new ${body}`));

            const [id] = program.lines[1].split(" ");
            await ask(daemon, "POST", "webhooks/shop/resend", { id });
            const attempts = async () => (await ask(daemon, "GET", "webhooks/shop/attempts")).attempts;
            await until(async () => (await attempts()).length === 4, "it was sent again");
            assert.deepEqual((await attempts()).map(({ status }) => status), [204, 204, 204, 204]);
            assert.equal(program.lines.length, bodies.length, "and not done again");
            await ask(daemon, "DELETE", "webhooks/shop");
        });

        it("goes on while the secret is rotated", async () => {
            program = await Program.start(command);
            await addWebhook(daemon, { name: "shop2", url: program.url, pattern: "orders.>", secret: OTHER, retries: ["1ms"] });
            await ask(daemon, "POST", "webhooks/shop2/rotate", { secret: SECRET, overlap: "1h" });
            await publish(daemon, "orders.new", "figs");
            await until(() => program.lines.length === 1, "it has come");
            await ask(daemon, "DELETE", "webhooks/shop2");
        });

        it("refuses what is not signed by its secret", async () => {
            program = await Program.start(command);
            const good = signed();
            const bad = {
                "another secret": signed({ secret: OTHER }),
                "another body": { ...good, body: "hullo" },
                "another id": { ...good, id: "1-2" },
                "another time": { ...good, time: good.time - 1 },
                "another version": { ...good, signature: good.signature.replace("v1,", "v1a,") },
                "no signature": { ...good, signature: "" },
                "a part of it": { ...good, signature: good.signature.slice(0, -1) },
                "more than it": { ...good, signature: `${good.signature}A` },
                "nothing but its kind": { ...good, signature: "v1," },
            };
            for (const [what, request] of Object.entries(bad)) assert.equal(await program.post(request), 401, what);
            for (const name of ["webhook-id", "webhook-timestamp", "webhook-signature"])
                assert.equal(await program.post(good, { [name]: null }), 401, `without ${name}`);
            assert.deepEqual(program.lines, []);
            assert.equal(await program.post({ ...good, signature: `v1,AAAA v1a,BBBB ${good.signature}` }), 204, "it is one of several");
            assert.equal(await program.post(signed({ id: "1-3", body: "" })), 204, "a body of nothing");
            await until(() => program.lines.length === 2, "those are taken");
        });

        it("refuses what is stale, or of the future", async () => {
            program = await Program.start(command);
            for (const time of [now_s() - 301, now_s() - 86400, now_s() + 320, 0, "", "soon", `${now_s()}x`])
                assert.equal(await program.post(signed({ time })), 401, `at ${time}`);
            assert.equal(await program.post(signed({ time: now_s() - 200 })), 204);
            await until(() => program.lines.length === 1, "that one is taken");
        });

        it("does nothing twice when it is replayed", async () => {
            program = await Program.start(command);
            const one = signed({ id: "1-1", body: "once" }), last = signed({ id: "1-2", body: "last" });
            for (let i = 0; i < 3; i++) assert.equal(await program.post(one), 204);
            assert.equal(await program.post(signed({ id: "1-1", body: "once", time: one.time + 1 })), 204, "a later attempt of the same");
            assert.equal(await program.post(last), 204);
            await until(() => program.lines.some((line) => line.endsWith("last")), "the last is taken");
            assert.deepEqual(program.lines, ["1-1 t once", "1-2 t last"]);
        });

        it("takes POST alone, of a size that it can hold", async () => {
            program = await Program.start(command);
            assert.ok((await fetch(program.url)).status >= 400);
            const large = signed({ body: "x".repeat((1 << 20) + 1) });
            const status = await program.post(large).catch(() => 413); /* it may hang up before all is sent */
            assert.equal(status, 413);
            assert.equal(await program.post(signed({ body: "x".repeat(1 << 20) })), 204);
        });
    });
