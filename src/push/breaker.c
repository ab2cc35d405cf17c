#include "push/breaker.h"

const struct breaker_settings breaker_standard = {
    .limit = 64,
    .failures = 10,
    .open_min_ms = 1000,
    .open_max_ms = 60000,
};

void breaker_init(struct breaker *breaker, const struct breaker_settings *settings)
{
    *breaker = (struct breaker){ .settings = *settings, .allowance = 1 };
}

void breaker_change(struct breaker *breaker, const struct breaker_settings *settings)
{
    breaker->settings = *settings;
    if (breaker->allowance > settings->limit)
        breaker->allowance = settings->limit;
}

bool breaker_admits(struct breaker *breaker, unsigned flying_count, uint64_t now_ms)
{
    if (now_ms < breaker->paused_ms)
        return false;
    if (breaker->state == BREAKER_OPEN && now_ms >= breaker->until_ms)
        breaker->state = BREAKER_HALF_OPEN;
    if (breaker->state == BREAKER_HALF_OPEN)
        return !breaker->is_probing;
    return breaker->state == BREAKER_CLOSED && flying_count < breaker->allowance;
}

void breaker_begin(struct breaker *breaker)
{
    breaker->is_probing = breaker->state == BREAKER_HALF_OPEN;
}

/* Up to a fifth longer, so that webhooks that failed together do not probe together. */
static void open_it(struct breaker *breaker, uint64_t now_ms, struct random *random)
{
    const struct breaker_settings *settings = &breaker->settings;
    uint64_t open_ms = breaker->open_ms ? 2 * breaker->open_ms : settings->open_min_ms;
    breaker->open_ms = open_ms < settings->open_max_ms ? open_ms : settings->open_max_ms;
    breaker->until_ms = now_ms + breaker->open_ms + random_next(random) % (breaker->open_ms / 5 + 1);
    breaker->state = BREAKER_OPEN;
}

/* Whoever answers is there, even where the attempt had begun before the breaker opened. */
static bool note_success(struct breaker *breaker)
{
    bool is_back = breaker->state != BREAKER_CLOSED;
    breaker->failure_count = 0;
    breaker->open_ms = 0;
    breaker->state = BREAKER_CLOSED;
    if (is_back)
        breaker->allowance = 1;
    if (breaker->allowance < breaker->settings.limit)
        breaker->allowance++;
    return is_back;
}

/* Those that had begun before it opened say nothing new. */
static bool note_failure(struct breaker *breaker, uint64_t now_ms, struct random *random)
{
    bool was_closed = breaker->state == BREAKER_CLOSED;
    if (breaker->failure_count < UINT32_MAX)
        breaker->failure_count++;
    if (breaker->state == BREAKER_HALF_OPEN || (was_closed && breaker->failure_count >= breaker->settings.failures))
        open_it(breaker, now_ms, random);
    return was_closed && breaker->state == BREAKER_OPEN;
}

bool breaker_note(struct breaker *breaker, enum breaker_result result, uint64_t now_ms, struct random *random)
{
    breaker->is_probing = false;
    if (result == BREAKER_SUCCESS)
        return note_success(breaker);
    if (result == BREAKER_SLOWER && breaker->allowance > 1)
        breaker->allowance /= 2;
    return note_failure(breaker, now_ms, random);
}

void breaker_forget(struct breaker *breaker)
{
    breaker->is_probing = false;
}

void breaker_pause(struct breaker *breaker, uint64_t until_ms)
{
    if (until_ms > breaker->paused_ms)
        breaker->paused_ms = until_ms;
}

uint64_t breaker_due_ms(const struct breaker *breaker, uint64_t now_ms)
{
    uint64_t due_ms = breaker->state == BREAKER_OPEN ? breaker->until_ms : 0;
    if (breaker->paused_ms > due_ms)
        due_ms = breaker->paused_ms;
    return due_ms > now_ms ? due_ms : UINT64_MAX;
}
