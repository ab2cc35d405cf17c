/* sparkline: a few minutes of one or two figures, drawn by hand. */

const SPAN_MIN_MS = 20_000; /* of a page just opened, so that the first points are not spread over all of it */
const WIDTH = 240, HEIGHT = 44, HEADROOM = 1.2;
const SVG = "http://www.w3.org/2000/svg";

export class Sparkline {
    /* Draws into an empty <svg>; names are the classes of the lines. A pause longer than break_ms leaves a gap. */
    constructor(svg, names, { window_ms, break_ms }) {
        Object.assign(this, { window_ms, break_ms, points: [] });
        svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
        svg.setAttribute("preserveAspectRatio", "none");
        this.lines = names.map((name) => ({ area: path(svg, `area ${name}`), line: path(svg, `line ${name}`) }));
    }

    add(time_ms, values) {
        this.points.push({ time_ms, values });
        while (this.points[0].time_ms < time_ms - this.window_ms) this.points.shift();
        const top = HEADROOM * Math.max(1e-9, ...this.points.flatMap((point) => point.values));
        const span_ms = Math.max(SPAN_MIN_MS, time_ms - this.points[0].time_ms);
        this.lines.forEach((drawn, place) => this.draw(drawn, place, { begin_ms: time_ms - span_ms, span_ms, top }));
    }

    peak(place) {
        return Math.max(0, ...this.points.map((point) => point.values[place]));
    }

    draw({ line, area }, place, { begin_ms, span_ms, top }) {
        const runs = this.runs().map((run) => run.map(({ time_ms, values }) => [
            ((time_ms - begin_ms) / span_ms * WIDTH).toFixed(1),
            (HEIGHT - 1 - values[place] / top * (HEIGHT - 1)).toFixed(1),
        ]));
        const joined = (run) => run.map((at) => at.join(" ")).join("L");
        line.setAttribute("d", runs.map((run) => `M${joined(run)}`).join(""));
        area.setAttribute("d", runs.map((run) =>
            `M${run[0][0]} ${HEIGHT}L${joined(run)}L${run[run.length - 1][0]} ${HEIGHT}Z`).join(""));
    }

    /* The points in stretches without a pause. */
    runs() {
        const runs = [];
        let last_ms = -Infinity;
        for (const point of this.points) {
            if (point.time_ms - last_ms > this.break_ms) runs.push([]);
            runs[runs.length - 1].push(point);
            last_ms = point.time_ms;
        }
        return runs;
    }
}

function path(svg, name) {
    const made = document.createElementNS(SVG, "path");
    made.setAttribute("class", name);
    svg.append(made);
    return made;
}
