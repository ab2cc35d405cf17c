/* pongs: who waits for which PONG. Every PING sent stands in line here, and each PONG is for the first. Pure. */
#ifndef PH_PONGS_H
#define PH_PONGS_H

#include <stdint.h>

#include "posthorn.h"

struct ph_pong {
    ph_flush_fn *done; /* NULL: nobody cares any more, the PONG comes all the same */
    void *arg;
    int64_t sent_us;
};

/* A ring of them. */
struct ph_pongs {
    struct ph_pong *list;
    size_t capacity; /* a power of two, or 0 */
    size_t first, count;
};

/* False: no memory. */
bool ph_pongs_add(struct ph_pongs *pongs, struct ph_pong pong);

/* Takes the first. False where nobody waits. */
bool ph_pongs_take(struct ph_pongs *pongs, struct ph_pong *ret_pong);

/* Whoever waits with this done and arg does not care any more. */
void ph_pongs_forget(struct ph_pongs *pongs, ph_flush_fn *done, const void *arg);

void ph_pongs_finish(struct ph_pongs *pongs);

#endif
