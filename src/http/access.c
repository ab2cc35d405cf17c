#include "http/access.h"

#include "core/topic.h"
#include "http/exchange.h"

/* What is denied says nothing of what there is. */
static const char *const details[RIGHT_COUNT] = {
    [RIGHT_PUBLISH] = "The user has no right to publish to this topic.",
    [RIGHT_SUBSCRIBE] = "The user has no right to subscribe to all of these topics.",
    [RIGHT_MONITOR] = "The user has not the right to monitor.",
    [RIGHT_MANAGE] = "The user has not the right to manage.",
};

static void answer_refusal(struct exchange *exchange, enum right right)
{
    answer_problem(exchange, PROBLEM_FORBIDDEN, NULL, "%s", details[right] ? details[right] : "The user may not.");
}

void access_refuse(struct exchange *exchange, enum right right)
{
    session_deny(exchange->session, right_name(right), exchange->request->path);
    answer_refusal(exchange, right);
}

bool access_publish(struct exchange *exchange, struct slice topic)
{
    if (session_may_publish(exchange->session, topic))
        return true; /* else the door has told the audit */
    answer_refusal(exchange, RIGHT_PUBLISH);
    return false;
}

static bool reach_all(struct exchange *exchange, struct slice patterns, struct slice group, enum reach least)
{
    size_t cursor = 0;
    struct slice pattern;
    while (patterns_next(patterns, &cursor, &pattern))
        if (rights_reach(exchange->session->rights, pattern, group) < least) {
            session_deny(exchange->session, right_name(RIGHT_SUBSCRIBE), pattern);
            answer_refusal(exchange, RIGHT_SUBSCRIBE);
            return false;
        }
    return true;
}

bool access_read(struct exchange *exchange, struct slice patterns)
{
    return reach_all(exchange, patterns, slice_make(NULL, 0), REACH_PART);
}

bool access_read_all(struct exchange *exchange, struct slice patterns, struct slice group)
{
    return reach_all(exchange, patterns, group, REACH_WHOLE);
}
