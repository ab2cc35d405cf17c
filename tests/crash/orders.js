// A shop's service of orders, as somebody would write it who has a sidecar beside it and knows nothing more: it asks another service
// for prices, publishes an event for each order, and takes the events that are delivered to it. All by plain HTTP.
// Usage: node orders.js PORT JOURNAL. The journal is its database: a line for each thing that it did.
'use strict';

const fs = require('node:fs');
const http = require('node:http');

const [port, journal] = process.argv.slice(2);
const sidecar = process.env.SIDECAR ?? 'http://127.0.0.1:8222';
const orders = new Map();
let isStopping = false;

function note(entry) {
    fs.appendFileSync(journal, `${JSON.stringify(entry)}\n`);
}

function remember() {
    const text = fs.existsSync(journal) ? fs.readFileSync(journal, 'utf8') : '';
    for (const line of text.split('\n').filter(Boolean)) {
        const entry = JSON.parse(line);
        if (entry.order)
            orders.set(entry.order.id, entry.order);
    }
}

async function priceOf(item, id) {
    const response = await fetch(`${sidecar}/svc/shop/prices/${item}.json?order=${id}`);
    if (!response.ok)
        throw new Error(`no price: ${response.status} ${await response.text()}`);
    return (await response.json()).price;
}

// The key makes it safe to say it again where nobody knows whether it was heard.
async function tell(order) {
    for (let attempt = 1; ; attempt++)
        try {
            const response = await fetch(`${sidecar}/v1/topics/orders.created`, {
                method: 'POST',
                headers: { 'Content-Type': 'application/json', 'Idempotency-Key': order.id },
                body: JSON.stringify(order),
            });
            const text = await response.text();
            if (response.ok)
                return;
            throw new Error(`${response.status} ${text}`);
        } catch (error) {
            if (attempt === 10)
                throw error;
            await new Promise((resolve) => setTimeout(resolve, 100 * attempt));
        }
}

async function create(body) {
    const wanted = JSON.parse(body);
    note({ asked: wanted.id });
    const order = { ...wanted, price: await priceOf(wanted.item, wanted.id) };
    note({ order });
    orders.set(order.id, order);
    await tell(order);
    note({ told: order.id });
    return order;
}

const routes = {
    'POST /orders': async (path, body) => [201, await create(body)],
    'GET /orders': async ([id]) => orders.has(id) ? [200, orders.get(id)] : [404, { error: 'no such order' }],
    'POST /events': async (path, body) => {
        note({ heard: JSON.parse(body).id });
        return [200, {}];
    },
    'GET /healthz': async () => [200, { orders: orders.size }],
};

async function serve(request, response) {
    let body = '';
    for await (const data of request) body += data;
    const [, first, ...path] = request.url.split('?')[0].split('/');
    const route = routes[`${request.method} /${first}`];
    let answer;
    try {
        answer = route ? await route(path, body) : [404, { error: 'no such thing' }];
    } catch (error) {
        answer = [503, { error: error.message }];
    }
    response.shouldKeepAlive &&= !isStopping; // or who has a connection keeps it, and asks on
    response.writeHead(answer[0], { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(answer[1]));
}

remember();
const server = http.createServer((request, response) => serve(request, response).catch(() => response.destroy()));
server.listen(Number(port), '127.0.0.1', () => console.log('ready'));
process.on('SIGTERM', () => {
    isStopping = true;
    server.close(() => process.exit(0));
});
