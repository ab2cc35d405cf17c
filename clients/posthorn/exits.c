#include "exits.h"

#include <stddef.h>

const struct exit_row exit_rows[] = {
    { EXIT_OK, "done; for what was published: the server has taken it" },
    { EXIT_FAILED, "failed: the line before says why" },
    { EXIT_USAGE, "the command line, an environment variable or a saved context is wrong" },
    { EXIT_CONNECT, "no connection to the server" },
    { EXIT_TIMEOUT, "nothing came in time" },
    { EXIT_RESPONDERS, "nobody answers requests on that topic" },
    { EXIT_REFUSED, "the server refused the credentials, or a topic" },
    { EXIT_INTERRUPTED, "ended by Ctrl-C (143: by SIGTERM)" },
    { 0, NULL },
};
