#include "http/exchange.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/client.h"
#include "wire/format.h"

enum {
    HEAD_SIZE_MAX = 256,        /* of a head, but for what stands in type, CORS lines and further headers */
    DETAIL_SIZE = 512,
    COPY_SIZE_MAX = 16 << 10,   /* a larger body is not copied behind its head, but sent from where it is */
    PARTS_MAX = 16,             /* of one that is sent so */
};

#define NO_LENGTH EXCHANGE_ENDLESS

/* clang-format off */
static const struct status {
    unsigned status;
    const char *line;
} statuses[] = {
#define STATUS(status, reason) { status, "HTTP/1.1 " #status " " reason "\r\n" }
    STATUS(200, "OK"), STATUS(201, "Created"), STATUS(202, "Accepted"), STATUS(204, "No Content"),
    STATUS(304, "Not Modified"),
    STATUS(400, "Bad Request"), STATUS(401, "Unauthorized"), STATUS(403, "Forbidden"), STATUS(404, "Not Found"),
    STATUS(405, "Method Not Allowed"), STATUS(406, "Not Acceptable"), STATUS(408, "Request Timeout"),
    STATUS(409, "Conflict"), STATUS(410, "Gone"), STATUS(413, "Content Too Large"), STATUS(414, "URI Too Long"),
    STATUS(415, "Unsupported Media Type"), STATUS(417, "Expectation Failed"), STATUS(421, "Misdirected Request"),
    STATUS(422, "Unprocessable Content"), STATUS(429, "Too Many Requests"),
    STATUS(431, "Request Header Fields Too Large"), STATUS(501, "Not Implemented"),
    STATUS(503, "Service Unavailable"), STATUS(504, "Gateway Timeout"), STATUS(505, "HTTP Version Not Supported"),
    STATUS(507, "Insufficient Storage"),
    STATUS(500, "Internal Server Error"),
#undef STATUS
};
/* clang-format on */

/* Heads. */

static char *put(char *out, const char *text)
{
    return format_slice(out, slice_of(text));
}

/* One that somebody else has answered need not be in the table: what it means, its number says. */
static char *put_status(char *out, unsigned status)
{
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (statuses[i].status == status)
            return put(out, statuses[i].line);
    out = format_number(put(out, "HTTP/1.1 "), status);
    return put(out, " \r\n");
}

static const char *date_line(struct http *http)
{
    struct http_state *state = http->state;
    uint64_t now_s = broker_wall_ms(http->broker) / 1000;
    if (now_s != state->date_s) {
        time_t time = (time_t)now_s;
        struct tm parts;
        strftime(state->date_line, sizeof state->date_line, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n",
                 gmtime_r(&time, &parts));
        state->date_s = now_s;
    }
    return state->date_line;
}

/* What answers to pages of the origin carry. */
static const char *origin_lines(const struct exchange *exchange)
{
    return exchange->http->state->origins.rows[exchange->origin].lines;
}

static size_t head_size_max(struct exchange *exchange, const char *type, const char *headers)
{
    return HEAD_SIZE_MAX + slice_of(type).size + slice_of(headers).size +
           slice_of(origin_lines(exchange)).size;
}

/* What the peer is told of the connection's future; of version 1.1 its going on goes without saying. */
static const char *connection_line(const struct exchange *exchange)
{
    if (!exchange->keep_alive)
        return "Connection: close\r\n";
    return exchange->version_1_0 ? "Connection: keep-alive\r\n" : "";
}

static char *put_head(struct exchange *exchange, char *out, unsigned status, const char *type, size_t body_size,
                      const char *headers)
{
    out = put_status(out, status);
    out = format_bytes(out, date_line(exchange->http), DATE_LINE_SIZE - 1);
    out = put(out, connection_line(exchange));
    if (type) {
        out = put(out, "Content-Type: ");
        out = put(out, type);
        out = put(out, "\r\nX-Content-Type-Options: nosniff\r\n");
    }
    if (body_size != NO_LENGTH) {
        out = put(out, "Content-Length: ");
        out = format_number(out, body_size);
        out = put(out, "\r\n");
    }
    out = put(out, origin_lines(exchange));
    if (headers)
        out = put(out, headers);
    return put(out, "\r\n");
}

/* Answers. */

/* The exchange is over: the next request may come, or the connection ends. */
static void finish(struct exchange *exchange)
{
    struct http_client *client = client_of_exchange(exchange);
    bool held = exchange->state == EXCHANGE_HELD || exchange->state == EXCHANGE_STREAM;
    exchange->state = EXCHANGE_DONE;
    session_rest(exchange->session);
    client->continued = false;
    client_enter(client, PHASE_IDLE, loop_now_ms(client->conn.loop) + exchange->http->state->idle_timeout_ms);
    if (!exchange->keep_alive)
        conn_finish(&client->conn, CONN_ANSWERED);
    else if (held)
        client_release(client);
}

static size_t parts_size(const struct iovec *parts, unsigned part_count)
{
    size_t size = 0;
    for (unsigned i = 0; i < part_count; i++)
        size += parts[i].iov_len;
    return size;
}

/* Head and body in one piece of the output. */
static void write_copy(struct conn *conn, const char *head, size_t head_size, const struct iovec *parts,
                       unsigned part_count, size_t body_size)
{
    char *start = conn_reserve(conn, head_size + body_size), *at = start;
    if (!at)
        return;
    at = format_bytes(at, head, head_size);
    for (unsigned i = 0; i < part_count; i++)
        if (parts[i].iov_len)
            at = format_bytes(at, parts[i].iov_base, parts[i].iov_len);
    conn_commit(conn, (size_t)(at - start));
}

static void write_parts(struct conn *conn, const char *head, size_t head_size, const struct iovec *parts,
                        unsigned part_count, size_t body_size)
{
    struct iovec all[PARTS_MAX + 1] = { { (char *)head, head_size } };
    if (body_size < COPY_SIZE_MAX || part_count > PARTS_MAX) {
        write_copy(conn, head, head_size, parts, part_count, body_size);
        return;
    }
    memcpy(all + 1, parts, part_count * sizeof *parts);
    conn_write_parts(conn, all, part_count + 1, head_size + body_size);
}

/* status, type, headers, and a body of body_size bytes in parts (which may be fewer for HEAD). */
static void write_answer(struct exchange *exchange, unsigned status, const char *type, const struct iovec *parts,
                         unsigned part_count, size_t body_size, const char *headers)
{
    struct conn *conn = exchange_conn(exchange);
    audit_end(exchange, status);
    size_t size_max = head_size_max(exchange, type, headers), room;
    char small[1024], *head = size_max <= sizeof small ? small : pool_take(&conn->loop->pool, size_max, &room);
    if (!head) {
        conn_drop(conn, CONN_OUT_OF_MEMORY);
        return;
    }
    char *end = put_head(exchange, head, status, type, body_size, headers);
    if (part_count)
        write_parts(conn, head, (size_t)(end - head), parts, part_count, parts_size(parts, part_count));
    else
        conn_write(conn, head, (size_t)(end - head));
    if (head != small)
        pool_give(&conn->loop->pool, head, room);
}

void answer_parts(struct exchange *exchange, unsigned status, const char *type, const struct iovec *parts,
                  unsigned part_count, const char *headers)
{
    assert(exchange->state == EXCHANGE_RUNNING || exchange->state == EXCHANGE_HELD);
    exchange->keep_alive &= !exchange->http->state->lame_duck;
    write_answer(exchange, status, type, parts, exchange->is_head ? 0 : part_count, parts_size(parts, part_count),
                 headers);
    finish(exchange);
}

void answer(struct exchange *exchange, unsigned status, const char *type, struct slice body, const char *headers)
{
    const struct iovec part = { (char *)body.data, body.size };
    answer_parts(exchange, status, type, &part, 1, headers);
}

void answer_empty(struct exchange *exchange, unsigned status, const char *headers)
{
    assert(exchange->state == EXCHANGE_RUNNING || exchange->state == EXCHANGE_HELD);
    exchange->keep_alive &= !exchange->http->state->lame_duck;
    write_answer(exchange, status, NULL, NULL, 0, status == 202 ? 0 : NO_LENGTH, headers);
    finish(exchange);
}

void answer_json(struct exchange *exchange, unsigned status, cJSON *json, const char *headers)
{
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    if (text)
        answer(exchange, status, "application/json", slice_of(text), headers);
    else
        answer_problem(exchange, PROBLEM_INTERNAL, NULL, "The server is short of memory.");
    cJSON_free(text);
}

void answer_problem(struct exchange *exchange, enum problem_kind kind, const char *headers, const char *detail, ...)
{
    char text[DETAIL_SIZE], body[256 + 2 + 6 * DETAIL_SIZE];
    va_list args;
    va_start(args, detail);
    int size = vsnprintf(text, sizeof text, detail, args);
    va_end(args);
    struct slice shown = slice_make(text, size < 0 ? 0 : size < DETAIL_SIZE ? (size_t)size : DETAIL_SIZE - 1);
    char *end = problem_write(body, kind, shown);
    exchange_conn(exchange)->loop->counters.http_problems++;
    answer(exchange, problem_infos[kind].status, "application/problem+json", slice_make(body, (size_t)(end - body)),
           headers);
}

/* Holding. */

static void hold(struct exchange *exchange, enum exchange_state state, const struct hold_ops *ops, void *arg)
{
    exchange->request = NULL;
    exchange->body = exchange->parameter = exchange->second = slice_make(NULL, 0);
    exchange->ops = ops;
    exchange->arg = arg;
    exchange->state = (uint8_t)state;
    client_enter(client_of_exchange(exchange), PHASE_HELD, UINT64_MAX);
}

void exchange_hold(struct exchange *exchange, const struct hold_ops *ops, void *arg)
{
    assert(exchange->state == EXCHANGE_RUNNING);
    hold(exchange, EXCHANGE_HELD, ops, arg);
}

bool exchange_stream(struct exchange *exchange, const char *type, const char *headers, const struct hold_ops *ops,
                     void *arg)
{
    assert(exchange->state == EXCHANGE_RUNNING);
    exchange->keep_alive &= exchange->is_head && !exchange->http->state->lame_duck;
    write_answer(exchange, 200, type, NULL, 0, NO_LENGTH, headers);
    if (exchange->is_head || !conn_is_open(exchange_conn(exchange))) {
        finish(exchange);
        return false;
    }
    hold(exchange, EXCHANGE_STREAM, ops, arg);
    return true;
}

static bool has_no_body(const struct exchange *exchange, unsigned status)
{
    return exchange->is_head || status == 204 || status == 304;
}

bool exchange_relay(struct exchange *exchange, unsigned status, const char *type, size_t body_size,
                    const char *headers, const struct hold_ops *ops, void *arg)
{
    assert(exchange->state == EXCHANGE_HELD);
    bool is_empty = has_no_body(exchange, status);
    exchange->keep_alive &= (is_empty || body_size != EXCHANGE_ENDLESS) && !exchange->http->state->lame_duck;
    write_answer(exchange, status, type, NULL, 0, status == 204 ? NO_LENGTH : body_size, headers);
    if (is_empty || body_size == 0 || !conn_is_open(exchange_conn(exchange))) {
        finish(exchange);
        return false;
    }
    hold(exchange, EXCHANGE_STREAM, ops, arg);
    return true;
}

size_t exchange_send(struct exchange *exchange, const char *data, size_t size)
{
    return conn_send(exchange_conn(exchange), data, size);
}

void exchange_keep(struct exchange *exchange, const char *data, size_t size)
{
    conn_write(exchange_conn(exchange), data, size);
}

void exchange_end(struct exchange *exchange)
{
    finish(exchange);
}

void exchange_set_deadline(struct exchange *exchange, uint64_t deadline_ms)
{
    client_enter(client_of_exchange(exchange), PHASE_HELD, deadline_ms);
}

struct conn *exchange_conn(struct exchange *exchange)
{
    return &client_of_exchange(exchange)->conn;
}

/* The request. */

bool exchange_query(const struct exchange *exchange, const char *name, char *out, size_t size, bool *ret_bad)
{
    struct slice value;
    if (!http_query(exchange->request->query, name, &value))
        return false;
    long length = http_decode(value, true, out, size - 1);
    if (length < 0) {
        *ret_bad = true;
        return false;
    }
    out[length] = '\0';
    return true;
}
