"use strict";
/* A native EventSource in a page, which keeps all that it hears; and what is asked of it from here. */
const assert = require("node:assert/strict");

const { until } = require("./suite");

class Stream {
    /* Opens it in the page, and waits until it is open. An address is taken from the page's own. */
    static async open(page, address) {
        const stream = await Stream.begin(page, address);
        await until(async () => (await stream.state()) === 1, `${address} is open`);
        return stream;
    }

    /* The same without waiting. */
    static async begin(page, address) {
        const number = await page.evaluate((from) => {
            const source = new EventSource(from), heard = [];
            const keep = (event) => heard.push({ type: event.type, id: event.lastEventId, data: event.data });
            source.addEventListener("message", keep);
            source.addEventListener("gap", keep);
            source.addEventListener("open", () => heard.opened = (heard.opened || 0) + 1);
            window.streams ??= [];
            return window.streams.push({ source, heard }) - 1;
        }, address);
        return new Stream(page, number);
    }

    constructor(page, number) {
        Object.assign(this, { page, number });
    }

    /* All events so far: { type, id, data }. */
    heard() {
        return this.page.evaluate((number) => [...window.streams[number].heard], this.number);
    }

    /* 0 connecting, 1 open, 2 closed for good. */
    state() {
        return this.page.evaluate((number) => window.streams[number].source.readyState, this.number);
    }

    /* How often the server has accepted it. */
    opened() {
        return this.page.evaluate((number) => window.streams[number].heard.opened || 0, this.number);
    }

    close() {
        return this.page.evaluate((number) => window.streams[number].source.close(), this.number);
    }

    async texts() {
        return (await this.heard()).filter(({ type }) => type === "message").map(({ data }) => data);
    }

    async gaps() {
        return (await this.heard()).filter(({ type }) => type === "gap").map(({ data }) => JSON.parse(data));
    }

    /* Of a stream with data=json: the numbers of the messages. */
    async numbers() {
        return (await this.texts()).map((text) => JSON.parse(text).seq);
    }

    async reaches(number) {
        await until(async () => (await this.numbers()).includes(number), `the page hears number ${number}`);
    }

    /* Waits until that text has come, and then for exactly those, in that order. */
    async hears(...texts) {
        await until(async () => (await this.texts()).includes(texts[texts.length - 1]), `the page hears ${texts}`);
        assert.deepEqual(await this.texts(), texts);
    }
}

module.exports = { Stream };
