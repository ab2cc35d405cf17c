/* keys: what single keys do, where one does not type; and the page that says so. */
import { by_id, element, memory } from "./dom.js";

const TYPING = "input, textarea, select, [contenteditable]";

/* keys: [key, what it does, function]. They can be turned off: who speaks to his computer says letters all the time. */
export function start_keys(keys) {
    const help = by_id("help"), single = by_id("help-single");
    const all = [...keys, ["?", "this help", () => help.showModal()]];

    by_id("help-keys").append(...all.map(([key, text]) =>
        element("div", {}, element("dt", {}, element("kbd", {}, key)), element("dd", {}, text))));
    by_id("help-open").addEventListener("click", () => help.showModal());
    by_id("help-close").addEventListener("click", () => help.close());
    single.checked = memory.get("keys", "on") === "on";
    single.addEventListener("change", () => memory.set("keys", single.checked ? "on" : "off"));

    document.addEventListener("keydown", (event) => {
        if (!single.checked || help.open || event.ctrlKey || event.metaKey || event.altKey) return;
        if (event.target.closest(TYPING)) return;
        const row = all.find(([key]) => key === event.key);
        if (!row) return;
        event.preventDefault();
        row[2]();
    });
}
