/*
 * files: the system calls on data files, as a table: so that tests own failures, full disks and power cuts. The table
 * of the real system is files_system. Errors are -errno. Any thread.
 */
#ifndef STORE_FILES_H
#define STORE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

enum files_open {
    FILES_READ,
    FILES_WRITE,    /* and read */
    FILES_CREATE,   /* the same; made where it is missing, and as it is where it is there */
};

struct files {
    void *arg;                  /* the first argument of each */
    /* Descriptors are the table's own: others' mean nothing to it. */
    int (*open)(void *arg, const char *path, enum files_open how);
    int (*close)(void *arg, int fd);
    ssize_t (*read)(void *arg, int fd, void *data, size_t size, uint64_t at);
    /* All of it is going to be read soon: the system may begin. NULL: it does nothing. */
    void (*will_read)(void *arg, int fd);
    ssize_t (*write)(void *arg, int fd, const struct iovec *parts, int part_count, uint64_t at);
    /* What has been written there is going to be synced: the system may begin. NULL: it does nothing. */
    void (*will_sync)(void *arg, int fd, uint64_t at, uint64_t size);
    int (*allocate)(void *arg, int fd, uint64_t size);  /* from 0; sets the size, never shrinks; -ENOSPC where full */
    int (*truncate)(void *arg, int fd, uint64_t size);
    int (*size)(void *arg, int fd, uint64_t *ret_size);
    int (*sync)(void *arg, int fd);                     /* fdatasync */
    int (*sync_directory)(void *arg, const char *path);
    int (*make_directory)(void *arg, const char *path); /* 0 also where it is there */
    int (*remove)(void *arg, const char *path);         /* a file or an empty directory */
    int (*rename)(void *arg, const char *from, const char *to);
    /* Calls visit for each name but "." and "..". */
    int (*list)(void *arg, const char *path, void (*visit)(void *visit_arg, const char *name), void *visit_arg);
};

extern const struct files files_system;

#endif
