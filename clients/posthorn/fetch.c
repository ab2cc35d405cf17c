#include "fetch.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"
#include "libposthorn/tls.h"
#include "say.h"
#include "util/base64.h"

enum { ANSWER_SIZE_MAX = 16 << 20 };

/* ---- where ---- */

static char *print_basic(const char *user, const char *password)
{
    size_t size = strlen(user) + 1 + strlen(password);
    char *plain = must(malloc(size + 1)), *basic = must(malloc(sizeof "Basic " + base64_size(size)));
    snprintf(plain, size + 1, "%s:%s", user, password);
    char *end = base64_write(stpcpy(basic, "Basic "), slice_make(plain, size));
    *end = '\0';
    free(plain);
    return basic;
}

static char *print_bearer(const char *token)
{
    char *bearer = must(malloc(sizeof "Bearer " + strlen(token)));
    stpcpy(stpcpy(bearer, "Bearer "), token);
    return bearer;
}

/* host:port, [v6]:port, or a host alone. */
static bool split_authority(struct fetch_target *target)
{
    const char *host = target->authority, *end = host + strlen(host), *port;
    if (*host == '[') {
        host++;
        end = strchr(host, ']');
        port = end && end[1] == ':' ? end + 2 : NULL;
        if (!end || (end[1] && end[1] != ':'))
            return false;
    } else {
        port = strchr(host, ':');
        end = port ? port++ : end;
    }
    target->host = must(strndup(host, (size_t)(end - host)));
    target->port = must(strdup(port ? port : "8222"));
    return *target->host && *target->port && strspn(target->port, "0123456789") == strlen(target->port);
}

enum exit_code fetch_target_init(struct fetch_target *target, const char *url, const char *user, const char *password,
                                 const char *token)
{
    size_t scheme_size = strcspn(url, ":");
    *target = (struct fetch_target){ .secure = target->secure };
    target->is_secure = strncmp(url, "https://", 8) == 0;
    if (!target->is_secure && strncmp(url, "http://", 7) != 0)
        return fail(EXIT_USAGE, "'%s': the address is to be http://host:port or https://host:port", url);
    url += scheme_size + 3;
    target->authority = must(strndup(url, strcspn(url, "/?#")));
    if (strchr(target->authority, '@'))
        return fail(EXIT_USAGE, "credentials do not belong into the address: --user and --password, or --token");
    if (!split_authority(target))
        return fail(EXIT_USAGE, "'%s' is no host with a port", target->authority);
    if (token && (user || password))
        return fail(EXIT_USAGE, "a token and a user or password are given: the server takes one of them");
    if (token)
        target->authorization = print_bearer(token);
    else if (user)
        target->authorization = print_basic(user, password ? password : "");
    return EXIT_OK;
}

void fetch_target_finish(struct fetch_target *target)
{
    free(target->host);
    free(target->port);
    free(target->authority);
    free(target->authorization);
    ph_tls_context_destroy(target->tls_context);
    *target = (struct fetch_target){ 0 };
}

/* ---- asking ---- */

/* A socket that is connected to the first address that takes us; -1: none, and errno says why. */
static int connect_to(const struct addrinfo *address, uint64_t timeout_ns)
{
    struct timeval patience = { (time_t)(timeout_ns / 1000000000), (suseconds_t)(timeout_ns % 1000000000 / 1000) };
    for (; address; address = address->ai_next) {
        int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            continue;
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
            return fd;
        int error = errno;
        close(fd);
        errno = error == EINPROGRESS ? ETIMEDOUT : error;
    }
    return -1;
}

static int dial(const struct fetch_target *target, uint64_t timeout_ns, char *reason)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *addresses;
    int error = getaddrinfo(target->host, target->port, &hints, &addresses);
    if (error) {
        snprintf(reason, FETCH_REASON_SIZE, "%s: %s", target->host, gai_strerror(error));
        return -1;
    }
    int fd = connect_to(addresses, timeout_ns);
    if (fd < 0)
        snprintf(reason, FETCH_REASON_SIZE, "%s: %s", target->authority, strerror(errno));
    freeaddrinfo(addresses);
    return fd;
}

/* ---- bytes, plain or by TLS ---- */

struct stream {
    int fd;
    struct ph_tls *tls; /* NULL: plain */
    int timeout_ms;
};

/* TLS never waits, so that we do. False: not in time. */
static bool await(const struct stream *stream, short events)
{
    struct pollfd watched = { stream->fd, events ? events : POLLIN, 0 };
    int count = poll(&watched, 1, stream->timeout_ms);
    if (count == 0)
        errno = EAGAIN;
    return count > 0;
}

static ssize_t stream_read(struct stream *stream, char *data, size_t size)
{
    if (!stream->tls)
        return recv(stream->fd, data, size, 0);
    ssize_t got;
    while ((got = ph_tls_read(stream->tls, data, size)) < 0 && errno == EAGAIN)
        if (!await(stream, POLLIN | ph_tls_events(stream->tls)))
            return -1;
    return got;
}

static bool stream_write(struct stream *stream, const char *data, size_t size)
{
    if (!stream->tls)
        return send(stream->fd, data, size, MSG_NOSIGNAL) == (ssize_t)size;
    while (size > 0) {
        ssize_t count = ph_tls_write(stream->tls, data, size);
        if (count < 0 && (errno != EAGAIN || !await(stream, POLLOUT)))
            return false;
        data += count > 0 ? count : 0;
        size -= count > 0 ? (size_t)count : 0;
    }
    return true;
}

/* The handshake. False: reason says why. */
static bool secure(struct stream *stream, struct fetch_target *target, char *reason)
{
    struct ph_options options = PH_OPTIONS_INIT;
    char why[PH_TLS_WHY_SIZE] = "";
    int done = -1;
    secure_put(&target->secure, &options);
    if (ph_tls_context_prepare(&target->tls_context, &options, why) == PH_OK)
        stream->tls = must(ph_tls_create(target->tls_context, stream->fd, target->host, target->authority));
    while (stream->tls && (done = ph_tls_handshake(stream->tls)) == 0)
        if (!await(stream, ph_tls_events(stream->tls))) {
            snprintf(why, sizeof why, "no answer in time");
            break;
        }
    if (done > 0)
        return true;
    snprintf(reason, FETCH_REASON_SIZE, "%s: %s", target->authority, *why ? why : ph_tls_why(stream->tls));
    return false;
}

static void stream_close(struct stream *stream)
{
    ph_tls_destroy(stream->tls);
    close(stream->fd);
}

/* ---- a question ---- */

/* HTTP/1.0, so that the answer comes in one piece and ends with the connection. */
static bool ask(struct stream *stream, const struct fetch_target *target, const char *path)
{
    const char *authorization = target->authorization;
    char *request = NULL;
    int size = asprintf(&request, "GET %s HTTP/1.0\r\nHost: %s\r\n%s%s%sAccept: application/json\r\n\r\n", path,
                        target->authority, authorization ? "Authorization: " : "", authorization ? authorization : "",
                        authorization ? "\r\n" : "");
    must(size < 0 ? NULL : request);
    bool sent = stream_write(stream, request, (size_t)size);
    free(request);
    return sent;
}

/* All that comes, with a NUL behind it; NULL: it was too much, or did not come in time, and errno says so. */
static char *read_all(struct stream *stream)
{
    size_t size = 0, room = 64 << 10;
    char *text = must(malloc(room));
    ssize_t got;
    while ((got = stream_read(stream, text + size, room - size - 1)) > 0) {
        size += (size_t)got;
        if (size + 1 < room)
            continue;
        room *= 2;
        text = must(realloc(text, room));
        if (room > 2 * ANSWER_SIZE_MAX) {
            errno = EMSGSIZE;
            got = -1;
            break;
        }
    }
    text[size] = '\0';
    if (got == 0)
        return text;
    free(text);
    return NULL;
}

/* ---- the answer ---- */

/* The length that the head tells; -1: it tells none. */
static long content_length(const char *head)
{
    const char *line = strcasestr(head, "\r\nContent-Length:");
    return line ? strtol(line + sizeof "\r\nContent-Length:" - 1, NULL, 10) : -1;
}

static enum exit_code take_body(char *answer, char **ret_body, char *reason)
{
    unsigned status = 0;
    char *body = strstr(answer, "\r\n\r\n");
    if (!body || sscanf(answer, "HTTP/1.%*1u %3u", &status) != 1) {
        snprintf(reason, FETCH_REASON_SIZE, "what answers there does not speak HTTP");
        return EXIT_CONNECT;
    }
    *body = '\0';
    body += 4;
    if (status != 200) {
        snprintf(reason, FETCH_REASON_SIZE, "the server answers %u%s", status,
                 status == 401 ? ": it wants --user and --password, or --token" : "");
        return status == 401 || status == 403 ? EXIT_REFUSED : EXIT_FAILED;
    }
    long length = content_length(answer);
    if (length >= 0 && (size_t)length != strlen(body)) {
        snprintf(reason, FETCH_REASON_SIZE, "the answer was cut off");
        return EXIT_CONNECT;
    }
    *ret_body = must(strdup(body));
    return EXIT_OK;
}

static const char *why_none(const struct stream *stream)
{
    const char *why = stream->tls ? ph_tls_why(stream->tls) : "";
    return *why ? why : errno == EAGAIN ? "no answer in time" : strerror(errno);
}

enum exit_code fetch_get(struct fetch_target *target, const char *path, uint64_t timeout_ns, char **ret_body,
                         char reason[FETCH_REASON_SIZE])
{
    *ret_body = NULL;
    struct stream stream = { .fd = dial(target, timeout_ns, reason), .timeout_ms = milliseconds(timeout_ns) };
    if (stream.fd < 0)
        return EXIT_CONNECT;
    enum exit_code code = EXIT_CONNECT;
    if (!target->is_secure || secure(&stream, target, reason)) {
        char *answer = ask(&stream, target, path) ? read_all(&stream) : NULL;
        if (answer)
            code = take_body(answer, ret_body, reason);
        else
            snprintf(reason, FETCH_REASON_SIZE, "%s: %s", target->authority, why_none(&stream));
        free(answer);
    }
    stream_close(&stream);
    return code;
}
