#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

struct address address_of(const struct sockaddr *from)
{
    struct address address = { .family = (uint8_t)from->sa_family };
    if (from->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)from;
        memcpy(address.ip, v4_prefix, sizeof v4_prefix);
        memcpy(address.ip + sizeof v4_prefix, &v4->sin_addr, 4);
        address.port = ntohs(v4->sin_port);
    } else if (from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)from;
        memcpy(address.ip, &v6->sin6_addr, sizeof address.ip);
        address.port = ntohs(v6->sin6_port);
        if (memcmp(address.ip, v4_prefix, sizeof v4_prefix) == 0)
            address.family = AF_INET; /* an IPv4 peer at a socket that takes both */
    }
    return address;
}

struct address address_of_socket(int fd)
{
    struct sockaddr_storage storage;
    socklen_t size = sizeof storage;
    if (getsockname(fd, (struct sockaddr *)&storage, &size) != 0)
        return (struct address){ .family = 0 };
    return address_of((struct sockaddr *)&storage);
}

bool address_is_local(const struct address *address)
{
    static const uint8_t v6_loopback[16] = { [15] = 1 };
    if (address->family == AF_INET)
        return address->ip[sizeof v4_prefix] == 127;
    return address->family == AF_UNIX ||
           (address->family == AF_INET6 && memcmp(address->ip, v6_loopback, sizeof v6_loopback) == 0);
}

const char *address_host(const struct address *address, char *out)
{
    out[0] = '\0';
    if (address->family == AF_INET)
        inet_ntop(AF_INET, address->ip + sizeof v4_prefix, out, ADDRESS_TEXT_SIZE);
    else if (address->family == AF_INET6)
        inet_ntop(AF_INET6, address->ip, out, ADDRESS_TEXT_SIZE);
    return out;
}

const char *address_text(const struct address *address, char *out)
{
    char host[ADDRESS_TEXT_SIZE];
    address_host(address, host);
    if (address->family == AF_INET)
        snprintf(out, ADDRESS_TEXT_SIZE, "%.45s:%u", host, address->port);
    else if (address->family == AF_INET6)
        snprintf(out, ADDRESS_TEXT_SIZE, "[%.45s]:%u", host, address->port);
    else
        snprintf(out, ADDRESS_TEXT_SIZE, "%s", address->family == AF_UNIX ? "unix" : "unknown");
    return out;
}

struct slice address_place(const struct address *address)
{
    size_t size = address->family == AF_INET6 ? sizeof address->ip / 2 : sizeof address->ip;
    return slice_make((const char *)address->ip, size);
}

struct slice address_place_counted(const struct address *address)
{
    bool has_host = address->family == AF_INET || address->family == AF_INET6;
    return has_host ? address_place(address) : slice_make(NULL, 0);
}

bool address_same_host(const struct address *a, const struct address *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}
