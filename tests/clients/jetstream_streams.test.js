"use strict";
/* Streams as @nats-io/jetstream manages them: settings, lists, limits, retention, messages taken out and looked up. */
const assert = require("node:assert/strict");

const { streams, publishAll, numbers, fetchAll, texts, errorOf, ask, nats, MS } = require("./support/jetstream");
const { until } = require("./support/suite");

/* Numbers of errors. */
const NO_STREAM = 10059, NO_MESSAGE = 10037, NAME_TAKEN = 10058, TOPICS_OVERLAP = 10065, NO_CHANGE = 10052;

async function all(lister) {
    const found = [];
    for await (const item of lister) found.push(item);
    return found;
}

/* Topics of a stream with the number of their messages, without the part that all have in common. */
async function countsOf(jsm, name, topic, filter = ">") {
    const { subjects = {} } = (await jsm.streams.info(name, { subjects_filter: filter })).state;
    return Object.fromEntries(Object.entries(subjects).map(([subject, count]) => [subject.slice(topic.length + 1), count]));
}

/* What is kept, oldest first. */
async function kept(jsm, name) {
    const { state } = await jsm.streams.info(name);
    const found = [];
    for (let seq = state.first_seq; seq <= state.last_seq && state.messages; seq++) {
        const message = await jsm.streams.getMessage(name, { seq });
        if (message) found.push([seq, message.string()]);
    }
    return found;
}

streams("a stream", (test) => {
    test("is described as it was made", async ({ jsm, topic }) => {
        const name = `${topic}stream`;
        const config = {
            name, subjects: [`${topic}.a.>`, `${topic}.b.*`], description: "a few words", retention: "limits", storage: "file",
            discard: "new", max_msgs: 1000, max_bytes: 1_000_000, max_age: 3600 * 1000 * MS, max_msgs_per_subject: 5,
            max_msg_size: 5000, max_consumers: 7, duplicate_window: 60_000 * MS, allow_direct: true, allow_rollup_hdrs: true,
            deny_delete: true, num_replicas: 1,
        };
        const made = await jsm.streams.add(config);
        const info = await jsm.streams.info(name);
        for (const { config: told } of [made, info])
            for (const [field, value] of Object.entries(config)) assert.deepEqual(told[field], value, field);
        assert.deepEqual([info.state.messages, info.state.bytes, info.state.first_seq, info.state.last_seq], [0, 0, 0, 0]);
        assert.equal(info.state.consumer_count, 0);
        assert.ok(Math.abs(Date.parse(info.created) - Date.now()) < 60_000);
        assert.equal(info.created, made.created);
    });

    test("has defaults for all that is not said", async ({ jsm, topic }) => {
        const { config } = await jsm.streams.add({ name: `${topic}stream`, subjects: [topic] });
        const wanted = {
            retention: "limits", storage: "file", discard: "old", max_msgs: -1, max_bytes: -1, max_age: 0, max_msgs_per_subject: -1,
            max_msg_size: -1, max_consumers: -1, num_replicas: 1, duplicate_window: 120_000 * MS, sealed: false, deny_delete: false,
            deny_purge: false, allow_rollup_hdrs: false,
        };
        for (const [field, value] of Object.entries(wanted)) assert.deepEqual(config[field], value, field);
    });

    test("without topics keeps those of its name", async ({ js, jsm, topic }) => {
        const { config } = await jsm.streams.add({ name: topic });
        assert.deepEqual(config.subjects, [topic]);
        assert.equal((await js.publish(topic, "x")).stream, topic);
    });

    test("may be made twice with the same settings, and not with others", async ({ js, jsm, stream, topic }) => {
        const name = await stream({ max_msgs: 10 });
        await js.publish(`${topic}.a`, "x");
        const again = await jsm.streams.add({ name, subjects: [`${topic}.>`], max_msgs: 10 });
        assert.equal(again.state.messages, 1);
        assert.equal(await errorOf(jsm.streams.add({ name, subjects: [`${topic}.>`], max_msgs: 11 })), NAME_TAKEN);
        assert.equal((await jsm.streams.info(name)).config.max_msgs, 10);
    });

    test("shares no topic with another", async ({ jsm, stream, topic }) => {
        await stream();
        for (const [i, subject] of [`${topic}.>`, `${topic}.a`, `${topic}.*.b`, "*.a", ">"].entries())
            assert.equal(await errorOf(jsm.streams.add({ name: `${topic}x${i}`, subjects: [subject] })), TOPICS_OVERLAP, subject);
        await errorOf(jsm.streams.add({ name: `${topic}y`, subjects: [`${topic}y.>`, `${topic}y.a`] }));
        await jsm.streams.add({ name: `${topic}z`, subjects: [topic, `${topic}z`] });
    });

    test("that cannot be is refused with a reason", async ({ client, topic }) => {
        const wrong = [
            { subjects: [`${topic}..a`] }, { subjects: [`${topic}.a b`] }, { subjects: [`${topic}.>.a`] }, { subjects: ["$JS.API.>"] },
            { retention: "perhaps" }, { storage: "paper" }, { discard: "some" }, { num_replicas: 3 }, { max_age: -5 },
            { duplicate_window: -1 }, { max_age: 1000 * MS, duplicate_window: 2000 * MS },
            { mirror: { name: "nothing", opt_start_seq: 1, opt_start_time: "2026-01-01T00:00:00Z" } },
        ];
        for (const [i, part] of wrong.entries()) {
            const name = `${topic}x${i}`;
            const { error } = await ask(client, `STREAM.CREATE.${name}`, { name, subjects: [`${name}.>`], ...part });
            assert.ok(error, JSON.stringify(part));
            assert.ok(error.code >= 400 && error.code <= 503 && error.err_code && error.description, JSON.stringify(error));
            assert.equal((await ask(client, `STREAM.INFO.${name}`)).error.err_code, NO_STREAM);
        }
    });

    test("that is asked for and cannot be done is not made in silence", async ({ client, topic }) => {
        /* Done, or refused, or told that it is not so: whoever gets a stream sees what he has got. */
        const rare = {
            mirror: { name: `${topic}other` }, sources: [{ name: `${topic}other` }], republish: { src: ">", dest: "copy.>" },
            subject_transform: { src: ">", dest: "t.>" }, compression: "s2", first_seq: 100, metadata: { owner: "me" },
            consumer_limits: { max_ack_pending: 5 },
        };
        const { version } = client.info;
        const unknown = version.startsWith("2.9.") ? ["subject_transform", "compression", "first_seq", "metadata", "consumer_limits"] : [];
        for (const [field, value] of Object.entries(rare)) {
            if (unknown.includes(field)) continue;
            const name = `${topic}${field}`;
            const config = { name, [field]: value };
            if (field !== "mirror" && field !== "sources") config.subjects = [`${name}.>`];
            const answer = await ask(client, `STREAM.CREATE.${name}`, config);
            const told = answer.error ? value : answer.config[field];
            if (told !== "none") assert.deepEqual(told, value, field);
        }
    });

    test("of no such name is an error, wherever it is named", async ({ jsm, topic }) => {
        const name = `${topic}nothing`;
        for (const call of [
            () => jsm.streams.info(name), () => jsm.streams.delete(name), () => jsm.streams.purge(name),
            () => jsm.streams.getMessage(name, { seq: 1 }), () => jsm.streams.update(name, { max_msgs: 1 }),
            () => jsm.streams.deleteMessage(name, 1), () => jsm.consumers.info(name, "c"),
            () => jsm.consumers.add(name, { ack_policy: "explicit", durable_name: "c" }), () => jsm.consumers.list(name).next(),
        ]) assert.equal(await errorOf(call()), NO_STREAM, String(call));
    });

    test("is changed by an update, and what it keeps is kept", async ({ js, jsm, stream, topic }) => {
        const name = await stream({ max_msgs: 100 });
        await publishAll(js, `${topic}.a`, numbers(10));
        const { config, state } = await jsm.streams.update(name, { max_msgs: 4, subjects: [`${topic}.>`, `${topic}more.>`], description: "new" });
        assert.deepEqual([config.max_msgs, config.description, config.subjects.length], [4, "new", 2]);
        assert.deepEqual([state.messages, state.first_seq, state.last_seq], [4, 7, 10]);
        assert.equal((await js.publish(`${topic}more.a`, "x")).stream, name);
        await jsm.streams.update(name, { subjects: [`${topic}more.>`] });
        assert.equal(await errorOf(js.publish(`${topic}.a`, "x")), "JetStreamNotEnabled");
        assert.equal((await js.publish(`${topic}more.a`, "x")).seq, 12);
    });

    test("keeps its storage and its retention for life", async ({ jsm, stream }) => {
        const name = await stream();
        const { config } = await jsm.streams.info(name);
        assert.equal(await errorOf(jsm.streams.update(name, { ...config, storage: "memory" })), NO_CHANGE);
        assert.equal(await errorOf(jsm.streams.update(name, { ...config, retention: "interest" })), NO_CHANGE);
    });

    test("is gone when it is deleted, and may come again empty", async ({ js, jsm, stream, topic }) => {
        const name = await stream();
        await publishAll(js, `${topic}.a`, numbers(5));
        await jsm.consumers.add(name, { durable_name: "c", ack_policy: "explicit" });
        assert.equal(await jsm.streams.delete(name), true);
        assert.equal(await errorOf(jsm.streams.info(name)), NO_STREAM);
        assert.equal(await errorOf(js.publish(`${topic}.a`, "x")), "JetStreamNotEnabled");
        const again = await jsm.streams.add({ name, subjects: [`${topic}.>`] });
        assert.deepEqual([again.state.messages, again.state.consumer_count], [0, 0]);
        assert.equal((await js.publish(`${topic}.a`, "x")).seq, 1);
    });

    test.posthornd("in files needs a directory, and the refusal says so; one in memory needs none", async ({ start, open }) => {
        const { js, jsm } = await open({ daemon: await start() });
        await assert.rejects(jsm.streams.add({ name: "F", subjects: ["f"] }), /server\.data_dir/);
        await jsm.streams.add({ name: "M", subjects: ["m"], storage: "memory" });
        assert.equal((await js.publish("m", "x")).seq, 1);
        assert.deepEqual(await all(jsm.streams.names()), ["M"]);
    });

    test("in memory is a stream like others", async ({ js, jsm, stream, topic }) => {
        const name = await stream({ storage: "memory", max_msgs: 5 });
        await publishAll(js, `${topic}.a`, numbers(8));
        assert.deepEqual(await kept(jsm, name), [[4, "3"], [5, "4"], [6, "5"], [7, "6"], [8, "7"]]);
    });
});

streams("lists", (test) => {
    test("have all streams, however many there are", async ({ jsm, topic }) => {
        const count = 300;
        const names = numbers(count).map((i) => `${topic}n${i}`);
        for (const name of names) await jsm.streams.add({ name, subjects: [`${name}.>`], storage: "memory" });
        const ours = (name) => name.startsWith(`${topic}n`);
        assert.deepEqual((await all(jsm.streams.names())).filter(ours).sort(), [...names].sort());
        const infos = await all(jsm.streams.list());
        assert.deepEqual(infos.map((info) => info.config.name).filter(ours).sort(), [...names].sort());
        for (const name of names) await jsm.streams.delete(name);
        assert.deepEqual((await all(jsm.streams.names())).filter(ours), []);
    });

    test("of names can be asked for by topic", async ({ jsm, stream, topic }) => {
        const name = await stream();
        assert.deepEqual(await all(jsm.streams.names(`${topic}.a`)), [name]);
        assert.deepEqual(await all(jsm.streams.names(`${topic}.>`)), [name]);
        assert.deepEqual(await all(jsm.streams.names(`${topic}nothing.a`)), []);
        assert.equal(await jsm.streams.find(`${topic}.a.b`), name);
        await assert.rejects(jsm.streams.find(`${topic}nothing`), /no stream matches/);
    });

    test("count the account's streams and consumers", async ({ jsm, stream }) => {
        const before = await jsm.getAccountInfo();
        const name = await stream();
        await jsm.consumers.add(name, { durable_name: "c", ack_policy: "explicit" });
        const after = await jsm.getAccountInfo();
        assert.deepEqual([after.streams - before.streams, after.consumers - before.consumers], [1, 1]);
        assert.equal(typeof after.limits.max_streams, "number");
    });
});

streams("limits", (test) => {
    test("of messages let the oldest go", async ({ js, jsm, stream, topic }) => {
        const name = await stream({ max_msgs: 3 });
        await publishAll(js, `${topic}.a`, numbers(10));
        assert.deepEqual(await kept(jsm, name), [[8, "7"], [9, "8"], [10, "9"]]);
    });

    test("of messages for each topic let the oldest of the topic go", async ({ js, jsm, stream, topic }) => {
        const name = await stream({ max_msgs_per_subject: 2 });
        for (const text of ["a0", "b0", "a1", "a2", "c0", "a3"]) await js.publish(`${topic}.${text[0]}`, text);
        assert.deepEqual(await kept(jsm, name), [[2, "b0"], [4, "a2"], [5, "c0"], [6, "a3"]]);
        assert.deepEqual(await countsOf(jsm, name, topic), { a: 2, b: 1, c: 1 });
        const { state } = await jsm.streams.info(name, { deleted_details: true });
        assert.deepEqual([state.first_seq, state.num_deleted, state.deleted], [2, 1, [3]]);
    });

    test("of bytes let the oldest go", async ({ js, jsm, stream, topic }) => {
        const name = await stream({ max_bytes: 10_000 });
        for (const i of numbers(30)) await js.publish(`${topic}.a`, Buffer.alloc(1000, i));
        const { state } = await jsm.streams.info(name);
        assert.ok(state.bytes <= 10_000 && state.messages >= 5 && state.messages < 10, JSON.stringify(state));
        assert.equal(state.last_seq, 30);
    });

    test("of age let the old go, also where nothing new comes", async ({ js, jsm, stream, topic }) => {
        const age_ms = 400;
        const name = await stream({ max_age: age_ms * MS, duplicate_window: age_ms * MS });
        const before = Date.now();
        await publishAll(js, `${topic}.a`, numbers(5));
        await until(async () => (await jsm.streams.info(name)).state.messages === 0, "all are too old");
        assert.ok(Date.now() - before >= age_ms - 5);
        const { state } = await jsm.streams.info(name);
        assert.deepEqual([state.first_seq, state.last_seq], [6, 5]);
        assert.equal((await js.publish(`${topic}.a`, "x")).seq, 6);
    });

    test("of consumers refuse one more", async ({ jsm, stream }) => {
        const name = await stream({ max_consumers: 2 });
        for (const durable_name of ["a", "b"]) await jsm.consumers.add(name, { durable_name, ack_policy: "explicit" });
        assert.equal(await errorOf(jsm.consumers.add(name, { durable_name: "c", ack_policy: "explicit" })), 10026);
    });
});

streams("retention", (test) => {
    test("as a work queue takes out what is acknowledged", async ({ js, jsm, stream, topic }) => {
        const name = await stream({ retention: "workqueue" });
        await publishAll(js, `${topic}.a`, numbers(5));
        await jsm.consumers.add(name, { durable_name: "worker", ack_policy: "explicit" });
        const consumer = await js.consumers.get(name, "worker");
        const messages = await fetchAll(consumer, { max_messages: 3, expires: 1000 });
        for (const message of [messages[0], messages[2]]) assert.ok(await message.ackAck());
        await until(async () => (await jsm.streams.info(name)).state.messages === 3, "two are taken out");
        assert.deepEqual(await kept(jsm, name), [[2, "1"], [4, "3"], [5, "4"]]);
        assert.ok(await messages[1].ackAck());
        await until(async () => (await jsm.streams.info(name)).state.first_seq === 4, "the third is");
    });

    test("as a work queue has one consumer for each topic", async ({ jsm, stream, topic }) => {
        const name = await stream({ retention: "workqueue" });
        const add = (durable_name, filter_subject) =>
            jsm.consumers.add(name, { durable_name, filter_subject, ack_policy: "explicit" });
        await add("a", `${topic}.a.>`);
        await add("b", `${topic}.b.>`);
        assert.equal(await errorOf(add("c", `${topic}.a.x`)), 10100);
        assert.equal(await errorOf(jsm.consumers.add(name, { durable_name: "d", ack_policy: "explicit" })), 10099);
        assert.equal(await errorOf(jsm.consumers.add(name, { durable_name: "e", filter_subject: `${topic}.e`, ack_policy: "none" })), 10084);
    });

    test("by interest keeps nothing that nobody wants", async ({ js, jsm, stream, topic }) => {
        const name = await stream({ retention: "interest" });
        assert.equal((await js.publish(`${topic}.a`, "x")).seq, 1);
        await until(async () => (await jsm.streams.info(name)).state.messages === 0, "it is not kept");
        await jsm.consumers.add(name, { durable_name: "one", ack_policy: "explicit", filter_subject: `${topic}.a` });
        await js.publish(`${topic}.b`, "x");
        await js.publish(`${topic}.a`, "wanted");
        await until(async () => (await jsm.streams.info(name)).state.messages === 1, "only what is wanted stays");
        assert.deepEqual(await kept(jsm, name), [[3, "wanted"]]);
    });

    test("by interest keeps until the last has acknowledged", async ({ js, jsm, stream, topic }) => {
        const name = await stream({ retention: "interest" });
        for (const durable_name of ["one", "two"]) await jsm.consumers.add(name, { durable_name, ack_policy: "explicit" });
        await publishAll(js, `${topic}.a`, numbers(3));
        const [one, two] = [await js.consumers.get(name, "one"), await js.consumers.get(name, "two")];
        for (const message of await fetchAll(one, { max_messages: 3, expires: 1000 })) assert.ok(await message.ackAck());
        assert.equal((await jsm.streams.info(name)).state.messages, 3);
        for (const message of await fetchAll(two, { max_messages: 2, expires: 1000 })) assert.ok(await message.ackAck());
        await until(async () => (await jsm.streams.info(name)).state.messages === 1, "both have two");
        await jsm.consumers.delete(name, "two");
        await until(async () => (await jsm.streams.info(name)).state.messages === 0, "nobody wants the third any more");
    });
});

streams("taking messages out", (test) => {
    const leaves = ["a", "b", "a", "c", "b", "a", "b", "c"];

    async function filled({ js, stream, topic }) {
        const name = await stream();
        for (const [i, leaf] of leaves.entries()) await js.publish(`${topic}.${leaf}`, String(i + 1));
        return name;
    }

    test("purges all, and the count goes on", async (given) => {
        const { js, jsm, topic } = given;
        const name = await filled(given);
        assert.deepEqual(await jsm.streams.purge(name), { type: "io.nats.jetstream.api.v1.stream_purge_response", success: true, purged: 8 });
        const { state } = await jsm.streams.info(name);
        assert.deepEqual([state.messages, state.first_seq, state.last_seq], [0, 9, 8]);
        assert.equal((await js.publish(`${topic}.a`, "x")).seq, 9);
    });

    test("purges up to a sequence, a topic, or all but the last few", async (given) => {
        const { jsm, topic } = given;
        const cases = [
            [{ seq: 4 }, 3, { a: 1, b: 2, c: 2 }],
            [{ filter: `${topic}.a` }, 3, { b: 3, c: 2 }],
            [{ filter: `${topic}.*` }, 8, {}],
            [{ keep: 2 }, 6, { b: 1, c: 1 }],
            [{ filter: `${topic}.a`, keep: 1 }, 2, { a: 1, b: 3, c: 2 }],
            [{ filter: `${topic}.b`, seq: 5 }, 1, { a: 3, b: 2, c: 2 }],
            [{ filter: `${topic}.nothing` }, 0, { a: 3, b: 3, c: 2 }],
        ];
        for (const [options, purged, left] of cases) {
            const name = await filled(given);
            assert.equal((await jsm.streams.purge(name, options)).purged, purged, JSON.stringify(options));
            assert.deepEqual(await countsOf(jsm, name, topic), left, JSON.stringify(options));
            await jsm.streams.delete(name);
        }
    });

    test("deletes one, with or without erasing it", async (given) => {
        const { jsm } = given;
        const name = await filled(given);
        assert.equal(await jsm.streams.deleteMessage(name, 3), true);
        assert.equal(await jsm.streams.deleteMessage(name, 5, false), true);
        assert.equal(await jsm.streams.getMessage(name, { seq: 3 }), null);
        await errorOf(jsm.streams.deleteMessage(name, 3));
        await errorOf(jsm.streams.deleteMessage(name, 99));
        const { state } = await jsm.streams.info(name, { deleted_details: true });
        assert.deepEqual([state.messages, state.first_seq, state.last_seq, state.num_deleted, state.deleted], [6, 1, 8, 2, [3, 5]]);
        assert.equal(await jsm.streams.deleteMessage(name, 1), true);
        assert.equal((await jsm.streams.info(name)).state.first_seq, 2);
    });

    test("is refused where the settings say so", async (given) => {
        const { js, jsm, stream, topic } = given;
        const name = await stream({ deny_delete: true, deny_purge: true });
        await js.publish(`${topic}.a`, "x");
        await errorOf(jsm.streams.deleteMessage(name, 1));
        await errorOf(jsm.streams.purge(name));
        assert.equal((await jsm.streams.info(name)).state.messages, 1);
        const { config } = await jsm.streams.info(name);
        await errorOf(jsm.streams.update(name, { ...config, deny_delete: false }));
    });

    test("leaves no trace for whoever reads on", async (given) => {
        const { js, jsm } = given;
        const name = await filled(given);
        await jsm.streams.deleteMessage(name, 2);
        await jsm.streams.deleteMessage(name, 8);
        const consumer = await js.consumers.get(name);
        const messages = await fetchAll(consumer, { max_messages: 6, expires: 2000 });
        assert.deepEqual(texts(messages), ["1", "3", "4", "5", "6", "7"]);
        assert.equal(messages.at(-1).info.pending, 0);
    });
});

streams("looking up", (test) => {
    test("finds a message by its sequence, and the last of a topic", async ({ js, jsm, stream, topic }) => {
        const name = await stream({ allow_direct: true });
        const headers = nats.headers();
        headers.set("Trace-Id", "17");
        for (const text of ["a1", "b1", "a2", "b2"]) await js.publish(`${topic}.${text[0]}`, text, { headers });
        const cases = [
            [{ seq: 1 }, "a1"], [{ seq: 4 }, "b2"], [{ last_by_subj: `${topic}.a` }, "a2"], [{ last_by_subj: `${topic}.*` }, "b2"],
            [{ next_by_subj: `${topic}.a`, seq: 2 }, "a2"], [{ next_by_subj: `${topic}.b`, seq: 1 }, "b1"],
            [{ next_by_subj: `${topic}.>`, seq: 4 }, "b2"],
        ];
        for (const [query, text] of cases)
            for (const way of [jsm.streams, jsm.direct]) {
                const message = await way.getMessage(name, query);
                assert.equal(message.string(), text, JSON.stringify(query));
                assert.equal(message.subject, `${topic}.${text[0]}`);
                assert.equal(message.header.get("Trace-Id"), "17");
                assert.equal(message.seq, { a1: 1, b1: 2, a2: 3, b2: 4 }[text]);
                assert.ok(Math.abs(message.time - Date.now()) < 60_000);
            }
    });

    test("finds nothing where there is nothing", async ({ client, js, jsm, stream, topic }) => {
        const name = await stream({ allow_direct: true });
        await js.publish(`${topic}.a`, "x");
        for (const query of [{ seq: 2 }, { last_by_subj: `${topic}.b` }, { next_by_subj: `${topic}.a`, seq: 2 }])
            for (const way of [jsm.streams, jsm.direct])
                assert.equal(await way.getMessage(name, query), null, JSON.stringify(query));
        assert.equal((await ask(client, `STREAM.MSG.GET.${name}`, { seq: 2 })).error.err_code, NO_MESSAGE);
        for (const wrong of [{}, { seq: 1, last_by_subj: `${topic}.a` }])
            assert.equal((await ask(client, `STREAM.MSG.GET.${name}`, wrong)).error.code, 400, JSON.stringify(wrong));
    });

    test("goes the direct way only where the stream allows it", async ({ client, js, jsm, stream, topic }) => {
        const name = await stream({ allow_direct: false });
        await js.publish(`${topic}.a`, "x");
        await assert.rejects(client.request(`$JS.API.DIRECT.GET.${name}`, JSON.stringify({ seq: 1 }), { timeout: 200 }));
        assert.equal((await jsm.streams.getMessage(name, { seq: 1 })).string(), "x");
    });

    test("counts the topics that a pattern names", async ({ js, jsm, stream, topic }) => {
        const name = await stream();
        for (const leaf of ["a.x", "a.y", "a.x", "b.x"]) await js.publish(`${topic}.${leaf}`, leaf);
        assert.deepEqual(await countsOf(jsm, name, topic), { "a.x": 2, "a.y": 1, "b.x": 1 });
        assert.deepEqual(await countsOf(jsm, name, topic, `${topic}.a.*`), { "a.x": 2, "a.y": 1 });
        assert.deepEqual(await countsOf(jsm, name, topic, `${topic}.c.*`), {});
        assert.equal((await jsm.streams.info(name)).state.num_subjects, 3);
    });
});
