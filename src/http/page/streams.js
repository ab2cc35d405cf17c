/* streams: what is kept, how full, how old; from the same /varz as the gauges. And who works through it. */
import { curl } from "./ask.js";
import { command_line } from "./command.js";
import { consumers_box } from "./consumers.js";
import { by_id, element, set_text, sync_children } from "./dom.js";
import { bytes, count, span, whole } from "./format.js";

export function start_streams() {
    command_line("streams-command", () => ({ curl: curl("v1/streams", "-s") }));
}

export function show_streams(now) {
    const { streams } = now.posthorn;
    set_text(by_id("streams-note"), streams.length ? seen(streams.length) : "nothing is kept: [recent] is off, and there are no others");
    sync_children(by_id("streams-list"), streams, { key: (stream) => stream.name, make, fill: (box, stream) => fill(box, stream, now) });
}

const seen = (number) => `${number} stream${number === 1 ? "" : "s"}`;

/* A name, the shares of its bounds as bars, figures, and consumers, which recent never has. */
function make(stream) {
    return element("article", {},
        element("h3", {}, stream.name, " ", element("span", { class: "kind" })),
        bar("bytes"), bar("age"),
        element("dl", { class: "figures" }),
        stream.name === "recent" ? null : consumers_box(stream.name));
}

function bar(name) {
    return element("div", { class: `bar ${name}` }, element("p"),
        element("div", { role: "meter", "aria-label": `${name} kept, of the bound` }, element("i")));
}

const KINDS = { "disk-full": "the disk is full", failed: "failed: see the log" };

function fill(box, stream, now) {
    const kind = box.querySelector(".kind"), summary = box.querySelector("summary");
    if (summary) set_text(summary, `Consumers: ${whole(stream.consumers)}`);
    kind.classList.toggle("bad", stream.health !== "well");
    set_text(kind, KINDS[stream.health] || (stream.durable ? "on disk" : "in memory"));
    const oldest_ms = stream.messages ? new Date(now.now) - new Date(stream.first_time) : 0;
    fill_bar(box.querySelector(".bytes"), stream.bytes, stream.bytes_max, bytes);
    fill_bar(box.querySelector(".age"), oldest_ms, stream.age_max_ms, span);
    const facts = [
        ["Messages", whole(stream.messages), stream.messages_max ? `of ${count(stream.messages_max)}` : ""],
        ["Numbers", stream.messages ? `${whole(stream.first_seq)} – ${whole(stream.last_seq)}` : "none yet", ""],
        ["Duplicates", whole(stream.duplicates || 0), ""],
    ];
    if (stream.uncommitted) facts.push(["To be written", whole(stream.uncommitted), ""]);
    sync_children(box.querySelector("dl"), facts, {
        key: ([name]) => name,
        make: ([name]) => element("div", {}, element("dt", {}, name), element("dd")),
        fill: (row, [, value, bound]) => set_text(row.lastChild, bound ? `${value} ${bound}` : value),
    });
}

function fill_bar(row, value, bound, show) {
    set_text(row.firstChild, bound ? `${show(value)} of ${show(bound)}` : show(value));
    const meter = row.lastChild, percent = bound ? Math.min(100, Math.round(value / bound * 100)) : 0;
    meter.hidden = !bound;
    meter.setAttribute("aria-valuenow", percent);
    meter.firstChild.style.width = `${percent}%`;
}
