"use strict";
/* TLS, certificates and nkeys, as the npm clients and libnats know them. */
const assert = require("node:assert/strict");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

const { can_make, makeCertificates } = require("./support/certificates");
const { libnatsSuite } = require("./support/libnats");
const { suite, listen, settle, statusOf } = require("./support/suite");

/* The keys that tests/unit/util/test_nkey.c has. */
const NKEY = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
const SEED = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
const OTHER_SEED = "SUAAABYOCUOCGKRRHA7UMTKULNRGS4DXP2CYZE42UGUK7NV5YTF5FWIXJQ";
const PATIENT = { reconnectTimeWait: 20, reconnectJitter: 10, maxReconnectAttempts: -1 };

const skip = !can_make && "openssl is not here";
const directory = fs.mkdtempSync(path.join(os.tmpdir(), "posthorn-secure-"));
process.on("exit", () => fs.rmSync(directory, { recursive: true, force: true }));

const place = (name) => fs.mkdirSync(path.join(directory, name), { recursive: true }) || path.join(directory, name);
const ours = can_make ? makeCertificates(place("ours")) : {};
const theirs = can_make ? makeCertificates(place("theirs")) : {};
const seedFile = path.join(directory, "seed");
fs.writeFileSync(seedFile, `${SEED}\n`, { mode: 0o600 });

const trusting = { tls: { caFile: ours.ca } };
const withCertificate = ({ certificate, key }) => ({ tls: { caFile: ours.ca, certFile: certificate, keyFile: key } });
const bytes = (text) => new TextEncoder().encode(text);

suite("TLS", { tls: ours, skip }, (test) => {
    test("messages and requests pass, of all sizes", async ({ connect, topic }) => {
        const [asker, answerer] = [await connect(trusting), await connect(trusting)];
        answerer.subscribe(topic, { callback: (error, message) => message.respond(message.data) });
        await settle(answerer);
        for (const size of [0, 1, 100, 16383, 16384, 16385, 100_000, 1_000_000]) {
            const sent = Buffer.alloc(size, `of ${size} bytes`);
            const answer = await asker.request(topic, sent, { timeout: 5000 });
            assert.ok(Buffer.from(answer.data).equals(sent), `${size} bytes`);
        }
    });

    test("thousands of messages keep their order", async ({ connect, topic }) => {
        const [publisher, subscriber] = [await connect(trusting), await connect(trusting)];
        const ear = listen(subscriber, topic);
        await settle(subscriber);
        for (let i = 0; i < 20_000; i++) publisher.publish(topic, String(i));
        await settle(publisher, subscriber);
        assert.deepEqual(ear.texts(), Array.from({ length: 20_000 }, (_, i) => String(i)));
    });

    test("a client that does not know the CA does not enter", async ({ connect }) => {
        await assert.rejects(connect({ tls: { caFile: theirs.ca }, reconnect: false }));
    });

    test("clients come back over TLS to a restarted daemon", async ({ connect, start, topic }) => {
        const daemon = await start({ tls: ours });
        const client = await connect({ daemon, ...trusting, ...PATIENT });
        const ear = listen(client, topic);
        await settle(client);
        const back = statusOf(client, "reconnect");
        await daemon.restart();
        await back;
        client.publish(topic, "again");
        await settle(client);
        assert.deepEqual(ear.texts(), ["again"]);
    });

    test("where certificates are demanded, one enters by his own", async ({ connect, start, topic }) => {
        const daemon = await start({ tls: { ...ours, verify: "required" } });
        const client = await connect({ daemon, ...withCertificate(ours) });
        const ear = listen(client, topic);
        client.publish(topic, "in");
        await settle(client);
        assert.deepEqual(ear.texts(), ["in"]);
        await assert.rejects(connect({ daemon, ...withCertificate(theirs), reconnect: false }));
        await assert.rejects(connect({ daemon, ...trusting, reconnect: false }));
    });

    if (!process.env.ORACLE) /* which needs 2.10.4 for it */
        test("the handshake may come first", async ({ connect, start }) => {
            const daemon = await start({ tls: { ...ours, handshake_first: "yes" } });
            const client = await connect({ daemon, tls: { ...trusting.tls, handshakeFirst: true } });
            await client.flush();
        });
});

suite("nkeys", { nkeys: { ann: NKEY }, skip }, (test) => {
    test("the seed's holder enters", async ({ connect, nats, topic }) => {
        const client = await connect({ authenticator: nats.nkeyAuthenticator(bytes(SEED)) });
        const ear = listen(client, topic);
        client.publish(topic, "in");
        await settle(client);
        assert.deepEqual(ear.texts(), ["in"]);
    });

    test("nobody else does", async ({ connect, nats }) => {
        await assert.rejects(connect({ authenticator: nats.nkeyAuthenticator(bytes(OTHER_SEED)), reconnect: false }));
        await assert.rejects(connect({ reconnect: false }));
        await assert.rejects(connect({ user: "ann", pass: "", reconnect: false }));
    });

    test("over TLS, too, and again after a restart", async ({ connect, start, nats, topic }) => {
        const daemon = await start({ nkeys: { ann: NKEY }, tls: ours });
        const client = await connect({ daemon, ...trusting, ...PATIENT, authenticator: nats.nkeyAuthenticator(bytes(SEED)) });
        const ear = listen(client, topic);
        await settle(client);
        const back = statusOf(client, "reconnect");
        await daemon.restart();
        await back;
        client.publish(topic, "again");
        await settle(client);
        assert.deepEqual(ear.texts(), ["again"]);
    });
});

if (can_make)
    libnatsSuite("libnats over TLS and with an nkey", "libnats_client", {
        tls: ours,
        nkeys: { ann: NKEY },
        env: { BENCH_CA: ours.ca, BENCH_NKEY: NKEY, BENCH_SEED: seedFile },
    });
