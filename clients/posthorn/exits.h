/* exits: how the command line ends. Scripts rely on the numbers; `posthorn help` and the manual print the table. */
#ifndef POSTHORN_EXITS_H
#define POSTHORN_EXITS_H

enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_CONNECT = 3,
    EXIT_TIMEOUT = 4,
    EXIT_RESPONDERS = 5,
    EXIT_REFUSED = 6,
    EXIT_INTERRUPTED = 130, /* as the shell reports it: the process ends by the signal itself */
};

struct exit_row {
    enum exit_code code;
    const char *meaning;
};

/* Ends with a row without a meaning. */
extern const struct exit_row exit_rows[];

#endif
