/* help: what --help prints, for all of posthorn and for each command, out of the command table. */
#ifndef POSTHORN_HELP_H
#define POSTHORN_HELP_H

#include <stdio.h>

#include "command.h"

/* The overview: commands, environment, exit codes. */
void help_print_overview(FILE *out);

/* One command; path is how it is called, such as "context add". */
void help_print_command(FILE *out, const struct command *command, const char *path);

/* The usage line alone, without a newline. */
void help_print_usage(FILE *out, const struct command *command, const char *path);

#endif
