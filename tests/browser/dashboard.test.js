"use strict";
/* The dashboard: what it shows, what it does, by keyboard alone, on small screens, dark and light, under a strict policy. */
const assert = require("node:assert/strict");
const fs = require("node:fs");

const { suite, until, requirePackage } = require("./support/suite");

const PANELS = ["watch", "send", "streams", "topics", "connections"];
const DESKTOP = { width: 1280, height: 900 }, PHONE = { width: 360, height: 740 };

const text_of = (page, selector) => page.locator(selector).innerText();

/* Waits until the text of an element matches. */
async function shows(page, selector, pattern) {
    await until(async () => pattern.test(await text_of(page, selector)), `${selector} shows ${pattern}`);
}

/* The messages that are shown, the newest first: [topic, payload]. */
function rows_of(page) {
    return page.locator("#watch-log li:visible summary").evaluateAll((rows) =>
        rows.map((row) => [row.querySelector(".topic").textContent, row.querySelector(".preview").textContent]));
}

async function begin_watching(page, pattern) {
    await page.fill("#watch-form [name=patterns]", pattern);
    await page.click("#watch-toggle");
    await shows(page, "#watch-note", /^watching/);
}

/* Goes on by Tab until an element that matches has the focus, as somebody without a mouse does. */
async function tab_to(page, selector) {
    for (let steps = 0; steps < 60; steps++) {
        if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
        await page.keyboard.press("Tab");
    }
    assert.fail(`Tab never comes to ${selector}`);
}

function overflow_of(page) {
    return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/* What axe finds against WCAG 2.1 AA, in words. */
async function barriers_in(page) {
    await page.evaluate(fs.readFileSync(requirePackage.resolve("axe-core/axe.min.js"), "utf8"));
    const { violations } = await page.evaluate(() => axe.run(document, {
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
    }));
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => html + failureSummary).join("; ")}`);
}

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

suite("the dashboard's policy", {}, (test) => {
    test("is sent with each of its files, which a browser asks for again and seldom reads again", async ({ daemon }) => {
        for (const path of ["", "ui/app.js", "ui/style.css", "ui/icon.svg"]) {
            const answer = await fetch(`${daemon.http}/${path}`);
            assert.equal(answer.status, 200, path);
            const policy = answer.headers.get("Content-Security-Policy");
            for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"])
                assert.ok(policy.split("; ").includes(rule), `${path}: ${rule}`);
            assert.equal(answer.headers.get("X-Content-Type-Options"), "nosniff");
            assert.equal(answer.headers.get("Referrer-Policy"), "no-referrer");
            assert.equal(answer.headers.get("Cross-Origin-Opener-Policy"), "same-origin");
            assert.equal(answer.headers.get("Cross-Origin-Resource-Policy"), "same-origin");
            assert.equal(answer.headers.get("Cache-Control"), "no-cache");
            const etag = answer.headers.get("ETag");
            for (const held of [etag, etag.replace("W/", ""), `"other", ${etag}`, "*"]) {
                const again = await fetch(`${daemon.http}/${path}`, { headers: { "If-None-Match": held } });
                assert.equal(again.status, 304, held);
                assert.equal(await again.text(), "");
            }
            const other = await fetch(`${daemon.http}/${path}`, { headers: { "If-None-Match": '"other"' } });
            assert.equal(other.status, 200);
        }
        assert.equal((await fetch(`${daemon.http}/ui/none.js`)).status, 404);
        assert.equal((await fetch(`${daemon.http}/ui/..%2fpage.c`)).status, 404);
    });

    test("lets no script run but its own, and no text become markup", async ({ open, daemon }) => {
        const page = await open(daemon.http);
        /* Behind a timer, where what the test itself may do does not count. */
        const tried = await page.evaluate(() => new Promise((resolve) => setTimeout(() => {
            const script = document.createElement("script");
            const attempts = {
                innerHTML: () => { document.body.innerHTML += "<b>x</b>"; },
                text: () => { script.text = "window.ran = true"; },
                child: () => { script.append("window.ran = true"); document.body.append(script); },
                onclick: () => { document.body.setAttribute("onclick", "window.ran = true"); },
                eval: () => (0, eval)("window.ran = true"),
                foreign: () => { Object.assign(document.body.appendChild(document.createElement("img")), { src: "http://127.0.0.2/x" }); },
            };
            const refused = Object.entries(attempts).filter(([, attempt]) => {
                try {
                    attempt();
                    return false;
                } catch {
                    return true;
                }
            });
            document.body.click();
            resolve({ ran: Boolean(window.ran), refused: refused.map(([name]) => name) });
        })));
        assert.deepEqual(tried, { ran: false, refused: ["innerHTML", "text", "onclick", "eval"] });
        await until(() => page.faults.some((fault) => /127\.0\.0\.2.*Content Security Policy/.test(fault)), "the browser says why");
    });

    test("holds for what strangers publish: text stays text", async ({ open, daemon, connect }) => {
        const nasty = "<img src=x onerror=window.ran=1><script>window.ran=1</script>";
        const page = await open(daemon.http);
        await begin_watching(page, ">");
        const client = await connect();
        const token = "<b>topic</b>";
        client.publish(token, nasty);
        await client.flush();
        await until(async () => (await rows_of(page)).length, "it is shown");
        assert.deepEqual(await rows_of(page), [[token, nasty]]);
        await page.click("#watch-log summary");
        assert.equal(await text_of(page, "#watch-log details pre:not(.head)"), nasty);
        await shows(page, "#topics tbody", /<b>topic<\/b>/);
        assert.equal(await page.evaluate(() => window.ran), undefined);
        assert.deepEqual(page.faults, []);
    });

    test("may not be framed", async ({ blank, daemon }) => {
        const page = await blank();
        const framed = await page.evaluate((address) => new Promise((resolve) => {
            const frame = document.createElement("iframe");
            frame.onload = () => {
                try {
                    resolve(frame.contentDocument?.title ?? "refused");
                } catch {
                    resolve("refused");
                }
            };
            frame.src = address;
            document.documentElement.append(frame);
        }), `${daemon.http}/`);
        assert.equal(framed, "refused");
    });
});

suite("the dashboard's looks", {}, (test) => {
    const screens = [
        ["wide and dark", { viewport: DESKTOP, colorScheme: "dark" }],
        ["wide and light", { viewport: DESKTOP, colorScheme: "light" }],
        ["small and dark", { viewport: PHONE, colorScheme: "dark", hasTouch: true, isMobile: true }],
        ["small and light", { viewport: PHONE, colorScheme: "light", hasTouch: true, isMobile: true }],
        ["a tablet's", { viewport: { width: 800, height: 1100 } }],
    ];
    for (const [name, screen] of screens)
        test(`${name}: nothing is cut off, and there is no barrier that axe knows`, async ({ open, daemon, publish, topic }) => {
            await publish(`${topic}.with.a.name.that.is.rather.long.for.a.small.screen.${"x".repeat(80)}`, "x".repeat(4000));
            const page = await open(daemon.http, screen);
            await page.selectOption("#watch-form [name=since]", "all");
            await begin_watching(page, `${topic}.>`);
            await shows(page, "#topics tbody", /long/);
            await page.locator("#watch-log summary").first().click();
            await page.click("#send-button");
            await shows(page, "#send-answer", /200/);
            for (const panel of PANELS) assert.ok(await page.isVisible(`#${panel} h2`), panel);
            assert.ok(await overflow_of(page) <= 0, "nothing is wider than the screen");
            assert.deepEqual(await barriers_in(page), []);
        });

    test("follow the system, and then the choice, which is kept", async ({ open, daemon }) => {
        const page = await open(daemon.http, { colorScheme: "dark" });
        const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
        const dark = await ground();
        await page.emulateMedia({ colorScheme: "light" });
        const light = await ground();
        assert.notEqual(dark, light);
        await page.keyboard.press("d");
        assert.equal(await ground(), dark);
        await page.reload();
        assert.equal(await ground(), dark, "the choice is kept");
        await page.click("#theme");
        assert.equal(await ground(), light);
    });

    test("keep still for whoever wants that", async ({ open, daemon }) => {
        const page = await open(daemon.http, { reducedMotion: "reduce" });
        await shows(page, "#pulse", /^live$/);
        assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
    });

    test("tell of the keys, which can be turned off", async ({ open, daemon }) => {
        const page = await open(daemon.http);
        await page.keyboard.press("?");
        assert.ok(await page.isVisible("#help"));
        assert.match(await text_of(page, "#help-keys"), /publish a message/);
        assert.deepEqual(await barriers_in(page), []);
        await page.uncheck("#help-single");
        await page.keyboard.press("Escape");
        assert.ok(!(await page.isVisible("#help")));
        await page.keyboard.press("p");
        assert.ok(!(await page.evaluate(() => document.activeElement.matches("input"))));
    });

    test("show where the focus is, and a way past the masthead", async ({ open, daemon }) => {
        const page = await open(daemon.http);
        await page.keyboard.press("Tab");
        assert.ok(await page.evaluate(() => document.activeElement.matches(".skip")));
        assert.ok(await page.locator(".skip").evaluate((link) => link.getBoundingClientRect().left >= 0));
        await page.keyboard.press("Enter");
        assert.ok(await page.evaluate(() => document.activeElement.matches("main")));
        await tab_to(page, "#watch-toggle");
        const outline = await page.locator("#watch-toggle").evaluate((button) => getComputedStyle(button).outlineStyle);
        assert.equal(outline, "solid");
    });
});
