#include "sidecar/tail_lines.h"

#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"

static regex_t stamp; /* a record begins with a digit */

/* The records of a text, in brackets, and behind them what is left of it. */
static const char *cut(const char *text, size_t size_max, bool joins, enum tail_end end)
{
    static char out[4096];
    const struct tail_rules rules = { size_max, joins ? &stamp : NULL };
    struct slice rest = slice_of(text);
    struct tail_record record;
    size_t size = 0;
    out[0] = '\0';
    while (tail_next_record(&rules, rest, end, &record)) {
        ck_assert_uint_gt(record.size, 0);
        ck_assert_uint_le(record.size, rest.size);
        size += (size_t)snprintf(out + size, sizeof out - size, "[%.*s]", SLICE_ARGS(record.text));
        rest = slice_make(rest.data + record.size, rest.size - record.size);
    }
    snprintf(out + size, sizeof out - size, "%.*s", SLICE_ARGS(rest));
    return out;
}

START_TEST(a_line_is_a_record_without_its_newline)
{
    ck_assert_str_eq(cut("one\ntwo\n", 100, false, TAIL_GROWS), "[one][two]");
    ck_assert_str_eq(cut("\n\r\n x \n", 100, false, TAIL_GROWS), "[][\r][ x ]");
    ck_assert_str_eq(cut("", 100, false, TAIL_ENDED), "");
}
END_TEST

START_TEST(a_line_without_newline_waits_until_nothing_comes)
{
    ck_assert_str_eq(cut("one\ntw", 100, false, TAIL_GROWS), "[one]tw");
    ck_assert_str_eq(cut("one\ntw", 100, false, TAIL_RESTS), "[one]tw");
    ck_assert_str_eq(cut("one\ntw", 100, false, TAIL_ENDED), "[one][tw]");
}
END_TEST

START_TEST(what_is_too_long_is_cut_and_nothing_is_left_out)
{
    ck_assert_str_eq(cut("abcdefgh\nx\n", 3, false, TAIL_GROWS), "[abc][def][gh][x]");
    ck_assert_str_eq(cut("abc\nabcd\n", 3, false, TAIL_GROWS), "[abc][abc][d]");
    ck_assert_str_eq(cut("abcd", 3, false, TAIL_GROWS), "[abc]d");
    ck_assert_str_eq(cut("abc", 3, false, TAIL_GROWS), "abc");
}
END_TEST

START_TEST(no_character_is_cut_in_two)
{
    ck_assert_str_eq(cut("ab\xc3\xa9" "cd\n", 3, false, TAIL_GROWS), "[ab][\xc3\xa9" "c][d]");
    ck_assert_str_eq(cut("\xe2\x82\xac\xe2\x82\xac\n", 4, false, TAIL_GROWS), "[\xe2\x82\xac][\xe2\x82\xac]");
    ck_assert_str_eq(cut("\x80\x80\x80\x80\x80\x80\n", 2, false, TAIL_GROWS), "[\x80\x80][\x80\x80][\x80\x80]");
}
END_TEST

START_TEST(lines_join_those_that_begin_a_record)
{
    ck_assert_str_eq(cut("1 a\n b\n c\n2 d\n3 e\n", 100, true, TAIL_GROWS), "[1 a\n b\n c][2 d]3 e\n");
    ck_assert_str_eq(cut("1 a\n b\n c\n2 d\n3 e\n", 100, true, TAIL_RESTS), "[1 a\n b\n c][2 d][3 e]");
    ck_assert_str_eq(cut("1 a\n b", 100, true, TAIL_RESTS), "[1 a] b");
    ck_assert_str_eq(cut("1 a\n b", 100, true, TAIL_ENDED), "[1 a\n b]");
    ck_assert_str_eq(cut(" x\n y\n1 a\n2", 100, true, TAIL_GROWS), "[ x\n y]1 a\n2");
}
END_TEST

START_TEST(a_record_that_grows_too_long_ends_before_a_line)
{
    ck_assert_str_eq(cut("1 a\n bb\n cc\n2\n", 8, true, TAIL_GROWS), "[1 a\n bb][ cc]2\n");
    ck_assert_str_eq(cut("1 a\n bbbbbbbbbbb\n2\n", 8, true, TAIL_RESTS), "[1 a][ bbbbbbb][bbbb][2]");
    ck_assert_str_eq(cut("1 a\n bbbbb", 8, true, TAIL_GROWS), "[1 a] bbbbb");
}
END_TEST

/* However the bytes come, the records are the same. */
START_TEST(pieces_do_not_change_what_is_cut)
{
    static const char alphabet[] = "12a \n\n\xc3\xa9";
    srand((unsigned)unit_seed("pieces"));
    for (unsigned round = 0; round < 2000; round++) {
        char text[64];
        size_t size = (size_t)rand() % sizeof text;
        for (size_t i = 0; i < size; i++)
            text[i] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        const struct tail_rules rules = { 1 + (size_t)rand() % 12, round % 2 ? &stamp : NULL };
        struct tail_record whole, part;
        for (size_t at = 0; at < size;) {
            if (!tail_next_record(&rules, slice_make(text + at, size - at), TAIL_GROWS, &whole))
                break;
            for (size_t seen = 0; seen < size - at; seen++)
                if (tail_next_record(&rules, slice_make(text + at, seen), TAIL_GROWS, &part)) {
                    unit_assert(part.size == whole.size);
                    unit_assert(part.text.size == whole.text.size);
                }
            at += whole.size;
        }
    }
}
END_TEST

START_TEST(json_objects_are_known)
{
    static const char *const good[] = { "{}", " {\"a\": [1, 2]} ", "{\"\xc3\xa9\":null}\r" };
    static const char *const bad[] = { "", " ", "[1]", "1", "{", "{} x", "{\"a\":}", "{\"\xc3\":1}" };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(tail_is_json(slice_of(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!tail_is_json(slice_of(bad[i])), "%s", bad[i]);
    ck_assert(!tail_is_json(slice_make(NULL, 0)));
}
END_TEST

int main(void)
{
    if (regcomp(&stamp, "^[0-9]", REG_EXTENDED | REG_NOSUB) != 0)
        return 1;
    const TTest *const tests[] = {
        a_line_is_a_record_without_its_newline,
        a_line_without_newline_waits_until_nothing_comes,
        what_is_too_long_is_cut_and_nothing_is_left_out,
        no_character_is_cut_in_two,
        lines_join_those_that_begin_a_record,
        a_record_that_grows_too_long_ends_before_a_line,
        pieces_do_not_change_what_is_cut,
        json_objects_are_known,
        NULL,
    };
    int code = unit_run("tail_lines", tests);
    regfree(&stamp);
    return code;
}
