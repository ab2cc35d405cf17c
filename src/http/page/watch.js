/* watch: messages that match a pattern, as they come, by server-sent events; a bounded list, the newest first. */
import { ask, curl, posthorn, problem_note, topic_path } from "./ask.js";
import { command_line } from "./command.js";
import { by_id, element, set_text } from "./dom.js";
import { bytes, clock, quoted, whole } from "./format.js";
import { message_bytes, message_preview, payload_text } from "./payload.js";

const DRAW_MS = 100; /* a flood is drawn ten times a second, not once a message */

let source = null;
let paused = false;
let waiting = [];      /* what came and is not drawn yet, the oldest first; never more than the rows there may be */
let received = 0;
let timer = 0;
let show_command;

export function start_watch() {
    const form = by_id("watch-form");
    show_command = command_line("watch-command", () => commands(read(form)));
    form.addEventListener("input", show_command);
    form.addEventListener("submit", (event) => {
        event.preventDefault();
        if (source) stop();
        else begin(read(form));
    });
    by_id("watch-pause").addEventListener("click", () => set_paused(!paused));
    by_id("watch-clear").addEventListener("click", clear);
    by_id("watch-rows").addEventListener("change", trim);
    by_id("watch-filter").addEventListener("input", filter_all);
    clear();
}

/* Watches this pattern, whatever was watched before. */
export function watch(patterns) {
    const form = by_id("watch-form");
    form.elements.patterns.value = patterns;
    show_command();
    stop();
    begin(read(form));
    by_id("watch").scrollIntoView({ block: "nearest" });
}

export function focus_watch() {
    by_id("watch-form").elements.patterns.focus();
}

function read(form) {
    const patterns = form.elements.patterns.value.split(/[\s,]+/).filter(Boolean);
    const since = form.elements.since.value;
    return { patterns, since, path: `v1/topics/${topic_path(patterns.join(","))}` };
}

function commands({ patterns, since, path }) {
    const query = since ? `?since=${since}` : "";
    return {
        curl: curl(path + query, "-N", "-H", quoted("Accept: text/event-stream")),
        posthorn: posthorn("sub", ...patterns.map(quoted)),
    };
}

/* ---------------------------------------------------------------------------------------------------------- the stream */

function begin({ patterns, since, path }) {
    if (!patterns.length) return;
    const from = `${path}/sse?data=json${since ? `&since=${since}` : ""}`;
    source = new EventSource(from);
    set_text(by_id("watch-toggle"), "Stop");
    note("connecting");
    source.onopen = () => note(`watching ${patterns.join(", ")}`);
    source.onmessage = (event) => take({ event });
    source.addEventListener("gap", (event) => take({ event, gap: true }));
    source.onerror = () => failed(source, from);
}

function stop() {
    if (!source) return;
    source.close();
    source = null;
    set_text(by_id("watch-toggle"), "Watch");
    note("stopped");
}

/* A native EventSource tells nothing of why; so whoever is given up for good asks once more, to read the problem. */
async function failed(broken, from) {
    if (broken.readyState !== EventSource.CLOSED) {
        note("no answer, connecting again");
        return;
    }
    stop();
    const asking = new AbortController();
    try {
        await ask(from, { headers: { Accept: "text/event-stream" }, signal: asking.signal });
        note("the server ended this stream");
    } catch (problem) {
        by_id("watch-log").replaceChildren(element("li", { class: "none" }, problem_note(problem)));
    }
    asking.abort();
}

function note(text) {
    set_text(by_id("watch-note"), text);
}

/* ------------------------------------------------------------------------------------------------------------ the list */

function rows_max() {
    return Number(by_id("watch-rows").value);
}

function take(item) {
    received++;
    waiting.push(item);
    if (waiting.length > 2 * rows_max()) waiting = waiting.slice(-rows_max());
    if (!timer && !paused) timer = setTimeout(draw, DRAW_MS);
    if (paused) show_pause();
}

function draw() {
    timer = 0;
    const log = by_id("watch-log");
    log.querySelector(".none")?.remove();
    const drawn = waiting.slice(-rows_max()).map(({ event, gap }) => (gap ? gap_row(event) : message_row(event)));
    waiting = [];
    log.prepend(...drawn.reverse());
    trim();
    set_text(by_id("watch-clear"), received ? `Clear ${whole(received)}` : "Clear");
}

function trim() {
    const log = by_id("watch-log");
    while (log.childElementCount > rows_max()) log.lastElementChild.remove();
}

function clear() {
    waiting = [];
    received = 0;
    by_id("watch-log").replaceChildren(element("li", { class: "none" }, "Messages appear here, the newest first."));
    set_text(by_id("watch-clear"), "Clear");
    show_pause();
}

function set_paused(value) {
    paused = value;
    by_id("watch-pause").setAttribute("aria-pressed", String(paused));
    show_pause();
    if (!paused && waiting.length) draw();
}

function show_pause() {
    const more = waiting.length ? ` ${whole(waiting.length)}` : "";
    set_text(by_id("watch-pause"), paused ? `Go on${more}` : "Pause");
}

/* Opened, a row shows the whole message; only then is it set out. */
function message_row(event) {
    const message = JSON.parse(event.data);
    const details = element("details", {},
        element("summary", {},
            element("time", {}, clock(message.time ? new Date(message.time) : new Date())),
            element("span", { class: "topic" }, message.topic),
            element("span", { class: "preview" }, message_preview(message))));
    details.addEventListener("toggle", () => details.open && fill_details(details, message), { once: true });
    const row = element("li", {}, details);
    row.dataset.topic = message.topic;
    return filtered(row);
}

function fill_details(details, message) {
    const data = message_bytes(message);
    const facts = [
        message.topic, message.stream ? `${message.stream} ${whole(message.seq)}` : "not kept",
        bytes(data.length), message.time, message.id,
    ];
    details.append(element("p", { class: "aside" }, facts.filter(Boolean).join(" · ")));
    const headers = header_lines(message.headers || {});
    if (headers.length) details.append(element("pre", { class: "head" }, headers.join("\n")));
    if (data.length) details.append(element("pre", { tabindex: "0" }, payload_text(data)));
}

function header_lines(headers) {
    return Object.entries(headers).flatMap(([name, values]) => [values].flat().map((value) => `${name}: ${value}`));
}

/* Cursors, not numbers: what is gone is what lay between the two. */
function gap_row(event) {
    const { from, to } = JSON.parse(event.data);
    return element("li", { class: "gap", title: `from ${from} to ${to}` },
        "Messages are missing here: the stream no longer has them.");
}

/* ---------------------------------------------------------------------------------------------------------- the filter */

function filtered(row) {
    const wanted = by_id("watch-filter").value.toLowerCase();
    row.hidden = Boolean(wanted) && row.dataset.topic !== undefined && !row.dataset.topic.toLowerCase().includes(wanted);
    return row;
}

function filter_all() {
    for (const row of by_id("watch-log").children) filtered(row);
}
