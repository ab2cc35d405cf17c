/*
 * loop: the event loop of one thread, on libevent. It turns: waits for events, handles all that are there, then flushes
 * what the connections have to say, frees the closed ones, and lets its owner do what is due before it sleeps again.
 *
 * A loop and everything on it belong to the thread that runs it. Only loop_wake may be called from elsewhere.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metrics/counters.h"
#include "net/pool.h"
#include "net/timer.h"

struct conn;
struct event;
struct event_base;

/* Called at the named moments; any may be NULL. */
struct loop_hooks {
    void *arg;
    void (*received)(void *arg);     /* after bytes were read from a socket, before they are looked at */
    bool (*before_send)(void *arg);  /* before bytes are written to a socket; false: not now, they wait */
    bool (*before_flush)(void *arg); /* when all is handled, before what was written leaves; true: there is more to do,
                                        do not sleep */
    void (*turn_end)(void *arg);     /* when all is handled, flushed and freed */
    bool (*before_sleep)(void *arg); /* when nothing is left to do; false: there is, do not sleep */
    void (*woken)(void *arg);        /* after the wait and what it brought, before the timers */
};

enum {
    LOOP_READ_SIZE = 128 << 10, /* read at once from a socket */
    LOOP_STASH_MAX = 64 << 10,  /* of a message begun, kept in front of what is read next */
};

struct loop {
    struct event_base *base;
    struct loop_hooks hooks;
    struct counters counters;
    struct timers timers;
    struct pool pool;
    char *read_buffer;     /* LOOP_STASH_MAX + LOOP_READ_SIZE bytes, for the connection being read */
    uint64_t now_ms;       /* what loop_now_ms said in this turn; 0: nobody has asked yet */
    uint64_t wall_ms;      /* the same of loop_wall_ms */
    uint64_t spin_ns;      /* polls so long before it sleeps */
    struct conn *dirty;    /* have something to flush; linked by next_dirty */
    struct conn *closing;  /* to be freed at the end of the turn; linked by next_closing */
    struct event *wake_event, *timer_event;
    uint64_t timer_due_ms; /* for which timer_event is set */
    uint64_t event_count;  /* handled so far: tells whether a turn was idle */
    bool held;             /* before_send has said no: nothing is written until it says yes */
    int wake_fd;
    bool stopping;
    bool again;            /* loop_again was called in this turn */
};

/* 0 or -errno. */
int loop_init(struct loop *loop);
void loop_finish(struct loop *loop);

/* Turns until loop_stop. 0, or -errno where waiting itself failed. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Makes it look for input and turn once more without sleeping. For the loop's own thread. */
static inline void loop_again(struct loop *loop)
{
    loop->again = true;
}

/* The monotonic clock, read once a turn, when it is first asked for: after the wait, however long that was. */
uint64_t loop_now_ms(struct loop *loop);

/* The wall clock, milliseconds since 1970, read once a turn as well. */
uint64_t loop_wall_ms(struct loop *loop);

/* Makes the loop turn soon. Any thread. */
void loop_wake(const struct loop *loop);

/* Asks hooks.before_send; conn does, before it writes to its socket. */
bool loop_may_send(struct loop *loop);

#endif
