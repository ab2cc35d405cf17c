#include "dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "posthorn.h"

int ph_dial_begin(struct ph_dial *dial, const struct ph_url *url, const char **ret_why)
{
    *dial = (struct ph_dial){ .url = url };
    if (url->path) {
        dial->unix_left = true;
        return PH_OK;
    }
    struct addrinfo wanted = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
    int code = getaddrinfo(url->host, url->port, &wanted, &dial->list);
    if (code == EAI_NONAME || code == EAI_NODATA || code == EAI_ADDRFAMILY) {
        /* AI_ADDRCONFIG hides loopback addresses from a machine without a network. */
        wanted.ai_flags = 0;
        code = getaddrinfo(url->host, url->port, &wanted, &dial->list);
    }
    if (code) {
        dial->list = NULL;
        *ret_why = gai_strerror(code);
        return code == EAI_MEMORY ? PH_E_MEMORY : PH_E_RESOLVE;
    }
    dial->next = dial->list;
    return PH_OK;
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
    if (dial->list)
        freeaddrinfo(dial->list);
    *dial = (struct ph_dial){ 0 };
}
