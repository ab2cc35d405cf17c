"use strict";
/* What tests of the dashboard ask of it. */
const assert = require("node:assert/strict");

const { until } = require("./suite");

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

module.exports = { text_of, shows, rows_of, begin_watching, tab_to };
