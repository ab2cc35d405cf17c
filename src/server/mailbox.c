#include "server/mailbox.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "net/loop.h"

/*
 * Two handshakes keep anybody from sleeping while there is work; both are Dekker's: each side writes its own flag, then
 * reads the other's, all sequentially consistent, so at least one of them sees the other.
 *
 *   a reader falls asleep    bell:  writer  rung = 1, reads asleep        reader  asleep = 1, reads rung
 *   a writer is out of room  ring:  writer  wants_room = 1, reads head    reader  head = x, reads wants_room
 */
struct bell {
    const struct loop *loop;
    _Alignas(64) atomic_bool rung;
    atomic_bool asleep;
};

/* Stands in front of each record. size counts the record alone; SKIP: go on at the start of the ring. */
struct slot {
    uint64_t size;
};

#define SKIP UINT64_MAX

/* A record that found no room. */
struct parked {
    struct parked *next;
    uint64_t size;
    uint64_t record[];
};

/* head and tail count bytes since the beginning and are never wound back; a place is the count modulo the size. */
struct mailbox {
    struct bell *reader_bell, *writer_bell;

    /* The writer's. */
    _Alignas(64) atomic_uint_fast64_t tail; /* what the reader may see */
    uint64_t written;                       /* what has been ended */
    uint64_t begun;                         /* end of the record between begin and end */
    uint64_t known_head;                    /* head, when last looked at */
    struct parked *first_parked, **last_parked, *parking;

    /* The reader's. */
    _Alignas(64) atomic_uint_fast64_t head;
    uint64_t read, known_tail;

    /* Both. */
    _Alignas(64) atomic_bool wants_room;
    _Alignas(64) char ring[MAILBOX_SIZE];
};

/* Bells. */

struct bell *bell_create(const struct loop *loop)
{
    struct bell *bell = aligned_alloc(64, sizeof *bell);
    if (!bell)
        return NULL;
    bell->loop = loop;
    atomic_init(&bell->rung, false);
    atomic_init(&bell->asleep, false);
    return bell;
}

void bell_destroy(struct bell *bell)
{
    free(bell);
}

static void bell_ring(struct bell *bell)
{
    atomic_store(&bell->rung, true);
    if (atomic_load(&bell->asleep) && atomic_exchange(&bell->asleep, false))
        loop_wake(bell->loop);
}

bool bell_rung(struct bell *bell)
{
    return atomic_load_explicit(&bell->rung, memory_order_acquire) && atomic_exchange(&bell->rung, false);
}

bool bell_may_sleep(struct bell *bell)
{
    atomic_store(&bell->asleep, true);
    if (!atomic_load(&bell->rung))
        return true;
    atomic_store(&bell->asleep, false);
    return false;
}

void bell_woke(struct bell *bell)
{
    if (atomic_load_explicit(&bell->asleep, memory_order_relaxed))
        atomic_store(&bell->asleep, false);
}

/* Life. */

struct mailbox *mailbox_create(struct bell *reader, struct bell *writer)
{
    struct mailbox *mailbox = aligned_alloc(64, sizeof *mailbox);
    if (!mailbox)
        return NULL;
    memset(mailbox, 0, offsetof(struct mailbox, ring)); /* the ring is not touched until it is used */
    mailbox->reader_bell = reader;
    mailbox->writer_bell = writer;
    atomic_init(&mailbox->tail, 0);
    atomic_init(&mailbox->head, 0);
    atomic_init(&mailbox->wants_room, false);
    mailbox->last_parked = &mailbox->first_parked;
    return mailbox;
}

void mailbox_destroy(struct mailbox *mailbox)
{
    if (!mailbox)
        return;
    while (mailbox->first_parked) {
        struct parked *next = mailbox->first_parked->next;
        free(mailbox->first_parked);
        mailbox->first_parked = next;
    }
    free(mailbox);
}

/* Writing. */

static size_t slot_size(size_t size)
{
    return sizeof(struct slot) + ((size + 7) & ~(size_t)7);
}

/* True where need bytes are free behind `written`; looks at the reader's head only where it must. */
static bool has_room(struct mailbox *mailbox, size_t need)
{
    if (mailbox->written + need - mailbox->known_head <= MAILBOX_SIZE)
        return true;
    mailbox->known_head = atomic_load_explicit(&mailbox->head, memory_order_acquire);
    return mailbox->written + need - mailbox->known_head <= MAILBOX_SIZE;
}

/* Room in the ring for a record, in one piece; NULL: there is none now. */
static void *ring_begin(struct mailbox *mailbox, size_t size)
{
    size_t need = slot_size(size), place = mailbox->written % MAILBOX_SIZE, left = MAILBOX_SIZE - place;
    struct slot *slot = (struct slot *)(void *)(mailbox->ring + place);
    size_t skip = need > left ? left : 0;
    if (!has_room(mailbox, skip + need))
        return NULL;
    if (skip) {
        slot->size = SKIP;
        slot = (struct slot *)(void *)mailbox->ring;
    }
    slot->size = size;
    mailbox->begun = mailbox->written + skip + need;
    return slot + 1;
}

static void *park_begin(struct mailbox *mailbox, size_t size)
{
    struct parked *parked = malloc(sizeof *parked + size);
    if (!parked)
        return NULL;
    *parked = (struct parked){ .size = size };
    mailbox->parking = parked;
    return parked->record;
}

void *mailbox_begin(struct mailbox *mailbox, size_t size)
{
    assert(size <= MAILBOX_RECORD_MAX);
    void *record = mailbox->first_parked ? NULL : ring_begin(mailbox, size);
    return record ? record : park_begin(mailbox, size);
}

void mailbox_end(struct mailbox *mailbox)
{
    if (!mailbox->parking) {
        mailbox->written = mailbox->begun;
        return;
    }
    *mailbox->last_parked = mailbox->parking;
    mailbox->last_parked = &mailbox->parking->next;
    mailbox->parking = NULL;
}

/* Moves parked records into the ring while there is room. */
static void unpark(struct mailbox *mailbox)
{
    while (mailbox->first_parked) {
        struct parked *parked = mailbox->first_parked;
        void *record = ring_begin(mailbox, parked->size);
        if (!record)
            return;
        memcpy(record, parked->record, parked->size);
        mailbox->written = mailbox->begun;
        mailbox->first_parked = parked->next;
        free(parked);
    }
    mailbox->last_parked = &mailbox->first_parked;
}

/* Asks the reader to ring when it has made room; the room may have come meanwhile, so looks once more. */
static void ask_for_room(struct mailbox *mailbox)
{
    atomic_store(&mailbox->wants_room, true);
    mailbox->known_head = atomic_load(&mailbox->head);
    unpark(mailbox);
}

void mailbox_post(struct mailbox *mailbox)
{
    if (mailbox->first_parked)
        unpark(mailbox);
    if (mailbox->first_parked)
        ask_for_room(mailbox);
    if (mailbox->written == atomic_load_explicit(&mailbox->tail, memory_order_relaxed))
        return;
    atomic_store_explicit(&mailbox->tail, mailbox->written, memory_order_release);
    bell_ring(mailbox->reader_bell);
}

bool mailbox_is_parked(const struct mailbox *mailbox)
{
    return mailbox->first_parked != NULL;
}

/* Reading. */

static void make_room(struct mailbox *mailbox)
{
    atomic_store(&mailbox->head, mailbox->read);
    if (atomic_load(&mailbox->wants_room) && atomic_exchange(&mailbox->wants_room, false))
        bell_ring(mailbox->writer_bell);
}

const void *mailbox_next(struct mailbox *mailbox)
{
    if (mailbox->read == mailbox->known_tail) {
        mailbox->known_tail = atomic_load_explicit(&mailbox->tail, memory_order_acquire);
        if (mailbox->read == mailbox->known_tail)
            return NULL;
    }
    size_t place = mailbox->read % MAILBOX_SIZE;
    const struct slot *slot = (const struct slot *)(const void *)(mailbox->ring + place);
    if (slot->size == SKIP) {
        mailbox->read += MAILBOX_SIZE - place;
        slot = (const struct slot *)(const void *)mailbox->ring;
    }
    return slot + 1;
}

void mailbox_done(struct mailbox *mailbox)
{
    const struct slot *slot = (const struct slot *)(const void *)(mailbox->ring + mailbox->read % MAILBOX_SIZE);
    mailbox->read += slot_size(slot->size);
    if (mailbox->read == mailbox->known_tail || mailbox->read - atomic_load_explicit(&mailbox->head, memory_order_relaxed) > MAILBOX_SIZE / 4)
        make_room(mailbox);
}
