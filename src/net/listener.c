#include "net/listener.h"

#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/log.h"

enum {
    BACKLOG = 4096,
    ACCEPTS_MAX = 64, /* a turn: others want their turn too */
    REST_MS = 250,    /* when descriptors have run out */
    WHERE_SIZE = 300,
};

struct listener {
    struct loop *loop;
    listener_accepted *accepted;
    void *arg;
    int fd;
    struct event *event;
    struct timer rest_timer;
    bool resting;
    unsigned port;
    char host[WHERE_SIZE];
    char where[WHERE_SIZE];
};

static const char unix_prefix[] = "unix:";

static bool is_unix(const char *where)
{
    return strncmp(where, unix_prefix, sizeof unix_prefix - 1) == 0;
}

/* Unix sockets. */

/* A file that nobody answers at was left behind by a daemon that died. */
static int remove_stale(const struct sockaddr_un *address)
{
    struct stat status;
    if (lstat(address->sun_path, &status) != 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(status.st_mode))
        return -EEXIST;
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return -errno;
    bool alive = connect(probe, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN;
    close(probe);
    if (alive)
        return -EADDRINUSE;
    return unlink(address->sun_path) == 0 ? 0 : -errno;
}

static int bind_unix(int fd, const struct sockaddr_un *address, unsigned mode)
{
    int error = remove_stale(address);
    if (error)
        return error;
    mode_t mask = umask((mode_t)(0777 & ~mode)); /* so that the file never stands open wider, not for a moment */
    error = bind(fd, (const struct sockaddr *)address, sizeof *address) == 0 ? 0 : -errno;
    umask(mask);
    return error;
}

static int open_unix(struct listener *listener, const char *path, unsigned mode)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd < 0)
        return -errno;
    int error = bind_unix(listener->fd, &address, mode);
    if (error)
        return error;
    snprintf(listener->host, sizeof listener->host, "%s", path);
    snprintf(listener->where, sizeof listener->where, "%s%s", unix_prefix, path);
    return 0;
}

/* TCP. */

/* Splits "host:port" or "[host]:port"; an empty host or "*" is every address. */
static int split(const char *where, char *host, size_t room, const char **ret_port)
{
    const char *colon = strrchr(where, ':');
    if (!colon || (size_t)(colon - where) >= room)
        return -EINVAL;
    size_t size = (size_t)(colon - where);
    if (size >= 2 && where[0] == '[' && where[size - 1] == ']') {
        where++;
        size -= 2;
    }
    memcpy(host, where, size);
    host[size] = '\0';
    *ret_port = colon + 1;
    return 0;
}

static int resolve(const char *where, struct addrinfo **ret_found)
{
    char host[WHERE_SIZE];
    const char *port;
    int error = split(where, host, sizeof host, &port);
    if (error)
        return error;
    const struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM };
    bool every = host[0] == '\0' || strcmp(host, "*") == 0;
    return getaddrinfo(every ? NULL : host, port, &hints, ret_found) == 0 ? 0 : -EADDRNOTAVAIL;
}

static int bind_tcp(struct listener *listener, const struct addrinfo *to)
{
    int on = 1;
    listener->fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd < 0)
        return -errno;
    setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (to->ai_family == AF_INET6)
        setsockopt(listener->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    return bind(listener->fd, to->ai_addr, to->ai_addrlen) == 0 ? 0 : -errno;
}

static int open_tcp(struct listener *listener, const char *where)
{
    struct addrinfo *found;
    int error = resolve(where, &found);
    if (error)
        return error;
    error = bind_tcp(listener, found);
    freeaddrinfo(found);
    if (error)
        return error;
    struct sockaddr_storage bound = { 0 };
    socklen_t size = sizeof bound;
    if (getsockname(listener->fd, (struct sockaddr *)&bound, &size) != 0)
        return -errno;
    struct address address = address_of((const struct sockaddr *)&bound);
    address_host(&address, listener->host);
    address_text(&address, listener->where);
    listener->port = address.port;
    return 0;
}

/* Taking connections. */

static bool out_of_descriptors(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void rest(struct listener *listener, int error)
{
    if (!listener->resting)
        log_warning("accept_failed", "address=%s error=\"%s\" action=\"trying again every %d ms\"", listener->where,
                    strerror(error), REST_MS);
    listener->resting = true;
    event_del(listener->event);
    if (timer_set(&listener->loop->timers, &listener->rest_timer, loop_now_ms(listener->loop) + REST_MS) != 0)
        event_add(listener->event, NULL);
}

static void on_rested(struct timer *timer, uint64_t now_ms)
{
    struct listener *listener = (struct listener *)((char *)timer - offsetof(struct listener, rest_timer));
    (void)now_ms;
    event_add(listener->event, NULL);
}

static void take(struct listener *listener, int fd, const struct sockaddr_storage *from)
{
    struct address peer = address_of((const struct sockaddr *)from);
    int on = 1;
    if (listener->resting)
        log_info("accept_resumed", "address=%s", listener->where);
    listener->resting = false;
    if (peer.family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    listener->accepted(listener->arg, fd, &peer);
}

static void on_acceptable(evutil_socket_t listening, short what, void *arg)
{
    struct listener *listener = arg;
    (void)what;
    for (unsigned i = 0; i < ACCEPTS_MAX; i++) {
        struct sockaddr_storage from = { .ss_family = AF_UNIX };
        socklen_t size = sizeof from;
        int fd = accept4(listening, (struct sockaddr *)&from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            take(listener, fd, &from);
        else if (out_of_descriptors(errno))
            rest(listener, errno);
        if (fd < 0 && errno != ECONNABORTED && errno != EINTR)
            return;
    }
}

int listener_open(struct loop *loop, const char *where, unsigned unix_mode, listener_accepted *accepted, void *arg,
                  struct listener **ret_listener)
{
    struct listener *listener = calloc(1, sizeof *listener);
    if (!listener)
        return -ENOMEM;
    *listener = (struct listener){ .loop = loop, .accepted = accepted, .arg = arg, .fd = -1 };
    listener->rest_timer.fire = on_rested;
    int error = is_unix(where) ? open_unix(listener, where + sizeof unix_prefix - 1, unix_mode)
                               : open_tcp(listener, where);
    if (!error && listen(listener->fd, BACKLOG) != 0)
        error = -errno;
    if (error) {
        if (listener->fd >= 0)
            close(listener->fd);
        free(listener);
        return error;
    }
    *ret_listener = listener;
    return 0;
}

int listener_start(struct listener *listener)
{
    listener->event = event_new(listener->loop->base, listener->fd, EV_READ | EV_PERSIST, on_acceptable, listener);
    return listener->event && event_add(listener->event, NULL) == 0 ? 0 : -ENOMEM;
}

void listener_close(struct listener *listener)
{
    if (!listener)
        return;
    timer_clear(&listener->loop->timers, &listener->rest_timer);
    if (listener->event)
        event_free(listener->event);
    close(listener->fd);
    if (is_unix(listener->where))
        unlink(listener->host);
    free(listener);
}

const char *listener_where(const struct listener *listener)
{
    return listener->where;
}

const char *listener_host(const struct listener *listener)
{
    return listener->host;
}

unsigned listener_port(const struct listener *listener)
{
    return listener->port;
}
