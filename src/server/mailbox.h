/*
 * mailbox: a ring of records from one thread to another, with one writer and one reader.
 *
 *   writer:  mailbox_begin .. fill .. mailbox_end
 *   reader:  mailbox_look, then mailbox_next .. read .. mailbox_done until there is none
 *
 * A record lies in the ring, in one piece, until mailbox_done. Every record carries a ticket, by which the reader of
 * several mailboxes puts their records into one order; see server/post.h, which is the only user of this.
 */
#ifndef SERVER_MAILBOX_H
#define SERVER_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mailbox;

enum {
    MAILBOX_SIZE = 512 << 10,
    MAILBOX_RECORD_MAX = 160 << 10, /* of one record: one small message with the longest names fits */
};

/* NULL: out of memory. */
struct mailbox *mailbox_create(void);
void mailbox_destroy(struct mailbox *mailbox);

/* The writer: room for a record of at most MAILBOX_RECORD_MAX bytes, aligned to 8; NULL: there is none now, and the
 * reader will be asked to say when there is. */
void *mailbox_begin(struct mailbox *mailbox, size_t size);

/* The writer: lets the reader see the record. */
void mailbox_end(struct mailbox *mailbox, uint64_t ticket);

/* The reader: sees what has come since it last looked. True where that was anything. */
bool mailbox_look(struct mailbox *mailbox);

/* The reader: the next record of those that it has seen, and its ticket; NULL: there is none. */
const void *mailbox_next(struct mailbox *mailbox, uint64_t *ret_ticket);

/* The reader: gives the record's room back. True where the writer waits for it, and is to be woken. */
bool mailbox_done(struct mailbox *mailbox);

#endif
