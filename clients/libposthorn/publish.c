/* publish: messages and control lines into the output, and the output to the socket. */
#include "conn.h"
#include "topic.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "wire/headers.h"

/* Output is written by ph_publish once this much is waiting. */
#define WRITE_SIZE (32u * 1024)

/* Where publishing may wait, it does so from here on: more would only lie about and leave the processor's cache. */
#define WAIT_SIZE (256u * 1024)

/* What PING and PONG may add beyond output_size_max. */
#define CONTROL_SIZE_MAX (64u * 1024)

/* ---- to the socket ---- */

const struct ph_output *ph_out_current(const struct ph_conn *conn)
{
    return conn->phase == PH_PHASE_LIVE ? &conn->out : &conn->hello;
}

void ph_out_write(struct ph_conn *conn)
{
    struct ph_output *output = conn->phase == PH_PHASE_LIVE ? &conn->out : &conn->hello;
    size_t written;
    if (conn->fd < 0 || conn->broken || ph_output_waiting(output) == 0)
        return;
    int error = ph_output_write(output, conn->fd, conn->tls, &written);
    conn->statistics.bytes_written += written;
    if (error)
        conn->broken = -error;
    conn->write_at = ph_output_waiting(&conn->out) + WRITE_SIZE;
}

int ph_write(struct ph_conn *conn)
{
    if (conn->state == PH_STATE_CLOSED)
        return PH_E_CLOSED;
    if (conn->phase == PH_PHASE_LIVE)
        ph_out_write(conn);
    return conn->phase == PH_PHASE_LIVE && !conn->broken ? PH_OK : PH_E_DISCONNECTED;
}

/* ---- room ---- */

static bool may_wait(const struct ph_conn *conn)
{
    return conn->blocking && !conn->processing;
}

/* Bytes that the output may hold now: less where publishing can wait for the socket instead. */
static size_t size_allowed(const struct ph_conn *conn)
{
    size_t max = conn->options.output_size_max;
    return may_wait(conn) && conn->phase == PH_PHASE_LIVE && max > WAIT_SIZE ? WAIT_SIZE : max;
}

/* One message may be larger than all that is allowed. */
static bool has_room(const struct ph_conn *conn, size_t size)
{
    size_t waiting = ph_output_waiting(&conn->out);
    return waiting == 0 || waiting + size <= size_allowed(conn);
}

static int full(struct ph_conn *conn)
{
    return ph_fail(conn, PH_E_FULL, "%zu bytes of output are waiting", ph_output_waiting(&conn->out));
}

static int make_room(struct ph_conn *conn, size_t size)
{
    if (conn->phase == PH_PHASE_LIVE)
        ph_out_write(conn);
    if (has_room(conn, size))
        return PH_OK;
    if (!may_wait(conn) || conn->state == PH_STATE_NEW)
        return full(conn);
    int64_t deadline_ms = ph_deadline_ms(conn->options.write_timeout_ms);
    do {
        bool live = conn->phase == PH_PHASE_LIVE;
        int error = ph_wait(conn, live ? deadline_ms : 0);
        if (error && error != PH_E_TIMEOUT)
            return error;
        if (!has_room(conn, size) && (!live || ph_now_ms() >= deadline_ms))
            return full(conn);
    } while (!has_room(conn, size));
    return PH_OK;
}

int ph_out_reserve(struct ph_conn *conn, size_t size, char **ret_at)
{
    if (conn->state == PH_STATE_CLOSED)
        return PH_E_CLOSED;
    if (!has_room(conn, size)) {
        int error = make_room(conn, size);
        if (error)
            return error;
    }
    char *at = ph_output_reserve(&conn->out, size);
    if (!at)
        return ph_fail(conn, PH_E_MEMORY, "no memory for %zu bytes of output", size);
    *ret_at = at;
    return PH_OK;
}

/*
 * A caller that publishes and never waits still has its connection looked after: written to, and made anew when it
 * broke.
 */
void ph_out_commit(struct ph_conn *conn, size_t size)
{
    conn->out.bytes.size += size;
    if (ph_output_waiting(&conn->out) < conn->write_at)
        return;
    if (conn->phase == PH_PHASE_LIVE && !conn->broken)
        ph_out_write(conn);
    else if (may_wait(conn) && conn->state != PH_STATE_NEW)
        ph_wait(conn, 0);
    conn->write_at = ph_output_waiting(&conn->out) + WRITE_SIZE;
}

/* ---- control lines ---- */

static char *put(char *at, const char *data, size_t size)
{
    memcpy(at, data, size);
    return at + size;
}

static char *put_text(char *at, const char *text)
{
    return put(at, text, strlen(text));
}

bool ph_out_control(struct ph_conn *conn, const char *line)
{
    struct ph_output *output = conn->phase == PH_PHASE_HELLO ? &conn->hello : &conn->out;
    return ph_output_waiting(output) < conn->options.output_size_max + CONTROL_SIZE_MAX &&
           ph_buffer_add_text(&output->bytes, line);
}

static size_t subscribe_size(const struct ph_sub *sub)
{
    return sizeof "SUB   \r\n" + strlen(sub->pattern) + strlen(sub->group) + PH_NUMBER_SIZE;
}

static char *put_subscribe(char *at, const struct ph_sub *sub)
{
    at = put_text(put_text(at, "SUB "), sub->pattern);
    if (*sub->group)
        at = put_text(put_text(at, " "), sub->group);
    return put_text(ph_number_write(put_text(at, " "), sub->sid), "\r\n");
}

#define UNSUBSCRIBE_SIZE (sizeof "UNSUB  \r\n" + 2 * PH_NUMBER_SIZE)

static char *put_unsubscribe(char *at, const struct ph_sub *sub, uint64_t max)
{
    at = ph_number_write(put_text(at, "UNSUB "), sub->sid);
    if (max > 0)
        at = ph_number_write(put_text(at, " "), max);
    return put_text(at, "\r\n");
}

/* While the connection is not live these are no bytes: the replay will tell how things stand then. */
int ph_out_subscribe(struct ph_conn *conn, const struct ph_sub *sub)
{
    char *at;
    if (conn->phase != PH_PHASE_LIVE)
        return PH_OK;
    int error = ph_out_reserve(conn, subscribe_size(sub), &at);
    if (!error && conn->phase == PH_PHASE_LIVE)
        ph_out_commit(conn, (size_t)(put_subscribe(at, sub) - at));
    return error;
}

int ph_out_unsubscribe(struct ph_conn *conn, const struct ph_sub *sub, uint64_t max)
{
    char *at;
    if (conn->phase != PH_PHASE_LIVE)
        return PH_OK;
    int error = ph_out_reserve(conn, UNSUBSCRIBE_SIZE, &at);
    if (!error && conn->phase == PH_PHASE_LIVE)
        ph_out_commit(conn, (size_t)(put_unsubscribe(at, sub, max) - at));
    return error;
}

static bool replay_sub(struct ph_buffer *bytes, const struct ph_sub *sub)
{
    if (!ph_buffer_reserve(bytes, subscribe_size(sub) + UNSUBSCRIBE_SIZE))
        return false;
    char *start = bytes->data + bytes->size, *end = put_subscribe(start, sub);
    if (sub->max > 0)
        end = put_unsubscribe(end, sub, sub->max - sub->received);
    bytes->size += (size_t)(end - start);
    return true;
}

bool ph_out_replay(struct ph_conn *conn)
{
    struct ph_buffer bytes = { 0 };
    bool good = true;
    for (const struct ph_sub *sub = conn->subs.oldest; good && sub; sub = sub->newer)
        if (!sub->ended && !sub->draining)
            good = replay_sub(&bytes, sub);
    if (!good || !ph_buffer_add(&bytes, conn->out.bytes.data, conn->out.bytes.size)) {
        ph_buffer_finish(&bytes);
        return false;
    }
    ph_output_finish(&conn->out);
    conn->out.bytes = bytes;
    return true;
}

/* ---- messages ---- */

static size_t block_size(const struct ph_headers *headers)
{
    return headers && headers->block.size ? headers->block.size + HEADERS_END_SIZE : 0;
}

/* PUB topic [reply] [head_size] size CRLF, of which head_size is that of HPUB. */
static char *put_line(char *at, const struct ph_raw *message)
{
    at = message->headers_size ? put(at, "HPUB ", 5) : put(at, "PUB ", 4);
    at = put(at, message->topic, message->topic_size);
    *at++ = ' ';
    if (message->reply_size) {
        at = put(at, message->reply, message->reply_size);
        *at++ = ' ';
    }
    if (message->headers_size) {
        at = ph_number_write(at, message->headers_size);
        *at++ = ' ';
    }
    return put(ph_number_write(at, message->body_size), "\r\n", 2);
}

/* PUB topic [reply] size CRLF payload CRLF, or HPUB topic [reply] head_size size CRLF headers payload CRLF */
static char *put_message(char *at, const struct ph_publication *message, size_t topic_size, size_t reply_size)
{
    size_t head_size = block_size(message->headers);
    at = put_line(at, &(struct ph_raw){ .topic = message->topic, .reply = message->reply, .topic_size = topic_size,
                                        .reply_size = reply_size, .headers_size = head_size,
                                        .body_size = head_size + message->payload_size });
    if (head_size)
        at = headers_end(put(at, message->headers->block.data, message->headers->block.size));
    if (message->payload_size)
        at = put(at, message->payload, message->payload_size);
    return put(at, "\r\n", 2);
}

#define MESSAGE_FRAME_SIZE (sizeof "HPUB    \r\n\r\n" + 2 * PH_NUMBER_SIZE)

/* What the server takes. */
static int check_fit(struct ph_conn *conn, size_t head_size, size_t payload_size)
{
    size_t max = conn->server.shown.payload_size_max;
    if (payload_size > max || head_size > max - payload_size)
        return ph_fail(conn, PH_E_PAYLOAD_SIZE, "%zu bytes; the server takes %zu", head_size + payload_size, max);
    if (head_size && conn->phase == PH_PHASE_LIVE && !conn->server.shown.headers)
        return ph_fail(conn, PH_E_HEADER, "the server takes no headers");
    return PH_OK;
}

static int reserve(struct ph_conn *conn, size_t size, char **ret_at)
{
    if (conn->options.no_resend && (conn->phase != PH_PHASE_LIVE || conn->broken))
        return conn->state == PH_STATE_CLOSED ? PH_E_CLOSED : PH_E_DISCONNECTED;
    return ph_out_reserve(conn, MESSAGE_FRAME_SIZE + size, ret_at);
}

static void count(struct ph_conn *conn, size_t size)
{
    conn->statistics.messages_out++;
    conn->statistics.message_bytes_out += size;
}

static int publish(struct ph_conn *conn, const struct ph_publication *message)
{
    size_t head_size = block_size(message->headers), reply_size = 0;
    if (!message->payload && message->payload_size)
        return ph_fail(conn, PH_E_ARGUMENT, "no payload, but a size");
    size_t topic_size = message->topic ? ph_topic_size(message->topic) : 0;
    if (topic_size == 0)
        return ph_fail(conn, PH_E_TOPIC, "not a topic: '%.100s'", message->topic ? message->topic : "");
    if (message->reply && *message->reply && (reply_size = ph_topic_size(message->reply)) == 0)
        return ph_fail(conn, PH_E_TOPIC, "not a topic to reply to: '%.100s'", message->reply);
    char *at;
    int error = check_fit(conn, head_size, message->payload_size);
    if (!error)
        error = reserve(conn, topic_size + reply_size + head_size + message->payload_size, &at);
    if (error)
        return error;
    count(conn, head_size + message->payload_size);
    ph_out_commit(conn, (size_t)(put_message(at, message, topic_size, reply_size) - at));
    return PH_OK;
}

int ph_publish(struct ph_conn *conn, const char *topic, const void *payload, size_t payload_size)
{
    return publish(conn, &(struct ph_publication){ topic, NULL, NULL, payload, payload_size });
}

int ph_publish_with(struct ph_conn *conn, const char *topic, const char *reply, const struct ph_headers *headers,
                    const void *payload, size_t payload_size)
{
    return publish(conn, &(struct ph_publication){ topic, reply, headers, payload, payload_size });
}

#define BLOCK_BEGIN "NATS/1.0\r\n"

/* More lines in a block are as many bytes more; where there is no block yet, they need one. */
static size_t lines_cost(const struct ph_raw *message)
{
    size_t block = message->headers_size ? 0 : sizeof BLOCK_BEGIN - 1 + HEADERS_END_SIZE;
    return message->lines_size ? message->lines_size + block : 0;
}

/* The lines go before the empty one that ends the block. */
static char *put_with_lines(char *at, const struct ph_raw *message)
{
    if (message->headers_size)
        at = put(at, message->body, message->headers_size - HEADERS_END_SIZE);
    else
        at = put(at, BLOCK_BEGIN, sizeof BLOCK_BEGIN - 1);
    at = headers_end(put(at, message->lines, message->lines_size));
    if (message->body_size > message->headers_size)
        at = put(at, message->body + message->headers_size, message->body_size - message->headers_size);
    return at;
}

static bool has_possible_sizes(const struct ph_raw *message)
{
    return message->headers_size <= message->body_size && message->topic_size <= PH_TOPIC_SIZE_MAX &&
           message->reply_size <= PH_TOPIC_SIZE_MAX &&
           (!message->headers_size || !message->lines_size || message->headers_size > HEADERS_END_SIZE);
}

int ph_publish_raw(struct ph_conn *conn, const struct ph_raw *message)
{
    if (!has_possible_sizes(message))
        return ph_fail(conn, PH_E_ARGUMENT, "sizes that cannot be");
    struct ph_raw whole = *message;
    char *at;
    whole.headers_size += lines_cost(message);
    whole.body_size += lines_cost(message);
    int error = check_fit(conn, whole.headers_size, whole.body_size - whole.headers_size);
    if (!error)
        error = reserve(conn, whole.topic_size + whole.reply_size + whole.body_size, &at);
    if (error)
        return error;
    count(conn, whole.body_size);
    char *end = put_line(at, &whole);
    if (message->lines_size)
        end = put_with_lines(end, message);
    else if (message->body_size)
        end = put(end, message->body, message->body_size);
    ph_out_commit(conn, (size_t)(put(end, "\r\n", 2) - at));
    return PH_OK;
}

int ph_reply(struct ph_conn *conn, const struct ph_message *message, const struct ph_headers *headers,
             const void *payload, size_t payload_size)
{
    if (message->reply_size == 0)
        return ph_fail(conn, PH_E_NO_REPLY, "'%.100s' was published without a reply topic", message->topic);
    return publish(conn, &(struct ph_publication){ message->reply, NULL, headers, payload, payload_size });
}

/* ---- flushing ---- */

int ph_flush_start(struct ph_conn *conn, ph_flush_fn *done, void *arg)
{
    if (conn->state == PH_STATE_CLOSED)
        return PH_E_CLOSED;
    struct ph_buffer *bytes = &conn->out.bytes;
    if (!ph_buffer_reserve(bytes, sizeof "PING\r\n" - 1) ||
        !ph_pongs_add(&conn->pongs, (struct ph_pong){ done, arg, ph_now_us() }))
        return ph_fail(conn, PH_E_MEMORY, "no memory for a flush");
    return ph_buffer_add_text(bytes, "PING\r\n") ? PH_OK : PH_E_MEMORY;
}
