"use strict";
/* The dashboard: what it shows and what it does, by keyboard alone too. */
const assert = require("node:assert/strict");

const { begin_watching, rows_of, shows, tab_to, text_of } = require("./support/dashboard");
const { suite, until } = require("./support/suite");

suite("the dashboard", {}, (test) => {
    test("shows who the server is, and what it does", async ({ open, daemon, connect, publish, topic }) => {
        const client = await connect();
        client.subscribe(`${topic}.>`, { callback: () => {} });
        await client.flush();
        for (let i = 0; i < 3; i++) await publish(`${topic}.seen`, "twelve bytes");
        const page = await open(daemon.http);
        await shows(page, "#pulse", /^live$/);
        assert.match(await text_of(page, "#fact-version"), /^\d+\.\d+\.\d+/);
        assert.equal(await text_of(page, "#fact-line"), `127.0.0.1:${daemon.port}`);
        await shows(page, "#gauge-subscriptions .figures", /^[1-9]/);
        await shows(page, "#gauge-messages .figures", /\d[^\d]*in[^\d]*\d/);
        await shows(page, "#streams-list", /recent[^]*Messages\s+[1-9]/);
        await shows(page, "#topics tbody", new RegExp(`${topic}\\.seen\\s+3\\s`));
        await shows(page, "#connections tbody", /nats/);
        assert.deepEqual(page.faults, []);
    });

    test("shows streams with settings, and who works through them", async ({ open, daemon, publish, topic }) => {
        const call = async (path, body) => {
            const answer = await fetch(`${daemon.http}/v1/streams${path}`, { method: "POST", body: JSON.stringify(body) });
            assert.ok(answer.ok, await answer.clone().text());
            return answer.json();
        };
        await call("", { name: topic, topics: [`${topic}.>`], storage: "memory", bytes_max: "1MiB" });
        for (let i = 0; i < 3; i++) await publish(`${topic}.a`, `${i}`);
        const page = await open(daemon.http), box = `#streams-list article[data-key="${topic}"]`;
        await shows(page, box, new RegExp(`${topic}\\s+in memory[^]*of 1.MiB[^]*Messages\\s+3[^]*Consumers: 0`));
        await page.click(`${box} summary`);
        await shows(page, `${box} .consumers`, /It has none/);
        await page.click(`${box} summary`);
        await call(`/${topic}/consumers`, { name: "booker" });
        await call(`/${topic}/consumers/booker/pull?batch=1`, {});
        await tab_to(page, `${box} summary`);
        await page.keyboard.press("Enter");
        await shows(page, `${box} .consumers tbody`, /booker\s+2\s+1\s+0/);
        assert.deepEqual(page.faults, []);
    });

    test("shows webhooks and their attempts, and sends examples", async ({ open, daemon, publish, topic }) => {
        const made = await fetch(`${daemon.http}/v1/webhooks`, {
            method: "POST", body: JSON.stringify({ name: topic, url: "http://127.0.0.1:9/hook", pattern: `${topic}.>`, retries: ["1h"] }),
        });
        assert.equal(made.status, 201);
        await publish(`${topic}.a`, "hello");
        const page = await open(daemon.http), box = `#webhooks-list article[data-key="${topic}"]`;
        await shows(page, box, new RegExp(`${topic} failing for[^]*${topic}\\.> → http://127.0.0.1:9/hook[^]*Failed\\s+1`));
        await tab_to(page, `${box} summary`);
        await page.keyboard.press("Enter");
        await shows(page, `${box} .attempts tbody`, /loopback[^]*1\s+\d\d:\d\d:\d\d\.\d{3}[^]*Resend/);
        await page.click(`${box} button:text-is("Send an example")`);
        await shows(page, `${box} .result`, /The example was not taken[^]*loopback/);
        await page.click(`${box} .attempts tbody button`);
        await page.click(`${box} button:text-is("Disable")`);
        await shows(page, `${box} h3`, /disabled/);
        await page.click(`${box} button:text-is("Enable")`);
        await until(async () => !/disabled/.test(await text_of(page, `${box} h3`)), "it is enabled");
        await fetch(`${daemon.http}/v1/webhooks/${topic}`, { method: "DELETE" });
        await until(async () => !(await page.locator(box).count()), "one that is removed is gone");
        assert.deepEqual(page.faults, []);
    });

    test("says so when the server is away, and when it is back", async ({ open, start }) => {
        const daemon = await start({});
        const page = await open(daemon.http);
        await shows(page, "#pulse", /^live$/);
        await daemon.stop();
        await shows(page, "#pulse", /^no answer/);
        await daemon.launch(daemon.port, daemon.httpPort);
        await shows(page, "#pulse", /^live$/);
    });

    test("publishes, by keyboard alone", async ({ open, daemon, connect, topic }) => {
        const client = await connect(), messages = [];
        client.subscribe(topic, { callback: (error, message) => messages.push(message) });
        await client.flush();
        const page = await open(daemon.http);
        await page.keyboard.press("p");
        await page.keyboard.press("ControlOrMeta+a");
        await page.keyboard.type(topic);
        await tab_to(page, "[name=payload]");
        await page.keyboard.press("ControlOrMeta+a");
        await page.keyboard.type("two\nlines");
        await tab_to(page, "[name=headers]");
        await page.keyboard.type("Trace-Id: 7f3a\nSeen: yes");
        await tab_to(page, "#send-button");
        await page.keyboard.press("Enter");
        await shows(page, "#send-answer", /200 kept in recent as/);
        await until(() => messages.length, "the subscriber has it");
        assert.equal(messages[0].string(), "two\nlines");
        assert.deepEqual(["Trace-Id", "Seen", "Content-Type"].map((name) => messages[0].headers.get(name)), ["7f3a", "yes", "text/plain"]);
        await page.keyboard.press("ControlOrMeta+Enter");
        await until(() => messages.length === 2, "Ctrl+Enter sends too");
        assert.deepEqual(page.faults, []);
    });

    test("watches, by keyboard alone", async ({ open, daemon, publish, topic }) => {
        const page = await open(daemon.http);
        await page.keyboard.press("w");
        await page.keyboard.press("ControlOrMeta+a");
        await page.keyboard.type(`${topic}.*`);
        await page.keyboard.press("Enter");
        await shows(page, "#watch-note", /^watching/);
        await publish(`${topic}.a`, "first");
        await publish(`${topic}.b`, JSON.stringify({ deep: [1] }));
        await until(async () => (await rows_of(page)).length === 2, "both are shown");
        assert.deepEqual(await rows_of(page), [[`${topic}.b`, '{"deep":[1]}'], [`${topic}.a`, "first"]]);
        await tab_to(page, "#watch-log summary");
        await page.keyboard.press("Enter");
        await shows(page, "#watch-log details[open] pre:not(.head)", /^\{\n {2}"deep": \[\n/);
        assert.deepEqual(page.faults, []);
    });

    test("requests, by keyboard alone, and shows the reply", async ({ open, daemon, connect, topic }) => {
        const client = await connect();
        client.subscribe(topic, { callback: (error, message) => message.respond(`you said ${message.string()}`) });
        await client.flush();
        const page = await open(daemon.http);
        await page.keyboard.press("r");
        await page.keyboard.press("ControlOrMeta+a");
        await page.keyboard.type(topic);
        await page.keyboard.press("Enter");
        await shows(page, "#send-answer", /200 a reply of 21 bytes.*ms\s+you said hello, world$/);
        assert.deepEqual(page.faults, []);
    });

    test("changes between publish and request by arrows", async ({ open, daemon }) => {
        const page = await open(daemon.http);
        await page.focus("#tab-publish");
        await page.keyboard.press("ArrowRight");
        assert.equal(await page.locator("#tab-request").getAttribute("aria-selected"), "true");
        assert.equal(await text_of(page, "#send-button"), "Request");
        assert.ok(await page.isVisible("[name=timeout]"));
        await page.keyboard.press("ArrowRight");
        assert.equal(await text_of(page, "#send-button"), "Publish");
        assert.ok(!(await page.isVisible("[name=timeout]")));
    });

    test("shows problems in words", async ({ open, daemon, topic }) => {
        const page = await open(daemon.http);
        await page.fill("#send-form [name=topic]", "bad..topic");
        await page.click("#send-button");
        await shows(page, "#send-answer", /^400 .*\n[^]*urn:posthorn:problem:bad-topic$/);
        await page.click("#tab-request");
        await page.fill("#send-form [name=topic]", topic);
        await page.click("#send-button");
        await shows(page, "#send-answer", /^503 .*\n[^]*urn:posthorn:problem:no-responders$/);
        await page.fill("#send-form [name=headers]", "no colon");
        await page.click("#send-button");
        await shows(page, "#send-answer", /"no colon" is not of the form/);
        await page.fill("#watch-form [name=patterns]", "bad..pattern");
        await page.click("#watch-toggle");
        await shows(page, "#watch-log", /^400 .*\n[^]*urn:posthorn:problem:bad-topic$/);
        assert.equal(await text_of(page, "#watch-toggle"), "Watch");
    });

    test("pauses, filters, bounds and clears what it watches", async ({ open, daemon, publish, topic }) => {
        const page = await open(daemon.http);
        await begin_watching(page, `${topic}.>`);
        await publish(`${topic}.a`, "seen");
        await until(async () => (await rows_of(page)).length === 1, "one is shown");

        await page.click("#watch-pause");
        for (let i = 0; i < 5; i++) await publish(`${topic}.b`, `${i}`);
        await shows(page, "#watch-pause", /^Go on 5$/);
        assert.equal((await rows_of(page)).length, 1, "nothing moves in a pause");
        await page.click("#watch-pause");
        await until(async () => (await rows_of(page)).length === 6, "all are shown");

        await page.fill("#watch-filter", `${topic}.A`);
        assert.deepEqual(await rows_of(page), [[`${topic}.a`, "seen"]]);
        await page.fill("#watch-filter", "");

        await page.selectOption("#watch-rows", "50");
        await Promise.all(Array.from({ length: 120 }, (_, i) => publish(`${topic}.c`, `${i}`)));
        await publish(`${topic}.last`, "last");
        await until(async () => (await rows_of(page))[0]?.[1] === "last", "the last is shown");
        assert.equal((await rows_of(page)).length, 50);
        await shows(page, "#watch-clear", /^Clear 127$/);

        await page.click("#watch-clear");
        assert.equal((await rows_of(page)).length, 0);
        await page.click("#watch-toggle");
        await shows(page, "#watch-note", /^stopped$/);
    });

    test("goes on watching when the server comes back, and tells of the gap", async ({ open, start, publish, topic }) => {
        const daemon = await start({ http: { retry: "100ms" } });
        const page = await open(daemon.http);
        await begin_watching(page, topic);
        await publish(topic, "before", daemon);
        await until(async () => (await rows_of(page)).length === 1, "one is shown");
        await daemon.crash();
        await publish(topic, "after", daemon);
        await until(async () => (await rows_of(page)).length === 2, "the other is shown");
        assert.equal(await page.locator("#watch-log .gap").count(), 1);
    });

    test("works for whom the server knows, and for nobody else", async ({ open, start, topic }) => {
        const daemon = await start({ users: { anna: { password: "secret", monitor: "yes" } } });
        for (const [path, status] of [["", 200], ["ui/app.js", 200], ["varz", 401]])
            assert.equal((await fetch(`${daemon.http}/${path}`)).status, status, path);
        const page = await open(daemon.http);
        await page.waitForSelector("#login[open]");
        await page.fill("#login [name=name]", "anna");
        await page.fill("#login [name=password]", "secret");
        await page.keyboard.press("Enter");
        await shows(page, "#pulse", /^live$/);
        await begin_watching(page, topic);
        await page.fill("#send-form [name=topic]", topic);
        await page.click("#send-button");
        await shows(page, "#send-answer", /200 kept/);
        await until(async () => (await rows_of(page)).length === 1, "it is shown");
        assert.match(await text_of(page, "#send-command code"), /^curl -u USER /);
    });

    test("watches a topic that is clicked", async ({ open, daemon, publish, topic }) => {
        await publish(topic, "x");
        const page = await open(daemon.http);
        await page.click(`button.topic:text-is("${topic}")`);
        await shows(page, "#watch-note", new RegExp(`^watching ${topic}$`));
    });

    test("gives command lines that a shell takes", async ({ open, daemon, topic }) => {
        const page = await open(daemon.http);
        await page.fill("#send-form [name=topic]", topic);
        await page.fill("#send-form [name=payload]", "it's $HOME");
        await page.fill("#send-form [name=headers]", "A: b c");
        assert.equal(await text_of(page, "#send-command code"),
            `curl --data-binary 'it'\\''s $HOME' -H 'Content-Type: text/plain' -H 'Posthorn-Header-A: b c' ${daemon.http}/v1/topics/${topic}`);
        await page.click('#send-command button:text-is("posthorn")');
        await shows(page, "#fact-line", /\d/);
        assert.equal(await text_of(page, "#send-command code"),
            `posthorn pub ${topic} 'it'\\''s $HOME' -H 'Content-Type: text/plain' -H 'A: b c' -s nats://127.0.0.1:${daemon.port}`);
        assert.match(await text_of(page, "#watch-command code"), /^posthorn sub '>' -s/, "all panels follow");
        await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
        await page.click("#watch-command .copy");
        await shows(page, "#watch-command .copy", /^Copied$/);
        assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await text_of(page, "#watch-command code"));
    });

    test("asks nothing while it is hidden", async ({ open, daemon }) => {
        const page = await open(daemon.http);
        await shows(page, "#pulse", /^live$/);
        const asked = [];
        page.on("request", (request) => asked.push(request.url()));
        await page.evaluate(() => {
            Object.defineProperty(document, "hidden", { configurable: true, get: () => window.away });
            window.away = true;
            document.dispatchEvent(new Event("visibilitychange"));
        });
        await page.waitForTimeout(300); /* what was under way ends */
        asked.length = 0;
        await page.waitForTimeout(2500);
        assert.deepEqual(asked, []);
        await page.evaluate(() => {
            window.away = false;
            document.dispatchEvent(new Event("visibilitychange"));
        });
        await until(() => asked.some((url) => url.endsWith("/varz")), "it asks at once");
    });
});
