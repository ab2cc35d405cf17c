/* topic: what may stand for a topic, a pattern or a group on a control line. Pure. */
#ifndef PH_TOPIC_H
#define PH_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

/* Longer ones are refused before any server has to; servers mostly take far less. */
#define PH_TOPIC_SIZE_MAX 65535u

/*
 * The size of a topic: tokens parted by dots, none empty, no blanks or control characters, no token '*' or '>'. 0: it
 * is none.
 */
size_t ph_topic_size(const char *topic);

/* The same for a pattern: a token may be '*', the last may be '>'. */
size_t ph_pattern_size(const char *pattern);

/* The size of a group's name: no blanks or control characters. 0: it is none. */
size_t ph_group_size(const char *group);

#endif
