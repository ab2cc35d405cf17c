/*
 * post: how threads write to one another: a mailbox for each pair of members, and a bell for each member.
 *
 * Nothing is dropped and nobody blocks. A record that finds no room is parked with its writer, and so are all that it
 * writes after that, to whomever, until the first has found room: parked mail must not be overtaken, not even by way
 * of a third member. While something is parked, the member should not let anybody else know of what it has done.
 *
 * A reader gets the records of all members in one order, in which whatever was written later, by anyone who could have
 * known of the earlier, comes later: each record draws a ticket from one counter and is made visible before its writer
 * goes on, and a reader looks at all its mailboxes until none has changed, then takes their records by ticket.
 *
 * The post is created and destroyed by one thread while no other uses it; each office belongs to its member's thread.
 */
#ifndef SERVER_POST_H
#define SERVER_POST_H

#include <stdbool.h>
#include <stddef.h>

#include "server/mailbox.h"

struct loop;
struct post;
struct post_office; /* a member's access */

/* NULL: out of memory. */
struct post *post_create(unsigned member_count);
void post_destroy(struct post *post);

/* The office of a member; loop is woken when mail comes while it sleeps. Call it before any member's thread runs. */
struct post_office *post_open(struct post *post, unsigned member, const struct loop *loop);

/* Room for a record to another member, at most MAILBOX_RECORD_MAX bytes, aligned to 8, to be filled before post_end.
 * NULL: out of memory. */
void *post_begin(struct post_office *office, unsigned to, size_t size);
void post_end(struct post_office *office);

/* Wakes those who have mail, and moves what is parked on as far as it goes. Comes before a byte leaves by a socket and
 * before sleeping. */
void post_send(struct post_office *office);

/* True while something is parked. */
bool post_is_parked(const struct post_office *office);

/* Reads all mail there is, in order. Returns the number of records. Is not begun again from within read. */
typedef void post_read_fn(void *arg, unsigned from, const void *record);
unsigned post_read(struct post_office *office, post_read_fn *read, void *arg);

/* True where mail may have come since it was last read. Costs one load. */
bool post_has_mail(const struct post_office *office);

/* Before sleeping: false where there is mail to be read first. post_woke when it is back. */
bool post_may_sleep(struct post_office *office);
void post_woke(struct post_office *office);

#endif
