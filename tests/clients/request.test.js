"use strict";
/* Requests and their answers: one replier, many, none, and none in time. */
const assert = require("node:assert/strict");

const { suite, listen, settle, failureOf } = require("./support/suite");

/* Answers each request by what answer(message) returns. */
function reply(connection, topic, answer, options = {}) {
    const replier = { count: 0 };
    connection.subscribe(topic, {
        ...options,
        callback: (error, message) => {
            replier.count++;
            const { data, ...rest } = answer(message);
            message.respond(data, rest);
        },
    });
    return replier;
}

const echo = (message) => ({ data: message.data });

suite("request and reply", (test) => {
    test("a request is answered", async ({ connect, topic }) => {
        const [requester, replier] = [await connect(), await connect()];
        reply(replier, topic, (message) => ({ data: message.string().toUpperCase() }));
        await settle(replier);
        assert.equal((await requester.request(topic, "hello")).string(), "HELLO");
        assert.equal((await requester.request(topic, "again", { noMux: true, timeout: 5000 })).string(), "AGAIN");
    });

    test("headers go there and back", async ({ connect, nats, topic }) => {
        const [requester, replier] = [await connect(), await connect()];
        reply(replier, topic, (message) => {
            const headers = nats.headers();
            headers.set("Seen", message.headers.get("Asked"));
            return { data: "", headers };
        });
        await settle(replier);
        const headers = nats.headers();
        headers.set("Asked", "42");
        const answer = await requester.request(topic, "", { headers, timeout: 5000 });
        assert.equal(answer.headers.get("Seen"), "42");
    });

    test("many repliers of a group share many requests, and each is answered once", async ({ connect, topic }) => {
        const repliers = [], requesters = [await connect(), await connect(), await connect()];
        for (let i = 0; i < 6; i++) {
            const client = await connect();
            repliers.push(reply(client, topic, echo, { queue: "service" }));
            await settle(client);
        }
        const asked = requesters.flatMap((requester, k) =>
            Array.from({ length: 300 }, async (_, i) => {
                const question = `${k}.${i}`;
                assert.equal((await requester.request(topic, question, { timeout: 10_000 })).string(), question);
            }));
        await Promise.all(asked);
        assert.equal(repliers.reduce((sum, replier) => sum + replier.count, 0), asked.length);
        for (const replier of repliers) assert.ok(replier.count > 0, "no replier stands idle");
    });

    test("one request collects the answers of all repliers", async ({ connect, topic }) => {
        const requester = await connect();
        for (let i = 0; i < 5; i++) {
            const client = await connect();
            reply(client, topic, () => ({ data: String(i) }));
            await settle(client);
        }
        const answers = [];
        for await (const answer of await requester.requestMany(topic, "who?", { strategy: "count", maxMessages: 5, maxWait: 5000 }))
            answers.push(answer.string());
        assert.deepEqual(answers.sort(), ["0", "1", "2", "3", "4"]);
    });

    test("a request to nobody fails at once", async ({ connect, topic }) => {
        const client = await connect();
        listen(client, `${topic}.elsewhere`);
        assert.equal(await failureOf(client.request(topic, "", { timeout: 10_000 })), "no responders");
        assert.equal(await failureOf(client.request(topic, "", { timeout: 10_000, noMux: true })), "no responders");
    });

    test("a replier that has left is nobody again", async ({ connect, topic }) => {
        const [requester, replier] = [await connect(), await connect()];
        reply(replier, topic, echo, { queue: "service" });
        await settle(replier);
        assert.equal((await requester.request(topic, "x", { timeout: 5000 })).string(), "x");
        await replier.drain();
        assert.equal(await failureOf(requester.request(topic, "x", { timeout: 10_000 })), "no responders");
    });

    test("a request to somebody silent times out, and the next one works", async ({ connect, topic }) => {
        const [requester, silent] = [await connect(), await connect()];
        const heard = listen(silent, topic);
        await settle(silent);
        assert.equal(await failureOf(requester.request(topic, "", { timeout: 100 })), "timeout");
        assert.equal(heard.messages.length, 1);
        heard.messages[0].respond("too late");
        reply(silent, `${topic}.next`, echo);
        await settle(silent);
        assert.equal((await requester.request(`${topic}.next`, "in time", { timeout: 5000 })).string(), "in time");
    });
});
