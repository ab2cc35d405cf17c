/* file: small files, read whole. Any thread; it may wait for the disk. */
#ifndef UTIL_FILE_H
#define UTIL_FILE_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Reads all of a file into room. Its size, or -errno; -EFBIG: it has more bytes than room, which is full of them then.
 * Nothing of it is kept elsewhere: whoever reads secrets wipes room, whatever the answer.
 */
ssize_t file_read(const char *path, char *room, size_t room_size);

#endif
