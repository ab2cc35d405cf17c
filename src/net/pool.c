#include "net/pool.h"

#include <stdlib.h>

struct pool_buffer {
    struct pool_buffer *next;
};

enum { POOL_KEPT_MAX = 4 << 20 };

static unsigned class_of(size_t size)
{
    unsigned class = 0;
    while (((size_t)1 << (class + POOL_SHIFT_MIN)) < size)
        class++;
    return class;
}

char *pool_take(struct pool *pool, size_t size, size_t *ret_size)
{
    unsigned class = class_of(size);
    size_t whole = (size_t)1 << (class + POOL_SHIFT_MIN);
    struct pool_buffer *buffer = class < POOL_CLASSES ? pool->free[class] : NULL;
    if (buffer) {
        pool->free[class] = buffer->next;
        pool->kept_size -= whole;
    } else {
        buffer = malloc(whole);
    }
    if (buffer)
        *ret_size = whole;
    return (char *)buffer;
}

void pool_give(struct pool *pool, char *buffer, size_t size)
{
    if (!buffer)
        return;
    unsigned class = class_of(size);
    if (class >= POOL_CLASSES || pool->kept_size + size > POOL_KEPT_MAX) {
        free(buffer);
        return;
    }
    struct pool_buffer *free_buffer = (struct pool_buffer *)(void *)buffer;
    free_buffer->next = pool->free[class];
    pool->free[class] = free_buffer;
    pool->kept_size += size;
}

void pool_finish(struct pool *pool)
{
    for (unsigned class = 0; class < POOL_CLASSES; class++)
        while (pool->free[class]) {
            struct pool_buffer *next = pool->free[class]->next;
            free(pool->free[class]);
            pool->free[class] = next;
        }
    pool->kept_size = 0;
}
