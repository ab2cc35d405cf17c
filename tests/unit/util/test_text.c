/* Words that were mistyped, and bytes that are to be shown. */
#include <stdlib.h>

#include "../unit.h"
#include "util/text.h"

#define COUNT(list) (int)(sizeof(list) / sizeof *(list))

struct pair {
    const char *a, *b;
    size_t distance;
};

static const struct pair pairs[] = {
    { "", "", 0 },
    { "", "abc", 3 },
    { "listen", "listen", 0 },
    { "ping_intervall", "ping_interval", 1 },
    { "lsiten", "listen", 1 },     /* neighbours exchanged */
    { "lisen", "listen", 1 },      /* one missing */
    { "lixten", "listen", 1 },     /* one wrong */
    { "kitten", "sitting", 3 },
    { "ab", "ba", 1 },
    { "abcdef", "badcfe", 3 },
};

START_TEST(distance_counts_edits_either_way)
{
    ck_assert_uint_eq(text_distance(pairs[_i].a, pairs[_i].b), pairs[_i].distance);
    ck_assert_uint_eq(text_distance(pairs[_i].b, pairs[_i].a), pairs[_i].distance);
}
END_TEST

START_TEST(distance_of_long_words_is_out_of_reach)
{
    char longest[TEXT_WORD_SIZE_MAX + 1] = "", longer[TEXT_WORD_SIZE_MAX + 2] = "";
    memset(longest, 'a', TEXT_WORD_SIZE_MAX);
    memset(longer, 'a', TEXT_WORD_SIZE_MAX + 1);
    ck_assert_uint_eq(text_distance(longest, longest), 0);
    ck_assert_uint_eq(text_distance(longest, ""), TEXT_WORD_SIZE_MAX);
    ck_assert_uint_eq(text_distance(longer, longest), TEXT_WORD_SIZE_MAX + 1);
    ck_assert_uint_eq(text_distance(longest, longer), TEXT_WORD_SIZE_MAX + 1);
}
END_TEST

struct guessed {
    const char *word, *nearest;
};

static const struct guessed guesses[] = {
    { "ping_intervall", "ping_interval" },
    { "pings_outstanding", "pings_outstanding_max" },
    { "pings_outstand_max", "pings_outstanding_max" },
    { "lisetn", "listen" },
    { "lis", NULL },
    { "log", "log" },
    { "lag", "log" },
    { "xyz", NULL },
    { "", NULL },
    { "a_word_that_is_longer_than_any_word_that_a_table_could_ever_have_in_it", NULL },
};

START_TEST(guess_is_the_nearest_name_or_none)
{
    static const char *const names[] = {
        "listen", "log", "log_level", "ping_interval", "pings_outstanding_max", "spin",
    };
    struct text_guess guess;
    text_guess_init(&guess, guesses[_i].word);
    for (int i = 0; i < COUNT(names); i++)
        text_guess_offer(&guess, names[i]);
    ck_assert_pstr_eq(guess.nearest, guesses[_i].nearest);
}
END_TEST

START_TEST(first_of_equally_near_names_is_the_guess)
{
    struct text_guess guess;
    text_guess_init(&guess, "pane");
    text_guess_offer(&guess, "line");
    text_guess_offer(&guess, "lane");
    text_guess_offer(&guess, "pine");
    ck_assert_str_eq(guess.nearest, "lane");
}
END_TEST

START_TEST(name_with_nothing_of_the_word_is_no_guess)
{
    struct text_guess guess;
    text_guess_init(&guess, "z");
    text_guess_offer(&guess, "a");
    ck_assert_ptr_null(guess.nearest);
}
END_TEST

static const char *const clean[] = {
    "", "plain", "a\tb", "\x7e", "gr\xc3\xbc\xc3\x9f", "\xc2\xa0", "\xdf\xbf", "\xe0\xa0\x80", "\xe2\x82\xac",
    "\xed\x9f\xbf", "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
};

START_TEST(clean_text_is_utf8_without_controls)
{
    ck_assert(text_is_clean(slice_of(clean[_i])));
}
END_TEST

static const char *const unclean[] = {
    "\n", "\r", "\x01", "\x1b[31m", "\x7f", "a\x08", "\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x80",
    "\xc2\x9f",
    "\xe0\x80\x80", "\xe0\x9f\xbf", "\xe2\x82", "\xe2\x28\xa1",
    "\xe2\x82\x28", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
    "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "ok\xfe",
};

START_TEST(text_with_controls_or_broken_utf8_is_not_clean)
{
    ck_assert(!text_is_clean(slice_of(unclean[_i])));
}
END_TEST

START_TEST(nul_is_not_clean)
{
    ck_assert(!text_is_clean(slice_make("a\0b", 3)));
}
END_TEST

struct shown {
    const char *text, *shown;
};

static const struct shown shows[] = {
    { "", "" },
    { "plain", "plain" },
    { "\x1b[2J", "\\x1b[2J" },
    { "a\xff", "a\\xff" },
    { "0123456789ab", "0123456789ab" },
    { "0123456789abc", "0123456789ab..." },
    { "0123456789a\xc3\xbc", "0123456789a..." },   /* no half a character */
    { "0123456789\x01", "0123456789..." },         /* no half an escape */
};

START_TEST(shown_text_is_clean_and_fits)
{
    char shown[16];
    ck_assert_str_eq(text_show(slice_of(shows[_i].text), shown, sizeof shown), shows[_i].shown);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *guessing = tcase_create("guessing"), *showing = tcase_create("showing");
    tcase_add_loop_test(guessing, distance_counts_edits_either_way, 0, COUNT(pairs));
    tcase_add_test(guessing, distance_of_long_words_is_out_of_reach);
    tcase_add_loop_test(guessing, guess_is_the_nearest_name_or_none, 0, COUNT(guesses));
    tcase_add_test(guessing, first_of_equally_near_names_is_the_guess);
    tcase_add_test(guessing, name_with_nothing_of_the_word_is_no_guess);
    tcase_add_loop_test(showing, clean_text_is_utf8_without_controls, 0, COUNT(clean));
    tcase_add_loop_test(showing, text_with_controls_or_broken_utf8_is_not_clean, 0, COUNT(unclean));
    tcase_add_test(showing, nul_is_not_clean);
    tcase_add_loop_test(showing, shown_text_is_clean_and_fits, 0, COUNT(shows));
    suite_add_tcase(suite, guessing);
    suite_add_tcase(suite, showing);
    return unit_run_suite(suite, CK_NOFORK); /* rows of tables, which spoil nothing for one another */
}
