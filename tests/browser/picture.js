"use strict";
/*
 * Takes the picture that README.md shows: a daemon with some traffic, and the dashboard watching it.
 *
 *   make picture        writes doc/dashboard.png in the build tree; copy it to doc/ when it has improved
 */
const { Daemon } = require("../clients/support/daemon");
const { requirePackage } = require("../clients/support/suite");

const { chromium } = requirePackage("playwright-core");
const nats = requirePackage("nats");

const RUN_MS = 60_000, TICK_MS = 50;
const SCREEN = { viewport: { width: 1280, height: 900 }, colorScheme: "dark" };

/* Topic, how often out of a hundred, and what is said there. */
const TRAFFIC = [
    ["orders.eu.new", 30, (n) => JSON.stringify({ order: 10_000 + n, items: 1 + n % 4, total: 9.5 + n % 90 })],
    ["orders.eu.paid", 22, (n) => JSON.stringify({ order: 9_990 + n, by: "card" })],
    ["orders.us.new", 16, (n) => JSON.stringify({ order: 70_000 + n, items: 1 + n % 3, total: 19.25 + n % 60 })],
    ["orders.us.shipped", 8, (n) => JSON.stringify({ order: 69_100 + n, parcel: `PX${n}` })],
    ["sensors.hall.temperature", 10, (n) => (20 + 2 * Math.sin(n / 20)).toFixed(2)],
    ["sensors.roof.wind", 8, (n) => (5 + 3 * Math.sin(n / 9)).toFixed(1)],
    ["audit.login", 4, (n) => `user=${["anna", "ben", "chloe"][n % 3]} ok`],
    ["deploy.web.started", 2, (n) => `release 4.${n % 100}`],
];

const SUBSCRIBERS = [["billing", "orders.*.paid"], ["shipping", "orders.>"], ["thermostat", "sensors.>"], ["archive", ">"]];

async function populate(daemon) {
    for (const [name, pattern] of SUBSCRIBERS) {
        const client = await nats.connect({ servers: daemon.url, name });
        client.subscribe(pattern, { callback: () => {} });
    }
    const teller = await nats.connect({ servers: daemon.url, name: "clock" });
    teller.subscribe("ask.time", { callback: (error, message) => message.respond(new Date().toISOString()) });
    return nats.connect({ servers: daemon.url, name: "shop" });
}

/* Messages at a rate that rises and falls, as a day does. */
function begin_traffic(shop) {
    const lots = TRAFFIC.flatMap((row) => Array(row[1]).fill(row));
    let count = 0;
    return setInterval(() => {
        const burst = 4 + Math.round(3 * Math.sin(Date.now() / 7000)) + Math.round(2 * Math.random());
        for (let i = 0; i < burst; i++) {
            const [topic, , say] = lots[Math.floor(Math.random() * lots.length)];
            shop.publish(topic, say(++count));
        }
    }, TICK_MS);
}

async function take_picture(daemon, file) {
    const browser = await chromium.launch({ executablePath: process.env.CHROMIUM });
    const page = await (await browser.newContext(SCREEN)).newPage();
    await page.goto(daemon.http);
    await page.fill("#watch-form [name=patterns]", "orders.>, sensors.>");
    await page.click("#watch-toggle");
    await page.click("#tab-request");
    await page.fill("#send-form [name=topic]", "ask.time");
    await page.fill("#send-form [name=payload]", "what time is it?");
    await page.waitForTimeout(RUN_MS);
    for (let i = 0; i < 3; i++) {
        await page.click("#send-button"); /* the last of them tells how long it takes, once the ways are trodden */
        await page.waitForTimeout(1000);
    }
    await page.waitForSelector("#send-answer pre");
    await page.screenshot({ path: file, fullPage: true });
    await browser.close();
}

async function main(file) {
    const daemon = await Daemon.start({ workers: 2 });
    const traffic = begin_traffic(await populate(daemon));
    try {
        await take_picture(daemon, file);
    } finally {
        clearInterval(traffic);
        await daemon.finish();
    }
    process.exit();
}

main(process.argv[2]);
