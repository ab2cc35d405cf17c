/* JSON of the command line: strings and base64 that are valid whatever the bytes. */
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

/* Written in pieces, of which only the last may be padded. */
START_TEST(long_data_is_padded_once)
{
    enum { SIZE = 5000 };
    char data[SIZE], wanted[SIZE * 4 / 3 + 8];
    memset(data, 0, sizeof data);
    memset(wanted, 'A', sizeof wanted);
    wanted[0] = '"';
    strcpy(wanted + 1 + (SIZE + 2) / 3 * 4 - 1, "=\"");
    expect(json_base64, data, sizeof data, wanted);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { strings_escape_what_they_must, strings_replace_what_is_not_utf8,
                                   base64_is_padded, long_data_is_padded_once, NULL };
    return unit_run("json", tests);
}
