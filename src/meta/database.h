/*
 * database: the file behind meta, and all that knows SQLite. Entries in one table:
 *
 *     entry (kind TEXT, key BLOB, value BLOB)      primary key (kind, key)
 *
 * It may go from thread to thread, but is used by one at a time. Errors are -errno.
 */
#ifndef META_DATABASE_H
#define META_DATABASE_H

#include "util/slice.h"

struct database;

/* See meta_open. */
int database_open(const char *path, struct database **ret_database, char room[256]);
/* Ends a transaction that is open without committing it. Takes NULL. */
void database_close(struct database *database);

/* See meta_load. */
int database_load(struct database *database, const char *kind,
                  int (*visit)(void *arg, struct slice key, struct slice value), void *arg);

/* A transaction: begin, any number of puts, commit. */
int database_begin(struct database *database);

/* value.data NULL: removes the entry. Where this one put alone has failed, such as one that is too large, the
 * transaction goes on; else -ECANCELED: it is over, and the next commit tells why. */
int database_put(struct database *database, const char *kind, struct slice key, struct slice value);

/* 0: all of it is on disk. Else none of it is kept. After a failed sync every commit fails. */
int database_commit(struct database *database);

#endif
