/*
 * admission: how many connections there are, in all, from each address and at each worker, and whether one more may
 * come. Belongs to the supervisor's thread.
 */
#ifndef SERVER_ADMISSION_H
#define SERVER_ADMISSION_H

#include <stdbool.h>

#include "net/address.h"

struct admission;

struct admission_limits {
    unsigned connections_max;
    unsigned connections_per_address_max; /* 0: no limit */
};

enum admission_verdict {
    ADMISSION_GRANTED,
    ADMISSION_REFUSED,  /* over a cap: it is to be told so */
    ADMISSION_IGNORED,  /* far over a cap: there is not even room to tell */
};

/* NULL: out of memory. */
struct admission *admission_create(unsigned worker_count, const struct admission_limits *limits);
void admission_destroy(struct admission *admission);

void admission_set_limits(struct admission *admission, const struct admission_limits *limits);

/* Counts a connection in, unless it is to be ignored, and names the worker that has the fewest. */
enum admission_verdict admission_enter(struct admission *admission, const struct address *peer, unsigned *ret_worker);

/* Counts it out. */
void admission_leave(struct admission *admission, const struct address *peer, unsigned worker);

/* Connections there are. */
unsigned admission_count(const struct admission *admission);

#endif
