#include "util/thread.h"

#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TURN_NS = 100000 }; /* the shortest that there is */

/* struct sched_attr of sched_setattr(2) as it was at first, which not every C library declares. */
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

void thread_ask_short_turns(void)
{
    struct attributes attributes = { .size = sizeof attributes };
    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0 || attributes.policy != SCHED_OTHER)
        return;
    attributes.size = sizeof attributes; /* the system may know of more */
    attributes.runtime = TURN_NS;
    syscall(SYS_sched_setattr, 0, &attributes, 0);
}
