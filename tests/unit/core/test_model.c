/*
 * The router against a model: random subscriptions, unsubscriptions, matches and deliveries, after each of which the
 * router must say what a list of sinks and a naive matcher say.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"
#include "naive.h"
#include "stub.h"

enum {
    ENTRIES_MAX = 400,
    PEERS = 3,
    GROUPS = 3,
    TOPICS_HOT = 12, /* asked for again and again */
    BATCH_MAX = 100,
};

static const char *const group_names[GROUPS] = { "g", "gg", "billing.eu" };

/* A subscription of the model. */
struct entry {
    struct stub stub; /* the first member */
    char pattern[NAIVE_SIZE];
    int group;         /* which, -1: plain */
    unsigned expected; /* the step in which the model named it (or, plain, its target) */
    unsigned seen;     /* the step in which the router did */
    unsigned taken;    /* messages before this step */
};

/* How a round is played. */
struct play {
    const char *name;
    unsigned steps, entries_max;
    unsigned change_percent; /* of the steps add or remove; the others publish */
    unsigned far_percent;    /* of the subscriptions stand for another worker's */
    struct naive_words words;
};

struct model {
    const struct play *play;
    struct random random;
    struct router *router;
    struct entry *entries[ENTRIES_MAX]; /* the first `count` are in */
    struct entry peers[PEERS];
    char hot[TOPICS_HOT][NAIVE_SIZE];
    unsigned count, step;
    uint32_t message; /* number of the next */
};

static unsigned below(struct model *model, unsigned bound)
{
    return random_below(&model->random, bound);
}

static bool chance(struct model *model, unsigned percent)
{
    return below(model, 100) < percent;
}

/* Changes. */

static void model_add(struct model *model)
{
    struct entry *entry = calloc(1, sizeof *entry);
    if (chance(model, model->play->far_percent))
        stub_init_far(&entry->stub, &model->peers[below(model, PEERS)].stub, 1 + below(model, 4));
    else
        stub_init(&entry->stub);
    if (chance(model, 10))
        entry->stub.left = below(model, 50);
    entry->group = chance(model, 40) ? (int)below(model, GROUPS) : -1;
    naive_pattern(&model->random, &model->play->words, entry->pattern);
    struct slice group = slice_of(entry->group < 0 ? NULL : group_names[entry->group]);
    unit_assert(router_add(model->router, &entry->stub.sink, slice_of(entry->pattern), group) == 0);
    model->entries[model->count++] = entry;
}

static bool is_sink(const struct sink *sink, const void *arg)
{
    return sink == arg;
}

static void model_remove(struct model *model)
{
    unsigned place = below(model, model->count);
    struct entry *entry = model->entries[place];
    struct slice pattern = slice_of(entry->pattern);
    struct slice group = slice_of(entry->group < 0 ? NULL : group_names[entry->group]);
    unit_assert(router_find(model->router, pattern, group, is_sink, entry) == &entry->stub.sink);
    router_remove(model->router, &entry->stub.sink);
    unit_assert(!router_find(model->router, pattern, group, is_sink, entry));
    model->entries[place] = model->entries[--model->count];
    free(entry);
}

static void model_change(struct model *model)
{
    unsigned max = model->play->entries_max;
    if (model->count == 0 || (model->count < max && below(model, max) >= model->count / 2))
        model_add(model);
    else
        model_remove(model);
}

/* What should be. */

/* Who gets an entry's messages. */
static struct entry *receiver(struct entry *entry)
{
    bool through_target = entry->group < 0 && entry->stub.sink.target;
    return through_target ? (struct entry *)entry->stub.sink.target : entry;
}

/* What the model says of a topic: the receivers have expected == step. */
struct expectation {
    unsigned plain_count, group_count;
    unsigned member_count[GROUPS], far_count[GROUPS];
    unsigned room[GROUPS]; /* messages that the members still take */
    unsigned near_room[GROUPS];
    unsigned plain_room_max; /* of the plain sink that takes most */
};

static unsigned add_room(unsigned sum, const struct stub *stub)
{
    return stub->left > BATCH_MAX || sum > BATCH_MAX ? BATCH_MAX : sum + stub->left;
}

static void expect_member(struct expectation *expectation, const struct entry *entry)
{
    int group = entry->group;
    bool far = entry->stub.sink.target;
    expectation->group_count += expectation->member_count[group] == 0;
    expectation->member_count[group]++;
    expectation->far_count[group] += far;
    expectation->room[group] = add_room(expectation->room[group], &entry->stub);
    if (!far)
        expectation->near_room[group] = add_room(expectation->near_room[group], &entry->stub);
}

static void expect(struct model *model, const char *topic, struct expectation *ret)
{
    *ret = (struct expectation){ 0 };
    for (unsigned i = 0; i < model->count; i++) {
        struct entry *to = receiver(model->entries[i]);
        if (!naive_matches(model->entries[i]->pattern, topic) || to->expected == model->step)
            continue;
        to->expected = model->step;
        to->taken = to->stub.taken;
        if (to->group >= 0) {
            expect_member(ret, to);
            continue;
        }
        ret->plain_count++;
        if (add_room(0, &to->stub) > ret->plain_room_max)
            ret->plain_room_max = add_room(0, &to->stub);
    }
}

/* What is. */

static void check_named(struct model *model, struct sink *sink, int group)
{
    struct entry *entry = (struct entry *)sink;
    unit_assert(entry->expected == model->step); /* it should be there, */
    unit_assert(entry->seen != model->step);     /* once, */
    unit_assert(entry->group == group);          /* and here */
    entry->seen = model->step;
}

static int group_number(struct slice name)
{
    int group = 0;
    while (group < GROUPS && !slice_is(name, group_names[group]))
        group++;
    unit_assert(group < GROUPS);
    return group;
}

/* With as many as expected, none twice and none unexpected, nobody is missing. */
static void check_match(struct model *model, const struct match *match, const struct expectation *expectation)
{
    unit_assert(match->sink_count == expectation->plain_count);
    unit_assert(match->group_count == expectation->group_count);
    for (unsigned i = 0; i < match->sink_count; i++)
        check_named(model, match->sinks[i], -1);
    for (unsigned i = 0; i < match->group_count; i++) {
        const struct match_group *group = &match->groups[i];
        int number = group_number(group->name);
        unit_assert(group->member_count == expectation->member_count[number]);
        unit_assert(group->far_count == expectation->far_count[number]);
        for (unsigned k = 0; k < group->member_count; k++) {
            check_named(model, group->members[k], number);
            unit_assert((group->members[k]->target != NULL) == (k < group->far_count));
        }
    }
}

/* A plain sink took the first of the batch, as many as it wanted. */
static void check_plain(const struct entry *entry, const struct batch *batch, unsigned left)
{
    unsigned expected = batch->count < left ? batch->count : left;
    unit_assert(entry->stub.taken - entry->taken == expected);
    for (unsigned i = 0; i < expected; i++)
        unit_assert(stub_message(&entry->stub, entry->taken + i) == batch->messages[i].body_size);
}

/* Between them the members took the first of the batch, each message once, each member in order. */
static void check_group(const struct match_group *group, const struct batch *batch, unsigned room, unsigned near_room)
{
    bool owned[BATCH_MAX] = { false };
    unsigned expected = batch->count < room ? batch->count : room, taken = 0;
    for (unsigned i = 0; i < group->member_count; i++) {
        const struct entry *entry = (const struct entry *)group->members[i];
        for (unsigned k = entry->taken; k < entry->stub.taken; k++, taken++) {
            unsigned place = stub_message(&entry->stub, k) - batch->messages[0].body_size;
            unit_assert(place < expected);
            unit_assert(!owned[place]);
            unit_assert(k == entry->taken || stub_message(&entry->stub, k) > stub_message(&entry->stub, k - 1));
            owned[place] = true;
        }
        if (entry->stub.sink.target && batch->hops > 0 && near_room >= batch->count)
            unit_assert(entry->stub.taken == entry->taken);
    }
    unit_assert(taken == expected);
}

static unsigned greatest(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static void deliver(struct model *model, const struct match *match, const struct expectation *expectation)
{
    struct message messages[BATCH_MAX];
    static unsigned left[ENTRIES_MAX];
    unsigned count = 1 + (chance(model, 10) ? below(model, BATCH_MAX) : below(model, 4)), expected = 0;
    stub_messages(messages, count, model->message);
    model->message += count;
    for (unsigned i = 0; i < match->sink_count; i++) {
        left[i] = stub_of(match->sinks[i])->left;
        expected = greatest(expected, left[i] < count ? left[i] : count);
    }
    for (unsigned i = 0; i < GROUPS; i++)
        expected = greatest(expected, expectation->room[i] < count ? expectation->room[i] : count);
    struct batch batch = {
        .topic = match->topic, .messages = messages, .count = count, .hops = below(model, 2), .serial = 1
    };
    unit_assert(router_deliver(model->router, match, &batch) == expected);
    for (unsigned i = 0; i < match->sink_count; i++)
        check_plain((const struct entry *)match->sinks[i], &batch, left[i]);
    for (unsigned i = 0; i < match->group_count; i++) {
        int number = group_number(match->groups[i].name);
        check_group(&match->groups[i], &batch, expectation->room[number], expectation->near_room[number]);
    }
}

static void model_publish(struct model *model)
{
    char fresh[NAIVE_SIZE], *topic = fresh;
    struct expectation expectation;
    if (chance(model, 80))
        topic = model->hot[below(model, TOPICS_HOT)];
    else
        naive_topic(&model->random, &model->play->words, fresh);
    expect(model, topic, &expectation);
    const struct match *match = router_match(model->router, slice_of(topic));
    unit_assert(slice_is(match->topic, topic));
    check_match(model, match, &expectation);
    deliver(model, match, &expectation);
}

static void model_play(const struct play *play)
{
    struct model model = { .play = play, .router = stub_router(1) };
    random_init(&model.random, unit_seed(play->name));
    for (unsigned i = 0; i < PEERS; i++) {
        stub_init(&model.peers[i].stub);
        model.peers[i].group = -1;
    }
    for (unsigned i = 0; i < TOPICS_HOT; i++)
        naive_topic(&model.random, &play->words, model.hot[i]);
    for (model.step = 1; model.step <= play->steps; model.step++)
        if (chance(&model, play->change_percent))
            model_change(&model);
        else
            model_publish(&model);
    while (model.count)
        model_remove(&model);
    struct router_stats stats;
    router_stats(model.router, &stats);
    unit_assert(stats.node_count == 0);
    unit_assert(stats.hits > 0);
    router_destroy(model.router);
}

START_TEST(few_subscriptions_that_change_all_the_time)
{
    static const struct play play = { "few_subscriptions_that_change_all_the_time", 20000, 10, 50, 20, { 3, 4, 30 } };
    model_play(&play);
}
END_TEST

START_TEST(topics_without_wildcards)
{
    static const struct play play = { "topics_without_wildcards", 10000, 60, 30, 20, { 4, 2, 0 } };
    model_play(&play);
}
END_TEST

START_TEST(many_subscriptions_whose_answers_are_large)
{
    static const struct play play = {
        "many_subscriptions_whose_answers_are_large", 8000, ENTRIES_MAX, 40, 10, { 3, 3, 60 }
    };
    model_play(&play);
}
END_TEST

START_TEST(deep_patterns_of_many_tokens)
{
    static const struct play play = { "deep_patterns_of_many_tokens", 10000, 150, 30, 30, { 6, 12, 50 } };
    model_play(&play);
}
END_TEST

START_TEST(mostly_members_elsewhere)
{
    static const struct play play = { "mostly_members_elsewhere", 8000, 60, 30, 80, { 2, 3, 40 } };
    model_play(&play);
}
END_TEST

/* More topics than the cache has places, each asked for twice, while their subscriptions come and go. */
START_TEST(more_topics_than_the_cache_remembers)
{
    enum { TOPICS = 12000, SINKS = 64 };
    struct router *router = stub_router(2);
    struct stub stubs[SINKS];
    struct random random;
    char topics[SINKS][NAIVE_SIZE] = { "" }, topic[NAIVE_SIZE];
    random_init(&random, unit_seed("more_topics_than_the_cache_remembers"));
    for (unsigned round = 0; round < 2 * TOPICS; round++) {
        unsigned place = random_below(&random, SINKS), count = 0;
        if (*topics[place])
            router_remove(router, &stubs[place].sink);
        stub_init(&stubs[place]);
        snprintf(topics[place], NAIVE_SIZE, random_below(&random, 50) ? "topic.%u" : "*.%u", (round + 3) % TOPICS);
        unit_assert(router_add(router, &stubs[place].sink, slice_of(topics[place]), slice_of(NULL)) == 0);
        snprintf(topic, sizeof topic, "topic.%u", round % TOPICS);
        for (unsigned i = 0; i < SINKS; i++)
            count += *topics[i] && naive_matches(topics[i], topic);
        unit_assert(router_match(router, slice_of(topic))->sink_count == count);
        unit_assert(router_match(router, slice_of(topic))->sink_count == count);
    }
    router_destroy(router);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        few_subscriptions_that_change_all_the_time,
        topics_without_wildcards,
        many_subscriptions_whose_answers_are_large,
        deep_patterns_of_many_tokens,
        mostly_members_elsewhere,
        more_topics_than_the_cache_remembers,
        NULL,
    };
    return unit_run("model", tests);
}
