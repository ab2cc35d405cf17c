/* guard: what stands between a request and its handler: the way to it, and who may go there. */
#include "http/client.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>

#include "auth/passes.h"
#include "config/config.h"
#include "http/access.h"
#include "http/calls.h"
#include "http/cookie.h"
#include "http/routes.h"
#include "net/secure.h"
#include "net/tls.h"
#include "util/base64.h"
#include "wire/format.h"

enum {
    SECRET_SIZE_MAX = 2048, /* of NAME:PASSWORD */
    METHODS_SIZE = 80,      /* "Allow: " and every method */
    ASKED_SIZE_MAX = 512,   /* names of our own headers that a page asks for */
    METHODS_ALL = 1u << HTTP_GET | 1u << HTTP_HEAD | 1u << HTTP_POST | 1u << HTTP_PUT | 1u << HTTP_PATCH |
                  1u << HTTP_DELETE,
};

/* "NAME: GET, HEAD\r\n" */
static char *put_methods(char *out, const char *name, unsigned allowed)
{
    out = format_slice(out, slice_of(name));
    for (unsigned i = 0, count = 0; i < HTTP_METHOD_COUNT; i++)
        if (allowed & 1u << i) {
            out = format_slice(out, slice_of(count++ ? ", " : ": "));
            out = format_slice(out, slice_of(http_method_names[i]));
        }
    return format_slice(out, slice_of("\r\n"));
}

/* Those of the headers that a page wants to send that begin with Posthorn-, each behind a comma. */
static char *put_asked(char *out, struct slice list)
{
    struct slice name, prefix = slice_of("posthorn-");
    const char *end = out + ASKED_SIZE_MAX;
    while (http_next_item(&list, &name))
        if (name.size > prefix.size && strncasecmp(name.data, prefix.data, prefix.size) == 0 &&
            (size_t)(end - out) >= name.size + 2 && http_is_token(name)) {
            out = format_slice(out, slice_of(", "));
            out = format_slice(out, name);
        }
    return out;
}

/* A browser asks whether a page may send what it wants to send (Fetch, "CORS-preflight"). */
static void answer_preflight(struct exchange *exchange, unsigned allowed)
{
    char lines[METHODS_SIZE + ASKED_SIZE_MAX + 256], *at = lines;
    struct slice asked = slice_make(NULL, 0);
    http_header(exchange->request, "Access-Control-Request-Headers", &asked);
    at = put_methods(at, "Access-Control-Allow-Methods", allowed);
    at = format_slice(at, slice_of("Access-Control-Allow-Headers: Content-Type, Authorization, Idempotency-Key, "
                                   "Last-Event-ID, If-None-Match, Cache-Control"));
    at = put_asked(at, asked);
    at = format_slice(at, slice_of("\r\nAccess-Control-Max-Age: 86400\r\n"));
    *at = '\0';
    answer_empty(exchange, 204, lines);
}

/* There is no such route: the path is unknown, or has other methods, or is only asked what it has. */
static void answer_astray(struct exchange *exchange, unsigned allowed)
{
    const struct http_request *request = exchange->request;
    char line[METHODS_SIZE];
    struct slice method;
    if (slice_is(request->path, "*"))
        allowed = METHODS_ALL;
    *put_methods(line, "Allow", allowed | 1u << HTTP_OPTIONS) = '\0';
    if (!allowed)
        answer_problem(exchange, PROBLEM_NOT_FOUND, NULL, "This server has no such path.");
    else if (request->method != HTTP_OPTIONS)
        answer_problem(exchange, PROBLEM_BAD_METHOD, line, "%s is not for this path.",
                       http_method_names[request->method]);
    else if (exchange->origin && http_header(request, "Access-Control-Request-Method", &method))
        answer_preflight(exchange, allowed);
    else
        answer_empty(exchange, 204, line);
}

/* Decodes a parameter of the path behind those that stand in the room already, of which *used bytes are used. */
static bool decode_parameter(struct exchange *exchange, struct slice encoded, size_t *used, struct slice *ret_parameter)
{
    struct http_state *state = exchange->http->state;
    char *out = state->parameters + *used;
    long size = http_decode(encoded, false, out, sizeof state->parameters - *used);
    if (size < 0) {
        answer_problem(exchange, PROBLEM_BAD_REQUEST, NULL, "The path is badly encoded.");
        return false;
    }
    *ret_parameter = slice_make(out, (size_t)size);
    *used += (size_t)size;
    return true;
}

/* What goes on beyond the rows of the table takes any method, and has no parameters. */
static const struct route *look_beyond(struct exchange *exchange, struct slice ret_parameters[ROUTE_PARAMETERS_MAX],
                                       unsigned *allowed)
{
    const struct http *http = exchange->http;
    if (!http->routes->beyond)
        return NULL;
    for (unsigned i = 0; i < ROUTE_PARAMETERS_MAX; i++)
        ret_parameters[i] = slice_make(exchange->request->path.data, 0);
    if (exchange->request->method != HTTP_OPTIONS)
        return http->routes->beyond(http, exchange->request);
    *allowed = METHODS_ALL;
    return NULL;
}

static bool find_route(struct exchange *exchange)
{
    const struct http_request *request = exchange->request;
    struct slice parameters[ROUTE_PARAMETERS_MAX];
    unsigned allowed;
    size_t used = 0;
    exchange->route = route_find(exchange->http->routes, request->method, request->path, parameters, &allowed);
    if (!exchange->route)
        exchange->route = look_beyond(exchange, parameters, &allowed);
    if (!exchange->route) {
        answer_astray(exchange, allowed);
        return false;
    }
    return decode_parameter(exchange, parameters[0], &used, &exchange->parameter) &&
           decode_parameter(exchange, parameters[1], &used, &exchange->second);
}

/* Who asks. */

/* What follows the name of an authentication scheme; false: it is another. */
static bool cut_scheme(struct slice value, const char *scheme, struct slice *ret_rest)
{
    size_t size = strlen(scheme);
    if (value.size <= size || strncasecmp(value.data, scheme, size) != 0 || value.data[size] != ' ')
        return false;
    while (size < value.size && value.data[size] == ' ')
        size++;
    *ret_rest = slice_make(value.data + size, value.size - size);
    return true;
}

/* NAME:PASSWORD in base64 (RFC 7617), decoded into room. */
static bool read_basic(struct slice text, char room[SECRET_SIZE_MAX], struct credentials *ret_credentials)
{
    size_t size;
    if (base64_data_size_max(text.size) > SECRET_SIZE_MAX || !base64_read(text, room, &size))
        return false;
    const char *colon = size ? memchr(room, ':', size) : NULL;
    if (!colon)
        return false;
    size_t name_size = (size_t)(colon - room);
    ret_credentials->name = slice_make(room, name_size);
    ret_credentials->password = slice_make(colon + 1, size - name_size - 1);
    return true;
}

/* What is known of a client without its word. */
static struct credentials presence(struct exchange *exchange)
{
    const struct conn *conn = exchange_conn(exchange);
    struct credentials credentials = { .place = address_place(&conn->peer) };
    const struct tls_identity *identity = conn_identity(conn);
    credentials.has_unix_uid = conn_unix_uid(conn, &credentials.unix_uid);
    if (!identity)
        return credentials;
    credentials.certificate = identity->subject;
    credentials.certificate_names = identity->names;
    credentials.certificate_name_count = identity->name_count;
    return credentials;
}

/* False: what stands in the header is not understood. */
static bool read_authorization(struct slice value, char room[SECRET_SIZE_MAX], struct credentials *credentials)
{
    struct slice rest;
    if (!cut_scheme(value, "Bearer", &rest))
        return cut_scheme(value, "Basic", &rest) && read_basic(rest, room, credentials);
    credentials->token = rest;
    return true;
}

/* Whom a ticket or a cookie stands for. 0, -EACCES or as session_enter_by. */
static int enter_by_pass(struct exchange *exchange, enum pass_kind kind, struct slice text)
{
    const struct http *http = exchange->http;
    struct session *session = exchange->session;
    struct login login;
    const struct user *user = passes_show(http->identity->passes, kind, text, session->broker->users,
                                          loop_wall_ms(http->loop), &login);
    return user ? session_enter_by(session, user, &login) : session_refuse_pass(session);
}

/* Browsers send a cookie whoever makes them ask. So it counts for pages of this server alone, or those that may send
 * credentials; and where something changes, the browser has to say whose page it is, or the page to send a header that
 * no form can. */
static bool cookie_counts(const struct exchange *exchange)
{
    const struct http_request *request = exchange->request;
    struct slice value;
    if (exchange->origin && !exchange->http->config->http.credentials)
        return false;
    return request->method == HTTP_GET || request->method == HTTP_HEAD || http_header(request, "Origin", &value) ||
           (http_header(request, "Sec-Fetch-Site", &value) && slice_is(value, "same-origin")) ||
           http_header(request, "Posthorn-Session", &value);
}

static int identify_by_header(struct exchange *exchange, struct slice value)
{
    struct credentials credentials = presence(exchange);
    char room[SECRET_SIZE_MAX];
    int error = read_authorization(value, room, &credentials) ? session_identify(exchange->session, &credentials)
                                                              : session_refuse_pass(exchange->session);
    OPENSSL_cleanse(room, sizeof room);
    return error;
}

static int identify_by_presence(struct exchange *exchange)
{
    const struct credentials credentials = presence(exchange);
    session_recognise(exchange->session, &credentials);
    return session_needs_user(exchange->session) ? session_refuse_silent(exchange->session) : 0;
}

/* By the first of these that is shown. 0, -EPERM: a cookie does not count here, or as of session_identify. */
static int identify(struct exchange *exchange)
{
    struct http_client *client = client_of_exchange(exchange);
    const struct http_request *request = exchange->request;
    struct slice value;
    if (client->is_told) {
        client->is_told = false;
        return client->told_error;
    }
    if (http_header(request, "Authorization", &value))
        return identify_by_header(exchange, value);
    if (http_query(request->query, "ticket", &value))
        return enter_by_pass(exchange, PASS_TICKET, value);
    if (cookie_read(request, &value))
        return cookie_counts(exchange) ? enter_by_pass(exchange, PASS_SESSION, value) : -EPERM;
    return identify_by_presence(exchange);
}

/* A page asks its own way for a password: to it the browser is not to show a window of its own. */
static const char *challenge(const struct http_request *request)
{
    struct slice mode;
    bool is_page = http_header(request, "Sec-Fetch-Mode", &mode) && !slice_is(mode, "navigate");
    return is_page ? "WWW-Authenticate: Bearer realm=\"posthorn\"\r\n"
                   : "WWW-Authenticate: Basic realm=\"posthorn\", charset=\"UTF-8\"\r\n";
}

/* A page has asked for what pages from there may not ask: counted, and told to the audit. */
static void refuse_origin(struct exchange *exchange, const char *sentence)
{
    session_deny(exchange->session, "origin", exchange->request->path);
    answer_problem(exchange, PROBLEM_BAD_ORIGIN, NULL, "%s", sentence);
}

static void refuse_user(struct exchange *exchange, int error)
{
    if (error == -EPERM)
        refuse_origin(exchange,
                      "By cookie, what changes something needs an Origin of this server, or Posthorn-Session.");
    else if (error == -EAGAIN)
        answer_problem(exchange, PROBLEM_TOO_OFTEN, "Retry-After: 5\r\n",
                       "Too many from here prove, or fail to prove, who they are.");
    else if (error == -EDQUOT)
        answer_problem(exchange, PROBLEM_TOO_OFTEN, "Retry-After: 1\r\n",
                       "The user has as many connections as connections_max allows.");
    else if (error == -ENOMEM)
        calls_short_of_memory(exchange);
    else
        answer_problem(exchange, PROBLEM_UNAUTHORIZED, challenge(exchange->request),
                       "Give the name and password of a user, or a token as Bearer.");
}

static bool check_user(struct exchange *exchange)
{
    if (exchange->route->right == RIGHT_ANYBODY || !session_needs_user(exchange->session))
        return true;
    int error = identify(exchange);
    if (error && error != -EINPROGRESS)
        refuse_user(exchange, error);
    return error == 0;
}

/* Who publishes more than his user may is not even read. */
static bool check_pace(struct exchange *exchange)
{
    char header[64];
    bool publishes = exchange->route->right == RIGHT_PUBLISH;
    uint64_t wait_ms = publishes ? session_owes_ms(exchange->session) : 0;
    if (!wait_ms)
        return true;
    exchange->http->loop->counters.rate_limits++;
    snprintf(header, sizeof header, "Retry-After: %llu\r\n", (unsigned long long)((wait_ms + 999) / 1000));
    answer_problem(exchange, PROBLEM_TOO_OFTEN, header, "More was published than publish_rate and "
                   "publish_bytes_rate allow the user, or those of its address allow that.");
    return false;
}

/* Nothing is unpacked here: a small body could become a large one, and what is not unpacked is not what it says. */
static bool check_coding(struct exchange *exchange)
{
    struct slice coding;
    if ((exchange->route->flags & ROUTE_PASSED) || !http_header(exchange->request, "Content-Encoding", &coding) ||
        (coding.size == 8 && strncasecmp(coding.data, "identity", 8) == 0))
        return true;
    answer_problem(exchange, PROBLEM_BAD_CODING, "Accept-Encoding: identity\r\n",
                   "Send the body as it is, without Content-Encoding.");
    return false;
}

/* What has to do with topics is looked at where they are known. */
static bool check_right(struct exchange *exchange)
{
    enum right right = exchange->route->right;
    if (right == RIGHT_ANYBODY || rights_give(exchange->session->rights, right))
        return true;
    access_refuse(exchange, right);
    return false;
}

/* Under which name, and from whose page. */

static bool check_host(struct exchange *exchange)
{
    const struct http *http = exchange->http;
    const struct config_list *names = &http->config->http.hosts;
    struct slice host = exchange->request->host;
    if (!client_of_exchange(exchange)->loopback || !host.size || host_is_local(host) ||
        host_has_name(host, slice_of(http->identity->server_name)))
        return true;
    for (size_t i = 0; i < names->item_count; i++)
        if (host_has_name(host, slice_of(names->items[i])))
            return true;
    answer_problem(exchange, PROBLEM_BAD_HOST, NULL, "http.hosts names the hosts under which it may be asked.");
    return false;
}

static bool refuse_page(struct exchange *exchange)
{
    refuse_origin(exchange, "http.origins names the origins whose pages may ask.");
    return false;
}

/* A link from a page elsewhere may lead to what changes nothing. */
static bool check_page(struct exchange *exchange)
{
    unsigned place;
    bool is_secure = conn_is_secure(exchange_conn(exchange));
    enum origin_verdict verdict =
        origin_judge(&exchange->http->state->origins, exchange->request, is_secure, &place);
    exchange->origin = (uint8_t)place;
    if (verdict == ORIGIN_BAD)
        return refuse_page(exchange);
    if (!find_route(exchange))
        return false;
    return verdict == ORIGIN_GOOD || (exchange->route->flags & ROUTE_SAFE) || refuse_page(exchange);
}

bool guard_admit(struct exchange *exchange)
{
    return check_host(exchange) && check_page(exchange) && check_user(exchange) && check_right(exchange) &&
           check_pace(exchange) && check_coding(exchange);
}
