/* tickets: for readers who cannot send a header, as a browser's EventSource: one use, in the query. */
#include "auth/passes.h"
#include "config/config.h"
#include "http/http.h"
#include "http/routes.h"

/* Where nobody has to be anybody a ticket is good for nothing, and harms nobody. */
void tickets_issue(struct exchange *exchange)
{
    const struct http *http = exchange->http;
    char ticket[PASS_TEXT_SIZE] = "none-is-needed";
    uint64_t lifetime_ms = http->config->http.ticket_lifetime_ms;
    int error = 0;
    if (exchange->session->user)
        error = passes_issue(http->identity->passes, PASS_TICKET, exchange->session->user, &exchange->session->login,
                             loop_wall_ms(http->loop) + lifetime_ms, ticket);
    cJSON *json = error ? NULL : cJSON_CreateObject();
    cJSON_AddStringToObject(json, "ticket", ticket);
    cJSON_AddNumberToObject(json, "expires_in", (double)lifetime_ms / 1000);
    answer_json(exchange, 201, json, "Cache-Control: no-store\r\n");
}
