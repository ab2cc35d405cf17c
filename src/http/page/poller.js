/* poller: asks again and again, one question at a time, and not while nobody looks. */

export class Poller {
    /* ask() is awaited; what it throws is its own business. */
    constructor(ask, interval_ms) {
        Object.assign(this, { ask, interval_ms, timer: 0, asking: false });
        document.addEventListener("visibilitychange", () => this.turn());
    }

    /* Now, and from now on. */
    async turn() {
        clearTimeout(this.timer);
        if (document.hidden || this.asking) return;
        this.asking = true;
        try {
            await this.ask();
        } finally {
            this.asking = false;
            if (!document.hidden) this.timer = setTimeout(() => this.turn(), this.interval_ms);
        }
    }
}
