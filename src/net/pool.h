/*
 * pool: buffers for what waits to be written or is not all read yet, borrowed while there is something in them and
 * given back when it is gone, so that an idle connection holds none. Sizes are powers of two; small ones are kept for
 * the next borrower, large ones are the allocator's business. Belongs to one loop and its thread.
 */
#ifndef NET_POOL_H
#define NET_POOL_H

#include <stddef.h>

enum { POOL_SHIFT_MIN = 10, POOL_SHIFT_MAX = 17, POOL_CLASSES = POOL_SHIFT_MAX - POOL_SHIFT_MIN + 1 };

struct pool_buffer; /* a free buffer's first bytes */

/* Zero is an empty pool. */
struct pool {
    struct pool_buffer *free[POOL_CLASSES];
    size_t kept_size; /* bytes in free buffers */
};

/* A buffer of at least size bytes, *ret_size of them; NULL: out of memory. */
char *pool_take(struct pool *pool, size_t size, size_t *ret_size);

/* Gives back a buffer of the size that pool_take told. Takes NULL. */
void pool_give(struct pool *pool, char *buffer, size_t size);

void pool_finish(struct pool *pool);

#endif
