/*
 * evhttp_server: libevent's HTTP server, which http_differential.py asks for a second opinion on requests. It says its
 * port on stdout and serves until its standard input ends.
 *
 * Its limits are those of the posthornd of that test, and so is what it can be asked for: /healthz, and /v1/topics/...
 * to post to.
 */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEAD_SIZE_MAX = 16384, BODY_SIZE_MAX = 1 << 20 };

static void serve(struct evhttp_request *request, void *arg)
{
    (void)arg;
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
    enum evhttp_cmd_type command = evhttp_request_get_command(request);
    bool is_publish = command == EVHTTP_REQ_POST || command == EVHTTP_REQ_PUT;
    bool is_topic = path && strncmp(path, "/v1/topics/", 11) == 0;
    if (!is_topic && (!path || strcmp(path, "/healthz") != 0))
        evhttp_send_reply(request, HTTP_NOTFOUND, "Not Found", NULL);
    else if (is_topic != is_publish)
        evhttp_send_reply(request, HTTP_BADMETHOD, "Method Not Allowed", NULL);
    else
        evhttp_send_reply(request, HTTP_OK, "OK", NULL);
}

static void end(evutil_socket_t fd, short what, void *base)
{
    (void)what;
    char byte;
    if (read(fd, &byte, 1) <= 0)
        event_base_loopbreak(base);
}

static bool say_port(struct evhttp_bound_socket *bound)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    if (getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &size) < 0)
        return false;
    printf("%u\n", (unsigned)ntohs(address.sin_port));
    return fflush(stdout) == 0;
}

int main(void)
{
    struct event_base *base = event_base_new();
    struct evhttp *http = base ? evhttp_new(base) : NULL;
    struct event *input = base ? event_new(base, STDIN_FILENO, EV_READ | EV_PERSIST, end, base) : NULL;
    if (!http || !input)
        return EXIT_FAILURE;
    evhttp_set_max_headers_size(http, HEAD_SIZE_MAX);
    evhttp_set_max_body_size(http, BODY_SIZE_MAX);
    evhttp_set_gencb(http, serve, NULL);
    event_add(input, NULL);
    struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
    if (!bound || !say_port(bound))
        return EXIT_FAILURE;
    event_base_dispatch(base);
    event_free(input);
    evhttp_free(http);
    event_base_free(base);
    return EXIT_SUCCESS;
}
