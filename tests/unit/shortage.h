/*
 * shortage: allocations that fail when a test says so. The linker puts functions of ours before malloc and its kin in
 * programs that are linked WITH_SHORTAGE (unit.am); what libraries allocate for themselves goes past them. Each thread
 * has its own.
 */
#ifndef TESTS_UNIT_SHORTAGE_H
#define TESTS_UNIT_SHORTAGE_H

#include <limits.h>
#include <stdbool.h>

#define SHORTAGE_NEVER UINT_MAX

struct shortage {
    unsigned until_failure;     /* allocations that still succeed; SHORTAGE_NEVER: all do, as at first */
    bool for_good;              /* those after the failure fail too */
    unsigned failed_count;
    long live_count;            /* blocks allocated and not freed */
};

extern _Thread_local struct shortage shortage;

#endif
