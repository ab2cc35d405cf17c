/* Text as JSON strings, compared with what cJSON reads back; values checked and cut. */
#include "util/json.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#include "../unit.h"
#include "util/random.h"
#include "util/utf8.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

struct written {
    struct slice text;
    const char *json;
};

static const struct written written[] = {
    { { "", 0 }, "\"\"" },
    { { "orders.eu", 9 }, "\"orders.eu\"" },
    { { "say \"hello\"", 11 }, "\"say \\\"hello\\\"\"" },
    { { "a\\b/c", 5 }, "\"a\\\\b/c\"" },
    { { "\b\t\n\f\r", 5 }, "\"\\b\\t\\n\\f\\r\"" },
    { { "\0\x1f\x7f", 3 }, "\"\\u0000\\u001f\x7f\"" },
    { { "\xc3\xbc \xe2\x82\xac \xf0\x9d\x84\x9e", 11 }, "\"\xc3\xbc \xe2\x82\xac \xf0\x9d\x84\x9e\"" },
    { { "\xff", 1 }, "\"\xef\xbf\xbd\"" },
    { { "a\xe2\x82", 3 }, "\"a\xef\xbf\xbd\xef\xbf\xbd\"" },
    { { "12345678\xff" "12345678", 17 }, "\"12345678\xef\xbf\xbd" "12345678\"" },
};

static void check_sizes(struct slice text, size_t size)
{
    unit_assert(size <= json_string_size_max(text));
    unit_assert(size == json_string_size(text));
}

START_TEST(text_is_written_as_a_string)
{
    char out[128];
    for (size_t i = 0; i < COUNT(written); i++) {
        size_t size = (size_t)(json_write_string(out, written[i].text) - out);
        check_sizes(written[i].text, size);
        unit_assert(slice_is(slice_make(out, size), written[i].json));
    }
}
END_TEST

/* Each byte that asks for an escape, at each place of three times sixteen. */
START_TEST(every_byte_is_escaped_wherever_it_stands)
{
    char text[48], out[512];
    for (int byte = 1; byte < 0x80; byte++)
        for (size_t at = 0; at < sizeof text - 1; at++) {
            memset(text, 'x', sizeof text);
            text[at] = (char)byte;
            struct slice slice = slice_make(text, sizeof text - 1);
            char *end = json_write_string(out, slice);
            *end = '\0';
            check_sizes(slice, (size_t)(end - out));
            cJSON *json = cJSON_Parse(out);
            unit_assert(json && slice_is(slice, cJSON_GetStringValue(json)));
            cJSON_Delete(json);
        }
}
END_TEST

START_TEST(whatever_is_written_is_utf8_without_controls)
{
    struct random random;
    char text[40], out[256];
    random_init(&random, unit_seed("whatever_is_written_is_utf8_without_controls"));
    for (unsigned round = 0; round < 20000; round++) {
        struct slice slice = slice_make(text, random_below(&random, sizeof text));
        for (size_t i = 0; i < slice.size; i++)
            text[i] = (char)random_next(&random);
        size_t size = (size_t)(json_write_string(out, slice) - out);
        check_sizes(slice, size);
        unit_assert(utf8_valid(slice_make(out, size)));
        for (size_t i = 0; i < size; i++)
            unit_assert((unsigned char)out[i] >= 0x20);
    }
}
END_TEST

/* Reading. */

static size_t value_size(const char *text)
{
    return json_value_size(slice_make(text, strlen(text)));
}

START_TEST(whole_values_are_measured)
{
    static const char *const values[] = {
        "null", "true", "false", "0", "-0", "12", "-1.5e+10", "0.1E-2", "\"\"", "\"a\\\"b\\u00e9\\\\\"", "[]", "{}",
        "[ ]", "{ }", "[1,2]", "[ 1 , [ ] , { \"a\" : [ { } ] } ]", "{\"a\":1,\"b\":{\"c\":[]}}", "[\n\t1\r\n]",
    };
    char behind[64];
    for (size_t i = 0; i < COUNT(values); i++) {
        unit_assert(value_size(values[i]) == strlen(values[i]));
        strcpy(behind, values[i]);
        strcat(behind, ", 7]");
        unit_assert(value_size(behind) == strlen(values[i]));
    }
}
END_TEST

START_TEST(malformed_values_are_none)
{
    static const char *const bad[] = {
        "", " 1", "nul", "True", "+1", ".5", "1.", "1e", "-", "\"", "\"a", "\"\\x\"", "\"\\u12g4\"",
        "\"\\u12\"",
        "\"\n\"",
        "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "{a:1}", "{1:1}",
        "{\"a\" 1}", "[}", "{]", "[1}", "{\"a\":1]", "]", "'a'",
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        ck_assert_msg(value_size(bad[i]) == 0, "%s", bad[i]);
    ck_assert_uint_eq(json_value_size(slice_make("\"\\\0\"", 4)), 0);
}
END_TEST

/* Each prefix is in a block of its own size, so that a sanitizer sees what is read behind it. */
START_TEST(cut_values_are_none_and_nothing_behind_is_read)
{
    static const char whole[] = "{\"a\":[1.5,\"\\ud834\\udd1e\",true,null],\"b\":{}}";
    for (size_t size = 0; size < sizeof whole - 1; size++) {
        char *cut = malloc(size + !size);
        memcpy(cut, whole, size);
        unit_assert(json_value_size(slice_make(cut, size)) == 0);
        free(cut);
    }
    ck_assert_uint_eq(value_size(whole), sizeof whole - 1);
}
END_TEST

START_TEST(values_nest_to_a_bound)
{
    char text[2 * JSON_DEPTH_MAX + 3];
    for (size_t depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        size_t size = json_value_size(slice_make(text, 2 * depth));
        ck_assert_uint_eq(size, depth == JSON_DEPTH_MAX ? 2 * depth : 0);
    }
}
END_TEST

START_TEST(elements_and_members_are_walked)
{
    struct slice array = slice_of("[ 1 ,\"a,b\", [2,3] , {\"x\":[]}]");
    struct slice object = slice_of("{ \"a\" : 1,\"b\":[2, 3] , \"\":{}}");
    static const char *const elements[] = { "1", "\"a,b\"", "[2,3]", "{\"x\":[]}" };
    static const char *const members[] = { "\"a\"", "1", "\"b\"", "[2, 3]", "\"\"", "{}" };
    struct slice name, value;
    size_t cursor = 0, count = 0;
    for (; json_next_element(array, &cursor, &value); count++)
        ck_assert(slice_is(value, elements[count]));
    ck_assert_uint_eq(count, COUNT(elements));
    cursor = count = 0;
    for (; json_next_member(object, &cursor, &name, &value); count += 2)
        ck_assert(slice_is(name, members[count]) && slice_is(value, members[count + 1]));
    ck_assert_uint_eq(count, COUNT(members));
    cursor = 0;
    ck_assert(!json_next_element(slice_of("[ ]"), &cursor, &value));
    cursor = 0;
    ck_assert(!json_next_member(slice_of("{}"), &cursor, &name, &value));
}
END_TEST

START_TEST(strings_are_read)
{
    static const struct {
        const char *string;
        struct slice text;
    } rows[] = {
        { "\"\"", { "", 0 } },
        { "\"plain\"", { "plain", 5 } },
        { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", { "\"\\/\b\f\n\r\t", 8 } },
        { "\"\\u0041\\u00e9\\u20AC\\ud834\\udd1e\\u0000\"", { "A\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e\0", 11 } },
        { "\"\xc3\xa9\"", { "\xc3\xa9", 2 } },
    };
    static const char *const bad[] = {
        "\"\\ud834\"", "\"\\ud834x\"", "\"\\udd1e\"", "\"\\ud834\\u0041\"", "\"\\ud834\\n.....\"", "1", "[]", "null",
    };
    char out[64];
    size_t size;
    for (size_t i = 0; i < COUNT(rows); i++) {
        unit_assert(value_size(rows[i].string) == strlen(rows[i].string));
        unit_assert(json_read_string(slice_of(rows[i].string), out, &size));
        unit_assert(slice_equal(slice_make(out, size), rows[i].text));
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        unit_assert(value_size(bad[i]) && !json_read_string(slice_of(bad[i]), out, &size));
}
END_TEST

/* What one writes the other reads. */
START_TEST(strings_come_back_as_they_were_written)
{
    struct random random;
    char text[40], json[256], back[256];
    random_init(&random, unit_seed("strings_come_back_as_they_were_written"));
    for (unsigned round = 0; round < 20000; round++) {
        struct slice slice = slice_make(text, random_below(&random, sizeof text));
        for (size_t i = 0; i < slice.size; i++)
            text[i] = (char)random_below(&random, 0x80);
        size_t size = (size_t)(json_write_string(json, slice) - json), back_size;
        unit_assert(json_value_size(slice_make(json, size)) == size);
        unit_assert(json_read_string(slice_make(json, size), back, &back_size));
        unit_assert(slice_equal(slice_make(back, back_size), slice));
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        text_is_written_as_a_string,
        every_byte_is_escaped_wherever_it_stands,
        whatever_is_written_is_utf8_without_controls,
        whole_values_are_measured,
        malformed_values_are_none,
        cut_values_are_none_and_nothing_behind_is_read,
        values_nest_to_a_bound,
        elements_and_members_are_walked,
        strings_are_read,
        strings_come_back_as_they_were_written,
        NULL,
    };
    return unit_run("json", tests);
}
