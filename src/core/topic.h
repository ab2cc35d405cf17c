/*
 * topic: what topics and patterns look like, and which topics a pattern names.
 *
 * A topic is tokens joined by dots: orders.eu.42. No token is empty. A pattern is a topic in which the whole token "*"
 * stands for any one token, and the whole token ">", at the end, for one or more. Elsewhere * and > are ordinary
 * letters. All functions walk from left to right, without recursion; any thread.
 */
#ifndef CORE_TOPIC_H
#define CORE_TOPIC_H

#include <stdint.h>

#include "util/slice.h"

/* No topic or pattern is deeper than this, whatever the configuration says: arrays are sized by it. */
#define TOPIC_DEPTH_LIMIT 1024u

struct topic_limits {
    uint32_t size_max;  /* bytes, below 64 KiB */
    uint32_t depth_max; /* tokens, at most TOPIC_DEPTH_LIMIT */
};

/* Walks the tokens: starts with *cursor = 0; returns false behind the last. "" has one token, which is empty. */
static inline bool topic_next_token(struct slice topic, size_t *cursor, struct slice *ret_token)
{
    if (*cursor > topic.size)
        return false;
    const char *start = topic.data + *cursor;
    size_t rest = topic.size - *cursor;
    const char *dot = rest ? memchr(start, '.', rest) : NULL;
    size_t size = dot ? (size_t)(dot - start) : rest;
    *ret_token = slice_make(start, size);
    *cursor += size + 1;
    return true;
}

enum topic_verdict {
    TOPIC_GOOD,
    TOPIC_MALFORMED, /* a token is empty */
    TOPIC_TOO_LONG,  /* over a limit, in bytes or tokens */
};

/* Wildcards are not looked at: a topic may hold "*". */
enum topic_verdict topic_check(struct slice topic, const struct topic_limits *limits);

static inline bool topic_valid(struct slice topic, const struct topic_limits *limits)
{
    return topic_check(topic, limits) == TOPIC_GOOD;
}

/* As topic_valid, and ">" stands only at the end. */
bool pattern_valid(struct slice pattern, const struct topic_limits *limits);

/* True where it holds no blank and no control character, so that it can stand in a line of any protocol. A
 * topic that comes by the line protocol may be any bytes but blanks and line ends: whoever writes it elsewhere asks. */
bool topic_is_writable(struct slice topic);

/* True where a token of the pattern is "*" or ">". */
bool pattern_has_wildcard(struct slice pattern);

/* True where the pattern names the topic. Both are valid. In a topic, "*" and ">" are plain letters. */
bool pattern_matches(struct slice pattern, struct slice topic);

/* True where there is a topic that both patterns name. Both are valid. */
bool pattern_overlaps(struct slice a, struct slice b);

/* True for topics that only those keep who ask for them by name: the server's own words, and answers that one client
 * waits for. */
static inline bool topic_is_private(struct slice topic)
{
    return (topic.size && topic.data[0] == '$') || slice_starts_with(topic, slice_make("_INBOX.", 7));
}

/* True for what the server tells of itself, and is asked: for those who subscribe, a wildcard at the start of a pattern
 * does not name it. */
static inline bool topic_is_reserved(struct slice topic)
{
    return topic.size && topic.data[0] == '$' && slice_starts_with(topic, slice_make("$POSTHORN.", 10));
}

/* True where there is a topic that streams of both patterns would keep. Both are valid. */
static inline bool patterns_contend(struct slice a, struct slice b)
{
    return topic_is_private(a) == topic_is_private(b) && pattern_overlaps(a, b);
}

/* True where each topic that the inner pattern names is named by the outer. Both are valid. */
bool pattern_covers(struct slice outer, struct slice inner);

/* In a list, a pattern behind this letter takes out what it names; no pattern that may be listed begins with it. */
#define PATTERN_NOT '\x01'

/* Walks patterns joined by commas: starts with *cursor = 0; false behind the last. */
static inline bool patterns_next(struct slice patterns, size_t *cursor, struct slice *ret_pattern)
{
    if (*cursor > patterns.size)
        return false;
    const char *start = patterns.data + *cursor;
    size_t rest = patterns.size - *cursor;
    const char *comma = rest ? memchr(start, ',', rest) : NULL;
    *ret_pattern = slice_make(start, comma ? (size_t)(comma - start) : rest);
    *cursor += ret_pattern->size + 1;
    return true;
}

/* How many there are. */
static inline unsigned patterns_count(struct slice patterns)
{
    size_t cursor = 0;
    struct slice pattern;
    unsigned count = 0;
    while (patterns_next(patterns, &cursor, &pattern))
        count++;
    return count;
}

static inline bool pattern_takes_out(struct slice pattern)
{
    return pattern.size && *pattern.data == PATTERN_NOT;
}

/* True where one of the patterns names the topic, and none takes it out. */
bool patterns_match(struct slice patterns, struct slice topic);

#endif
