#include "config/credentials.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "util/file.h"

enum { LINE_SIZE = 2048 };

static int read_line(const char *path, char line[LINE_SIZE])
{
    ssize_t size = file_read(path, line, LINE_SIZE - 1);
    if (size == -EFBIG)
        size = LINE_SIZE - 1; /* what stands behind the first line is not ours */
    line[size > 0 ? size : 0] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    return size < 0 ? (int)size : size == 0 ? -EINVAL : 0;
}

static int take(char **ret_text, const char *text)
{
    if (!*text)
        return -EINVAL;
    *ret_text = strdup(text);
    return *ret_text ? 0 : -ENOMEM;
}

/* USER:PASSWORD, or a token. */
static int take_line(struct config_uplink *uplink, char *line)
{
    char *colon = strchr(line, ':');
    if (!colon)
        return take(&uplink->token, line);
    *colon = '\0';
    int error = take(&uplink->user, line);
    return error ? error : take(&uplink->password, colon + 1);
}

int credentials_read(struct config_uplink *uplink)
{
    char line[LINE_SIZE];
    if (!uplink->credentials_file || !*uplink->credentials_file)
        return 0;
    int error = read_line(uplink->credentials_file, line);
    if (!error)
        error = take_line(uplink, line);
    explicit_bzero(line, sizeof line);
    return error;
}
