/*
 * access: what the user of an exchange may do, as its handlers ask. Each answers 403, which names the right that is
 * missing, and returns false where he may not. Belongs to the worker's thread.
 */
#ifndef HTTP_ACCESS_H
#define HTTP_ACCESS_H

#include "auth/rights.h"

struct exchange;

/* Says that a right is missing. */
void access_refuse(struct exchange *exchange, enum right right);

/* May publish to a topic. */
bool access_publish(struct exchange *exchange, struct slice topic);

/* May read some of what each of the patterns, joined by commas, names. */
bool access_read(struct exchange *exchange, struct slice patterns);

/* May read all of it, as a member of a group (empty: none). */
bool access_read_all(struct exchange *exchange, struct slice patterns, struct slice group);

#endif
