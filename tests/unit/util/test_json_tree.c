/* Trees of JSON: how deep, what may stand behind the value, and NULs. */
#include "util/json_tree.h"

#include <stdlib.h>

#include "../unit.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

static bool parses(struct slice text, unsigned depth_max)
{
    cJSON *json = json_tree_parse(text, depth_max);
    cJSON_Delete(json);
    return json;
}

START_TEST(one_value_is_taken_with_blanks_around_it)
{
    static const char *const good[] = { "{}", " {\"a\":[1]}\r\n\t ", "null", "\"x\"", "7", "[[]]" };
    static const char *const bad[] = { "", " ", "{} x", "{}{}", "{", "[1", "\"x", "}", "{\"a\"}", "nul" };
    for (size_t i = 0; i < COUNT(good); i++)
        ck_assert_msg(parses(slice_of(good[i]), 8), "%s", good[i]);
    for (size_t i = 0; i < COUNT(bad); i++)
        ck_assert_msg(!parses(slice_of(bad[i]), 8), "%s", bad[i]);
    ck_assert(!parses(slice_make(NULL, 0), 8));
    ck_assert(!parses(slice_make("{}\0", 3), 8));
}
END_TEST

START_TEST(what_stands_behind_the_slice_is_not_read)
{
    ck_assert(parses(slice_make("{}x", 2), 8));
    ck_assert(!parses(slice_make("[1]", 2), 8));
    ck_assert(parses(slice_make("12", 1), 8));
}
END_TEST

START_TEST(objects_and_arrays_nest_at_most_so_deep)
{
    ck_assert(parses(slice_of("[{\"a\":[]},[[1]],[[2]]]"), 3));
    ck_assert(!parses(slice_of("[{\"a\":[[]]}]"), 3));
    ck_assert(parses(slice_of("[\"[[[[{{{{\",\"\\\"[[[[\"]"), 1));
    ck_assert(!parses(slice_of("[\"\\\\\",[]]"), 1));
    ck_assert(parses(slice_of("1"), 0));
    ck_assert(!parses(slice_of("[]"), 0));
}
END_TEST

START_TEST(hostile_depth_costs_no_stack)
{
    enum { SIZE = 1 << 20 };
    char *text = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        text[i] = i % 5 == 0 ? '{' : "\"a\":"[i % 5 - 1];
    ck_assert(!parses(slice_make(text, SIZE), JSON_DEPTH_MAX));
    memset(text, '[', SIZE);
    ck_assert(!parses(slice_make(text, SIZE), JSON_DEPTH_MAX));
    free(text);
}
END_TEST

START_TEST(nul_is_found_as_itself_and_as_an_escape)
{
    ck_assert(!json_has_nul(slice_of("{\"a\":\"b\"}")));
    ck_assert(json_has_nul(slice_make("a\0b", 3)));
    ck_assert(!json_has_nul(slice_make("ab\0", 2)));
    ck_assert(json_has_nul(slice_of("\"a\\u0000\"")));
    ck_assert(!json_has_nul(slice_of("\"a\\\\u0000\"")));
    ck_assert(json_has_nul(slice_of("\"a\\\\\\u0000\"")));
    ck_assert(!json_has_nul(slice_of("\"u0000\\u0001\"")));
    ck_assert(!json_has_nul(slice_of("\\u000")));
    ck_assert(!json_has_nul(slice_of("\\")));
    ck_assert(!json_has_nul(slice_make(NULL, 0)));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        one_value_is_taken_with_blanks_around_it, what_stands_behind_the_slice_is_not_read,
        objects_and_arrays_nest_at_most_so_deep, hostile_depth_costs_no_stack, nul_is_found_as_itself_and_as_an_escape,
        NULL,
    };
    return unit_run("json_tree", tests);
}
