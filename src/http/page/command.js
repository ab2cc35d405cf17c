/* command: the line below each panel: what it shows, for a shell, by curl or by posthorn, with a button that copies it. */
import { by_id, element, memory, set_text } from "./dom.js";

const COPIED_MS = 1500;
const commands = [];
let tool = memory.get("tool", "curl");

/* build() returns { curl, posthorn }; a tool that cannot do it is left out. Returns what is to be called when it changes. */
export function command_line(id, build) {
    const footer = by_id(id);
    const command = { build, footer, code: element("code"), buttons: element("span", { class: "tools" }) };
    const copy = element("button", { type: "button", class: "copy" }, "Copy");
    copy.addEventListener("click", () => copy_text(copy, command.code));
    footer.append(command.buttons, command.code, copy);
    commands.push(command);
    show(command);
    return () => show(command);
}

export function show_commands() {
    commands.forEach(show);
}

function show(command) {
    const lines = command.build();
    const chosen = lines[tool] ? tool : Object.keys(lines)[0];
    set_text(command.code, lines[chosen]);
    if (command.buttons.childElementCount !== Object.keys(lines).length)
        command.buttons.replaceChildren(...Object.keys(lines).map(tool_button));
    for (const button of command.buttons.children)
        button.setAttribute("aria-pressed", String(button.textContent === chosen));
}

function tool_button(name) {
    const button = element("button", { type: "button" }, name);
    button.addEventListener("click", () => {
        tool = name;
        memory.set("tool", tool);
        show_commands();
    });
    return button;
}

/* The clipboard is there only for pages of this machine or by TLS; elsewhere the text is selected, which nearly does it. */
async function copy_text(button, code) {
    try {
        await navigator.clipboard.writeText(code.textContent);
        set_text(button, "Copied");
    } catch {
        getSelection().selectAllChildren(code);
        set_text(button, document.execCommand("copy") ? "Copied" : "Selected");
    }
    setTimeout(() => set_text(button, "Copy"), COPIED_MS);
}
