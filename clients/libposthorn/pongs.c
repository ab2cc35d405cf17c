#include "pongs.h"

#include <stdlib.h>

static struct ph_pong *at(const struct ph_pongs *pongs, size_t index)
{
    return &pongs->list[(pongs->first + index) & (pongs->capacity - 1)];
}

static bool grow(struct ph_pongs *pongs)
{
    size_t capacity = pongs->capacity ? pongs->capacity * 2 : 8;
    struct ph_pong *list = malloc(capacity * sizeof *list);
    if (!list)
        return false;
    for (size_t i = 0; i < pongs->count; i++)
        list[i] = *at(pongs, i);
    free(pongs->list);
    *pongs = (struct ph_pongs){ list, capacity, 0, pongs->count };
    return true;
}

bool ph_pongs_add(struct ph_pongs *pongs, struct ph_pong pong)
{
    if (pongs->count == pongs->capacity && !grow(pongs))
        return false;
    *at(pongs, pongs->count) = pong;
    pongs->count++;
    return true;
}

bool ph_pongs_take(struct ph_pongs *pongs, struct ph_pong *ret_pong)
{
    if (pongs->count == 0)
        return false;
    *ret_pong = *at(pongs, 0);
    pongs->first = (pongs->first + 1) & (pongs->capacity - 1);
    pongs->count--;
    return true;
}

void ph_pongs_forget(struct ph_pongs *pongs, ph_flush_fn *done, const void *arg)
{
    for (size_t i = 0; i < pongs->count; i++) {
        struct ph_pong *pong = at(pongs, i);
        if (pong->done == done && pong->arg == arg)
            pong->done = NULL;
    }
}

void ph_pongs_finish(struct ph_pongs *pongs)
{
    free(pongs->list);
    *pongs = (struct ph_pongs){ 0 };
}
