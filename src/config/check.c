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

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* The length of the host that text begins with; 0: none. */
static size_t host_size(const char *text)
{
    if (text[0] != '[')
        return strspn(text, LETTERS DIGITS "-._");
    size_t size = 1 + strspn(text + 1, "abcdefABCDEF" DIGITS ":.");
    return size > 1 && text[size] == ']' ? size + 1 : 0;
}

bool check_host(const char *text)
{
    size_t size = host_size(text);
    return size && !text[size];
}

bool check_origin(const char *text)
{
    size_t scheme_size = strspn(text, LETTERS DIGITS "+-.");
    const char *host = text + scheme_size + 3;
    if (strcmp(text, "*") == 0)
        return true;
    if (!scheme_size || strncmp(text + scheme_size, "://", 3) != 0 || !host_size(host))
        return false;
    const char *rest = host + host_size(host);
    return !*rest || (*rest == ':' && is_port(rest + 1));
}

const char *check_http(const struct config *config, const void *instance)
{
    const struct config_http *http = instance;
    (void)config;
    return http->request_timeout_ms <= http->request_timeout_max_ms
               ? NULL
               : "expected a request_timeout of at most request_timeout_max";
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
