// An application as somebody would write it who knows nothing of brokers: it takes events and serves requests over HTTP. What it
// does with an event stands in the event. Usage: node application.js PORT JOURNAL; PORT 0 takes a free one.
'use strict';

const fs = require('node:fs');
const http = require('node:http');

const [port, journal] = process.argv.slice(2);
const sick = `${journal}.sick`; // while this file is there it says that it is not healthy
let now = 0;

function note(entry) {
    fs.appendFileSync(journal, `${JSON.stringify(entry)}\n`);
}

function answer(response, status, body, headers = {}) {
    response.writeHead(status, headers);
    response.end(body);
}

// {"id": 1, "does": ["500", "RETRY", "wait 100", "die", ...]}: what it does at the first attempt, the second, and so on.
async function takeEvent(request, response, body) {
    let event;
    try {
        event = JSON.parse(body);
    } catch {
        event = { id: null };
    }
    event = event.data ?? event;
    const attempt = Number(request.headers['posthorn-attempt']);
    const [does, rest] = (event.does?.[attempt - 1] ?? event.always ?? '').split(' ');
    now++;
    note({ id: event.id, attempt, now, time_ms: performance.now(), headers: request.headers, size: body.length });
    if (does === 'die')
        process.kill(process.pid, 'SIGKILL');
    if (does === 'hang')
        return;
    if (does === 'wait')
        await new Promise((resolve) => setTimeout(resolve, Number(rest)));
    now--;
    note({ done: event.id });
    if (/^\d+$/.test(does))
        answer(response, Number(does), '', rest ? { 'Retry-After': rest } : {});
    else if (/^[A-Z]+$/.test(does))
        answer(response, 200, JSON.stringify({ status: does }), { 'Content-Type': 'application/json' });
    else
        answer(response, 200, '');
}

const pages = {
    '/healthz': (request, response) => answer(response, fs.existsSync(sick) ? 503 : 200, 'health'),
    '/large': (request, response, query) => answer(response, 200, Buffer.alloc(Number(query.get('size')), 'x')),
    '/pieces': (request, response) => {
        response.writeHead(200, { 'Content-Type': 'text/plain' });
        response.write('one ');
        setTimeout(() => response.end('two'), 50);
    },
    '/cookies': (request, response) => answer(response, 201, 'made', { 'Set-Cookie': ['a=1', 'b=2'], 'Posthorn-Status': '500' }),
    '/nothing': (request, response) => answer(response, 204),
    '/status': (request, response, query) => answer(response, Number(query.get('is')), 'as asked'),
    '/break': (request) => request.socket.destroy(),
    '/hang': () => {},
    '/die': () => process.kill(process.pid, 'SIGKILL'),
    '/wait': (request, response, query) => {
        now++;
        note({ wait: query.get('id'), now });
        setTimeout(() => {
            now--;
            answer(response, 200, `waited ${query.get('id')}`);
        }, Number(query.get('ms')));
    },
};

function echo(request, response, body) {
    const said = { method: request.method, url: request.url, headers: request.headers, body: body.toString('latin1') };
    const text = JSON.stringify(said);
    answer(response, 200, request.method === 'HEAD' ? undefined : text,
        { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text), 'X-Twice': ['1', '2'] });
}

// What ends without a length and by closing, as HTTP/1.0 did.
function sendOldStyle(request) {
    request.socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\nX-Old: yes\r\n\r\nuntil the end');
}

const server = http.createServer((request, response) => {
    const pieces = [];
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', () => {
        const url = new URL(request.url, 'http://localhost');
        const body = Buffer.concat(pieces);
        if (url.pathname === '/events')
            takeEvent(request, response, body);
        else if (url.pathname === '/old')
            sendOldStyle(request);
        else if (pages[url.pathname])
            pages[url.pathname](request, response, url.searchParams);
        else
            echo(request, response, body);
    });
});

server.keepAliveTimeout = 60000;
server.listen(Number(port), '127.0.0.1', () => console.log(`ready ${server.address().port}`));
