#include "subs.h"

#include <stdlib.h>
#include <string.h>

#define BUCKET_COUNT_MIN 16u

static struct ph_sub **bucket_of(const struct ph_subs *subs, uintptr_t sid)
{
    return &subs->buckets[sid & (subs->bucket_count - 1)];
}

static void put(const struct ph_subs *subs, struct ph_sub *sub)
{
    struct ph_sub **bucket = bucket_of(subs, sub->sid);
    sub->next = *bucket;
    *bucket = sub;
}

/* Twice the buckets. Numbers are given in turn, so that the number itself is a perfect hash while few have ended. */
static bool grow(struct ph_subs *subs)
{
    size_t count = subs->bucket_count ? subs->bucket_count * 2 : BUCKET_COUNT_MIN;
    struct ph_sub **buckets = calloc(count, sizeof *buckets);
    if (!buckets)
        return false;
    free(subs->buckets);
    subs->buckets = buckets;
    subs->bucket_count = count;
    for (struct ph_sub *sub = subs->oldest; sub; sub = sub->newer)
        if (!sub->ended)
            put(subs, sub);
    return true;
}

static struct ph_sub *make(const char *pattern, const char *group)
{
    size_t pattern_size = strlen(pattern) + 1, group_size = strlen(group) + 1;
    struct ph_sub *sub = calloc(1, sizeof *sub);
    char *text = sub ? malloc(pattern_size + group_size) : NULL;
    if (!text) {
        free(sub);
        return NULL;
    }
    sub->pattern = memcpy(text, pattern, pattern_size);
    sub->group = memcpy(text + pattern_size, group, group_size);
    sub->last = &sub->first;
    return sub;
}

struct ph_sub *ph_subs_add(struct ph_subs *subs, const char *pattern, const char *group)
{
    if (subs->count >= subs->bucket_count && !grow(subs))
        return NULL;
    struct ph_sub *sub = make(pattern, group);
    if (!sub)
        return NULL;
    sub->sid = ++subs->sid_last;
    sub->older = subs->newest;
    *(subs->newest ? &subs->newest->newer : &subs->oldest) = sub;
    subs->newest = sub;
    put(subs, sub);
    subs->count++;
    return sub;
}

struct ph_sub *ph_subs_find(const struct ph_subs *subs, uintptr_t sid)
{
    struct ph_sub *sub = subs->bucket_count ? *bucket_of(subs, sid) : NULL;
    while (sub && sub->sid != sid)
        sub = sub->next;
    return sub;
}

void ph_subs_end(struct ph_subs *subs, struct ph_sub *sub)
{
    if (sub->ended)
        return;
    struct ph_sub **at = bucket_of(subs, sub->sid);
    while (*at != sub)
        at = &(*at)->next;
    *at = sub->next;
    sub->ended = true;
    subs->count--;
}

void ph_subs_remove(struct ph_subs *subs, struct ph_sub *sub)
{
    ph_subs_end(subs, sub);
    *(sub->older ? &sub->older->newer : &subs->oldest) = sub->newer;
    *(sub->newer ? &sub->newer->older : &subs->newest) = sub->older;
    ph_sub_discard(sub);
    free(sub->pattern);
    free(sub);
}

void ph_subs_finish(struct ph_subs *subs)
{
    while (subs->oldest)
        ph_subs_remove(subs, subs->oldest);
    free(subs->buckets);
    *subs = (struct ph_subs){ 0 };
}

void ph_sub_push(struct ph_sub *sub, struct ph_stored *stored)
{
    stored->next = NULL;
    *sub->last = stored;
    sub->last = &stored->next;
    sub->queue_length++;
    sub->queue_size += ph_message_size(&stored->message);
}

struct ph_stored *ph_sub_pop(struct ph_sub *sub)
{
    struct ph_stored *stored = sub->first;
    if (!stored)
        return NULL;
    sub->first = stored->next;
    if (!sub->first)
        sub->last = &sub->first;
    sub->queue_length--;
    sub->queue_size -= ph_message_size(&stored->message);
    return stored;
}

void ph_sub_discard(struct ph_sub *sub)
{
    struct ph_stored *stored;
    while ((stored = ph_sub_pop(sub)))
        free(stored);
}
