/*
 * cookie: the session of a browser that has logged in (RFC 6265). HttpOnly, so that no script reads it;
 * SameSite=Strict, so that no page elsewhere has it sent; Secure where it came by TLS. Pure; any thread.
 */
#ifndef HTTP_COOKIE_H
#define HTTP_COOKIE_H

#include <stdbool.h>

#include "http/request.h"

enum { COOKIE_LINE_SIZE = 192 };

/* The session that a request names; false: none. Borrows the request. */
bool cookie_read(const struct http_request *request, struct slice *ret_session);

/* "Set-Cookie: ...\r\n". Empty session: it is taken away. */
void cookie_write(char out[COOKIE_LINE_SIZE], const char *session, uint64_t lifetime_s, bool is_secure);

#endif
