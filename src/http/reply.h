/*
 * reply: ids by which a worker behind HTTP answers a request: the reply topic and by when, and a signature under it, so
 * that whoever was given a request can answer it on any worker, nothing is remembered of him, and nobody can make an id
 * up. And those by which a message is acknowledged, which are of the topic for that.
 *
 *     base64url(text) "." base64url(the first 16 bytes of HMAC-SHA256(key, text))
 *
 * Any thread.
 */
#ifndef HTTP_REPLY_H
#define HTTP_REPLY_H

#include "util/base64.h"
#include "wire/format.h"

enum { REPLY_KEY_SIZE = 32, REPLY_MAC_SIZE = 16 };

static inline size_t reply_id_size(struct slice topic)
{
    return base64url_size(topic.size) + 1 + base64url_size(REPLY_MAC_SIZE);
}

/* What the id of a request is of: by when it may be answered, and where; nothing that a message is acknowledged by. */
static inline size_t reply_permit_size_max(struct slice topic)
{
    return FORMAT_NUMBER_SIZE_MAX + 1 + topic.size;
}

char *reply_permit_write(char *out, uint64_t by_ms, struct slice topic);

/* False where it is none. The topic lies in it. */
bool reply_permit_read(struct slice permit, uint64_t *ret_by_ms, struct slice *ret_topic);

/* Writes the id of a text, a topic or a permit, and returns its end. */
char *reply_id_write(char *out, const unsigned char key[REPLY_KEY_SIZE], struct slice topic);

/* False where it is no id that we have written. topic has base64url_data_size_max(id.size) bytes. */
bool reply_id_read(struct slice id, const unsigned char key[REPLY_KEY_SIZE], char *topic, size_t *ret_size);

#endif
