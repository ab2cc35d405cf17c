"use strict";
/*
 * Documents as programs: the fenced blocks of a page of doc/, in order. What a block is stands behind its fence:
 *
 *   console              commands behind "$ ", each followed by what it prints
 *   console background   one command that goes on until the next heading, and what it prints until then
 *   console serving      the same of a program that has no part in the daemon: it serves when it has printed a line
 *   LANGUAGE NAME        a file of that name, for the commands that follow; an html file is opened in a browser
 *   text NAME.html       what that page shows
 *
 * Blocks with no word, or with a language alone, are not run.
 */
const FENCE = /^```(.*)$/;
const HEADING = /^#{1,3} /;

/* The steps of a page: { kind: heading | file | console | background | serving | shown, line, name, commands, text }. */
function stepsOf(text) {
    const steps = [];
    let block = null;
    for (const [index, line] of text.split("\n").entries()) {
        const fence = line.match(FENCE);
        if (block && fence) {
            steps.push(...stepOf(block));
            block = null;
        } else if (block) block.lines.push(line);
        else if (fence) block = { words: fence[1].split(" "), line: index + 1, lines: [] };
        else if (HEADING.test(line)) steps.push({ kind: "heading", line: index + 1, text: line });
    }
    if (block) throw new Error(`line ${block.line}: a block without an end`);
    return steps;
}

function stepOf({ words: [language, name], line, lines }) {
    if (language === "console") return [{ kind: name || "console", line, commands: commandsOf(lines) }];
    if (!name) return [];
    return [{ kind: language === "text" ? "shown" : "file", line, name, text: lines.join("\n") + "\n" }];
}

/* Lines behind "$ " and what follows each. */
function commandsOf(lines) {
    const commands = [];
    for (const line of lines) {
        const last = commands.at(-1);
        if (line.startsWith("$ ")) commands.push({ command: line.slice(2), output: "" });
        else last.output += line + "\n";
    }
    return commands;
}

/* What differs from run to run, but for a cursor's number. */
const CHANGING = [
    [/\b[0-9a-z]{8,13}-(?=[0-9a-z]+\b)/g, "EPOCH-"],
    [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "TIME"],
    [/^retry: \d+$/gm, "retry: MS"],
    [/\bexample-[A-Z2-7]{16}\b/g, "example-ID"],
    [/^duration +\S+$/gm, "duration TIME"],
    [/"ack_id":"[\w-]+\.[\w-]+"/g, '"ack_id":"ID"'],
];

function normal(text) {
    return CHANGING.reduce((changed, [pattern, word]) => changed.replace(pattern, word), text);
}

module.exports = { stepsOf, normal };
