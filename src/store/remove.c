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
    int error = for_each(files, directory, remove_file);
    if (!error)
        error = files->remove(files->arg, directory);
    if (error)
        return error == -ENOENT ? 0 : error;
    return log_sync_parent(files, directory);
}
