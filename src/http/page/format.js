/* format: numbers, sizes and times as people read them; and text for a shell. */

const BLANK = "\u202f"; /* narrow, and never broken at a line's end */

/* Three digits that mean something: 0, 7.5, 128, 1.23 k, 45.6 M. */
export function count(value) {
    return scaled(value, 1000, ["", "k", "M", "G", "T", "P"]);
}

export function bytes(value) {
    return scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]);
}

function scaled(value, step, units) {
    let place = 0;
    while (Math.abs(value) >= step - 0.5 && place < units.length - 1) {
        value /= step;
        place++;
    }
    const whole = Number.isInteger(value) || Math.abs(value) >= 100;
    const digits = whole ? 0 : Math.abs(value) >= 10 ? 1 : 2;
    const text = String(Number(value.toFixed(digits)));
    return units[place] ? text + BLANK + units[place] : text;
}

/* All of its digits, in groups of three. */
export function whole(value) {
    return String(value).replace(/\B(?=(\d{3})+$)/g, BLANK);
}

const SPANS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

/* The two largest units: 3 d 4 h, 5 min 10 s, 12 s. */
export function span(ms) {
    let seconds = Math.max(0, Math.floor(ms / 1000));
    const parts = [];
    for (const [unit, size] of SPANS) {
        const times = Math.floor(seconds / size);
        if (times || parts.length || size === 1) parts.push(times + BLANK + unit);
        seconds -= times * size;
    }
    return parts.slice(0, 2).filter((part, place) => !place || !part.startsWith("0")).join(" ");
}

/* The largest unit alone, for a column. */
export function age(ms) {
    return ms < 1000 ? "now" : span(ms).split(" ")[0];
}

/* Of the browser's day, to the millisecond. */
export function clock(date) {
    const two = (number) => String(number).padStart(2, "0");
    return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}` +
        `.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/* How long something took. */
export function took(ms) {
    return (ms < 10 ? ms.toFixed(1) : String(Math.round(ms))) + BLANK + "ms";
}

/* One word of a shell's command line. */
export function quoted(text) {
    return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/* Bytes that are no text, sixteen a line. */
export function hex_dump(data) {
    const lines = [];
    for (let at = 0; at < data.length; at += 16) {
        const row = [...data.subarray(at, at + 16)];
        const digits = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ").padEnd(48);
        const letters = row.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : ".")).join("");
        lines.push(`${at.toString(16).padStart(6, "0")}  ${digits} ${letters}`);
    }
    return lines.join("\n");
}
