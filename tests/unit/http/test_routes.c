/* The table of routes, and the way through it. */

#include "../unit.h"
#include "http/routes.h"

static const struct route *find(enum http_method method, const char *path, struct slice *ret_parameters,
                                unsigned *ret_allowed)
{
    return route_find(&broker_routes, method, slice_of(path), ret_parameters, ret_allowed);
}

/* How many parameters a row has; each is a segment of its own, and only the last may be the rest. */
static unsigned count_parameters(const char *path)
{
    unsigned count = 0;
    for (const char *star = strchr(path, '*'); star; star = strchr(star, '*')) {
        ck_assert(star[-1] == '/');
        star += star[1] == '*' && !star[2] ? 2 : 1;
        ck_assert(*star == '/' || !*star);
        count++;
    }
    return count;
}

START_TEST(row_is_a_path_with_few_parameters)
{
    const struct route *route = &broker_routes.rows[_i];
    ck_assert(route->path[0] == '/' && route->handle);
    ck_assert(route->method != HTTP_HEAD && route->method != HTTP_OPTIONS);
    ck_assert_uint_le(count_parameters(route->path), ROUTE_PARAMETERS_MAX);
    ck_assert(!(route->flags & ROUTE_SAFE) || route->method == HTTP_GET);
}
END_TEST

START_TEST(row_can_be_reached)
{
    char path[256];
    struct slice parameters[ROUTE_PARAMETERS_MAX];
    const struct route *route = &broker_routes.rows[_i];
    unsigned allowed, count = count_parameters(route->path);
    size_t size = 0;
    for (const char *at = route->path; *at; at++)
        if (*at != '*' || at[-1] != '*')
            path[size++] = *at == '*' ? 'x' : *at;
    const struct route *found = route_find(&broker_routes, route->method, slice_make(path, size), parameters, &allowed);
    ck_assert_msg(found == route, "%s is hidden behind another", route->path);
    for (unsigned i = 0; i < ROUTE_PARAMETERS_MAX; i++)
        ck_assert(slice_is(parameters[i], i < count ? "x" : ""));
}
END_TEST

START_TEST(head_goes_where_get_goes)
{
    struct slice parameters[ROUTE_PARAMETERS_MAX];
    unsigned allowed;
    const struct route *route = find(HTTP_HEAD, "/healthz", parameters, &allowed);
    ck_assert(route && route->handle == health_alive);
}
END_TEST

START_TEST(other_method_is_told_which_there_are)
{
    struct slice parameters[ROUTE_PARAMETERS_MAX];
    unsigned allowed = 0;
    ck_assert(!find(HTTP_POST, "/healthz", parameters, &allowed));
    ck_assert_uint_eq(allowed, 1u << HTTP_GET | 1u << HTTP_HEAD);
    ck_assert(!find(HTTP_DELETE, "/v1/topics/a", parameters, &allowed));
    ck_assert(allowed & 1u << HTTP_GET);
}
END_TEST

static const char *const strays[] = {
    "", "/nope", "/healthz/", "/health", "/healthzz", "//healthz", "/HEALTHZ", "/v1", "/v1/", "/v1/topics",
    "/v1/topics/", "*",
};

START_TEST(unknown_path_has_nothing)
{
    struct slice parameters[ROUTE_PARAMETERS_MAX];
    unsigned allowed = 99;
    ck_assert_msg(!find(HTTP_GET, strays[_i], parameters, &allowed), "%s", strays[_i]);
    ck_assert_uint_eq(allowed, 0);
}
END_TEST

START_TEST(star_is_what_stands_there_still_encoded)
{
    struct slice parameters[ROUTE_PARAMETERS_MAX];
    unsigned allowed;
    ck_assert(find(HTTP_GET, "/v1/topics/a%2Fb,c.>", parameters, &allowed));
    ck_assert(slice_is(parameters[0], "a%2Fb,c.>"));
    ck_assert(find(HTTP_GET, "/v1/topics/a/b/sse", parameters, &allowed));
    ck_assert(slice_is(parameters[0], "a/b/sse"));
}
END_TEST

START_TEST(each_star_but_the_rest_is_one_segment)
{
    struct slice parameters[ROUTE_PARAMETERS_MAX];
    unsigned allowed = 0;
    ck_assert(find(HTTP_POST, "/v1/streams/a%20b/consumers/c/pull", parameters, &allowed));
    ck_assert(slice_is(parameters[0], "a%20b") && slice_is(parameters[1], "c"));
    ck_assert(!find(HTTP_GET, "/v1/streams/s/purge", parameters, &allowed));
    ck_assert_uint_eq(allowed, 1u << HTTP_POST);
    ck_assert(!find(HTTP_GET, "/v1/streams//consumers", parameters, &allowed));
    ck_assert_uint_eq(allowed, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("routes");
    TCase *routes_case = tcase_create("routes");
    tcase_add_loop_test(routes_case, row_is_a_path_with_few_parameters, 0, (int)broker_routes.row_count);
    tcase_add_loop_test(routes_case, row_can_be_reached, 0, (int)broker_routes.row_count);
    tcase_add_test(routes_case, head_goes_where_get_goes);
    tcase_add_test(routes_case, other_method_is_told_which_there_are);
    tcase_add_loop_test(routes_case, unknown_path_has_nothing, 0, (int)(sizeof strays / sizeof *strays));
    tcase_add_test(routes_case, star_is_what_stands_there_still_encoded);
    tcase_add_test(routes_case, each_star_but_the_rest_is_one_segment);
    suite_add_tcase(suite, routes_case);
    return unit_run_suite(suite, CK_FORK_GETENV);
}
