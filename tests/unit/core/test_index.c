#include "core/index.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/topic.h"
#include "stub.h"
#include "../unit.h"

static const struct slice plain = { NULL, 0 };

/* What a match visited: plain sinks, members, and the name of the last group. */
struct visited {
    unsigned plain_count, member_count;
    struct slice group;
    struct sink *last;
};

static void visit(void *arg, struct sink *sink, struct slice group)
{
    struct visited *visited = arg;
    if (group.size)
        visited->member_count++;
    else
        visited->plain_count++;
    visited->group = group;
    visited->last = sink;
}

static struct visited matched(struct index *index, struct slice topic)
{
    struct visited visited = { 0 };
    index_match(index, topic, visit, &visited);
    return visited;
}

static unsigned match_count(struct index *index, const char *topic)
{
    struct visited visited = matched(index, slice_of(topic));
    return visited.plain_count + visited.member_count;
}

static bool is_sink(const struct sink *sink, const void *arg)
{
    return sink == arg;
}

static bool is_any(const struct sink *sink, const void *arg)
{
    (void)sink, (void)arg;
    return true;
}

START_TEST(a_pattern_leaves_no_node_behind)
{
    static const char *const patterns[] = { "a", "a.b.c", "a.*.c", "a.>", "*.*", ">", "a.b", "a.*.c.>" };
    enum { COUNT = sizeof patterns / sizeof *patterns };
    struct stub stubs[COUNT];
    struct index *index = index_create(1);
    ck_assert_uint_eq(index_node_count(index), 0);
    for (unsigned i = 0; i < COUNT; i++) {
        stub_init(&stubs[i]);
        ck_assert_int_eq(index_add(index, &stubs[i].sink, slice_of(patterns[i]), plain), 0);
    }
    /* a  a.b  a.b.c  a.*  a.*.c  a.*.c.>  a.>  *  *.*  > */
    ck_assert_uint_eq(index_node_count(index), 10);
    for (unsigned i = 0; i < COUNT; i++)
        index_remove(index, &stubs[i].sink);
    ck_assert_uint_eq(index_node_count(index), 0);
    ck_assert_uint_eq(match_count(index, "a.b.c"), 0);
    index_destroy(index);
}
END_TEST

START_TEST(a_sink_knows_its_pattern)
{
    static const char *const patterns[] = { "a", "ab.cde.f", "*", ">", "a.*.bc.>", "a*.>b" };
    struct index *index = index_create(2);
    struct stub stub;
    char out[16];
    stub_init(&stub);
    for (unsigned i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        size_t size = strlen(patterns[i]);
        index_add(index, &stub.sink, slice_of(patterns[i]), i % 2 ? slice_of("group") : plain);
        memset(out, '#', sizeof out);
        ck_assert_uint_eq(index_pattern(&stub.sink, out, size - 1), 0);
        ck_assert_uint_eq(index_pattern(&stub.sink, out, size), size);
        ck_assert_mem_eq(out, patterns[i], size);
        ck_assert_int_eq(out[size], '#');
        index_remove(index, &stub.sink);
    }
    index_destroy(index);
}
END_TEST

START_TEST(groups_of_a_pattern_are_told_apart_by_name)
{
    struct index *index = index_create(3);
    struct stub stubs[4];
    static const char *const names[] = { "one", "on", "one", NULL };
    for (unsigned i = 0; i < 4; i++) {
        stub_init(&stubs[i]);
        index_add(index, &stubs[i].sink, slice_of("a.b"), slice_of(names[i]));
    }
    struct visited visited = matched(index, slice_of("a.b"));
    ck_assert_uint_eq(visited.plain_count, 1);
    ck_assert_uint_eq(visited.member_count, 3);
    ck_assert_ptr_eq(index_find(index, slice_of("a.b"), slice_of("on"), is_any, NULL), &stubs[1].sink);
    ck_assert_ptr_eq(index_find(index, slice_of("a.b"), plain, is_any, NULL), &stubs[3].sink);
    ck_assert_ptr_null(index_find(index, slice_of("a.b"), slice_of("o"), is_any, NULL));
    ck_assert_ptr_null(index_find(index, slice_of("a.*"), plain, is_any, NULL));
    ck_assert_ptr_null(index_find(index, slice_of("a"), plain, is_any, NULL));
    ck_assert_ptr_null(index_find(index, slice_of("a.b.c"), plain, is_any, NULL));
    ck_assert_ptr_eq(index_find(index, slice_of("a.b"), slice_of("one"), is_sink, &stubs[0]), &stubs[0].sink);
    ck_assert_ptr_null(index_find(index, slice_of("a.b"), slice_of("one"), is_sink, &stubs[1]));
    index_remove(index, &stubs[1].sink);
    ck_assert_ptr_null(index_find(index, slice_of("a.b"), slice_of("on"), is_any, NULL));
    visited = matched(index, slice_of("a.b"));
    ck_assert_uint_eq(visited.member_count, 2);
    index_destroy(index);
}
END_TEST

START_TEST(empty_tokens_and_too_many_match_nothing)
{
    static char deep[2 * TOPIC_DEPTH_LIMIT + 1];
    struct index *index = index_create(4);
    struct stub stub;
    stub_init(&stub);
    index_add(index, &stub.sink, slice_of(">"), plain);
    ck_assert_uint_eq(match_count(index, "a"), 1);
    ck_assert_uint_eq(match_count(index, ""), 0);
    ck_assert_uint_eq(match_count(index, "a..b"), 0);
    ck_assert_uint_eq(match_count(index, "a."), 0);
    ck_assert_uint_eq(match_count(index, ".a"), 0);
    memset(deep, '.', sizeof deep);
    for (unsigned i = 0; i <= TOPIC_DEPTH_LIMIT; i++)
        deep[2 * i] = 'x';
    ck_assert_uint_eq(matched(index, slice_make(deep, sizeof deep - 2)).plain_count, 1);
    ck_assert_uint_eq(matched(index, slice_make(deep, sizeof deep)).plain_count, 0);
    index_destroy(index);
}
END_TEST

/* Every node of the trie along the topic has a literal child and a "*" that both go on: the widest walk there is. */
START_TEST(the_deepest_patterns_meet_in_one_topic)
{
    enum { DEPTH = TOPIC_DEPTH_LIMIT, COUNT = 5 };
    static const char periods[COUNT][5] = { "x", "*", "x*", "*x", "xx*" };
    static char pattern[2 * DEPTH];
    struct index *index = index_create(5);
    struct stub stubs[COUNT], rest;
    memset(pattern, '.', sizeof pattern);
    for (unsigned i = 0; i < COUNT; i++) {
        for (unsigned k = 0; k < DEPTH; k++)
            pattern[2 * k] = periods[i][k % strlen(periods[i])];
        stub_init(&stubs[i]);
        ck_assert_int_eq(index_add(index, &stubs[i].sink, slice_make(pattern, 2 * DEPTH - 1), plain), 0);
    }
    pattern[2 * DEPTH - 2] = '>';
    stub_init(&rest);
    index_add(index, &rest.sink, slice_make(pattern, 2 * DEPTH - 1), slice_of("g"));
    for (unsigned k = 0; k < DEPTH; k++)
        pattern[2 * k] = 'x';
    struct visited visited = matched(index, slice_make(pattern, 2 * DEPTH - 1));
    ck_assert_uint_eq(visited.plain_count, COUNT);
    ck_assert_uint_eq(visited.member_count, 1);
    for (unsigned i = 0; i < COUNT; i++)
        index_remove(index, &stubs[i].sink);
    index_remove(index, &rest.sink);
    ck_assert_uint_eq(index_node_count(index), 0);
    index_destroy(index);
}
END_TEST

/* A topic stays below 64 KiB, and may be one token. */
START_TEST(a_very_long_token_is_found_and_removed)
{
    enum { SIZE = UINT16_MAX };
    struct index *index = index_create(6);
    struct stub stubs[2];
    char *topic = malloc(SIZE), *out = malloc(SIZE);
    memset(topic, 'x', SIZE);
    for (unsigned i = 0; i < 2; i++) {
        stub_init(&stubs[i]);
        ck_assert_int_eq(index_add(index, &stubs[i].sink, slice_make(topic, SIZE), plain), 0);
    }
    ck_assert_uint_eq(index_node_count(index), 1);
    ck_assert_uint_eq(matched(index, slice_make(topic, SIZE)).plain_count, 2);
    ck_assert_uint_eq(matched(index, slice_make(topic, SIZE - 1)).plain_count, 0);
    ck_assert_uint_eq(index_pattern(&stubs[0].sink, out, SIZE), SIZE);
    ck_assert_mem_eq(out, topic, SIZE);
    index_remove(index, &stubs[0].sink);
    index_remove(index, &stubs[1].sink);
    ck_assert_uint_eq(index_node_count(index), 0);
    free(topic);
    free(out);
    index_destroy(index);
}
END_TEST

START_TEST(an_index_is_destroyed_with_sinks_in_it)
{
    static const char *const patterns[] = { "a.b", "a.*.b", "*.*.*.>", "*.a.*", ">", "*.*.b" };
    struct index *index = index_create(7);
    struct stub stubs[6];
    for (unsigned i = 0; i < 6; i++) {
        stub_init(&stubs[i]);
        index_add(index, &stubs[i].sink, slice_of(patterns[i]), i % 2 ? slice_of("g") : plain);
    }
    index_destroy(index);
    index_destroy(NULL);
}
END_TEST

/* What is reserved goes to those who name its first token, and wildcards stand for the others as ever. */
START_TEST(no_wildcard_at_the_start_names_what_is_reserved)
{
    static const char *const patterns[] = { ">", "*.>", "*.b", "*.b.c", "$POSTHORN.>", "$POSTHORN.*", "$POSTHORN.b.c" };
    enum { COUNT = sizeof patterns / sizeof *patterns };
    struct index *index = index_create(9);
    struct stub stubs[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        stub_init(&stubs[i]);
        index_add(index, &stubs[i].sink, slice_of(patterns[i]), i % 2 ? slice_of("g") : plain);
    }
    ck_assert_uint_eq(match_count(index, "$POSTHORN.b"), 2);
    ck_assert_uint_eq(match_count(index, "$POSTHORN.b.c"), 2);
    ck_assert_uint_eq(match_count(index, "$POSTHORNS.b"), 3); /* somebody else's, as are these: */
    ck_assert_uint_eq(match_count(index, "$POSTHORN"), 1);
    ck_assert_uint_eq(match_count(index, "$JS.b"), 3);
    ck_assert_uint_eq(match_count(index, "a.b.c"), 3);
    for (unsigned i = 0; i < COUNT; i++)
        index_remove(index, &stubs[i].sink);
    ck_assert_uint_eq(index_node_count(index), 0);
    index_destroy(index);
}
END_TEST

/* Nodes come and go in the thousands: the table of edges grows, shrinks and closes its gaps. */
START_TEST(what_is_in_stays_found_while_others_go)
{
    enum { COUNT = 3000 };
    static struct stub stubs[COUNT];
    struct index *index = index_create(8);
    char topic[32];
    for (unsigned i = 0; i < COUNT; i++) {
        stub_init(&stubs[i]);
        snprintf(topic, sizeof topic, "x%u.y%u", i % 50, i);
        ck_assert_int_eq(index_add(index, &stubs[i].sink, slice_of(topic), plain), 0);
    }
    ck_assert_uint_eq(index_node_count(index), COUNT + 50);
    for (unsigned gone = 0; gone < COUNT; gone++) {
        index_remove(index, &stubs[gone * 7 % COUNT].sink); /* 7 and COUNT share no divisor */
        unsigned still = (gone + 1 + gone % 13) * 7 % COUNT;
        snprintf(topic, sizeof topic, "x%u.y%u", still % 50, still);
        if (gone + 1 + gone % 13 < COUNT)
            ck_assert_ptr_eq(matched(index, slice_of(topic)).last, &stubs[still].sink);
    }
    ck_assert_uint_eq(index_node_count(index), 0);
    index_destroy(index);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_pattern_leaves_no_node_behind,
        a_sink_knows_its_pattern,
        groups_of_a_pattern_are_told_apart_by_name,
        empty_tokens_and_too_many_match_nothing,
        the_deepest_patterns_meet_in_one_topic,
        a_very_long_token_is_found_and_removed,
        an_index_is_destroyed_with_sinks_in_it,
        no_wildcard_at_the_start_names_what_is_reserved,
        what_is_in_stays_found_while_others_go,
        NULL,
    };
    return unit_run("index", tests);
}
