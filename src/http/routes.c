#include "http/routes.h"

/* clang-format off */
/* Of two rows that both fit, the first is taken. */
const struct route routes[] = {
    { HTTP_POST, "/v1/topics/*",   publish_topic,     RIGHT_PUBLISH,   0 },
    { HTTP_PUT,  "/v1/topics/*",   publish_topic,     RIGHT_PUBLISH,   0 },
    { HTTP_GET,  "/v1/topics/*",   read_topics,       RIGHT_SUBSCRIBE, 0 },
    { HTTP_POST, "/v1/publish",    publish_batch,     RIGHT_PUBLISH,   ROUTE_BATCH },
    { HTTP_POST, "/v1/request/*",  request_topic,     RIGHT_REQUEST,   0 },
    { HTTP_GET,  "/v1/requests/*", responder_take,    RIGHT_SUBSCRIBE, 0 },
    { HTTP_POST, "/v1/replies/*",  responder_reply,   RIGHT_PUBLISH,   0 },
    { HTTP_GET,  "/healthz",       health_alive,      RIGHT_NONE,      ROUTE_SAFE },
    { HTTP_GET,  "/readyz",        health_ready,      RIGHT_NONE,      ROUTE_SAFE },
    { HTTP_GET,  "/openapi.json",  describe_openapi,  RIGHT_MONITOR,   ROUTE_SAFE },
    { HTTP_GET,  "/asyncapi.json", describe_asyncapi, RIGHT_MONITOR,   ROUTE_SAFE },
    { HTTP_GET,  "/",              page_dashboard,    RIGHT_MONITOR,   ROUTE_SAFE },
    { HTTP_GET,  "/ui/*",          page_file,         RIGHT_MONITOR,   ROUTE_SAFE },
    { HTTP_GET,  "/metrics",       monitor_metrics,   RIGHT_MONITOR,   ROUTE_SAFE },
    { HTTP_GET,  "/varz",          monitor_varz,      RIGHT_MONITOR,   ROUTE_SAFE },
    { HTTP_GET,  "/connz",         monitor_connz,     RIGHT_MONITOR,   ROUTE_SAFE },
    { HTTP_GET,  "/subsz",         monitor_subsz,     RIGHT_MONITOR,   ROUTE_SAFE },
    { HTTP_GET,  "/topicz",        monitor_topics,    RIGHT_MONITOR,   ROUTE_SAFE },
};
/* clang-format on */
const size_t route_count = sizeof routes / sizeof *routes;

/* Does the path fit the route's? A "*" stands for what is left, or for as much as stands before the next '/'. */
static bool path_fits(const char *pattern, struct slice path, struct slice *ret_parameter)
{
    const char *at = path.data, *end = path.data + path.size;
    *ret_parameter = slice_make(path.data, 0);
    for (; *pattern && *pattern != '*'; pattern++, at++)
        if (at == end || *at != *pattern)
            return false;
    if (*pattern == '*') {
        const char *slash = pattern[1] ? memchr(at, '/', (size_t)(end - at)) : end;
        if (!slash || slash == at)
            return false;
        *ret_parameter = slice_make(at, (size_t)(slash - at));
        at = slash;
        pattern++;
    }
    return slice_is(slice_make(at, (size_t)(end - at)), pattern);
}

/* A bit set of the methods that a path has. */
static unsigned methods_of(struct slice path)
{
    unsigned methods = 0;
    struct slice parameter;
    for (size_t i = 0; i < route_count; i++)
        if (path_fits(routes[i].path, path, &parameter))
            methods |= 1u << routes[i].method;
    return methods & 1u << HTTP_GET ? methods | 1u << HTTP_HEAD : methods;
}

const struct route *route_find(enum http_method method, struct slice path, struct slice *ret_parameter,
                               unsigned *ret_allowed)
{
    enum http_method wanted = method == HTTP_HEAD ? HTTP_GET : method;
    struct slice parameter;
    for (size_t i = 0; i < route_count; i++)
        if (routes[i].method == wanted && path_fits(routes[i].path, path, &parameter)) {
            *ret_parameter = parameter;
            return &routes[i];
        }
    *ret_allowed = methods_of(path);
    return NULL;
}
