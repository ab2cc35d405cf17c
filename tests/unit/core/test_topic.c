#include "core/topic.h"

#include "naive.h"
#include "../unit.h"

static const struct topic_limits limits = { .size_max = 32, .depth_max = 4 };

START_TEST(topics_are_tokens_joined_by_dots)
{
    static const struct {
        const char *topic;
        enum topic_verdict verdict;
    } cases[] = {
        { "a", TOPIC_GOOD },
        { "a.b", TOPIC_GOOD },
        { "orders.eu.42", TOPIC_GOOD },
        { "a.b.c.d", TOPIC_GOOD },
        { "a.b.c.d.e", TOPIC_TOO_LONG },
        { "12345678901234567890123456789012", TOPIC_GOOD },
        { "123456789012345678901234567890123", TOPIC_TOO_LONG },
        { "1234567.1234567.1234567.12345678", TOPIC_GOOD },
        { "1234567.1234567.1234567.123456789", TOPIC_TOO_LONG },
        { "", TOPIC_MALFORMED },
        { ".", TOPIC_MALFORMED },
        { "..", TOPIC_MALFORMED },
        { ".a", TOPIC_MALFORMED },
        { "a.", TOPIC_MALFORMED },
        { "a..b", TOPIC_MALFORMED },
        { "a.b..", TOPIC_MALFORMED },
        { "*", TOPIC_GOOD },
        { ">", TOPIC_GOOD },
        { "a.*.b", TOPIC_GOOD },
        { "a.>.b", TOPIC_GOOD },
        { ">.a", TOPIC_GOOD },
        { "\x80\xff.\x01", TOPIC_GOOD },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slice topic = slice_of(cases[i].topic);
        ck_assert_msg(topic_check(topic, &limits) == cases[i].verdict, "topic '%s'", cases[i].topic);
        ck_assert(topic_valid(topic, &limits) == (cases[i].verdict == TOPIC_GOOD));
    }
}
END_TEST

START_TEST(a_pattern_ends_where_its_rest_begins)
{
    static const struct {
        const char *pattern;
        bool valid, wild;
    } cases[] = {
        { "a", true, false },
        { "*", true, true },
        { ">", true, true },
        { "*.*", true, true },
        { "a.*", true, true },
        { "*.a", true, true },
        { "a.>", true, true },
        { "*.>", true, true },
        { "a.b.c.>", true, true },
        { ">.a", false, true },
        { ">.>", false, true },
        { ">.*", false, true },
        { "a.>.b", false, true },
        { "a>.b", true, false },
        { ">a.b", true, false },
        { ">>.b", true, false },
        { "a*.**.*b", true, false },
        { "a.b.c.d.>", false, true },
        { ">.", false, true },
        { "*.", false, true },
        { ".>", false, true },
        { "", false, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slice pattern = slice_of(cases[i].pattern);
        ck_assert_msg(pattern_valid(pattern, &limits) == cases[i].valid, "pattern '%s'", cases[i].pattern);
        ck_assert_msg(pattern_has_wildcard(pattern) == cases[i].wild, "wildcard in '%s'", cases[i].pattern);
    }
}
END_TEST

START_TEST(nothing_at_all_is_no_topic)
{
    ck_assert(!topic_valid(slice_of(NULL), &limits));
    ck_assert(!pattern_valid(slice_of(NULL), &limits));
    ck_assert(!pattern_has_wildcard(slice_of(NULL)));
}
END_TEST

START_TEST(bytes_behind_a_slice_are_not_looked_at)
{
    const char *text = "a.b.";
    ck_assert(topic_valid(slice_make(text, 3), &limits));
    ck_assert(!topic_valid(slice_make(text, 2), &limits));
    ck_assert(pattern_valid(slice_make("a.>.b", 3), &limits));
    ck_assert(pattern_matches(slice_make("a.*x", 3), slice_make("a.bb", 3)));
    ck_assert(!pattern_matches(slice_make("a.bc", 4), slice_make("a.bcd", 3)));
}
END_TEST

START_TEST(tokens_are_walked_from_left_to_right)
{
    static const struct {
        const char *topic;
        unsigned count;
        const char *tokens[4];
    } cases[] = {
        { "a", 1, { "a" } },
        { "a.b", 2, { "a", "b" } },
        { "", 1, { "" } },
        { ".", 2, { "", "" } },
        { "ab..c.", 4, { "ab", "", "c", "" } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slice token, topic = slice_of(cases[i].topic);
        size_t cursor = 0;
        for (unsigned k = 0; k < cases[i].count; k++) {
            ck_assert(topic_next_token(topic, &cursor, &token));
            ck_assert_msg(slice_is(token, cases[i].tokens[k]), "token %u of '%s'", k, cases[i].topic);
        }
        ck_assert(!topic_next_token(topic, &cursor, &token));
        ck_assert(!topic_next_token(topic, &cursor, &token));
    }
}
END_TEST

START_TEST(a_pattern_names_these_topics_and_not_those)
{
    static const struct {
        const char *pattern, *topic;
        bool matches;
    } cases[] = {
        { "a", "a", true },
        { "a", "A", false },
        { "a", "aa", false },
        { "aa", "a", false },
        { "a", "a.b", false },
        { "a.b", "a", false },
        { "a.b", "a.b", true },
        { "*", "a", true },
        { "*", "a.b", false },
        { "*.*", "a.b", true },
        { "*.*", "a", false },
        { "*.*", "a.b.c", false },
        { "a.*", "a", false },
        { "a.*.c", "a.b.c", true },
        { "a.*.c", "a.b.d", false },
        { ">", "a", true },
        { ">", "a.b.c", true },
        { "a.>", "a", false },
        { "a.>", "a.b", true },
        { "a.>", "a.b.c.d", true },
        { "a.>", "b.c", false },
        { "*.>", "a", false },
        { "*.>", "a.b.c", true },
        { "a*", "a*", true },
        { "a*", "ab", false },
        { "a.>b", "a.>b", true },
        { "a.>b", "a.b.b", false },
        { "a.*", "a.*", true }, /* published literally */
        { "a.b", "a.*", false },
        { "a.b", "a.>", false },
        { "a.>", "a.>", true },
        { "a.*", "a.>", true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(pattern_matches(slice_of(cases[i].pattern), slice_of(cases[i].topic)) == cases[i].matches,
                      "pattern '%s', topic '%s'", cases[i].pattern, cases[i].topic);
}
END_TEST

START_TEST(matching_agrees_with_a_naive_matcher)
{
    static const struct naive_words words[] = { { 2, 3, 40 }, { 6, 4, 30 }, { 1, 8, 50 } };
    struct random random;
    char pattern[NAIVE_SIZE], topic[NAIVE_SIZE];
    unsigned matched_count = 0;
    random_init(&random, unit_seed("matching_agrees_with_a_naive_matcher"));
    for (unsigned i = 0; i < 30000; i++) {
        naive_pattern(&random, &words[i % 3], pattern);
        naive_topic(&random, &words[i % 3], topic);
        bool expected = naive_matches(pattern, topic);
        matched_count += expected;
        ck_assert_msg(pattern_matches(slice_of(pattern), slice_of(topic)) == expected, "pattern '%s', topic '%s'",
                      pattern, topic);
    }
    ck_assert_uint_gt(matched_count, 1000);
}
END_TEST

/* Every pattern of three tokens against every other, asked of every topic of four; no pattern has the letter c. */

enum { TOPICS_MAX = 200 };

/* Writes all words of so many tokens out of the letters, at the last place also out of `ends`. Returns how many. */
static unsigned write_words(char words[TOPICS_MAX][16], unsigned depth, const char *letters, const char *ends)
{
    unsigned count = 0, total = 1, letter_count = (unsigned)strlen(letters), end_count = (unsigned)strlen(ends);
    for (unsigned i = 1; i < depth; i++)
        total *= letter_count;
    for (unsigned i = 0; i < total * end_count; i++, count++) {
        unsigned rest = i / end_count;
        char *at = words[count];
        for (unsigned k = 1; k < depth; k++, rest /= letter_count) {
            *at++ = letters[rest % letter_count];
            *at++ = '.';
        }
        *at++ = ends[i % end_count];
        *at = 0;
    }
    return count;
}

START_TEST(patterns_overlap_and_cover_as_their_topics_say)
{
    char patterns[TOPICS_MAX][16], topics[TOPICS_MAX][16];
    unsigned pattern_count = 0, topic_count = 0;
    for (unsigned depth = 1; depth <= 3; depth++)
        pattern_count += write_words(patterns + pattern_count, depth, "ab*", "ab*>");
    for (unsigned depth = 1; depth <= 4; depth++)
        topic_count += write_words(topics + topic_count, depth, "abc", "abc");
    ck_assert_uint_eq(pattern_count, 4 + 12 + 36);
    for (unsigned i = 0; i < pattern_count * pattern_count; i++) {
        struct slice a = slice_of(patterns[i / pattern_count]), b = slice_of(patterns[i % pattern_count]);
        bool overlaps = false, covers = true;
        for (unsigned k = 0; k < topic_count; k++) {
            bool in_a = pattern_matches(a, slice_of(topics[k])), in_b = pattern_matches(b, slice_of(topics[k]));
            overlaps = overlaps || (in_a && in_b);
            covers = covers && (in_a || !in_b);
        }
        if (pattern_overlaps(a, b) != overlaps || pattern_covers(a, b) != covers)
            ck_abort_msg("'%s' and '%s'", a.data, b.data);
    }
}
END_TEST

START_TEST(depth_is_counted_in_tokens_up_to_the_limit)
{
    struct topic_limits deep = { .size_max = 4096, .depth_max = TOPIC_DEPTH_LIMIT };
    char text[2 * TOPIC_DEPTH_LIMIT + 2];
    for (unsigned i = 0; i <= TOPIC_DEPTH_LIMIT; i++)
        memcpy(text + 2 * i, "x.", 2);
    struct slice deepest = slice_make(text, 2 * TOPIC_DEPTH_LIMIT - 1);
    struct slice too_deep = slice_make(text, 2 * TOPIC_DEPTH_LIMIT + 1);
    ck_assert(topic_valid(deepest, &deep));
    ck_assert(pattern_valid(deepest, &deep));
    ck_assert(!topic_valid(too_deep, &deep));
    ck_assert(pattern_matches(deepest, deepest));
    ck_assert(!pattern_matches(deepest, too_deep));
    deep.size_max = (uint32_t)deepest.size - 1;
    ck_assert(!topic_valid(deepest, &deep));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        topics_are_tokens_joined_by_dots,
        a_pattern_ends_where_its_rest_begins,
        nothing_at_all_is_no_topic,
        bytes_behind_a_slice_are_not_looked_at,
        tokens_are_walked_from_left_to_right,
        a_pattern_names_these_topics_and_not_those,
        matching_agrees_with_a_naive_matcher,
        patterns_overlap_and_cover_as_their_topics_say,
        depth_is_counted_in_tokens_up_to_the_limit,
        NULL,
    };
    return unit_run("topic", tests);
}
