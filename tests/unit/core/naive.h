/*
 * naive: the rule of patterns written a second time, plainly and recursively, to compare with; and random topics and
 * patterns over so few tokens that they meet often.
 */
#ifndef TESTS_UNIT_CORE_NAIVE_H
#define TESTS_UNIT_CORE_NAIVE_H

#include <stdbool.h>

#include "util/random.h"

#define NAIVE_SIZE 256 /* room for what the two below write */

/* Does the pattern name the topic? Both are valid. */
bool naive_matches(const char *pattern, const char *topic);

struct naive_words {
    unsigned token_count; /* different tokens */
    unsigned depth_max;
    unsigned wild_percent; /* of a pattern's tokens */
};

void naive_topic(struct random *random, const struct naive_words *words, char *out);
void naive_pattern(struct random *random, const struct naive_words *words, char *out);

#endif
