/* tables: the topics seen lately and the connections, each asked for every five seconds. */
import { ask_json, curl, posthorn, problem_note } from "./ask.js";
import { command_line } from "./command.js";
import { by_id, element, set_text, sync_children } from "./dom.js";
import { age, bytes, count, span } from "./format.js";
import { Poller } from "./poller.js";

const INTERVAL_MS = 5000;

/* A column: its class, and the text of its cell. A table's head stands in index.html. */
const TOPIC_COLUMNS = [
    ["name", (topic) => topic.topic],
    ["number", (topic) => count(topic.messages)],
    ["number spare", (topic) => bytes(topic.bytes)],
    ["number", (topic) => age(Date.now() - new Date(topic.last_time))],
];

const CONNECTION_COLUMNS = [
    ["number less", (client) => String(client.cid)],
    ["name", (client) => client.name || [client.lang, client.version].filter(Boolean).join(" ") || "unnamed"],
    ["less", (client) => client.type || "nats"],
    ["spare mono", (client) => (client.port ? `${client.ip}:${client.port}` : client.ip || "unix")],
    ["number", (client) => count(client.subscriptions)],
    ["number", (client) => count(client.in_msgs)],
    ["number", (client) => count(client.out_msgs)],
    ["number spare", (client) => bytes(client.in_bytes)],
    ["number spare", (client) => bytes(client.out_bytes)],
    ["number spare", (client) => bytes(client.pending_bytes)],
    ["number", (client) => (client.start ? span(Date.now() - new Date(client.start)).split(" ")[0] : client.uptime)],
];

/* choose(topic) is called with a topic that was clicked. */
export function start_tables(choose) {
    start_table("topics", "topicz?limit=50", TOPIC_COLUMNS, {
        rows: (answer) => answer.topics.sort((a, b) => (a.topic < b.topic ? -1 : 1)), /* so that rows keep their places */
        key: (topic) => topic.topic,
        first: (topic) => topic_button(topic.topic, choose),
        note: (answer) => seen("topic", answer.topics.length, answer.total),
        none: "No topic yet. Publish a message, and it stands here.",
        posthorn: () => posthorn("sub", "'>'"),
    });
    start_table("connections", "connz?limit=64", CONNECTION_COLUMNS, {
        rows: (answer) => answer.connections,
        key: (client) => client.cid,
        first: (client) => element("span", {}, String(client.cid)),
        note: (answer) => seen("connection", answer.connections.length, answer.total),
        none: "No connection but this page's.",
        posthorn: () => posthorn("top"),
    });
}

function seen(what, shown, total) {
    if (total > shown) return `${shown} of ${count(total)}`;
    return `${shown} ${what}${shown === 1 ? "" : "s"}`;
}

function start_table(id, path, columns, table) {
    const box = by_id(id), body = box.querySelector("tbody");
    command_line(`${id}-command`, () => ({ curl: curl(path.split("?")[0], "-s"), posthorn: table.posthorn() }));
    new Poller(async () => {
        try {
            const answer = await ask_json(path);
            show_note(box, table.rows(answer).length ? null : element("p", { class: "none" }, table.none));
            set_text(by_id(`${id}-note`), table.note(answer));
            sync_children(body, table.rows(answer), {
                key: table.key,
                make: (item) => make_row(item, columns, table.first),
                fill: (row, item) => fill_row(row, item, columns),
            });
        } catch (problem) {
            show_note(box, problem_note(problem));
        }
    }, INTERVAL_MS).turn();
}

/* What stands in place of the rows, or above them where they are old. */
function show_note(box, note) {
    box.querySelector(".table > :not(table)")?.remove();
    if (note) box.querySelector(".table").append(note);
}

function make_row(item, columns, first) {
    const row = element("tr", {}, ...columns.map(([name]) => element("td", { class: name || null })));
    row.firstChild.append(first(item));
    return row;
}

/* The first cell is what names the row, and never changes. */
function fill_row(row, item, columns) {
    columns.forEach(([, text], place) => place && set_text(row.children[place], text(item)));
}

function topic_button(topic, choose) {
    const button = element("button", { type: "button", class: "topic", title: `Watch ${topic}` }, topic);
    button.addEventListener("click", () => choose(topic));
    return button;
}
