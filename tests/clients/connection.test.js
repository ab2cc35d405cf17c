"use strict";
/* A connection's life: who may come in, draining, restarts of the daemon, lame duck. */
const assert = require("node:assert/strict");

const { suite, listen, settle, until, statusOf, failureOf } = require("./support/suite");

const PATIENT = { reconnectTimeWait: 20, reconnectJitter: 10, maxReconnectAttempts: -1 };

suite("drain", (test) => {
    test("a drained subscription gets all that was on its way, then ends", async ({ connect, topic }) => {
        const count = 5000;
        const [publisher, subscriber] = [await connect(), await connect()];
        const ear = listen(subscriber, topic);
        await settle(subscriber);
        for (let i = 0; i < count; i++) publisher.publish(topic, String(i));
        await settle(publisher);
        await ear.subscription.drain();
        publisher.publish(topic, "too late");
        await settle(publisher, subscriber);
        assert.equal(ear.messages.length, count);
        assert.equal(ear.texts().at(-1), String(count - 1));
    });

    test("a drained connection sends what it was given, then closes", async ({ connect, topic }) => {
        const [publisher, subscriber] = [await connect(), await connect()];
        const ear = listen(subscriber, topic);
        await settle(subscriber);
        for (let i = 0; i < 1000; i++) publisher.publish(topic, String(i));
        await publisher.drain();
        assert.ok(publisher.isClosed());
        await settle(subscriber);
        assert.equal(ear.messages.length, 1000);
    });

    test("a drained member hands its group over without a loss", async ({ connect, topic }) => {
        const count = 4000;
        const [publisher, leaver, stayer] = [await connect(), await connect(), await connect()];
        const [left, stayed] = [leaver, stayer].map((client) => listen(client, topic, { queue: "workers" }));
        await settle(leaver, stayer);
        let leaving;
        for (let i = 0; i < count; i++) {
            publisher.publish(topic, String(i));
            if (i === count / 2) leaving = leaver.drain();
            if (i % 100 === 0) await publisher.flush();
        }
        await leaving;
        await settle(publisher, stayer);
        const all = [...left.texts(), ...stayed.texts()].sort((a, b) => a - b);
        assert.deepEqual(all, Array.from({ length: count }, (_, i) => String(i)));
    });
});

suite("restart", (test) => {
    test("clients come back to a restarted daemon with their subscriptions", async ({ connect, start, topic }) => {
        const daemon = await start();
        const [asker, worker] = [await connect({ daemon, ...PATIENT }), await connect({ daemon, ...PATIENT })];
        const plain = listen(worker, `${topic}.>`);
        worker.subscribe(topic, { queue: "service", callback: (error, message) => message.respond("here") });
        await settle(worker);
        const back = [asker, worker].map((client) => statusOf(client, "reconnect"));
        await daemon.restart();
        await Promise.all(back);
        await settle(worker);
        assert.equal((await asker.request(topic, "", { timeout: 5000 })).string(), "here");
        asker.publish(`${topic}.a.b`, "again");
        await settle(asker, worker);
        assert.deepEqual(plain.texts(), ["again"]);
    });

    test("a limited subscription is owed only the rest after a restart", async ({ connect, start, topic }) => {
        const daemon = await start();
        const client = await connect({ daemon, ...PATIENT });
        const ear = listen(client, topic, { max: 3 });
        client.publish(topic, "1");
        client.publish(topic, "2");
        await settle(client);
        const back = statusOf(client, "reconnect");
        await daemon.restart();
        await back;
        for (const text of ["3", "4"]) client.publish(topic, text);
        await settle(client);
        assert.deepEqual(ear.texts(), ["1", "2", "3"]);
    });

    test("a client with two addresses moves to the daemon that is left", async ({ connect, start, topic }) => {
        const [first, second] = [await start(), await start()];
        const servers = [first.url, second.url];
        const client = await connect({ servers, noRandomize: true, ...PATIENT });
        const ear = listen(client, topic);
        await settle(client);
        assert.equal(client.getServer(), new URL(first.url).host);
        const moved = statusOf(client, "reconnect");
        await first.stop();
        await moved;
        assert.equal(client.getServer(), new URL(second.url).host);
        const other = await connect({ daemon: second });
        await settle(client);
        other.publish(topic, "hello");
        await settle(other, client);
        assert.deepEqual(ear.texts(), ["hello"]);
    });

    test("a daemon that will stop tells its clients, and goes on serving them", async ({ connect, start, topic }) => {
        const daemon = await start();
        const clients = [await connect({ daemon }), await connect({ daemon }), await connect({ daemon })];
        const ears = clients.map((client) => listen(client, topic));
        await settle(...clients);
        const told = clients.map((client) => statusOf(client, "ldm"));
        daemon.signal("SIGUSR2");
        await Promise.all(told);
        clients[0].publish(topic, "still here");
        await settle(...clients);
        for (const ear of ears) assert.deepEqual(ear.texts(), ["still here"]);
        const late = connect({ daemon, reconnect: false, timeout: 2000 });
        assert.notEqual(await failureOf(late), "no error", "nobody new is let in");
    });
});

suite("entry without users", (test) => {
    test("the greeting says what clients rely on", async ({ connect, daemon }) => {
        const [one, two] = [await connect(), await connect()];
        const { info } = one;
        for (const name of ["server_id", "server_name", "version", "host"]) assert.equal(typeof info[name], "string", name);
        assert.match(info.version, /^\d+\.\d+\.\d+/);
        assert.equal(info.proto, 1);
        assert.equal(info.headers, true);
        assert.equal(info.max_payload, 1024 * 1024);
        assert.equal(info.port, daemon.port);
        assert.equal(info.client_ip, "127.0.0.1");
        assert.ok(!info.auth_required && !info.tls_required);
        assert.notEqual(info.client_id, two.info.client_id);
    });

    test("a client that pings often stays connected", async ({ connect }) => {
        const client = await connect({ pingInterval: 10, maxPingOut: 2, reconnect: false });
        let pings = 0;
        (async () => {
            for await (const { type } of client.status()) pings += type === "ping" || type === "pingTimer";
        })();
        await until(() => pings >= 20 || client.isClosed(), "twenty pings have gone out");
        assert.ok(!client.isClosed());
        assert.ok((await client.rtt()) >= 0);
    });

    test("verbose and pedantic clients are served", async ({ connect, topic }) => {
        const client = await connect({ verbose: true, pedantic: true });
        const ear = listen(client, topic);
        client.publish(topic, "hello");
        await settle(client);
        assert.deepEqual(ear.texts(), ["hello"]);
    });
});

suite("entry by token", { token: "s3cr.t-T0ken" }, (test) => {
    test("the right token opens and anything else does not", async ({ connect, topic }) => {
        const client = await connect({ token: "s3cr.t-T0ken" });
        const ear = listen(client, topic);
        client.publish(topic, "in");
        await settle(client);
        assert.deepEqual(ear.texts(), ["in"]);
        assert.equal(client.info.auth_required, true);
        for (const wrong of [{ token: "s3cr.t-T0kex" }, { token: "s3cr.t" }, { token: "" }, {}, { user: "s3cr.t-T0ken", pass: "" }])
            assert.equal(await failureOf(connect({ ...wrong, reconnect: false })), "authorization", JSON.stringify(wrong));
    });
});

suite("entry by user and password", { users: { alice: "wonderland", bob: "builder" } }, (test) => {
    test("each user needs the own password", async ({ connect, topic }) => {
        const [alice, bob] = [await connect({ user: "alice", pass: "wonderland" }), await connect({ user: "bob", pass: "builder" })];
        const ear = listen(bob, topic);
        await settle(bob);
        alice.publish(topic, "hello bob");
        await settle(alice, bob);
        assert.deepEqual(ear.texts(), ["hello bob"]);
        for (const wrong of [{ user: "alice", pass: "builder" }, { user: "alice", pass: "" }, { user: "carol", pass: "wonderland" }, { token: "wonderland" }, {}])
            assert.equal(await failureOf(connect({ ...wrong, reconnect: false })), "authorization", JSON.stringify(wrong));
    });

    test("a refused stranger disturbs nobody", async ({ connect, topic }) => {
        const alice = await connect({ user: "alice", pass: "wonderland", reconnect: false });
        const ear = listen(alice, topic);
        await settle(alice);
        for (let i = 0; i < 20; i++) await failureOf(connect({ user: "mallory", pass: String(i), reconnect: false }));
        alice.publish(topic, "undisturbed");
        await settle(alice);
        assert.deepEqual(ear.texts(), ["undisturbed"]);
    });
});
