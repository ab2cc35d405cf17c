"use strict";
/*
 * Webhooks as the receivers of other people see them: npm's standardwebhooks and svix, which is built on an older one of the
 * former, verify what posthornd signs, and go on doing so while a secret is rotated. Neither verifies v1a: that is done
 * here with node's crypto, by the text of Standard Webhooks 1.0.0.
 */
const assert = require("node:assert/strict");
const crypto = require("node:crypto");
const { describe, it, before, after } = require("node:test");

const { Daemon, DEADLINE_MS } = require("./support/daemon");
const { requirePackage } = require("./support/suite");
const { Receiver, LOOPBACK, ask, addWebhook, publish } = require("./support/webhooks");

const VERIFIERS = ["standardwebhooks", "svix"];
const BODIES = ["payload", "envelope", "cloudevents", "cloudevents-structured"];
const PAYLOADS = ['{"order":17}', '"ünïcode, 漢字 and \\u0000"', JSON.stringify({ long: "é".repeat(20_000) }), "[]"];

/* The value, or an error where the signature is not good. */
const verify = (name, secret, { headers, body }) => new (requirePackage(name).Webhook)(secret).verify(body.toString(), headers);

const refuses = (name, secret, request, what) =>
    assert.throws(() => verify(name, secret, request), /signature|timestamp/i, `${name}: ${what}`);

/* webhook-signature is a list of these. */
const signaturesOf = ({ headers }) => headers["webhook-signature"].split(" ");

function ed25519() {
    const { privateKey, publicKey } = crypto.generateKeyPairSync("ed25519");
    const { d, x } = privateKey.export({ format: "jwk" });
    const bytes = Buffer.concat([Buffer.from(d, "base64url"), Buffer.from(x, "base64url")]);
    return { secret: `whsk_${bytes.toString("base64")}`, shown: `whpk_${bytes.subarray(32).toString("base64")}`, publicKey };
}

/* Is one of the signatures v1a by this key? */
function verifies(publicKey, request) {
    const { "webhook-id": id, "webhook-timestamp": time } = request.headers;
    const text = Buffer.concat([Buffer.from(`${id}.${time}.`), request.body]);
    const own = signaturesOf(request).filter((one) => one.startsWith("v1a,")).map((one) => Buffer.from(one.slice(4), "base64"));
    return own.some((signature) => crypto.verify(null, text, publicKey, signature));
}

describe("webhooks", { timeout: 8 * DEADLINE_MS }, () => {
    let daemon, receiver, made = 0;

    before(async () => {
        receiver = await Receiver.start();
        daemon = await Daemon.start({ durable: true, webhooks: LOOPBACK, streams: { EVENTS: { topics: "events.>" } } });
    });
    after(async () => {
        receiver.close();
        await daemon.finish();
    });

    /* A webhook on a topic of its own; send() publishes there and returns the request that comes of it. */
    async function open(settings = {}) {
        const name = `hook${++made}`, topic = `events.${name}`;
        const { secret } = await addWebhook(daemon, { name, url: `${receiver.url}/${name}`, pattern: topic, ...settings });
        const own = () => receiver.requests.filter(({ path }) => path === `/${name}`);
        const send = async (payload, headers) => {
            const count = receiver.requests.length;
            await publish(daemon, topic, payload, headers);
            await receiver.until(count + 1);
            return own().at(-1);
        };
        const rotate = (document) => ask(daemon, "POST", `webhooks/${name}/rotate`, document);
        return { name, secret, send, rotate };
    }

    for (const verifier of VERIFIERS) {
        for (const body of BODIES)
            it(`${verifier} verifies ${body}`, async () => {
                const hook = await open({ body });
                for (const payload of PAYLOADS) {
                    const request = await hook.send(payload, { "Content-Type": "application/json" });
                    const value = verify(verifier, hook.secret, request);
                    const sent = { envelope: value.data, "cloudevents-structured": value.data }[body] ?? value;
                    assert.deepEqual(typeof sent === "string" && body === "envelope" ? JSON.parse(sent) : sent, JSON.parse(payload));
                }
            });

        it(`${verifier} refuses what is not as it was signed`, async () => {
            const hook = await open(), other = await open();
            const request = await hook.send('{"order":17}');
            verify(verifier, hook.secret, request);
            const changed = (headers, body = request.body) => ({ headers: { ...request.headers, ...headers }, body });
            refuses(verifier, other.secret, request, "another secret");
            refuses(verifier, hook.secret, changed({}, Buffer.from('{"order":18}')), "another body");
            refuses(verifier, hook.secret, changed({ "webhook-id": "1-2" }), "another id");
            const time = Number(request.headers["webhook-timestamp"]);
            refuses(verifier, hook.secret, changed({ "webhook-timestamp": String(time + 1) }), "another time");
            refuses(verifier, hook.secret, changed({ "webhook-timestamp": String(time - 600) }), "a time long ago");
        });

        it(`${verifier} verifies by the old secret and the new one while they are rotated`, async () => {
            const hook = await open();
            await hook.send('{"order":1}');
            const { secret } = await hook.rotate({ overlap: "24h" });
            assert.notEqual(secret, hook.secret);
            const during = await hook.send('{"order":2}');
            assert.equal(signaturesOf(during).length, 2);
            for (const one of [hook.secret, secret]) assert.deepEqual(verify(verifier, one, during), { order: 2 });
            const { secret: last } = await hook.rotate({ overlap: "0s" });
            const then = await hook.send('{"order":3}');
            assert.deepEqual(verify(verifier, last, then), { order: 3 });
            for (const one of [hook.secret, secret]) refuses(verifier, one, then, "a secret that is over");
        });

        it(`${verifier} passes over v1a on the way from v1 to it, and finds its own`, async () => {
            const hook = await open(), key = ed25519();
            await hook.rotate({ secret: key.secret, overlap: "24h" });
            const request = await hook.send('{"order":4}');
            assert.deepEqual(signaturesOf(request).map((one) => one.split(",")[0]), ["v1a", "v1"]);
            assert.deepEqual(verify(verifier, hook.secret, request), { order: 4 });
            assert.ok(verifies(key.publicKey, request));
        });
    }

    it("v1a is ed25519 over the same text", async () => {
        const key = ed25519(), hook = await open({ secret: key.secret });
        for (const payload of [...PAYLOADS, ""]) {
            const request = await hook.send(payload);
            assert.deepEqual(signaturesOf(request).map((one) => one.split(",")[0]), ["v1a"]);
            assert.ok(verifies(key.publicKey, request), payload.slice(0, 40));
            assert.ok(!verifies(ed25519().publicKey, request), "another key");
            assert.ok(!verifies(key.publicKey, { ...request, body: Buffer.concat([request.body, Buffer.from(" ")]) }), "another body");
        }
    });

    it("a message that comes again has its id and a time and signature of its own", async () => {
        const hook = await open({ retries: ["1200ms"] });
        let count = 0;
        receiver.answer = () => (count++ ? 204 : 500);
        const first = await hook.send('{"order":5}');
        await receiver.until(receiver.requests.indexOf(first) + 2);
        receiver.answer = () => 204;
        const second = receiver.requests.at(-1);
        assert.equal(second.headers["webhook-id"], first.headers["webhook-id"]);
        assert.notEqual(second.headers["webhook-timestamp"], first.headers["webhook-timestamp"]);
        for (const verifier of VERIFIERS)
            for (const request of [first, second]) assert.deepEqual(verify(verifier, hook.secret, request), { order: 5 });
    });
});
