#include "side.h"

#include <stdio.h>

#include "../stream/kit.h"
#include "../unit.h"
#include "config/config.h"
#include "util/clock.h"

enum { DEADLINE_MS = 20000 };

static bool on_turn(void *arg)
{
    struct side *side = arg;
    bool is_more = side->spool && spool_turn(side->spool);
    uplink_turn(side->uplink);
    if (side->is_done && side->is_done(side))
        loop_stop(&side->loop);
    return is_more;
}

static void on_turn_end(void *arg)
{
    struct side *side = arg;
    uplink_turn(side->uplink);
}

static void read_config(struct side *side, const struct peer *peer, const char *options)
{
    char text[1024];
    struct config_error error;
    int size = snprintf(text, sizeof text,
                        "[uplink]\nurl = %s\nreconnect_wait = 1ms\nreconnect_wait_max = 5ms\n"
                        "[spool]\nretry_wait = 2ms\nretry_wait_max = 4ms\n%s\n",
                        peer->url + strlen("nats://"), options);
    int failure = config_parse(PROGRAM_SIDECAR, "test", slice_make(text, (size_t)size), NULL, 0, &side->config, &error);
    ck_assert_int_eq(failure, 0);
}

static void open_spool(struct side *side)
{
    side->kept = kit_open(NULL, "{\"name\":\"spool\",\"subjects\":[\"s.>\"],\"storage\":\"memory\"}");
    side->refused = kit_open(NULL, "{\"name\":\"refused\",\"subjects\":[\"$REFUSED.>\"],\"storage\":\"memory\"}");
    const struct spool_setup setup = { &side->loop, &side->broker, side->uplink, side->kept, side->refused,
                                       side->config, "side" };
    ck_assert_int_eq(spool_create(&setup, &side->spool), 0);
}

void side_open(struct side *side, const struct peer *peer, const char *options, bool with_spool)
{
    const struct broker_limits limits = { .topic = { 1024, 16 } };
    *side = (struct side){ .spool = NULL };
    read_config(side, peer, options);
    ck_assert_int_eq(loop_init(&side->loop), 0);
    side->loop.hooks = (struct loop_hooks){ .arg = side, .before_flush = on_turn, .turn_end = on_turn_end };
    ck_assert_int_eq(broker_init(&side->broker, &side->counters, NULL, &limits), 0);
    const struct uplink_setup setup = { &side->loop, &side->broker, side->config, "side" };
    ck_assert_int_eq(uplink_create(&setup, &side->uplink), 0);
    if (with_spool)
        open_spool(side);
}

void side_close(struct side *side)
{
    spool_destroy(side->spool);
    uplink_destroy(side->uplink);
    stream_destroy(side->kept);
    stream_destroy(side->refused);
    broker_finish(&side->broker);
    loop_finish(&side->loop);
    config_destroy(side->config);
}

static void on_deadline(struct timer *timer, uint64_t now_ms)
{
    (void)timer;
    (void)now_ms;
    ck_abort_msg("it takes too long");
}

void side_run(struct side *side, bool (*is_done)(struct side *side))
{
    struct timer deadline = { .fire = on_deadline };
    ck_assert_int_eq(timer_set(&side->loop.timers, &deadline, clock_monotonic_ms() + DEADLINE_MS), 0);
    side->is_done = is_done;
    side->loop.stopping = false;
    loop_wake(&side->loop);
    ck_assert_int_eq(loop_run(&side->loop), 0);
    timer_clear(&side->loop.timers, &deadline);
    side->is_done = NULL;
}

bool side_is_up(struct side *side)
{
    return uplink_is_up(side->uplink);
}

bool side_is_down(struct side *side)
{
    return !uplink_is_up(side->uplink);
}

bool side_has_sent_all(struct side *side)
{
    struct spool_state state;
    spool_get_state(side->spool, &state);
    return !state.waiting_count;
}
