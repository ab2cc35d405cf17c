/* exposure: whether strangers could come in where nobody has to say who he is. */
#include <string.h>

#include "config/config.h"
#include "util/network.h"

enum { HOST_SIZE = 64 };

/* The host of HOST:PORT or [IPV6]:PORT. False where it is longer than any that is of this machine alone. */
static bool cut_host(const char *address, char host[HOST_SIZE])
{
    bool bracketed = address[0] == '[';
    size_t size = strcspn(address + bracketed, bracketed ? "]" : ":");
    if (size >= HOST_SIZE)
        return false;
    memcpy(host, address + bracketed, size);
    host[size] = '\0';
    return true;
}

/* Of names only "localhost" counts (RFC 6761): what others stand for is known when they are looked up. */
static bool is_of_this_machine(const char *address)
{
    static const struct network loopbacks[] = {
        { .bytes = { 127 }, .size = 4, .bits = 8 },
        { .bytes = { [15] = 1 }, .size = 16, .bits = 128 },
    };
    struct network asked;
    char host[HOST_SIZE];
    if (strncmp(address, "unix:", 5) == 0)
        return true;
    if (!cut_host(address, host))
        return false;
    if (strcmp(host, "localhost") == 0)
        return true;
    if (!network_read(host, &asked) || asked.bits != 8 * asked.size)
        return false;
    for (size_t i = 0; i < sizeof loopbacks / sizeof *loopbacks; i++)
        if (network_contains(&loopbacks[i], asked.bytes, asked.size))
            return true;
    return false;
}

static const char *find_wide(const struct config_list *listen)
{
    for (size_t i = 0; i < listen->item_count; i++)
        if (!is_of_this_machine(listen->items[i]))
            return listen->items[i];
    return NULL;
}

bool config_anybody_may_enter(const struct config *config)
{
    return config->user_count == 0 && !config_has_jwt(config);
}

const char *config_exposure(const struct config *config, const char **ret_section)
{
    if (config->server.open || !config_anybody_may_enter(config))
        return NULL;
    const char *address = find_wide(&config->line.listen);
    *ret_section = "line";
    if (!address && config->http.enabled) {
        address = find_wide(&config->http.listen);
        *ret_section = "http";
    }
    return address;
}
