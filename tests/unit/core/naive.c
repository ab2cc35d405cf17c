#include "naive.h"

#include <stdio.h>
#include <string.h>

bool naive_matches(const char *pattern, const char *topic)
{
    size_t want = strcspn(pattern, "."), have = strcspn(topic, ".");
    bool any = want == 1 && *pattern == '*', rest = want == 1 && *pattern == '>';
    if (rest)
        return true;
    if (!any && (want != have || strncmp(pattern, topic, want) != 0))
        return false;
    if (!pattern[want] || !topic[have])
        return !pattern[want] && !topic[have];
    return naive_matches(pattern + want + 1, topic + have + 1);
}

/* The first tokens are odd ones: a prefix of another, wildcards' letters inside a word. */
static const char *token_name(unsigned number, char *out)
{
    static const char *const odd[] = { "a", "aa", "a*", ">b", "**", "b" };
    if (number < sizeof odd / sizeof *odd)
        return odd[number];
    sprintf(out, "t%u", number);
    return out;
}

static void write_tokens(struct random *random, const struct naive_words *words, unsigned wild_percent, char *out)
{
    unsigned depth = 1 + random_below(random, words->depth_max);
    char name[16];
    for (unsigned i = 0; i < depth; i++) {
        const char *token = token_name(random_below(random, words->token_count), name);
        if (random_below(random, 100) < wild_percent)
            token = i + 1 == depth && random_below(random, 2) ? ">" : "*";
        out += sprintf(out, i ? ".%s" : "%s", token);
    }
}

void naive_topic(struct random *random, const struct naive_words *words, char *out)
{
    write_tokens(random, words, random_below(random, 20) ? 0 : 50, out);
}

void naive_pattern(struct random *random, const struct naive_words *words, char *out)
{
    write_tokens(random, words, words->wild_percent, out);
}
