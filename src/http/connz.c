/*
 * GET /connz: the connections, one by one, in the order that is asked for.
 *
 * A server may have very many, and the answer shows at most LIMIT_MAX: so each worker picks out those of its own that
 * come first, and only these are described.
 */
#include <stdlib.h>

#include "http/document.h"
#include "http/limits.h"
#include "http/monitor.h"
#include "net/address.h"

enum {
    LIMIT_MAX = 1024,
    OFFSET_MAX = 1 << 20,
    LISTED_SIZE_MAX = 1 << 20, /* of all lists of subscriptions in an answer */
};

/* A connection that may be shown. The smaller the key, the earlier; equal ones by their number. */
struct connz_row {
    uint64_t key, id;
    const struct session *session; /* while its worker is asked */
    struct slice json;             /* from then on; its own */
};

/* The question, and the answer as it grows. */
struct connz {
    struct inquiry inquiry; /* first */
    uint64_t (*key)(const struct session *session, const struct session_facts *facts);
    uint64_t offset, limit;
    uint64_t id;            /* only this one; 0: all */
    bool subscriptions, users;
    uint64_t total;
    size_t listed_size;
    struct connz_row *rows; /* the first offset + limit of all that were seen */
    size_t row_count, row_room;
    bool failed;            /* memory ran out */
};

/* Orders. */

static uint64_t by_id(const struct session *session, const struct session_facts *facts)
{
    (void)session;
    return facts->id;
}

static uint64_t by_start(const struct session *session, const struct session_facts *facts)
{
    (void)session;
    return facts->start_time_ms;
}

/* Of these the largest come first. */

static uint64_t by_subscriptions(const struct session *session, const struct session_facts *facts)
{
    (void)facts;
    return ~(uint64_t)session->subscription_count;
}

static uint64_t by_pending(const struct session *session, const struct session_facts *facts)
{
    (void)session;
    return ~facts->pending_size;
}

static uint64_t by_messages_out(const struct session *session, const struct session_facts *facts)
{
    (void)facts;
    return ~session->messages_out;
}

static uint64_t by_messages_in(const struct session *session, const struct session_facts *facts)
{
    (void)facts;
    return ~session->messages_in;
}

static uint64_t by_bytes_out(const struct session *session, const struct session_facts *facts)
{
    (void)session;
    return ~facts->bytes_out;
}

static uint64_t by_bytes_in(const struct session *session, const struct session_facts *facts)
{
    (void)session;
    return ~facts->bytes_in;
}

static uint64_t by_idle(const struct session *session, const struct session_facts *facts)
{
    (void)session;
    return ~facts->idle_ms;
}

static uint64_t by_last(const struct session *session, const struct session_facts *facts)
{
    (void)session;
    return facts->idle_ms;
}

/* NATS's names. */
static const struct {
    const char *name;
    uint64_t (*key)(const struct session *session, const struct session_facts *facts);
} orders[] = {
    { "cid", by_id },
    { "start", by_start },
    { "uptime", by_start },
    { "subs", by_subscriptions },
    { "pending", by_pending },
    { "msgs_to", by_messages_out },
    { "msgs_from", by_messages_in },
    { "bytes_to", by_bytes_out },
    { "bytes_from", by_bytes_in },
    { "idle", by_idle },
    { "last", by_last },
};

/* Picking: the rows are a heap with the last of them at its root, until all have been seen. */

static bool comes_before(const struct connz_row *a, const struct connz_row *b)
{
    return a->key != b->key ? a->key < b->key : a->id < b->id;
}

static void row_swap(struct connz_row *a, struct connz_row *b)
{
    struct connz_row other = *a;
    *a = *b;
    *b = other;
}

static void sift_up(struct connz *connz, size_t at)
{
    for (; at && comes_before(&connz->rows[(at - 1) / 2], &connz->rows[at]); at = (at - 1) / 2)
        row_swap(&connz->rows[(at - 1) / 2], &connz->rows[at]);
}

static void sift_down(struct connz *connz, size_t at)
{
    for (size_t child; (child = 2 * at + 1) < connz->row_count; at = child) {
        if (child + 1 < connz->row_count && comes_before(&connz->rows[child], &connz->rows[child + 1]))
            child++;
        if (!comes_before(&connz->rows[at], &connz->rows[child]))
            return;
        row_swap(&connz->rows[at], &connz->rows[child]);
    }
}

static bool rows_grow(struct connz *connz)
{
    size_t room = connz->row_room ? 2 * connz->row_room : 64;
    struct connz_row *rows = reallocarray(connz->rows, room, sizeof *rows);
    if (!rows)
        return false;
    connz->rows = rows;
    connz->row_room = room;
    return true;
}

/* Keeps it where it is among the first. */
static void pick(struct connz *connz, const struct connz_row *row)
{
    if (connz->row_count == connz->offset + connz->limit) {
        if (!connz->row_count || !comes_before(row, &connz->rows[0]))
            return;
        free((char *)connz->rows[0].json.data);
        connz->rows[0] = *row;
        sift_down(connz, 0);
        return;
    }
    if (connz->row_count == connz->row_room && !rows_grow(connz)) {
        connz->failed = true;
        return;
    }
    connz->rows[connz->row_count] = *row;
    sift_up(connz, connz->row_count++);
}

/* Describing. */

struct listing {
    struct connz *connz;
    struct document *document;
};

static void list_one(void *arg, struct slice pattern, struct slice group)
{
    const struct listing *listing = arg;
    (void)group;
    listing->connz->listed_size += pattern.size;
    if (listing->connz->listed_size <= LISTED_SIZE_MAX)
        document_text(listing->document, NULL, pattern);
}

static void put_subscriptions(struct document *document, struct connz *connz, const struct session *session)
{
    struct listing listing = { connz, document };
    document_open(document, "subscriptions_list", '[');
    session->ops->list(session, list_one, &listing);
    document_close(document, ']');
}

static void put_peer(struct document *document, const struct address *peer)
{
    char text[ADDRESS_TEXT_SIZE];
    document_text(document, "ip", slice_of(address_host(peer, text)));
    document_number(document, "port", peer->port);
}

static void put_times(struct document *document, const struct session_facts *facts, uint64_t now_ms)
{
    document_moment(document, "start", facts->start_time_ms);
    document_moment(document, "last_activity", now_ms > facts->idle_ms ? now_ms - facts->idle_ms : 0);
    document_span(document, "uptime", now_ms > facts->start_time_ms ? now_ms - facts->start_time_ms : 0);
    document_span(document, "idle", facts->idle_ms);
}

static void put_word(struct document *document, const char *name, const char *word)
{
    if (word && *word)
        document_text(document, name, slice_of(word));
}

static void put_session(struct document *document, struct connz *connz, const struct session *session)
{
    struct session_facts facts = { 0 };
    session->ops->describe(session, &facts);
    document_open(document, NULL, '{');
    document_number(document, "cid", facts.id);
    document_text(document, "kind", slice_of("Client"));
    document_text(document, "type", slice_of(facts.protocol));
    put_peer(document, facts.peer);
    put_times(document, &facts, broker_wall_ms(session->broker));
    document_number(document, "pending_bytes", facts.pending_size);
    document_number(document, "in_msgs", session->messages_in);
    document_number(document, "out_msgs", session->messages_out);
    document_number(document, "in_bytes", facts.bytes_in);
    document_number(document, "out_bytes", facts.bytes_out);
    document_number(document, "subscriptions", session->subscription_count);
    put_word(document, "name", facts.name);
    put_word(document, "tls_version", facts.tls_version);
    put_word(document, "tls_cipher_suite", facts.tls_cipher);
    put_word(document, "lang", facts.lang);
    put_word(document, "version", facts.version);
    if (connz->users && session->user)
        put_word(document, "authorized_user", session->user->name);
    if (connz->users) {
        limits_put_user(document, session);
        limits_put_address(document, session);
    }
    if (connz->subscriptions && session->ops->list && session->subscription_count)
        put_subscriptions(document, connz, session);
    document_close(document, '}');
}

/* What was picked from this worker is described here and now: no other thread may look at a session. */
static void describe_picked(struct connz *connz)
{
    for (size_t i = 0; i < connz->row_count; i++) {
        struct connz_row *row = &connz->rows[i];
        struct document document = { 0 };
        if (!row->session)
            continue;
        put_session(&document, connz, row->session);
        connz->failed |= document.failed;
        row->session = NULL;
        row->json = slice_make(document.buffer.data, document.buffer.size);
    }
}

static void connz_visit(struct survey *survey, struct broker *broker)
{
    struct connz *connz = (struct connz *)survey;
    for (const struct session *session = broker->sessions; session; session = session->next) {
        struct session_facts facts = { 0 };
        session->ops->describe(session, &facts);
        if (!facts.protocol || (connz->id && facts.id != connz->id))
            continue;
        connz->total++;
        pick(connz, &(struct connz_row){ connz->key(session, &facts), facts.id, session, { NULL, 0 } });
    }
    describe_picked(connz);
}

/* Answering. */

static int compare_rows(const void *a, const void *b)
{
    return comes_before(a, b) ? -1 : comes_before(b, a) ? 1 : 0;
}

static void put_rows(struct document *document, struct connz *connz)
{
    if (connz->row_count)
        qsort(connz->rows, connz->row_count, sizeof *connz->rows, compare_rows);
    document_open(document, "connections", '[');
    for (size_t i = connz->offset; i < connz->row_count; i++)
        document_value(document, NULL, connz->rows[i].json);
    document_close(document, ']');
}

static void connz_report(struct inquiry *inquiry)
{
    struct connz *connz = (struct connz *)inquiry;
    const struct http *http = inquiry->exchange->http;
    struct document document = { .failed = connz->failed };
    size_t shown = connz->row_count > connz->offset ? connz->row_count - connz->offset : 0;
    document_open(&document, NULL, '{');
    document_text(&document, "server_id", slice_of(http->identity->server_id));
    document_moment(&document, "now", broker_wall_ms(http->broker));
    document_number(&document, "num_connections", shown);
    document_number(&document, "total", connz->total);
    document_number(&document, "offset", connz->offset);
    document_number(&document, "limit", connz->limit);
    put_rows(&document, connz);
    document_close(&document, '}');
    document_answer(&document, inquiry->exchange);
}

static void connz_destroy(struct inquiry *inquiry)
{
    struct connz *connz = (struct connz *)inquiry;
    for (size_t i = 0; i < connz->row_count; i++)
        free((char *)connz->rows[i].json.data);
    free(connz->rows);
    free(connz);
}

/* Asking. Each is false where the exchange has been answered with what is wrong. */

static bool read_order(struct exchange *exchange, struct connz *connz)
{
    char text[24];
    bool bad = false;
    connz->key = by_id;
    if (!exchange_query(exchange, "sort", text, sizeof text, &bad) && !bad)
        return true;
    for (size_t i = 0; !bad && i < sizeof orders / sizeof orders[0]; i++)
        if (strcmp(orders[i].name, text) == 0) {
            connz->key = orders[i].key;
            return true;
        }
    answer_problem(exchange, PROBLEM_BAD_PARAMETER, NULL,
                   "sort is one of cid, start, uptime, subs, pending, msgs_to, msgs_from, bytes_to, bytes_from, idle "
                   "and last.");
    return false;
}

static bool read_state(struct exchange *exchange)
{
    char text[24];
    bool bad = false;
    if (!exchange_query(exchange, "state", text, sizeof text, &bad) && !bad)
        return true;
    if (!bad && strcmp(text, "open") == 0)
        return true;
    answer_problem(exchange, PROBLEM_BAD_PARAMETER, NULL,
                   "state can be open and nothing else: connections that have ended are not remembered.");
    return false;
}

/* As Go reads them: 1, true, and for subscriptions "detail" too, which is not offered and gives the list. */
static bool read_flag(struct exchange *exchange, const char *name)
{
    char text[24];
    bool bad = false;
    return exchange_query(exchange, name, text, sizeof text, &bad) && strcmp(text, "0") != 0 &&
           strcmp(text, "false") != 0;
}

static bool read_question(struct exchange *exchange, struct connz *connz)
{
    connz->limit = LIMIT_MAX;
    connz->subscriptions = read_flag(exchange, "subs");
    connz->users = read_flag(exchange, "auth");
    bool good = read_order(exchange, connz) && read_state(exchange) &&
                monitor_parameter(exchange, "limit", UINT32_MAX, &connz->limit) &&
                monitor_parameter(exchange, "offset", OFFSET_MAX, &connz->offset) &&
                monitor_parameter(exchange, "cid", UINT64_MAX, &connz->id);
    if (connz->limit == 0 || connz->limit > LIMIT_MAX)
        connz->limit = LIMIT_MAX;
    return good;
}

void monitor_connz(struct exchange *exchange)
{
    struct connz question = { .inquiry = { { .visit = connz_visit }, NULL, connz_report, connz_destroy } };
    if (!read_question(exchange, &question))
        return;
    struct connz *connz = malloc(sizeof *connz);
    if (connz)
        *connz = question;
    inquiry_send((struct inquiry *)connz, exchange);
}
