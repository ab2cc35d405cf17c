/* directory: the data directory, which one daemon has at a time, and the directory of the streams in it. */
#ifndef STREAM_DIRECTORY_H
#define STREAM_DIRECTORY_H

#include "store/files.h"

/* Locks the directory until *ret_lock_fd, which is the caller's, is closed; makes what is missing, and removes what is
 * left of removed streams. 0; -EBUSY: another daemon has it; or the error of a call. */
int directory_take(const struct files *files, const char *directory, int *ret_lock_fd);

#endif
