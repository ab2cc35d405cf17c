/* command: a row of the command table. main.c holds the table; each command's details stand in its own file. */
#ifndef POSTHORN_COMMAND_H
#define POSTHORN_COMMAND_H

#include "options.h"

struct example {
    const char *text; /* NULL ends a list */
    const char *line;
};

/* What it takes, and what --help and the manual say past the first line. */
struct command_details {
    const char *operands; /* as the usage line shows them: "TOPIC [PAYLOAD]" */
    int operand_min;
    int operand_max;    /* -1: any number */
    size_t values_size; /* of the struct that the groups fill */
    const struct option_group *groups;
    const char *about;              /* paragraphs, parted by an empty line */
    const struct example *examples; /* or NULL */
    const char *program;            /* which does it; NULL: this one, by run */
};

struct command {
    const char *name; /* NULL ends a table */
    const char *summary;
    enum exit_code (*run)(void *values, struct operands operands); /* NULL: commands, or a program, of its own */
    const struct command_details *details;
    const struct command *commands; /* of its own, or NULL */
};

/* The table, in main.c. */
extern const struct command commands[];

/* The row of that name, or NULL. */
const struct command *command_find(const struct command *table, const char *name);

#endif
