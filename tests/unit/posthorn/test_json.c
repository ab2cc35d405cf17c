/* JSON of the command line: what is UTF-8, and strings and base64 that are valid whatever the bytes. */
#include "posthorn/json.h"

#include <stdlib.h>
#include <string.h>

#include "../unit.h"

typedef void write_fn(FILE *out, const char *data, size_t size);

static void expect(write_fn *write, const char *data, size_t size, const char *wanted)
{
    char *text = NULL;
    size_t text_size = 0;
    FILE *out = open_memstream(&text, &text_size);
    write(out, data, size);
    fclose(out);
    ck_assert_str_eq(text, wanted);
    free(text);
}

static bool is_utf8(const char *text)
{
    return utf8_valid(text, strlen(text));
}

START_TEST(utf8_is_what_unicode_says)
{
    static const char *const good[] = {
        "",
        "plain",
        "\x7f",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
        "a\xc3\xa9z",
    };
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc2",
        "\xc2z",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xef\xbf",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "a\xe2\x82",
        "\xf0\x90\x80",
        "\xe2\x82z",
        "\xf1\x80z\x80",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(is_utf8(good[i]), "good[%zu]", i);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!is_utf8(bad[i]), "bad[%zu]", i);
    ck_assert(utf8_valid("\0", 1));
}
END_TEST

START_TEST(strings_escape_what_they_must)
{
    expect(json_string, "", 0, "\"\"");
    expect(json_string, "a\"b\\c/", 6, "\"a\\\"b\\\\c/\"");
    expect(json_string, "\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"");
    expect(json_string, "\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\\u007f\"");
    expect(json_string, "\xe2\x82\xac", 3, "\"\xe2\x82\xac\"");
}
END_TEST

START_TEST(strings_replace_what_is_not_utf8)
{
    expect(json_string,
           "a\xff\xfe"
           "b",
           4, "\"a\\ufffd\\ufffdb\"");
    expect(json_string, "\xe2\x82", 2, "\"\\ufffd\\ufffd\"");
}
END_TEST

START_TEST(base64_is_padded)
{
    expect(json_base64, "", 0, "\"\"");
    expect(json_base64, "f", 1, "\"Zg==\"");
    expect(json_base64, "fo", 2, "\"Zm8=\"");
    expect(json_base64, "foo", 3, "\"Zm9v\"");
    expect(json_base64, "foobar", 6, "\"Zm9vYmFy\"");
    expect(json_base64, "\xff\xef\xbe\x00", 4, "\"/+++AA==\"");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { utf8_is_what_unicode_says, strings_escape_what_they_must,
                                   strings_replace_what_is_not_utf8, base64_is_padded, NULL };
    return unit_run("json", tests);
}
