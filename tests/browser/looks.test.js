"use strict";
/* The dashboard's policy and its looks: nothing of strangers runs in it; on small screens and wide ones, dark and light. */
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");

const { begin_watching, rows_of, shows, tab_to, text_of } = require("./support/dashboard");
const { suite, until, requirePackage } = require("./support/suite");

const PANELS = ["watch", "send", "streams", "topics", "connections", "webhooks"];
const DESKTOP = { width: 1280, height: 900 }, PHONE = { width: 360, height: 740 };

function overflow_of(page) {
    return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/* For eyes: in the folder $PICTURES, if that is set. */
async function keep_picture(page, name) {
    const folder = process.env.PICTURES;
    if (folder) await page.screenshot({ path: path.join(folder, `${name.replaceAll(" ", "_")}.png`), fullPage: true });
}

/* What axe finds against WCAG 2.1 AA, in words. */
async function barriers_in(page) {
    await page.evaluate(fs.readFileSync(requirePackage.resolve("axe-core/axe.min.js"), "utf8"));
    const { violations } = await page.evaluate(() => axe.run(document, {
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
    }));
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => html + failureSummary).join("; ")}`);
}

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

/* A stream, a consumer and a webhook with long names. */
async function make_stream(daemon, topic) {
    const post = async (path, body) => {
        const answer = await fetch(`${daemon.http}/v1/streams${path}`, { method: "POST", body: JSON.stringify(body) });
        assert.equal(answer.status, 201);
    };
    const name = `${topic}-with-a-rather-long-name-${"x".repeat(60)}`;
    await post("", { name, topics: [`kept.${topic}.>`], storage: "memory", messages_max: 1000 });
    await post(`/${name}/consumers`, { name: `worker-${"y".repeat(60)}` });
    const made = await fetch(`${daemon.http}/v1/webhooks`, {
        method: "POST", body: JSON.stringify({ url: `http://127.0.0.1:9/${"z".repeat(200)}`, pattern: `kept.${topic}.>` }),
    });
    assert.equal(made.status, 201);
}

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
            await make_stream(daemon, topic);
            const page = await open(daemon.http, screen);
            await page.selectOption("#watch-form [name=since]", "all");
            await begin_watching(page, `${topic}.>`);
            await shows(page, "#topics tbody", /long/);
            await page.locator("#watch-log summary").first().click();
            await page.click(`#streams-list article[data-key^="${topic}-"] summary`);
            await shows(page, `#streams-list article[data-key^="${topic}-"] tbody`, /worker/);
            await shows(page, "#webhooks-list", /zzz/);
            await page.locator("#webhooks-list summary").first().click();
            await shows(page, "#webhooks-list", /Nothing has been sent yet|Resend/);
            await page.click("#send-button");
            await shows(page, "#send-answer", /200/);
            for (const panel of PANELS) assert.ok(await page.isVisible(`#${panel} h2`), panel);
            assert.ok(await overflow_of(page) <= 0, "nothing is wider than the screen");
            await keep_picture(page, name);
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
        await page.waitForFunction(() => !document.activeElement.matches("input")); // leaves the box with the next frame
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
