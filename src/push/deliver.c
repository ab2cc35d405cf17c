#include "push/deliver.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>

#include "net/loop.h"
#include "push/head.h"

enum {
    IDLE_MAX = 256,
    LINES_ROOM = 16,
    RECEIVE_SIZE = 1024,             /* curl makes such a buffer for each request: this is the least it takes */
    NAME_KEPT_S = 1,                 /* a receiver that moves is found by the next attempt */
};

struct deliver {
    struct loop *loop;
    const struct guard *guard;
    char *ca, *proxy;
    struct transfers *transfers;
    struct list under_way;
    struct handle **idle;            /* to be used again: all of them have the options of prepare() */
    unsigned idle_count;
    struct head head;                /* room to write one */
    struct guard passed_by;          /* who let the address below pass, the last that did */
    char passed[INET6_ADDRSTRLEN];
};

/* What curl sends by. It keeps its URL as curl has read it: a busy webhook has the same again. */
struct handle {
    CURL *easy;
    CURLU *url;
    char *text;                      /* of the URL; NULL: it has none */
    struct head_start start;         /* of the heads that go there */
    bool has_head;                   /* it sends the head that was written last, else lines */
    uint64_t timeout_ms;             /* as curl has been told; 0: it has not */
    struct delivery *delivery;       /* under way */
};

/* What curl asks. */

/* Each address, on its way to connect. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct delivery *delivery = LIST_OWNER(arg, struct delivery, transfer);
    (void)purpose;
    delivery->refused = guard_refuses(delivery->deliver->guard, &address->addr);
    return delivery->refused ? CURL_SOCKET_BAD : transfer_open_socket(&delivery->transfer, address);
}

static bool has_passed(const struct deliver *deliver, const char *peer)
{
    return deliver->passed_by.allowed == deliver->guard->allowed &&
           deliver->passed_by.allowed_count == deliver->guard->allowed_count && strcmp(deliver->passed, peer) == 0;
}

static void note_passed(struct deliver *deliver, const char *peer)
{
    size_t size = strlen(peer) + 1;
    if (size > sizeof deliver->passed)
        return;
    memcpy(deliver->passed, peer, size);
    deliver->passed_by = *deliver->guard;
}

/* The address once more, before each request: a connection that was kept may be from before the guard was changed. */
static int look_at_peer(void *arg, char *peer, char *own, int peer_port, int own_port)
{
    const struct handle *handle = arg;
    struct delivery *delivery = handle->delivery;
    delivery->refused = NULL;
    if (has_passed(delivery->deliver, peer))
        return CURL_PREREQFUNC_OK;
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    const struct sockaddr *address = strchr(peer, ':') ? (struct sockaddr *)&in6 : (struct sockaddr *)&in;
    void *bytes = strchr(peer, ':') ? (void *)&in6.sin6_addr : (void *)&in.sin_addr;
    (void)own, (void)peer_port, (void)own_port;
    delivery->refused = inet_pton(address->sa_family, peer, bytes) == 1
                            ? guard_refuses(delivery->deliver->guard, address)
                            : "neither IPv4 nor IPv6";
    if (!delivery->refused)
        note_passed(delivery->deliver, peer);
    return delivery->refused ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* More than that ends the attempt; by then its status is known. */
static size_t take_answer(char *data, size_t unit, size_t count, void *arg)
{
    struct delivery *delivery = ((const struct handle *)arg)->delivery;
    size_t size = unit * count, room = sizeof delivery->answer - delivery->answer_size;
    size_t kept = size < room ? size : room;
    memcpy(delivery->answer + delivery->answer_size, data, kept);
    delivery->answer_size += (unsigned)kept;
    delivery->answer_total += size;
    return delivery->answer_total > DELIVER_ANSWER_MAX ? 0 : size;
}

/* Handles. */

/* What is the same for all. Of text options curl makes copies. */
static void prepare(struct deliver *deliver, CURL *easy)
{
    transfers_prepare(deliver->transfers, easy);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, deliver->proxy ? deliver->proxy : "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, look_at_peer);
    curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, (long)NAME_KEPT_S);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_SIZE);
    if (deliver->ca)
        curl_easy_setopt(easy, CURLOPT_CAINFO, deliver->ca);
}

static void free_handle(struct handle *handle)
{
    if (!handle)
        return;
    curl_easy_cleanup(handle->easy);
    curl_url_cleanup(handle->url);
    head_start_finish(&handle->start);
    free(handle->text);
    free(handle);
}

static struct handle *make_handle(struct deliver *deliver)
{
    struct handle *handle = calloc(1, sizeof *handle);
    if (!handle)
        return NULL;
    handle->easy = curl_easy_init();
    handle->url = curl_url();
    if (handle->easy && handle->url) {
        prepare(deliver, handle->easy);
        curl_easy_setopt(handle->easy, CURLOPT_PREREQDATA, handle);
        curl_easy_setopt(handle->easy, CURLOPT_WRITEDATA, handle);
        return handle;
    }
    free_handle(handle);
    return NULL;
}

static struct handle *take_handle(struct deliver *deliver)
{
    return deliver->idle_count ? deliver->idle[--deliver->idle_count] : make_handle(deliver);
}

static void give_handle(struct deliver *deliver, struct handle *handle)
{
    if (deliver->idle_count < IDLE_MAX)
        deliver->idle[deliver->idle_count++] = handle;
    else
        free_handle(handle);
}

static void drop_handles(struct deliver *deliver)
{
    while (deliver->idle_count)
        free_handle(deliver->idle[--deliver->idle_count]);
}

/* One that curl cannot read, which settings do not let pass, it is given as text, so that it says so. */
static bool set_url(struct handle *handle, const char *text)
{
    if (handle->text && strcmp(handle->text, text) == 0)
        return true;
    free(handle->text);
    handle->text = NULL;
    head_start_finish(&handle->start);
    curl_easy_setopt(handle->easy, CURLOPT_CURLU, NULL);
    if (curl_easy_setopt(handle->easy, CURLOPT_URL, text) != CURLE_OK)
        return false;
    if (curl_url_set(handle->url, CURLUPART_URL, text, CURLU_DISALLOW_USER) != CURLUE_OK)
        return true;
    curl_easy_setopt(handle->easy, CURLOPT_CURLU, handle->url);
    head_start_make(handle->url, &handle->start);
    handle->text = strdup(text);
    return true;
}

/* Requests. */

static void on_done(struct transfer *transfer, int code);

static int make_lines(struct delivery *delivery)
{
    size_t room = delivery->line_count ? 2 * delivery->line_count : LINES_ROOM;
    struct curl_slist *lines = reallocarray(delivery->lines, room, sizeof *lines);
    if (!lines)
        return -ENOMEM;
    delivery->lines = lines;
    return 0;
}

/* The room doubles when it is full, which is whenever their number is such a power. */
static bool is_full(unsigned count)
{
    return count == 0 || (count >= LINES_ROOM && (count & (count - 1)) == 0);
}

int delivery_add_line(struct delivery *delivery, const char *line)
{
    if (delivery->line_count == DELIVER_LINES_MAX)
        return 0;
    if (is_full(delivery->line_count) && make_lines(delivery) != 0)
        return -ENOMEM;
    delivery->lines[delivery->line_count++].data = (char *)line;
    return 0;
}

static bool has_line(const struct delivery *delivery, const char *name)
{
    for (unsigned i = 0; i < delivery->line_count; i++)
        if (strncasecmp(delivery->lines[i].data, name, strlen(name)) == 0)
            return true;
    return false;
}

/* What curl would add if it were not there: without a value, it is left away. And who we are, as a line like the
 * others, since curl would write its own anew for each request. */
static int add_common_lines(struct delivery *delivery)
{
    static const struct { const char *name, *line; } common[] = {
        { "Expect:", "Expect:" }, { "Accept:", "Accept:" }, { "Content-Type:", "Content-Type:" },
        { "User-Agent:", "User-Agent: posthorn" },
    };
    int error = 0;
    for (unsigned i = 0; i < sizeof common / sizeof *common && !error; i++)
        if (!has_line(delivery, common[i].name))
            error = delivery_add_line(delivery, common[i].line);
    return error;
}

/* A list as curl wants it, which it only reads. */
static struct curl_slist *link_lines(struct delivery *delivery)
{
    for (unsigned i = 0; i < delivery->line_count; i++)
        delivery->lines[i].next = i + 1 < delivery->line_count ? &delivery->lines[i + 1] : NULL;
    return delivery->line_count ? delivery->lines : NULL;
}

/* False: out of memory. */
static bool send_lines(struct handle *handle, struct delivery *delivery)
{
    if (add_common_lines(delivery) != 0)
        return false;
    if (handle->has_head)
        curl_easy_setopt(handle->easy, CURLOPT_REQUEST_TARGET, NULL);
    handle->has_head = false;
    return curl_easy_setopt(handle->easy, CURLOPT_HTTPHEADER, link_lines(delivery)) == CURLE_OK;
}

/* The head is whole: curl is not to add to it. */
static bool send_head(struct handle *handle, const char *head)
{
    static struct curl_slist lines[] = {
        { "Host:", &lines[1] }, { "Accept:", &lines[2] }, { "Content-Type:", &lines[3] },
        { "Content-Length:", &lines[4] }, { "Expect:", NULL },
    };
    if (!handle->has_head && curl_easy_setopt(handle->easy, CURLOPT_HTTPHEADER, lines) != CURLE_OK)
        return false;
    handle->has_head = true;
    return curl_easy_setopt(handle->easy, CURLOPT_REQUEST_TARGET, head) == CURLE_OK;
}

/* False: out of memory. */
static bool say_head(struct deliver *deliver, struct handle *handle, struct delivery *delivery)
{
    bool is_plain = handle->start.bytes && !deliver->proxy && !delivery->method;
    const char *head = is_plain && !has_line(delivery, "User-Agent:")
                           ? head_write(&deliver->head, &handle->start, delivery->lines, delivery->line_count,
                                        delivery->content.size)
                           : NULL;
    return head ? send_head(handle, head) : send_lines(handle, delivery);
}

static void set_timeout(struct handle *handle, uint64_t timeout_ms)
{
    if (handle->timeout_ms == timeout_ms)
        return;
    curl_easy_setopt(handle->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(handle->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
    handle->timeout_ms = timeout_ms;
}

static void describe(const struct delivery *delivery, struct handle *handle)
{
    CURL *easy = handle->easy;
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)delivery->content.size);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, delivery->content.size ? delivery->content.data : "");
    set_timeout(handle, delivery->timeout_ms);
    if (delivery->method) {
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, delivery->method);
    }
}

/* The handle is as prepare() has made it. */
static void restore(const struct delivery *delivery)
{
    if (!delivery->method)
        return;
    curl_easy_setopt(delivery->handle->easy, CURLOPT_CUSTOMREQUEST, NULL);
    curl_easy_setopt(delivery->handle->easy, CURLOPT_POST, 1L);
}

int delivery_start(struct deliver *deliver, struct delivery *delivery)
{
    struct handle *handle = take_handle(deliver);
    if (!handle)
        return -ENOMEM;
    delivery->deliver = deliver;
    delivery->refused = NULL;
    delivery->answer_size = 0;
    delivery->answer_total = 0;
    delivery->began_ms = loop_now_ms(deliver->loop);
    describe(delivery, handle);
    delivery->transfer.done = on_done;
    handle->delivery = delivery;
    if (!set_url(handle, delivery->url) || !say_head(deliver, handle, delivery) ||
        transfer_start(deliver->transfers, &delivery->transfer, handle->easy, delivery->key) != 0) {
        free_handle(handle);
        return -ENOMEM;
    }
    delivery->handle = handle;
    list_append(&deliver->under_way, &delivery->place);
    return 0;
}

/* Takes it out. */
static void end(struct delivery *delivery)
{
    transfer_cancel(&delivery->transfer);
    restore(delivery);
    give_handle(delivery->deliver, delivery->handle);
    delivery->handle = NULL;
    list_remove(&delivery->place);
}

void delivery_cancel(struct delivery *delivery)
{
    if (delivery->handle)
        end(delivery);
    free(delivery->lines);
    delivery->lines = NULL;
    delivery->line_count = 0;
}

unsigned deliver_count(const struct deliver *deliver)
{
    return transfers_count(deliver->transfers);
}

/* Results. */

static const struct {
    CURLcode code;
    const char *error;
} errors[] = {
    { CURLE_COULDNT_RESOLVE_HOST, "the name is not known" },
    { CURLE_COULDNT_RESOLVE_PROXY, "the name of the proxy is not known" },
    { CURLE_COULDNT_CONNECT, "cannot connect" },
    { CURLE_OPERATION_TIMEDOUT, "timed out" },
    { CURLE_SSL_CONNECT_ERROR, "TLS failed" },
    { CURLE_SSL_CACERT_BADFILE, "the file of authorities cannot be read" },
    { CURLE_GOT_NOTHING, "closed without an answer" },
    { CURLE_SEND_ERROR, "broken off" },
    { CURLE_RECV_ERROR, "broken off" },
    { CURLE_PARTIAL_FILE, "broken off" },
    { CURLE_WEIRD_SERVER_REPLY, "answered by what is not HTTP" },
    { CURLE_UNSUPPORTED_PROTOCOL, "answered by what is not HTTP" },
    { CURLE_HTTP2, "HTTP/2 failed" },
    { CURLE_HTTP2_STREAM, "HTTP/2 failed" },
    { CURLE_URL_MALFORMAT, "the URL is none" },
    { CURLE_OUT_OF_MEMORY, "out of memory" },
};

static const struct {
    long code;
    const char *error;
} certificate_errors[] = {
    { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "the certificate is by an authority that is not trusted" },
    { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "the certificate is by an authority that is not trusted" },
    { X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "the certificate is by an authority that is not trusted" },
    { X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "the certificate is by an authority that is not trusted" },
    { X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "the certificate is by nobody but its owner" },
    { X509_V_ERR_CERT_HAS_EXPIRED, "the certificate is over" },
    { X509_V_ERR_CERT_NOT_YET_VALID, "the certificate is not valid yet" },
    { X509_V_OK, "the certificate is for another name" }, /* which curl compares itself */
    { X509_V_ERR_UNSPECIFIED, "the certificate is for another name" },
};

static const char *certificate_error(const struct delivery *delivery)
{
    long code = -1;
    curl_easy_getinfo(delivery->handle->easy, CURLINFO_SSL_VERIFYRESULT, &code);
    for (unsigned i = 0; i < sizeof certificate_errors / sizeof *certificate_errors; i++)
        if (certificate_errors[i].code == code)
            return certificate_errors[i].error;
    return "the certificate is not to be trusted";
}

static bool is_guarded(const struct delivery *delivery, CURLcode code)
{
    return delivery->refused && (code == CURLE_COULDNT_CONNECT || code == CURLE_ABORTED_BY_CALLBACK);
}

static const char *error_of(const struct delivery *delivery, CURLcode code)
{
    if (is_guarded(delivery, code))
        return delivery->refused;
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        return certificate_error(delivery);
    for (unsigned i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].code == code)
            return errors[i].error;
    return curl_easy_strerror(code);
}

const char *delivery_header(const struct delivery *delivery, const char *name)
{
    struct curl_header *header;
    CURLHcode code = curl_easy_header(delivery->handle->easy, name, 0, CURLH_HEADER, -1, &header);
    return code == CURLHE_OK ? header->value : NULL;
}

static void read_retry_after(struct delivery *delivery, struct deliver_result *result)
{
    const char *value = delivery_header(delivery, "Retry-After");
    if (value)
        result->has_retry_after = retry_after_read(slice_of(value), loop_wall_ms(delivery->deliver->loop),
                                                   &result->retry_after_ms);
}

/* An answer that is too long counts as the answer that it is; one that is cut off is none. */
static void finish(struct delivery *delivery, CURLcode code)
{
    long status = 0;
    struct deliver_result result = {
        .duration_ms = loop_now_ms(delivery->deliver->loop) - delivery->began_ms,
        .answer = slice_make(delivery->answer, delivery->answer_size),
    };
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && delivery->answer_total > DELIVER_ANSWER_MAX))
        curl_easy_getinfo(delivery->handle->easy, CURLINFO_RESPONSE_CODE, &status);
    else
        result.error = error_of(delivery, code);
    result.is_guarded = is_guarded(delivery, code);
    result.status = (unsigned)status;
    if (status && status / 100 != 2)
        read_retry_after(delivery, &result);
    if (status && delivery->look)
        delivery->look(delivery);
    end(delivery);
    delivery->done(delivery, &result);
}

static void on_done(struct transfer *transfer, int code)
{
    finish(LIST_OWNER(transfer, struct delivery, transfer), (CURLcode)code);
}

/* Coming and going. */

static bool copy_text(char **to, const char *text)
{
    *to = text ? strdup(text) : NULL;
    return *to || !text;
}

int deliver_change(struct deliver *deliver, const struct deliver_options *options)
{
    char *ca, *proxy;
    deliver->passed[0] = '\0'; /* the guard may judge otherwise now */
    bool is_good = copy_text(&ca, options->ca);
    is_good &= copy_text(&proxy, options->proxy);
    if (!is_good) {
        free(ca);
        free(proxy);
        return -ENOMEM;
    }
    free(deliver->ca);
    free(deliver->proxy);
    deliver->ca = ca;
    deliver->proxy = proxy;
    deliver->guard = options->guard;
    drop_handles(deliver); /* they have the old ones */
    transfers_limit(deliver->transfers, options->connections_max);
    return 0;
}

int deliver_create(struct loop *loop, const struct deliver_options *options, struct deliver **ret_deliver)
{
    struct deliver *deliver = calloc(1, sizeof *deliver);
    if (!deliver)
        return -ENOMEM;
    deliver->loop = loop;
    list_init(&deliver->under_way);
    deliver->idle = calloc(IDLE_MAX, sizeof(struct handle *));
    if (!deliver->idle || transfers_create(loop, options->connections_max, &deliver->transfers) != 0 ||
        deliver_change(deliver, options) != 0) {
        deliver_destroy(deliver);
        return -ENOMEM;
    }
    *ret_deliver = deliver;
    return 0;
}

void deliver_destroy(struct deliver *deliver)
{
    if (!deliver)
        return;
    while (!list_is_empty(&deliver->under_way))
        delivery_cancel(LIST_OWNER(deliver->under_way.next, struct delivery, place));
    drop_handles(deliver);
    transfers_destroy(deliver->transfers);
    free(deliver->idle);
    head_finish(&deliver->head);
    free(deliver->ca);
    free(deliver->proxy);
    free(deliver);
}
