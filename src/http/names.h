/*
 * names: topics, patterns and groups as clients of HTTP may give them. After decoding they could hold anything, and
 * what is let in here is written into lines of the line protocol, events and JSON: so they are UTF-8, without blanks
 * and controls. Pure; any thread.
 */
#ifndef HTTP_NAMES_H
#define HTTP_NAMES_H

#include "core/topic.h"
#include "util/utf8.h"

enum { GROUP_SIZE_MAX = 255 };

static inline bool name_is_topic(struct slice name, const struct topic_limits *limits)
{
    return topic_is_writable(name) && utf8_valid(name) && topic_valid(name, limits) && !pattern_has_wildcard(name);
}

static inline bool name_is_pattern(struct slice name, const struct topic_limits *limits)
{
    return topic_is_writable(name) && utf8_valid(name) && pattern_valid(name, limits);
}

static inline bool name_is_group(struct slice name)
{
    return name.size > 0 && name.size <= GROUP_SIZE_MAX && topic_is_writable(name) && utf8_valid(name);
}

#endif
