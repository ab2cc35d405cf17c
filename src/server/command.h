/*
 * command: the command line of a daemon, its configuration, and exit codes that tell failures apart. The programs
 * differ in the options that they know and in who lives on the worker.
 */
#ifndef SERVER_COMMAND_H
#define SERVER_COMMAND_H

#include "config/config.h"
#include "server/reload.h"

struct worker_guest;

struct command {
    enum program program;
    const struct worker_guest *guest; /* NULL: none */
    /* What the table of options cannot tell of a configuration, for --check-config: 0, or -errno and a sentence. NULL:
     * nothing. */
    int (*check)(const struct config *config, char sentence[RELOAD_SENTENCE_SIZE]);
};

/* The whole of main. */
int command_main(int argc, char **argv, const struct command *command);

#endif
