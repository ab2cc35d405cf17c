"use strict";
/* A browser's own EventSource: what it hears, and what it is told when it was away. */
const assert = require("node:assert/strict");

const { suite, until } = require("./support/suite");
const { Network } = require("./support/servers");
const { Stream } = require("./support/stream");

const CONNECTIONS_MAX = 6; /* that browsers open to one host name by HTTP/1.1 */
const SOON = { retry: "100ms" };

const letters = (...names) => names.map(String);

suite("an EventSource", { http: SOON }, (test) => {
    test("hears what is published, by HTTP and on the line, in order", async ({ blank, connect, publish, topic }) => {
        const stream = await Stream.open(await blank(), `/v1/topics/${topic}`);
        const client = await connect();
        await publish(topic, "one");
        client.publish(topic, "two");
        await client.flush();
        await publish(topic, "three\nlines\r\nof\rtext");
        await publish(topic, "é 中 😀");
        await stream.hears("one", "two", "three\nlines\nof\ntext", "é 中 😀");
        const ids = (await stream.heard()).map(({ id }) => id);
        assert.equal(new Set(ids).size, ids.length, `each has an id of its own: ${ids}`);
    });

    test("hears many patterns, and each message once", async ({ blank, publish, topic }) => {
        const patterns = [`${topic}.a`, `${topic}.*`, `${topic}.deep.>`].map(encodeURIComponent).join(",");
        const stream = await Stream.open(await blank(), `/v1/topics/${patterns}/sse`);
        await publish(`${topic}.a`, "by two patterns");
        await publish(`${topic}x`, "by none");
        await publish(`${topic}.deep.er.still`, "by the third");
        await publish(`${topic}.b`, "by the second");
        await stream.hears("by two patterns", "by the third", "by the second");
    });

    test("hears of the past what it asks for", async ({ blank, publish, topic }) => {
        await publish(topic, "before");
        const page = await blank();
        const all = await Stream.open(page, `/v1/topics/${topic}?since=all`);
        const live = await Stream.open(page, `/v1/topics/${topic}`);
        await publish(topic, "after");
        await all.hears("before", "after");
        await live.hears("after");
    });

    test("goes on where it was when only the connection was cut", async ({ blank, publish, daemon, ends, topic }) => {
        const network = ends(await Network.start(daemon.httpPort), (made) => made.close());
        const stream = await Stream.open(await blank(network.http), `/v1/topics/${topic}`);
        await publish(topic, "1");
        await stream.hears("1");
        for (let round = 0; round < 3; round++) {
            await network.cut();
            await publish(topic, `${2 * round + 2}`);
            await publish(topic, `${2 * round + 3}`);
            await network.mend();
            await stream.hears(...Array.from({ length: 2 * round + 3 }, (_, i) => String(i + 1)));
        }
        assert.deepEqual(await stream.gaps(), []);
        assert.equal(await stream.opened(), 4);
    });

    test("is told of a gap by a daemon that was killed and began anew, and then misses nothing",
        async ({ blank, start, publish, topic }) => {
            const daemon = await start({ http: SOON });
            const stream = await Stream.open(await blank(daemon.http), `/v1/topics/${topic}`);
            for (const text of letters(1, 2, 3)) await publish(topic, text, daemon);
            await stream.hears("1", "2", "3");

            await daemon.crash();
            for (const text of letters(4, 5)) await publish(topic, text, daemon); /* before it is back, perhaps */
            await until(async () => (await stream.opened()) === 2, "the page is back");
            for (const text of letters(6, 7)) await publish(topic, text, daemon);

            await stream.hears("1", "2", "3", "4", "5", "6", "7");
            const order = (await stream.heard()).map(({ type, data }) => (type === "gap" ? "gap" : data));
            assert.deepEqual(order, ["1", "2", "3", "gap", "4", "5", "6", "7"]);
        });

    test("is told of no gap where it hears a restarted daemon for the first time", async ({ blank, start, publish, topic }) => {
        const daemon = await start({ http: SOON });
        await publish(topic, "lost", daemon);
        await daemon.crash();
        await publish(topic, "kept", daemon);
        const stream = await Stream.open(await blank(daemon.http), `/v1/topics/${topic}?since=all`);
        await stream.hears("kept");
        assert.deepEqual(await stream.gaps(), []);
    });
});

suite("an EventSource of a short stream", { http: SOON, recent: { messages_max: 10 } }, (test) => {
    test("is told exactly what is gone", async ({ blank, publish, daemon, ends, topic }) => {
        const network = ends(await Network.start(daemon.httpPort), (made) => made.close());
        const stream = await Stream.open(await blank(network.http), `/v1/topics/${topic}?data=json`);
        const first = await publish(topic, "0");
        await stream.reaches(first.seq);
        await network.cut();
        let last;
        for (let i = 1; i <= 50; i++) last = await publish(topic, String(i));
        await network.mend();

        await stream.reaches(last.seq);
        const [gap, ...more] = await stream.gaps();
        assert.deepEqual(more, [], "one gap, told once");
        assert.equal(gap.from, first.id);
        assert.deepEqual(await stream.numbers(), [first.seq, ...range(number_of(gap.to) + 1, last.seq)],
            "whatever is not heard lies in the gap");
        assert.equal(number_of(gap.to), last.seq - 10, "and nothing that is kept does");
    });
});

/* Cursors are not for clients to look into; a test may: the epoch, and the number, in base 36. */
const number_of = (cursor) => parseInt(cursor.split("-")[1], 36);
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

suite("many EventSources", { http: SOON }, (test) => {
    /* The limit of browsers that doc/http-api.md names: one stream with many patterns goes around it. */
    test("of one host name: six are open, and one more when one has ended", async ({ blank, publish, topic }) => {
        const page = await blank(), streams = [];
        for (let i = 0; i < CONNECTIONS_MAX; i++) streams.push(await Stream.open(page, `/v1/topics/${topic}?n=${i}`));
        const seventh = await Stream.begin(page, `/v1/topics/${topic}?n=7`);
        await page.waitForTimeout(300);
        assert.equal(await seventh.state(), 0, "a seventh waits");

        await streams[0].close();
        await until(async () => (await seventh.state()) === 1, "the seventh is open");
        await publish(topic, "all");
        for (const stream of [...streams.slice(1), seventh]) await stream.hears("all");
    });

    test("of many tabs and two host names: twelve hear all, in the same order", async ({ open, publish, daemon, topic }) => {
        const streams = [];
        for (const host of ["127.0.0.1", "localhost"]) {
            const first = await open(`http://${host}:${daemon.httpPort}/healthz`);
            for (let i = 0; i < CONNECTIONS_MAX; i++) {
                const tab = i ? await first.context().newPage() : first;
                if (i) await tab.goto(first.url());
                streams.push(await Stream.open(tab, `/v1/topics/${topic}.*`));
            }
        }
        const texts = Array.from({ length: 40 }, (_, i) => `message ${i}`);
        await Promise.all(texts.slice(0, 20).map((text, i) => publish(`${topic}.${i}`, text)));
        for (const text of texts.slice(20)) await publish(`${topic}.x`, text);
        const [first] = streams;
        await until(async () => (await first.texts()).length === texts.length, "the first hears all");
        const heard = await first.texts();
        assert.deepEqual([...heard].sort(), [...texts].sort());
        for (const stream of streams) await stream.hears(...heard);
    });
});
