/* audit: requests that change streams, consumers and webhooks are told of, with what came of them. */
#include <stdio.h>
#include <stdlib.h>

#include "http/client.h"
#include "http/fields.h"
#include "http/routes.h"
#include "util/json.h"

enum { NAME_MAX_SIZE = 128 };

/* Of what is made by a body that names it; empty: the path says it all. */
static struct slice name_in_body(const struct exchange *exchange, char room[NAME_MAX_SIZE])
{
    size_t size = 0;
    struct slice value = slice_make(NULL, 0);
    if (exchange->request->method == HTTP_POST && exchange->body.size && *exchange->body.data == '{')
        value = fields_member(exchange->body, "name");
    if (value.size < 2 || value.size > NAME_MAX_SIZE || !json_read_string(value, room, &size))
        size = 0;
    return slice_make(room, size);
}

void audit_begin(struct exchange *exchange)
{
    char room[NAME_MAX_SIZE];
    struct slice path = exchange->request->path;
    bool changes = exchange->route->right == RIGHT_MANAGE || (exchange->route->flags & ROUTE_AUDITED);
    if (!changes || (exchange->route->flags & ROUTE_PASSED))
        return;
    struct slice name = name_in_body(exchange, room);
    if (asprintf(&exchange->audited, "%.*s%s%.*s", SLICE_ARGS(path), name.size ? " " : "", SLICE_ARGS(name)) < 0)
        exchange->audited = NULL;
    exchange->session->is_audited = exchange->audited != NULL;
}

void audit_end(struct exchange *exchange, unsigned status)
{
    char reason[16];
    if (!exchange->audited)
        return;
    if (status == 403) { /* that it is denied has been told where it was */
        audit_forget(exchange);
        return;
    }
    snprintf(reason, sizeof reason, "status %u", status);
    audit_tell_of(exchange->session, (struct audit_entry){
        .event = AUDIT_ADMIN,
        .outcome = status < 400 ? AUDIT_DONE : AUDIT_FAILED,
        .action = http_method_names[exchange->route->method],
        .object = slice_of(exchange->audited),
        .reason = status < 400 ? NULL : reason,
    });
    audit_forget(exchange);
}

void audit_forget(struct exchange *exchange)
{
    free(exchange->audited);
    exchange->audited = NULL;
    exchange->session->is_audited = false;
}
