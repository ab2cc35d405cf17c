/* login: who asks, where the server wants to know. A cookie remembers it that no script can read; nothing is kept here. */
import { address, ask } from "./ask.js";
import { by_id, set_text } from "./dom.js";

/* A name or a password may have any letter: RFC 7617 takes them as UTF-8. */
const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

const authorization = ({ name, password }) =>
    name ? `Basic ${base64(`${name}:${password}`)}` : `Bearer ${password}`;

async function log_in(form) {
    const fields = Object.fromEntries(new FormData(form));
    const response = await fetch(address("v1/session"), {
        method: "POST", cache: "no-store", headers: { Authorization: authorization(fields) },
    });
    if (response.ok) location.reload();
    else set_text(by_id("login-note"), response.status === 429 ? "Too many have tried; wait a little." : "That is not right.");
}

/* Shown as soon as the server has asked for the first time; what failed is asked again by the page that comes anew. */
export function start_login() {
    const dialog = by_id("login"), form = by_id("login-form"), button = by_id("logout");
    addEventListener("unauthorized", () => dialog.open || dialog.showModal());
    form.addEventListener("submit", (event) => {
        event.preventDefault();
        log_in(form).catch(() => set_text(by_id("login-note"), "Nobody answers."));
    });
    button.addEventListener("click", async () => {
        await ask("v1/session", { method: "DELETE" });
        location.reload();
    });
    ask("v1/session").then((response) => response.json()).then(({ user }) => {
        button.hidden = !user;
        if (user) button.title = `${user}: log out`;
    }, () => { /* the dialog is open, or nobody answers and the page says so */ });
}
