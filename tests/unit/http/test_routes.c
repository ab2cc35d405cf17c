/* The table of routes, and the way through it. */
#include <check.h>

#include "http/routes.h"

static const struct route *find(enum http_method method, const char *path, struct slice *ret_parameter,
                                unsigned *ret_allowed)
{
    return route_find(method, slice_of(path), ret_parameter, ret_allowed);
}

START_TEST(row_is_a_path_with_one_star_at_most)
{
    const struct route *route = &routes[_i];
    const char *star = strchr(route->path, '*');
    ck_assert(route->path[0] == '/' && route->handle);
    ck_assert(route->method != HTTP_HEAD && route->method != HTTP_OPTIONS);
    ck_assert(!star || (star[-1] == '/' && (!star[1] || star[1] == '/') && !strchr(star + 1, '*')));
    ck_assert(!(route->flags & ROUTE_SAFE) || route->method == HTTP_GET);
}
END_TEST

START_TEST(row_can_be_reached)
{
    char path[256];
    struct slice parameter;
    unsigned allowed;
    size_t size = 0;
    for (const char *at = routes[_i].path; *at; at++)
        path[size++] = *at == '*' ? 'x' : *at;
    const struct route *found = route_find(routes[_i].method, slice_make(path, size), &parameter, &allowed);
    ck_assert_msg(found == &routes[_i], "%s is hidden behind another", routes[_i].path);
    ck_assert(slice_is(parameter, strchr(routes[_i].path, '*') ? "x" : ""));
}
END_TEST

START_TEST(head_goes_where_get_goes)
{
    struct slice parameter;
    unsigned allowed;
    const struct route *route = find(HTTP_HEAD, "/healthz", &parameter, &allowed);
    ck_assert(route && route->handle == health_alive);
}
END_TEST

START_TEST(other_method_is_told_which_there_are)
{
    struct slice parameter;
    unsigned allowed = 0;
    ck_assert(!find(HTTP_POST, "/healthz", &parameter, &allowed));
    ck_assert_uint_eq(allowed, 1u << HTTP_GET | 1u << HTTP_HEAD);
    ck_assert(!find(HTTP_DELETE, "/v1/topics/a", &parameter, &allowed));
    ck_assert(allowed & 1u << HTTP_GET);
}
END_TEST

static const char *const strays[] = {
    "", "/nope", "/healthz/", "/health", "/healthzz", "//healthz", "/HEALTHZ", "/v1", "/v1/", "/v1/topics",
    "/v1/topics/", "*",
};

START_TEST(unknown_path_has_nothing)
{
    struct slice parameter;
    unsigned allowed = 99;
    ck_assert_msg(!find(HTTP_GET, strays[_i], &parameter, &allowed), "%s", strays[_i]);
    ck_assert_uint_eq(allowed, 0);
}
END_TEST

START_TEST(star_is_what_stands_there_still_encoded)
{
    struct slice parameter;
    unsigned allowed;
    ck_assert(find(HTTP_GET, "/v1/topics/a%2Fb,c.>", &parameter, &allowed));
    ck_assert(slice_is(parameter, "a%2Fb,c.>"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("routes");
    TCase *routes_case = tcase_create("routes");
    tcase_add_loop_test(routes_case, row_is_a_path_with_one_star_at_most, 0, (int)route_count);
    tcase_add_loop_test(routes_case, row_can_be_reached, 0, (int)route_count);
    tcase_add_test(routes_case, head_goes_where_get_goes);
    tcase_add_test(routes_case, other_method_is_told_which_there_are);
    tcase_add_loop_test(routes_case, unknown_path_has_nothing, 0, (int)(sizeof strays / sizeof *strays));
    tcase_add_test(routes_case, star_is_what_stands_there_still_encoded);
    suite_add_tcase(suite, routes_case);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures != 0;
}
