/* Removing a log. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/state.h"

struct names {
    char *names;                /* each with its NUL */
    size_t size, room;
    int error;
};

static void note_name(void *arg, const char *name)
{
    struct names *names = arg;
    size_t size = strlen(name) + 1;
    if (names->size + size > names->room) {
        size_t room = 2 * names->room + size;
        char *more = realloc(names->names, room);
        if (!more) {
            names->error = -ENOMEM;
            return;
        }
        names->names = more;
        names->room = room;
    }
    memcpy(names->names + names->size, name, size);
    names->size += size;
}

/* Calls act with the path of each file in a directory, until it returns other than 0. */
static int for_each(const struct files *files, const char *directory, int (*act)(const struct files *, const char *))
{
    struct names names = { .names = NULL };
    char path[LOG_PATH_SIZE];
    int error = files->list(files->arg, directory, note_name, &names);
    error = error ? error : names.error;
    for (size_t at = 0; !error && at < names.size; at += strlen(names.names + at) + 1) {
        size_t size = (size_t)snprintf(path, sizeof path, "%s/%s", directory, names.names + at);
        error = size < sizeof path ? act(files, path) : -ENAMETOOLONG;
    }
    free(names.names);
    return error;
}

static int remove_file(const struct files *files, const char *path)
{
    return files->remove(files->arg, path);
}

static int remove_directory(const struct files *files, const char *path)
{
    int error = for_each(files, path, remove_file);
    return error == -ENOENT ? 0 : error ? error : files->remove(files->arg, path);
}

static int remove_leftover(const struct files *files, const char *path)
{
    size_t size = strlen(path), end = strlen(LOG_REMOVED);
    return size > end && strcmp(path + size - end, LOG_REMOVED) == 0 ? remove_directory(files, path) : 0;
}

int log_sweep(const struct files *files, const char *parent)
{
    return for_each(files, parent, remove_leftover);
}

int log_sync_parent(const struct files *files, const char *path)
{
    char parent[LOG_PATH_SIZE];
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (!slash)
        return files->sync_directory(files->arg, ".");
    slash[slash == parent] = '\0';
    return files->sync_directory(files->arg, parent);
}

int log_remove(const struct files *files, const char *directory)
{
    char removed[LOG_PATH_SIZE];
    if (snprintf(removed, sizeof removed, "%s" LOG_REMOVED, directory) >= LOG_PATH_SIZE - SEGMENT_NAME_SIZE)
        return -ENAMETOOLONG;
    int error = remove_directory(files, removed);
    if (!error)
        error = files->rename(files->arg, directory, removed);
    if (error)
        return error == -ENOENT ? 0 : error;
    error = log_sync_parent(files, directory);
    return error ? error : remove_directory(files, removed);
}
