#include "http/routes.h"
#include "http/state.h"

static void answer_status(struct exchange *exchange, unsigned status, const char *body)
{
    answer(exchange, status, "application/json", slice_of(body), "Cache-Control: no-store\r\n");
}

void health_alive(struct exchange *exchange)
{
    answer_status(exchange, 200, "{\"status\":\"ok\"}");
}

/* Whoever balances load is to look elsewhere as soon as the clients are told to. */
void health_ready(struct exchange *exchange)
{
    const struct http_state *state = exchange->http->state;
    if (state->lame_duck || state->quiescing)
        answer_problem(exchange, PROBLEM_UNAVAILABLE, "Cache-Control: no-store\r\n", "The server is about to stop.");
    else
        answer_status(exchange, 200, "{\"status\":\"ready\"}");
}
