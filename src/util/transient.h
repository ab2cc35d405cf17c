/* transient: errors of system calls that say "not now". Pure; any thread. */
#ifndef UTIL_TRANSIENT_H
#define UTIL_TRANSIENT_H

#include <errno.h>
#include <stdbool.h>

/* The call has done nothing, and may succeed later: there is no room, nothing to read, or a signal came. */
static inline bool is_transient(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

#endif
