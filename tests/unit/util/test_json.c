/* Text as JSON strings, compared with what cJSON reads back. */
#include "util/json.h"

#include <cjson/cJSON.h>

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

/* Each byte that asks for an escape, at each place of a word. */
START_TEST(every_byte_is_escaped_wherever_it_stands)
{
    char text[32], out[256];
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

int main(void)
{
    const TTest *const tests[] = {
        text_is_written_as_a_string,
        every_byte_is_escaped_wherever_it_stands,
        whatever_is_written_is_utf8_without_controls,
        NULL,
    };
    return unit_run("json", tests);
}
