#include "server/mailbox.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Stands in front of each record. size counts the record alone; SKIP: go on at the start of the ring. */
struct slot {
    uint64_t size;
    uint64_t ticket;
};

#define SKIP UINT64_MAX

/* head and tail count bytes since the beginning and are never wound back; a place is the count modulo the size. */
struct mailbox {
    /* The writer's. */
    _Alignas(64) atomic_uint_fast64_t tail; /* up to here the reader may look */
    uint64_t written;                       /* the same, without asking */
    struct slot *begun;                     /* between begin and end */
    uint64_t begun_end;                     /* what tail will be */
    uint64_t known_head;                    /* head, when last looked at */

    /* The reader's. */
    _Alignas(64) atomic_uint_fast64_t head; /* up to here the writer may write */
    uint64_t read, known_tail;

    /* Set by the writer when it found no room, taken by the reader when it has made some. Each side writes its own word
     * (this, head), then reads the other's, sequentially consistent, so that one of them sees the other (Dekker). */
    _Alignas(64) atomic_bool wants_room;
    _Alignas(64) char ring[MAILBOX_SIZE];
};

struct mailbox *mailbox_create(void)
{
    struct mailbox *mailbox = aligned_alloc(64, sizeof *mailbox);
    if (mailbox)
        memset(mailbox, 0, offsetof(struct mailbox, ring)); /* the ring costs nothing until it is used */
    return mailbox;
}

void mailbox_destroy(struct mailbox *mailbox)
{
    free(mailbox);
}

/* A slot never straddles the end, for all sizes are multiples of the slot's. */
static size_t slot_size(size_t size)
{
    return (sizeof(struct slot) + size + sizeof(struct slot) - 1) & ~(sizeof(struct slot) - 1);
}

static struct slot *slot_at(struct mailbox *mailbox, uint64_t count)
{
    return (struct slot *)(void *)(mailbox->ring + count % MAILBOX_SIZE);
}

/* The writer. */

static bool fits(const struct mailbox *mailbox, size_t need)
{
    return mailbox->written + need - mailbox->known_head <= MAILBOX_SIZE;
}

/* Looks at the reader's head only where it must, and asks to be told before it gives up. */
static bool has_room(struct mailbox *mailbox, size_t need)
{
    if (fits(mailbox, need))
        return true;
    mailbox->known_head = atomic_load_explicit(&mailbox->head, memory_order_acquire);
    if (fits(mailbox, need))
        return true;
    atomic_store(&mailbox->wants_room, true);
    mailbox->known_head = atomic_load(&mailbox->head);
    return fits(mailbox, need);
}

void *mailbox_begin(struct mailbox *mailbox, size_t size)
{
    size_t need = slot_size(size), left = MAILBOX_SIZE - mailbox->written % MAILBOX_SIZE;
    size_t skip = need > left ? left : 0;
    assert(size <= MAILBOX_RECORD_MAX);
    if (!has_room(mailbox, skip + need))
        return NULL;
    if (skip)
        slot_at(mailbox, mailbox->written)->size = SKIP;
    mailbox->begun = slot_at(mailbox, mailbox->written + skip);
    mailbox->begun->size = size;
    mailbox->begun_end = mailbox->written + skip + need;
    return mailbox->begun + 1;
}

void mailbox_end(struct mailbox *mailbox, uint64_t ticket)
{
    mailbox->begun->ticket = ticket;
    mailbox->written = mailbox->begun_end;
    atomic_store_explicit(&mailbox->tail, mailbox->written, memory_order_release);
}

/* The reader. */

bool mailbox_look(struct mailbox *mailbox)
{
    uint64_t tail = atomic_load_explicit(&mailbox->tail, memory_order_acquire);
    bool changed = tail != mailbox->known_tail;
    mailbox->known_tail = tail;
    return changed;
}

const void *mailbox_next(struct mailbox *mailbox, uint64_t *ret_ticket)
{
    if (mailbox->read == mailbox->known_tail)
        return NULL;
    if (slot_at(mailbox, mailbox->read)->size == SKIP)
        mailbox->read += MAILBOX_SIZE - mailbox->read % MAILBOX_SIZE;
    const struct slot *slot = slot_at(mailbox, mailbox->read);
    *ret_ticket = slot->ticket;
    return slot + 1;
}

/* Room is given back in large pieces, so that the two sides seldom touch each other's words. */
bool mailbox_done(struct mailbox *mailbox)
{
    mailbox->read += slot_size(slot_at(mailbox, mailbox->read)->size);
    uint64_t head = atomic_load_explicit(&mailbox->head, memory_order_relaxed);
    if (mailbox->read != mailbox->known_tail && mailbox->read - head < MAILBOX_SIZE / 4)
        return false;
    atomic_store(&mailbox->head, mailbox->read);
    return atomic_load(&mailbox->wants_room) && atomic_exchange(&mailbox->wants_room, false);
}
