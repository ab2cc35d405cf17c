/*
 * options: what a command may be told, one row an option. The parser, --help, the completions and the manual all read
 * the same rows.
 *
 * Rows stand in groups (a command's own, "Server", "Output"), and each group fills a struct of its own, which lies
 * somewhere in the values of the command:
 *
 *      struct sub_values { struct server_values server; struct output_values output; uint64_t count; ... }
 *      group   { "Options", sub_options, 0 }, { "Server", server_options, offsetof(struct sub_values, server) }, ...
 */
#ifndef POSTHORN_OPTIONS_H
#define POSTHORN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exits.h"

enum option_kind {
    OPTION_FLAG,     /* bool: was it given */
    OPTION_TEXT,     /* const char *, NULL where not given and without initial */
    OPTION_LIST,     /* struct text_list: may be given again and again */
    OPTION_COUNT,    /* uint64_t */
    OPTION_SIZE,     /* uint64_t, bytes: 512, 64KiB, 1MiB */
    OPTION_DURATION, /* uint64_t, nanoseconds: 250ms, 5s, 2m */
    OPTION_RATE,     /* double, a second: 100, 100/s, 30/m */
    OPTION_KIND_COUNT
};

struct option {
    const char *name; /* without the dashes */
    char letter;      /* 0: none */
    const char *word; /* what the help calls the value; NULL for a flag */
    enum option_kind kind;
    size_t offset;
    const char *initial; /* the value where the option is not given, as one would write it; NULL: zero */
    const char *help;
};

struct option_group {
    const char *title;         /* NULL ends a list of groups */
    const struct option *rows; /* the last has no name */
    size_t offset;             /* of the group's struct in the values of the command */
};

/* Texts borrow argv. */
struct text_list {
    const char **texts;
    size_t count;
};

/* The arguments that are no options, in order; they borrow argv. */
struct operands {
    char **texts;
    int count;
};

/*
 * Fills values, which must be zero, from the rows' initial values and from argv[0..argc). Options and operands may be
 * mixed; "--" ends the options. *ret_help: --help or -h was among them; then nothing is complained about. Says what
 * is wrong and returns EXIT_USAGE.
 */
enum exit_code options_parse(const struct option_group *groups, void *values, int argc, char **argv,
                             struct operands *ret_operands, bool *ret_help);

/* Frees the lists in values, not values. */
void options_finish(const struct option_group *groups, void *values, struct operands *operands);

#endif
