#include "peer.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* For every step; a test that needs it has failed. */
#define DEADLINE_MS 20000

static void *run(void *arg)
{
    struct peer *peer = arg;
    peer->script(peer);
    return NULL;
}

void peer_open(struct peer *peer, peer_script *script)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t size = sizeof address;
    *peer = (struct peer){ .fd = -1, .script = script };
    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(peer->listener, 0);
    ck_assert_int_eq(bind(peer->listener, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(peer->listener, 16), 0);
    ck_assert_int_eq(getsockname(peer->listener, (struct sockaddr *)&address, &size), 0);
    snprintf(peer->url, sizeof peer->url, "nats://127.0.0.1:%u", ntohs(address.sin_port));
    if (script)
        ck_assert_int_eq(pthread_create(&peer->thread, NULL, run, peer), 0);
}

void peer_close(struct peer *peer)
{
    if (peer->script)
        ck_assert_int_eq(pthread_join(peer->thread, NULL), 0);
    peer_hang_up(peer);
    peer_stop_listening(peer);
}

static void wait_for(int fd, short events, const char *what)
{
    struct pollfd watched = { fd, events, 0 };
    ck_assert_msg(poll(&watched, 1, DEADLINE_MS) == 1, "the peer waits in vain for %s", what);
}

void peer_accept(struct peer *peer)
{
    wait_for(peer->listener, POLLIN, "a connection");
    peer_hang_up(peer);
    peer->fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(peer->fd, 0);
    peer->size = peer->taken = 0;
}

void peer_say_bytes(struct peer *peer, const char *data, size_t size)
{
    while (size > 0) {
        wait_for(peer->fd, POLLOUT, "room to write");
        ssize_t count = send(peer->fd, data, size, MSG_NOSIGNAL);
        if (count < 0 && (errno == EPIPE || errno == ECONNRESET))
            return; /* the client may hang up while it is told nonsense */
        ck_assert_int_gt(count, 0);
        data += count;
        size -= (size_t)count;
    }
}

void peer_say(struct peer *peer, const char *text)
{
    peer_say_bytes(peer, text, strlen(text));
}

/* False at the end of the connection. */
static bool receive(struct peer *peer, const char *what)
{
    wait_for(peer->fd, POLLIN, what);
    peer->size -= peer->taken;
    memmove(peer->bytes, peer->bytes + peer->taken, peer->size);
    peer->taken = 0;
    ssize_t count = recv(peer->fd, peer->bytes + peer->size, sizeof peer->bytes - peer->size, 0);
    if (count <= 0)
        return false;
    peer->size += (size_t)count;
    return true;
}

/* No line of these tests holds a bare CR. (memmem would do, but ThreadSanitizer looks at all that it might read.) */
static const char *line_end(const struct peer *peer)
{
    size_t size = peer->size - peer->taken;
    const char *end = size > 1 ? memchr(peer->bytes + peer->taken, '\r', size - 1) : NULL;
    return end && end[1] == '\n' ? end : NULL;
}

bool peer_line(struct peer *peer)
{
    const char *end;
    while (!(end = line_end(peer)))
        if (!receive(peer, "a line"))
            return false;
    const char *start = peer->bytes + peer->taken;
    size_t size = (size_t)(end - start);
    ck_assert_uint_lt(size, sizeof peer->line);
    memcpy(peer->line, start, size);
    peer->line[size] = '\0';
    peer->taken += size + 2;
    return true;
}

void peer_expect(struct peer *peer, const char *start)
{
    ck_assert_msg(peer_line(peer), "the client hung up before '%s'", start);
    ck_assert_msg(strncmp(peer->line, start, strlen(start)) == 0, "got '%s', wanted '%s'", peer->line, start);
}

void peer_expect_line(struct peer *peer, const char *line)
{
    peer_expect(peer, line);
    ck_assert_str_eq(peer->line, line);
}

void peer_expect_end(struct peer *peer)
{
    bool quiet = peer->size == peer->taken && !receive(peer, "the end");
    ck_assert_msg(quiet, "said before the end: '%.*s'", (int)(peer->size - peer->taken), peer->bytes + peer->taken);
}

void peer_greet(struct peer *peer)
{
    peer_accept(peer);
    peer_say(peer, PEER_INFO);
    peer_expect(peer, "CONNECT {");
    peer_expect_line(peer, "PING");
    peer_say(peer, "PONG\r\n");
}

void peer_hang_up(struct peer *peer)
{
    if (peer->fd >= 0)
        close(peer->fd);
    peer->fd = -1;
}

void peer_stop_listening(struct peer *peer)
{
    if (peer->listener >= 0)
        close(peer->listener);
    peer->listener = -1;
}
