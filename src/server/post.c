#include "server/post.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "net/loop.h"

/* A record that found no room, or came behind one that did not. */
struct parked {
    struct parked *next;
    unsigned to;
    size_t size;
    uint64_t record[];
};

/*
 * A member. A reader that falls asleep and a writer that has put mail into its mailbox must not miss each other: the
 * reader sets asleep, then reads has_mail; the writer sets has_mail, then reads asleep; all sequentially consistent.
 */
struct post_office {
    struct post *post;
    const struct loop *loop;
    unsigned member;

    /* Writing. */
    struct parked *first, **last, *parking;
    struct mailbox *writing; /* between begin and end; NULL: parking */
    unsigned writing_to;
    bool *unwoken; /* members who have got mail since the last post_send */

    /* Touched by others. */
    _Alignas(64) atomic_bool has_mail;
    atomic_bool asleep;
};

struct post {
    unsigned member_count;
    struct post_office **offices;
    struct mailbox **mailboxes; /* [from * member_count + to] */
    _Alignas(64) atomic_uint_fast64_t tickets;
};

static struct mailbox *mailbox_of(const struct post *post, unsigned from, unsigned to)
{
    return post->mailboxes[from * post->member_count + to];
}

/* Life. */

static struct post_office *office_create(struct post *post, unsigned member)
{
    struct post_office *office = aligned_alloc(64, sizeof *office);
    if (!office)
        return NULL;
    memset(office, 0, sizeof *office);
    office->post = post;
    office->member = member;
    office->last = &office->first;
    office->unwoken = calloc(post->member_count, sizeof *office->unwoken);
    if (!office->unwoken) {
        free(office);
        return NULL;
    }
    return office;
}

static void office_destroy(struct post_office *office)
{
    if (!office)
        return;
    while (office->first) {
        struct parked *next = office->first->next;
        free(office->first);
        office->first = next;
    }
    free(office->unwoken);
    free(office);
}

static bool post_fill(struct post *post)
{
    for (unsigned from = 0; from < post->member_count; from++) {
        post->offices[from] = office_create(post, from);
        if (!post->offices[from])
            return false;
        for (unsigned to = 0; to < post->member_count; to++)
            if (from != to && !(post->mailboxes[from * post->member_count + to] = mailbox_create()))
                return false;
    }
    return true;
}

struct post *post_create(unsigned member_count)
{
    struct post *post = aligned_alloc(64, sizeof *post);
    if (!post)
        return NULL;
    memset(post, 0, sizeof *post);
    post->member_count = member_count;
    post->offices = calloc(member_count, sizeof(struct post_office *));
    post->mailboxes = calloc((size_t)member_count * member_count, sizeof(struct mailbox *));
    if (!post->offices || !post->mailboxes || !post_fill(post)) {
        post_destroy(post);
        return NULL;
    }
    return post;
}

void post_destroy(struct post *post)
{
    if (!post)
        return;
    for (unsigned i = 0; post->offices && i < post->member_count; i++)
        office_destroy(post->offices[i]);
    for (unsigned i = 0; post->mailboxes && i < post->member_count * post->member_count; i++)
        mailbox_destroy(post->mailboxes[i]);
    free(post->offices);
    free(post->mailboxes);
    free(post);
}

struct post_office *post_open(struct post *post, unsigned member, const struct loop *loop)
{
    post->offices[member]->loop = loop;
    return post->offices[member];
}

/* Writing. */

static void *park(struct post_office *office, unsigned to, size_t size)
{
    struct parked *parked = malloc(sizeof *parked + size);
    if (!parked)
        return NULL;
    *parked = (struct parked){ .to = to, .size = size };
    office->parking = parked;
    return parked->record;
}

void *post_begin(struct post_office *office, unsigned to, size_t size)
{
    assert(to != office->member);
    office->writing_to = to;
    office->writing = mailbox_of(office->post, office->member, to);
    void *record = office->first ? NULL : mailbox_begin(office->writing, size);
    if (record)
        return record;
    office->writing = NULL;
    return park(office, to, size);
}

/* The record is seen before the flag, and the flag before whatever this member does next. */
static void deliver(struct post_office *office, struct mailbox *mailbox, unsigned to)
{
    mailbox_end(mailbox, atomic_fetch_add_explicit(&office->post->tickets, 1, memory_order_acq_rel));
    atomic_store_explicit(&office->post->offices[to]->has_mail, true, memory_order_release);
    office->unwoken[to] = true;
}

void post_end(struct post_office *office)
{
    if (office->writing) {
        deliver(office, office->writing, office->writing_to);
        return;
    }
    *office->last = office->parking;
    office->last = &office->parking->next;
}

/* Moves parked records on, in the order in which they were written, until one finds no room. */
static void unpark(struct post_office *office)
{
    struct parked *parked;
    while ((parked = office->first)) {
        struct mailbox *mailbox = mailbox_of(office->post, office->member, parked->to);
        void *record = mailbox_begin(mailbox, parked->size);
        if (!record)
            return;
        memcpy(record, parked->record, parked->size);
        deliver(office, mailbox, parked->to);
        office->first = parked->next;
        free(parked);
    }
    office->last = &office->first;
}

static void ring(struct post_office *reader)
{
    atomic_store(&reader->has_mail, true);
    if (atomic_load(&reader->asleep) && atomic_exchange(&reader->asleep, false))
        loop_wake(reader->loop);
}

void post_send(struct post_office *office)
{
    if (office->first)
        unpark(office);
    for (unsigned to = 0; to < office->post->member_count; to++)
        if (office->unwoken[to]) {
            office->unwoken[to] = false;
            ring(office->post->offices[to]);
        }
}

bool post_is_parked(const struct post_office *office)
{
    return office->first != NULL;
}

/* Reading. */

/* Looks until nothing has changed for a whole round: if a record is seen, so is every one written before it. */
static void look_at_all(struct post_office *office)
{
    bool changed;
    do {
        changed = false;
        for (unsigned from = 0; from < office->post->member_count; from++)
            if (from != office->member)
                changed |= mailbox_look(mailbox_of(office->post, from, office->member));
    } while (changed);
}

/* The record with the lowest ticket of those that are seen; NULL: none is left. */
static const void *next_of_all(struct post_office *office, unsigned *ret_from)
{
    const void *best = NULL;
    uint64_t best_ticket = UINT64_MAX, ticket;
    for (unsigned from = 0; from < office->post->member_count; from++) {
        const void *record =
            from == office->member ? NULL : mailbox_next(mailbox_of(office->post, from, office->member), &ticket);
        if (record && ticket <= best_ticket) {
            best = record;
            best_ticket = ticket;
            *ret_from = from;
        }
    }
    return best;
}

unsigned post_read(struct post_office *office, post_read_fn *read, void *arg)
{
    unsigned count = 0, from;
    const void *record;
    atomic_exchange(&office->has_mail, false);
    look_at_all(office);
    while ((record = next_of_all(office, &from))) {
        read(arg, from, record);
        if (mailbox_done(mailbox_of(office->post, from, office->member)))
            ring(office->post->offices[from]);
        count++;
    }
    return count;
}

bool post_has_mail(const struct post_office *office)
{
    return atomic_load_explicit(&office->has_mail, memory_order_acquire);
}

bool post_may_sleep(struct post_office *office)
{
    atomic_store(&office->asleep, true);
    if (!atomic_load(&office->has_mail))
        return true;
    atomic_store(&office->asleep, false);
    return false;
}

void post_woke(struct post_office *office)
{
    atomic_store(&office->asleep, false);
}
