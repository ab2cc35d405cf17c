#include "http/reply.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "http/access.h"
#include "http/calls.h"
#include "http/publish.h"
#include "http/routes.h"
#include "util/decimal.h"

static void sign(const unsigned char key[REPLY_KEY_SIZE], struct slice topic, char mac[REPLY_MAC_SIZE])
{
    unsigned char whole[EVP_MAX_MD_SIZE];
    HMAC(EVP_sha256(), key, REPLY_KEY_SIZE, (const unsigned char *)topic.data, topic.size, whole, NULL);
    memcpy(mac, whole, REPLY_MAC_SIZE);
}

char *reply_id_write(char *out, const unsigned char key[REPLY_KEY_SIZE], struct slice topic)
{
    char mac[REPLY_MAC_SIZE];
    sign(key, topic, mac);
    out = base64url_write(out, topic);
    *out++ = '.';
    return base64url_write(out, slice_make(mac, sizeof mac));
}

bool reply_id_read(struct slice id, const unsigned char key[REPLY_KEY_SIZE], char *topic, size_t *ret_size)
{
    char mac[REPLY_MAC_SIZE], given[base64url_data_size_max(base64url_size(REPLY_MAC_SIZE))];
    size_t topic_size, given_size;
    const char *dot = id.size ? memchr(id.data, '.', id.size) : NULL;
    if (!dot)
        return false;
    struct slice first = slice_make(id.data, (size_t)(dot - id.data));
    struct slice second = slice_make(dot + 1, id.size - first.size - 1);
    if (second.size != base64url_size(REPLY_MAC_SIZE) || !base64url_read(second, given, &given_size) ||
        !base64url_read(first, topic, &topic_size) || topic_size == 0)
        return false;
    sign(key, slice_make(topic, topic_size), mac);
    *ret_size = topic_size;
    return CRYPTO_memcmp(mac, given, REPLY_MAC_SIZE) == 0;
}

char *reply_permit_write(char *out, uint64_t by_ms, struct slice topic)
{
    out = format_number(out, by_ms);
    *out++ = '.';
    return format_slice(out, topic);
}

bool reply_permit_read(struct slice permit, uint64_t *ret_by_ms, struct slice *ret_topic)
{
    const char *dot = permit.size ? memchr(permit.data, '.', permit.size) : NULL;
    if (!dot || !decimal_read(slice_make(permit.data, (size_t)(dot - permit.data)), ret_by_ms))
        return false;
    *ret_topic = slice_make(dot + 1, permit.size - (size_t)(dot + 1 - permit.data));
    return ret_topic->size > 0;
}

/* The handler. */

static bool read_id(struct exchange *exchange, uint64_t *ret_by_ms, struct slice *ret_topic)
{
    struct buffer *name = &calls_of(exchange)->name;
    name->size = 0;
    if (!buffer_reserve(name, base64url_data_size_max(exchange->parameter.size))) {
        calls_short_of_memory(exchange);
        return false;
    }
    if (!reply_id_read(exchange->parameter, exchange->http->identity->reply_key, name->data, &name->size) ||
        !reply_permit_read(slice_make(name->data, name->size), ret_by_ms, ret_topic)) {
        answer_problem(exchange, PROBLEM_NOT_FOUND, NULL, "This is no id of a request that was taken here.");
        return false;
    }
    return true;
}

/* That it has the id says that it was asked, and by when it may answer that. */
static bool may_reply(struct exchange *exchange, uint64_t by_ms, struct slice topic)
{
    struct session *session = exchange->session;
    if (!rights_responses_max(session->rights) || by_ms < broker_wall_ms(session->broker))
        return access_publish(exchange, topic);
    session_grant_reply(session, topic);
    return true;
}

void responder_reply(struct exchange *exchange)
{
    struct slice topic;
    struct message message;
    uint64_t by_ms;
    if (!read_id(exchange, &by_ms, &topic) || !calls_read_message(exchange, &message))
        return;
    if (!may_reply(exchange, by_ms, topic))
        return;
    if (publish_message(exchange, topic, &message, NULL))
        answer(exchange, 202, "application/json", slice_of("{\"accepted\":true}"), NULL);
    else
        answer_problem(exchange, PROBLEM_GONE, NULL, "Nobody waits for this reply any more.");
}
