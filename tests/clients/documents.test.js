"use strict";
/* Every example of these pages is run, and prints what the page says. */
const assert = require("node:assert/strict");
const { spawn, spawnSync } = require("node:child_process");
const { once } = require("node:events");
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const { it } = require("node:test");

const { Daemon, DEADLINE_MS } = require("./support/daemon");
const { stepsOf, normal } = require("./support/page");
const { requirePackage, until } = require("./support/suite");
const { LOOPBACK } = require("./support/webhooks");

const PAGES = ["README.md", "doc/patterns.md", "doc/http-api.md", "doc/webhooks.md", "doc/sidecar.md", "doc/security.md"];

/* Where the programs of the pages listen that are not the daemon: each is given a port that is free. */
const OTHERS = ["127.0.0.1:3000", "127.0.0.1:4322", "127.0.0.1:8322", "127.0.0.1:4422", "127.0.0.1:8422"];
const SOURCE = process.env.srcdir || path.join(__dirname, "../..");
const MODULES = path.join(path.resolve(process.env.CLIENT_PACKAGES || __dirname), "node_modules");
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

const SKIPPED = 77;
if (spawnSync("curl", ["--version"]).error) {
    console.log("skipped: needs curl");
    process.exit(SKIPPED);
}

/* One page being run: its daemon, its directory, and what goes on in the background. */
class Run {
    async start() {
        this.site = await startSite((name) => this.file(name));
        this.daemon = await Daemon.start({ durable: true, http: { origins: this.site.origin }, webhooks: LOOPBACK });
        this.directory = fs.mkdtempSync(path.join(this.daemon.directory, "page-"));
        fs.symlinkSync(path.dirname(process.env.POSTHORN), this.file("build"));
        fs.symlinkSync(path.resolve(SOURCE, "clients"), this.file("clients"));
        const ports = await freePorts(OTHERS.length);
        this.addresses = [
            ["127.0.0.1:4222", `127.0.0.1:${this.daemon.port}`],
            ["127.0.0.1:8222", new URL(this.daemon.http).host],
            ...OTHERS.map((address, index) => [address, `127.0.0.1:${ports[index]}`]),
            ["receiver.js 3000", `receiver.js ${ports[0]}`],
            ["app.js 3000", `app.js ${ports[0]}`],
            ["prices.js 3000", `prices.js ${ports[0]}`],
        ];
        this.jobs = [];
        this.shown = new Map();
        this.listening = Infinity; /* when the last command in the foreground began */
    }

    file(name) {
        return path.join(this.directory, path.basename(name));
    }

    /* The page's addresses are those of a daemon with no configuration; ours are taken from what is free. */
    ours(text) {
        return this.addresses.reduce((changed, [theirs, ours]) => changed.replaceAll(theirs, ours), text);
    }

    theirs(text) {
        return this.addresses.reduce((changed, [theirs, ours]) => changed.replaceAll(ours, theirs), text);
    }

    spawn(command) {
        const child = spawn("bash", ["-c", this.ours(command)], {
            cwd: this.directory,
            detached: true,
            stdio: ["ignore", "pipe", "pipe"],
            env: {
                ...process.env, NODE_PATH: MODULES, POSTHORN_URL: this.daemon.url, HOME: this.directory,
                PATH: `${path.dirname(process.env.POSTHORN)}:${process.env.PATH}`,
            },
        });
        const job = { command, child, output: "" };
        for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => { job.output += data; });
        job.ended = once(child, "close");
        return job;
    }

    async console({ commands, line }) {
        this.listening = await this.listeners();
        for (const { command, output } of commands) {
            const job = this.spawn(command);
            const timer = setTimeout(() => end(job), DEADLINE_MS);
            await job.ended;
            clearTimeout(timer);
            this.compare(job.output, output, `${line}: ${command}`);
        }
    }

    /* Goes on when the daemon has one more who listens: what comes next is then heard. */
    async background({ commands: [{ command, output }], line }) {
        await this.oneMoreListens(`${line}: ${command}`, () =>
            this.jobs.push(Object.assign(this.spawn(command), { wanted: output, line })));
    }

    async serving({ commands: [{ command, output }], line }) {
        const job = Object.assign(this.spawn(command), { wanted: output, line });
        this.jobs.push(job);
        await until(() => job.output.includes("\n") || job.child.exitCode !== null, `${line}: ${command} serves`);
        assert.equal(job.child.exitCode, null, `${line}: ${command} goes on serving: ${job.output}`);
    }

    /* Whoever has asked a moment ago may still listen for a reply, and is not to be counted with those who stay; but a
     * worker's lease stays for long, so this wait ends by itself. */
    async oneMoreListens(who, begin) {
        const end = Date.now() + 1000;
        await until(async () => Date.now() > end || await this.listeners() <= this.listening, "askers are gone");
        const before = await this.listeners();
        await begin();
        await until(async () => await this.listeners() > before, `${who} listens`);
        this.listening = Infinity; /* it may be about to listen to more */
    }

    async listeners() {
        const { subscriptions, posthorn: { readers } } = await ask(`${this.daemon.http}/varz`);
        return subscriptions + readers.open + readers.waiting_polls;
    }

    /* Nobody but us is there, so that whoever comes next can be told from whoever has not quite gone. */
    async isAlone() {
        return (await ask(`${this.daemon.http}/varz`)).connections === 1;
    }

    async write({ name, text }) {
        fs.writeFileSync(this.file(name), this.ours(text));
        if (name.endsWith(".html")) await this.open(name);
    }

    async open(name) {
        const browser = await this.launch();
        if (!browser) return;
        const page = await browser.newPage();
        await this.oneMoreListens(name, () => page.goto(`${this.site.origin}/${name}`));
        this.shown.set(name, page);
    }

    /* Null where there is no browser: then what pages show is not looked at. */
    async launch() {
        if (!fs.existsSync(CHROMIUM)) return null;
        const { chromium } = requirePackage("playwright-core");
        this.browser ??= await chromium.launch({ executablePath: CHROMIUM, timeout: 3 * DEADLINE_MS });
        return this.browser;
    }

    async shows({ name, text, line }) {
        const page = this.shown.get(name);
        if (!page) return;
        const length = text.split("\n").length;
        let seen = "";
        await until(async () => {
            seen = `${await page.evaluate("document.body.innerText")}\n`;
            return seen.split("\n").length >= length;
        }, `${line}: ${name} shows ${length} lines`);
        this.compare(seen, text, `${line}: ${name}`);
    }

    /* At a heading: what went on has printed what the page says, and ends. */
    async heading() {
        const jobs = this.jobs.splice(0);
        for (const job of jobs) {
            const length = normal(job.wanted).length;
            const isDone = () => normal(this.theirs(job.output)).length >= length - 1;
            await until(isDone, "it has printed all").catch(() => {}); /* what is missing is seen below */
            await end(job);
            this.compare(job.output, job.wanted, `${job.line}: ${job.command}`);
        }
        await this.browser?.close();
        this.browser = undefined;
        await until(() => this.isAlone(), "all have gone");
    }

    /* An answer need not end its last line; on the page it does. */
    compare(output, wanted, what) {
        const lines = output && !output.endsWith("\n") ? `${output}\n` : output;
        assert.equal(normal(this.theirs(lines)), normal(wanted), `line ${what}`);
    }

    async finish() {
        for (const job of this.jobs || []) await end(job);
        await this.browser?.close();
        await this.daemon?.finish();
        this.site?.close();
    }
}

/* On a connection that ends with the answer. */
async function ask(url) {
    const [answer] = await once(http.get(url, { agent: false }), "response");
    let text = "";
    for await (const data of answer) text += data;
    return JSON.parse(text);
}

async function end(job) {
    if (job.child.exitCode === null && job.child.signalCode === null) process.kill(-job.child.pid, "SIGKILL");
    await job.ended;
}

/*
 * Free ports below those that the system hands out to whoever asks for any: a page's program takes its port long after
 * this, and meanwhile many others ask.
 */
async function freePorts(count) {
    const [first] = fs.readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8").split(/\s/).map(Number);
    const ports = new Set();
    while (ports.size < count) {
        const port = first - 1 - Math.floor(Math.random() * first / 2);
        if (await isFree(port)) ports.add(port);
    }
    return [...ports];
}

async function isFree(port) {
    const server = http.createServer().listen(port, "127.0.0.1");
    try {
        await once(server, "listening");
    } catch {
        return false;
    }
    server.close();
    await once(server, "close");
    return true;
}

/* Serves the pages of the examples, from an origin of their own. */
async function startSite(fileOf) {
    const server = http.createServer((request, response) => {
        const file = fileOf(request.url);
        response.writeHead(fs.existsSync(file) ? 200 : 404, { "Content-Type": "text/html; charset=utf-8" });
        response.end(fs.existsSync(file) ? fs.readFileSync(file) : "");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const close = () => {
        server.closeAllConnections();
        server.close();
    };
    return { origin: `http://127.0.0.1:${server.address().port}`, close };
}

const STEPS = {
    heading: (run) => run.heading(),
    file: (run, step) => run.write(step),
    console: (run, step) => run.console(step),
    background: (run, step) => run.background(step),
    serving: (run, step) => run.serving(step),
    shown: (run, step) => run.shows(step),
};

for (const page of PAGES)
    it(`${page} says what happens`, { timeout: 16 * DEADLINE_MS }, async () => {
        const steps = stepsOf(fs.readFileSync(path.join(SOURCE, page), "utf8"));
        assert.ok(steps.some((step) => step.kind === "console"), "the page has examples");
        const run = new Run();
        try {
            await run.start();
            for (const step of [...steps, { kind: "heading" }]) await STEPS[step.kind](run, step);
        } finally {
            await run.finish();
        }
    });
