#include "push/traffic.h"

#include "net/loop.h"

/* The turn looks. */
static void on_timer(struct timer *timer, uint64_t now_ms)
{
    (void)timer;
    (void)now_ms;
}

void traffic_init(struct traffic *traffic, struct loop *loop, unsigned max)
{
    *traffic = (struct traffic){ .loop = loop, .max = max, .timer.fire = on_timer };
    list_init(&traffic->young);
}

void traffic_finish(struct traffic *traffic)
{
    timer_clear(&traffic->loop->timers, &traffic->timer);
}

/* No longer young. */
static void age(struct traffic *traffic, struct traffic_part *part)
{
    if (list_is_empty(&part->place))
        return;
    list_remove(&part->place);
    traffic->young_count--;
}

void traffic_begin(struct traffic *traffic, struct traffic_part *part)
{
    part->began_ms = loop_now_ms(traffic->loop);
    list_append(&traffic->young, &part->place);
    traffic->young_count++;
    traffic->count++;
    traffic->begun++;
}

void traffic_end(struct traffic *traffic, struct traffic_part *part)
{
    age(traffic, part);
    traffic->count--;
}

static struct traffic_part *oldest(const struct traffic *traffic)
{
    return LIST_OWNER(traffic->young.next, struct traffic_part, place);
}

static unsigned young_room(struct traffic *traffic)
{
    uint64_t now_ms = loop_now_ms(traffic->loop);
    while (traffic->young_count && oldest(traffic)->began_ms + TRAFFIC_YOUNG_MS <= now_ms)
        age(traffic, oldest(traffic));
    if (traffic->young_count < TRAFFIC_YOUNG_MAX)
        return TRAFFIC_YOUNG_MAX - traffic->young_count;
    if (!traffic->timer.place)
        timer_set(&traffic->loop->timers, &traffic->timer, oldest(traffic)->began_ms + TRAFFIC_YOUNG_MS);
    return 0;
}

unsigned traffic_room(struct traffic *traffic)
{
    unsigned room = traffic->count < traffic->max ? traffic->max - traffic->count : 0;
    unsigned young = room ? young_room(traffic) : 0;
    return room < young ? room : young;
}
