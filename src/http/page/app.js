/*
 * app: the dashboard of posthornd. Each module is a panel or a tool; this one starts them.
 *
 *   overview   who the server is, what it does now     ask        the server, and its problems
 *   streams    what is kept, and its consumers         command    the same for a shell, to copy
 *   tables     topics, connections                     poller     asks slowly, and not when hidden
 *   watch      a pattern, live                         sparkline, payload, format, dom: what they draw with
 *   send       publish, request                        keys, theme: the person's choices
 *   login      who asks
 *   webhooks   where messages are sent, and how it goes
 */
import { by_id, memory } from "./dom.js";
import { start_keys } from "./keys.js";
import { start_login } from "./login.js";
import { start_overview } from "./overview.js";
import { open_send, start_send } from "./send.js";
import { start_streams } from "./streams.js";
import { start_tables } from "./tables.js";
import { focus_watch, start_watch, watch } from "./watch.js";
import { start_webhooks } from "./webhooks.js";

/* The other one of what is seen now, and from then on that. */
function change_theme() {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    memory.set("theme", root.dataset.theme);
}

start_login();
start_streams();
start_watch();
start_send();
start_tables(watch);
start_webhooks();
start_overview();
start_keys([
    ["w", "watch: to the patterns", focus_watch],
    ["p", "publish a message", () => open_send("publish")],
    ["r", "send a request", () => open_send("request")],
    ["f", "show only some topics of those watched", () => by_id("watch-filter").focus()],
    ["x", "pause what is watched, or go on", () => by_id("watch-pause").click()],
    ["c", "clear what was watched", () => by_id("watch-clear").click()],
    ["d", "dark or light", change_theme],
]);
by_id("theme").addEventListener("click", change_theme);
