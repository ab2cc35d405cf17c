"use strict";
/*
 * Real data that every machine has: the lines of the text files below /usr/share/doc, by package. Text is what holds no NUL;
 * it need not be UTF-8. Whole files are taken, so long as the package and all of them have room.
 */
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");

const FOLDER = "/usr/share/doc";

/* { name, topic, lines: [Buffer] } for each package; at most about so many lines in all, and of one package. */
function packagesOf({ lines_max, package_lines_max }) {
    const packages = [];
    let count = 0;
    for (const name of fs.existsSync(FOLDER) ? fs.readdirSync(FOLDER).sort() : []) {
        if (count >= lines_max) break;
        const lines = linesOf(path.join(FOLDER, name), Math.min(package_lines_max, lines_max - count));
        if (!lines.length) continue;
        packages.push({ name, topic: `docs.${tokenOf(name)}`, lines });
        count += lines.length;
    }
    assert.equal(new Set(packages.map((one) => one.topic)).size, packages.length, "each package has a topic of its own");
    return packages;
}

/* What makes one token of a topic, and a key of a bucket; each package keeps a name of its own. */
const tokenOf = (name) => name.replaceAll("=", "=3d").replace(/[^\w=-]/g, (sign) => `=${sign.codePointAt(0).toString(16)}`);

function linesOf(folder, lines_max) {
    const lines = [];
    for (const file of filesOf(folder)) {
        if (lines.length >= lines_max) break;
        const bytes = fs.readFileSync(file);
        if (!bytes.includes(0)) lines.push(...cut(bytes));
    }
    return lines;
}

function filesOf(folder) {
    if (!fs.lstatSync(folder).isDirectory()) return [];
    const files = [];
    for (const entry of fs.readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
        const place = path.join(folder, entry.name);
        if (entry.isDirectory()) files.push(...filesOf(place));
        else if (entry.isFile()) files.push(place);
    }
    return files;
}

/* Without the line ends; what follows the last one is a line too. */
function cut(bytes) {
    const lines = [];
    let at = 0;
    for (let end; (end = bytes.indexOf(10, at)) >= 0; at = end + 1) lines.push(bytes.subarray(at, end));
    if (at < bytes.length) lines.push(bytes.subarray(at));
    return lines;
}

module.exports = { packagesOf };
