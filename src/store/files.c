#include "store/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int system_open(void *arg, const char *path, enum files_open how)
{
    static const int flags[] = {
        [FILES_READ] = O_RDONLY,
        [FILES_WRITE] = O_RDWR,
        [FILES_CREATE] = O_RDWR | O_CREAT,
    };
    (void)arg;
    /* A FIFO would wait for its other end. */
    int fd = open(path, flags[how] | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    return fd < 0 ? -errno : fd;
}

static int system_close(void *arg, int fd)
{
    (void)arg;
    return close(fd) ? -errno : 0;
}

static ssize_t system_read(void *arg, int fd, void *data, size_t size, uint64_t at)
{
    ssize_t got;
    (void)arg;
    do
        got = pread(fd, data, size, (off_t)at);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

static void system_will_read(void *arg, int fd)
{
    (void)arg;
    posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
}

static ssize_t system_write(void *arg, int fd, const struct iovec *parts, int part_count, uint64_t at)
{
    ssize_t put;
    (void)arg;
    do
        put = pwritev(fd, parts, part_count, (off_t)at);
    while (put < 0 && errno == EINTR);
    return put < 0 ? -errno : put;
}

/* Where it fails, so does the sync that follows: the system keeps the error for it. */
static void system_will_sync(void *arg, int fd, uint64_t at, uint64_t size)
{
    (void)arg;
    sync_file_range(fd, (off_t)at, (off_t)size, SYNC_FILE_RANGE_WRITE);
}

static int system_size(void *arg, int fd, uint64_t *ret_size)
{
    struct stat status;
    (void)arg;
    if (fstat(fd, &status))
        return -errno;
    *ret_size = (uint64_t)status.st_size;
    return 0;
}

static int system_truncate(void *arg, int fd, uint64_t size)
{
    (void)arg;
    return ftruncate(fd, (off_t)size) ? -errno : 0;
}

/* Where the file system cannot preallocate, only the size is set: a full disk is met when it is written to. */
static int system_allocate(void *arg, int fd, uint64_t size)
{
    uint64_t before;
    int error;
    do
        error = fallocate(fd, 0, 0, (off_t)size) ? -errno : 0;
    while (error == -EINTR);
    if (error != -EOPNOTSUPP && error != -ENOSYS)
        return error;
    error = system_size(arg, fd, &before);
    return error || before >= size ? error : system_truncate(arg, fd, size);
}

static int system_sync(void *arg, int fd)
{
    (void)arg;
    return fdatasync(fd) ? -errno : 0;
}

static int system_sync_directory(void *arg, const char *path)
{
    (void)arg;
    /* A FIFO would wait for its other end. */
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int error = fsync(fd) ? -errno : 0;
    close(fd);
    return error;
}

static int system_make_directory(void *arg, const char *path)
{
    (void)arg;
    return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

static int system_remove(void *arg, const char *path)
{
    (void)arg;
    return remove(path) ? -errno : 0;
}

static int system_rename(void *arg, const char *from, const char *to)
{
    (void)arg;
    return rename(from, to) ? -errno : 0;
}

static int system_list(void *arg, const char *path, void (*visit)(void *visit_arg, const char *name), void *visit_arg)
{
    const struct dirent *entry;
    (void)arg;
    DIR *directory = opendir(path);
    if (!directory)
        return -errno;
    while (errno = 0, (entry = readdir(directory)))
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            visit(visit_arg, entry->d_name);
    int error = -errno;
    closedir(directory);
    return error;
}

const struct files files_system = {
    .open = system_open,
    .close = system_close,
    .read = system_read,
    .will_read = system_will_read,
    .write = system_write,
    .will_sync = system_will_sync,
    .allocate = system_allocate,
    .truncate = system_truncate,
    .size = system_size,
    .sync = system_sync,
    .sync_directory = system_sync_directory,
    .make_directory = system_make_directory,
    .remove = system_remove,
    .rename = system_rename,
    .list = system_list,
};
