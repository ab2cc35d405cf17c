/* What rights allow, by tables. */
#include "auth/rights.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"
#include "config/config.h"
#include "core/topic.h"

/* Lists as a file has them, joined by commas; NULL: not given. */
struct lists {
    const char *publish, *publish_deny, *subscribe, *subscribe_deny;
    bool manage, monitor;
    unsigned responses_max;
};

static struct config_list list_of(const char *text)
{
    struct config_list list = { calloc(16, sizeof(char *)), 0 };
    size_t cursor = 0;
    struct slice item;
    while (*text && patterns_next(slice_of(text), &cursor, &item))
        list.items[list.item_count++] = strndup(item.data, item.size);
    return list;
}

static void list_free(struct config_list *list)
{
    for (size_t i = 0; i < list->item_count; i++)
        free(list->items[i]);
    free(list->items);
}

static int try(const struct lists *lists, const struct rights **ret_rights)
{
    const char *const texts[] = { lists->publish, lists->publish_deny, lists->subscribe, lists->subscribe_deny };
    struct config_list made[4];
    const struct config_list *given[4];
    for (unsigned i = 0; i < 4; i++) {
        made[i] = list_of(texts[i] ? texts[i] : "");
        given[i] = texts[i] ? &made[i] : NULL;
    }
    const struct rights_options options = {
        .publish = given[0],
        .publish_deny = given[1],
        .subscribe = given[2],
        .subscribe_deny = given[3],
        .responses_max = lists->responses_max,
        .manage = lists->manage,
        .monitor = lists->monitor,
    };
    int error = rights_create(&options, ret_rights);
    for (unsigned i = 0; i < 4; i++)
        list_free(&made[i]);
    return error;
}

static const struct rights *make(struct lists lists)
{
    const struct rights *rights;
    ck_assert_int_eq(try(&lists, &rights), 0);
    return rights;
}

static const struct {
    struct lists lists;
    const char *topic;
    bool publish, read;
} topics[] = {
    /* Not given allows; given and empty does not. */
    { { 0 }, "a.b", true, true },
    { { .publish = "", .subscribe = "" }, "a.b", false, false },
    { { .publish = "a.*", .subscribe = "b.>" }, "a.b", true, false },
    { { .publish = "a.*", .subscribe = "b.>" }, "a.b.c", false, false },
    { { .publish = "a.*", .subscribe = "b.>" }, "b.c.d", false, true },
    { { .publish = "a.*", .subscribe = "b.>" }, "b", false, false },
    { { .publish = "x,a.b", .subscribe = "x,a.b" }, "a.b", true, true },
    /* A deny wins, wherever it stands. */
    { { .publish_deny = "a.>", .subscribe_deny = "a.>" }, "a.b", false, false },
    { { .publish = "a.b", .publish_deny = "a.b", .subscribe = "a.b", .subscribe_deny = "*.b" }, "a.b", false, false },
    { { .publish_deny = "a.>", .subscribe_deny = "a.>" }, "b.a", true, true },
    /* Of a group's deny alone nothing is left out, and a group's allow gives what its members are delivered. */
    { { .subscribe_deny = "a.b workers" }, "a.b", true, true },
    { { .subscribe = "a.b workers" }, "a.b", true, true },
    /* The server's own: not by a wildcard at the start. */
    { { 0 }, "$POSTHORN.audit.login", false, false },
    { { 0 }, "$SYS.x", false, false },
    { { 0 }, "$DEAD.ORDERS.w", false, false },
    { { 0 }, "$JS.EVENT.x", false, false },
    { { 0 }, "$KV.b.k", true, true },
    { { .publish = "*.x", .subscribe = "*.x" }, "$SYS.x", false, false },
    { { .publish = "$SYS.>", .subscribe = "$SYS.>" }, "$SYS.x", true, true },
    { { .subscribe = ">,$DEAD.ORDERS.*" }, "$DEAD.ORDERS.w", false, true },
    { { .manage = true }, "$POSTHORN.audit.login", true, true },
    { { .manage = true, .publish = "", .subscribe = "" }, "$POSTHORN.audit.login", true, true },
    { { .manage = true, .publish = "", .subscribe = "" }, "a.b", false, false },
    { { .manage = true, .subscribe_deny = "$POSTHORN.audit.>" }, "$POSTHORN.audit.login", true, false },
    { { .monitor = true }, "$POSTHORN.audit.login", false, false },
    /* What asks is judged by what it asks, unless it is denied. */
    { { .publish = "" }, "$JS.API.STREAM.DELETE.S", true, false },
    { { .publish_deny = "$JS.API.>" }, "$JS.API.STREAM.DELETE.S", false, false },
    { { .publish_deny = ">" }, "$JS.ACK.S.C.1.1.1.1.1", false, false },
};

START_TEST(topic_is_allowed_or_not)
{
    const struct rights *rights = make(topics[_i].lists);
    struct slice topic = slice_of(topics[_i].topic);
    ck_assert_int_eq(rights_may_publish(rights, topic), topics[_i].publish);
    ck_assert_int_eq(rights_may_read(rights, topic), topics[_i].read);
    ck_assert(!rights_read_freely(rights, topic) || topics[_i].read);
    ck_assert(!rights_publish_freely(rights, topic) || topics[_i].publish);
    rights_unref(rights);
}
END_TEST

static const struct {
    struct lists lists;
    const char *pattern, *group;
    enum reach reach;
} patterns[] = {
    { { 0 }, "a.>", "", REACH_WHOLE },
    { { 0 }, ">", "", REACH_PART }, /* all but the server's own */
    { { 0 }, "*.x", "", REACH_PART },
    { { .manage = true }, ">", "", REACH_WHOLE },
    { { .subscribe = "" }, "a", "", REACH_NOTHING },
    { { .subscribe = "a.>" }, "a.>", "", REACH_WHOLE },
    { { .subscribe = "a.>" }, "a.*", "", REACH_WHOLE },
    { { .subscribe = "a.*" }, "a.>", "", REACH_NOTHING },
    { { .subscribe = "a.b" }, "a.*", "", REACH_NOTHING },
    { { .subscribe = "a.>" }, ">", "", REACH_NOTHING },
    { { .subscribe = "a.>", .subscribe_deny = "a.b" }, "a.>", "", REACH_PART },
    { { .subscribe = "a.>", .subscribe_deny = "a.b" }, "a.*.c", "", REACH_WHOLE },
    { { .subscribe = "a.>", .subscribe_deny = "a.b" }, "a.b", "", REACH_NOTHING },
    { { .subscribe = "a.>", .subscribe_deny = "a.*" }, "a.b", "", REACH_NOTHING },
    { { .subscribe = "a.>", .subscribe_deny = ">" }, "a.>", "", REACH_NOTHING },
    { { .subscribe_deny = "*.secret" }, "a.*", "", REACH_PART },
    /* Groups. */
    { { .subscribe = "a w" }, "a", "", REACH_NOTHING },
    { { .subscribe = "a w" }, "a", "w", REACH_WHOLE },
    { { .subscribe = "a w" }, "a", "v", REACH_NOTHING },
    { { .subscribe = "a w.*" }, "a", "w.1", REACH_WHOLE },
    { { .subscribe = "a" }, "a", "v", REACH_WHOLE },
    { { .subscribe = "a,a w" }, "a", "", REACH_WHOLE },
    { { .subscribe = "a,a w" }, "a", "v", REACH_NOTHING },
    { { .subscribe_deny = "a w" }, "a", "w", REACH_NOTHING },
    { { .subscribe_deny = "a w" }, "a", "v", REACH_WHOLE },
    { { .subscribe_deny = "a w" }, "a", "", REACH_WHOLE },
    { { .subscribe_deny = "a w" }, "*", "", REACH_PART },
    /* The server's own. */
    { { 0 }, "$SYS.>", "", REACH_NOTHING },
    { { .subscribe = "$SYS.>" }, "$SYS.x", "", REACH_WHOLE },
    { { .manage = true, .subscribe = "" }, "$SYS.x", "", REACH_WHOLE },
    { { 0 }, "$POSTHORN.ACK.abc.*", "", REACH_WHOLE },
    { { 0 }, "$POSTHORN.ACK.*.*", "", REACH_NOTHING },
    { { 0 }, "$POSTHORN.ACK.>", "", REACH_NOTHING },
    { { 0 }, "$POSTHORN.ACK.TRAIN.abc.>", "", REACH_WHOLE },
    { { 0 }, "$POSTHORN.ACK.TRAIN.*.>", "", REACH_NOTHING },
    { { 0 }, "$POSTHORN.ACK.TRAIN.>", "", REACH_NOTHING },
    { { 0 }, "$POSTHORN.ACK.TRAIN", "", REACH_NOTHING },
    { { 0 }, "$POSTHORN.ACK.TRAINS.>", "", REACH_WHOLE },
    { { 0 }, "$REFUSED.>", "", REACH_NOTHING },
    { { 0 }, "$POSTHORN.*.abc", "", REACH_NOTHING },
    { { 0 }, "$POSTHORN.>", "", REACH_NOTHING },
};

START_TEST(pattern_is_reached_whole_in_part_or_not)
{
    const struct rights *rights = make(patterns[_i].lists);
    enum reach reach = rights_reach(rights, slice_of(patterns[_i].pattern), slice_of(patterns[_i].group));
    ck_assert_msg(reach == patterns[_i].reach, "%s %s", patterns[_i].pattern, patterns[_i].group);
    rights_unref(rights);
}
END_TEST

/* What is reached whole may be read topic by topic, and a topic that is no part of what is reached may not. */
START_TEST(reach_agrees_with_each_topic)
{
    static const char *const names[] = { "a", "a.b", "a.b.c", "b", "b.secret", "$SYS.x", "$DEAD.S.c", "$KV.b" };
    const struct rights *rights = make(patterns[_i].lists);
    struct slice pattern = slice_of(patterns[_i].pattern), none = slice_make(NULL, 0);
    bool own = slice_starts_with(pattern, slice_of("$POSTHORN.ACK."));
    for (size_t i = 0; i < sizeof names / sizeof *names && !own && !*patterns[_i].group; i++)
        if (pattern_matches(pattern, slice_of(names[i])) && rights_reach(rights, pattern, none) == REACH_WHOLE)
            ck_assert_msg(rights_may_read(rights, slice_of(names[i])), "%s", names[i]);
    rights_unref(rights);
}
END_TEST

static const struct {
    struct lists lists;
    const char *patterns, *limits;
} limits[] = {
    { { .manage = true }, "a.>", "" },
    { { 0 }, "a.>,b", "" },
    { { .subscribe_deny = "a.b,c" }, "a.>", ",!a.b" },
    { { .subscribe_deny = "a.b,c" }, "a.c", "" },
    { { .subscribe_deny = "a.b,c" }, "a.c,*.b", ",!a.b,!$JS.>,!$SYS.>,!$POSTHORN.>,!$DEAD.>,!$REFUSED.>" },
    { { .subscribe_deny = "a.b workers" }, "a.>", "" },
};

START_TEST(limits_take_out_what_may_not_be_read)
{
    char room[256], *end;
    const struct rights *rights = make(limits[_i].lists);
    ck_assert_uint_le(rights_limits_size_max(rights), sizeof room);
    end = rights_write_limits(rights, slice_of(limits[_i].patterns), room);
    *end = '\0';
    for (char *at = room; *at; at++)
        if (*at == PATTERN_NOT)
            *at = '!';
    ck_assert_str_eq(room, limits[_i].limits);
    rights_unref(rights);
}
END_TEST

START_TEST(list_takes_out_what_is_limited)
{
    struct slice list = slice_of("a.>,b,\x01" "a.b,\x01" "b");
    ck_assert(patterns_match(list, slice_of("a.c")));
    ck_assert(!patterns_match(list, slice_of("a.b")));
    ck_assert(!patterns_match(list, slice_of("b")));
    ck_assert(!patterns_match(list, slice_of("c")));
}
END_TEST

static const struct {
    struct lists lists;
    const char *topic;
    bool may;
} answers[] = {
    { { .publish = "a.>", .subscribe = "b.>" }, "a.x", true },
    { { .publish = "a.>", .subscribe = "b.>" }, "b.x", false },
    { { .publish = "", .subscribe = "_INBOX.>" }, "_INBOX.x", true },
    { { .publish = "", .subscribe = "_INBOX_me.>" }, "_INBOX_me.x", true },
    { { .publish = "", .subscribe = "_INBOX_me.>" }, "_INBOX.x", false },
    { { .publish = "", .subscribe = "_INBOX.>", .subscribe_deny = "_INBOX.x" }, "_INBOX.x", false },
    { { .publish = "", .subscribe = "$KV.>" }, "$KV.b.k", false },
    { { .publish = "", .subscribe = "" }, "$POSTHORN.ACK.abc.1", true },
    { { 0 }, "$SYS.x", false },
    { { 0 }, "$JS.API.STREAM.DELETE.S", false },
    { { .manage = true }, "$JS.API.STREAM.DELETE.S", false },
    { { .manage = true }, "$JS.ACK.S.C.1.1.1.1.1", false },
    { { .manage = true }, "$JS.FC.S.C.1", false },
    { { .manage = true }, "$POSTHORN.API.webhook.create", false },
};

START_TEST(answers_come_where_one_may_publish_or_has_an_inbox)
{
    const struct rights *rights = make(answers[_i].lists);
    bool may = rights_may_be_answered(rights, slice_of(answers[_i].topic), slice_make(NULL, 0));
    ck_assert_msg(may == answers[_i].may, "%s", answers[_i].topic);
    rights_unref(rights);
}
END_TEST

static const struct {
    struct lists lists;
    const char *pattern;
    bool may;
} wholes[] = {
    { { 0 }, "a.>", true },
    { { .publish = "a.>" }, "a.>", true },
    { { .publish = "a.>" }, "a.b", true },
    { { .publish = "a.b" }, "a.>", false },
    { { .publish = "a.>", .publish_deny = "a.b" }, "a.>", false },
    { { .publish = "a.>", .publish_deny = "a.b" }, "a.c", true },
    { { 0 }, "$SYS.>", false },
    { { .manage = true, .publish = "" }, "$SYS.>", true },
};

START_TEST(all_of_a_pattern_is_published_to_or_not)
{
    const struct rights *rights = make(wholes[_i].lists);
    bool may = rights_may_publish_all(rights, slice_of(wholes[_i].pattern));
    ck_assert_msg(may == wholes[_i].may, "%s", wholes[_i].pattern);
    ck_assert(rights_may_publish_all(NULL, slice_of(wholes[_i].pattern)));
    rights_unref(rights);
}
END_TEST

START_TEST(nobody_in_particular_may_all_and_nothing_is_nothing)
{
    struct slice topic = slice_of("$SYS.x"), none = slice_make(NULL, 0);
    const struct rights *nothing = rights_none();
    ck_assert(rights_may_publish(NULL, topic) && rights_may_read(NULL, topic) && rights_give(NULL, RIGHT_MANAGE));
    ck_assert_int_eq(rights_reach(NULL, slice_of(">"), none), REACH_WHOLE);
    ck_assert(!rights_may_publish(nothing, slice_of("a")) && !rights_may_read(nothing, slice_of("a")));
    ck_assert(!rights_give(nothing, RIGHT_MANAGE) && !rights_give(nothing, RIGHT_MONITOR));
    ck_assert_int_eq(rights_reach(nothing, slice_of("a"), none), REACH_NOTHING);
    ck_assert(!rights_touch(nothing, slice_of(">")) && !rights_are_whole(nothing) && rights_are_whole(NULL));
    rights_unref(nothing);
    rights_unref(nothing);
    ck_assert(!rights_give(nothing, RIGHT_MANAGE));
}
END_TEST

START_TEST(monitor_and_manage_are_given_or_not)
{
    const struct rights *plain = make((struct lists){ 0 }), *monitor = make((struct lists){ .monitor = true });
    const struct rights *manage = make((struct lists){ .manage = true });
    ck_assert(!rights_give(plain, RIGHT_MONITOR) && !rights_give(plain, RIGHT_MANAGE));
    ck_assert(rights_give(monitor, RIGHT_MONITOR) && !rights_give(monitor, RIGHT_MANAGE));
    ck_assert(rights_give(manage, RIGHT_MONITOR) && rights_give(manage, RIGHT_MANAGE));
    ck_assert(rights_are_whole(manage) && !rights_are_whole(plain) && !rights_are_whole(monitor));
    for (int right = 0; right < RIGHT_COUNT; right++)
        ck_assert_int_eq(rights_give(NULL, right), right != RIGHT_UNSAID);
    rights_unref(plain);
    rights_unref(monitor);
    rights_unref(manage);
}
END_TEST

START_TEST(same_words_are_the_same_rights)
{
    const struct lists lists[] = {
        { 0 },
        { .publish = "" },
        { .publish = "a" },
        { .publish_deny = "a" },
        { .subscribe = "a" },
        { .subscribe = "a w" },
        { .subscribe = "a v" },
        { .subscribe_deny = "a" },
        { .manage = true },
        { .monitor = true },
        { .responses_max = 1 },
    };
    enum { COUNT = sizeof lists / sizeof *lists };
    for (size_t i = 0; i < COUNT; i++)
        for (size_t k = 0; k < COUNT; k++) {
            const struct rights *a = make(lists[i]), *b = make(lists[k]);
            ck_assert_int_eq(rights_equal(a, b), i == k);
            rights_unref(a);
            rights_unref(b);
        }
    ck_assert(rights_equal(NULL, NULL) && !rights_equal(NULL, rights_none()));
}
END_TEST

static const struct lists bad[] = {
    { .publish = "a..b" }, { .publish = ">.a" }, { .subscribe = "a b..c" }, { .publish_deny = "a.\x01" },
    { .subscribe = "a," },
};

START_TEST(bad_pattern_is_refused)
{
    const struct rights *rights;
    ck_assert_int_eq(try(&bad[_i], &rights), -EINVAL);
}
END_TEST

static const struct {
    const char *text;
    bool good;
    unsigned max;
    uint64_t ms;
} responses[] = {
    { "no", true, 0, 120000 },  { "yes", true, 1, 120000 },   { "5", true, 5, 120000 }, { "5, 30s", true, 5, 30000 },
    { "5,1m", true, 5, 60000 }, { "0", true, 0, 120000 },     { "5,", false, 0, 0 },    { "5 30s", false, 0, 0 },
    { "", false, 0, 0 },        { "65536", false, 0, 0 },     { "yes, 1s", false, 0, 0 }, { "-1", false, 0, 0 },
    { "5, 0", false, 0, 0 },    { "1000000000000000000000000000000", false, 0, 0 },
};

START_TEST(allow_responses_is_read)
{
    unsigned max;
    uint64_t ms;
    ck_assert_int_eq(config_read_responses(responses[_i].text, &max, &ms), responses[_i].good);
    if (!responses[_i].good)
        return;
    ck_assert_uint_eq(max, responses[_i].max);
    ck_assert_uint_eq(ms, responses[_i].ms);
}
END_TEST

#define COUNT_OF(table) (int)(sizeof table / sizeof *table)

int main(void)
{
    Suite *suite = suite_create("rights");
    TCase *rights_case = tcase_create("rights");
    tcase_add_loop_test(rights_case, topic_is_allowed_or_not, 0, COUNT_OF(topics));
    tcase_add_loop_test(rights_case, pattern_is_reached_whole_in_part_or_not, 0, COUNT_OF(patterns));
    tcase_add_loop_test(rights_case, reach_agrees_with_each_topic, 0, COUNT_OF(patterns));
    tcase_add_loop_test(rights_case, limits_take_out_what_may_not_be_read, 0, COUNT_OF(limits));
    tcase_add_test(rights_case, list_takes_out_what_is_limited);
    tcase_add_loop_test(rights_case, answers_come_where_one_may_publish_or_has_an_inbox, 0, COUNT_OF(answers));
    tcase_add_loop_test(rights_case, all_of_a_pattern_is_published_to_or_not, 0, COUNT_OF(wholes));
    tcase_add_test(rights_case, nobody_in_particular_may_all_and_nothing_is_nothing);
    tcase_add_test(rights_case, monitor_and_manage_are_given_or_not);
    tcase_add_test(rights_case, same_words_are_the_same_rights);
    tcase_add_loop_test(rights_case, bad_pattern_is_refused, 0, COUNT_OF(bad));
    tcase_add_loop_test(rights_case, allow_responses_is_read, 0, COUNT_OF(responses));
    suite_add_tcase(suite, rights_case);
    return unit_run_suite(suite, CK_FORK_GETENV);
}
