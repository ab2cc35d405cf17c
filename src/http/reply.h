/*
 * reply: ids by which a worker behind HTTP answers a request: the reply topic, and a signature under it, so that
 * whoever was given a request can answer it on any worker, nothing is remembered of him, and nobody can make an id up.
 *
 *     base64url(topic) "." base64url(the first 16 bytes of HMAC-SHA256(key, topic))
 *
 * Any thread.
 */
#ifndef HTTP_REPLY_H
#define HTTP_REPLY_H

#include "util/base64.h"

enum { REPLY_KEY_SIZE = 32, REPLY_MAC_SIZE = 16 };

static inline size_t reply_id_size(struct slice topic)
{
    return base64url_size(topic.size) + 1 + base64url_size(REPLY_MAC_SIZE);
}

/* Writes the id of a reply topic and returns its end. */
char *reply_id_write(char *out, const unsigned char key[REPLY_KEY_SIZE], struct slice topic);

/* False where it is no id that we have written. topic has base64url_data_size_max(id.size) bytes. */
bool reply_id_read(struct slice id, const unsigned char key[REPLY_KEY_SIZE], char *topic, size_t *ret_size);

#endif
