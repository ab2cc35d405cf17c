#include "net/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "net/conn.h"
#include "util/clock.h"

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct loop *loop = arg;
    uint64_t count;
    (void)what;
    loop->event_count++;
    ssize_t got = read(fd, &count, sizeof count);
    (void)got; /* that it was readable is all there is to know */
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct loop *loop = arg;
    (void)fd;
    (void)what;
    loop->event_count++;
    loop->timer_due_ms = UINT64_MAX;
}

/*
 * No changelist: it would put epoll_ctl off until the next turn, when the descriptor may be closed and its number given
 * to a connection of another thread.
 */
static struct event_base *base_create(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;
    if (config) {
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
        base = event_base_new_with_config(config);
        event_config_free(config);
    }
    return base;
}

int loop_init(struct loop *loop)
{
    *loop = (struct loop){ .wake_fd = -1, .timer_due_ms = UINT64_MAX };
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wake_fd < 0)
        return -errno;
    loop->read_buffer = malloc(LOOP_STASH_MAX + LOOP_READ_SIZE);
    loop->base = base_create();
    if (loop->base) {
        loop->wake_event = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake, loop);
        loop->timer_event = event_new(loop->base, -1, 0, on_timer, loop);
    }
    if (!loop->read_buffer || !loop->wake_event || !loop->timer_event || event_add(loop->wake_event, NULL) != 0) {
        loop_finish(loop);
        return -ENOMEM;
    }
    return 0;
}

void loop_finish(struct loop *loop)
{
    if (loop->wake_event)
        event_free(loop->wake_event);
    if (loop->timer_event)
        event_free(loop->timer_event);
    if (loop->base)
        event_base_free(loop->base);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    timers_finish(&loop->timers);
    pool_finish(&loop->pool);
    free(loop->read_buffer);
    *loop = (struct loop){ .wake_fd = -1 };
}

void loop_wake(const struct loop *loop)
{
    uint64_t one = 1;
    ssize_t written = write(loop->wake_fd, &one, sizeof one);
    (void)written; /* a counter that is full wakes as well */
}

void loop_stop(struct loop *loop)
{
    loop->stopping = true;
}

uint64_t loop_now_ms(struct loop *loop)
{
    if (!loop->now_ms)
        loop->now_ms = clock_monotonic_ms();
    return loop->now_ms;
}

uint64_t loop_wall_ms(struct loop *loop)
{
    if (!loop->wall_ms)
        loop->wall_ms = clock_wall_ms();
    return loop->wall_ms;
}

bool loop_may_send(struct loop *loop)
{
    loop->held = loop->hooks.before_send && !loop->hooks.before_send(loop->hooks.arg);
    return !loop->held;
}

/* Where the owner holds back what is to be sent, the connections stay in the list for a later turn. */
static void flush_dirty(struct loop *loop)
{
    if (loop->dirty)
        loop_may_send(loop);
    while (loop->dirty && !loop->held) {
        struct conn *conn = loop->dirty;
        loop->dirty = conn->next_dirty;
        conn->dirty = false;
        conn_flush(conn);
    }
}

static void undirty(struct loop *loop, struct conn *conn)
{
    struct conn **link = &loop->dirty;
    while (*link != conn)
        link = &(*link)->next_dirty;
    *link = conn->next_dirty;
}

/* What closes here may write to others, or drop them, so a closing connection may have become dirty before. */
static void reap_closing(struct loop *loop)
{
    while (loop->closing) {
        struct conn *conn = loop->closing;
        loop->closing = conn->next_closing;
        if (conn->dirty)
            undirty(loop, conn);
        conn_reap(conn);
    }
}

/* Tells libevent of the earliest timer, if that has changed. */
static void arm_timer(struct loop *loop)
{
    uint64_t due_ms = timers_next_ms(&loop->timers);
    if (due_ms == loop->timer_due_ms)
        return;
    loop->timer_due_ms = due_ms;
    if (due_ms == UINT64_MAX) {
        event_del(loop->timer_event);
        return;
    }
    uint64_t now_ms = loop_now_ms(loop), wait_ms = due_ms > now_ms ? due_ms - now_ms : 0;
    struct timeval wait = { (time_t)(wait_ms / 1000), (suseconds_t)(wait_ms % 1000 * 1000) };
    event_add(loop->timer_event, &wait);
}

static void turn_finish(struct loop *loop)
{
    if (loop->hooks.before_flush && loop->hooks.before_flush(loop->hooks.arg))
        loop->again = true;
    do {
        flush_dirty(loop);
        reap_closing(loop);
    } while (loop->dirty && !loop->held);
    if (loop->hooks.turn_end)
        loop->hooks.turn_end(loop->hooks.arg);
}

/* May it sleep, or is there more to do, or is it still in its time of spinning? */
static int wait_flags(struct loop *loop, uint64_t *busy_ns, uint64_t *busy_count)
{
    bool again = loop->again;
    loop->again = false;
    if ((loop->dirty && !loop->held) || loop->closing || again)
        return EVLOOP_ONCE | EVLOOP_NONBLOCK;
    if (loop->spin_ns) {
        uint64_t now_ns = clock_monotonic_ns();
        if (*busy_count != loop->event_count) {
            *busy_count = loop->event_count;
            *busy_ns = now_ns;
        }
        if (now_ns - *busy_ns < loop->spin_ns)
            return EVLOOP_ONCE | EVLOOP_NONBLOCK;
    }
    if (loop->hooks.before_sleep && !loop->hooks.before_sleep(loop->hooks.arg))
        return EVLOOP_ONCE | EVLOOP_NONBLOCK;
    return EVLOOP_ONCE;
}

int loop_run(struct loop *loop)
{
    uint64_t busy_ns = 0, busy_count = 0;
    turn_finish(loop);
    while (!loop->stopping) {
        arm_timer(loop);
        loop->now_ms = loop->wall_ms = 0;
        if (event_base_loop(loop->base, wait_flags(loop, &busy_ns, &busy_count)) < 0)
            return errno ? -errno : -EIO;
        if (loop->hooks.woken)
            loop->hooks.woken(loop->hooks.arg);
        timers_run(&loop->timers, loop_now_ms(loop));
        turn_finish(loop);
    }
    return 0;
}
