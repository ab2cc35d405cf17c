#include "config/credentials.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

enum { LINE_SIZE = 2048 };

static int read_line(const char *path, char line[LINE_SIZE])
{
    FILE *file = fopen(path, "re");
    if (!file)
        return -errno;
    errno = 0;
    bool good = fgets(line, LINE_SIZE, file) != NULL;
    int error = good ? 0 : errno ? -errno : -EINVAL;
    fclose(file);
    line[good ? strcspn(line, "\r\n") : 0] = '\0';
    return error;
}

static int take(char **ret_text, const char *text)
{
    if (!*text)
        return -EINVAL;
    *ret_text = strdup(text);
    return *ret_text ? 0 : -ENOMEM;
}

int credentials_read(struct config_uplink *uplink)
{
    char line[LINE_SIZE];
    if (!uplink->credentials_file || !*uplink->credentials_file)
        return 0;
    int error = read_line(uplink->credentials_file, line);
    char *colon = error ? NULL : strchr(line, ':');
    if (error)
        return error;
    if (!colon)
        return take(&uplink->token, line);
    *colon = '\0';
    error = take(&uplink->user, line);
    return error ? error : take(&uplink->password, colon + 1);
}
