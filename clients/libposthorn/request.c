/* request: one subscription to a topic of our own catches the answers to all requests of the connection. */
#include <stdio.h>
#include <string.h>

#include "conn.h"

#define INBOX "_INBOX."
#define INBOX_SIZE (sizeof INBOX - 1)
#define TOKEN_SIZE 22

void ph_inbox(struct ph_conn *conn, char ret_topic[PH_INBOX_SIZE])
{
    (void)conn;
    memcpy(ret_topic, INBOX, INBOX_SIZE);
    ph_random_token(ret_topic + INBOX_SIZE, TOKEN_SIZE);
    ret_topic[INBOX_SIZE + TOKEN_SIZE] = '\0';
}

static void finish(struct ph_conn *conn, uint32_t slot, int error, const struct ph_message *message)
{
    struct ph_request request;
    ph_requests_remove(&conn->requests, slot, &request);
    request.answer(conn, error, message, request.arg);
}

static bool is_no_responders(const struct ph_message *message)
{
    return message->payload_size == 0 && message->headers_size > 0 && ph_message_status(message, NULL) == 503;
}

static void answered(struct ph_sub *sub, const struct ph_message *message, void *arg)
{
    struct ph_conn *conn = sub->conn;
    (void)arg;
    struct slice token = { 0 };
    if (message->topic_size > PH_INBOX_PREFIX_SIZE)
        token = slice_make(message->topic + PH_INBOX_PREFIX_SIZE, message->topic_size - PH_INBOX_PREFIX_SIZE);
    uint32_t slot = ph_requests_find(&conn->requests, token);
    if (slot == PH_REQUEST_NONE)
        conn->statistics.unclaimed++;
    else if (is_no_responders(message))
        finish(conn, slot, PH_E_NO_RESPONDERS, NULL);
    else
        finish(conn, slot, PH_OK, message);
}

/* Subscribes to the answers, with the first request. */
static int open_inbox(struct ph_conn *conn)
{
    char pattern[PH_INBOX_SIZE];
    if (conn->inbox)
        return PH_OK;
    ph_inbox(conn, pattern);
    memcpy(pattern + INBOX_SIZE + TOKEN_SIZE, ".*", 3);
    memcpy(conn->inbox_prefix, pattern, PH_INBOX_PREFIX_SIZE);
    return ph_sub_open(conn, pattern, "", answered, NULL, &conn->inbox);
}

int ph_request_open(struct ph_conn *conn, struct ph_publication *publication, int timeout_ms, ph_answer_fn *answer,
                    void *arg, uint32_t *ret_slot)
{
    char reply[PH_INBOX_PREFIX_SIZE + PH_REQUEST_TOKEN_SIZE];
    uint32_t slot;
    if (conn->state == PH_STATE_CLOSED)
        return PH_E_CLOSED;
    int error = open_inbox(conn);
    if (error)
        return error;
    memcpy(reply, conn->inbox_prefix, PH_INBOX_PREFIX_SIZE);
    if (!ph_requests_add(&conn->requests, answer, arg, ph_deadline_ms(timeout_ms), &slot, reply + PH_INBOX_PREFIX_SIZE))
        return ph_fail(conn, PH_E_MEMORY, "no memory for a request");
    error = ph_publish_with(conn, publication->topic, reply, publication->headers, publication->payload,
                            publication->payload_size);
    *ret_slot = slot;
    if (!error || ph_requests_find(&conn->requests, slice_of(reply + PH_INBOX_PREFIX_SIZE)) != slot)
        return PH_OK; /* it may have waited for room so long that the time ran out, and the answer has been told */
    ph_requests_remove(&conn->requests, slot, NULL);
    *ret_slot = PH_REQUEST_NONE;
    return error;
}

int ph_request_start(struct ph_conn *conn, const char *topic, const struct ph_headers *headers, const void *payload,
                     size_t payload_size, int timeout_ms, ph_answer_fn *answer, void *arg)
{
    uint32_t slot;
    if (!answer)
        return ph_fail(conn, PH_E_ARGUMENT, "a request needs somebody to take the answer");
    struct ph_publication publication = { topic, NULL, headers, payload, payload_size };
    return ph_request_open(conn, &publication, timeout_ms, answer, arg, &slot);
}

void ph_requests_expire(struct ph_conn *conn, int64_t now_ms)
{
    while (ph_requests_deadline(&conn->requests) <= now_ms)
        finish(conn, ph_requests_first(&conn->requests), PH_E_TIMEOUT, NULL);
}

void ph_requests_fail(struct ph_conn *conn, int error)
{
    while (ph_requests_first(&conn->requests) != PH_REQUEST_NONE)
        finish(conn, ph_requests_first(&conn->requests), error, NULL);
}
