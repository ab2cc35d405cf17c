/* program: commands that are programs of their own. */
#ifndef POSTHORN_PROGRAM_H
#define POSTHORN_PROGRAM_H

#include "exits.h"

/* Becomes the program of that name with these arguments: the one that lies beside this, or else the installed one.
 * Returns only where there is none, and has said so. */
enum exit_code program_become(const char *name, int argc, char **argv);

#endif
