#include "sidecar/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SLOT_OPEN, SLOT_SENT, SLOT_DONE };

static uint8_t *slot(const struct window *window, uint64_t sequence)
{
    return &window->slots[sequence & (window->room - 1)];
}

static bool is_known(const struct window *window, uint64_t sequence)
{
    return sequence > window->floor && sequence < window->next;
}

int window_init(struct window *window, uint32_t count, uint64_t floor)
{
    *window = (struct window){ .room = 1, .floor = floor, .next = floor + 1 };
    while (window->room < count)
        window->room *= 2;
    window->slots = calloc(window->room, 1);
    return window->slots ? 0 : -ENOMEM;
}

void window_finish(struct window *window)
{
    free(window->slots);
    window->slots = NULL;
}

bool window_has_room(const struct window *window, uint64_t sequence)
{
    return sequence - window->floor <= window->room;
}

bool window_wants(const struct window *window, uint64_t sequence)
{
    return !window_has_room(window, sequence) || *slot(window, sequence) != SLOT_DONE;
}

/* The oldest that are done leave, and their slots are free for others. */
static void move_on(struct window *window)
{
    while (window->floor + 1 < window->next && *slot(window, window->floor + 1) == SLOT_DONE)
        *slot(window, ++window->floor) = SLOT_OPEN;
}

/* Nothing is on its way: no need to go one by one. What is known of those behind stays. */
static void jump(struct window *window, uint64_t sequence)
{
    if (sequence - window->floor >= window->room)
        memset(window->slots, SLOT_OPEN, window->room);
    while (window->floor < sequence && window->next <= sequence && sequence - window->floor < window->room)
        *slot(window, ++window->floor) = SLOT_OPEN;
    window->floor = sequence;
    window->next = sequence + 1;
}

void window_skip(struct window *window, uint64_t sequence)
{
    while (window->next <= sequence && window_has_room(window, window->next))
        if (window->floor + 1 == window->next)
            jump(window, sequence);
        else
            *slot(window, window->next++) = SLOT_DONE;
}

void window_pass(struct window *window, uint64_t sequence)
{
    window_skip(window, sequence - 1);
    window->next = sequence + 1;
    move_on(window);
}

void window_sent(struct window *window, uint64_t sequence)
{
    window_skip(window, sequence - 1);
    window->sent_count += *slot(window, sequence) != SLOT_SENT;
    *slot(window, sequence) = SLOT_SENT;
    window->next = sequence + 1;
}

bool window_is_sent(const struct window *window, uint64_t sequence)
{
    return is_known(window, sequence) && *slot(window, sequence) == SLOT_SENT;
}

static bool settle(struct window *window, uint64_t sequence, uint8_t as)
{
    if (!window_is_sent(window, sequence))
        return false;
    *slot(window, sequence) = as;
    window->sent_count--;
    move_on(window);
    return true;
}

bool window_done(struct window *window, uint64_t sequence)
{
    return settle(window, sequence, SLOT_DONE);
}

bool window_failed(struct window *window, uint64_t sequence)
{
    return settle(window, sequence, SLOT_OPEN);
}

void window_drop(struct window *window, uint64_t sequence)
{
    if (sequence <= window->floor || !window_has_room(window, sequence))
        return;
    window->sent_count -= window_is_sent(window, sequence);
    *slot(window, sequence) = SLOT_DONE;
    move_on(window);
}

void window_rewind(struct window *window)
{
    for (uint64_t sequence = window->floor + 1; sequence < window->next; sequence++)
        if (*slot(window, sequence) == SLOT_SENT)
            *slot(window, sequence) = SLOT_OPEN;
    window->sent_count = 0;
    window->next = window->floor + 1;
}
