"use strict";
/* The dashboard where the server wants to know who asks: it asks, is known by a cookie, watches by it, and logs out. */
const assert = require("node:assert/strict");

const { begin_watching, rows_of, shows } = require("./support/dashboard");
const { suite, until } = require("./support/suite");

const users = { ann: { password: "käse & brot", manage: "yes", monitor: "yes" } };
const authorization = `Basic ${Buffer.from("ann:käse & brot").toString("base64")}`;

async function log_in(page, name, password) {
    await page.fill("#login [name=name]", name);
    await page.fill("#login [name=password]", password);
    await page.keyboard.press("Enter");
}

suite("logging in at the dashboard", { users }, (test) => {
    test("asks who one is, and says when that is not right", async ({ open, daemon }) => {
        const page = await open(daemon.http);
        await page.waitForSelector("#login[open]");
        await log_in(page, "ann", "wrong");
        await shows(page, "#login-note", /not right/);
        await log_in(page, "ann", "käse & brot");
        await shows(page, "#pulse", /^live$/);
        assert.equal(await page.locator("#login[open]").count(), 0);
    });

    test("watches, publishes and logs out by the cookie, which no script reads", async ({ open, daemon, topic }) => {
        const page = await open(daemon.http);
        await page.waitForSelector("#login[open]");
        await log_in(page, "ann", "käse & brot");
        await shows(page, "#pulse", /^live$/);
        assert.equal(await page.evaluate(() => document.cookie), "");
        await begin_watching(page, `${topic}.>`);
        const status = await page.evaluate(async (path) => (await fetch(path, { method: "POST", body: "hello" })).status, `/v1/topics/${topic}.a`);
        assert.ok(status < 300, `${status}`);
        await until(async () => (await rows_of(page)).length === 1, "the message");
        await page.click("#logout");
        await page.waitForSelector("#login[open]");
        assert.equal(await page.evaluate(async () => (await fetch("/v1/session")).status), 401);
    });

    test("lets an EventSource in by a ticket, once", async ({ blank, daemon, topic }) => {
        const issue = async () => (await (await fetch(`${daemon.http}/v1/tickets`, { method: "POST", headers: { Authorization: authorization } })).json()).ticket;
        const page = await blank(), ticket = await issue();
        const opens = (path) => page.evaluate((from) => new Promise((resolve) => {
            const source = new EventSource(from);
            source.onopen = () => resolve(true);
            source.onerror = () => resolve(source.readyState !== EventSource.CLOSED);
        }), path);
        assert.equal(await opens(`/v1/topics/${topic}/sse?ticket=${ticket}`), true);
        assert.equal(await opens(`/v1/topics/${topic}/sse?ticket=${ticket}`), false);
    });
});
