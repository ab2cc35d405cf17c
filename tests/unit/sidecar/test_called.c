/* Which service a path names, and what is asked of it. */
#include <stdio.h>

#include "sidecar/called.h"
#include "../unit.h"

static const struct path {
    const char *path, *query;
    const char *topic, *target; /* topic NULL: no service is named */
} paths[] = {
    { "/svc/users/42", "x=1", "svc.users.GET", "/42?x=1" },
    { "/svc/users", "", "svc.users.GET", "/" },
    { "/svc/users/", "a", "svc.users.GET", "/?a" },
    { "/svc/users", "a", "svc.users.GET", "/?a" },
    { "/svc/my-users_2/a%2Fb/../c//", "", "svc.my-users_2.GET", "/a%2Fb/../c//" },
    { "/svc", "", NULL, "" },
    { "/svc/", "", NULL, "" },
    { "/svc//x", "", NULL, "" },
    { "/svc/a.b/x", "", NULL, "" },
    { "/svc/*/x", "", NULL, "" },
    { "/svc/%75sers/x", "", NULL, "" },
};

START_TEST(paths_name_services)
{
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const struct path *path = &paths[i];
        struct called called;
        char topic[128], target[128];
        ck_assert_msg(called_find(slice_of("/svc"), slice_of(path->path), &called), "%s", path->path);
        ck_assert_msg((called.service.size > 0) == (path->topic != NULL), "%s", path->path);
        if (!path->topic)
            continue;
        called_write_topic(topic, slice_of("svc"), &called, "GET");
        called_write_target(target, &called, slice_of(path->query));
        ck_assert_str_eq(topic, path->topic);
        ck_assert_str_eq(target, path->target);
        ck_assert_uint_lt(strlen(topic), called_topic_size(slice_of("svc"), &called));
        ck_assert_uint_lt(strlen(target), called_target_size(&called, slice_of(path->query)));
    }
}
END_TEST

START_TEST(others_are_no_calls)
{
    struct called called;
    ck_assert(!called_find(slice_of("/svc"), slice_of("/svcs/users"), &called));
    ck_assert(!called_find(slice_of("/svc"), slice_of("/sv"), &called));
    ck_assert(!called_find(slice_of("/svc"), slice_of("/v1/svc/users"), &called));
    ck_assert(!called_find(slice_of("/svc"), slice_of("/"), &called));
}
END_TEST

START_TEST(a_long_name_is_none)
{
    char path[128];
    struct called called;
    snprintf(path, sizeof path, "/svc/%0*d/x", CALLED_NAME_SIZE_MAX, 0);
    called_find(slice_of("/svc"), slice_of(path), &called);
    ck_assert_uint_eq(called.service.size, CALLED_NAME_SIZE_MAX);
    snprintf(path, sizeof path, "/svc/%0*d/x", CALLED_NAME_SIZE_MAX + 1, 0);
    called_find(slice_of("/svc"), slice_of(path), &called);
    ck_assert_uint_eq(called.service.size, 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        paths_name_services,
        others_are_no_calls,
        a_long_name_is_none,
        NULL,
    };
    return unit_run("called", tests);
}
