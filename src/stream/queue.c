#include "stream/queue.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "util/hash.h"
#include "util/random.h"

enum { BUCKET_COUNT = 256 };

/* Either items wait or waiters do, never both. */
struct queue {
    struct queues *queues;
    struct queue *next;
    unsigned reference_count;
    unsigned item_count;
    size_t size;                         /* of the items' bytes */
    struct queue_item *first, **last;
    struct queue_waiter *waiters, **waiters_end;
    struct slice pattern, group;
    char names[];
};

struct queues {
    pthread_mutex_t lock;                /* over all queues, their waiters and the desks */
    uint64_t seed;
    struct queue *buckets[BUCKET_COUNT]; /* by pattern and group */
};

struct queues *queues_create(void)
{
    struct queues *queues = calloc(1, sizeof *queues);
    if (!queues)
        return NULL;
    pthread_mutex_init(&queues->lock, NULL);
    random_bytes(&queues->seed, sizeof queues->seed);
    return queues;
}

void queues_destroy(struct queues *queues)
{
    if (!queues)
        return;
    for (size_t i = 0; i < BUCKET_COUNT; i++)
        assert(!queues->buckets[i]);
    pthread_mutex_destroy(&queues->lock);
    free(queues);
}

void queue_item_destroy(struct queue_item *item)
{
    free(item);
}

/* Queues. */

static struct queue **bucket_of(struct queues *queues, struct slice pattern, struct slice group)
{
    uint64_t hash = hash_bytes(queues->seed, pattern.data, pattern.size);
    hash = hash_bytes(hash, group.data, group.size);
    return &queues->buckets[hash % BUCKET_COUNT];
}

static struct slice copy(char **at, struct slice text)
{
    struct slice copied = slice_make(*at, text.size);
    if (text.size)
        memcpy(*at, text.data, text.size);
    *at += text.size;
    return copied;
}

static struct queue *queue_create(struct queues *queues, struct slice pattern, struct slice group)
{
    struct queue *queue = malloc(sizeof *queue + pattern.size + group.size);
    if (!queue)
        return NULL;
    char *at = queue->names;
    *queue = (struct queue){ .queues = queues, .last = &queue->first, .waiters_end = &queue->waiters };
    queue->pattern = copy(&at, pattern);
    queue->group = copy(&at, group);
    return queue;
}

static struct queue *find_or_create(struct queues *queues, struct slice pattern, struct slice group)
{
    struct queue **bucket = bucket_of(queues, pattern, group), *queue = *bucket;
    while (queue && !(slice_equal(queue->pattern, pattern) && slice_equal(queue->group, group)))
        queue = queue->next;
    if (queue || !(queue = queue_create(queues, pattern, group)))
        return queue;
    queue->next = *bucket;
    *bucket = queue;
    return queue;
}

struct queue *queue_open(struct queues *queues, struct slice pattern, struct slice group)
{
    pthread_mutex_lock(&queues->lock);
    struct queue *queue = find_or_create(queues, pattern, group);
    if (queue)
        queue->reference_count++;
    pthread_mutex_unlock(&queues->lock);
    return queue;
}

static void unlink_queue(struct queue *queue)
{
    struct queue **link = bucket_of(queue->queues, queue->pattern, queue->group);
    while (*link != queue)
        link = &(*link)->next;
    *link = queue->next;
}

static void queue_destroy(struct queue *queue)
{
    assert(!queue->waiters);
    while (queue->first) {
        struct queue_item *item = queue->first;
        queue->first = item->next;
        queue_item_destroy(item);
    }
    free(queue);
}

void queue_close(struct queue *queue)
{
    struct queues *queues = queue->queues;
    pthread_mutex_lock(&queues->lock);
    bool last = --queue->reference_count == 0;
    if (last)
        unlink_queue(queue);
    pthread_mutex_unlock(&queues->lock);
    if (last)
        queue_destroy(queue);
}

/* Waiters. Each function from here on to the next heading is called with the lock held. */

static void waiter_unlink(struct queue_waiter *waiter)
{
    *waiter->link = waiter->next;
    if (waiter->next)
        waiter->next->link = waiter->link;
    else if (waiter->queue->waiters_end == &waiter->next)
        waiter->queue->waiters_end = waiter->link;
}

static void waiter_append(struct queue *queue, struct queue_waiter *waiter, struct queue_desk *desk)
{
    *waiter = (struct queue_waiter){ .queue = queue, .desk = desk, .link = queue->waiters_end };
    *queue->waiters_end = waiter;
    queue->waiters_end = &waiter->next;
}

/* Hands an item to the first who waits, and tells his desk, which is woken once for all that it has not looked at. */
static void serve_first(struct queue *queue, struct queue_item *item, const struct queue_desk *own)
{
    struct queue_waiter *waiter = queue->waiters;
    struct queue_desk *desk = waiter->desk;
    waiter_unlink(waiter);
    waiter->item = item;
    bool told = desk->served != NULL;
    waiter->next = desk->served;
    waiter->link = &desk->served;
    if (waiter->next)
        waiter->next->link = &waiter->next;
    desk->served = waiter;
    if (!told && desk != own)
        desk->wake(desk->arg);
}

/* Items. */

static void item_append(struct queue *queue, struct queue_item *item)
{
    item->next = NULL;
    *queue->last = item;
    queue->last = &item->next;
}

static void item_prepend(struct queue *queue, struct queue_item *item)
{
    item->next = queue->first;
    queue->first = item;
    if (!item->next)
        queue->last = &item->next;
}

static size_t item_size(const struct queue_item *item)
{
    return sizeof *item + item->topic.size + item->reply.size + item->head.size + item->payload.size;
}

static struct queue_item *item_pop(struct queue *queue)
{
    struct queue_item *item = queue->first;
    if (!item)
        return NULL;
    queue->first = item->next;
    if (!queue->first)
        queue->last = &queue->first;
    queue->item_count--;
    queue->size -= item_size(item);
    return item;
}

static struct queue_item *item_create(struct slice topic, const struct message *message, uint64_t expires_ms)
{
    struct queue_item *item = malloc(sizeof *item + topic.size + message->reply_size + message->body_size);
    if (!item)
        return NULL;
    char *at = item->bytes;
    item->next = NULL;
    item->expires_ms = expires_ms;
    item->topic = copy(&at, topic);
    item->reply = copy(&at, slice_make(message->reply, message->reply_size));
    item->head = copy(&at, slice_make(message->body, message->head_size));
    item->payload = copy(&at, slice_make(message->body + message->head_size, message->body_size - message->head_size));
    return item;
}

/* Putting and taking. */

static unsigned room(const struct queue *queue, unsigned count_max)
{
    return queue->size < QUEUE_SIZE_MAX && queue->item_count < count_max ? count_max - queue->item_count : 0;
}

unsigned queue_room(struct queue *queue, unsigned count_max)
{
    pthread_mutex_lock(&queue->queues->lock);
    unsigned count = room(queue, count_max);
    pthread_mutex_unlock(&queue->queues->lock);
    return count;
}

bool queue_put(struct queue *queue, struct slice topic, const struct message *message, uint64_t expires_ms,
               unsigned count_max, const struct queue_desk *own)
{
    struct queue_item *item = item_create(topic, message, expires_ms);
    if (!item)
        return false;
    pthread_mutex_lock(&queue->queues->lock);
    bool taken = queue->waiters || room(queue, count_max);
    if (queue->waiters) {
        serve_first(queue, item, own);
    } else if (taken) {
        item_append(queue, item);
        queue->item_count++;
        queue->size += item_size(item);
    }
    pthread_mutex_unlock(&queue->queues->lock);
    if (!taken)
        queue_item_destroy(item);
    return taken;
}

struct queue_item *queue_take(struct queue *queue, uint64_t now_ms, struct queue_waiter *waiter,
                              struct queue_desk *desk)
{
    pthread_mutex_lock(&queue->queues->lock);
    struct queue_item *item;
    while ((item = item_pop(queue)) && item->expires_ms <= now_ms)
        queue_item_destroy(item);
    if (!item && waiter)
        waiter_append(queue, waiter, desk);
    pthread_mutex_unlock(&queue->queues->lock);
    return item;
}

struct queue_waiter *queue_served(struct queues *queues, struct queue_desk *desk)
{
    pthread_mutex_lock(&queues->lock);
    struct queue_waiter *waiter = desk->served;
    if (waiter)
        waiter_unlink(waiter);
    pthread_mutex_unlock(&queues->lock);
    return waiter;
}

struct queue_item *queue_leave(struct queue_waiter *waiter)
{
    struct queues *queues = waiter->queue->queues;
    pthread_mutex_lock(&queues->lock);
    waiter_unlink(waiter);
    pthread_mutex_unlock(&queues->lock);
    return waiter->item;
}

void queue_return(struct queue *queue, struct queue_item *item, const struct queue_desk *own)
{
    pthread_mutex_lock(&queue->queues->lock);
    if (queue->waiters) {
        serve_first(queue, item, own);
    } else {
        item_prepend(queue, item);
        queue->item_count++;
        queue->size += item_size(item);
    }
    pthread_mutex_unlock(&queue->queues->lock);
}
