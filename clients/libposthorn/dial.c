#include "dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "posthorn.h"

/* What getaddrinfo has said. */
static int take(struct ph_dial *dial, int code, const char **ret_why)
{
    dial->next = dial->list;
    if (!code)
        return PH_OK;
    *ret_why = gai_strerror(code);
    return code == EAI_MEMORY ? PH_E_MEMORY : PH_E_RESOLVE;
}

int ph_dial_begin(struct ph_dial *dial, const struct ph_url *url, const char **ret_why)
{
    *dial = (struct ph_dial){ .url = url };
    if (url->path) {
        dial->unix_left = true;
        return PH_OK;
    }
    int code = ph_lookup_now(url->host, url->port, AI_NUMERICHOST, &dial->list);
    if (code != EAI_NONAME)
        return take(dial, code, ret_why);
    int error = ph_lookup_start(url->host, url->port, &dial->lookup);
    *ret_why = ph_strerror(error);
    return error;
}

int ph_dial_take(struct ph_dial *dial, const char **ret_why)
{
    int code = ph_lookup_take(dial->lookup, &dial->list);
    ph_lookup_leave(dial->lookup);
    dial->lookup = NULL;
    return take(dial, code, ret_why);
}

static int open_socket(int family, const struct sockaddr *address, socklen_t size)
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    if (connect(fd, address, size) == 0 || errno == EINPROGRESS)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int open_unix(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t size = strlen(path);
    if (size >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, size + 1);
    return open_socket(AF_UNIX, (const struct sockaddr *)&address, sizeof address);
}

int ph_dial_next(struct ph_dial *dial)
{
    if (dial->unix_left) {
        dial->unix_left = false;
        return open_unix(dial->url->path);
    }
    const struct addrinfo *at = dial->next;
    dial->next = at->ai_next;
    return open_socket(at->ai_family, at->ai_addr, at->ai_addrlen);
}

bool ph_dial_more(const struct ph_dial *dial)
{
    return dial->unix_left || dial->next;
}

void ph_dial_finish(struct ph_dial *dial)
{
    ph_lookup_leave(dial->lookup);
    if (dial->list)
        freeaddrinfo(dial->list);
    *dial = (struct ph_dial){ 0 };
}
