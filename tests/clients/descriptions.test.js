"use strict";
/*
 * /openapi.json and /asyncapi.json as other people's programs take them: validators, Postman; and the daemon held against
 * what openapi.json says of it, example by example. tests/unit/http/test_describe.c holds it against the table of routes.
 */
const assert = require("node:assert/strict");
const { describe, it, before, after } = require("node:test");

const { Daemon, DEADLINE_MS } = require("./support/daemon");
const { requirePackage } = require("./support/suite");

const METHODS = ["post", "put", "patch", "get", "delete"];
const ENDLESS = ["text/event-stream", "application/x-ndjson"];

describe("descriptions", { timeout: 30 * DEADLINE_MS }, () => {
    let daemon, openapi, asyncapi, ajv;

    before(async () => {
        /* The validators keep this process from looking at its connections for as long as they take: on a busy machine the
         * daemon would close those meanwhile, and fetch would find out by using one. */
        daemon = await Daemon.start({ durable: true, http: { idle_timeout: "1h" } });
        openapi = await (await fetch(`${daemon.http}/openapi.json`)).json();
        asyncapi = await (await fetch(`${daemon.http}/asyncapi.json`)).text();
        await requirePackage("@apidevtools/swagger-parser").validate(structuredClone(openapi));
        openapi = await requirePackage("@apidevtools/swagger-parser").dereference(openapi);
        const Ajv = requirePackage("ajv/dist/2020");
        ajv = new Ajv({ strict: false, validateFormats: false });
    });
    after(() => daemon.finish());

    /* Each operation: { method, path, operation }, in an order in which their examples can be sent: what is removed is removed
     * at last, and what is in it before. */
    const operations = () => {
        const all = Object.entries(openapi.paths).flatMap(([path, item]) =>
            METHODS.filter((method) => item[method]).map((method) => ({ method, path, operation: item[method] })));
        const removes = ({ method }) => method === "delete";
        return [...all.filter((one) => !removes(one)), ...all.filter(removes).reverse()];
    };

    it("asyncapi.json is valid", async () => {
        const { Parser } = requirePackage("@asyncapi/parser");
        const { document, diagnostics } = await new Parser().parse(asyncapi);
        const faults = diagnostics.filter(({ severity, code }) => severity < 2 && code !== "asyncapi-latest-version");
        assert.deepEqual(faults.map(({ message }) => message), []);
        assert.ok(document.operations().length > 4);
    });

    it("every operation reaches Postman, with an example of its answer", async () => {
        const { convertV2 } = requirePackage("openapi-to-postmanv2");
        const data = await (await fetch(`${daemon.http}/openapi.json`)).text();
        const { result, reason, output } = await new Promise((resolve, reject) =>
            convertV2({ type: "string", data }, { parametersResolution: "Example" }, (error, made) => error ? reject(error) : resolve(made)));
        assert.ok(result, reason);
        const requests = requestsOf(output[0].data);
        for (const { method, path, operation } of operations()) {
            const request = requests.find((one) => one.method === method.toUpperCase() && one.path === path.replace(/\{(\w+)\}/g, ":$1"));
            assert.ok(request, `${method} ${path} has not arrived`);
            const is_empty = (code) => operation.responses[code] && !operation.responses[code].content;
            const shows = ({ code, body }) => code < 300 && (is_empty(code) || body?.length > 1);
            assert.ok(request.answers.some(shows), `${method} ${path} has no example`);
            if (operation.requestBody) assert.ok(request.body.length > 2, `${method} ${path} has no example of a body`);
        }
        assert.equal(requests.length, operations().length);
    });

    it("every example of an answer is of the form that is described", () => {
        for (const { method, path, operation } of operations())
            for (const [status, { content = {} }] of Object.entries(operation.responses))
                for (const [type, { schema, examples }] of Object.entries(content))
                    for (const [name, { value }] of Object.entries(examples || {}))
                        assert.ok(ajv.validate(schema, value), `${method} ${path} ${status} ${type} ${name}: ${ajv.errorsText()}`);
    });

    it("every example that is sent is answered as described", async () => {
        let count = 0;
        for (const { method, path, operation } of operations())
            for (const { type, value } of bodiesOf(operation)) {
                if (path.includes("{sequence}")) await publishTo(daemon, "archive.eu.paid"); /* purged a moment ago */
                const worker = path.startsWith("/v1/request/") ? answerOne(daemon) : null;
                let answer;
                do answer = await send(daemon, method, path, operation, type, value);
                while (worker && answer.status === 503); // until the worker has come; a request that nobody takes reaches nobody
                await checkAnswer(`${method} ${path} ${type || ""}`, operation, answer);
                await worker;
                count++;
            }
        assert.ok(count > operations().length);
    });

    /* The status and the type are described, and JSON is of the form that they have. */
    async function checkAnswer(what, operation, { status, type, body }) {
        const described = operation.responses[status] || operation.responses.default;
        assert.ok(operation.responses[status], `${what}: ${status} is not described: ${body}`);
        assert.ok(status < 300 || path_is_stale(what), `${what}: the example is refused: ${status} ${body}`);
        if (!described.content && !body) return;
        const content = described.content?.[type];
        assert.ok(content, `${what}: ${status} with ${type} is not described`);
        if (/json$/.test(type) && !ENDLESS.includes(type))
            assert.ok(ajv.validate(content.schema, JSON.parse(body)), `${what}: ${ajv.errorsText()}: ${body}`);
    }
});

/* Ids of replies, of deliveries and of what a webhook has sent are examples of some: no daemon has given them out. And the first
 * message was purged. */
const path_is_stale = (what) => /^post .v1.replies|^post .*.(ack|nak|extend|resend|replay) |^delete .*.messages/.test(what);

async function publishTo(daemon, topic) {
    assert.equal((await fetch(`${daemon.http}/v1/topics/${topic}`, { method: "POST", body: "17" })).status, 200);
}

/* Every example of a body, or one call without any. */
function bodiesOf({ requestBody }) {
    if (!requestBody) return [{}];
    return Object.entries(requestBody.content).flatMap(([type, { examples }]) =>
        Object.values(examples).map(({ value }) => ({ type, value })));
}

/* Sends an operation with the examples of its parameters. A stream is read until something has come. */
async function send(daemon, method, path, operation, type, value) {
    const url = new URL(daemon.http), headers = type ? { "Content-Type": type } : {};
    for (const { name, in: place, example } of operation.parameters || []) {
        if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(example));
        else if (place === "query" && example !== undefined) url.searchParams.set(name, example);
        else if (place === "header" && example !== undefined && name !== "Idempotency-Key") headers[name] = example;
    }
    const body = value === undefined || typeof value === "string" ? value : JSON.stringify(value);
    const stop = new AbortController();
    const answer = await fetch(`${url.origin}${path}${url.search}`, { method: method.toUpperCase(), headers, body, signal: stop.signal });
    const answer_type = answer.headers.get("content-type")?.split(";")[0];
    const text = ENDLESS.includes(answer_type) ? await firstOf(answer) : await answer.text();
    stop.abort();
    return { status: answer.status, type: answer_type, body: text };
}

async function firstOf(answer) {
    const { value } = await answer.body.getReader().read();
    return new TextDecoder().decode(value);
}

/* Is the worker that answers one request. */
async function answerOne(daemon) {
    const taken = await fetch(`${daemon.http}/v1/requests/ask.%3E?wait=10s`);
    assert.equal(taken.status, 200);
    const question = await taken.arrayBuffer();
    const reply = await fetch(`${daemon.http}/v1/replies/${taken.headers.get("posthorn-reply-id")}`, {
        method: "POST", body: question, headers: { "Content-Type": taken.headers.get("content-type") },
    });
    assert.equal(reply.status, 202);
}

/* The requests of a collection, flat. */
function requestsOf({ item, request, response }) {
    if (item) return item.flatMap(requestsOf);
    return [{
        method: request.method,
        path: `/${(request.url.path || []).join("/")}`,
        body: request.body?.raw || "",
        answers: response,
    }];
}
