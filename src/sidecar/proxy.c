#include "sidecar/proxy.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "config/config.h"
#include "http/buffer.h"
#include "http/exchange.h"
#include "metrics/prometheus.h"
#include "net/conn.h"
#include "net/transfer.h"
#include "sidecar/lines.h"
#include "util/decimal.h"
#include "util/log.h"
#include "wire/format.h"

enum {
    OUTPUT_SIZE_MAX = 64 << 10, /* where so much waits for a client, the broker does too */
    TYPE_SIZE_MAX = 256,
    HEAD_SIZE_MAX = 64 << 10,   /* of an answer */
};

struct proxy {
    struct loop *loop;
    struct transfers *transfers;
    const struct config_uplink *config;
    struct list again;          /* passages whose clients take more */
    unsigned count;
    struct {
        uint64_t requests, failures;
    } counts;
};

/* One request on its way, and its answer. */
struct passage {
    struct transfer transfer;
    struct proxy *proxy;
    struct exchange *exchange;  /* held; NULL: it is answered, or its client has gone */
    struct list again;
    CURL *easy;
    struct curl_slist *lines;
    char *url;
    struct buffer head;         /* lines of the answer */
    char type[TYPE_SIZE_MAX];
    size_t length;              /* of the answer's body; EXCHANGE_ENDLESS: not known */
    bool is_chunked;
    bool has_begun;             /* the head is out */
    bool is_paused;
};

/* What is one connection's own, and what this server says itself: it stays behind, both ways. */
static const char *const local_names[] = {
    "Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
    "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
};

/* Of the client and its page, and not of the sidecar, who asks. */
static const char *const client_names[] = { "Authorization", "Cookie", "Origin", "Referer" };

static bool is_among(struct slice name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (http_name_is(name, names[i]))
            return true;
    return false;
}

#define IS_AMONG(name, names) is_among(name, names, sizeof names / sizeof *names)

/* The end. */

static void passage_free(struct passage *passage)
{
    transfer_cancel(&passage->transfer);
    list_remove(&passage->again);
    curl_easy_cleanup(passage->easy);
    curl_slist_free_all(passage->lines);
    buffer_finish(&passage->head);
    free(passage->url);
    passage->proxy->count--;
    free(passage);
}

static void on_abandoned(void *arg)
{
    passage_free(arg);
}

static void refuse(struct passage *passage, const char *why)
{
    struct exchange *exchange = passage->exchange;
    passage->exchange = NULL;
    passage->proxy->counts.failures++;
    answer_problem(exchange, PROBLEM_BROKER_AWAY, "Retry-After: 1\r\n", "%s", why);
}

/* The answer: its head. */

static void on_writable(void *arg)
{
    struct passage *passage = arg;
    list_remove(&passage->again);
    list_append(&passage->proxy->again, &passage->again);
    loop_again(passage->proxy->loop);
}

/* A reader who takes nothing is the broker's to deal with, who knows what he would miss. */
static bool on_stuck(void *arg)
{
    const struct passage *passage = arg;
    return passage->length == EXCHANGE_ENDLESS;
}

static const struct hold_ops hold_ops = { .abandoned = on_abandoned };
static const struct hold_ops stream_ops = { .abandoned = on_abandoned, .writable = on_writable, .stuck = on_stuck };

/* A line begins an answer, or is a header of it, or is empty: the head is all there. */
static void begin_head(struct passage *passage)
{
    passage->head.size = 0;
    passage->type[0] = '\0';
    passage->length = EXCHANGE_ENDLESS;
    passage->is_chunked = false;
}

/* curl has refused what is no number. */
static void take_length(struct passage *passage, struct slice value)
{
    decimal_cut(value, &passage->length);
}

static void take_type(struct passage *passage, struct slice value)
{
    size_t size = value.size < TYPE_SIZE_MAX ? value.size : TYPE_SIZE_MAX - 1;
    *format_bytes(passage->type, value.data, size) = '\0';
}

/* False where memory runs out, or the head is too large. */
static bool take_header(struct passage *passage, struct slice name, struct slice value)
{
    if (http_name_is(name, "Content-Type"))
        take_type(passage, value);
    if (http_name_is(name, "Content-Length"))
        take_length(passage, value);
    passage->is_chunked |= http_name_is(name, "Transfer-Encoding");
    if (IS_AMONG(name, local_names) || lines_is_ours(name))
        return true;
    size_t size = name.size + value.size + 5;
    char *out = passage->head.size + size < HEAD_SIZE_MAX ? buffer_reserve(&passage->head, size) : NULL;
    if (!out)
        return false;
    out = format_bytes(format_slice(out, name), ": ", 2);
    if (value.size)
        out = format_slice(out, value);
    *format_bytes(out, "\r\n", 2) = '\0';
    passage->head.size += size - 1;
    return true;
}

static void begin_answer(struct passage *passage, unsigned status)
{
    struct exchange *exchange = passage->exchange;
    passage->has_begun = true;
    if (passage->is_chunked)
        passage->length = EXCHANGE_ENDLESS;
    if (status == 401) {
        refuse(passage, "The broker does not take the credentials of the sidecar.");
        return;
    }
    if (!exchange_relay(exchange, status, *passage->type ? passage->type : NULL, passage->length,
                        passage->head.size ? passage->head.data : NULL, &stream_ops, passage))
        passage->exchange = NULL;
}

/* Further ones come before it (100) and behind it (trailers). */
static size_t on_header(char *data, size_t unit, size_t count, void *arg)
{
    struct passage *passage = arg;
    struct slice line = slice_make(data, unit * count);
    long status = 0;
    if (passage->has_begun || !passage->exchange)
        return line.size;
    if (slice_starts_with(line, slice_of("HTTP/"))) {
        begin_head(passage);
        return line.size;
    }
    const char *colon = memchr(line.data, ':', line.size);
    if (colon) {
        struct slice name = slice_make(line.data, (size_t)(colon - line.data));
        struct slice value = lines_trim(slice_make(colon + 1, line.size - name.size - 1));
        return take_header(passage, name, value) ? line.size : 0;
    }
    curl_easy_getinfo(passage->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200)
        begin_answer(passage, (unsigned)status);
    return line.size;
}

/* Its body. */

static size_t on_content(char *data, size_t unit, size_t count, void *arg)
{
    struct passage *passage = arg;
    size_t size = unit * count;
    if (!passage->exchange)
        return size;
    struct conn *conn = exchange_conn(passage->exchange);
    if (conn_pending(conn) > OUTPUT_SIZE_MAX) {
        conn->awaits_room = true;
        passage->is_paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    exchange_keep(passage->exchange, data, size);
    return size;
}

void proxy_turn(struct proxy *proxy)
{
    struct list now;
    list_init(&now);
    list_splice(&now, &proxy->again);
    while (!list_is_empty(&now)) {
        struct passage *passage = LIST_OWNER(now.next, struct passage, again);
        list_remove(&passage->again);
        if (passage->is_paused) {
            passage->is_paused = false;
            curl_easy_pause(passage->easy, CURLPAUSE_CONT);
        }
    }
}

/* An answer that is cut off ends its connection, so that nobody takes it for whole. */
static void end_answer(struct passage *passage, CURLcode code)
{
    struct exchange *exchange = passage->exchange;
    if (code == CURLE_OK || passage->length == EXCHANGE_ENDLESS) {
        passage->exchange = NULL;
        exchange_end(exchange);
        passage_free(passage);
    } else {
        conn_drop(exchange_conn(exchange), CONN_ANSWERED); /* which abandons it */
    }
}

static void on_done(struct transfer *transfer, int code)
{
    struct passage *passage = LIST_OWNER(transfer, struct passage, transfer);
    char why[CURL_ERROR_SIZE + 64];
    if (passage->exchange && passage->has_begun) {
        end_answer(passage, (CURLcode)code);
        return;
    }
    if (passage->exchange) {
        snprintf(why, sizeof why, "The broker's HTTP does not answer: %s.", curl_easy_strerror((CURLcode)code));
        refuse(passage, why);
    }
    passage_free(passage);
}

/* The request. */

static bool add_line(struct passage *passage, const char *line)
{
    struct curl_slist *lines = curl_slist_append(passage->lines, line);
    if (lines)
        passage->lines = lines;
    return lines != NULL;
}

/* curl leaves a header without a value away unless it ends in a semicolon. */
static bool add_header(struct passage *passage, const struct http_header *header, struct buffer *room)
{
    room->size = 0;
    char *line = buffer_reserve(room, header->name.size + header->value.size + 3), *end = line;
    if (!line)
        return false;
    end = format_slice(end, header->name);
    if (header->value.size)
        end = format_slice(format_bytes(end, ": ", 2), header->value);
    else
        *end++ = ';';
    *end = '\0';
    return add_line(passage, line);
}

static bool goes_to_broker(struct slice name)
{
    return !IS_AMONG(name, local_names) && !IS_AMONG(name, client_names) &&
           !(name.size > 4 && strncasecmp(name.data, "Sec-", 4) == 0);
}

/* Headers that curl would make up are left away. */
static bool add_headers(struct passage *passage, const struct http_request *request)
{
    static const char *const made_up[] = { "Accept", "Content-Type", "User-Agent" };
    struct buffer room = { NULL, 0, 0 };
    struct slice value;
    char line[32];
    bool good = add_line(passage, "Expect:");
    for (size_t i = 0; i < sizeof made_up / sizeof *made_up && good; i++)
        if (!http_header(request, made_up[i], &value)) {
            snprintf(line, sizeof line, "%s:", made_up[i]);
            good = add_line(passage, line);
        }
    for (unsigned i = 0; i < request->header_count && good; i++)
        if (goes_to_broker(request->headers[i].name))
            good = add_header(passage, &request->headers[i], &room);
    buffer_finish(&room);
    return good;
}

static char *write_url(const char *base, const struct http_request *request)
{
    struct slice start = slice_of(base);
    while (start.size && start.data[start.size - 1] == '/')
        start.size--;
    char *url = malloc(start.size + request->path.size + request->query.size + 2), *end = url;
    if (!url)
        return NULL;
    end = format_slice(format_slice(end, start), request->path);
    if (request->query.size) {
        *end++ = '?';
        end = format_slice(end, request->query);
    }
    *end = '\0';
    return url;
}

static void set_credentials(CURL *easy, const struct config_uplink *config)
{
    if (config->token) {
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, config->token);
    } else if (config->user) {
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(easy, CURLOPT_USERNAME, config->user);
        curl_easy_setopt(easy, CURLOPT_PASSWORD, config->password);
    }
}

static void set_path(CURL *easy, CURLoption option, const char *path)
{
    if (*path)
        curl_easy_setopt(easy, option, path);
}

static void set_tls(CURL *easy, const struct config_uplink *config)
{
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    set_path(easy, CURLOPT_CAINFO, config->ca);
    set_path(easy, CURLOPT_SSLCERT, config->certificate);
    set_path(easy, CURLOPT_SSLKEY, config->key);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, (long)config->verify);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, config->verify ? 2L : 0L);
}

static void set_method(CURL *easy, const struct exchange *exchange)
{
    enum http_method method = exchange->request->method;
    bool has_body = exchange->body.size || method == HTTP_POST || method == HTTP_PUT || method == HTTP_PATCH;
    if (method == HTTP_HEAD) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        return;
    }
    if (has_body) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)exchange->body.size);
        curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, exchange->body.size ? exchange->body.data : "");
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, http_method_names[method]);
}

static void set_options(struct passage *passage)
{
    CURL *easy = passage->easy;
    transfers_prepare(passage->proxy->transfers, easy);
    curl_easy_setopt(easy, CURLOPT_URL, passage->url);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)passage->proxy->config->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, passage->lines);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, passage);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_content);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, passage);
}

/* NULL: out of memory. */
static struct passage *passage_create(struct proxy *proxy, const struct exchange *exchange)
{
    struct passage *passage = calloc(1, sizeof *passage);
    if (!passage)
        return NULL;
    passage->proxy = proxy;
    passage->transfer.done = on_done;
    passage->length = EXCHANGE_ENDLESS;
    list_init(&passage->again);
    proxy->count++;
    passage->easy = curl_easy_init();
    passage->url = write_url(proxy->config->http, exchange->request);
    if (passage->easy && passage->url && add_headers(passage, exchange->request)) {
        set_options(passage);
        set_credentials(passage->easy, proxy->config);
        set_tls(passage->easy, proxy->config);
        set_method(passage->easy, exchange);
        return passage;
    }
    passage_free(passage);
    return NULL;
}

void proxy_pass(struct proxy *proxy, struct exchange *exchange)
{
    if (!*proxy->config->http) {
        answer_problem(exchange, PROBLEM_NOT_FOUND, NULL,
                       "The sidecar passes this on to the broker where uplink.http says where its HTTP is.");
        return;
    }
    struct passage *passage = passage_create(proxy, exchange);
    if (!passage) {
        answer_problem(exchange, PROBLEM_UNAVAILABLE, "Retry-After: 1\r\n", "The sidecar is short of memory.");
        return;
    }
    passage->exchange = exchange;
    proxy->counts.requests++;
    exchange_hold(exchange, &hold_ops, passage);
    if (transfer_start(proxy->transfers, &passage->transfer, passage->easy, 0) == 0)
        return;
    refuse(passage, "The sidecar is short of memory.");
    passage_free(passage);
}

/* Figures. */

unsigned proxy_count(const struct proxy *proxy)
{
    return proxy->count;
}

void proxy_put_metrics(const struct proxy *proxy, FILE *out)
{
    const struct {
        struct prometheus_family family;
        uint64_t value;
    } numbers[] = {
        { { "proxy_requests_total", "Requests passed on to the broker's HTTP", "counter" }, proxy->counts.requests },
        { { "proxy_failures_total", "Those that the broker did not answer", "counter" }, proxy->counts.failures },
        { { "proxy_open", "Those that are not answered to the end", "gauge" }, proxy->count },
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        prometheus_put_family(out, &numbers[i].family);
        prometheus_put_sample(out, numbers[i].family.name, NULL, NULL, (double)numbers[i].value);
    }
}

/* Life. */

struct proxy *proxy_create(struct loop *loop, struct transfers *transfers, const struct config_uplink *config)
{
    struct proxy *proxy = calloc(1, sizeof *proxy);
    if (!proxy)
        return NULL;
    *proxy = (struct proxy){ .loop = loop, .transfers = transfers, .config = config };
    list_init(&proxy->again);
    return proxy;
}

void proxy_reconfigure(struct proxy *proxy, const struct config_uplink *config)
{
    proxy->config = config;
}

void proxy_destroy(struct proxy *proxy)
{
    free(proxy);
}
