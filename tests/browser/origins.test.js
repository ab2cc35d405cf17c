"use strict";
/* Pages of other origins: those that are allowed may read and publish, the others can do neither, whatever they try. */
const assert = require("node:assert/strict");

const { suite, until } = require("./support/suite");
const { start_site } = require("./support/servers");
const { Stream } = require("./support/stream");

/* Everything that is sent to a daemon's topic, as a NATS client sees it. */
async function witness(client, topic) {
    const texts = [];
    client.subscribe(topic, { callback: (error, message) => texts.push(error ? String(error) : message.string()) });
    await client.flush();
    return texts;
}

/* After this, whatever was published before over HTTP has reached the witness. */
async function settle(client, publish, daemon, topic, texts) {
    await publish(topic, "the end", daemon);
    await until(() => texts.includes("the end"), "the last message is there");
    await client.flush();
    return texts.filter((text) => text !== "the end");
}

/* What fetch gives a page: { status, type, body, cursor }, or { refused }. */
function fetch_in(page, address, options) {
    return page.evaluate(async ([to, how]) => {
        try {
            const answer = await fetch(to, how);
            return { status: answer.status, type: answer.type, body: await answer.text(), cursor: answer.headers.get("Posthorn-Cursor") };
        } catch (error) {
            return { refused: error.name };
        }
    }, [address, options]);
}

suite("a page of another origin", {}, (test) => {
    test("that is allowed reads, publishes and sees cursors", async ({ blank, start, connect, ends, publish, topic }) => {
        const site = ends(await start_site(), (made) => made.close());
        const daemon = await start({ http: { origins: site.origin } });
        const client = await connect(daemon), texts = await witness(client, topic);
        const page = await blank(site.origin), address = `${daemon.http}/v1/topics/${topic}`;

        const stream = await Stream.open(page, address);
        const sent = await fetch_in(page, address, {
            method: "POST", body: "{}",
            headers: { "Content-Type": "application/json", "Idempotency-Key": "k1", "Posthorn-Header-Trace": "7" },
        });
        assert.equal(sent.status, 200, sent.refused);
        assert.equal(JSON.parse(sent.body).topic, topic);
        await stream.hears("{}");

        const read = await fetch_in(page, `${address}/json`);
        assert.equal(read.status, 200, read.refused);
        const { messages, next } = JSON.parse(read.body);
        assert.equal(messages.length, 1);
        assert.equal(read.cursor, next, "the header is exposed");
        assert.deepEqual(await settle(client, publish, daemon, topic, texts), ["{}"]);
    });

    test("that is allowed resumes by Last-Event-ID, which needs a preflight", async ({ blank, start, ends, publish, topic }) => {
        const site = ends(await start_site(), (made) => made.close());
        const daemon = await start({ http: { origins: site.origin } });
        const first = await publish(topic, "1", daemon);
        await publish(topic, "2", daemon);
        const read = await fetch_in(await blank(site.origin), `${daemon.http}/v1/topics/${topic}/json`,
            { headers: { "Last-Event-ID": first.id } });
        assert.equal(read.status, 200, read.refused);
        assert.deepEqual(JSON.parse(read.body).messages.map(({ data }) => data), ["2"]);
    });

    test("may be any where all are allowed, but without credentials", async ({ blank, start, ends, publish, topic }) => {
        const site = ends(await start_site(), (made) => made.close());
        const daemon = await start({ http: { origins: "*" } });
        await publish(topic, "open", daemon);
        const page = await blank(site.origin), address = `${daemon.http}/v1/topics/${topic}/json`;
        assert.equal((await fetch_in(page, address)).status, 200);
        assert.deepEqual(await fetch_in(page, address, { credentials: "include" }), { refused: "TypeError" });
    });

    test("that is not allowed cannot read", async ({ blank, daemon, ends, publish, topic }) => {
        const site = ends(await start_site(), (made) => made.close());
        await publish(topic, "secret");
        const page = await blank(site.origin);
        for (const path of [`v1/topics/${topic}/json`, `v1/topics/${topic}/ndjson`, "varz", "connz", "openapi.json", ""])
            assert.deepEqual(await fetch_in(page, `${daemon.http}/${path}`), { refused: "TypeError" }, path);
        const stream = await Stream.begin(page, `${daemon.http}/v1/topics/${topic}?since=all`);
        await until(async () => (await stream.state()) === 2, "the stream is refused for good");
        assert.deepEqual(await stream.heard(), []);
    });

    test("that is not allowed cannot publish, however simple the request", async ({ blank, connect, daemon, ends, publish, topic }) => {
        const site = ends(await start_site(), (made) => made.close());
        const client = await connect(), texts = await witness(client, topic);
        const page = await blank(site.origin), address = `${daemon.http}/v1/topics/${topic}`;

        const simple = { method: "POST", mode: "no-cors", body: "simple", headers: { "Content-Type": "text/plain" } };
        assert.equal((await fetch_in(page, address, simple)).type, "opaque", "the browser does send it");
        const bare = { method: "POST", mode: "no-cors", body: "no referrer", referrerPolicy: "no-referrer" };
        assert.equal((await fetch_in(page, address, bare)).type, "opaque");
        assert.deepEqual(await fetch_in(page, address, { method: "PUT", body: "preflight" }), { refused: "TypeError" });
        assert.equal(await page.evaluate((to) => navigator.sendBeacon(to, "beacon"), address), true);
        const line = JSON.stringify({ topic, data: "batch" });
        await fetch_in(page, `${daemon.http}/v1/publish`, { ...simple, body: line });
        await fetch_in(page, `${daemon.http}/v1/request/${topic}`, { ...simple, body: "request" });
        await submit_form(page, address, null);
        await submit_form(page, address, "allow-scripts allow-forms");

        assert.deepEqual(await settle(client, publish, daemon, topic, texts), []);
    });

    /* A browser sends what a page says in a POST; were it taken for lines, it would be "PUB topic 5\r\nowned\r\n". */
    test("cannot speak the line protocol", async ({ blank, connect, daemon, ends, publish, topic }) => {
        const site = ends(await start_site(), (made) => made.close());
        const client = await connect(), texts = await witness(client, topic);
        const page = await blank(site.origin);
        const body = `CONNECT {"verbose":false}\r\nPUB ${topic} 5\r\nowned\r\nPING\r\n`;
        await fetch_in(page, `http://127.0.0.1:${daemon.port}/`, { method: "POST", mode: "no-cors", body });
        assert.deepEqual(await settle(client, publish, daemon, topic, texts), []);
    });
});

/*
 * A form asks nobody's leave: it navigates a frame. Resolves when its answer is there: a frame loads twice, first the
 * form. sandbox: the frame's origin is opaque, "Origin: null".
 */
function submit_form(page, action, sandbox) {
    return page.evaluate(([to, flags]) => new Promise((resolve) => {
        const frame = document.createElement("iframe");
        let loads = 0;
        frame.onload = () => ++loads === 2 && resolve();
        if (flags) frame.setAttribute("sandbox", flags);
        frame.srcdoc = `<form method="post" enctype="text/plain" action="${to}"><input name="a" value="form"></form>
            <script>onload = () => setTimeout(() => document.forms[0].submit())</script>`;
        document.body.append(frame);
    }), [action, sandbox]);
}

suite("a page under another name of this machine", { args: ["--host-resolver-rules=MAP evil.test 127.0.0.1"] }, (test) => {
    test("is refused: the name is none of the server's", async ({ open, connect, daemon, publish, topic }) => {
        const client = await connect(), texts = await witness(client, topic);
        const evil = `http://evil.test:${daemon.httpPort}`;
        const page = await open(`${evil}/`);
        assert.equal(page.answer.status(), 421);
        assert.equal((await fetch_in(page, `${evil}/v1/topics/${topic}/json`)).status, 421);
        assert.equal((await fetch_in(page, `${evil}/v1/topics/${topic}`, { method: "POST", body: "rebound" })).status, 421);
        assert.deepEqual(await settle(client, publish, daemon, topic, texts), []);
    });

    test("is served where http.hosts has the name", async ({ open, start }) => {
        const daemon = await start({ http: { hosts: "evil.test" } });
        assert.equal((await open(`http://evil.test:${daemon.httpPort}/`)).answer.status(), 200);
        assert.equal((await open(`http://localhost:${daemon.httpPort}/`)).answer.status(), 200);
    });
});
