"use strict";
/*
 * Runs every test of libnats_client.c, each against a daemon of its own. Where the program is not built, libnats was not
 * found when posthorn was configured, and the suite says so.
 */
const { describe, it } = require("node:test");
const { spawn, execFileSync } = require("node:child_process");
const { once } = require("node:events");
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");

const { Daemon, DEADLINE_MS } = require("./support/daemon");

const program = path.resolve(process.env.builddir || ".", "tests/clients/libnats_client");
const built = fs.existsSync(program);

async function run(name) {
    const daemon = await Daemon.start();
    const child = spawn(program, [daemon.url, name], { stdio: ["pipe", "pipe", "pipe"], timeout: 2 * DEADLINE_MS });
    let errors = "";
    child.stderr.on("data", (text) => { errors += text; });
    readline.createInterface({ input: child.stdout }).on("line", async (line) => {
        if (line !== "restart") return;
        await daemon.restart();
        child.stdin.write("done\n");
    });
    try {
        const [code, signal] = await once(child, "close");
        assert.equal(code ?? signal, 0, errors);
    } finally {
        await daemon.finish();
    }
}

describe("libnats", { skip: !built && "libnats is not here (Debian: libnats-dev)" }, () => {
    if (!built) return;
    const names = execFileSync(program, ["--list"], { encoding: "utf8" }).trim().split("\n");
    for (const name of names) it(name.replaceAll("_", " "), () => run(name));
});
