/*
 * source: the lines of an INI text, through inih, with what inih leaves to its callers: where a line stands, sections
 * without options, and errors in place of silent truncation. It knows nothing of which options there are.
 *
 *     [section]                 or [section NAME], alone on its line
 *     option = value            ';' at the start of a word begins a comment, as ';' and '#' do at the start of a line
 *         more of the value     an indented line goes on with the value above it
 *
 * For the config room alone. One thread at a time.
 */
#ifndef CONFIG_SOURCE_H
#define CONFIG_SOURCE_H

#include <stdbool.h>

#include "util/slice.h"

/* One option with its whole value, the parts of which are joined by spaces. Borrows until the callback returns. */
struct source_option {
    const char *name, *value;
    unsigned line;           /* of its name, from 1 */
    unsigned continued_line; /* of the first line that goes on with the value; 0: none does */
    bool has_comment;        /* one stands behind the value, or what looks like one */
};

/* What is told while the text is read, in its order. Each returns 0, or a negative error that ends the reading. */
struct source_events {
    int (*section)(void *owner, struct slice heading, unsigned line); /* what stands between the brackets, trimmed */
    int (*option)(void *owner, const struct source_option *option);
    int (*malformed)(void *owner, unsigned line, struct slice offending, const char *expected);
};

/* Returns 0, what an event returned, or -ENOMEM. Without events (NULL), says -EINVAL for what is malformed. */
int source_read(struct slice text, const struct source_events *events, void *owner);

#endif
