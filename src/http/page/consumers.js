/* consumers: of one stream, in a box that is shut at first: asked for every five seconds while it is open and seen. */
import { ask_json, problem_note } from "./ask.js";
import { element, set_text, sync_children } from "./dom.js";
import { count } from "./format.js";

const INTERVAL_MS = 5000;

const COLUMNS = [
    ["name", "Consumer", (consumer) => consumer.name],
    ["number", "To come", (consumer) => count(consumer.state.pending)],
    ["number", "In work", (consumer) => count(consumer.state.acks_pending)],
    ["number", "Again", (consumer) => count(consumer.state.redelivered)],
];

/* Closed; it asks when it is opened. */
export function consumers_box(stream) {
    const body = element("tbody"), note = element("div", { class: "none" });
    const head = COLUMNS.map(([name, title]) => element("th", { scope: "col", class: name }, title));
    const table = element("table", {}, element("thead", {}, element("tr", {}, ...head)), body);
    const box = element("details", { class: "consumers" },
        element("summary", {}, "Consumers"),
        element("div", { class: "table", tabindex: "0", role: "group", "aria-label": `Consumers of ${stream}` }, table, note));
    box.addEventListener("toggle", () => box.open && keep_asking(box, () => look(stream, table, body, note)));
    return box;
}

/* One question at a time, and none where nobody looks. */
async function keep_asking(box, look) {
    if (box.asking) return;
    box.asking = true;
    while (box.open && box.isConnected) {
        if (!document.hidden) await look();
        await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
    }
    box.asking = false;
}

async function look(stream, table, body, note) {
    try {
        const { consumers } = await ask_json(`v1/streams/${encodeURIComponent(stream)}/consumers`);
        table.hidden = !consumers.length;
        note.replaceChildren(consumers.length ? "" : "It has none.");
        sync_children(body, consumers, {
            key: (consumer) => consumer.name,
            make: () => element("tr", {}, ...COLUMNS.map(([name]) => element("td", { class: name }))),
            fill: (row, consumer) => COLUMNS.forEach(([, , text], place) => set_text(row.children[place], text(consumer))),
        });
    } catch (problem) {
        note.replaceChildren(problem_note(problem));
    }
}
