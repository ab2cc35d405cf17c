#include "stream/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "store/log.h"

static int lock_directory(const char *directory)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/lock", directory) >= (int)sizeof path)
        return -ENAMETOOLONG;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    int error = errno == EWOULDBLOCK ? -EBUSY : -errno;
    close(fd);
    return error;
}

/* Removed streams whose removal did not come to its end. */
struct remains {
    char names[16][PATH_MAX];
    unsigned count;
};

static void note_remains(void *arg, const char *name)
{
    struct remains *remains = arg;
    if (*name == '.' && remains->count < 16)
        snprintf(remains->names[remains->count++], PATH_MAX, "%s", name);
}

static void remove_remains(const struct files *files, const char *streams)
{
    struct remains *remains = malloc(sizeof *remains);
    char path[PATH_MAX];
    if (!remains)
        return;
    remains->count = 0;
    files->list(files->arg, streams, note_remains, remains);
    for (unsigned i = 0; i < remains->count; i++)
        if (snprintf(path, sizeof path, "%s/%s", streams, remains->names[i]) < (int)sizeof path)
            log_remove(files, path);
    free(remains);
}

static int make_directories(const struct files *files, const char *directory)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/streams", directory) >= (int)sizeof path)
        return -ENAMETOOLONG;
    int error = files->make_directory(files->arg, directory);
    if (!error)
        error = files->make_directory(files->arg, path);
    if (!error)
        error = files->sync_directory(files->arg, directory);
    if (!error)
        remove_remains(files, path);
    return error;
}

/* The lock is the system's, whatever tables of files tests have. */
int directory_take(const struct files *files, const char *directory, int *ret_lock_fd)
{
    if (files == &files_system) {
        *ret_lock_fd = lock_directory(directory);
        if (*ret_lock_fd < 0)
            return *ret_lock_fd;
    }
    return make_directories(files, directory);
}
