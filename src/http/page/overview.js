/* overview: who this server is, and what it does now: /varz every other second, rates from what its totals grew by. */
import { ask_json, server } from "./ask.js";
import { show_commands } from "./command.js";
import { by_id, set_text } from "./dom.js";
import { bytes, count, span, whole } from "./format.js";
import { Poller } from "./poller.js";
import { Sparkline } from "./sparkline.js";
import { show_streams } from "./streams.js";

const INTERVAL_MS = 2000;
const HISTORY = { window_ms: 180_000, break_ms: 3 * INTERVAL_MS };

/* Each gauge: what it shows of the new /varz, given what grew a second since the one before. */
const GAUGES = [
    { id: "messages", show: count, rates: true, values: (now, rate) => [rate("in_msgs"), rate("out_msgs")] },
    { id: "bytes", show: bytes, rates: true, values: (now, rate) => [rate("in_bytes"), rate("out_bytes")] },
    { id: "connections", show: whole, values: (now) => [now.connections] },
    { id: "subscriptions", show: whole, values: (now) => [now.subscriptions] },
];

let before = null;

export function start_overview() {
    for (const gauge of GAUGES) {
        const box = by_id(`gauge-${gauge.id}`);
        gauge.figures = [...box.querySelectorAll(".figures b")];
        gauge.spark = new Sparkline(box.querySelector("svg"), ["in", "out"].slice(0, gauge.figures.length), HISTORY);
        gauge.box = box;
    }
    new Poller(look, INTERVAL_MS).turn();
}

async function look() {
    try {
        const now = await ask_json("varz");
        now.at_ms = performance.now();
        show_facts(now);
        show_gauges(now);
        show_streams(now);
        show_pulse("good", "live");
        before = now;
    } catch (problem) {
        show_pulse("bad", problem.status ? `${problem.status} ${problem.title}` : "no answer, asking again");
    }
}

function show_facts(now) {
    const line = `${now.host}:${now.port}`;
    set_text(by_id("fact-name"), now.server_name || now.name || now.server_id);
    set_text(by_id("fact-version"), now.version);
    set_text(by_id("fact-uptime"), span(new Date(now.now) - new Date(now.start)));
    set_text(by_id("fact-line"), line);
    document.title = `${now.server_name || "posthorn"} · posthorn`;
    if (server.line === line && server.auth_required === Boolean(now.auth_required)) return;
    Object.assign(server, { line, auth_required: Boolean(now.auth_required) });
    show_commands();
}

/* Rates need two looks at the same life of the server: another server_id counts from nought. */
function show_gauges(now) {
    const same = before && before.server_id === now.server_id && now.at_ms > before.at_ms;
    const rate = (name) => (now[name] - before[name]) / (now.at_ms - before.at_ms) * 1000;
    for (const gauge of GAUGES) {
        if (gauge.rates && !same) continue;
        const values = gauge.values(now, rate);
        gauge.figures.forEach((figure, place) => set_text(figure, gauge.show(rounded(values[place]))));
        gauge.spark.add(now.at_ms, values);
        gauge.box.title = `Highest in ${span(HISTORY.window_ms)}: ` +
            values.map((_, place) => gauge.show(rounded(gauge.spark.peak(place)))).join(" in, ") +
            (values.length > 1 ? " out" : "");
    }
}

const rounded = (value) => (value < 10 ? Math.round(value * 10) / 10 : Math.round(value));

function show_pulse(kind, text) {
    const pulse = by_id("pulse");
    pulse.className = `pulse ${kind}`;
    set_text(pulse, text);
}
