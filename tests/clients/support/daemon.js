"use strict";
/*
 * A daemon under test: started on a port of its own, known to be ready by what it says, stopped and waited for.
 *
 * $POSTHORND names the program. Where a test has asked for it (throughSidecar), clients are given a sidecar before it,
 * $POSTHORN_SIDECAR. Where $ORACLE names a nats-server, that is started instead: it shows whether a test
 * expects what NATS really does. Each program is one row of PROGRAMS.
 */
const { spawn } = require("node:child_process");
const { once } = require("node:events");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const readline = require("node:readline");
const { setTimeout: delay } = require("node:timers/promises");

const DEADLINE_MS = 10_000 * (process.env.PATIENCE || 1);
const HOST = "127.0.0.1";
const IS_ORACLE = Boolean(process.env.ORACLE);

const PROGRAMS = {
    posthornd: {
        stream: "stdout",
        ready: /^ready line=[^ ,]*:(\d+)(?: http=[^ ,]*:(\d+))?/,
        config: posthornConfig,
        argv: (file) => ["--config", file],
        stop: "SIGTERM",
    },
    "posthorn-sidecar": {
        stream: "stdout",
        ready: /^ready line=[^ ,]*:(\d+)(?: http=[^ ,]*:(\d+))?/,
        config: sidecarConfig,
        argv: (file) => ["--config", file],
        stop: "SIGTERM",
    },
    "nats-server": {
        stream: "stderr",
        ready: /Listening for client connections on \S+:(\d+)/,
        config: natsConfig,
        argv: (file) => ["-c", file],
        stop: "SIGKILL", /* as a lame duck it would not listen to less */
    },
};

/*
 * options: { token, users: { name: password, or { option: value } }, payloadMax, workers, http: { option: value }, recent: { option: value },
 * streams: { name: { option: value } }, webhooks: { option: value }, hooks: { name: { option: value } },
 * durable: true where it is to keep streams in a directory of its own, nkeys: { name: public key },
 * tls: { certificate, key, ca, verify, handshake_first }: TLS is required then, and verify says whether a certificate is }
 */
function posthornConfig(port, { token, users = {}, payloadMax, workers = process.env.WORKERS || 1, dataDir, ...options }, httpPort) {
    const lines = ["[server]", `workers = ${workers}`, "auth_delay_max = off"]; // refusals are told at once
    if (dataDir) lines.push(`data_dir = ${dataDir}`);
    lines.push("[line]", `listen = ${HOST}:${port}`);
    if (payloadMax) lines.push(`payload_size_max = ${payloadMax}`);
    if (options.tls) lines.push("tls = required", "[tls]", ...rows(options.tls));
    lines.push("[http]", `listen = ${HOST}:${httpPort}`, ...rows(options.http), "[recent]", ...rows(options.recent));
    for (const [name, section] of Object.entries(options.streams || {})) lines.push(`[stream ${name}]`, ...rows(section));
    lines.push("[webhooks]", ...rows(options.webhooks));
    for (const [name, section] of Object.entries(options.hooks || {})) lines.push(`[webhook ${name}]`, ...rows(section));
    for (const [name, user] of Object.entries(users))
        lines.push(`[user ${name}]`, ...rows(typeof user === "string" ? { password: user } : user));
    for (const [name, key] of Object.entries(options.nkeys || {})) lines.push(`[user ${name}]`, `nkey = ${key}`);
    if (token) lines.push("[user holder]", `token = ${token}`);
    return lines.join("\n") + "\n";
}

function sidecarConfig(port, { broker }, httpPort) {
    return [
        "[line]", `listen = ${HOST}:${port}`, "[http]", `listen = ${HOST}:${httpPort}`,
        "[uplink]", `url = ${broker.url}`, `http = ${broker.http}`, "reconnect_wait = 20ms", "reconnect_wait_max = 200ms",
    ].join("\n") + "\n";
}

const rows = (section = {}) => Object.entries(section).map(([name, value]) => `${name} = ${value}`);

function natsConfig(port, { token, users, payloadMax, dataDir, tls, nkeys }) {
    const lines = [`listen: "${HOST}:${port || -1}"`];
    if (dataDir) lines.push(`jetstream { store_dir: "${dataDir}" }`);
    if (payloadMax) lines.push(`max_payload: ${payloadMax}`);
    if (token) lines.push(`authorization { token: "${token}" }`);
    if (tls) lines.push(`tls { cert_file: "${tls.certificate}", key_file: "${tls.key}", ca_file: "${tls.ca}", verify: ${tls.verify === "required"} }`);
    if (nkeys) lines.push(`authorization { users: [ ${Object.values(nkeys).map((key) => `{ nkey: ${key} }`).join(", ")} ] }`);
    if (users) {
        const list = Object.entries(users).map(([name, user]) => `{ user: "${name}", password: "${user.password || user}" }`);
        lines.push(`authorization { users: [ ${list.join(", ")} ] }`);
    }
    return lines.join("\n") + "\n";
}

class Daemon {
    static async start(options = {}) {
        const daemon = new Daemon(options);
        await daemon.launch(0, 0);
        return beside ? Sidecar.before(daemon) : daemon;
    }

    constructor(options) {
        this.file = process.env.ORACLE || process.env.POSTHORND;
        if (!this.file) throw new Error("set POSTHORND to the daemon's path");
        this.program = PROGRAMS[IS_ORACLE ? "nats-server" : "posthornd"];
        this.directory = fs.mkdtempSync(path.join(os.tmpdir(), "posthorn-clients-"));
        this.options = { ...options, dataDir: options.durable && path.join(this.directory, "data") };
    }

    async launch(port, httpPort) {
        const config = path.join(this.directory, "daemon.ini");
        fs.writeFileSync(config, this.program.config(port, this.options, httpPort), { mode: 0o600 });
        this.said = [];
        this.child = spawn(this.file, this.program.argv(config), { stdio: ["ignore", "pipe", "pipe"] });
        this.exited = once(this.child, "exit");
        [this.port, this.httpPort] = await this.readyPorts();
        this.url = `nats://${HOST}:${this.port}`;
        this.http = `http://${HOST}:${this.httpPort}`;
    }

    /* Waits for the line that says where the daemon listens; keeps what it logs, to be shown if it fails. */
    readyPorts() {
        return new Promise((resolve, reject) => {
            const timer = setTimeout(() => fail("was not ready in time"), DEADLINE_MS);
            const fail = (why) => {
                clearTimeout(timer);
                this.child.kill("SIGKILL");
                reject(new Error(`${this.file} ${why}\n${this.said.join("\n")}`));
            };
            this.child.once("error", (error) => fail(error.message));
            this.child.once("exit", (code, signal) => fail(`ended with ${code ?? signal} before it was ready`));
            for (const name of ["stdout", "stderr"])
                readline.createInterface({ input: this.child[name] }).on("line", (line) => {
                    this.said.push(line);
                    const match = name === this.program.stream && line.match(this.program.ready);
                    if (!match) return;
                    clearTimeout(timer);
                    resolve(match.slice(1).map(Number));
                });
        });
    }

    signal(name) {
        this.child.kill(name);
    }

    /* Stops, and waits; a daemon that dies of it, or ends otherwise than well, fails the test that started it. */
    async stop() {
        if (this.child.exitCode === null && this.child.signalCode === null) {
            this.child.kill(this.program.stop);
            const timer = setTimeout(() => this.child.kill("SIGKILL"), DEADLINE_MS);
            await this.exited;
            clearTimeout(timer);
        }
        const { exitCode, signalCode } = this.child;
        if (exitCode !== 0 && signalCode !== this.program.stop) throw new Error(`${this.file} ended with ${exitCode ?? signalCode}\n${this.said.join("\n")}`);
    }

    /* The same addresses again, as after an upgrade. */
    async restart() {
        await this.stop();
        await this.launch(this.port, this.httpPort);
    }

    /* The same after a crash: whatever was in memory only is lost. */
    async crash() {
        await this.kill();
        await this.launch(this.port, this.httpPort);
    }

    async kill() {
        this.child.kill("SIGKILL");
        await this.exited;
    }

    async finish() {
        try {
            await this.stop();
        } finally {
            fs.rmSync(this.directory, { recursive: true, force: true });
        }
    }
}

/* Clients are at the sidecar; what happens to the daemon happens to the broker behind it. */
class Sidecar extends Daemon {
    static async before(broker) {
        const sidecar = new Sidecar({});
        sidecar.file = process.env.POSTHORN_SIDECAR;
        if (!sidecar.file) throw new Error("set POSTHORN_SIDECAR to the sidecar's path");
        sidecar.program = PROGRAMS["posthorn-sidecar"];
        sidecar.options = { broker };
        sidecar.broker = broker;
        await sidecar.launch(0, 0);
        await sidecar.reachesBroker();
        return sidecar;
    }

    /* It serves before it has reached its broker; requests would be answered that nobody is there. */
    async reachesBroker() {
        for (const deadline = Date.now() + DEADLINE_MS; ; await delay(10)) {
            if (this.said.some((line) => line.includes(" uplink_up "))) return;
            if (Date.now() > deadline) throw new Error(`${this.file} does not reach its broker\n${this.said.join("\n")}`);
        }
    }

    signal(name) {
        this.broker.signal(name);
    }

    async restart() {
        await this.broker.restart();
    }

    async crash() {
        await this.broker.crash();
    }

    async finish() {
        try {
            await super.finish();
        } finally {
            await this.broker.finish();
        }
    }
}

let beside = false;

/* Every daemon that is started from now on has a sidecar before it. */
function throughSidecar() {
    beside = true;
}

module.exports = { Daemon, DEADLINE_MS, IS_ORACLE, throughSidecar };
