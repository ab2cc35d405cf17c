/*
 * secure: TLS as the command line has it: its options, which commands of the line protocol and of HTTP share, completed
 * by a saved context and the environment, and given to the library.
 */
#ifndef POSTHORN_SECURE_H
#define POSTHORN_SECURE_H

#include "options.h"

struct ph_options;

/* Paths; NULL: none. */
struct secure_values {
    const char *ca, *cert, *key;
    bool first, insecure;
};

extern const struct option secure_options[];

/* The row of a command's group list; values is the struct that holds a `struct secure_values` at member. */
#define SECURE_GROUP(values, member) \
    { \
        "TLS", secure_options, offsetof(values, member) \
    }

/* Takes what is not given from a weaker source; a certificate and its key come from the same. */
void secure_fill_in(struct secure_values *values, const struct secure_values *weaker);

/* What the environment says. */
struct secure_values secure_environment(void);

/* Borrows the paths. */
void secure_put(const struct secure_values *values, struct ph_options *options);

#endif
