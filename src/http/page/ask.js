/* ask: the server, and what goes wrong with it: every failure is a Problem, whether the server or the browser found it. */
import { element } from "./dom.js";
import { quoted } from "./format.js";

export class Problem extends Error {
    /* RFC 9457's members; status 0: there was no answer. */
    constructor({ status = 0, type = "", title = "Something went wrong", detail = "" }) {
        super(detail || title);
        Object.assign(this, { status, type, title, detail });
    }
}

/* The page may lie behind a proxy, below a path: addresses are taken from where it was found. */
export const address = (path) => new URL(path, document.baseURI).href;

/* Topics and patterns in a path: the comma between patterns stands, all else that could mean something is encoded. */
export const topic_path = (text) => encodeURIComponent(text).replaceAll("%2C", ",");

/* The answer to a request, if it is a good one; otherwise throws a Problem. */
export async function ask(path, options) {
    let response;
    try {
        response = await fetch(address(path), { cache: "no-store", ...options });
    } catch (error) {
        throw problem_of_fetch(error);
    }
    if (response.status === 401) dispatchEvent(new Event("unauthorized"));
    if (!response.ok) throw await problem_of_answer(response);
    return response;
}

export async function ask_json(path) {
    const response = await ask(path, { signal: AbortSignal.timeout(10_000) });
    return response.json();
}

/* The browser says "TypeError" both for a server that is away and for a header that cannot be one. */
function problem_of_fetch(error) {
    if (error.name === "TypeError" && /header|value|Invalid/i.test(error.message))
        return new Problem({ title: "The browser refuses this request", detail: error.message });
    return new Problem({
        title: "No answer",
        detail: `Nobody answers at ${location.host}. Is posthornd running?`,
    });
}

async function problem_of_answer(response) {
    const type = response.headers.get("Content-Type") || "";
    let members = {};
    try {
        if (type.startsWith("application/problem+json")) members = await response.json();
    } catch {
        /* cut off: the status has to do */
    }
    return new Problem({ title: response.statusText || "Refused", ...members, status: response.status });
}

/* A problem, for people. */
export function problem_note(problem) {
    const { status, title = "Something went wrong in this page", type, detail, message } = problem;
    return element("div", { class: "notice bad" },
        element("strong", {}, status ? `${status} ${title}` : title),
        element("p", {}, detail || message),
        type ? element("code", {}, type) : null);
}

/* ------------------------------------------------------------------------------------------------ the same for a shell */

/* What /varz says of how to reach the line; filled in by overview.js. */
export const server = { line: "127.0.0.1:4222", auth_required: false };

export function curl(path, ...words) {
    const user = server.auth_required ? ["-u", "USER"] : [];
    return ["curl", ...user, ...words, quoted(address(path))].join(" ");
}

export function posthorn(...words) {
    const at = server.line === "127.0.0.1:4222" ? [] : ["-s", quoted(`nats://${server.line}`)];
    return ["posthorn", ...words, ...at].join(" ");
}
