"use strict";
/* What stands beside the daemon: a web site of another origin, and a network that can be cut. */
const { once } = require("node:events");
const http = require("node:http");
const net = require("node:net");

const HOST = "127.0.0.1";

/* A site whose every address is an empty page. Its origin is another one because its port is. */
async function start_site() {
    const server = http.createServer((request, response) => {
        response.writeHead(200, { "Content-Type": "text/html" });
        response.end("<!doctype html><title>another site</title>");
    });
    server.listen(0, HOST);
    await once(server, "listening");
    const close = () => {
        server.closeAllConnections();
        server.close();
    };
    return { origin: `http://${HOST}:${server.address().port}`, close };
}

/* A way to the daemon that can be cut and mended: connections end, and none is accepted meanwhile. */
class Network {
    static async start(port) {
        const network = new Network(port);
        await network.mend();
        return network;
    }

    constructor(port) {
        Object.assign(this, { port, own_port: 0, sockets: new Set() });
    }

    async mend() {
        this.server = net.createServer((client) => this.join(client, net.connect(this.port, HOST)));
        this.server.listen(this.own_port, HOST);
        await once(this.server, "listening");
        this.own_port = this.server.address().port;
        this.http = `http://${HOST}:${this.own_port}`;
    }

    join(...pair) {
        for (const [place, socket] of pair.entries()) {
            this.sockets.add(socket);
            socket.on("error", () => {}); /* its close says enough */
            socket.on("close", () => {
                this.sockets.delete(socket);
                pair[1 - place].destroy();
            });
            socket.pipe(pair[1 - place]);
        }
    }

    async cut() {
        const closed = once(this.server, "close");
        this.server.close();
        for (const socket of this.sockets) socket.destroy();
        await closed;
    }

    close() {
        this.server.close();
        for (const socket of this.sockets) socket.destroy();
    }
}

module.exports = { start_site, Network };
