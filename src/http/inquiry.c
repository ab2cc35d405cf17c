#include "http/inquiry.h"

#include "http/exchange.h"
#include "http/http.h"

static void inquiry_abandoned(void *arg)
{
    struct inquiry *inquiry = arg;
    inquiry->exchange = NULL; /* it is on its way, and is freed when it comes back */
}

static const struct hold_ops inquiry_hold_ops = { .abandoned = inquiry_abandoned };

static void inquiry_done(struct survey *survey)
{
    struct inquiry *inquiry = (struct inquiry *)survey;
    if (inquiry->exchange)
        inquiry->report(inquiry);
    inquiry->destroy(inquiry);
}

void inquiry_send(struct inquiry *inquiry, struct exchange *exchange)
{
    if (!inquiry) {
        answer_problem(exchange, PROBLEM_INTERNAL, NULL, "The server is short of memory.");
        return;
    }
    const struct broker_hooks *hooks = &exchange->http->broker->hooks;
    inquiry->exchange = exchange;
    inquiry->survey.done = inquiry_done;
    exchange_hold(exchange, &inquiry_hold_ops, inquiry);
    hooks->survey(hooks->arg, &inquiry->survey);
}
