/*
 * headers: what the headers of HTTP become in a message, and the other way round.
 *
 *     Content-Type: v             <->   Content-Type: v
 *     Posthorn-Header-NAME: v     <->   NAME: v
 *     Idempotency-Key: k           ->   Nats-Msg-Id: k
 *     Posthorn-Expected-...: v     ->   Nats-Expected-...: v, without which the message is not to be kept
 *
 * Pure; any thread.
 */
#ifndef HTTP_HEADERS_H
#define HTTP_HEADERS_H

#include "http/request.h"

/* The header that names a message, so that a stream keeps it once, and the bytes that such a name may have. */
#define HEADERS_ID "Nats-Msg-Id"
enum { HEADERS_ID_SIZE_MAX = 256 };

/* True for 1 to HEADERS_ID_SIZE_MAX printable ASCII characters. */
bool headers_id_valid(struct slice id);

/* True where a block says on what condition the message is to be kept. */
bool headers_have_condition(struct slice block);

/* Bytes that headers_from_request writes at most. */
size_t headers_size_max(const struct http_request *request);

/* Writes the block for a message and returns its end, which is out where the message has none. NULL: a header cannot
 * stand in a message, and *ret_fault is a sentence that says which. */
char *headers_from_request(const struct http_request *request, char *out, const char **ret_fault);

/* Bytes that headers_to_answer writes at most. */
size_t headers_answer_size_max(struct slice block);

/*
 * Writes the lines that an answer has for a message's block, each with its CR LF, and returns their end. Headers that
 * HTTP cannot carry are left out: names that are no token, values with controls. *ret_type is the message's
 * Content-Type, a slice of the block and no line; empty: it has none.
 */
char *headers_to_answer(struct slice block, char *out, struct slice *ret_type);

#endif
