/* Topics, patterns and groups: what the library lets onto a control line. */
#include "libposthorn/topic.h"

#include <stdlib.h>
#include <string.h>

#include "../unit.h"

START_TEST(topics_and_patterns_are_told_apart)
{
    static const struct {
        const char *text;
        bool topic, pattern;
    } cases[] = {
        { "a", true, true },
        { "a.b.c", true, true },
        { "$JS.API.INFO", true, true },
        { "gr\xc3\xbc\xc3\x9f", true, true },
        { "a*", true, true },
        { "a.*b", true, true },
        { "a>", true, true },
        { "a.>b.c", true, true },
        { "a**", true, true },
        { "**", true, true },
        { ">>", true, true },
        { "a-b_c/d", true, true },
        { "*", false, true },
        { "a.*", false, true },
        { "*.a", false, true },
        { "a.*.b", false, true },
        { ">", false, true },
        { "a.>", false, true },
        { "*.>", false, true },
        { ">.a", false, false },
        { "a.>.b", false, false },
        { "", false, false },
        { ".", false, false },
        { ".a", false, false },
        { "a.", false, false },
        { "a..b", false, false },
        { "a b", false, false },
        { "a\tb", false, false },
        { "a\r\n", false, false },
        { "a\nPUB x 0", false, false },
        { " a", false, false },
        { "a\x7f", false, false },
        { "a\x01", false, false },
        { "*.", false, false },
        { ">.", false, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = cases[i].text;
        ck_assert_msg(ph_topic_size(text) == (cases[i].topic ? strlen(text) : 0), "topic '%s'", text);
        ck_assert_msg(ph_pattern_size(text) == (cases[i].pattern ? strlen(text) : 0), "pattern '%s'", text);
    }
}
END_TEST

START_TEST(groups_are_names_without_blanks)
{
    ck_assert_uint_eq(ph_group_size("workers"), 7);
    ck_assert_uint_eq(ph_group_size("a.b"), 3);
    ck_assert_uint_eq(ph_group_size(""), 0);
    ck_assert_uint_eq(ph_group_size("a b"), 0);
    ck_assert_uint_eq(ph_group_size("a\n"), 0);
}
END_TEST

START_TEST(length_is_bounded)
{
    char *text = malloc(PH_TOPIC_SIZE_MAX + 2);
    memset(text, 'a', PH_TOPIC_SIZE_MAX + 1);
    text[PH_TOPIC_SIZE_MAX + 1] = '\0';
    ck_assert_uint_eq(ph_topic_size(text), 0);
    ck_assert_uint_eq(ph_group_size(text), 0);
    text[PH_TOPIC_SIZE_MAX] = '\0';
    ck_assert_uint_eq(ph_topic_size(text), PH_TOPIC_SIZE_MAX);
    ck_assert_uint_eq(ph_group_size(text), PH_TOPIC_SIZE_MAX);
    free(text);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { topics_and_patterns_are_told_apart, groups_are_names_without_blanks,
                                          length_is_bounded, NULL };
    return unit_run("topic", tests);
}
