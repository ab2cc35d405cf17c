/* What the descriptions say of the routes is so, both ways. */
#include <cjson/cJSON.h>
#include <stdlib.h>

#include "../unit.h"
#include "http/describe.h"
#include "http/routes.h"

static cJSON *document;

static void setup(void)
{
    const struct embedded *file = embedded_find(describe_files, describe_file_count, slice_of("openapi.json"));
    ck_assert(file);
    document = cJSON_ParseWithLength((const char *)file->data, file->size);
    ck_assert_msg(document, "openapi.json is no JSON");
}

static void teardown(void)
{
    cJSON_Delete(document);
}

static enum http_method method_of(const char *name)
{
    for (unsigned i = 0; i < HTTP_METHOD_COUNT; i++)
        if (strcasecmp(http_method_names[i], name) == 0)
            return (enum http_method)i;
    return HTTP_METHOD_COUNT;
}

/* "/v1/topics/{topics}/sse" becomes "/v1/topics/x/sse". */
static size_t fill_in(const char *path, char out[256])
{
    size_t size = 0;
    while (*path) {
        out[size++] = *path == '{' ? 'x' : *path;
        path = *path == '{' ? strchr(path, '}') + 1 : path + 1;
    }
    return size;
}

/* NULL: none. */
static const struct route *route_of(const cJSON *path, const cJSON *operation)
{
    char filled[256];
    struct slice parameters[ROUTE_PARAMETERS_MAX];
    unsigned allowed;
    enum http_method method = method_of(operation->string);
    ck_assert_msg(method != HTTP_METHOD_COUNT, "%s is no method", operation->string);
    return route_find(&broker_routes, method, slice_make(filled, fill_in(path->string, filled)), parameters, &allowed);
}

static bool is_open_to_all(const cJSON *operation)
{
    const cJSON *security = cJSON_GetObjectItem(operation, "security");
    return security && cJSON_GetArraySize(security) == 0;
}

START_TEST(what_is_described_can_be_asked_for)
{
    const cJSON *path, *operation;
    cJSON_ArrayForEach(path, cJSON_GetObjectItem(document, "paths"))
        cJSON_ArrayForEach(operation, path) {
            const struct route *route = route_of(path, operation);
            ck_assert_msg(route, "%s %s is described, and is not there", operation->string, path->string);
            ck_assert_msg(is_open_to_all(operation) == (route->right == RIGHT_ANYBODY),
                          "%s %s: who may ask is described otherwise", operation->string, path->string);
        }
}
END_TEST

/* Who has to be somebody may be told 401, and who has to have a right 403. */
START_TEST(who_may_be_refused_is_described)
{
    const cJSON *path, *operation;
    cJSON_ArrayForEach(path, cJSON_GetObjectItem(document, "paths"))
        cJSON_ArrayForEach(operation, path) {
            const struct route *route = route_of(path, operation);
            const cJSON *responses = cJSON_GetObjectItem(operation, "responses");
            bool needs_user = route && route->right != RIGHT_ANYBODY;
            bool needs_right = needs_user && route->right != RIGHT_MEMBER;
            ck_assert_msg(!cJSON_GetObjectItem(responses, "401") == !needs_user, "%s %s: 401", operation->string,
                          path->string);
            ck_assert_msg(!cJSON_GetObjectItem(responses, "403") == !needs_right, "%s %s: 403", operation->string,
                          path->string);
        }
}
END_TEST

START_TEST(what_can_be_asked_for_is_described)
{
    bool *described = calloc(broker_routes.row_count, sizeof *described);
    const cJSON *path, *operation;
    cJSON_ArrayForEach(path, cJSON_GetObjectItem(document, "paths"))
        cJSON_ArrayForEach(operation, path) {
            const struct route *route = route_of(path, operation);
            if (route)
                described[route - broker_routes.rows] = true;
        }
    for (size_t i = 0; i < broker_routes.row_count; i++) {
        const struct route *route = &broker_routes.rows[i];
        ck_assert_msg(described[i], "%s %s is not described", http_method_names[route->method], route->path);
    }
    free(described);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("describe");
    TCase *tcase = tcase_create("describe");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_is_described_can_be_asked_for);
    tcase_add_test(tcase, who_may_be_refused_is_described);
    tcase_add_test(tcase, what_can_be_asked_for_is_described);
    suite_add_tcase(suite, tcase);
    return unit_run_suite(suite, CK_FORK_GETENV);
}
