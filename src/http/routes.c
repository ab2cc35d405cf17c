#include "http/routes.h"

/* clang-format off */
/* Of two rows that both fit, the first is taken. */
static const struct route routes[] = {
    { HTTP_POST,   "/v1/topics/**",                     publish_topic,          RIGHT_PUBLISH,   0 },
    { HTTP_PUT,    "/v1/topics/**",                     publish_topic,          RIGHT_PUBLISH,   0 },
    { HTTP_GET,    "/v1/topics/**",                     read_topics,            RIGHT_SUBSCRIBE, 0 },
    { HTTP_POST,   "/v1/publish",                       publish_batch,          RIGHT_PUBLISH,   ROUTE_BATCH },
    { HTTP_POST,   "/v1/request/**",                    request_topic,          RIGHT_PUBLISH,   0 },
    { HTTP_GET,    "/v1/requests/**",                   responder_take,         RIGHT_SUBSCRIBE, 0 },
    { HTTP_POST,   "/v1/replies/**",                    responder_reply,        RIGHT_PUBLISH,   0 },
    { HTTP_GET,    "/v1/streams",                       streams_list,           RIGHT_LOOK,      0 },
    { HTTP_POST,   "/v1/streams",                       streams_create,         RIGHT_MANAGE,    0 },
    { HTTP_GET,    "/v1/streams/*",                     streams_get,            RIGHT_LOOK,      0 },
    { HTTP_PATCH,  "/v1/streams/*",                     streams_change,         RIGHT_MANAGE,    0 },
    { HTTP_DELETE, "/v1/streams/*",                     streams_delete,         RIGHT_MANAGE,    0 },
    { HTTP_POST,   "/v1/streams/*/purge",               streams_purge,          RIGHT_MANAGE,    0 },
    { HTTP_GET,    "/v1/streams/*/messages/*",          streams_get_message,    RIGHT_SUBSCRIBE, 0 },
    { HTTP_DELETE, "/v1/streams/*/messages/*",          streams_delete_message, RIGHT_MANAGE,    0 },
    { HTTP_GET,    "/v1/streams/*/consumers",           consumers_list,         RIGHT_LOOK,      0 },
    { HTTP_POST,   "/v1/streams/*/consumers",           consumers_create,       RIGHT_SUBSCRIBE, ROUTE_AUDITED },
    { HTTP_GET,    "/v1/streams/*/consumers/*",         consumers_get,          RIGHT_LOOK,      0 },
    { HTTP_PATCH,  "/v1/streams/*/consumers/*",         consumers_change,       RIGHT_SUBSCRIBE, ROUTE_AUDITED },
    { HTTP_DELETE, "/v1/streams/*/consumers/*",         consumers_delete,       RIGHT_SUBSCRIBE, ROUTE_AUDITED },
    { HTTP_POST,   "/v1/streams/*/consumers/*/pull",    consumers_pull,         RIGHT_SUBSCRIBE, 0 },
    { HTTP_POST,   "/v1/streams/*/consumers/*/ack",     consumers_ack,          RIGHT_SUBSCRIBE, 0 },
    { HTTP_POST,   "/v1/streams/*/consumers/*/nak",     consumers_nak,          RIGHT_SUBSCRIBE, 0 },
    { HTTP_POST,   "/v1/streams/*/consumers/*/extend",  consumers_extend,       RIGHT_SUBSCRIBE, 0 },
    { HTTP_GET,    "/v1/webhooks",                      webhooks_list,          RIGHT_MONITOR,   0 },
    { HTTP_POST,   "/v1/webhooks",                      webhooks_create,        RIGHT_MANAGE,    0 },
    { HTTP_GET,    "/v1/webhooks/*",                    webhooks_get,           RIGHT_MONITOR,   0 },
    { HTTP_PATCH,  "/v1/webhooks/*",                    webhooks_change,        RIGHT_MANAGE,    0 },
    { HTTP_DELETE, "/v1/webhooks/*",                    webhooks_delete,        RIGHT_MANAGE,    0 },
    { HTTP_POST,   "/v1/webhooks/*/enable",             webhooks_enable,        RIGHT_MANAGE,    0 },
    { HTTP_POST,   "/v1/webhooks/*/disable",            webhooks_disable,       RIGHT_MANAGE,    0 },
    { HTTP_POST,   "/v1/webhooks/*/rotate",             webhooks_rotate,        RIGHT_MANAGE,    0 },
    { HTTP_GET,    "/v1/webhooks/*/secrets",            webhooks_secrets,       RIGHT_MANAGE,    0 },
    { HTTP_POST,   "/v1/webhooks/*/verify",             webhooks_verify,        RIGHT_MANAGE,    0 },
    { HTTP_GET,    "/v1/webhooks/*/attempts",           webhooks_attempts,      RIGHT_MONITOR,   0 },
    { HTTP_POST,   "/v1/webhooks/*/example",            webhooks_example,       RIGHT_MANAGE,    0 },
    { HTTP_POST,   "/v1/webhooks/*/recover",            webhooks_recover,       RIGHT_MANAGE,    0 },
    { HTTP_POST,   "/v1/webhooks/*/resend",             webhooks_resend,        RIGHT_MANAGE,    0 },
    { HTTP_GET,    "/v1/webhooks/*/dead",               webhooks_dead,          RIGHT_MANAGE,    0 },
    { HTTP_POST,   "/v1/webhooks/*/replay",             webhooks_replay,        RIGHT_MANAGE,    0 },
    { HTTP_POST,   "/v1/tickets",                       tickets_issue,          RIGHT_MEMBER,    0 },
    { HTTP_GET,    "/v1/session",                       login_show,             RIGHT_MEMBER,    0 },
    { HTTP_POST,   "/v1/session",                       login_begin,            RIGHT_MEMBER,    0 },
    { HTTP_DELETE, "/v1/session",                       login_end,              RIGHT_MEMBER,    0 },
    { HTTP_GET,    "/healthz",                          health_alive,           RIGHT_ANYBODY,   ROUTE_SAFE },
    { HTTP_GET,    "/readyz",                           health_ready,           RIGHT_ANYBODY,   ROUTE_SAFE },
    { HTTP_GET,    "/openapi.json",                     describe_openapi,       RIGHT_MEMBER,    ROUTE_SAFE },
    { HTTP_GET,    "/asyncapi.json",                    describe_asyncapi,      RIGHT_MEMBER,    ROUTE_SAFE },
    { HTTP_GET,    "/",                                 page_dashboard,         RIGHT_ANYBODY,   ROUTE_SAFE },
    { HTTP_GET,    "/ui/**",                            page_file,              RIGHT_ANYBODY,   ROUTE_SAFE },
    { HTTP_GET,    "/metrics",                          monitor_metrics,        RIGHT_MONITOR,   ROUTE_SAFE },
    { HTTP_GET,    "/varz",                             monitor_varz,           RIGHT_MONITOR,   ROUTE_SAFE },
    { HTTP_GET,    "/connz",                            monitor_connz,          RIGHT_MONITOR,   ROUTE_SAFE },
    { HTTP_GET,    "/subsz",                            monitor_subsz,          RIGHT_MONITOR,   ROUTE_SAFE },
    { HTTP_GET,    "/jsz",                              monitor_jsz,            RIGHT_MONITOR,   ROUTE_SAFE },
    { HTTP_GET,    "/topicz",                           monitor_topics,         RIGHT_MONITOR,   ROUTE_SAFE },
};
/* clang-format on */
const struct route_table broker_routes = { .rows = routes, .row_count = sizeof routes / sizeof *routes };

/* One segment of the path at `at`, or with a second '*' all that is left, for the next parameter. NULL: there is none.
 * */
static const char *cut_parameter(const char **pattern, const char *at, const char *end, struct slice *ret_parameter)
{
    bool rest = (*pattern)[1] == '*';
    const char *slash = rest || at == end ? NULL : memchr(at, '/', (size_t)(end - at));
    const char *stop = slash ? slash : end;
    *ret_parameter = slice_make(at, (size_t)(stop - at));
    *pattern += rest ? 2 : 1;
    return stop == at ? NULL : stop;
}

/* Does the path fit the route's? */
static bool path_fits(const char *pattern, struct slice path, struct slice ret_parameters[ROUTE_PARAMETERS_MAX])
{
    const char *at = path.data, *end = path.data + path.size;
    unsigned count = 0;
    for (unsigned i = 0; i < ROUTE_PARAMETERS_MAX; i++)
        ret_parameters[i] = slice_make(path.data, 0);
    while (at && *pattern) {
        if (*pattern == '*')
            at = cut_parameter(&pattern, at, end, &ret_parameters[count++]);
        else if (at == end || *at++ != *pattern++)
            return false;
    }
    return at == end;
}

/* A bit set of the methods that a path has. */
static unsigned methods_of(const struct route_table *table, struct slice path)
{
    unsigned methods = 0;
    struct slice parameters[ROUTE_PARAMETERS_MAX];
    for (size_t i = 0; i < table->row_count; i++)
        if (path_fits(table->rows[i].path, path, parameters))
            methods |= 1u << table->rows[i].method;
    return methods & 1u << HTTP_GET ? methods | 1u << HTTP_HEAD : methods;
}

const struct route *route_find(const struct route_table *table, enum http_method method, struct slice path,
                               struct slice ret_parameters[ROUTE_PARAMETERS_MAX], unsigned *ret_allowed)
{
    enum http_method wanted = method == HTTP_HEAD ? HTTP_GET : method;
    for (size_t i = 0; i < table->row_count; i++)
        if (table->rows[i].method == wanted && path_fits(table->rows[i].path, path, ret_parameters))
            return &table->rows[i];
    *ret_allowed = methods_of(table, path);
    return NULL;
}
