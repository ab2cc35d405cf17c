/*
 * mailbox: mail from one thread to another: a ring of records with one writer and one reader, and the bell that wakes
 * the reader. Nothing is dropped and nobody blocks: what finds no room is parked with the writer, in order, until the
 * reader has made some.
 *
 *   writer:  mailbox_begin .. fill .. mailbox_end, as often as it likes; then mailbox_post makes it all seen at once
 *   reader:  mailbox_next .. look .. mailbox_done, until there is none; the record lies in the ring until mailbox_done
 *
 * Every call says whose it is. This is one of the few places with atomics; the orders are argued in mailbox.c.
 */
#ifndef SERVER_MAILBOX_H
#define SERVER_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct bell;
struct mailbox;

enum {
    MAILBOX_SIZE = 512 << 10,
    MAILBOX_RECORD_MAX = 128 << 10, /* of one record */
};

/* The bell of a thread, which all that write to it ring. loop is woken where the thread sleeps. NULL: out of memory. */
struct bell *bell_create(const struct loop *loop);
void bell_destroy(struct bell *bell);

/* The owner: true once after somebody rang. Costs one load where nobody did. */
bool bell_rung(struct bell *bell);

/* The owner, before it sleeps; false where somebody has rung, and it should look first. bell_woke when it is back. */
bool bell_may_sleep(struct bell *bell);
void bell_woke(struct bell *bell);

/* reader and writer: the bells of both ends. NULL: out of memory. */
struct mailbox *mailbox_create(struct bell *reader, struct bell *writer);
void mailbox_destroy(struct mailbox *mailbox);

/* The writer: room for a record of at most MAILBOX_RECORD_MAX bytes, aligned to 8. NULL: out of memory. */
void *mailbox_begin(struct mailbox *mailbox, size_t size);
void mailbox_end(struct mailbox *mailbox);

/* The writer: lets the reader see all that was ended, and moves what is parked into the ring as far as it goes. */
void mailbox_post(struct mailbox *mailbox);

/* The writer: true while something is parked. */
bool mailbox_is_parked(const struct mailbox *mailbox);

/* The reader: the next record, or NULL. */
const void *mailbox_next(struct mailbox *mailbox);
void mailbox_done(struct mailbox *mailbox);

#endif
