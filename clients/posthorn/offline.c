#include "offline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api.h"
#include "say.h"

enum exit_code offline_find(const char *directory, const char *stream, char **ret_path)
{
    struct stat facts;
    char *path = NULL;
    *ret_path = NULL;
    enum exit_code code = api_check_name("stream", stream);
    if (code != EXIT_OK)
        return code;
    if (asprintf(&path, "%s/streams/%s", directory, stream) < 0)
        must(NULL);
    if (stat(path, &facts) < 0)
        code = fail(EXIT_FAILED, "there is no stream %s in %s: %s: %s", stream, directory, path, strerror(errno));
    else if (!S_ISDIR(facts.st_mode))
        code = fail(EXIT_FAILED, "there is no stream %s in %s: %s is no directory", stream, directory, path);
    if (code == EXIT_OK)
        *ret_path = path;
    else
        free(path);
    return code;
}

enum exit_code offline_fail(const char *path, int error)
{
    if (error == -EPROTONOSUPPORT)
        return fail(EXIT_FAILED, "%s was written by a newer posthornd; use the posthorn that came with it", path);
    return fail(EXIT_FAILED, "cannot read %s: %s", path, strerror(-error));
}
