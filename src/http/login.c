/* login: a browser that has shown once who asks is known by a cookie from then on. */
#include "auth/passes.h"
#include "config/config.h"
#include "http/cookie.h"
#include "http/http.h"
#include "http/limits.h"
#include "http/routes.h"
#include "net/conn.h"
#include "net/secure.h"

static void answer_user(struct exchange *exchange, const char *headers)
{
    const struct user *user = exchange->session->user;
    cJSON *json = cJSON_CreateObject();
    if (user)
        cJSON_AddStringToObject(json, "user", user->name);
    else
        cJSON_AddNullToObject(json, "user");
    answer_json(exchange, 200, json, headers);
}

/* And what he may, of which he hears nowhere else. */
void login_show(struct exchange *exchange)
{
    const struct session *session = exchange->session;
    struct document document = { .failed = false };
    document_open(&document, NULL, '{');
    if (session->user)
        document_text(&document, "user", slice_of(session->user->name));
    else
        document_value(&document, "user", slice_of("null"));
    limits_put_user_whole(&document, exchange->http, session);
    document_close(&document, '}');
    document_answer(&document, exchange);
}

/* Whoever is nobody in particular needs no cookie. */
void login_begin(struct exchange *exchange)
{
    const struct http *http = exchange->http;
    const struct user *user = exchange->session->user;
    uint64_t lifetime_ms = http->config->http.session_lifetime_ms;
    char text[PASS_TEXT_SIZE], line[COOKIE_LINE_SIZE];
    if (!user) {
        answer_user(exchange, "Cache-Control: no-store\r\n");
        return;
    }
    if (passes_issue(http->identity->passes, PASS_SESSION, user, loop_wall_ms(http->loop) + lifetime_ms, text) != 0) {
        answer_json(exchange, 200, NULL, NULL);
        return;
    }
    cookie_write(line, text, lifetime_ms / 1000, conn_is_secure(exchange_conn(exchange)));
    answer_user(exchange, line);
}

void login_end(struct exchange *exchange)
{
    struct slice text;
    char line[COOKIE_LINE_SIZE];
    if (cookie_read(exchange->request, &text))
        passes_revoke(exchange->http->identity->passes, text);
    cookie_write(line, "", 0, conn_is_secure(exchange_conn(exchange)));
    answer_empty(exchange, 204, line);
}
