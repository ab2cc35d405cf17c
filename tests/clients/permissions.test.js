"use strict";
/* What a user may not do, as the npm clients tell it: by the errors that they know, and with the connection left open. */
const assert = require("node:assert/strict");

const { suite, listen, settle, errorKind, failureOf } = require("./support/suite");

const users = {
    all: { password: "all", manage: "yes" },
    shop: {
        password: "shop",
        publish: "orders.>",
        publish_deny: "orders.secret.>",
        subscribe: "orders.>, jobs.* workers, _INBOX.>",
        subscribe_deny: "orders.secret.>",
    },
    service: { password: "service", publish: "", subscribe: "svc.>, _INBOX.>", allow_responses: "yes" },
};
const as = (name) => ({ user: name, pass: name, reconnect: false });

suite("permissions", { users }, (test) => {
    test("a topic that may not be published to is told of, and the client goes on", async ({ connect }) => {
        const [shop, other] = [await connect(as("shop")), await connect(as("all"))];
        const ear = listen(other, "orders.>");
        const before = listen(other, "b.>");
        await settle(other);
        shop.publish("b.x", "no");
        shop.publish("orders.secret.x", "no");
        shop.publish("orders.x", "yes");
        await settle(shop, other);
        assert.deepEqual([ear.texts(), before.texts()], [["yes"], []]);
        assert.equal(shop.isClosed(), false);
    });

    test("a subscription that is refused ends with the error of permissions", async ({ connect }) => {
        const shop = await connect(as("shop"));
        for (const [pattern, options] of [[">", {}], ["b", {}], ["orders.secret.>", {}], ["jobs.x", {}], ["jobs.x", { queue: "others" }]]) {
            const told = await new Promise((resolve) => {
                shop.subscribe(pattern, { ...options, callback: (error) => error && resolve(error) });
            });
            assert.equal(errorKind(told), "permissions", pattern);
        }
        shop.subscribe("jobs.x", { queue: "workers" });
        await settle(shop);
        assert.equal(shop.isClosed(), false);
    });

    test("what is denied is left out of a wider subscription", async ({ connect }) => {
        const [shop, other] = [await connect(as("shop")), await connect(as("all"))];
        const ear = listen(shop, "orders.>");
        await settle(shop);
        for (const topic of ["orders.secret.a", "orders.a", "orders.secret.b", "orders.b"]) other.publish(topic, topic);
        await settle(other, shop);
        assert.deepEqual(ear.texts(), ["orders.a", "orders.b"]);
    });

    test("who may only answer answers", async ({ connect }) => {
        const [asker, service] = [await connect(as("all")), await connect(as("service"))];
        service.subscribe("svc.echo", { callback: (error, message) => message.respond(message.data) });
        await settle(service);
        for (let i = 0; i < 100; i++) assert.equal((await asker.request("svc.echo", String(i), { timeout: 5000 })).string(), String(i));
        service.publish("svc.echo", "no");
        await settle(service, asker);
        assert.match(await failureOf(service.request("svc.echo", "no", { timeout: 300 })), /^(permissions|timeout)$/);
        assert.equal(service.isClosed(), false);
    });
});
