/* limits: what one may use, and what is used of it, for those who ask. */
#ifndef HTTP_LIMITS_H
#define HTTP_LIMITS_H

#include "http/document.h"

struct http;
struct session;

/* "limits" of a session's user: members with "used" and "max", null where there is no limit. Nothing where it is nobody
 * in particular. */
void limits_put_user(struct document *document, const struct session *session);

/* The same with what he keeps, which takes a look at all streams. */
void limits_put_user_whole(struct document *document, const struct http *http, const struct session *session);

/* "address_limits" of all who come from the same place; nothing where none are set. */
void limits_put_address(struct document *document, const struct session *session);

/* "owners": who keeps how much in streams that he has made. */
void limits_put_owners(struct document *document, const struct http *http);

#endif
