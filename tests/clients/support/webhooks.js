"use strict";
/*
 * Both ends of a webhook. A receiver is an HTTP server that keeps every request, raw, and answers as the test says:
 *
 *   const receiver = await Receiver.start((request) => 204);     a status, or { status, headers, body }
 *   await receiver.until(3);                                     three requests have come
 *
 * The rest asks a daemon by its HTTP API.
 */
const assert = require("node:assert/strict");
const http = require("node:http");
const { once } = require("node:events");

const { until } = require("./suite");

/* What lets webhooks come to receivers of the tests. */
const LOOPBACK = { allow_networks: "127.0.0.1" };

class Receiver {
    static async start(answer = () => 204) {
        const receiver = new Receiver();
        Object.assign(receiver, { answer, requests: [] });
        receiver.server = http.createServer((request, response) => receiver.take(request, response));
        receiver.server.listen(0, "127.0.0.1");
        await once(receiver.server, "listening");
        receiver.url = `http://127.0.0.1:${receiver.server.address().port}`;
        return receiver;
    }

    async take(message, response) {
        const chunks = [];
        for await (const chunk of message) chunks.push(chunk);
        const request = { path: message.url, headers: message.headers, body: Buffer.concat(chunks) };
        this.requests.push(request);
        const said = await this.answer(request);
        const { status, headers, body } = typeof said === "number" ? { status: said } : said;
        response.writeHead(status, headers).end(body);
    }

    async until(count) {
        await until(() => this.requests.length >= count, `${count} requests have come`);
    }

    close() {
        this.server.closeAllConnections();
        this.server.close();
    }
}

/* The document that is answered; undefined where there is none. */
async function ask(daemon, method, target, document, status_wanted) {
    const body = document === undefined ? undefined : JSON.stringify(document);
    const headers = body ? { "Content-Type": "application/json" } : {};
    const answer = await fetch(`${daemon.http}/v1/${target}`, { method, headers, body });
    const text = await answer.text();
    assert.equal(answer.status, status_wanted ?? answer.status, `${method} ${target}: ${text}`);
    assert.ok(status_wanted || answer.ok, `${method} ${target}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
}

const addWebhook = (daemon, settings) => ask(daemon, "POST", "webhooks", settings, 201);

async function publish(daemon, topic, body, headers = {}) {
    const answer = await fetch(`${daemon.http}/v1/topics/${topic}`, { method: "POST", headers, body });
    assert.equal(answer.status, 200, await answer.text());
}

module.exports = { Receiver, LOOPBACK, ask, addWebhook, publish };
