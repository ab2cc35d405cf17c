/*
 * window: which messages of the spool are on their way to the broker, and which of them it has. It moves on when the
 * oldest is done; the others may be done in any order.
 *
 *     done           sent, done, sent ...          not looked at
 *     ..... floor | floor + 1 ..... next - 1 | next .....
 *
 * Pure.
 */
#ifndef SIDECAR_WINDOW_H
#define SIDECAR_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

struct window {
    uint8_t *slots;     /* a ring of room, which is a power of two: what is known of a sequence */
    uint32_t room;
    uint32_t sent_count; /* without an answer */
    uint64_t floor;     /* it, and all before it, is done */
    uint64_t next;      /* to be looked at next */
};

/* For so many messages or somewhat more, of which those up to floor are done. 0 or -ENOMEM. */
int window_init(struct window *window, uint32_t count, uint64_t floor);
void window_finish(struct window *window);

/* Whether there is room to send the message of that sequence, which is next or behind it. */
bool window_has_room(const struct window *window, uint64_t sequence);

/* False where it is done already. */
bool window_wants(const struct window *window, uint64_t sequence);

/* It has been sent. There is room; what lies between it and the last that was looked at is not there, and done. */
void window_sent(struct window *window, uint64_t sequence);

/* It is there, and done or sent already. */
void window_pass(struct window *window, uint64_t sequence);

/* There is nothing to be sent up to this sequence. */
void window_skip(struct window *window, uint64_t sequence);

bool window_is_sent(const struct window *window, uint64_t sequence);

/* An answer has come, and it is done. False: no answer was awaited. */
bool window_done(struct window *window, uint64_t sequence);

/* An answer has come, and it is to be sent once more. False as above. */
bool window_failed(struct window *window, uint64_t sequence);

/* It is done, whether it has been sent or not. */
void window_drop(struct window *window, uint64_t sequence);

/* All that is not done is to be looked at, and sent, once more, from the oldest on; no answer is awaited. */
void window_rewind(struct window *window);

#endif
