/* webhooks: where messages are sent, how that goes, and what became of the last attempts; asked for every five seconds. */
import { ask, ask_json, curl, posthorn, Problem, problem_note } from "./ask.js";
import { command_line } from "./command.js";
import { by_id, element, set_text, sync_children } from "./dom.js";
import { clock, span, took, whole } from "./format.js";
import { Poller } from "./poller.js";

const INTERVAL_MS = 5000;

/* An example waits for its receiver, who may take his time. */
const PATIENCE_MS = 330_000;

let poller;

export function start_webhooks() {
    command_line("webhooks-command", () => ({ curl: curl("v1/webhooks", "-s"), posthorn: posthorn("webhook", "list") }));
    poller = new Poller(look, INTERVAL_MS);
    poller.turn();
}

const path_of = (webhook, verb = "") => `v1/webhooks/${encodeURIComponent(webhook)}${verb && `/${verb}`}`;

/* The list comes in pages. */
async function all() {
    const webhooks = [];
    let page;
    do {
        page = await ask_json(`v1/webhooks?offset=${webhooks.length}`);
        webhooks.push(...page.webhooks);
    } while (page.webhooks.length && webhooks.length < page.total);
    return webhooks;
}

async function look() {
    try {
        const webhooks = await all();
        webhooks.sort((a, b) => (a.name < b.name ? -1 : 1)); /* so that they keep their places */
        set_text(by_id("webhooks-note"), webhooks.length ? seen(webhooks) : "none: POST /v1/webhooks makes one");
        sync_children(by_id("webhooks-list"), webhooks, { key: (webhook) => webhook.name, make, fill });
        await Promise.all([...by_id("webhooks-list").querySelectorAll("details[open]")].map((box) => box.look()));
    } catch (problem) {
        set_text(by_id("webhooks-note"), problem.detail || problem.message);
    }
}

function seen(webhooks) {
    const failing = webhooks.filter(({ state }) => state === "failing").length;
    return `${webhooks.length} webhook${webhooks.length === 1 ? "" : "s"}${failing ? `, ${failing} failing` : ""}`;
}

/* One: its name and state, where it goes, its counts, what can be done, and its attempts. */
function make({ name }) {
    const answer = element("div", { class: "result", role: "status" });
    return element("article", {},
        element("h3", {}, name, " ", element("span", { class: "kind" })),
        element("p", { class: "target" }),
        element("dl", { class: "figures" }),
        element("p", { class: "acts" },
            act("Enable", answer, () => post(name, "enable")),
            act("Disable", answer, () => post(name, "disable")),
            act("Send an example", answer, async () => answer.replaceChildren(attempt_note(await post(name, "example")))),
        ),
        answer,
        attempts_box(name, answer));
}

function fill(box, webhook) {
    const kind = box.querySelector(".kind"), [enable, disable] = box.querySelectorAll(".acts button");
    kind.classList.toggle("bad", webhook.state !== "active");
    set_text(kind, state_of(webhook));
    set_text(box.querySelector(".target"), `${webhook.pattern} → ${webhook.url}`);
    enable.hidden = webhook.enabled;
    disable.hidden = !webhook.enabled;
    const facts = [
        ["Delivered", whole(webhook.delivered)], ["Failed", whole(webhook.failed)], ["Dead", whole(webhook.dead)],
        ["Waiting", whole(webhook.waiting + webhook.unsettled)],
    ];
    if (!webhook.durable) facts.push(["Not kept", webhook.warning]);
    sync_children(box.querySelector("dl"), facts, {
        key: ([name]) => name,
        make: ([name]) => element("div", {}, element("dt", {}, name), element("dd")),
        fill: (row, [, value]) => set_text(row.lastChild, value),
    });
}

function state_of({ state, failing_since, disabled_reason }) {
    if (state === "failing") return `failing for ${span(Date.now() - new Date(failing_since))}`;
    return state === "disabled" && disabled_reason ? `disabled: ${disabled_reason}` : state;
}

/* What can be done. */

async function post(webhook, verb, body = {}) {
    const answer = await ask(path_of(webhook, verb), {
        method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" },
        signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const text = await answer.text();
    return text ? JSON.parse(text) : null;
}

/* Once at a time; what it says, or why it could not, stands in answer. */
function act(title, answer, done) {
    const button = element("button", { type: "button" }, title);
    button.addEventListener("click", async () => {
        if (button.getAttribute("aria-disabled")) return;
        button.setAttribute("aria-disabled", "true");
        answer.replaceChildren();
        try {
            await done();
        } catch (problem) {
            answer.replaceChildren(problem_note(problem instanceof Problem ? problem : new Problem({ detail: problem.message })));
        }
        button.removeAttribute("aria-disabled");
        poller.turn();
    });
    return button;
}

const outcome = ({ status, error, result }) => [status, error || (result === "delivered" ? "" : result)].filter(Boolean).join(" ");

function attempt_note(attempt) {
    const is_good = attempt.result === "delivered";
    return element("div", { class: `notice ${is_good ? "good" : "bad"}` },
        element("strong", {}, is_good ? "The example was taken" : "The example was not taken"),
        element("p", {}, `${outcome(attempt)}, ${took(attempt.duration_ms)}`),
        attempt.answer ? element("code", {}, attempt.answer) : null);
}

/* Attempts. */

const COLUMNS = [
    ["name", "Time", ({ time }) => clock(new Date(time))],
    ["name", "Answer", outcome],
    ["number", "Took", ({ duration_ms }) => took(duration_ms)],
    ["number", "Attempt", ({ attempt }) => String(attempt)],
    ["name", "Next", ({ next }) => (next ? clock(new Date(next)) : "–")],
    ["name spare", "It said", ({ answer }) => answer || ""],
];

/* Closed; it asks when it is opened, and with the list from then on. */
function attempts_box(webhook, answer) {
    const body = element("tbody"), note = element("div", { class: "none" });
    const head = COLUMNS.map(([name, title]) => element("th", { scope: "col", class: name }, title));
    const table = element("table", {}, element("thead", {}, element("tr", {}, ...head, element("th", { scope: "col" }, "Again"))), body);
    const box = element("details", { class: "attempts" },
        element("summary", {}, "Attempts"),
        element("div", { class: "table", tabindex: "0", role: "group", "aria-label": `Attempts of ${webhook}` }, table, note));
    box.look = () => look_at_attempts(webhook, { table, body, note, answer });
    box.addEventListener("toggle", () => box.open && box.look());
    return box;
}

async function look_at_attempts(webhook, { table, body, note, answer }) {
    try {
        const { attempts } = await ask_json(path_of(webhook, "attempts"));
        table.hidden = !attempts.length;
        note.replaceChildren(attempts.length ? "" : "Nothing has been sent yet.");
        sync_children(body, attempts, {
            key: ({ id, attempt, time }) => `${id} ${attempt} ${time}`,
            make: ({ id, seq }) => element("tr", {}, ...COLUMNS.map(([name]) => element("td", { class: name })),
                element("td", {}, seq ? act("Resend", answer, () => post(webhook, "resend", { id })) : null)), /* an example is in no stream */
            fill: (row, attempt) => COLUMNS.forEach(([, , text], place) => set_text(row.children[place], text(attempt))),
        });
    } catch (problem) {
        note.replaceChildren(problem_note(problem));
    }
}
