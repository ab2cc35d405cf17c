"use strict";
/*
 * A reader of server-sent events that comes back as an EventSource does, behind the last event that it has seen. One stands
 * in place of EventSource because node 18 has none; what a browser's does is tested in tests/browser.
 */
const assert = require("node:assert/strict");
const http = require("node:http");
const { once } = require("node:events");

const RETRY_MS = 20;

class EventReader {
    /* Calls back with { type, id, data } for each event, in order. What the callback asserts in vain ends it. */
    constructor(url, callback) {
        Object.assign(this, { url, callback, id: "", open: true, connections: 0 });
        this.ended = this.run();
        this.ended.catch(() => {}); /* whoever waits for it hears of it */
    }

    async run() {
        while (this.open) {
            await this.read().catch((error) => {
                if (error instanceof assert.AssertionError) throw error; /* anything else broke it off: it comes back */
            });
            await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        }
    }

    /* Waits until question() holds. */
    async until(question) {
        while (!question()) await Promise.race([this.ended, new Promise((resolve) => setTimeout(resolve, RETRY_MS))]);
    }

    async read() {
        const headers = { Accept: "text/event-stream", ...(this.id && { "Last-Event-ID": this.id }) };
        this.request = http.get(this.url, { headers, agent: false });
        const [response] = await once(this.request, "response");
        if (response.statusCode !== 200) throw new Error(`${this.url}: ${response.statusCode}`);
        this.connections++;
        let event = {}, rest = "";
        response.setEncoding("utf8");
        for await (const piece of response) {
            const lines = (rest + piece).split("\n");
            rest = lines.pop();
            for (const line of lines) event = this.take(event, line);
        }
    }

    /* What a line makes of the event that is being read; an empty one ends it. */
    take(event, line) {
        if (line) {
            const [, name, value] = line.match(/^([^:]*):? ?(.*)$/);
            if (name === "data" && event.data !== undefined) return { ...event, data: `${event.data}\n${value}` };
            return { ...event, [name]: value };
        }
        if (event.id !== undefined) this.id = event.id;
        if (event.data !== undefined) this.callback({ type: event.event || "message", id: this.id, data: event.data });
        return {};
    }

    async close() {
        this.open = false;
        this.request?.destroy();
        await this.ended;
    }
}

module.exports = { EventReader };
