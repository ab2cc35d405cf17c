/*
 * Fuzz target: topics, patterns, the index and the router's cache, against a naive matcher.
 *
 *   input = lines of    +pattern   subscribe        #pattern  subscribe as a member of a group
 *                       -          unsubscribe the oldest     topic (all other lines): who gets it?
 */
#include "fuzz.h"

#include "../unit/core/naive.h"
#include "core/router.h"

enum {
    SUBSCRIPTIONS_MAX = 100,
    LINE_SIZE_MAX = 200,
};

static const struct topic_limits limits = { .size_max = 64, .depth_max = 16 };

struct subscription {
    struct sink sink; /* the first member */
    bool member;
    char pattern[LINE_SIZE_MAX];
};

struct scene {
    struct router *router;
    struct subscription *subscriptions[SUBSCRIPTIONS_MAX]; /* oldest first */
    unsigned count;
};

/* The rule of what is valid, told once more. */
static bool naive_valid(const char *text, bool pattern)
{
    unsigned depth = 1;
    size_t size = strlen(text);
    if (size == 0 || size > limits.size_max || text[0] == '.' || text[size - 1] == '.' || strstr(text, ".."))
        return false;
    for (const char *dot = text; (dot = strchr(dot, '.')); dot++)
        depth++;
    if (depth > limits.depth_max)
        return false;
    return !pattern || !(strncmp(text, ">.", 2) == 0 || strstr(text, ".>."));
}

static void subscribe(struct scene *scene, const char *pattern, bool member)
{
    bool valid = pattern_valid(slice_of(pattern), &limits);
    fuzz_require(valid == naive_valid(pattern, true));
    if (!valid || scene->count == SUBSCRIPTIONS_MAX)
        return;
    struct subscription *subscription = calloc(1, sizeof *subscription);
    fuzz_require(subscription);
    subscription->sink.weight = 1;
    subscription->member = member;
    strcpy(subscription->pattern, pattern);
    fuzz_require(router_add(scene->router, &subscription->sink, slice_of(pattern), slice_of(member ? "g" : NULL)) == 0);
    scene->subscriptions[scene->count++] = subscription;
}

static void unsubscribe(struct scene *scene)
{
    if (scene->count == 0)
        return;
    struct subscription *oldest = scene->subscriptions[0];
    router_remove(scene->router, &oldest->sink);
    free(oldest);
    memmove(scene->subscriptions, scene->subscriptions + 1, --scene->count * sizeof *scene->subscriptions);
}

static void check_sinks(struct sink *const *sinks, unsigned count, bool member, const char *topic)
{
    for (unsigned i = 0; i < count; i++) {
        const struct subscription *subscription = (const struct subscription *)sinks[i];
        fuzz_require(subscription->member == member);
        fuzz_require(naive_matches(subscription->pattern, topic));
        for (unsigned k = 0; k < i; k++)
            fuzz_require(sinks[k] != sinks[i]);
    }
}

static void ask(struct scene *scene, const char *topic)
{
    unsigned plain_count = 0, member_count = 0;
    bool valid = naive_valid(topic, false);
    for (unsigned i = 0; valid && i < scene->count; i++)
        if (naive_matches(scene->subscriptions[i]->pattern, topic))
            *(scene->subscriptions[i]->member ? &member_count : &plain_count) += 1;
    for (unsigned i = 0; i < 3; i++) { /* anew, to be remembered, remembered */
        const struct match *match = router_match(scene->router, slice_of(topic));
        fuzz_require(valid == (match->verdict == TOPIC_GOOD));
        fuzz_require(match->sink_count == plain_count && match->group_count == (member_count > 0));
        check_sinks(match->sinks, plain_count, false, topic);
        if (member_count) {
            fuzz_require(match->groups[0].member_count == member_count);
            check_sinks(match->groups[0].members, member_count, true, topic);
        }
    }
}

static void play_line(struct scene *scene, const char *line)
{
    if (*line == '-')
        unsubscribe(scene);
    else if (*line == '+' || *line == '#')
        subscribe(scene, line + 1, *line == '#');
    else
        ask(scene, line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scene scene = { .router = router_create(1, &limits) };
    char line[LINE_SIZE_MAX];
    size_t line_size = 0;
    fuzz_require(scene.router);
    for (size_t i = 0; i <= size; i++) {
        if (i < size && data[i] != '\n' && data[i] != '\0' && line_size < sizeof line - 1) {
            line[line_size++] = (char)data[i];
            continue;
        }
        line[line_size] = '\0';
        line_size = 0;
        play_line(&scene, line);
    }
    while (scene.count)
        unsubscribe(&scene);
    struct router_stats stats;
    router_stats(scene.router, &stats);
    fuzz_require(stats.node_count == 0);
    router_destroy(scene.router);
    return 0;
}
