"use strict";
/*
 * Runs every test of a program that was built with libnats (bench.h), each against a daemon of its own. Where the program
 * is not there, libnats was not found when posthorn was configured, and the suite says so.
 */
const { describe, it } = require("node:test");
const { spawn, execFileSync } = require("node:child_process");
const { once } = require("node:events");
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");

const { Daemon, DEADLINE_MS } = require("./daemon");

/* What a test may ask for, by a line on its stdout. */
const WISHES = { restart: (daemon) => daemon.restart(), crash: (daemon) => daemon.crash() };

const programOf = (name) => path.resolve(process.env.builddir || ".", "tests/clients", name);

async function run(program, name, { env, ...options } = {}) {
    const daemon = await Daemon.start(options);
    const child = spawn(program, [daemon.url, name], { stdio: ["pipe", "pipe", "pipe"], timeout: 2 * DEADLINE_MS, env: { ...process.env, ...env } });
    let errors = "";
    child.stderr.on("data", (text) => { errors += text; });
    readline.createInterface({ input: child.stdout }).on("line", async (line) => {
        if (!WISHES[line]) return;
        await WISHES[line](daemon);
        child.stdin.write("done\n");
    });
    try {
        const [code, signal] = await once(child, "close");
        assert.equal(code ?? signal, 0, errors);
    } finally {
        await daemon.finish();
    }
}

/* options: of the daemon, and env: of the program, see bench.h. */
function libnatsSuite(title, name, options) {
    const program = programOf(name);
    const built = fs.existsSync(program);
    describe(title, { skip: !built && "libnats is not here (Debian: libnats-dev)" }, () => {
        if (!built) return;
        const names = execFileSync(program, ["--list"], { encoding: "utf8" }).trim().split("\n");
        for (const name of names) it(name.replaceAll("_", " "), () => run(program, name, options));
    });
}

module.exports = { libnatsSuite, programOf };
