/* Nothing can be asked for that names no right: routes of both programs, verbs of the line, and of both APIs. */
#include "../unit.h"
#include "auth/rights.h"
#include "broker/webhooks.h"
#include "http/routes.h"
#include "jetstream/api.h"
#include "line/client.h"
#include "sidecar/web.h"

static void has_right(const char *name, enum right right)
{
    ck_assert_msg(right > RIGHT_UNSAID && right < RIGHT_COUNT, "%s names no right", name);
}

static void all_routes_have_rights(const struct route_table *table)
{
    ck_assert_uint_gt(table->row_count, 10);
    for (size_t i = 0; i < table->row_count; i++)
        has_right(table->rows[i].path, table->rows[i].right);
}

START_TEST(each_route_names_its_right)
{
    all_routes_have_rights(&broker_routes);
    all_routes_have_rights(&sidecar_routes);
}
END_TEST

/* What changes something takes more than to be somebody, but for what is one's own. */
START_TEST(what_changes_something_takes_a_right)
{
    for (size_t i = 0; i < broker_routes.row_count; i++) {
        const struct route *route = &broker_routes.rows[i];
        bool own = strcmp(route->path, "/v1/session") == 0 || strcmp(route->path, "/v1/tickets") == 0;
        if (route->method != HTTP_GET && !own)
            ck_assert_msg(route->right >= RIGHT_PUBLISH, "%s", route->path);
    }
}
END_TEST

START_TEST(each_verb_of_the_line_names_its_right)
{
    for (int verb = 0; verb < WIRE_VERB_COUNT; verb++)
        has_right("a verb of the line", verb_right((enum wire_verb)verb));
    ck_assert_int_eq(verb_right(WIRE_PUB), RIGHT_PUBLISH);
    ck_assert_int_eq(verb_right(WIRE_SUB), RIGHT_SUBSCRIBE);
}
END_TEST

START_TEST(each_endpoint_of_the_api_names_its_right)
{
    const char *path;
    enum right right;
    unsigned count = 0;
    for (; (path = api_endpoint(count, &right)); count++)
        has_right(path, right);
    ck_assert_uint_gt(count, 15);
}
END_TEST

START_TEST(each_question_about_webhooks_names_its_right)
{
    for (int ask = 0; ask < WEBHOOK_ASK_COUNT; ask++) {
        has_right("a question about webhooks", webhook_right((enum webhook_ask)ask));
        ck_assert_int_ge(webhook_right((enum webhook_ask)ask), RIGHT_MONITOR);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        each_route_names_its_right,
        what_changes_something_takes_a_right,
        each_verb_of_the_line_names_its_right,
        each_endpoint_of_the_api_names_its_right,
        each_question_about_webhooks_names_its_right,
        NULL,
    };
    return unit_run("tables", tests);
}
