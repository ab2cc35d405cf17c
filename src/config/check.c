#include "config/check.h"

#include <string.h>

#include "config/config.h"
#include "util/units.h"

bool check_log(const char *text)
{
    return text[0] == '/' || strcmp(text, "stderr") == 0;
}

/* Room for the path of a unix socket, NUL included: that of sockaddr_un, which a room without sockets does not see. */
#define UNIX_PATH_SIZE 108

static bool is_unix_path(const char *path)
{
    return path[0] == '/' && strlen(path) < UNIX_PATH_SIZE;
}

static bool is_port(const char *text)
{
    uint64_t port;
    return units_parse_count(text, &port) && port <= 65535;
}

/* The ':' that parts host and port. NULL where there is no host, or one with colons and no brackets. */
static const char *find_port(const char *text)
{
    const char *from = text;
    if (text[0] == '[') {
        from = strchr(text, ']');
        return from && from > text + 1 && from[1] == ':' ? from + 1 : NULL;
    }
    from = strchr(text, ':');
    return from && from > text && !strpbrk(text, "[]") ? from : NULL;
}

bool check_address(const char *text)
{
    if (strncmp(text, "unix:", 5) == 0)
        return is_unix_path(text + 5);
    const char *colon = find_port(text);
    return colon && is_port(colon + 1);
}

static bool token_is_its_own(const struct config *config, const struct config_user *user)
{
    for (const struct config_user *other = config->users; user->token && other < user; other++)
        if (other->token && strcmp(other->token, user->token) == 0)
            return false;
    return true;
}

const char *check_user(const struct config *config, const void *instance)
{
    const struct config_user *user = instance;
    if (!user->password && !user->token)
        return "expected a password or a token";
    return token_is_its_own(config, user) ? NULL : "expected a token that no other user has";
}
