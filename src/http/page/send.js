/* send: a message, or a request whose reply is shown with the time it took. */
import { Problem, ask, curl, posthorn, problem_note, topic_path } from "./ask.js";
import { command_line } from "./command.js";
import { by_id, element } from "./dom.js";
import { quoted, took, whole } from "./format.js";
import { payload_text } from "./payload.js";

const HEADER_PREFIX = "Posthorn-Header-";
let kind = "publish";
let sending = false;

export function start_send() {
    const form = by_id("send-form"), tabs = ["publish", "request"].map((name) => by_id(`tab-${name}`));
    const show_command = command_line("send-command", () => commands(read(form)));
    for (const tab of tabs) tab.addEventListener("click", () => choose_kind(tab.id.slice(4), show_command));
    by_id("send").querySelector(".tabs").addEventListener("keydown", (event) => move_between(tabs, event));
    form.addEventListener("input", show_command);
    form.addEventListener("submit", (event) => {
        event.preventDefault();
        send(form);
    });
    form.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
}

/* The first tab or the second, and its form ready to be filled in. */
export function open_send(name) {
    by_id(`tab-${name}`).click();
    by_id("send-form").elements.topic.focus();
}

/* As tabs do: arrows go round, and choose. */
function move_between(tabs, event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(event.target) + step + tabs.length) % tabs.length];
    next.focus();
    next.click();
}

function choose_kind(name, show_command) {
    kind = name;
    for (const tab of by_id("send").querySelectorAll("[role=tab]")) {
        const chosen = tab.id === `tab-${name}`;
        tab.setAttribute("aria-selected", String(chosen));
        tab.tabIndex = chosen ? 0 : -1;
    }
    by_id("send-panel").setAttribute("aria-labelledby", `tab-${name}`);
    by_id("send-button").textContent = name === "publish" ? "Publish" : "Request";
    by_id("send").querySelector(".only-request").hidden = name === "publish";
    by_id("send-answer").replaceChildren();
    show_command();
}

/* What the form says. */
function read(form) {
    const { topic, timeout, type, payload, headers } = form.elements;
    return {
        path: kind === "publish" ? `v1/topics/${topic_path(topic.value)}`
            : `v1/request/${topic_path(topic.value)}?timeout=${timeout.value}`,
        topic: topic.value, timeout: timeout.value, type: type.value, payload: payload.value,
        headers: headers.value.split("\n").filter((line) => line.trim()).map(split_header),
    };
}

function split_header(line) {
    const [, name, value] = line.match(/^\s*([^:]*?)\s*(?::\s*(.*?)\s*)?$/);
    return { name, value };
}

/* One at a time. The button is not disabled meanwhile: that would take the focus from whoever pressed it. */
async function send(form) {
    if (sending) return;
    set_sending(true);
    const message = read(form), began = performance.now();
    try {
        const response = await ask(message.path, options_of(message));
        const body = new Uint8Array(await response.arrayBuffer());
        show(kind === "publish" ? receipt(response, body, performance.now() - began)
            : reply(response, body, performance.now() - began));
    } catch (problem) {
        show(problem_note(problem));
    } finally {
        set_sending(false);
    }
}

function set_sending(value) {
    sending = value;
    by_id("send-button").setAttribute("aria-disabled", String(value));
}

/*
 * A body without a type has none: a Blob, for of a text fetch would say text/plain. The headers go as a list, for of
 * Headers a browser sends the names in small letters; but Headers tells which it would refuse.
 */
function options_of({ type, payload, headers }) {
    const bad = headers.find(({ name, value }) => !name || value === undefined);
    if (bad) throw new Problem({ title: "No such header", detail: `"${bad.name}" is not of the form Name: value.` });
    const fields = headers.map(({ name, value }) => [HEADER_PREFIX + name, value]);
    if (type) fields.push(["Content-Type", type]);
    try {
        new Headers(fields);
    } catch (error) {
        throw new Problem({ title: "The browser refuses this header", detail: error.message });
    }
    return { method: "POST", body: new Blob([payload]), headers: fields };
}

function receipt(response, body, ms) {
    const { stream, seq, duplicate } = JSON.parse(new TextDecoder().decode(body));
    let text = "sent to whoever listens; no stream keeps this topic";
    if (duplicate) text = `a duplicate of ${stream} ${whole(seq)}, sent to nobody`;
    else if (stream) text = `kept in ${stream} as ${whole(seq)}`;
    return summary(response, text, ms);
}

function reply(response, body, ms) {
    const names = [...response.headers].filter(([name]) => name.startsWith(HEADER_PREFIX.toLowerCase()));
    const lines = names.map(([name, value]) => `${name.slice(HEADER_PREFIX.length)}: ${value}`);
    const type = response.headers.get("Content-Type");
    return element("div", {},
        summary(response, `a reply of ${whole(body.length)} bytes${type ? `, ${type}` : ""}`, ms),
        lines.length ? element("pre", { class: "head" }, lines.join("\n")) : null,
        element("pre", { tabindex: "0" }, payload_text(body)));
}

function summary(response, text, ms) {
    return element("p", { class: "notice good" }, element("strong", {}, String(response.status)), ` ${text} `,
        element("span", { class: "aside" }, took(ms)));
}

function show(answer) {
    by_id("send-answer").replaceChildren(answer);
}

function commands({ path, topic, timeout, type, payload, headers }) {
    const ours = headers.filter(({ value }) => value !== undefined);
    const pairs = ours.flatMap(({ name, value }) => ["-H", quoted(`${name}: ${value}`)]);
    const typed = type ? ["-H", quoted(`Content-Type: ${type}`)] : [];
    return {
        curl: curl(path, "--data-binary", quoted(payload), "-H", quoted(`Content-Type:${type ? ` ${type}` : ""}`),
            ...ours.flatMap(({ name, value }) => ["-H", quoted(`${HEADER_PREFIX}${name}: ${value}`)])),
        posthorn: kind === "publish" ? posthorn("pub", quoted(topic), quoted(payload), ...typed, ...pairs)
            : posthorn("request", quoted(topic), quoted(payload), "--timeout", timeout, ...typed, ...pairs),
    };
}
