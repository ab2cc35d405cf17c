/* login: a browser that has shown once who asks is known by a cookie from then on. */
#include <stdlib.h>

#include "auth/passes.h"
#include "config/config.h"
#include "http/cookie.h"
#include "http/http.h"
#include "http/inquiry.h"
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
    if (passes_issue(http->identity->passes, PASS_SESSION, user, &exchange->session->login,
                     loop_wall_ms(http->loop) + lifetime_ms, text) != 0) {
        answer_json(exchange, 200, NULL, NULL);
        return;
    }
    cookie_write(line, text, lifetime_ms / 1000, conn_is_secure(exchange_conn(exchange)));
    answer_user(exchange, line);
}

/* Goes to all workers, to end what the login has opened there. */
struct farewell {
    struct inquiry inquiry;
    uint64_t login;
};

static void farewell_visit(struct survey *survey, struct broker *broker)
{
    broker_log_out(broker, ((struct farewell *)survey)->login);
}

static void answer_farewell(struct exchange *exchange)
{
    char line[COOKIE_LINE_SIZE];
    cookie_write(line, "", 0, conn_is_secure(exchange_conn(exchange)));
    answer_empty(exchange, 204, line);
}

static void farewell_report(struct inquiry *inquiry)
{
    answer_farewell(inquiry->exchange);
}

static void farewell_destroy(struct inquiry *inquiry)
{
    free(inquiry);
}

/* The connection that asks hears the answer. */
void login_end(struct exchange *exchange)
{
    struct slice text;
    uint64_t login = cookie_read(exchange->request, &text) ? passes_revoke(exchange->http->identity->passes, text) : 0;
    if (!login) {
        answer_farewell(exchange);
        return;
    }
    struct farewell *farewell = malloc(sizeof *farewell);
    exchange->session->login.id = 0;
    if (farewell)
        *farewell = (struct farewell){
            .inquiry = { .survey.visit = farewell_visit, .report = farewell_report, .destroy = farewell_destroy },
            .login = login,
        };
    inquiry_send(farewell ? &farewell->inquiry : NULL, exchange);
}
