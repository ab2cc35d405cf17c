/* payload: bytes for eyes: JSON set out, text as it is, all else in hexadecimal. */
import { hex_dump } from "./format.js";

const SHOWN_MAX = 64 * 1024;

/* All of it, within reason. */
export function payload_text(bytes) {
    const shown = bytes.subarray(0, SHOWN_MAX);
    const rest = bytes.length > SHOWN_MAX ? `\n… and ${bytes.length - SHOWN_MAX} bytes more` : "";
    const text = text_of(shown, rest !== "");
    return (text === null ? hex_dump(shown) : set_out(text)) + rest;
}

/* null: it is no text. Where it is cut, the last letter may be half. */
function text_of(bytes, cut) {
    try {
        return new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: cut });
    } catch {
        return null;
    }
}

/* A JSON object or list goes over several lines; a number that a browser would round stays as it came. */
function set_out(text) {
    if (!/^\s*[[{]/.test(text) || /\d{16}/.test(text)) return text;
    try {
        return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
        return text;
    }
}

/* The payload of a message as /v1/topics gives it: { data } or { data_base64 }. */
export function message_bytes({ data, data_base64 }) {
    if (data_base64 === undefined) return new TextEncoder().encode(data ?? "");
    return Uint8Array.from(atob(data_base64), (letter) => letter.charCodeAt(0));
}

/* One line of it. */
export function message_preview(message) {
    if (message.data_base64 !== undefined) return `${message_bytes(message).length} bytes, not text`;
    return (message.data ?? "").slice(0, 500).replace(/[\s\u0000-\u001f\u2028\u2029]+/g, " ");
}
