/* offline: the files of a stream below a data directory, for commands that need no server. */
#ifndef POSTHORN_OFFLINE_H
#define POSTHORN_OFFLINE_H

#include "exits.h"

/* The directory of a stream; yours to free. Says what is wrong, and gives NULL, where there is none. */
enum exit_code offline_find(const char *directory, const char *stream, char **ret_path);

/* Says why it cannot be looked through (-errno). Returns the exit code. */
enum exit_code offline_fail(const char *path, int error);

#endif
