/*
 * value: the kinds of options: how a value of each is read, written, compared, freed and described. An option's row
 * says which kind it is; value is always its field. For the config room alone. Any thread.
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct option;

/* Reads text into a field, freeing what it held. 0, -ENOMEM, or -EINVAL where it is not what value_describe says. */
int value_parse(const struct option *option, const char *text, void *value);

/* The value as value_parse reads it. */
void value_print(const struct option *option, const void *value, FILE *out);

bool value_equal(const struct option *option, const void *a, const void *b);

/* Copies what one field holds to another, freeing what that held. 0, or -ENOMEM and the other is untouched. */
int value_copy(const struct option *option, const void *from, void *to);

/* Frees what a field holds and zeroes it. */
void value_clear(const struct option *option, void *value);

/* What may stand there: "a size between 1 and 64MiB". Returns text. */
const char *value_describe(const struct option *option, char *text, size_t text_size);

/* A value that shows the form, for kinds whose description leaves it open; else NULL. */
const char *value_example(const struct option *option);

/* Whether text survives a file: clean UTF-8, no space at its ends, and no word that begins as a comment does. */
bool value_text_is_plain(const char *text);

#endif
