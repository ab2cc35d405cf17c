#include "program.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "say.h"

/* Where this program lies; "" where /proc does not tell. */
static void find_own_directory(char out[PATH_MAX])
{
    ssize_t size = readlink("/proc/self/exe", out, PATH_MAX - 1);
    out[size > 0 ? size : 0] = '\0';
    char *slash = strrchr(out, '/');
    if (slash)
        *slash = '\0';
}

enum exit_code program_become(const char *name, int argc, char **argv)
{
    static const char *const places[] = { "", "/../libexec/posthorn" };
    char own[PATH_MAX], path[PATH_MAX + 256];
    char **words = must(calloc((size_t)argc + 2, sizeof *words));
    words[0] = path;
    memcpy(words + 1, argv, (size_t)argc * sizeof *words);
    find_own_directory(own);
    for (size_t i = 0; *own && i < sizeof places / sizeof *places; i++) {
        snprintf(path, sizeof path, "%s%s/%s", own, places[i], name);
        execv(path, words);
    }
    snprintf(path, sizeof path, "%s/%s", PROGRAM_DIRECTORY, name);
    execv(path, words);
    enum exit_code code = fail(EXIT_FAILED, "cannot run %s: %s", path, strerror(errno));
    free(words);
    return code;
}
