/* Which bytes are well-formed UTF-8; test_text.c has those that are clean besides. */
#include "util/utf8.h"

#include "../unit.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const struct slice valid[] = {
    { "", 0 },           { "a", 1 },           { "a\0b", 3 },           { "\n\x1b\x7f", 3 },
    { "\xc2\x80", 2 },   { "\xdf\xbf", 2 },    { "\xe0\xa0\x80", 3 },   { "\xed\x9f\xbf", 3 },
    { "\xee\x80\x80", 3 }, { "\xf0\x90\x80\x80", 4 }, { "\xf4\x8f\xbf\xbf", 4 },
    { "eight...gr\xc3\xbc\xc3\x9f" "e", 14 },
};

static const struct slice invalid[] = {
    { "\x80", 1 },         { "\xbf", 1 },         { "\xc0\x80", 2 },         { "\xc1\xbf", 2 },
    { "\xc3", 1 },         { "\xc3\x28", 2 },     { "\xe0\x9f\xbf", 3 },     { "\xe2\x82", 2 },
    { "\xe2\x82\x28", 3 }, { "\xed\xa0\x80", 3 }, { "\xf0\x8f\xbf\xbf", 4 }, { "\xf4\x90\x80\x80", 4 },
    { "\xf5\x80\x80\x80", 4 }, { "\xff", 1 },     { "eight...\xfe", 9 },     { "seven..\xe2\x82", 9 },
};

START_TEST(well_formed_text_is_valid)
{
    for (size_t i = 0; i < COUNT(valid); i++)
        unit_assert(utf8_valid(valid[i]));
}
END_TEST

START_TEST(broken_text_is_not_wherever_it_breaks)
{
    char text[160];
    for (size_t i = 0; i < COUNT(invalid); i++)
        for (size_t before = 0; before < 70; before++) {
            memset(text, 'a', sizeof text);
            memcpy(text + before, invalid[i].data, invalid[i].size);
            unit_assert(!utf8_valid(slice_make(text, before + invalid[i].size)));
            unit_assert(!utf8_valid(slice_make(text, before + invalid[i].size + 70)));
        }
}
END_TEST

START_TEST(a_character_has_its_size_and_a_cut_one_none)
{
    ck_assert_uint_eq(utf8_character_size(slice_make("\0x", 2)), 1);
    ck_assert_uint_eq(utf8_character_size(slice_make("", 0)), 0);
    static const char euro[] = "\xe2\x82\xac", clef[] = "\xf0\x9d\x84\x9e";
    for (size_t size = 1; size < 3; size++)
        ck_assert_uint_eq(utf8_character_size(slice_make(euro, size)), 0);
    ck_assert_uint_eq(utf8_character_size(slice_make(euro, 3)), 3);
    ck_assert_uint_eq(utf8_character_size(slice_make(clef, 3)), 0);
    ck_assert_uint_eq(utf8_character_size(slice_make(clef, 4)), 4);
}
END_TEST

START_TEST(what_is_broken_is_mended_and_the_rest_is_left)
{
    static const struct { struct slice text; const char *mended; } cases[] = {
        { { "", 0 }, "" },
        { { "eight...gr\xc3\xbc\xc3\x9f" "e", 15 }, "eight...gr\xc3\xbc\xc3\x9f" "e" },
        { { "a\xff" "b", 3 }, "a\xef\xbf\xbd" "b" },
        { { "\xe2\x82", 2 }, "\xef\xbf\xbd\xef\xbf\xbd" },
        { { "eight...\xe2\x82\xac\xed\xa0\x80", 14 },
          "eight...\xe2\x82\xac\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[64];
        size_t size = (size_t)(utf8_mend(out, cases[i].text) - out);
        ck_assert_uint_le(size, UTF8_MENDED_RATIO * cases[i].text.size);
        unit_assert(slice_is(slice_make(out, size), cases[i].mended));
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        well_formed_text_is_valid,
        broken_text_is_not_wherever_it_breaks,
        a_character_has_its_size_and_a_cut_one_none,
        what_is_broken_is_mended_and_the_rest_is_left,
        NULL,
    };
    return unit_run("utf8", tests);
}
