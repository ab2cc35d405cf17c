/* The JSON scanner: what is an object and what is not, values, depth, escapes; and strings written. */
#include "libposthorn/json.h"

#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"

/* The number of fields; -1: malformed. The text stands in a block of exactly its size, for AddressSanitizer. */
static int fields(const char *text, size_t size)
{
    char *copy = malloc(size ? size : 1);
    struct ph_json json;
    struct ph_json_field field;
    int count = 0, more;
    memcpy(copy, text, size);
    ph_json_init(&json, slice_make(copy, size));
    while ((more = ph_json_next(&json, &field)) > 0) {
        char out[16];
        if (field.kind == PH_JSON_STRING)
            ph_json_decode(field.text, out, sizeof out);
        count++;
    }
    free(copy);
    return more < 0 ? -1 : count;
}

START_TEST(objects_are_told_from_what_is_none)
{
    static const struct {
        const char *text;
        int count;
    } cases[] = {
        { "{}", 0 },
        { " { } \r\n\t", 0 },
        { "{\"a\":1}", 1 },
        { "{\"a\":1,\"b\":\"x\",\"c\":true,\"d\":false,\"e\":null}", 5 },
        { "{ \"a\" : [ ] , \"b\" : { } }", 2 },
        { "{\"a\":[1,\"x\",[2,{\"b\":[]}],{}],\"c\":{\"d\":{\"e\":[null]},\"f\":0}}", 2 },
        { "{\"a\":-0.5e+10,\"b\":0,\"c\":1E5,\"d\":10.25}", 4 },
        { "{\"\\u0041\\n\\\"\\\\\\/\\b\\f\\r\\t\":\"\\ud83d\\ude00\"}", 1 },
        { "", -1 },
        { "[]", -1 },
        { "1", -1 },
        { "{", -1 },
        { "}", -1 },
        { "{} x", -1 },
        { "{}{}", -1 },
        { "{,}", -1 },
        { "{\"a\"}", -1 },
        { "{\"a\":}", -1 },
        { "{\"a\":1,}", -1 },
        { "{\"a\":1 \"b\":2}", -1 },
        { "{a:1}", -1 },
        { "{'a':1}", -1 },
        { "{\"a\":01}", -1 },
        { "{\"a\":+1}", -1 },
        { "{\"a\":-}", -1 },
        { "{\"a\":1.}", -1 },
        { "{\"a\":.5}", -1 },
        { "{\"a\":1e}", -1 },
        { "{\"a\":tru}", -1 },
        { "{\"a\":True}", -1 },
        { "{\"a\":\"x}", -1 },
        { "{\"a\":\"\\x\"}", -1 },
        { "{\"a\":\"\\u12g4\"}", -1 },
        { "{\"a\":\"\\ud800\"}", -1 },
        { "{\"a\":\"\\ud800x\"}", -1 },
        { "{\"a\":\"\\ud800\\u0041\"}", -1 },
        { "{\"a\":\"\\udc00\"}", -1 },
        { "{\"a\":\"\n\"}", -1 },
        { "{\"a\":[1,]}", -1 },
        { "{\"a\":[,1]}", -1 },
        { "{\"a\":[1 2]}", -1 },
        { "{\"a\":[1}", -1 },
        { "{\"a\":{\"b\"]}", -1 },
        { "{\"a\":{\"b\":1]}", -1 },
        { "{\"a\":{1:2}}", -1 },
        { "{\"a\":{\"b\":1,}}", -1 },
        { "{\"a\":[", -1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int count = fields(cases[i].text, strlen(cases[i].text));
        ck_assert_msg(count == cases[i].count, "'%s' gives %d", cases[i].text, count);
    }
}
END_TEST

START_TEST(every_cut_of_an_object_is_malformed)
{
    static const char text[] = "{\"a\":[1,{\"b\":\"\\ud83d\\ude00\"}],\"c\":-1.5e3,\"d\":true}";
    ck_assert_int_eq(fields(text, sizeof text - 1), 3);
    for (size_t size = 0; size < sizeof text - 1; size++)
        ck_assert_int_eq(fields(text, size), -1);
}
END_TEST

/* {"a":[[[...]]]} */
static int nested(unsigned depth)
{
    char text[512];
    size_t size = (size_t)sprintf(text, "{\"a\":");
    memset(text + size, '[', depth);
    memset(text + size + depth, ']', depth);
    size += 2 * depth;
    text[size++] = '}';
    return fields(text, size);
}

START_TEST(depth_is_bounded)
{
    ck_assert_int_eq(nested(1), 1);
    ck_assert_int_eq(nested(PH_JSON_DEPTH_MAX), 1);
    ck_assert_int_eq(nested(PH_JSON_DEPTH_MAX + 1), -1);
    ck_assert_int_eq(nested(200), -1);
}
END_TEST

START_TEST(strings_are_decoded_and_cut_between_characters)
{
    static const struct {
        const char *text;
        size_t size;
        const char *out;
    } cases[] = {
        { "", 1, "" },
        { "abc", 4, "abc" },
        { "abc", 3, "ab" },
        { "abc", 1, "" },
        { "a\\n\\\"\\u00e9", 16, "a\n\"\xc3\xa9" },
        { "\\u20ac", 4, "\xe2\x82\xac" },
        { "\\u20ac", 3, "" },
        { "\\ud83d\\ude00", 5, "\xf0\x9f\x98\x80" },
        { "x\\ud83d\\ude00", 5, "x" },
        { "gr\xc3\xbc\xc3\x9f", 5, "gr\xc3\xbc" },
        { "gr\xc3\xbc\xc3\x9f", 6, "gr\xc3\xbc" },
        { "\xc3\\\\x", 8, "\xc3\\x" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[16];
        ph_json_decode(slice_of(cases[i].text), out, cases[i].size);
        ck_assert_msg(strcmp(out, cases[i].out) == 0, "'%s' gives '%s'", cases[i].text, out);
    }
}
END_TEST

START_TEST(whole_numbers_are_read_up_to_a_maximum)
{
    static const struct {
        const char *text;
        bool good;
        unsigned long long number;
    } cases[] = {
        { "0", true, 0 },
        { "1000", true, 1000 },
        { "1001", false, 0 },
        { "-1", false, 0 },
        { "1.0", false, 0 },
        { "1e2", false, 0 },
        { "99999999999999999999", false, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ph_json_field field = { .kind = PH_JSON_NUMBER, .text = slice_of(cases[i].text) };
        unsigned long long number = 0;
        ck_assert(ph_json_number(&field, 1000, &number) == cases[i].good);
        ck_assert_uint_eq(number, cases[i].number);
    }
    struct ph_json_field text = { .kind = PH_JSON_STRING, .text = slice_of("1") };
    unsigned long long unused;
    ck_assert(!ph_json_number(&text, 1000, &unused));
}
END_TEST

START_TEST(written_strings_read_back)
{
    static const char text[] = "a\"b\\c\n\t\x01\x7f gr\xc3\xbc\xc3\x9f";
    struct ph_buffer buffer = { 0 };
    struct ph_json json;
    struct ph_json_field field;
    char out[64];
    ck_assert(ph_buffer_add_text(&buffer, "{\"x\":") && ph_json_write(&buffer, text) &&
              ph_buffer_add_text(&buffer, "}"));
    ph_json_init(&json, slice_make(buffer.data, buffer.size));
    ck_assert_int_eq(ph_json_next(&json, &field), 1);
    ph_json_decode(field.text, out, sizeof out);
    ck_assert_str_eq(out, text);
    ck_assert_int_eq(ph_json_next(&json, &field), 0);
    ph_buffer_finish(&buffer);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        objects_are_told_from_what_is_none,
        every_cut_of_an_object_is_malformed,
        depth_is_bounded,
        strings_are_decoded_and_cut_between_characters,
        whole_numbers_are_read_up_to_a_maximum,
        written_strings_read_back,
        NULL,
    };
    return unit_run("json", tests);
}
