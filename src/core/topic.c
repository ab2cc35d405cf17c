#include "core/topic.h"

enum topic_verdict topic_check(struct slice topic, const struct topic_limits *limits)
{
    struct slice token;
    uint32_t depth = 0;
    if (topic.size > limits->size_max)
        return TOPIC_TOO_LONG;
    for (size_t cursor = 0; topic_next_token(topic, &cursor, &token);) {
        if (token.size == 0)
            return TOPIC_MALFORMED;
        if (++depth > limits->depth_max)
            return TOPIC_TOO_LONG;
    }
    return TOPIC_GOOD;
}

bool pattern_valid(struct slice pattern, const struct topic_limits *limits)
{
    struct slice token;
    if (!topic_valid(pattern, limits))
        return false;
    for (size_t cursor = 0; topic_next_token(pattern, &cursor, &token);)
        if (slice_is(token, ">") && cursor <= pattern.size)
            return false;
    return true;
}

bool pattern_has_wildcard(struct slice pattern)
{
    struct slice token;
    for (size_t cursor = 0; topic_next_token(pattern, &cursor, &token);)
        if (token.size == 1 && (token.data[0] == '*' || token.data[0] == '>'))
            return true;
    return false;
}

/* The end of the token that begins there. */
static size_t token_end(struct slice topic, size_t at)
{
    while (at < topic.size && topic.data[at] != '.')
        at++;
    return at;
}

/* Byte by byte: tokens are short, and most patterns differ from a topic in the first of them. */
bool pattern_matches(struct slice pattern, struct slice topic)
{
    size_t p = 0, t = 0;
    for (;; p++, t++) {
        bool is_last = p + 1 == pattern.size;
        if (is_last && pattern.data[p] == '>')
            return true;
        if (p < pattern.size && pattern.data[p] == '*' && (is_last || pattern.data[p + 1] == '.')) {
            p++;
            t = token_end(topic, t);
        } else {
            for (; p < pattern.size && t < topic.size && pattern.data[p] == topic.data[t] && topic.data[t] != '.'; p++)
                t++;
        }
        if (p == pattern.size || t == topic.size)
            return p == pattern.size && t == topic.size;
        if (pattern.data[p] != '.' || topic.data[t] != '.')
            return false;
    }
}

static bool stands_for_any(struct slice token)
{
    return slice_is(token, "*");
}

static bool stands_for_rest(struct slice token)
{
    return slice_is(token, ">");
}

bool pattern_overlaps(struct slice a, struct slice b)
{
    struct slice in_a, in_b;
    size_t at_a = 0, at_b = 0;
    while (topic_next_token(a, &at_a, &in_a)) {
        if (!topic_next_token(b, &at_b, &in_b))
            return false;
        if (stands_for_rest(in_a) || stands_for_rest(in_b))
            return true;
        if (!stands_for_any(in_a) && !stands_for_any(in_b) && !slice_equal(in_a, in_b))
            return false;
    }
    return at_b > b.size;
}

bool pattern_covers(struct slice outer, struct slice inner)
{
    struct slice want, have;
    size_t in_outer = 0, in_inner = 0;
    while (topic_next_token(outer, &in_outer, &want)) {
        if (!topic_next_token(inner, &in_inner, &have))
            return false;
        if (stands_for_rest(want))
            return true;
        if (stands_for_rest(have) || (!stands_for_any(want) && !slice_equal(want, have)))
            return false;
    }
    return in_inner > inner.size;
}

bool patterns_match(struct slice patterns, struct slice topic)
{
    size_t cursor = 0;
    struct slice pattern;
    bool named = false;
    while (patterns_next(patterns, &cursor, &pattern))
        if (!pattern_takes_out(pattern))
            named = named || pattern_matches(pattern, topic);
        else if (pattern_matches(slice_make(pattern.data + 1, pattern.size - 1), topic))
            return false;
    return named;
}

bool topic_is_writable(struct slice topic)
{
    for (size_t i = 0; i < topic.size; i++)
        if ((unsigned char)topic.data[i] <= ' ' || topic.data[i] == 0x7f)
            return false;
    return true;
}
