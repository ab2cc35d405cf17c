/* guard: what stands between a request and its handler: the way to it, and who may go there. */
#include "http/client.h"

#include "http/origin.h"
#include "http/routes.h"
#include "util/base64.h"
#include "wire/format.h"

enum {
    SECRET_SIZE_MAX = 2048, /* of NAME:PASSWORD */
    ALLOW_SIZE = 80,        /* the Allow line of a path that has every method */
};

/* "Allow: GET, HEAD\r\n" */
static const char *allow_line(unsigned allowed, char line[ALLOW_SIZE])
{
    char *at = format_slice(line, slice_of("Allow: "));
    for (unsigned i = 0; i < HTTP_METHOD_COUNT; i++)
        if (allowed & 1u << i) {
            at = format_slice(at, slice_of(http_method_names[i]));
            at = format_slice(at, slice_of(", "));
        }
    at = format_slice(at - 2, slice_of("\r\n"));
    *at = '\0';
    return line;
}

/* There is no such route: the path is unknown, or has other methods, or is only asked what it has. */
static void answer_astray(struct exchange *exchange, unsigned allowed)
{
    const struct http_request *request = exchange->request;
    char line[ALLOW_SIZE];
    if (slice_is(request->path, "*"))
        allowed = 1u << HTTP_GET | 1u << HTTP_HEAD | 1u << HTTP_POST | 1u << HTTP_PUT;
    if (!allowed)
        answer_problem(exchange, PROBLEM_NOT_FOUND, NULL, "no path of this server");
    else if (request->method == HTTP_OPTIONS)
        answer_empty(exchange, 204, allow_line(allowed | 1u << HTTP_OPTIONS, line));
    else
        answer_problem(exchange, PROBLEM_BAD_METHOD, allow_line(allowed | 1u << HTTP_OPTIONS, line),
                       "%s is not for this path", http_method_names[request->method]);
}

static bool find_route(struct exchange *exchange)
{
    struct http_state *state = exchange->http->state;
    const struct http_request *request = exchange->request;
    struct slice parameter;
    unsigned allowed;
    exchange->route = route_find(request->method, request->path, &parameter, &allowed);
    if (!exchange->route) {
        answer_astray(exchange, allowed);
        return false;
    }
    long size = http_decode(parameter, false, state->parameter, sizeof state->parameter);
    if (size < 0) {
        answer_problem(exchange, PROBLEM_BAD_REQUEST, NULL, "the path is badly encoded");
        return false;
    }
    exchange->parameter = slice_make(state->parameter, (size_t)size);
    return true;
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

static bool identify(struct exchange *exchange)
{
    struct credentials credentials = { .name = slice_make(NULL, 0) };
    struct slice value, rest;
    char room[SECRET_SIZE_MAX];
    if (!http_header(exchange->request, "Authorization", &value))
        return false;
    if (cut_scheme(value, "Bearer", &rest))
        credentials.token = rest;
    else if (!cut_scheme(value, "Basic", &rest) || !read_basic(rest, room, &credentials))
        return false;
    return session_identify(exchange->session, &credentials) == 0;
}

static bool check_user(struct exchange *exchange)
{
    if (exchange->route->right == RIGHT_NONE || !session_needs_user(exchange->session) || identify(exchange))
        return true;
    answer_problem(exchange, PROBLEM_UNAUTHORIZED, "WWW-Authenticate: Basic realm=\"posthorn\", charset=\"UTF-8\"\r\n",
                   "give the name and password of a user, or a token as Bearer");
    return false;
}

bool guard_admit(struct exchange *exchange)
{
    return find_route(exchange) && check_user(exchange);
}
