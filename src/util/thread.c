#include "util/thread.h"

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    TURN_NS = 100000, /* the shortest that there is */
    LATE_NICE = 10,
};

/* struct sched_attr of sched_setattr(2) as it was at first, which not every C library declares. */
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

/* False: they cannot be asked for, or the thread is of another policy. */
static bool read_attributes(struct attributes *ret_attributes)
{
    *ret_attributes = (struct attributes){ .size = sizeof *ret_attributes };
    if (syscall(SYS_sched_getattr, 0, ret_attributes, sizeof *ret_attributes, 0) != 0)
        return false;
    ret_attributes->size = sizeof *ret_attributes; /* the system may know of more */
    return ret_attributes->policy == SCHED_OTHER;
}

void thread_ask_short_turns(void)
{
    struct attributes attributes;
    if (!read_attributes(&attributes))
        return;
    attributes.runtime = TURN_NS;
    syscall(SYS_sched_setattr, 0, &attributes, 0);
}

void thread_give_way(void)
{
    struct attributes attributes;
    if (!read_attributes(&attributes) || attributes.nice >= LATE_NICE)
        return;
    attributes.nice = LATE_NICE;
    syscall(SYS_sched_setattr, 0, &attributes, 0);
}
