"use strict";
/*
 * A receiver of webhooks in one page of Node, with no package: it takes what is signed by its secret, fresh, and new.
 *
 *     WEBHOOK_SECRET=whsec_... node receiver.js 3000
 *
 * With npm's standardwebhooks, or svix, new Webhook(secret).verify(text, headers) stands for isFresh() and isSigned().
 */
const crypto = require("node:crypto");
const http = require("node:http");

const TOLERANCE_S = 300;
const SEEN_MAX = 100_000;
const BODY_MAX = 1 << 20;

const key = Buffer.from((process.env.WEBHOOK_SECRET || "").replace(/^whsec_/, ""), "base64");
const seen = new Set();

/* What was recorded on its way cannot be sent again later. */
const isFresh = ({ "webhook-timestamp": time = "" }) => /^\d+$/.test(time) && Math.abs(Date.now() / 1000 - time) <= TOLERANCE_S;

/* The signed text is made of the body as it came: JSON that was read and written again is other bytes. The header is a list,
 * and one good signature in it is enough: during a rotation there is one by each secret. */
function isSigned({ "webhook-id": id, "webhook-timestamp": time, "webhook-signature": list = "" }, body) {
    const wanted = crypto.createHmac("sha256", key).update(`${id}.${time}.`).update(body).digest("base64");
    return list.split(" ").map((one) => Buffer.from(one)).some((one) =>
        one.length === 3 + wanted.length && crypto.timingSafeEqual(one, Buffer.from(`v1,${wanted}`)));
}

/* A message whose answer was lost comes again under its id. A real receiver keeps the ids in its database, in the
 * transaction that does the work. */
function isNew(id) {
    if (seen.has(id)) return false;
    if (seen.size === SEEN_MAX) seen.delete(seen.values().next().value);
    seen.add(id);
    return true;
}

/* Whatever is not 2xx comes again; so what has been done before is answered as if it were done now. */
function answer(headers, body) {
    if (!isFresh(headers) || !isSigned(headers, body)) return 401;
    if (isNew(headers["webhook-id"])) console.log(`${headers["webhook-id"]} ${headers["posthorn-topic"]} ${body}`);
    return 204;
}

async function read(request) {
    const chunks = [];
    let size = 0;
    for await (const chunk of request) {
        size += chunk.length;
        if (size > BODY_MAX) return null;
        chunks.push(chunk);
    }
    return Buffer.concat(chunks);
}

async function take(request, response) {
    const body = await read(request);
    response.writeHead(body ? answer(request.headers, body) : 413).end();
}

if (key.length < 24) throw new Error("set WEBHOOK_SECRET to the webhook's secret, whsec_...");
const server = http.createServer((request, response) => {
    if (request.method !== "POST") response.writeHead(405).end();
    else take(request, response).catch(() => response.destroy()); /* it was broken off */
});
server.listen(process.argv[2] || 3000, "127.0.0.1", () => console.log(`listening on 127.0.0.1:${server.address().port}`));
